//! How a model performed: in the last minute, in the last hour, and ever.
//!
//! [`Statistics`] takes a [`CallRecord`] per call and gives a [`StatisticsReport`]. Nothing is sampled and no call
//! is kept: counts are exact, quantiles are within 1 % ([`QuantileSketch`]), and memory is bounded. Time is passed
//! in and there is no background task.
//!
//! What selectors need on every request is in [`live`](crate::live); the figures here that they may also ask for
//! on every request are worked out once a second and read without a lock.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

mod cached;
mod record;
mod report;
mod sketch;
mod tally;
#[cfg(test)]
mod tests;
mod window;

pub use record::CallRecord;
pub use report::{Distribution, FlatStatistics, PeriodReport, StatisticsReport};
pub use sketch::{QuantileSketch, RELATIVE_ERROR, SMALLEST};

use cached::Cached;
use record::Ending;
use tally::{Prepared, Tally};
use window::{Tallied, Window};

/// Values a p95 must rest on before it is given: with fewer, it is little more than the largest one.
pub const ENOUGH_FOR_P95: u64 = 20;

/// Slots of the last minute; there are twelve.
const MINUTE_SLOT_SECONDS: u64 = 5;

/// Slots of the last hour; there are twelve.
const HOUR_SLOT_SECONDS: u64 = 5 * 60;

/// How one model performed. Shared by everything that calls it.
///
/// Counting a call holds a lock for some tens of additions, and allocates only where a value lies outside of what
/// its slot has seen before. A model whose latencies lie within a factor of sixteen takes some 45 KiB once every
/// slot is in use, one that is hardly called 8 KiB, and none more than 175 KiB.
#[derive(Debug)]
pub struct Statistics {
    origin: Instant,
    periods: Mutex<Periods>,
    p95_first_token_ms: Cached,
    p95_output_tokens: Cached,
}

#[derive(Clone, Debug)]
struct Periods {
    last_minute: Window<Tally>,
    last_hour: Window<Tally>,
    ever: Tally,
    /// Output tokens per success in the last hour. Only the p95 of that period is asked for.
    output_tokens: Window<QuantileSketch>,
}

impl Statistics {
    /// No calls yet. The slots of time are counted from `origin`, which statistics that are
    /// [merged](Self::merge_from) should have in common.
    #[must_use]
    pub fn new(origin: Instant) -> Self {
        Self {
            origin,
            periods: Mutex::new(Periods {
                last_minute: Window::new(origin, MINUTE_SLOT_SECONDS),
                last_hour: Window::new(origin, HOUR_SLOT_SECONDS),
                ever: Tally::default(),
                output_tokens: Window::new(origin, HOUR_SLOT_SECONDS),
            }),
            p95_first_token_ms: Cached::default(),
            p95_output_tokens: Cached::default(),
        }
    }

    /// Counts a call that ended `now`.
    pub fn record(&self, record: &CallRecord, now: Instant) {
        let call = Prepared::new(record);
        self.lock().record(&call, now);
    }

    /// Everything that is known.
    #[must_use]
    pub fn report(&self, now: Instant) -> StatisticsReport {
        let periods = self.lock();
        let last_minute = periods.last_minute.total(now);
        let last_hour = periods.last_hour.total(now);
        let ever = periods.ever.clone();
        drop(periods);
        StatisticsReport {
            last_minute: PeriodReport::of(&last_minute),
            last_hour: PeriodReport::of(&last_hour),
            ever: PeriodReport::of(&ever),
        }
    }

    /// Adds what was recorded in `other`, as if it had been recorded here: what another process did meanwhile.
    pub fn merge_from(&self, other: &Self) {
        // Copied first: with two locks held at once, two that merge each other would wait forever.
        let other = other.lock().clone();
        self.lock().merge(&other);
    }

    /// The time to first token, in milliseconds, that 95 of 100 successful streams of the last hour kept. `None`
    /// with fewer than [`ENOUGH_FOR_P95`] of them.
    ///
    /// At most a second old. Reading takes no lock, but for the one reader per second who works it out, and while
    /// there are too few streams.
    #[must_use]
    pub fn p95_first_token_ms(&self, now: Instant) -> Option<f64> {
        self.cached(&self.p95_first_token_ms, now, |periods| {
            p95(periods.last_hour.recent(now).map(|tally| &tally.first_token_ms))
        })
    }

    /// The number of output tokens that 95 of 100 successes of the last hour kept to. `None` with fewer than
    /// [`ENOUGH_FOR_P95`] of them.
    ///
    /// Kept and read as [`p95_first_token_ms`](Self::p95_first_token_ms) is.
    #[must_use]
    pub fn p95_output_tokens(&self, now: Instant) -> Option<f64> {
        self.cached(&self.p95_output_tokens, now, |periods| {
            p95(periods.output_tokens.recent(now))
        })
    }

    fn cached(
        &self,
        cached: &Cached,
        now: Instant,
        work_out: impl FnOnce(&Periods) -> Option<f64>,
    ) -> Option<f64> {
        let second = now.saturating_duration_since(self.origin).as_secs();
        cached.get(second).or_else(|| {
            let figure = work_out(&self.lock())?;
            cached.set(second, figure);
            Some(figure)
        })
    }

    /// A panic elsewhere leaves counts that are at worst one call short, so a poisoned lock is no reason to stop.
    fn lock(&self) -> MutexGuard<'_, Periods> {
        self.periods.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Periods {
    fn record(&mut self, call: &Prepared, now: Instant) {
        let recent = [self.last_minute.at(now), self.last_hour.at(now)];
        for tally in recent.into_iter().flatten() {
            tally.add(call);
        }
        self.ever.add(call);
        if call.ending == Ending::Succeeded
            && let Some(lengths) = self.output_tokens.at(now)
        {
            lengths.record_in(call.output_length.bucket, call.output_length.value);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.last_minute.merge(&other.last_minute);
        self.last_hour.merge(&other.last_hour);
        self.ever.merge(&other.ever);
        self.output_tokens.merge(&other.output_tokens);
    }
}

/// The p95 of all sketches together, where they hold enough values.
fn p95<'a>(sketches: impl Iterator<Item = &'a QuantileSketch> + Clone) -> Option<f64> {
    let count: u64 = sketches.clone().map(QuantileSketch::count).sum();
    if count < ENOUGH_FOR_P95 {
        return None;
    }
    let mut all = QuantileSketch::default();
    for sketch in sketches {
        all.merge(sketch);
    }
    all.quantile(0.95)
}
