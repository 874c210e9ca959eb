//! A failure that may be over in a moment is made good by the same model; others go to the next.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod common;

use std::time::Duration;

use modelpool_core::{BreakerSettings, ErrorKind, TimeoutKind, Timeouts};
use modelpool_engine::{ModelPool, RetryPolicy};
use modelpool_testkit::network::{Connect, End, Fate, Head};

use common::simulated::{MS, SECOND, Stage, answer, ask, cut, good, overloaded, server_error, silent};
use common::told;

fn refused() -> Fate {
    Fate {
        connect: Connect::Refused,
        ..good()
    }
}

fn reset() -> Fate {
    Fate {
        head: Head::BreaksAfter(Duration::ZERO),
        ..good()
    }
}

#[tokio::test(start_paused = true)]
async fn a_servers_failure_and_a_reset_are_asked_again_once() {
    for (fate, code) in [
        (server_error(), "server"),
        (refused(), "connect"),
        (reset(), "connect"),
    ] {
        for mended in [false, true] {
            for stream in [false, true] {
                let stage = Stage::new(&["a", "b"]);
                let second = if mended { good() } else { fate.clone() };
                stage.next("a", [fate.clone(), second]).next("b", [good()]);
                let text = match stream {
                    true => stage.stream(ask()).await.unwrap().text,
                    false => stage.chat(ask()).await.unwrap(),
                };
                assert_eq!(text, answer());
                let last = if mended {
                    "a: ok".to_owned()
                } else {
                    format!("a: {code}, b: ok")
                };
                let expected = format!("completed; a: {code}, {last}");
                assert_eq!(told(&stage.settled.one()), expected);
                assert!(stage.times()[1] <= 250, "{:?}", stage.times());
                stage.is_at_rest();
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_pause_is_random_and_its_bound_doubles_up_to_the_cap() {
    let policy = RetryPolicy {
        same_model: 4,
        backoff_first: SECOND,
        backoff_cap: 4 * SECOND,
        ..RetryPolicy::default()
    };
    let never_opens = BreakerSettings {
        failures: u32::MAX,
        ..BreakerSettings::default()
    };
    let stage = Stage::with(&["a"], ModelPool::builder().retry(policy).breakers(never_opens));
    stage.always("a", &server_error());
    for _ in 0..60 {
        let error = stage.chat(ask()).await.unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (&ErrorKind::Server, 5));
    }
    let times = stage.times();
    for (pause, bound) in [1_000, 2_000, 4_000, 4_000].into_iter().enumerate() {
        let pauses = times.chunks(5).map(|calls| calls[pause + 1] - calls[pause]);
        let (least, most) = (pauses.clone().min().unwrap(), pauses.max().unwrap());
        assert!(
            least < bound / 4 && most > bound * 3 / 4,
            "{least} to {most} of {bound}"
        );
        assert!(most <= bound, "{most} of {bound}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_second_call_would_not_mend_goes_to_the_next_at_once() {
    let rate_limited = Fate::rate_limited(Some(2 * SECOND));
    for (fate, code) in [
        (overloaded(), "overloaded"),
        (rate_limited, "rate_limited"),
        (cut(0), "stream_lost"),
        (
            Fate::refusal(401, "invalid_api_key", "Incorrect API key provided"),
            "auth",
        ),
        (
            Fate::refusal(402, "insufficient_quota", "Insufficient Balance"),
            "billing",
        ),
        (
            Fate::refusal(404, "model_not_found", "The model does not exist"),
            "model_not_found",
        ),
    ] {
        let stage = Stage::new(&["a", "b"]);
        stage.next("a", [fate]).next("b", [good()]);
        assert_eq!(stage.stream(ask()).await.unwrap().text, answer());
        assert_eq!(told(&stage.settled.one()), format!("completed; a: {code}, b: ok"));
        assert_eq!(stage.times(), [0, 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_else_is_left_so_it_is_asked_again_after_a_pause() {
    let broken = Fate {
        end: End::Breaks(0),
        ..good()
    };
    for fate in [overloaded(), cut(0), broken] {
        let stage = Stage::new(&["a", "b"]);
        stage.next("a", [fate.clone(), good()]).next("b", [fate]);
        assert_eq!(stage.stream(ask()).await.unwrap().text, answer());
        let order = stage.order();
        assert!(order == "a b a" || order == "a b b", "{order}");
        let times = stage.times();
        assert!(times[1] == 0 && times[2] <= 250, "{times:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_a_vendor_names_is_waited_before_it_is_asked_again() {
    let stage = Stage::new(&["a"]);
    let mut busy = Fate::rate_limited(Some(2 * SECOND));
    if let modelpool_testkit::network::Reply::Refusal(refusal) = &mut busy.reply {
        (refusal.status, refusal.code) = (503, "overloaded");
    }
    stage.next("a", [busy, good()]);
    stage.chat(ask()).await.unwrap();
    assert_eq!(stage.times(), [0, 2_000]);
    assert_eq!(told(&stage.settled.one()), "completed; a: overloaded, a: ok");
}

#[tokio::test(start_paused = true)]
async fn a_silent_route_is_not_asked_twice_under_any_alias() {
    let timeouts = Timeouts {
        first_token: Some(SECOND),
        response: Some(SECOND),
        ..Timeouts::default()
    };
    let builder = || ModelPool::builder().timeouts(timeouts);
    for stream in [false, true] {
        // The twin is the same model at the same address.
        let stage = Stage::of(&["a", "twin", "b"], builder(), |mut config| {
            if &*config.alias == "twin" {
                (config.model_name, config.base_url) = ("a".into(), Some("http://a.test".to_owned()));
            }
            config
        });
        stage.always("a", &silent()).next("b", [good()]);
        match stream {
            true => drop(stage.stream(ask()).await.unwrap()),
            false => drop(stage.chat(ask()).await.unwrap()),
        }
        assert_eq!((stage.order().as_str(), stage.times()), ("a b", vec![0, 1_000]));
        stage.is_at_rest();
    }
    let stage = Stage::with(&["a"], builder());
    stage.always("a", &silent());
    let error = stage.chat(ask()).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Timeout(TimeoutKind::Response));
    assert_eq!(stage.order(), "a");
}

#[tokio::test(start_paused = true)]
async fn calls_are_bounded_whatever_the_mixture_of_failures() {
    let mixture = [
        server_error(),
        overloaded(),
        refused(),
        cut(0),
        cut(0),
        server_error(),
    ];
    for (max_models, same_model) in [(1, 0), (1, 3), (2, 1), (3, 2), (9, 0)] {
        let policy = RetryPolicy {
            max_models,
            same_model,
            ..RetryPolicy::default()
        };
        let stage = Stage::with(&["a", "b", "c", "d"], ModelPool::builder().retry(policy));
        for (place, alias) in ["a", "b", "c", "d"].into_iter().enumerate() {
            stage.next(alias, mixture.iter().cycle().skip(place).take(6).cloned());
        }
        let error = stage.stream(ask()).await.unwrap_err();
        let most = max_models.min(4) * (1 + same_model);
        assert_eq!(error.attempts() as usize, stage.calls().len());
        assert!(error.attempts() <= most, "{} of {most}", stage.order());
        for alias in ["a", "b", "c", "d"] {
            assert!(
                stage.calls_of(alias) <= 1 + same_model as usize,
                "{}",
                stage.order()
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_would_outlast_the_deadline_is_not_begun() {
    let policy = RetryPolicy {
        backoff_first: 1_000 * SECOND,
        backoff_cap: 1_000 * SECOND,
        ..RetryPolicy::default()
    };
    let stage = Stage::with(&["a", "b"], ModelPool::builder().retry(policy));
    stage.always("a", &server_error()).next("b", [good()]);
    stage.chat(ask().option("deadline_ms", 50)).await.unwrap();
    assert_eq!(stage.order(), "a b", "the next can answer in time");
    assert_eq!(stage.network.elapsed(), Duration::ZERO);

    let stage = Stage::with(&["a"], ModelPool::builder().retry(policy));
    stage.always("a", &server_error());
    let error = stage.chat(ask().option("deadline_ms", 50)).await.unwrap_err();
    assert_eq!((error.kind(), stage.order().as_str()), (&ErrorKind::Server, "a"));
    assert!(stage.network.elapsed() <= 50 * MS);
}
