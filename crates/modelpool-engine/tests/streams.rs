//! A committed stream ends whole or with an error, and says what it used.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod common;

use std::collections::BTreeMap;

use modelpool_core::ErrorKind;
use modelpool_engine::{ModelPool, OnLoss, StreamSummary};
use modelpool_testkit::simulator::{Fault, ModelBehaviour};
use serde_json::json;

use common::{Bench, able, hello, soon, told};

/// A stream of these events, sent as they stand.
fn events(data: &[&str]) -> Fault {
    let body: String = data.iter().map(|data| format!("data: {data}\n\n")).collect();
    Fault::Status {
        status: 200,
        headers: BTreeMap::from([("content-type".to_owned(), "text/event-stream".to_owned())]),
        code: None,
        body: Some(body),
    }
}

const TEXT: &str = r#"{"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":null}]}"#;
const FINISH: &str = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;

async fn streamed(fault: Fault, on_loss: OnLoss) -> (Bench, common::Streamed) {
    let bench = Bench::with(&["a", "b"], ModelPool::builder().on_loss(on_loss)).await;
    bench.fails("a", fault);
    let streamed = bench.stream(hello()).await.unwrap();
    (bench, streamed)
}

#[tokio::test]
async fn what_is_lost_after_commit_is_an_error_where_the_policy_says_so() {
    let cut = |reset| Fault::CutAfterChunks { chunks: 3, reset };
    let end = |done| Fault::EndAfterChunks { chunks: 3, done };
    let other_choice = r#"{"choices":[{"index":1,"delta":{"content":"y"},"finish_reason":null}]}"#;
    for (fault, kind) in [
        (cut(false), ErrorKind::StreamLost),
        (end(false), ErrorKind::StreamLost),
        (end(true), ErrorKind::StreamLost),
        (events(&[TEXT, "[DONE]"]), ErrorKind::StreamLost),
        (events(&[TEXT, FINISH, other_choice]), ErrorKind::StreamLost),
        (events(&[TEXT, r#"{"choices":[{"#]), ErrorKind::Protocol),
        (
            Fault::ErrorAfterChunks {
                chunks: 3,
                error: None,
            },
            ErrorKind::Server,
        ),
    ] {
        let (bench, streamed) = streamed(fault.clone(), OnLoss::Error).await;
        let error = streamed.end.expect_err("a clean end");
        assert_eq!(*error.kind(), kind, "{fault:?}");
        assert_eq!((error.alias(), error.attempts()), (Some("a"), 1));
        assert!(!streamed.text.is_empty());
        assert_eq!(bench.calls(), "a: 1");
        let settlement = bench.settled.one();
        assert_eq!(
            told(&settlement),
            format!("failed {code}; a: {code}", code = error.code())
        );
        assert!(
            settlement.outcomes[0].usage.unwrap().estimated,
            "what was said is counted"
        );
    }
}

#[tokio::test]
async fn with_a_finish_reason_it_is_complete_whatever_follows() {
    for fault in [
        events(&[TEXT, FINISH]),
        events(&[TEXT, FINISH, "[DONE]"]),
        events(&[TEXT, FINISH, r#"{"error":{"message":"too late"}}"#]),
        events(&[TEXT, FINISH, "{"]),
    ] {
        for on_loss in [OnLoss::Error, OnLoss::Continue, OnLoss::Buffer] {
            let (bench, streamed) = streamed(fault.clone(), on_loss).await;
            assert!(streamed.end.is_ok(), "{fault:?}: {:?}", streamed.end);
            assert_eq!(streamed.text, "x");
            assert_eq!(told(&bench.settled.one()), "completed; a: ok", "{fault:?}");
        }
    }
}

#[tokio::test]
async fn usage_is_counted_and_shown_to_those_who_asked() {
    let bench = Bench::new(&["a"]).await;
    let mut summaries: Vec<StreamSummary> = Vec::new();
    for asks in [false, true] {
        let request = match asks {
            true => hello().with("stream_options", json!({"include_usage": true})),
            false => hello(),
        };
        let mut stream = soon(bench.pool.chat_stream(request)).await.unwrap();
        let mut shown = 0;
        while let Some(event) = soon(stream.next()).await {
            shown += usize::from(event.unwrap().usage.is_some());
        }
        assert_eq!(shown, usize::from(asks));
        summaries.push(stream.summary());
    }
    assert_eq!(summaries[0], summaries[1]);
    let usage = summaries[0].usage;
    assert!(
        !usage.estimated && usage.input_tokens > 0 && usage.output_tokens > 0,
        "{usage:?}"
    );
    let settled = bench.settled.all();
    assert_eq!(settled.len(), 2);
    assert!(
        settled
            .iter()
            .all(|settlement| settlement.outcomes[0].usage == Some(usage))
    );
    for request in bench.upstream.requests() {
        let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(body["stream_options"]["include_usage"], true);
    }
}

#[tokio::test]
async fn usage_without_counts_is_withheld_too() {
    let zero = r#"{"choices":[],"usage":{"prompt_tokens":0,"completion_tokens":0}}"#;
    let bench = Bench::new(&["a"]).await;
    bench.fails("a", events(&[TEXT, FINISH, zero, "[DONE]"]));
    let mut stream = soon(bench.pool.chat_stream(hello())).await.unwrap();
    let mut raw = Vec::new();
    while let Some(event) = soon(stream.next()).await {
        raw.push(String::from_utf8(event.unwrap().raw.to_vec()).unwrap());
    }
    let expected = [TEXT, FINISH, "[DONE]"].map(|data| format!("data: {data}\n\n"));
    assert_eq!(raw, expected);
    assert!(stream.summary().usage.estimated);
}

#[tokio::test]
async fn usage_that_never_came_is_estimated_and_marked() {
    // A vendor that sends usage unasked, in front of a server that does not.
    let bench = Bench::of(vec![("a", able())], ModelPool::builder(), |mut config| {
        config.provider = "mistral".to_owned();
        config
    })
    .await;
    let mut stream = soon(bench.pool.chat_stream(hello())).await.unwrap();
    assert_eq!(soon(stream.text()).await.unwrap(), "I am a");
    let usage = stream.summary().usage;
    assert!(usage.estimated && usage.input_tokens > 0, "{usage:?}");
    assert!((2..=8).contains(&usage.output_tokens), "{usage:?}");

    let whole =
        r#"{"choices":[{"message":{"content":"four words, about eight tokens"},"finish_reason":"stop"}]}"#;
    bench.fails(
        "a",
        Fault::Status {
            status: 200,
            headers: BTreeMap::new(),
            code: None,
            body: Some(whole.to_owned()),
        },
    );
    let usage = bench.chat(hello()).await.unwrap().whole.usage;
    assert!(
        usage.estimated && (5..=10).contains(&usage.output_tokens),
        "{usage:?}"
    );
}

#[tokio::test]
async fn reasoning_commits() {
    let bench = Bench::new(&["a"]).await;
    let reasons = ModelBehaviour {
        reasoning: Some("hm".to_owned()),
        ..ModelBehaviour::answering("so")
    };
    let upstream = modelpool_testkit::Simulator::builder()
        .behaviour(reasons)
        .start()
        .await
        .unwrap();
    let config = modelpool_core::ModelConfig::new("thinker", "custom", "m").base_url(upstream.base_url());
    bench.pool.add(config).unwrap();
    let mut stream = soon(bench.pool.chat_stream(hello().model("thinker")))
        .await
        .unwrap();
    let first = loop {
        let event = soon(stream.next()).await.unwrap().unwrap();
        if event.meaningful {
            break event;
        }
    };
    assert!(String::from_utf8_lossy(&first.raw).contains("reasoning_content"));
    assert_eq!(soon(stream.text()).await.unwrap(), "so");
}
