//! Statistics as they are shown: JSON of the HTTP face, tables of the command line, dictionaries in Python.

use std::collections::BTreeMap;

use serde::Serialize;

use super::sketch::QuantileSketch;
use super::tally::Tally;

/// What is known of one model, by period. The default is what is known of one that was never called.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct StatisticsReport {
    /// The last minute: all of the last 55 seconds, nothing older than 60.
    pub last_minute: PeriodReport,
    /// The last hour: all of the last 55 minutes, nothing older than 60.
    pub last_hour: PeriodReport,
    /// Since the statistics were begun.
    pub ever: PeriodReport,
}

/// What is known of the calls that ended in a period.
///
/// `requests` is `successes`, `cancelled` and all `failures` together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PeriodReport {
    /// Calls that ended, however they ended.
    pub requests: u64,
    /// Calls that were answered.
    pub successes: u64,
    /// Calls whose caller went away. They are neither successes nor failures.
    pub cancelled: u64,
    /// Successes as a part of successes and failures, in `0.0..=1.0`. `None` where there was neither.
    pub success_rate: Option<f64>,
    /// Failures by the [code](crate::Error::code) of their error; `other` for what comes beyond 31 codes.
    pub failures: BTreeMap<&'static str, u64>,
    /// End-to-end latency of successes, in milliseconds. `None` where there was no success.
    pub latency_ms: Option<Distribution>,
    /// Time to first token of successful streams, in milliseconds. `None` where there was none.
    pub first_token_ms: Option<Distribution>,
    /// Output tokens of successes over the time in which they were made: of streams after the first token, else the
    /// whole latency. All tokens over all time, so a long answer weighs more than a short one.
    pub tokens_per_second: Option<f64>,
    /// Input tokens of all calls, cached ones included.
    pub input_tokens: u64,
    /// Output tokens of all calls, reasoning included.
    pub output_tokens: u64,
    /// Input tokens of all calls that the vendors read from their caches.
    pub cached_input_tokens: u64,
    /// Input tokens of all calls that the vendors wrote to their caches.
    pub cache_write_tokens: u64,
    /// Images made.
    pub images: u64,
    /// Input and output tokens together.
    pub total_tokens: u64,
    /// What the calls cost in US dollars, as far as it is known. `None` where it is known of none of those that
    /// cost something.
    pub total_cost_usd: Option<f64>,
    /// Calls that used something of which the cost is not known, and which `total_cost_usd` lacks.
    pub unpriced_requests: u64,
}

/// How values are spread. Quantiles are within 1 % of the exact ones.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Distribution {
    /// Values it rests on.
    pub count: u64,
    /// The mean.
    pub mean: f64,
    /// The median.
    pub p50: f64,
    /// 95 of 100 values are at most this.
    pub p95: f64,
    /// 99 of 100 values are at most this.
    pub p99: f64,
}

/// The four figures that programs ask for most, under the names of the Python face.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct FlatStatistics {
    /// Mean end-to-end latency of successes, in milliseconds.
    pub avg_latency: Option<f64>,
    /// Successes as a part of successes and failures, in `0.0..=1.0`.
    pub success_rate: Option<f64>,
    /// Input and output tokens of all calls.
    pub total_tokens: u64,
    /// What the calls cost in US dollars, as far as it is known.
    pub total_cost: Option<f64>,
}

impl StatisticsReport {
    /// The four figures since the statistics were begun, in one flat object.
    #[must_use]
    pub fn flat_ever(&self) -> FlatStatistics {
        self.ever.flat()
    }
}

impl Default for PeriodReport {
    /// Of a period without calls.
    fn default() -> Self {
        Self::of(&Tally::default())
    }
}

impl PeriodReport {
    /// The four figures of this period, in one flat object.
    #[must_use]
    pub fn flat(&self) -> FlatStatistics {
        FlatStatistics {
            avg_latency: self.latency_ms.map(|latency_ms| latency_ms.mean),
            success_rate: self.success_rate,
            total_tokens: self.total_tokens,
            total_cost: self.total_cost_usd,
        }
    }

    pub(super) fn of(tally: &Tally) -> Self {
        let failures: BTreeMap<_, _> = tally.failures.iter().collect();
        let failed = failures.values().copied().fold(0, u64::saturating_add);
        let judged = tally.successes.saturating_add(failed);
        let cost_is_known = tally.priced_requests > 0 || tally.unpriced_requests == 0;
        Self {
            requests: judged.saturating_add(tally.cancelled),
            successes: tally.successes,
            cancelled: tally.cancelled,
            success_rate: (judged > 0).then(|| tally.successes as f64 / judged as f64),
            failures,
            latency_ms: Distribution::of(&tally.latency_ms),
            first_token_ms: Distribution::of(&tally.first_token_ms),
            tokens_per_second: (tally.generating_seconds > 0.0)
                .then(|| tally.generated_tokens as f64 / tally.generating_seconds),
            input_tokens: tally.input_tokens,
            output_tokens: tally.output_tokens,
            cached_input_tokens: tally.cached_input_tokens,
            cache_write_tokens: tally.cache_write_tokens,
            images: tally.images,
            total_tokens: tally.input_tokens.saturating_add(tally.output_tokens),
            total_cost_usd: cost_is_known.then_some(tally.cost_usd),
            unpriced_requests: tally.unpriced_requests,
        }
    }
}

impl Distribution {
    /// How the values of a sketch are spread. `None` where nothing was recorded.
    #[must_use]
    pub fn of(sketch: &QuantileSketch) -> Option<Self> {
        Some(Self {
            count: sketch.count(),
            mean: sketch.mean()?,
            p50: sketch.quantile(0.50)?,
            p95: sketch.quantile(0.95)?,
            p99: sketch.quantile(0.99)?,
        })
    }
}
