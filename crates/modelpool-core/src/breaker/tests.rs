use std::sync::Barrier;
use std::time::{Duration, Instant};

use super::{Breaker, BreakerSettings, BreakerState, PROBE_RECHECK, Pass};

mod schedules;

#[allow(clippy::disallowed_methods)] // where time begins; it only moves on by what a test adds
fn start() -> Instant {
    Instant::now()
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn breaker() -> Breaker {
    Breaker::new(BreakerSettings::default())
}

/// A breaker that opened at `now` for the first time.
fn opened(now: Instant) -> Breaker {
    let breaker = breaker();
    fail_until_open(&breaker, now);
    breaker
}

fn fail_until_open(breaker: &Breaker, now: Instant) {
    for _ in 0..BreakerSettings::default().failures {
        breaker.admit(now).unwrap().failed(now);
    }
    assert!(matches!(breaker.state(now), BreakerState::Open { .. }));
}

fn close(breaker: &Breaker, now: Instant) {
    breaker.admit(now).unwrap().succeeded(now);
    assert_eq!(breaker.state(now), BreakerState::Closed);
}

/// How long it is open from `now`, and after how many relapses.
fn open_for(breaker: &Breaker, now: Instant) -> (Duration, u32) {
    match breaker.state(now) {
        BreakerState::Open { until, relapses } => (until - now, relapses),
        other => panic!("{other:?}"),
    }
}

#[test]
fn failures_in_a_row_open_it() {
    let (now, breaker) = (start(), breaker());
    for call in 0..4 {
        // However far apart.
        let later = now + seconds(100) * call;
        breaker.admit(later).unwrap().failed(later);
        assert_eq!(breaker.state(later), BreakerState::Closed);
    }
    let last = now + seconds(400);
    breaker.admit(last).unwrap().failed(last);
    assert_eq!(open_for(&breaker, last), (seconds(1), 0));
    assert_eq!(breaker.admit(last).unwrap_err(), last + seconds(1));
}

#[test]
fn half_of_the_calls_in_the_window_open_it() {
    let (now, breaker) = (start(), breaker());
    for _ in 0..4 {
        breaker.admit(now).unwrap().succeeded(now);
        breaker.admit(now).unwrap().failed(now);
    }
    assert_eq!(
        breaker.state(now),
        BreakerState::Closed,
        "half of them, but fewer than five"
    );
    breaker.admit(now).unwrap().succeeded(now);
    breaker.admit(now).unwrap().failed(now);
    assert_eq!(open_for(&breaker, now), (seconds(1), 0));
}

#[test]
fn fewer_than_half_do_not_open_it() {
    let (now, breaker) = (start(), breaker());
    for call in 0..1_000u32 {
        let later = now + millis(10) * call;
        breaker.admit(later).unwrap().succeeded(later);
        breaker.admit(later).unwrap().succeeded(later);
        breaker.admit(later).unwrap().failed(later);
    }
    assert_eq!(breaker.state(now + seconds(10)), BreakerState::Closed);
}

#[test]
fn what_is_older_than_the_window_does_not_count() {
    let (now, breaker) = (start(), breaker());
    for _ in 0..4 {
        breaker.admit(now).unwrap().failed(now);
    }
    let later = now + seconds(30);
    breaker.admit(later).unwrap().succeeded(later);
    for _ in 0..4 {
        breaker.admit(later).unwrap().failed(later);
    }
    assert_eq!(breaker.state(later), BreakerState::Closed);
}

#[test]
fn each_failed_probe_doubles_the_open_time_up_to_the_cap() {
    let mut now = start();
    let breaker = opened(now);
    let mut open_times = Vec::new();
    for _ in 0..40 {
        let (open, relapses) = open_for(&breaker, now);
        assert_eq!(relapses as usize, open_times.len());
        open_times.push(open.as_secs());
        now += open;
        assert_eq!(breaker.state(now), BreakerState::HalfOpen);
        breaker.admit(now).unwrap().failed(now);
    }
    assert_eq!(open_times[..6], [1, 2, 4, 8, 15, 15]);
    assert_eq!(open_times[39], 15);
}

#[test]
fn equal_first_and_cap_mean_a_fixed_time() {
    let mut now = start();
    let fixed = BreakerSettings {
        open_first: seconds(7),
        open_cap: seconds(7),
        ..BreakerSettings::default()
    };
    let breaker = Breaker::new(fixed);
    fail_until_open(&breaker, now);
    for _ in 0..5 {
        assert_eq!(open_for(&breaker, now).0, seconds(7));
        now += seconds(7);
        breaker.admit(now).unwrap().failed(now);
    }
}

#[test]
fn a_relapse_soon_after_closing_goes_on_doubling_and_a_healthy_time_forgets() {
    let now = start();
    let breaker = opened(now);
    close(&breaker, now + seconds(1));
    let soon = now + seconds(30);
    fail_until_open(&breaker, soon);
    assert_eq!(open_for(&breaker, soon), (seconds(2), 1));
    close(&breaker, soon + seconds(2));
    let much_later = soon + seconds(32);
    fail_until_open(&breaker, much_later);
    assert_eq!(open_for(&breaker, much_later), (seconds(1), 0));
}

#[test]
fn a_success_closes_it_with_a_clean_sheet() {
    let now = start();
    let breaker = opened(now);
    let later = now + seconds(1);
    close(&breaker, later);
    for _ in 0..4 {
        breaker.admit(later).unwrap().failed(later);
    }
    assert_eq!(breaker.state(later), BreakerState::Closed);
}

#[test]
fn one_probe_passes_and_the_others_are_told_to_ask_again_soon() {
    let now = start();
    let breaker = opened(now);
    let later = now + seconds(1);
    let probe = breaker.admit(later).unwrap();
    assert!(probe.is_probe());
    assert_eq!(breaker.state(later), BreakerState::HalfOpen);
    assert_eq!(breaker.admit(later).unwrap_err(), later + PROBE_RECHECK);
    assert_eq!(breaker.open_until(later), Some(later + PROBE_RECHECK));
    probe.succeeded(later);
    assert!(!breaker.admit(later).unwrap().is_probe());
}

#[test]
fn a_dropped_probe_judges_nothing_and_makes_room_for_the_next() {
    let now = start();
    let breaker = opened(now);
    let began = now + seconds(1);
    let probe = breaker.admit(began).unwrap();
    drop(probe);
    // Dropped at once: the next may start one open time after it began.
    assert_eq!(
        breaker.state(began),
        BreakerState::Open {
            until: began + seconds(1),
            relapses: 0
        }
    );
    // Dropped after a long wait: the next may start at once.
    let probe = breaker.admit(began + seconds(1)).unwrap();
    drop(probe);
    assert!(breaker.admit(began + seconds(60)).unwrap().is_probe());
}

#[test]
fn a_call_dropped_while_closed_counts_for_nothing() {
    let (now, breaker) = (start(), breaker());
    for _ in 0..4 {
        breaker.admit(now).unwrap().failed(now);
    }
    for _ in 0..100 {
        drop(breaker.admit(now).unwrap());
    }
    assert_eq!(breaker.state(now), BreakerState::Closed);
    breaker.admit(now).unwrap().failed(now);
    assert_ne!(breaker.state(now), BreakerState::Closed, "the fifth in a row");
}

#[test]
fn late_results_neither_close_it_nor_open_it_again() {
    let (now, breaker) = (start(), breaker());
    let mut early = (0..20).map(|_| breaker.admit(now).unwrap()).collect::<Vec<_>>();
    fail_until_open(&breaker, now);
    let open = breaker.state(now);
    early.pop().unwrap().succeeded(now);
    early.pop().unwrap().failed(now);
    assert_eq!(breaker.state(now), open);

    let later = now + seconds(1);
    let probe = breaker.admit(later).unwrap();
    early.pop().unwrap().succeeded(later);
    early.pop().unwrap().failed(later);
    drop(early.pop());
    assert_eq!(breaker.state(later), BreakerState::HalfOpen);
    assert!(breaker.admit(later).is_err(), "the probe is still the only one");

    probe.succeeded(later);
    for call in early {
        call.failed(later);
    }
    assert_eq!(breaker.state(later), BreakerState::Closed);
}

#[test]
fn settings_out_of_bounds_do_not_break_it() {
    let now = start();
    let most = BreakerSettings {
        failures: 0,
        window: Duration::MAX,
        open_first: Duration::MAX,
        open_cap: Duration::MAX,
    };
    let breaker = Breaker::new(most);
    breaker.admit(now).unwrap().failed(now);
    assert_eq!(open_for(&breaker, now), (seconds(24 * 60 * 60), 0));

    let none = Duration::ZERO;
    let least = BreakerSettings {
        failures: 1,
        window: none,
        open_first: none,
        open_cap: none,
    };
    let breaker = Breaker::new(least);
    breaker.admit(now).unwrap().failed(now);
    assert_eq!(breaker.state(now), BreakerState::HalfOpen);
    close(&breaker, now);
}

#[test]
fn a_dead_model_under_load_gets_one_call_per_second_at_most() {
    // Calls end after 5 ms, every third by a caller who leaves, which judges nothing.
    let (start, breaker) = (start(), breaker());
    let mut under_way: Vec<(Instant, usize, Pass)> = Vec::new();
    let mut passed_at = Vec::new();
    for tick in 0..120_000 {
        let now = start + millis(tick);
        let (ended, still) = under_way.into_iter().partition(|(ends_at, ..)| *ends_at <= now);
        under_way = still;
        for (_, number, pass) in ended {
            if number % 3 == 0 {
                drop(pass);
            } else {
                pass.failed(now);
            }
        }
        if let Ok(pass) = breaker.admit(now) {
            under_way.push((now + millis(5), passed_at.len(), pass));
            passed_at.push(now);
        }
    }
    // Until it opens: the failures it takes, the callers who left, and those under way at that moment.
    let probes = &passed_at[passed_at.partition_point(|at| *at < start + millis(20))..];
    assert!(probes.is_sorted_by(|earlier, later| *later - *earlier >= seconds(1)));
    assert!(
        (8..=60).contains(&probes.len()),
        "{} probes in two minutes",
        probes.len()
    );
}

#[test]
fn threads_that_come_together_get_one_probe() {
    let now = start();
    for _ in 0..50 {
        let breaker = opened(now);
        let (barrier, later) = (Barrier::new(8), now + seconds(1));
        let passes = std::thread::scope(|scope| {
            let come = || {
                barrier.wait();
                breaker.admit(later)
            };
            let threads = [(); 8].map(|()| scope.spawn(come));
            threads.map(|thread| thread.join().unwrap())
        });
        assert_eq!(passes.iter().flatten().count(), 1);
    }
}
