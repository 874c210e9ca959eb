//! Which call may begin next.
//!
//! Calls begin in the model's order, and a call that has to wait lets others pass it only if it loses nothing by it:
//!
//! - an exclusive call begins when nothing runs, and nothing behind it begins before it has ended. What the
//!   model asked for after it may rely on it, and it cannot starve;
//! - a cautious call begins when fewer than two cautious ones run; safe calls behind it may begin meanwhile. A place that becomes free goes to the
//!   first that may have it, so a cautious call is passed only while two others run;
//! - all together are never more than [`ToolLimits::side_by_side`](super::ToolLimits::side_by_side).

use super::Safety;

/// How many cautious calls run side by side at most.
const MOST_CAUTIOUS: usize = 2;

/// What runs now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Running {
    safe: usize,
    cautious: usize,
    exclusive: usize,
}

impl Running {
    pub(super) fn begin(&mut self, safety: Safety) {
        *self.count(safety) += 1;
    }

    pub(super) fn end(&mut self, safety: Safety) {
        let count = self.count(safety);
        *count = count.saturating_sub(1);
    }

    fn count(&mut self, safety: Safety) -> &mut usize {
        match safety {
            Safety::Safe => &mut self.safe,
            Safety::Cautious => &mut self.cautious,
            Safety::Exclusive => &mut self.exclusive,
        }
    }

    fn all(&self) -> usize {
        self.safe + self.cautious + self.exclusive
    }
}

/// The place, among those that wait in the model's order, of the call that may begin now.
pub(super) fn next(
    waiting: impl IntoIterator<Item = Safety>,
    running: &Running,
    side_by_side: usize,
) -> Option<usize> {
    if running.exclusive > 0 || running.all() >= side_by_side.max(1) {
        return None;
    }
    for (place, safety) in waiting.into_iter().enumerate() {
        match safety {
            Safety::Safe => return Some(place),
            Safety::Cautious if running.cautious < MOST_CAUTIOUS => return Some(place),
            Safety::Cautious => {}
            // It begins alone, and those behind it wait for it.
            Safety::Exclusive => return (place == 0 && running.all() == 0).then_some(place),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use Safety::{Cautious, Exclusive, Safe};
    use proptest::prelude::*;

    use super::*;

    fn running(safeties: &[Safety]) -> Running {
        let mut running = Running::default();
        for safety in safeties {
            running.begin(*safety);
        }
        running
    }

    #[test]
    fn who_is_next() {
        for (waiting, runs, expected) in [
            (&[Safe, Safe][..], &[][..], Some(0)),
            (&[Safe], &[Safe, Safe, Safe], None),
            (&[Cautious, Safe], &[Cautious], Some(0)),
            (&[Cautious, Safe], &[Cautious, Cautious], Some(1)),
            (&[Exclusive, Safe], &[Safe], None),
            (&[Exclusive, Safe], &[], Some(0)),
            (&[Safe], &[Exclusive], None),
            (&[Cautious, Exclusive, Safe], &[Cautious, Cautious], None),
            (&[], &[], None),
        ] {
            let place = next(waiting.iter().copied(), &running(runs), 3);
            assert_eq!(place, expected, "{waiting:?} beside {runs:?}");
        }
    }

    #[test]
    fn one_at_a_time_is_the_least() {
        assert_eq!(next([Safe], &Running::default(), 0), Some(0));
        assert_eq!(next([Safe], &running(&[Safe]), 0), None);
    }

    proptest! {
        /// Whatever ends when, the rules hold, all calls begin, and none waits while it might run first.
        #[test]
        fn the_rules_hold_in_any_order(
            safeties in proptest::collection::vec(
                prop_oneof![Just(Safe), Just(Cautious), Just(Exclusive)], 0..30),
            ends in proptest::collection::vec(any::<prop::sample::Index>(), 30),
            side_by_side in 1_usize..6,
        ) {
            let mut waiting: Vec<(usize, Safety)> = safeties.iter().copied().enumerate().collect();
            let mut runs: Vec<(usize, Safety)> = Vec::new();
            let mut counts = Running::default();
            let mut ends = ends.into_iter();
            let mut begun = 0;
            while !waiting.is_empty() || !runs.is_empty() {
                while let Some(place) = next(waiting.iter().map(|call| call.1), &counts, side_by_side) {
                    let call = waiting.remove(place);
                    let passed = waiting.iter().filter(|other| other.0 < call.0);
                    for other in passed {
                        prop_assert!(other.1 == Cautious, "{other:?} was passed by {call:?}");
                    }
                    prop_assert!(
                        call.1 != Exclusive || runs.is_empty(),
                        "{call:?} began beside {runs:?}"
                    );
                    counts.begin(call.1);
                    runs.push(call);
                    begun += 1;
                    let count = |safety| runs.iter().filter(|call| call.1 == safety).count();
                    prop_assert!(count(Exclusive) == 0 || runs.len() == 1, "{runs:?}");
                    prop_assert!(count(Cautious) <= 2 && runs.len() <= side_by_side, "{runs:?}");
                }
                prop_assert!(!runs.is_empty(), "{waiting:?} wait for nothing");
                let ended = runs.remove(ends.next().map_or(0, |index| index.index(runs.len())));
                counts.end(ended.1);
            }
            prop_assert_eq!(begun, safeties.len());
            prop_assert_eq!(counts, Running::default());
        }
    }
}
