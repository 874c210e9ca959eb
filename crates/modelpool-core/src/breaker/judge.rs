//! What a breaker knows, and its rules. All of it stands behind the breaker's lock.

use std::time::{Duration, Instant};

use super::{BreakerSettings, BreakerState, PROBE_RECHECK};
use crate::rate::rolling::Rolling;

/// Slots of the window.
const SLOTS: usize = 10;

/// The longest a breaker stays open, whatever is configured: sums with it fit the machine's clock.
const LONGEST_OPEN: Duration = Duration::from_secs(24 * 60 * 60);

/// Results of the calls in one slot of the window.
#[derive(Clone, Copy, Debug, Default)]
struct Results {
    succeeded: u64,
    failed: u64,
}

#[derive(Debug)]
pub(super) struct Judge {
    settings: BreakerSettings,
    /// Failures since the last success.
    in_a_row: u32,
    results: Rolling<Results, SLOTS>,
    /// How often it opened again without having been healthy.
    relapses: u32,
    /// When a probe last closed it.
    closed_at: Option<Instant>,
    /// When the next probe may start; `None` before it opened for the first time.
    probe_from: Option<Instant>,
    /// When the probe that is under way started.
    probe_since: Option<Instant>,
}

/// The events say whether the breaker opens or closes by them.
impl Judge {
    pub(super) fn new(settings: BreakerSettings) -> Self {
        let open_cap = settings.open_cap.min(LONGEST_OPEN);
        Self {
            settings: BreakerSettings {
                failures: settings.failures.max(1),
                open_cap,
                ..settings
            },
            in_a_row: 0,
            results: Rolling::new(settings.window / SLOTS as u32),
            relapses: 0,
            closed_at: None,
            probe_from: None,
            probe_since: None,
        }
    }

    pub(super) fn call_succeeded(&mut self, now: Instant) -> bool {
        self.in_a_row = 0;
        self.results.advance(now);
        self.results.newest().succeeded += 1;
        false
    }

    pub(super) fn call_failed(&mut self, now: Instant) -> bool {
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.results.advance(now);
        self.results.newest().failed += 1;
        let opens = self.in_a_row >= self.settings.failures || self.half_of_many_failed();
        if opens {
            let healthy_for = self.settings.window.max(self.settings.open_cap);
            let relapsed = self
                .closed_at
                .is_some_and(|closed_at| now.saturating_duration_since(closed_at) < healthy_for);
            self.relapses = if relapsed {
                self.relapses.saturating_add(1)
            } else {
                0
            };
            self.probe_from = Some(now + self.open_time());
        }
        opens
    }

    /// # Errors
    ///
    /// When to ask again.
    pub(super) fn start_probe(&mut self, now: Instant) -> Result<(), Instant> {
        match self.refuses_until(now) {
            Some(at) => Err(at),
            None => {
                self.probe_since = Some(now);
                Ok(())
            }
        }
    }

    pub(super) fn probe_succeeded(&mut self, now: Instant) -> bool {
        self.probe_since = None;
        self.closed_at = Some(now);
        self.in_a_row = 0;
        self.results = Rolling::new(self.settings.window / SLOTS as u32);
        true
    }

    pub(super) fn probe_failed(&mut self, now: Instant) -> bool {
        self.probe_since = None;
        self.relapses = self.relapses.saturating_add(1);
        self.probe_from = Some(now + self.open_time());
        false
    }

    pub(super) fn probe_dropped(&mut self) -> bool {
        let spacing = self.settings.open_first.min(self.settings.open_cap);
        self.probe_from = self.probe_since.take().map(|since| since + spacing);
        false
    }

    /// When to ask again; `None`: a probe may start now.
    pub(super) fn refuses_until(&self, now: Instant) -> Option<Instant> {
        match self.probe_since {
            Some(_) => Some(now + PROBE_RECHECK),
            None => self.probe_from.filter(|from| *from > now),
        }
    }

    pub(super) fn state(&self, now: Instant) -> BreakerState {
        match self.probe_from {
            Some(until) if self.probe_since.is_none() && until > now => BreakerState::Open {
                until,
                relapses: self.relapses,
            },
            _ => BreakerState::HalfOpen,
        }
    }

    fn half_of_many_failed(&self) -> bool {
        let mut all = Results::default();
        for (_, results) in self.results.iter() {
            all.succeeded += results.succeeded;
            all.failed += results.failed;
        }
        all.failed >= u64::from(self.settings.failures) && all.failed >= all.succeeded
    }

    /// The first time, doubled at each relapse, up to the cap.
    fn open_time(&self) -> Duration {
        let doubled = 1u32.checked_shl(self.relapses).unwrap_or(u32::MAX);
        self.settings
            .open_first
            .saturating_mul(doubled)
            .min(self.settings.open_cap)
    }
}
