//! The circuit breaker: what is down is left alone, and tried again with one call at a time.
//!
//! | state | calls | leaves it when |
//! |---|---|---|
//! | closed | all pass | too many fail: open |
//! | open | none passes | its time is over: half-open |
//! | half-open | one passes, the probe | the probe succeeds: closed; it fails: open, for twice as long |
//!
//! This is the well-known [pattern]. Beyond it:
//!
//! - Results count only for the time they were admitted in. A slow call that was admitted before the breaker
//!   opened neither closes it nor opens it again.
//! - A probe that is dropped undecided (its caller left) judges nothing, and the next one may start
//!   [`BreakerSettings::open_first`] after it began. So a dead model gets at most one call per
//!   `open_first`, whatever becomes of the calls.
//! - A breaker that opens again soon after it was closed goes on doubling. It forgets its relapses
//!   once it has stayed closed for the window or the longest open time, whichever is longer.
//!
//! [pattern]: https://learn.microsoft.com/en-us/azure/architecture/patterns/circuit-breaker

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use self::judge::Judge;

mod judge;
#[cfg(test)]
mod tests;

/// How long a caller should wait before asking again while a probe is under way. A guess, and a
/// short one: a probe that succeeds lets everybody in at once.
pub const PROBE_RECHECK: Duration = Duration::from_millis(250);

/// When a breaker opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerSettings {
    /// So many failures in a row open it, however long they take; and so many within the window,
    /// if they are at least half of the calls in it. 0 counts as 1.
    pub failures: u32,
    /// How far back the share of failures looks. Counted in tenths, so it covers nine to ten tenths of this.
    pub window: Duration,
    /// How long it stays open the first time; each relapse doubles it.
    pub open_first: Duration,
    /// The longest it stays open; equal to `open_first`, every time is the same. More than a day
    /// counts as a day.
    pub open_cap: Duration,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self {
            failures: 5,
            window: Duration::from_secs(30),
            open_first: Duration::from_secs(1),
            open_cap: Duration::from_secs(15),
        }
    }
}

/// What a breaker does at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// Calls pass.
    Closed,
    /// No call passes.
    Open {
        /// When a probe may pass.
        until: Instant,
        /// How often it has opened again without being healthy in between; 0 the first time.
        relapses: u32,
    },
    /// One probe may pass, or is under way.
    HalfOpen,
}

/// One breaker. Clones are handles of the same one.
///
/// ```
/// # use std::time::Instant;
/// use modelpool_core::breaker::{Breaker, BreakerSettings, BreakerState};
/// # let now = Instant::now();
/// let settings = BreakerSettings::default();
/// let breaker = Breaker::new(settings);
/// for _ in 0..settings.failures {
///     breaker.admit(now).expect("closed").failed(now);
/// }
/// let probe_at = breaker.admit(now).expect_err("open");
/// let probe = breaker.admit(probe_at).expect("half-open");
/// assert!(breaker.admit(probe_at).is_err(), "one probe at a time");
/// probe.succeeded(probe_at);
/// assert_eq!(breaker.state(probe_at), BreakerState::Closed);
/// ```
#[derive(Clone, Debug)]
pub struct Breaker(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// How often the breaker left or entered the closed state: even while it is closed, odd
    /// otherwise. Written only under the lock; read without it, so that a closed breaker costs one
    /// load.
    generation: AtomicU64,
    judge: Mutex<Judge>,
}

fn is_closed(generation: u64) -> bool {
    generation.is_multiple_of(2)
}

impl Breaker {
    /// A closed breaker.
    #[must_use]
    pub fn new(settings: BreakerSettings) -> Self {
        Self(Arc::new(Shared {
            generation: AtomicU64::new(0),
            judge: Mutex::new(Judge::new(settings)),
        }))
    }

    /// Lets a call pass, or says when it is worth asking again.
    ///
    /// # Errors
    ///
    /// While it is open: when the next probe may start. While a probe is under way:
    /// [`PROBE_RECHECK`] from now.
    pub fn admit(&self, now: Instant) -> Result<Pass, Instant> {
        let generation = self.0.generation.load(Ordering::Acquire);
        if is_closed(generation) {
            return Ok(self.pass(generation));
        }
        let mut judge = self.0.judge();
        // It may have closed before the lock was got.
        let generation = self.0.generation.load(Ordering::Relaxed);
        if !is_closed(generation) {
            judge.start_probe(now)?;
        }
        Ok(self.pass(generation))
    }

    /// When a call may pass; `None`: now. Always what [`admit`](Self::admit) would answer, without
    /// letting anybody pass.
    #[must_use]
    pub fn open_until(&self, now: Instant) -> Option<Instant> {
        self.look(|judge| judge.refuses_until(now))?
    }

    /// What it does at this moment.
    #[must_use]
    pub fn state(&self, now: Instant) -> BreakerState {
        self.look(|judge| judge.state(now))
            .unwrap_or(BreakerState::Closed)
    }

    /// What the judge says of a breaker that is not closed.
    fn look<T>(&self, ask: impl FnOnce(&Judge) -> T) -> Option<T> {
        if is_closed(self.0.generation.load(Ordering::Acquire)) {
            return None;
        }
        let judge = self.0.judge();
        let closed = is_closed(self.0.generation.load(Ordering::Relaxed));
        (!closed).then(|| ask(&judge))
    }

    fn pass(&self, generation: u64) -> Pass {
        Pass {
            shared: Arc::clone(&self.0),
            generation,
            decided: false,
        }
    }
}

impl Shared {
    fn judge(&self) -> MutexGuard<'_, Judge> {
        self.judge.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a result to the judge, unless the breaker has opened or closed since the call was
    /// admitted. `judged` says whether it opens or closes by it.
    fn settle(&self, generation: u64, judged: impl FnOnce(&mut Judge) -> bool) {
        let mut judge = self.judge();
        if self.generation.load(Ordering::Relaxed) == generation && judged(&mut judge) {
            self.generation.store(generation + 1, Ordering::Release);
        }
    }
}

/// Leave to make one call, and the duty to say what became of it.
///
/// Decide as soon as it is known (at the first output of a stream, say): while a probe is undecided
/// nobody else passes. An answer that blames the request shows that the model is up, and is a
/// success here. Dropping the pass judges nothing: for calls that ended for reasons of the caller's.
#[derive(Debug)]
#[must_use = "dropping a pass gives it back unused"]
pub struct Pass {
    shared: Arc<Shared>,
    generation: u64,
    decided: bool,
}

impl Pass {
    /// Whether this call is the probe of a breaker that is half-open.
    #[must_use]
    pub fn is_probe(&self) -> bool {
        !is_closed(self.generation)
    }

    /// The call succeeded.
    pub fn succeeded(mut self, now: Instant) {
        self.decided = true;
        let probe = self.is_probe();
        self.shared.settle(self.generation, |judge| match probe {
            true => judge.probe_succeeded(now),
            false => judge.call_succeeded(now),
        });
    }

    /// The call failed in a way that speaks against the model.
    pub fn failed(mut self, now: Instant) {
        self.decided = true;
        let probe = self.is_probe();
        self.shared.settle(self.generation, |judge| match probe {
            true => judge.probe_failed(now),
            false => judge.call_failed(now),
        });
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if self.is_probe() && !self.decided {
            self.shared.settle(self.generation, Judge::probe_dropped);
        }
    }
}
