//! Hedging: a second call where the first is slow to begin, and how many of them there may be.
//!
//! After Dean and Barroso, The Tail at Scale (<https://research.google/pubs/the-tail-at-scale/>): a
//! request that waits longer than 95 % of all is sent a second time, and the first answer is taken.

use std::sync::atomic::{AtomicU64, Ordering};

use modelpool_core::{LiveState, ModelEntry};
use tokio::time::{Duration, Instant};

use crate::policy::Hedging;

/// Calls made, and hedges among them.
#[derive(Debug, Default)]
pub(crate) struct HedgeCount {
    calls: AtomicU64,
    hedges: AtomicU64,
}

impl HedgeCount {
    pub(crate) fn called(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a hedge, if the share allows one more.
    pub(crate) fn try_take(&self, hedging: Hedging) -> bool {
        let calls = self.calls.load(Ordering::Relaxed) as f64;
        self.hedges
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |hedges| {
                ((hedges + 1) as f64 <= calls * hedging.max_share).then_some(hedges + 1)
            })
            .is_ok()
    }

    /// The hedge was not made after all.
    pub(crate) fn give_back(&self) {
        self.hedges.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How long a model is given to begin before another is called beside it: what 95 % of its streams need, once
/// enough were seen.
pub(crate) fn patience(entry: &ModelEntry, now: Instant) -> Option<Duration> {
    let statistics = LiveState::known_statistics(entry.live())?;
    let milliseconds = statistics.p95_first_token_ms(now.into_std())?;
    Duration::try_from_secs_f64(milliseconds / 1000.0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hedges_stay_within_their_share() {
        let (count, hedging) = (HedgeCount::default(), Hedging { max_share: 0.1 });
        let mut made = 0;
        for _ in 0..95 {
            count.called();
            made += u32::from(count.try_take(hedging));
        }
        assert_eq!(made, 9);
    }
}
