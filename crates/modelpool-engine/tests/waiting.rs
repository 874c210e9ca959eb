//! A model that may not be called yet is waited for where that is allowed, and passed over otherwise.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod common;

use std::time::Duration;

use modelpool_core::{BreakerSettings, Error, ErrorKind};
use modelpool_engine::{ChatRequest, ModelPool, RetryPolicy};
use modelpool_testkit::network::Fate;

use common::simulated::{SECOND, Stage, ask, good, server_error};
use common::{no_retries, told};

fn come_back_in(seconds: u32) -> Fate {
    Fate::rate_limited(Some(seconds * SECOND))
}

fn named() -> ChatRequest {
    ask().model("a")
}

fn within(seconds: u64) -> ChatRequest {
    named().option("deadline_ms", seconds * 1_000)
}

fn rate_limited(wait: Duration) -> ErrorKind {
    ErrorKind::RateLimited {
        retry_after: Some(wait),
    }
}

#[tokio::test(start_paused = true)]
async fn a_short_rate_limit_is_waited_out() {
    let stage = Stage::new(&["a"]);
    stage.next("a", [come_back_in(2), good()]);
    stage.chat(named()).await.unwrap();
    assert_eq!(stage.times(), [0, 2_000], "neither earlier nor later");
    assert_eq!(told(&stage.settled.one()), "completed; a: rate_limited, a: ok");
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_without_a_time_is_held_for_a_second() {
    let stage = Stage::new(&["a"]);
    stage.next("a", [Fate::rate_limited(None), good()]);
    stage.chat(named()).await.unwrap();
    assert_eq!(stage.times(), [0, 1_000]);
}

#[tokio::test(start_paused = true)]
async fn a_long_rate_limit_is_told_to_the_caller_with_the_time_that_is_left() {
    let stage = Stage::new(&["a"]);
    stage.next("a", [come_back_in(20)]);
    let error = stage.chat(named()).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (&rate_limited(20 * SECOND), 1));
    assert_eq!(stage.network.elapsed(), Duration::ZERO, "nobody is kept waiting");
    tokio::time::advance(5 * SECOND).await;
    let error = stage.chat(named()).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (&rate_limited(15 * SECOND), 0));
    assert_eq!(stage.order(), "a", "whoever comes later does not ask either");
}

#[tokio::test(start_paused = true)]
async fn a_deadline_of_the_callers_own_allows_a_long_wait() {
    let stage = Stage::new(&["a"]);
    stage.next("a", [come_back_in(20), good()]);
    stage.chat(within(30)).await.unwrap();
    assert_eq!(stage.times(), [0, 20_000]);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_would_outlast_the_deadline_is_not_begun() {
    let stage = Stage::new(&["a"]);
    stage.next("a", [come_back_in(20)]);
    let error = stage.chat(within(20)).await.unwrap_err();
    assert_eq!(*error.kind(), rate_limited(20 * SECOND));
    assert_eq!(
        (stage.order().as_str(), stage.network.elapsed()),
        ("a", Duration::ZERO)
    );
}

#[tokio::test(start_paused = true)]
async fn all_waits_of_a_request_together_stay_within_the_limit() {
    let policy = RetryPolicy {
        same_model: 5,
        ..RetryPolicy::default()
    };
    let stage = Stage::with(&["a"], ModelPool::builder().retry(policy));
    stage.always("a", &come_back_in(1));
    let error = stage.chat(named()).await.unwrap_err();
    assert_eq!(*error.kind(), rate_limited(SECOND));
    assert_eq!(stage.times(), [0, 1_000, 2_000, 3_000]);
}

#[tokio::test(start_paused = true)]
async fn a_pool_goes_on_to_the_next_at_once() {
    let stage = Stage::new(&["a", "b"]);
    stage.next("a", [come_back_in(2), good()]).always("b", &good());
    stage.chat(ask()).await.unwrap();
    stage.chat(ask()).await.unwrap();
    assert_eq!(
        (stage.order().as_str(), stage.network.elapsed()),
        ("a b b", Duration::ZERO)
    );
    tokio::time::advance(2 * SECOND).await;
    stage.chat(ask()).await.unwrap();
    assert_eq!(stage.order(), "a b b a");
}

#[tokio::test(start_paused = true)]
async fn a_named_model_is_waited_for_shortly_and_then_left_for_its_fallback() {
    for (seconds, order, took) in [(2, "a a", 2), (3, "a a", 3), (4, "a b", 0)] {
        let stage = Stage::of(&["a", "b"], ModelPool::builder(), |config| match &*config.alias {
            "a" => config.fallbacks(["b"]),
            _ => config,
        });
        stage
            .next("a", [come_back_in(seconds), good()])
            .next("b", [good()]);
        stage.chat(named()).await.unwrap();
        assert_eq!(stage.order(), order, "{seconds} s");
        assert_eq!(stage.network.elapsed(), took * SECOND);
    }
}

#[tokio::test(start_paused = true)]
async fn a_quota_group_is_held_as_one() {
    let stage = Stage::of(
        &["a", "sister", "b"],
        ModelPool::builder(),
        |config| match &*config.alias {
            "b" => config,
            _ => config.quota_group("account"),
        },
    );
    stage.next("a", [come_back_in(20), good()]).always("b", &good());
    stage.chat(ask()).await.unwrap();
    stage.chat(ask()).await.unwrap();
    assert_eq!(stage.order(), "a b b", "nobody asks the sister");
    let error = stage.chat(ask().model("sister")).await.unwrap_err();
    assert_eq!(*error.kind(), rate_limited(20 * SECOND));
    tokio::time::advance(20 * SECOND).await;
    stage.next("sister", [good()]);
    stage.chat(ask()).await.unwrap();
    stage.chat(ask().model("sister")).await.unwrap();
    assert_eq!(stage.order(), "a b b a sister");
}

#[tokio::test(start_paused = true)]
async fn of_several_the_one_that_may_be_called_first_is_awaited() {
    let stage = Stage::new(&["a", "b", "c"]);
    for (alias, seconds) in [("a", 3), ("b", 1), ("c", 2)] {
        stage.next(alias, [come_back_in(seconds), good()]);
    }
    stage.chat(ask()).await.unwrap();
    assert_eq!(
        (stage.order().as_str(), stage.times()),
        ("a b c b", vec![0, 0, 0, 1_000])
    );
}

/// A pool whose models fail until their breakers are open, for `open`.
async fn all_open(aliases: &[&str], open: Duration, max_wait: Duration) -> Stage {
    let settings = BreakerSettings {
        open_first: open,
        open_cap: open,
        ..BreakerSettings::default()
    };
    let policy = RetryPolicy {
        max_wait,
        ..no_retries()
    };
    let stage = Stage::with(aliases, ModelPool::builder().retry(policy).breakers(settings));
    for alias in aliases {
        stage.next(alias, std::iter::repeat_n(server_error(), 5));
    }
    for _ in 0..5 {
        assert_eq!(*stage.chat(ask()).await.unwrap_err().kind(), ErrorKind::Server);
    }
    stage
}

fn wait_told(error: &Error) -> Duration {
    assert!(matches!(error.kind(), ErrorKind::Overloaded { .. }), "{error}");
    error.retry_after().unwrap()
}

#[tokio::test(start_paused = true)]
async fn with_every_breaker_open_the_error_says_truly_when_to_come_back() {
    let stage = all_open(&["a", "b"], 10 * SECOND, 3 * SECOND).await;
    let error = stage.chat(ask()).await.unwrap_err();
    assert_eq!((wait_told(&error), error.attempts()), (10 * SECOND, 0));
    tokio::time::advance(4 * SECOND).await;
    let wait = wait_told(&stage.chat(ask()).await.unwrap_err());
    assert_eq!(wait, 6 * SECOND);
    assert_eq!(stage.calls().len(), 10, "nobody is called meanwhile");
    // Whoever comes back when told is served at once.
    tokio::time::advance(wait).await;
    let before = stage.network.elapsed();
    stage.next("a", [good()]);
    stage.chat(ask()).await.unwrap();
    assert_eq!(stage.network.elapsed(), before);
}

#[tokio::test(start_paused = true)]
async fn with_every_breaker_open_the_earliest_recovery_is_awaited() {
    let stage = all_open(&["a", "b"], 2 * SECOND, 3 * SECOND).await;
    stage.next("a", [good()]);
    stage.chat(ask()).await.unwrap();
    assert_eq!(stage.network.elapsed(), 2 * SECOND);

    let stage = all_open(&["a", "b"], 10 * SECOND, 3 * SECOND).await;
    stage.next("a", [good()]);
    stage.chat(ask().option("deadline_ms", 15_000)).await.unwrap();
    assert_eq!(stage.network.elapsed(), 10 * SECOND, "the caller has the time");

    let stage = all_open(&["a", "b"], 10 * SECOND, 3 * SECOND).await;
    let error = stage.chat(ask().option("deadline_ms", 9_000)).await.unwrap_err();
    assert_eq!(
        (wait_told(&error), stage.network.elapsed()),
        (10 * SECOND, Duration::ZERO)
    );
}
