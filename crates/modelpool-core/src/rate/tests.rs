use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::RateLimit;

const MINUTE: Duration = Duration::from_secs(60);

#[allow(clippy::disallowed_methods)] // where time begins; it only moves on by what a test adds
fn start() -> Instant {
    Instant::now()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn limit(per_minute: u64) -> RateLimit {
    RateLimit::per_minute(NonZeroU64::new(per_minute).unwrap())
}

#[test]
fn the_whole_limit_may_be_taken_at_once_and_again_a_minute_later() {
    let (now, limit) = (start(), limit(60));
    for _ in 0..60 {
        limit.try_take(1, now).unwrap();
    }
    let fits_at = limit.try_take(1, now).unwrap_err();
    assert_eq!(fits_at, now + seconds(61));
    assert_eq!(
        limit.try_take(1, fits_at - Duration::from_nanos(1)).unwrap_err(),
        fits_at
    );
    for _ in 0..60 {
        limit.try_take(1, fits_at).unwrap();
    }
    assert!(limit.try_take(1, fits_at).is_err());
}

#[test]
fn the_wait_is_until_enough_has_left_the_window() {
    let (now, limit) = (start(), limit(100));
    limit.try_take(30, now).unwrap();
    limit.try_take(30, now + seconds(10)).unwrap();
    limit.try_take(40, now + seconds(20)).unwrap();
    let later = now + seconds(30);
    assert_eq!(limit.try_take(30, later).unwrap_err(), now + seconds(61));
    assert_eq!(limit.try_take(31, later).unwrap_err(), now + seconds(71));
    assert_eq!(limit.try_take(100, later).unwrap_err(), now + seconds(81));
}

#[test]
fn a_request_larger_than_the_limit_runs_alone() {
    let (now, limit) = (start(), limit(100));
    limit.try_take(1, now).unwrap();
    let fits_at = limit.try_take(500, now).unwrap_err();
    assert_eq!(fits_at, now + seconds(61));
    assert_eq!(limit.try_take(500, fits_at).unwrap().units(), 500);
    assert_eq!(limit.try_take(1, fits_at).unwrap_err(), fits_at + seconds(61));
    assert!(limit.try_take(0, fits_at).is_ok(), "nothing always fits");
}

#[test]
fn an_estimate_that_was_too_high_gives_the_rest_back() {
    let (now, limit) = (start(), limit(100));
    let taken = limit.try_take(100, now).unwrap();
    limit.correct(taken, 40, now + seconds(5));
    assert_eq!(limit.remaining(now + seconds(5)), 60);
}

#[test]
fn what_left_the_window_is_not_given_back_once_more() {
    let (now, limit) = (start(), limit(100));
    let old = limit.try_take(100, now).unwrap();
    // Two minutes of slots later, where the same slot is in use again.
    let later = now + seconds(2 * 61);
    limit.try_take(100, later).unwrap();
    limit.correct(old, 0, later);
    assert_eq!(limit.remaining(later), 0);
}

#[test]
fn an_estimate_that_was_too_low_makes_the_next_ones_wait() {
    let (now, limit) = (start(), limit(100));
    let taken = limit.try_take(10, now).unwrap();
    limit.correct(taken, 250, now + seconds(30));
    assert_eq!(limit.remaining(now + seconds(30)), 0);
    assert_eq!(
        limit.try_take(1, now + seconds(61)).unwrap_err(),
        now + seconds(91)
    );
}

#[test]
fn a_named_limit_lowers_the_configured_one_and_never_raises_it() {
    let (now, limit) = (start(), limit(100));
    limit.set_limit(NonZeroU64::new(10).unwrap());
    assert!(limit.try_take(10, now).is_ok());
    assert!(limit.try_take(1, now).is_err());
    limit.set_limit(NonZeroU64::new(1_000).unwrap());
    assert_eq!(limit.limit().get(), 100);
    assert_eq!(limit.remaining(now), 90);
}

#[test]
fn a_time_stamp_from_before_counts_as_the_newest() {
    let (now, limit) = (start(), limit(10));
    let later = now + seconds(30);
    limit.try_take(1, now).unwrap();
    limit.try_take(5, later).unwrap();
    limit.try_take(4, now).unwrap();
    assert_eq!(limit.remaining(now + seconds(61)), 1);
}

#[test]
fn the_largest_numbers_are_counted() {
    let (now, limit) = (start(), limit(u64::MAX));
    let taken = limit.try_take(u64::MAX, now).unwrap();
    limit.correct(taken, u64::MAX, now);
    assert!(limit.try_take(1, now).is_err());
    assert!(limit.try_take(1, now + seconds(1_000_000)).is_ok());
}

#[test]
fn a_limit_that_is_always_used_up_loses_little() {
    let (start, limit) = (start(), limit(600));
    let hour = 60 * 60 * 10;
    let taken = (0..hour).filter(|tenth| {
        limit
            .try_take(1, start + Duration::from_millis(tenth * 100))
            .is_ok()
    });
    let taken = taken.count();
    assert!(taken as f64 >= 36_000.0 * 60.0 / 61.0, "{taken}");
}

/// What was taken: when, and how much of it was used in the end.
type Log = Vec<(Instant, u64)>;

/// The most that was used in any rolling minute.
fn most_in_a_minute(log: &Log) -> u64 {
    let ending_at = |end: Instant| {
        log.iter()
            .filter(move |(at, _)| *at <= end && end.duration_since(*at) < MINUTE)
            .map(|(_, units)| units)
    };
    log.iter()
        .map(|(end, _)| ending_at(*end).sum())
        .max()
        .unwrap_or(0)
}

proptest! {
    #[test]
    fn no_rolling_minute_exceeds_the_limit(
        per_minute in 1u64..200,
        calls in prop::collection::vec((0u64..20_000, 1u64..200, 0u64..200), 1..150),
    ) {
        let (mut now, limit) = (start(), limit(per_minute));
        let mut log = Log::new();
        let mut open = None;
        for (pause_ms, units, actual) in calls {
            now += Duration::from_millis(pause_ms);
            let units = units.min(per_minute);
            if let Ok(taken) = limit.try_take(units, now) {
                log.push((now, units));
                // Every call is corrected when the next one starts.
                if let Some((entry, taken, actual)) = open.replace((log.len() - 1, taken, actual.min(units))) {
                    let entry: &mut (Instant, u64) = &mut log[entry];
                    entry.1 = actual;
                    limit.correct(taken, actual, now);
                }
            }
            prop_assert!(most_in_a_minute(&log) <= per_minute);
        }
    }

    #[test]
    fn a_refusal_names_the_first_moment_that_fits(
        per_minute in 1u64..100,
        calls in prop::collection::vec((0u64..15_000, 1u64..150), 1..80),
    ) {
        let (mut now, limit) = (start(), limit(per_minute));
        for (pause_ms, units) in calls {
            now += Duration::from_millis(pause_ms);
            if let Err(fits_at) = limit.try_take(units, now) {
                prop_assert!(fits_at > now && fits_at <= now + Duration::from_secs(61));
                let just_before = fits_at - Duration::from_nanos(1);
                if just_before > now {
                    prop_assert_eq!(limit.try_take(units, just_before).err(), Some(fits_at));
                }
                prop_assert!(limit.try_take(units, fits_at).is_ok());
                now = fits_at;
            }
        }
    }

    #[test]
    fn no_figure_breaks_it(
        per_minute in 1u64..=u64::MAX,
        calls in prop::collection::vec((any::<u32>(), any::<u64>(), any::<u64>()), 1..50),
    ) {
        let (mut now, limit) = (start(), limit(per_minute));
        for (pause_ms, units, actual) in calls {
            now += Duration::from_millis(u64::from(pause_ms % 100_000));
            if let Ok(taken) = limit.try_take(units, now) {
                limit.correct(taken, actual, now);
            }
            prop_assert!(limit.remaining(now) <= per_minute);
        }
    }
}
