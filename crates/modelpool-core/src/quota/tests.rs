use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::{Allowance, LONGEST_HOLD, QuotaClock, QuotaReport, UNDATED};

#[allow(clippy::disallowed_methods)] // where time begins; it only moves on by what a test adds
fn start() -> Instant {
    Instant::now()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn left(remaining: u64, resets_in: Option<Duration>) -> Allowance {
    Allowance {
        limit: Some(100),
        remaining: Some(remaining),
        resets_in,
    }
}

#[test]
fn a_held_group_is_free_again_at_the_named_time() {
    let now = start();
    let clock = QuotaClock::new(now);
    let at = now + seconds(20);
    clock.hold_until(at, now);
    assert_eq!(clock.free_at(now), Some(at));
    assert_eq!(clock.free_at(at - Duration::from_nanos(1)), Some(at));
    assert_eq!(clock.free_at(at), None);
}

#[test]
fn a_time_in_the_past_holds_nothing() {
    let now = start() + seconds(10);
    let clock = QuotaClock::new(now - seconds(5));
    clock.hold_until(now - seconds(1), now);
    clock.hold_until(now, now);
    assert_eq!(clock.free_at(now), None);
}

#[test]
fn nobody_is_held_longer_than_the_longest_hold() {
    let now = start();
    let clock = QuotaClock::new(now);
    clock.hold_until(now + seconds(24 * 60 * 60), now);
    assert_eq!(clock.free_at(now), Some(now + LONGEST_HOLD));
}

#[test]
fn an_exhausted_allowance_holds_until_the_later_reset() {
    let now = start();
    let clock = QuotaClock::new(now);
    let report = QuotaReport {
        requests: left(0, Some(seconds(3))),
        tokens: left(0, Some(seconds(30))),
    };
    clock.learn(&report, now);
    assert_eq!(clock.free_at(now), Some(now + seconds(30)));
    assert_eq!(clock.remaining_requests(now), Some(0));
}

#[test]
fn what_is_left_or_has_no_reset_or_is_not_counted_holds_nothing() {
    let now = start();
    let clock = QuotaClock::new(now);
    let not_counted = Allowance {
        limit: Some(0),
        remaining: Some(0),
        resets_in: Some(seconds(60)),
    };
    for requests in [
        left(1, Some(seconds(60))),
        left(0, None),
        not_counted,
        Allowance::default(),
    ] {
        clock.learn(
            &QuotaReport {
                requests,
                tokens: Allowance::default(),
            },
            now,
        );
        assert_eq!(clock.free_at(now), None, "{requests:?}");
    }
}

#[test]
fn a_remainder_is_believed_until_its_window_ends() {
    let now = start();
    let clock = QuotaClock::new(now);
    assert_eq!(clock.remaining_requests(now), None);
    clock.learn(
        &QuotaReport {
            requests: left(7, Some(seconds(5))),
            tokens: left(900, None),
        },
        now,
    );
    assert_eq!(
        (clock.remaining_requests(now), clock.remaining_tokens(now)),
        (Some(7), Some(900))
    );
    assert_eq!(clock.remaining_requests(now + seconds(5)), None);
    assert_eq!(clock.remaining_tokens(now + seconds(5)), Some(900));
    assert_eq!(clock.remaining_tokens(now + UNDATED), None);
    // An answer without these headers takes nothing back.
    clock.learn(&QuotaReport::default(), now);
    assert_eq!(clock.remaining_requests(now), Some(7));
}

#[derive(Clone, Debug)]
enum Step {
    Pause(Duration),
    Hold(Duration),
    Learn(Option<u64>, Option<u64>, Option<Duration>),
}

fn step() -> impl Strategy<Value = Step> {
    let millis = (0u64..10_000_000).prop_map(Duration::from_millis);
    let any_duration = prop_oneof![Just(Duration::MAX), Just(Duration::ZERO), millis.clone()];
    let small = prop::option::of(0u64..3);
    prop_oneof![
        millis.clone().prop_map(Step::Pause),
        millis.prop_map(Step::Hold),
        (small.clone(), small, prop::option::of(any_duration)).prop_map(|(l, r, t)| Step::Learn(l, r, t)),
    ]
}

proptest! {
    #[test]
    fn the_clock_only_moves_later_and_never_too_far(steps in prop::collection::vec(step(), 1..60)) {
        let mut now = start();
        let clock = QuotaClock::new(now);
        let mut held = None;
        for step in steps {
            match step {
                Step::Pause(pause) => now += pause,
                Step::Hold(wait) => clock.hold_until(now + wait, now),
                Step::Learn(limit, remaining, resets_in) => {
                    let requests = Allowance { limit, remaining, resets_in };
                    clock.learn(&QuotaReport { requests, tokens: Allowance::default() }, now);
                }
            }
            let free_at = clock.free_at(now);
            prop_assert!(free_at.is_none_or(|at| at > now && at <= now + LONGEST_HOLD));
            // Whoever was promised a time is not let in before it.
            prop_assert!(free_at >= held.filter(|at| *at > now), "{free_at:?} < {held:?}");
            held = free_at.max(held);
        }
    }
}
