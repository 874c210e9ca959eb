//! Before anything reaches the caller, every failure that another model may mend goes unseen.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use modelpool_core::{ErrorKind, Flag, Timeouts};
use modelpool_engine::{ChatRequest, ModelPool, RetryPolicy};
use modelpool_testkit::simulator::Fault;
use serde_json::json;

use common::{Bench, able, hello, no_retries, short_pauses, told};

fn coded(status: u16, code: &str) -> Fault {
    Fault::Status {
        status,
        headers: BTreeMap::new(),
        code: Some(code.to_owned()),
        body: None,
    }
}

/// What is settled where `a` met failures of that code and `b` answered: what a second call may mend
/// is asked twice.
fn told_of(code: &str) -> String {
    match code {
        "server" | "connect" => format!("completed; a: {code}, a: {code}, b: ok"),
        _ => format!("completed; a: {code}, b: ok"),
    }
}

/// Faults of whole answers and of streams, with the code each is settled under.
fn mended_elsewhere() -> Vec<(Fault, &'static str)> {
    vec![
        (Fault::status(500), "server"),
        (Fault::status(502), "server"),
        (Fault::status(503), "overloaded"),
        (Fault::rate_limited(3), "rate_limited"),
        (Fault::status(401), "auth"),
        (Fault::status(402), "billing"),
        (Fault::status(404), "model_not_found"),
        (coded(429, "insufficient_quota"), "billing"),
        (Fault::Html, "protocol"),
        (Fault::CutBeforeHead { reset: false }, "connect"),
    ]
}

#[tokio::test]
async fn of_whole_answers() {
    let mut faults = mended_elsewhere();
    faults.extend([
        (Fault::EmptyBody, "protocol"),
        (Fault::InvalidUtf8, "protocol"),
        (
            Fault::CutAfterChunks {
                chunks: 1,
                reset: false,
            },
            "protocol",
        ),
    ]);
    for (fault, code) in faults {
        let bench = Bench::new(&["a", "b"]).await;
        bench.fails("a", fault.clone());
        let answer = bench.chat(hello()).await.unwrap();
        assert_eq!(
            (&*answer.alias, answer.text()),
            ("b", "I am b".into()),
            "{fault:?}"
        );
        let settlement = bench.settled.one();
        assert_eq!(told(&settlement), told_of(code), "{fault:?}");
        assert_eq!(answer.attempts as usize, settlement.outcomes.len(), "{fault:?}");
    }
}

#[tokio::test]
async fn of_streams_that_have_said_nothing() {
    let mut faults = mended_elsewhere();
    let end = |chunks, done| Fault::EndAfterChunks { chunks, done };
    faults.extend([
        (Fault::EmptyBody, "stream_lost"),
        (end(0, true), "stream_lost"),
        (end(1, false), "stream_lost"),
        (end(1, true), "stream_lost"),
        (
            Fault::CutAfterChunks {
                chunks: 1,
                reset: false,
            },
            "stream_lost",
        ),
        (
            Fault::ErrorAfterChunks {
                chunks: 1,
                error: None,
            },
            "server",
        ),
        (
            Fault::MalformedAfterChunks {
                chunks: 1,
                data: None,
            },
            "protocol",
        ),
    ]);
    for (fault, code) in faults {
        let bench = Bench::new(&["a", "b"]).await;
        bench.fails("a", fault.clone());
        let streamed = bench.stream(hello()).await.unwrap();
        assert_eq!((&*streamed.alias, &*streamed.text), ("b", "I am b"), "{fault:?}");
        assert!(streamed.end.is_ok());
        assert_eq!(told(&bench.settled.one()), told_of(code), "{fault:?}");
    }
}

#[tokio::test]
async fn of_a_server_that_is_not_there() {
    let bench = Bench::of(
        vec![("a", able()), ("b", able())],
        ModelPool::builder().retry(short_pauses()),
        |config| match &*config.alias {
            "a" => config.base_url("http://127.0.0.1:1"),
            _ => config,
        },
    )
    .await;
    assert_eq!(&*bench.chat(hello()).await.unwrap().alias, "b");
    assert_eq!(told(&bench.settled.one()), told_of("connect"));
}

#[tokio::test]
async fn of_an_entry_that_cannot_be_called() {
    let bench = Bench::of(
        vec![("a", able()), ("b", able())],
        ModelPool::builder().environment(std::sync::Arc::new(|_| None)),
        |mut config| {
            if &*config.alias == "a" {
                config.base_url = None;
                config.provider = "openai".to_owned();
            }
            config
        },
    )
    .await;
    assert_eq!(&*bench.chat(hello()).await.unwrap().alias, "b");
    assert_eq!(told(&bench.settled.one()), "completed; a: configuration, b: ok");
}

#[tokio::test]
async fn of_a_stream_that_does_not_begin_in_time() {
    let timeouts = Timeouts {
        first_token: Some(Duration::from_millis(250)),
        ..Timeouts::default()
    };
    for fault in [
        Fault::StallBeforeHead,
        Fault::StallAfterHead,
        Fault::StallAfterChunks { chunks: 1 },
    ] {
        let bench = Bench::with(&["a", "b"], ModelPool::builder().timeouts(timeouts)).await;
        bench.fails("a", fault.clone());
        let streamed = bench.stream(hello()).await.unwrap();
        assert_eq!(streamed.alias, "b", "{fault:?}");
        assert_eq!(told(&bench.settled.one()), "completed; a: timeout, b: ok");
        bench.upstream.wait_until(|counts| counts.in_flight == 0).await;
        assert_eq!(bench.upstream.counts().cancelled, 1, "the silent call has ended");
    }
}

#[tokio::test]
async fn not_of_what_would_be_wrong_everywhere() {
    for (fault, kind) in [
        (Fault::status(400), ErrorKind::InvalidRequest),
        (Fault::status(422), ErrorKind::InvalidRequest),
        (coded(400, "content_filter"), ErrorKind::ContentFilter),
    ] {
        for stream in [false, true] {
            let bench = Bench::new(&["a", "b"]).await;
            bench.fails("a", fault.clone());
            let error = match stream {
                false => bench.chat(hello()).await.map(drop).unwrap_err(),
                true => bench.stream(hello()).await.map(drop).unwrap_err(),
            };
            assert_eq!(*error.kind(), kind, "{fault:?}");
            assert_eq!((error.alias(), error.attempts()), (Some("a"), 1));
            assert_eq!(bench.calls(), "a: 1");
        }
    }
}

#[tokio::test]
async fn of_refusals_only_where_the_policy_says_so() {
    let retry = RetryPolicy {
        refusals_fail_over: true,
        ..RetryPolicy::default()
    };
    let bench = Bench::with(&["a", "b"], ModelPool::builder().retry(retry)).await;
    bench.fails("a", coded(400, "content_filter"));
    assert_eq!(&*bench.chat(hello()).await.unwrap().alias, "b");
    assert_eq!(told(&bench.settled.one()), "completed; a: content_filter, b: ok");
}

#[tokio::test]
async fn only_to_models_that_meet_the_requirements() {
    let blind = able().lacks(Flag::Vision);
    let unsure = modelpool_core::Capabilities::new().context_window(100_000);
    let models = vec![
        ("sees-1", able()),
        ("blind", blind),
        ("unsure", unsure),
        ("sees-2", able()),
    ];
    let bench = Bench::of(models, ModelPool::builder().retry(short_pauses()), |config| {
        config
    })
    .await;
    bench.fails("sees-1", Fault::status(500));
    let required = || hello().require(json!({"supports_vision": true}));
    assert_eq!(&*bench.chat(required()).await.unwrap().alias, "sees-2");
    bench.fails("sees-2", Fault::status(500));
    assert_eq!(
        *bench.chat(required()).await.unwrap_err().kind(),
        ErrorKind::Server
    );
    assert_eq!(bench.calls(), "sees-1: 4, sees-2: 3");
}

#[tokio::test]
async fn of_inferred_requirements_to_models_of_which_it_is_unknown_last() {
    let unsure = modelpool_core::Capabilities::new().context_window(100_000);
    let models = vec![
        ("unsure", unsure),
        ("blind", able().lacks(Flag::Vision)),
        ("sees", able()),
    ];
    let bench = Bench::of(models, ModelPool::builder(), |config| config).await;
    let picture = || {
        let part = json!({"type": "image_url", "image_url": {"url": "data:,x"}});
        ChatRequest::new().message(json!({"role": "user", "content": [part]}))
    };
    assert_eq!(&*bench.chat(picture()).await.unwrap().alias, "sees");
    bench.fails("sees", Fault::status(503));
    assert_eq!(&*bench.chat(picture()).await.unwrap().alias, "unsure");
    assert_eq!(bench.calls(), "sees: 2, unsure: 1");
}

#[tokio::test]
async fn of_an_input_that_is_too_long_to_a_larger_window_only() {
    let window = |tokens| able().context_window(tokens);
    let models = vec![
        ("8k", window(8_192)),
        ("also-8k", window(8_192)),
        ("4k", window(4_096)),
        ("32k", window(32_768)),
    ];
    let bench = Bench::of(models, ModelPool::builder(), |config| config).await;
    bench.fails("8k", coded(400, "context_length_exceeded"));
    assert_eq!(&*bench.chat(hello()).await.unwrap().alias, "32k");
    bench.fails("32k", coded(400, "context_length_exceeded"));
    let error = bench.chat(hello()).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::ContextLength { window: Some(8192) });
    assert_eq!(bench.calls(), "32k: 2, 8k: 2");
}

#[tokio::test]
async fn of_a_model_that_turns_out_not_to_see_to_one_that_may() {
    let unsure = modelpool_core::Capabilities::new().context_window(100_000);
    let models = vec![
        ("unsure", unsure),
        ("blind", able().lacks(Flag::Vision)),
        ("other", able()),
    ];
    let bench = Bench::of(models, ModelPool::builder(), |config| config).await;
    let body = r#"{"error":{"message":"image_url is only supported by certain models."}}"#;
    bench.fails(
        "unsure",
        Fault::Status {
            status: 400,
            headers: BTreeMap::new(),
            code: None,
            body: Some(body.to_owned()),
        },
    );
    assert_eq!(&*bench.chat(hello()).await.unwrap().alias, "other");
}

#[tokio::test]
async fn to_no_more_models_than_allowed() {
    for (allowed, same_model, calls) in [
        (1, 0, "a: 1"),
        (2, 0, "a: 1, b: 1"),
        (9, 0, "a: 1, b: 1, c: 1"),
        (1, 1, "a: 2"),
        (2, 2, "a: 3, b: 3"),
    ] {
        let policy = RetryPolicy {
            max_models: allowed,
            same_model,
            ..short_pauses()
        };
        let bench = Bench::with(&["a", "b", "c"], ModelPool::builder().retry(policy)).await;
        for model in ["a", "b", "c"] {
            bench.fails(model, Fault::status(500));
        }
        let error = bench.chat(hello()).await.unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Server);
        assert_eq!(bench.calls(), calls);
        assert_eq!(error.attempts() as usize, bench.upstream.requests().len());
    }
}

#[tokio::test]
async fn of_a_named_model_only_to_its_fallbacks_or_those_of_the_request() {
    let named = |alias: &str| hello().model(alias);
    let bench = Bench::of(
        vec![("a", able()), ("b", able()), ("c", able()), ("alone", able())],
        ModelPool::builder().retry(no_retries()),
        |config| match &*config.alias {
            "a" => config.fallbacks(["c"]),
            _ => config,
        },
    )
    .await;
    for model in ["a", "alone"] {
        bench.fails(model, Fault::status(500));
    }
    let answered =
        |answer: Result<modelpool_engine::ChatAnswer, _>| answer.map(|answer| answer.alias.to_string());
    assert_eq!(answered(bench.chat(named("a")).await).unwrap(), "c");
    let in_request = named("a").option("fallbacks", json!(["b", "c"]));
    assert_eq!(answered(bench.chat(in_request).await).unwrap(), "b");
    assert!(answered(bench.chat(named("alone")).await).is_err());
    let none = named("a").option("fallbacks", json!([]));
    assert!(answered(bench.chat(none).await).is_err());
    assert_eq!(bench.calls(), "a: 3, alone: 1, b: 1, c: 1");
}

#[tokio::test]
async fn of_embeddings_never() {
    let bench = Bench::new(&["a", "b"]).await;
    assert_eq!(bench.pool.embed("auto", &["x", "y"]).await.unwrap().len(), 2);
    bench.fails("a", Fault::status(500));
    let error = bench.pool.embed("auto", &["x"]).await.unwrap_err();
    assert_eq!((error.kind(), error.alias()), (&ErrorKind::Server, Some("a")));
    assert_eq!(bench.calls(), "a: 3", "one that worked, and two that did not");
}

#[tokio::test]
async fn all_rate_limited_is_the_shortest_wait_and_else_the_last_error() {
    let bench = Bench::new(&["a", "b", "c"]).await;
    bench.fails("a", Fault::rate_limited(9));
    bench.fails("b", Fault::rate_limited(4));
    bench.fails("c", Fault::rate_limited(7));
    let error = bench.chat(hello()).await.unwrap_err();
    let wait = error.retry_after().unwrap();
    // What has passed since it was said is taken off.
    assert!(
        wait > Duration::from_secs(3) && wait <= Duration::from_secs(4),
        "{wait:?}"
    );
    assert_eq!(error.attempts(), 3);

    let bench = Bench::new(&["a", "b"]).await;
    bench.fails("a", Fault::rate_limited(9));
    bench.fails("b", Fault::status(500));
    let error = bench.chat(hello()).await.unwrap_err();
    assert_eq!((error.kind(), error.alias()), (&ErrorKind::Server, Some("b")));
}

#[tokio::test]
async fn a_server_that_says_it_would_fail_again_is_not_asked_again() {
    for (says, asked) in [
        ("false", "a: 1, b: 1"),
        ("true", "a: 2, b: 1"),
        ("perhaps", "a: 2, b: 1"),
    ] {
        for status in [500, 503] {
            let bench = Bench::new(&["a", "b"]).await;
            let fault = Fault::Status {
                status,
                headers: BTreeMap::from([("x-should-retry".to_owned(), says.to_owned())]),
                code: None,
                body: None,
            };
            bench.fails("a", fault);
            assert_eq!(bench.stream(hello()).await.unwrap().alias, "b");
            let asked = if status == 503 { "a: 1, b: 1" } else { asked };
            assert_eq!(bench.calls(), asked, "{status} {says}");
        }
    }
    // Nor where nobody else is left.
    for (says, times) in [("false", 1), ("true", 2)] {
        let bench = Bench::new(&["a"]).await;
        let fault = Fault::Status {
            status: 503,
            headers: BTreeMap::from([("x-should-retry".to_owned(), says.to_owned())]),
            code: None,
            body: None,
        };
        bench.fails("a", fault);
        assert_eq!(bench.chat(hello()).await.unwrap_err().attempts(), times, "{says}");
    }
}
