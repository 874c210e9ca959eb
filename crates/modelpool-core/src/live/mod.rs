//! What is remembered of a model while it works: by how much it is used, how quickly it answers, whether
//! it is to be left alone for a while.
//!
//! A [`LiveState`] belongs to an entry of the pool. What it is made of is shared as the things behind
//! it are: entries that call the same model at the same address share its breaker, entries of one
//! quota group its clock. A [`LiveBook`] finds all of it again when an entry is replaced, so that a
//! reload forgets nothing.
//!
//! Means are kept in atomics, so that recording and reading take no lock. A selector trusts a mean once
//! it rests on [`ENOUGH_SAMPLES`] calls and falls back on what was declared before that.

mod book;
mod mean;
mod slots;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use crate::breaker::Breaker;
use crate::finding::Findings;
use crate::quota::QuotaClock;
use crate::rate::RateLimit;
use crate::statistics::Statistics;

pub use book::LiveBook;
use book::{Endpoint, Names};
use mean::Mean;
pub use slots::{Slots, Waiting};

/// Calls a mean must rest on before selectors use it instead of the declared figure.
pub const ENOUGH_SAMPLES: u64 = 5;

/// What is remembered of one model, shared by every snapshot that holds it.
#[derive(Debug, Default)]
pub struct LiveState {
    measured: Arc<Measured>,
    names: Arc<Names>,
    endpoint: Arc<Endpoint>,
    quota: Arc<QuotaGroup>,
    rates: Arc<Rates>,
}

/// Measurements of one entry.
#[derive(Debug, Default)]
struct Measured {
    in_flight: AtomicU32,
    latency_ms: Mean,
    tokens_per_second: Mean,
    /// Made at the first call: a pool of a thousand models calls few of them.
    statistics: OnceLock<Box<Statistics>>,
    findings: Findings,
}

/// The clock of one quota group, made at its first call.
#[derive(Debug, Default)]
struct QuotaGroup(OnceLock<QuotaClock>);

/// The limits that the user set for one entry.
#[derive(Debug, Default)]
pub struct Rates {
    /// Requests in every minute.
    pub requests: Option<RateLimit>,
    /// Tokens in every minute, input and output.
    pub tokens: Option<RateLimit>,
    /// Calls at the same time.
    pub slots: Option<Slots>,
}

impl LiveState {
    /// Calls under way at this moment.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.measured.in_flight.load(Ordering::Relaxed)
    }

    /// Counts a call as under way until the guard is dropped.
    #[must_use]
    pub fn enter(&self) -> InFlight {
        self.measured.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(Arc::clone(&self.measured))
    }

    /// Records the end-to-end latency of a successful call, and its output rate if it had output.
    pub fn record_success(&self, latency_ms: f64, output_tokens: u64) {
        self.measured.latency_ms.record(latency_ms);
        if output_tokens > 0 && latency_ms > 0.0 {
            self.measured
                .tokens_per_second
                .record(output_tokens as f64 / (latency_ms / 1000.0));
        }
    }

    /// Mean end-to-end latency in milliseconds, once there are enough samples.
    #[must_use]
    pub fn latency_ms(&self) -> Option<f64> {
        self.measured.latency_ms.value()
    }

    /// Mean output tokens per second, once there are enough samples.
    #[must_use]
    pub fn tokens_per_second(&self) -> Option<f64> {
        self.measured.tokens_per_second.value()
    }

    /// Statistics of all calls; `now` is where they begin if this is the first.
    pub fn statistics(&self, now: Instant) -> &Statistics {
        self.measured
            .statistics
            .get_or_init(|| Box::new(Statistics::new(now)))
    }

    /// Statistics of all calls, if there were any.
    #[must_use]
    pub fn known_statistics(&self) -> Option<&Statistics> {
        self.measured.statistics.get().map(|statistics| &**statistics)
    }

    /// What was found out about its capabilities.
    #[must_use]
    pub fn findings(&self) -> &Findings {
        &self.measured.findings
    }

    /// The breaker of the model under that name of the vendor's; a wildcard entry has one for each
    /// name that callers ask for.
    #[must_use]
    pub fn breaker(&self, model_name: &Arc<str>, now: Instant) -> Breaker {
        self.names.breaker(model_name, now)
    }

    /// The breaker of the model; of a wildcard those of all names that were called, with the name.
    #[must_use]
    pub fn breakers(&self) -> Vec<(Option<Arc<str>>, Breaker)> {
        self.names.all()
    }

    /// The breaker of the server behind it, which counts connections that could not be made.
    #[must_use]
    pub fn endpoint(&self) -> &Breaker {
        &self.endpoint.0
    }

    /// The clock of its quota group.
    pub fn quota(&self, now: Instant) -> &QuotaClock {
        self.quota.0.get_or_init(|| QuotaClock::new(now))
    }

    /// The limits the user set.
    #[must_use]
    pub fn rates(&self) -> &Rates {
        &self.rates
    }
}

/// A call under way; dropping it ends the count.
#[derive(Debug)]
pub struct InFlight(Arc<Measured>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_is_given_only_after_enough_samples() {
        let live = LiveState::default();
        for _ in 0..ENOUGH_SAMPLES - 1 {
            live.record_success(100.0, 10);
        }
        assert_eq!(live.latency_ms(), None);
        live.record_success(100.0, 10);
        assert_eq!(live.latency_ms(), Some(100.0));
        assert_eq!(live.tokens_per_second(), Some(100.0));
    }

    #[test]
    fn dropping_the_guard_ends_the_call() {
        let live = LiveState::default();
        let guard = live.enter();
        assert_eq!(live.in_flight(), 1);
        drop(guard);
        assert_eq!(live.in_flight(), 0);
    }

    #[test]
    fn means_follow_a_change() {
        let live = LiveState::default();
        for _ in 0..100 {
            live.record_success(100.0, 1);
        }
        for _ in 0..100 {
            live.record_success(200.0, 1);
        }
        let mean = live.latency_ms().unwrap();
        assert!((199.0..=200.0).contains(&mean), "mean {mean}");
    }
}
