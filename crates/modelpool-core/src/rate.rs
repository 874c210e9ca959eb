//! So many requests, or tokens, per minute.
//!
//! The limit holds in **every** rolling minute: with `rpm: 60`, sixty requests may start at once,
//! and the next one a minute later. A token bucket, or its equal in one number, the
//! [generic cell rate algorithm], would refill one request per second after the same burst and so
//! let nearly 120 through within one minute, which a vendor who counts by windows refuses.
//!
//! The price of the exact promise is 61 counters per limit, of one second each. What was taken
//! counts until the end of its second plus one minute, so a limit that is always used up loses at
//! most one part in 61.
//!
//! [generic cell rate algorithm]: https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm

use std::num::NonZeroU64;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use self::rolling::Rolling;

pub(crate) mod rolling;
#[cfg(test)]
mod tests;

/// What the window is counted in.
const SLOT: Duration = Duration::from_secs(1);

/// A minute of slots, and the slot that is being filled.
const SLOTS: usize = 61;

/// So many units per minute, shared by all who take from it.
///
/// Units are requests or tokens, as the owner likes.
///
/// ```
/// # use std::num::NonZeroU64;
/// # use std::time::{Duration, Instant};
/// use modelpool_core::rate::RateLimit;
/// # let now = Instant::now();
/// let requests = RateLimit::per_minute(NonZeroU64::new(2).expect("not zero"));
/// assert!(requests.try_take(1, now).is_ok());
/// assert!(requests.try_take(1, now).is_ok());
/// let fits_at = requests.try_take(1, now).expect_err("two per minute");
/// assert_eq!(fits_at, now + Duration::from_secs(61));
/// ```
#[derive(Debug)]
pub struct RateLimit {
    configured: NonZeroU64,
    minute: Mutex<Minute>,
}

/// The limit in force, and what was taken in the last minute.
#[derive(Debug)]
struct Minute {
    limit: NonZeroU64,
    taken: Rolling<u64, SLOTS>,
}

/// What was taken from a [`RateLimit`], to correct it once the true figure is known.
///
/// It may be dropped where the figure was right.
#[derive(Debug)]
pub struct Taken {
    units: u64,
    slot: u64,
}

impl Taken {
    /// Units taken.
    #[must_use]
    pub fn units(&self) -> u64 {
        self.units
    }
}

impl RateLimit {
    /// A limit of so many units in every rolling minute.
    #[must_use]
    pub fn per_minute(limit: NonZeroU64) -> Self {
        Self {
            configured: limit,
            minute: Mutex::new(Minute {
                limit,
                taken: Rolling::new(SLOT),
            }),
        }
    }

    /// Takes units if they fit at this moment.
    ///
    /// A request larger than the whole limit passes when nothing else was taken within the minute:
    /// it could never run otherwise. It then keeps everybody else out until it has left the window.
    ///
    /// # Errors
    ///
    /// When they would fit, if nobody takes anything until then. Nothing is reserved for the one
    /// who waits.
    pub fn try_take(&self, units: u64, now: Instant) -> Result<Taken, Instant> {
        let mut minute = self.minute();
        let slot = minute.taken.advance(now);
        if let Some(fits_at) = minute.fits_at(units) {
            return Err(fits_at);
        }
        let taken = minute.taken.newest();
        *taken = taken.saturating_add(units);
        Ok(Taken { units, slot })
    }

    /// Replaces an estimate by the figure that is known afterwards; `actual` of 0 gives everything
    /// back, for a call that was never made.
    ///
    /// What was taken too much goes back to the moment it was taken, so that it is not given out a
    /// second time after that moment has left the window. What was taken too little counts from
    /// `now`, the moment it became known: nobody knows when within the call it was used. It counts
    /// even where the limit is exceeded by it, and the next ones wait the longer.
    pub fn correct(&self, taken: Taken, actual: u64, now: Instant) {
        let mut minute = self.minute();
        minute.taken.advance(now);
        if let Some(more) = actual.checked_sub(taken.units) {
            let newest = minute.taken.newest();
            *newest = newest.saturating_add(more);
        } else if let Some(slot) = minute.taken.get(taken.slot) {
            *slot = slot.saturating_sub(taken.units - actual);
        }
    }

    /// Puts a limit in force that the vendor named, for instance in the headers of an answer. It
    /// never goes above the configured one; a later and higher one raises it again up to there.
    pub fn set_limit(&self, named: NonZeroU64) {
        self.minute().limit = named.min(self.configured);
    }

    /// The limit in force, in units per minute.
    #[must_use]
    pub fn limit(&self) -> NonZeroU64 {
        self.minute().limit
    }

    /// Units that can be taken at this moment.
    #[must_use]
    pub fn remaining(&self, now: Instant) -> u64 {
        let mut minute = self.minute();
        minute.taken.advance(now);
        let used = u64::try_from(minute.used()).unwrap_or(u64::MAX);
        minute.limit.get().saturating_sub(used)
    }

    fn minute(&self) -> MutexGuard<'_, Minute> {
        self.minute.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Minute {
    /// Units taken in the window. Wider than its parts, so that no sum is cut off.
    fn used(&self) -> u128 {
        self.taken.iter().map(|(_, units)| u128::from(units)).sum()
    }

    /// When these units fit; `None`: at once.
    fn fits_at(&self, units: u64) -> Option<Instant> {
        // What may be in use beside these units. A request of the whole limit or more needs an
        // empty window.
        let beside = u128::from(self.limit.get().saturating_sub(units));
        let mut used = self.used();
        if units == 0 || used <= beside {
            return None;
        }
        // One is always found: after the newest slot nothing is in use any more.
        let (last, _) = self.taken.iter().find(|&(_, units)| {
            used -= u128::from(units);
            used <= beside
        })?;
        self.taken.leaves_at(last)
    }
}
