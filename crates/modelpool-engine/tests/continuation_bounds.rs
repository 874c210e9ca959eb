//! When a lost stream is not gone on with, and what bounds the calls that go on.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod common;

use modelpool_core::{ErrorKind, Flag, TimeoutKind, Timeouts};
use modelpool_engine::{ChatRequest, ModelPool, OnLoss, RetryPolicy};
use modelpool_testkit::network::{CallEnd, End, Fate, Pace};
use serde_json::json;

use common::continued;
use common::simulated::{MS, SECOND, Stage, answer, ask, cut, good, silent, slow};

#[tokio::test(start_paused = true)]
async fn what_cannot_be_continued_ends_with_an_error() {
    let at = continued::middle().await;
    let obstacles: [(&str, ChatRequest); 4] = [
        ("n", ask().with("n", 2)),
        ("logprobs", ask().with("logprobs", true)),
        (
            "json mode",
            ask().with("response_format", json!({"type": "json_object"})),
        ),
        (
            "schema",
            ask().with(
                "response_format",
                json!({"type": "json_schema", "json_schema": {}}),
            ),
        ),
    ];
    for (obstacle, request) in obstacles {
        let stage = Stage::of(&["a", "b"], ModelPool::builder(), |mut config| {
            let all = [Flag::JsonMode, Flag::JsonSchema];
            config.capabilities = all
                .into_iter()
                .fold(config.capabilities, modelpool_core::Capabilities::supports);
            config
        });
        stage.next("a", [cut(at)]).next("b", [good()]);
        let read = stage.stream(request).await.unwrap();
        assert_eq!(*read.end.unwrap_err().kind(), ErrorKind::StreamLost, "{obstacle}");
        assert_eq!(stage.order(), "a", "{obstacle}");
        assert!(!read.text.is_empty() && answer().starts_with(&read.text));
    }
    let stage = continued::models(&["a", "b"], false, ModelPool::builder().on_loss(OnLoss::Error));
    stage.next("a", [cut(at)]);
    assert!(stage.stream(ask()).await.unwrap().end.is_err());
    assert_eq!(stage.order(), "a", "the policy says so");
}

#[tokio::test(start_paused = true)]
async fn the_output_limit_shrinks_by_what_was_delivered() {
    let at = continued::middle().await;
    for prefill in [true, false] {
        for member in ["max_tokens", "max_completion_tokens"] {
            let stage = continued::pair(prefill);
            stage.next("a", [cut(at)]).next("b", [good()]);
            assert!(stage.stream(ask().with(member, 100)).await.unwrap().is_whole());
            let limits: Vec<u64> = stage
                .calls()
                .iter()
                .map(|call| call.max_tokens.unwrap())
                .collect();
            assert!(limits[0] == 100 && (60..100).contains(&limits[1]), "{limits:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_deadline_spans_all_of_it() {
    let within = ask().option("deadline_ms", 5_000);
    let at = continued::middle().await;
    // Half a second for every part: the loss comes after some of the time.
    let slowly = |end| Fate {
        end,
        pace: Pace {
            part_bytes: 120,
            gap: 500 * MS,
        },
        ..good()
    };
    for second in [
        silent(),
        slow(60 * SECOND),
        Fate {
            end: End::Silent(at),
            ..good()
        },
        slowly(End::Whole),
    ] {
        let stage = continued::pair(false);
        stage.next("a", [slowly(End::Cut(at))]).always("b", &second);
        let read = stage.stream(within.clone()).await.unwrap();
        assert!(read.end.is_err(), "{second:?}");
        assert_eq!(stage.network.elapsed(), 5 * SECOND, "{second:?}");
        assert_eq!(stage.calls()[1].end, CallEnd::Dropped);
        stage.is_at_rest();
    }
}

#[tokio::test(start_paused = true)]
async fn a_model_that_fell_silent_is_not_asked_to_go_on() {
    let timeouts = Timeouts {
        idle: Some(SECOND),
        ..Timeouts::default()
    };
    let stage = continued::models(&["a"], false, ModelPool::builder().timeouts(timeouts));
    let falls_silent = Fate {
        end: End::Silent(continued::middle().await),
        ..good()
    };
    stage.next("a", [falls_silent, good()]);
    let read = stage.stream(ask()).await.unwrap();
    assert_eq!(
        *read.end.unwrap_err().kind(),
        ErrorKind::Timeout(TimeoutKind::Idle)
    );
    assert_eq!(stage.order(), "a");
}

#[tokio::test(start_paused = true)]
async fn calls_to_go_on_count_as_all_others_do() {
    let policy = RetryPolicy {
        max_models: 2,
        same_model: 0,
        ..RetryPolicy::default()
    };
    let stage = continued::models(&["a", "b", "c"], false, ModelPool::builder().retry(policy));
    let at = continued::middle().await / 2;
    for alias in ["a", "b", "c"] {
        stage.always(alias, &cut(at));
    }
    let read = stage.stream(ask()).await.unwrap();
    assert!(read.end.is_err());
    assert_eq!((stage.order().as_str(), read.summary.attempts), ("a b", 2));
}
