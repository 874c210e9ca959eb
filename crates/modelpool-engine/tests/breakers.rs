//! What is down is left alone, and one call finds out when it is back.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod common;

use std::time::Duration;

use modelpool_core::breaker::BreakerState;
use modelpool_core::{ErrorKind, ModelConfig};
use modelpool_engine::{ChatRequest, ModelPool, RetryPolicy};
use modelpool_testkit::network::{Connect, Fate, Server};

use common::no_retries;
use common::simulated::{MS, SECOND, Stage, ask, cut, good, overloaded, server_error, slow};

/// Neither retries nor waits: what the breaker does shows in each call.
fn impatient() -> RetryPolicy {
    RetryPolicy {
        max_wait: Duration::ZERO,
        ..no_retries()
    }
}

fn alone() -> Stage {
    Stage::with(&["a"], ModelPool::builder().retry(impatient()))
}

fn refused() -> Fate {
    Fate {
        connect: Connect::Refused,
        ..good()
    }
}

/// The breaker of the model.
fn state(stage: &Stage, alias: &str) -> BreakerState {
    let now = tokio::time::Instant::now().into_std();
    let entry = stage.pool.get(alias).unwrap();
    entry.live().breaker(&entry.config().model_name, now).state(now)
}

fn is_open(stage: &Stage, alias: &str) -> bool {
    matches!(state(stage, alias), BreakerState::Open { .. })
}

#[tokio::test(start_paused = true)]
async fn five_failures_in_a_row_open_it_and_four_do_not() {
    for fate in [server_error(), overloaded(), cut(0)] {
        let stage = alone();
        stage
            .next("a", std::iter::repeat_n(fate.clone(), 4))
            .next("a", [good()]);
        stage.next("a", std::iter::repeat_n(fate, 5));
        for call in 1..=10 {
            assert!(!is_open(&stage, "a"), "before call {call}");
            assert_eq!(stage.stream(ask()).await.is_ok(), call == 5);
            if call == 5 {
                // Out of sight of the window, which looks at shares.
                tokio::time::advance(60 * SECOND).await;
            }
        }
        assert!(is_open(&stage, "a"));
        let error = stage.stream(ask()).await.unwrap_err();
        assert_eq!(
            *error.kind(),
            ErrorKind::Overloaded {
                retry_after: Some(SECOND)
            }
        );
        assert_eq!(stage.calls().len(), 10);
    }
}

#[tokio::test(start_paused = true)]
async fn half_of_the_calls_within_the_window_open_it() {
    // One of two fails, one of three.
    for (period, opens) in [(2, true), (3, false)] {
        let stage = alone();
        for call in 0..60 {
            let fails = call % period == period - 1;
            stage.next("a", [if fails { server_error() } else { good() }]);
            let _ = stage.chat(ask()).await;
            let failures = (call + 1) / period;
            assert_eq!(is_open(&stage, "a"), opens && failures >= 5, "after call {call}");
            if is_open(&stage, "a") {
                break;
            }
        }
    }
    // As many, but in twice the window.
    let stage = alone();
    for call in 0..20 {
        stage.next("a", [if call % 2 == 1 { server_error() } else { good() }]);
        let _ = stage.chat(ask()).await;
        tokio::time::advance(4 * SECOND).await;
    }
    assert_eq!(state(&stage, "a"), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn what_is_the_callers_fault_or_a_rate_limit_never_counts() {
    let wrong = Fate::refusal(400, "invalid_value", "Invalid value for 'temperature'");
    let content = Fate::refusal(
        400,
        "content_filter",
        "The response was filtered due to the prompt",
    );
    for fate in [wrong, content, Fate::rate_limited(Some(SECOND))] {
        let stage = alone();
        stage.always("a", &fate);
        for _ in 0..30 {
            stage.chat(ask()).await.unwrap_err();
            assert_eq!(state(&stage, "a"), BreakerState::Closed);
            tokio::time::advance(SECOND).await;
        }
        assert_eq!(stage.calls().len(), 30);
    }
}

#[tokio::test(start_paused = true)]
async fn each_relapse_doubles_its_time_up_to_the_cap() {
    let stage = alone();
    stage.always("a", &server_error());
    let mut open_for = Vec::new();
    while open_for.len() < 6 {
        let _ = stage.chat(ask()).await;
        if let BreakerState::Open { until, relapses } = state(&stage, "a") {
            assert_eq!(relapses as usize, open_for.len());
            let wait = until - tokio::time::Instant::now().into_std();
            open_for.push(wait.as_secs());
            tokio::time::advance(wait - MS).await;
            stage.chat(ask()).await.unwrap_err();
            assert_eq!(stage.calls().len(), 4 + open_for.len(), "not a moment too early");
            tokio::time::advance(MS).await;
        }
    }
    assert_eq!(open_for, [1, 2, 4, 8, 15, 15]);
}

#[tokio::test(start_paused = true)]
async fn one_probe_among_two_hundred_callers_finds_out() {
    for others in [&["a", "b"][..], &["a"]] {
        let stage = Stage::of(others, ModelPool::builder().retry(no_retries()), |config| config);
        stage
            .next("a", std::iter::repeat_n(server_error(), 5))
            .always("b", &good());
        for _ in 0..5 {
            let _ = stage.chat(ask()).await;
        }
        assert!(is_open(&stage, "a"));
        tokio::time::advance(SECOND).await;
        // The probe takes its time.
        stage.next("a", [slow(500 * MS)]).always("a", &good());
        let callers: Vec<_> = (0..200).map(|_| stage.spawn(ask())).collect();
        tokio::time::sleep(499 * MS).await;
        assert_eq!(stage.calls_of("a"), 6, "five that failed, and the probe");
        for caller in callers {
            caller.await.unwrap().unwrap();
        }
        // With nobody else to go to they came to it once it was back.
        let with_b = others.len() == 2;
        assert_eq!(stage.calls_of("a"), if with_b { 6 } else { 205 });
        assert!(
            stage.network.elapsed() <= 1_750 * MS,
            "{:?}",
            stage.network.elapsed()
        );
        assert_eq!(state(&stage, "a"), BreakerState::Closed);
        stage.is_at_rest();
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_closes_it_with_its_first_words_and_not_only_at_its_end() {
    let stage = alone();
    stage.next("a", std::iter::repeat_n(server_error(), 5));
    for _ in 0..5 {
        stage.chat(ask()).await.unwrap_err();
    }
    tokio::time::advance(SECOND).await;
    stage.always("a", &good());
    let probe = stage.pool.chat_stream(ask()).await;
    let mut probe = probe.unwrap();
    while !probe.next().await.unwrap().unwrap().meaningful {}
    assert_eq!(state(&stage, "a"), BreakerState::Closed);
    stage.chat(ask()).await.unwrap();
}

/// Both entries live at one address.
fn neighbours() -> Stage {
    Stage::of(
        &["a", "neighbour", "b"],
        ModelPool::builder().retry(no_retries()),
        |config| match &*config.alias {
            "neighbour" => config.base_url("http://a.test"),
            _ => config,
        },
    )
}

#[tokio::test(start_paused = true)]
async fn a_server_that_cannot_be_reached_is_shut_off_with_all_its_models() {
    let stage = neighbours();
    stage.always("a", &refused()).always("b", &good());
    let named = |alias: &str| ask().model(alias);
    for _ in 0..5 {
        assert_eq!(
            *stage.chat(named("a")).await.unwrap_err().kind(),
            ErrorKind::Connect
        );
    }
    stage.chat(ask()).await.unwrap();
    assert_eq!(stage.order(), "a a a a a b", "the neighbour is not tried");
    // Its breaker is the server's, not its own.
    assert_eq!(state(&stage, "neighbour"), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_model_that_fails_leaves_its_neighbours_alone() {
    let stage = neighbours();
    stage
        .next("a", std::iter::repeat_n(server_error(), 5))
        .always("a", &good());
    for _ in 0..5 {
        stage.chat(ask().model("a")).await.unwrap_err();
    }
    stage.chat(ask()).await.unwrap();
    assert_eq!(stage.order(), "a a a a a neighbour");
}

#[tokio::test(start_paused = true)]
async fn entries_of_the_same_model_share_a_breaker() {
    let twin = |mut config: ModelConfig| {
        if &*config.alias == "twin" {
            (config.model_name, config.base_url) = ("a".into(), Some("http://a.test".to_owned()));
        }
        config
    };
    let stage = Stage::of(
        &["a", "twin", "b"],
        ModelPool::builder().retry(no_retries()),
        twin,
    );
    stage
        .next("a", std::iter::repeat_n(server_error(), 5))
        .always("b", &good());
    for _ in 0..5 {
        stage.chat(ask().model("a")).await.unwrap_err();
    }
    stage.chat(ask()).await.unwrap();
    assert_eq!(stage.order(), "a a a a a b");
}

#[tokio::test(start_paused = true)]
async fn under_a_thousand_requests_a_second_what_is_down_gets_one_a_second_at_most() {
    const DOWN: std::ops::Range<u64> = 1_000..3_500;
    let stage = Stage::new(&["a", "b"]);
    let down = MS * 1_000..MS * 3_500;
    stage.network.serve(
        "a.test",
        Server {
            down: Some(down),
            ..Server::default()
        },
    );
    let mut callers = Vec::new();
    for _ in 0..6_500 {
        callers.push(stage.spawn(ChatRequest::new().user("hello")));
        tokio::time::sleep(MS).await;
    }
    for caller in callers {
        caller.await.unwrap().unwrap();
    }
    let calls = stage.calls();
    assert!(calls.len() < 9_000, "the journal has room");
    let primary = calls.iter().filter(|call| call.model == "a");
    let began: Vec<u64> = primary
        .map(|call| u64::try_from(call.began.as_millis()).unwrap())
        .collect();
    let between = |from: u64, to: u64| began.iter().filter(|at| (from..to).contains(*at)).count();
    // Until the calls of before have ended, their successes count too.
    let settled = DOWN.start + 500;
    assert!(between(DOWN.start, settled) <= 100);
    for second in (settled..DOWN.end).step_by(100) {
        let until = (second + 1_000).min(DOWN.end);
        assert!(
            between(second, until) <= 1,
            "from {second} ms: {}",
            between(second, until)
        );
    }
    // It was open for two seconds at most when it came back; the probe takes up to 320 ms.
    let back_by = DOWN.end + 2_000 + 320;
    let probes = between(DOWN.end, back_by);
    assert!(
        between(back_by, back_by + 500) >= 495,
        "{probes} before, {}",
        between(back_by, back_by + 500)
    );
    stage.is_at_rest();
}
