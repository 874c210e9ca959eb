//! What a vendor's account allows at the moment, as the vendor said it.
//!
//! Models that share an account share one [`QuotaClock`]: a "come back later" to one of them holds
//! them all. See the quota group of an entry.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

#[cfg(test)]
mod tests;

/// The longest a quota group is held by one answer. Vendors name longer times, for an allowance per
/// day for instance, and some name wrong ones: one call per hour finds out.
pub const LONGEST_HOLD: Duration = Duration::from_secs(60 * 60);

/// How long a figure without a reset time is believed. Most limits are per minute.
const UNDATED: Duration = Duration::from_secs(60);

/// What the headers of one answer said about the account's limits. All parts are optional, because
/// vendors send any of them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct QuotaReport {
    /// Requests per window.
    pub requests: Allowance,
    /// Tokens per window.
    pub tokens: Allowance,
}

/// One limit of an account.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Allowance {
    /// The most per window.
    pub limit: Option<u64>,
    /// What is left of it.
    pub remaining: Option<u64>,
    /// When all of it is back, from the moment the answer came.
    pub resets_in: Option<Duration>,
}

impl Allowance {
    /// What is left, where the vendor counts. A limit of zero says that it does not: no call could
    /// have met it.
    fn counted(&self) -> Option<u64> {
        self.remaining.filter(|_| self.limit != Some(0))
    }
}

/// The clock of one quota group: until when its models are left alone, and what their vendor said is left.
///
/// All of it is atomics: reading takes no lock, and one load where the group is free.
///
/// ```
/// # use std::time::{Duration, Instant};
/// use modelpool_core::quota::QuotaClock;
/// # let now = Instant::now();
/// let clock = QuotaClock::new(now);
/// assert_eq!(clock.free_at(now), None);
/// clock.hold_until(now + Duration::from_secs(20), now);
/// clock.hold_until(now + Duration::from_secs(5), now); // earlier: changes nothing
/// assert_eq!(clock.free_at(now), Some(now + Duration::from_secs(20)));
/// ```
#[derive(Debug)]
pub struct QuotaClock {
    origin: Instant,
    /// Nanoseconds from `origin`; 0: never held.
    held_until: AtomicU64,
    requests: Remainder,
    tokens: Remainder,
}

impl QuotaClock {
    /// The clock of a group that is free. `now` is where its time begins; times before that count
    /// as then.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            origin: now,
            held_until: AtomicU64::new(0),
            requests: Remainder::default(),
            tokens: Remainder::default(),
        }
    }

    /// Holds the group until `at`: what a 429 with its `Retry-After` asks for. The clock only ever
    /// moves later, and at most [`LONGEST_HOLD`] from `now`.
    pub fn hold_until(&self, at: Instant, now: Instant) {
        self.hold_for(at.saturating_duration_since(now), now);
    }

    /// Takes in what the headers of an answer said. Where nothing is left, the group is held until
    /// the reset, so that the refusal need not be fetched first.
    ///
    /// Vendors that refill steadily have a little back before everything is: this errs on the
    /// careful side.
    pub fn learn(&self, report: &QuotaReport, now: Instant) {
        for (allowance, kept) in [(&report.requests, &self.requests), (&report.tokens, &self.tokens)] {
            let Some(left) = allowance.counted() else { continue };
            if let (0, Some(wait)) = (left, allowance.resets_in) {
                self.hold_for(wait, now);
            }
            let valid_for = allowance.resets_in.unwrap_or(UNDATED).min(LONGEST_HOLD);
            kept.set(left, self.mark(now, valid_for));
        }
    }

    /// When the group may be called again; `None`: now.
    #[must_use]
    pub fn free_at(&self, now: Instant) -> Option<Instant> {
        let held_until = self.held_until.load(Ordering::Relaxed);
        if held_until == 0 {
            return None;
        }
        let at = self.origin.checked_add(Duration::from_nanos(held_until))?;
        (at > now).then_some(at)
    }

    /// Requests that were left when the vendor last said so, unless its window has ended since.
    /// Calls under way are not counted: advice for a ranking, no promise.
    #[must_use]
    pub fn remaining_requests(&self, now: Instant) -> Option<u64> {
        self.requests.get(self.mark(now, Duration::ZERO))
    }

    /// Tokens that were left, in the same manner.
    #[must_use]
    pub fn remaining_tokens(&self, now: Instant) -> Option<u64> {
        self.tokens.get(self.mark(now, Duration::ZERO))
    }

    fn hold_for(&self, wait: Duration, now: Instant) {
        if wait > Duration::ZERO {
            self.held_until
                .fetch_max(self.mark(now, wait.min(LONGEST_HOLD)), Ordering::Relaxed);
        }
    }

    /// `now` plus `wait` in nanoseconds from the origin.
    fn mark(&self, now: Instant, wait: Duration) -> u64 {
        let since = now.saturating_duration_since(self.origin).saturating_add(wait);
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }
}

/// A figure, and until when it is believed. A reader between the two writes sees one of them early:
/// both are from recent answers, and the figure is advice.
#[derive(Debug, Default)]
struct Remainder {
    left: AtomicU64,
    /// Nanoseconds from the clock's origin; 0: nothing is known.
    valid_until: AtomicU64,
}

impl Remainder {
    fn set(&self, left: u64, valid_until: u64) {
        self.left.store(left, Ordering::Relaxed);
        self.valid_until.store(valid_until, Ordering::Release);
    }

    fn get(&self, now: u64) -> Option<u64> {
        let valid = self.valid_until.load(Ordering::Acquire) > now;
        valid.then(|| self.left.load(Ordering::Relaxed))
    }
}
