//! The promises of a breaker, checked after every step of random schedules.

use std::time::Instant;

use proptest::prelude::*;

use super::{millis, start};
use crate::breaker::{Breaker, BreakerSettings, BreakerState, Pass};

#[derive(Clone, Debug)]
enum Step {
    Pause(u64),
    Admit,
    Succeed(prop::sample::Index),
    Fail(prop::sample::Index),
    Drop(prop::sample::Index),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => prop_oneof![0u64..500, 0u64..40_000].prop_map(Step::Pause),
        6 => Just(Step::Admit),
        2 => any::<prop::sample::Index>().prop_map(Step::Succeed),
        4 => any::<prop::sample::Index>().prop_map(Step::Fail),
        1 => any::<prop::sample::Index>().prop_map(Step::Drop),
    ]
}

proptest! {
    #[test]
    fn its_promises_hold_on_any_schedule(
        failures in 1u32..6,
        open in (1u64..5_000, 1u64..30_000),
        steps in prop::collection::vec(step(), 1..300),
    ) {
        let settings = BreakerSettings {
            failures,
            open_first: millis(open.0.min(open.1)),
            open_cap: millis(open.1),
            ..BreakerSettings::default()
        };
        let (mut now, breaker) = (start(), Breaker::new(settings));
        let mut held: Vec<Pass> = Vec::new();
        let mut last_probe: Option<Instant> = None;
        for step in steps {
            let before = breaker.state(now);
            let mut decider_was_probe = None;
            let mut failed = false;
            match step {
                Step::Pause(pause_ms) => now += millis(pause_ms),
                Step::Admit => {
                    let announced = breaker.open_until(now);
                    let answer = breaker.admit(now);
                    prop_assert_eq!(announced, answer.as_ref().err().copied());
                    match answer {
                        Ok(pass) => {
                            prop_assert!(!matches!(before, BreakerState::Open { .. }), "passed while open");
                            prop_assert_eq!(pass.is_probe(), before == BreakerState::HalfOpen);
                            if pass.is_probe() {
                                let spaced = last_probe.is_none_or(|last| now - last >= settings.open_first);
                                prop_assert!(spaced, "two probes within the first open time");
                                last_probe = Some(now);
                            }
                            held.push(pass);
                        }
                        Err(at) => prop_assert!(at > now && before != BreakerState::Closed),
                    }
                }
                Step::Succeed(index) if !held.is_empty() => {
                    let pass = held.swap_remove(index.index(held.len()));
                    decider_was_probe = Some(pass.is_probe());
                    pass.succeeded(now);
                }
                Step::Fail(index) if !held.is_empty() => {
                    let pass = held.swap_remove(index.index(held.len()));
                    (decider_was_probe, failed) = (Some(pass.is_probe()), true);
                    pass.failed(now);
                }
                Step::Drop(index) if !held.is_empty() => drop(held.swap_remove(index.index(held.len()))),
                Step::Succeed(_) | Step::Fail(_) | Step::Drop(_) => {}
            }

            prop_assert!(held.iter().filter(|pass| pass.is_probe()).count() <= 1, "two probes at once");
            let after = breaker.state(now);
            if after == BreakerState::Closed && before != BreakerState::Closed {
                prop_assert_eq!((decider_was_probe, failed), (Some(true), false), "no probe succeeded");
            }
            if before == BreakerState::Closed && after != BreakerState::Closed {
                prop_assert_eq!((decider_was_probe, failed), (Some(false), true), "no call failed");
            }
            if let BreakerState::Open { until, .. } = after {
                prop_assert!(until - now <= settings.open_cap);
                let opened_now = failed && before != after;
                prop_assert!(!opened_now || until - now >= settings.open_first);
            }
            if decider_was_probe == Some(false) && before != BreakerState::Closed {
                prop_assert_eq!(before, after, "a late result changed it");
            }
        }
        // Whatever happened, it can be closed again: it never stays stuck.
        drop(held);
        let later = now + settings.open_cap;
        match breaker.admit(later) {
            Ok(pass) => pass.succeeded(later),
            Err(at) => prop_assert!(false, "still refuses until {at:?}"),
        }
        prop_assert_eq!(breaker.state(later), BreakerState::Closed);
    }
}
