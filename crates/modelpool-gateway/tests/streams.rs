//! What a stream looks like to the caller: our comment before its last event, and an error event
//! where it is lost.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod common;

use std::time::Duration;

use modelpool::{ModelPool, OnLoss};
use modelpool_gateway::GatewayLimits;
use modelpool_testkit::simulator::{Fault, ModelBehaviour};
use serde_json::{Value, json};

use common::{Answer, House, Plan, able};

async fn stream(house: &House, more: Value) -> Answer {
    let mut body = json!({"model": "auto", "stream": true, "messages": [{"role": "user", "content": "x"}]});
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().cloned().unwrap());
    house.chat(body).await
}

/// The blocks of a stream, each an event or a comment.
fn blocks(answer: &Answer) -> Vec<&str> {
    let text = answer.text().strip_suffix("\n\n").expect("whole events");
    text.split("\n\n").collect()
}

fn our_comment(block: &str) -> Value {
    let json = block
        .strip_prefix(": modelpool ")
        .unwrap_or_else(|| panic!("no comment: {block}"));
    serde_json::from_str(json).unwrap()
}

#[tokio::test]
async fn the_comment_stands_before_the_last_event_with_what_is_known_only_then() {
    let house = House::new().await;
    let answer = stream(&house, json!({})).await;
    let blocks = blocks(&answer);
    let [.., comment, done] = blocks[..] else {
        panic!("{blocks:?}")
    };
    assert_eq!(done, "data: [DONE]");
    let comment = our_comment(comment);
    assert_eq!(
        comment["request_id"].as_str(),
        answer.header("x-modelpool-request-id")
    );
    assert_eq!(
        (&comment["model"], &comment["attempts"]),
        (&json!("a"), &json!(1))
    );
    assert_eq!(comment["usage_estimated"], false);
    assert!(comment["cost_usd"].as_f64().unwrap() > 0.0, "{comment}");
    assert!(!answer.text().contains("\"usage\":{"), "usage was not asked for");
    assert_eq!(answer.header("x-modelpool-model"), Some("a"));
    assert_eq!(answer.header("x-modelpool-attempts"), Some("1"));
    assert_eq!(answer.header("cache-control"), Some("no-cache"));
}

#[tokio::test]
async fn a_cost_nobody_declared_is_null() {
    let house = House::empty(Plan::default()).await;
    house.add("a", able());
    let answer = stream(&house, json!({})).await;
    let blocks = blocks(&answer);
    assert_eq!(our_comment(blocks[blocks.len() - 2])["cost_usd"], Value::Null);
}

#[tokio::test]
async fn usage_comes_to_those_who_ask_before_the_end() {
    let house = House::new().await;
    let answer = stream(&house, json!({"stream_options": {"include_usage": true}})).await;
    let blocks = blocks(&answer);
    let usage: Value =
        serde_json::from_str(blocks[blocks.len() - 3].strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!(usage["choices"], json!([]));
    assert!(usage["usage"]["completion_tokens"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn a_server_that_leaves_the_mark_out_is_mended() {
    let behaviour = ModelBehaviour {
        omit_done: true,
        ..ModelBehaviour::default()
    };
    let house = House::of(Plan {
        behaviour,
        ..Plan::default()
    })
    .await;
    let answer = stream(&house, json!({})).await;
    let blocks = blocks(&answer);
    assert_eq!(blocks.iter().filter(|block| **block == "data: [DONE]").count(), 1);
    our_comment(blocks[blocks.len() - 2]);
}

#[tokio::test]
async fn a_stream_that_is_lost_ends_with_an_error_event_and_not_as_if_complete() {
    for (fault, code) in [
        (
            Fault::CutAfterChunks {
                chunks: 3,
                reset: false,
            },
            "upstream_error",
        ),
        (
            Fault::EndAfterChunks {
                chunks: 3,
                done: false,
            },
            "upstream_error",
        ),
        (
            Fault::EndAfterChunks {
                chunks: 3,
                done: true,
            },
            "upstream_error",
        ),
        (
            Fault::MalformedAfterChunks {
                chunks: 3,
                data: None,
            },
            "upstream_error",
        ),
        (
            Fault::ErrorAfterChunks {
                chunks: 3,
                error: Some(json!({"message": "busy", "code": 503})),
            },
            "overloaded",
        ),
    ] {
        let house = House::of(Plan {
            builder: ModelPool::builder().on_loss(OnLoss::Error),
            ..Plan::default()
        })
        .await;
        house.fails("a", fault.clone());
        let answer = stream(&house, json!({})).await;
        assert_eq!(answer.status, 200, "the head had gone out");
        let blocks = blocks(&answer);
        assert!(!blocks.contains(&"data: [DONE]"), "{fault:?}: {blocks:?}");
        let [.., comment, last] = blocks[..] else {
            panic!("{blocks:?}")
        };
        assert_eq!(our_comment(comment)["usage_estimated"], true);
        let event: Value = serde_json::from_str(last.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(event["error"]["code"], code, "{fault:?}: {event}");
        for key in ["message", "type", "param", "code"] {
            assert!(event["error"].get(key).is_some(), "{event}");
        }
        assert_eq!(house.upstream.counts().requests, 1, "no failover after commit");
    }
}

#[tokio::test]
async fn a_stream_that_is_lost_is_continued_by_another_model() {
    let house = House::new().await;
    let cut = Fault::CutAfterChunks {
        chunks: 3,
        reset: false,
    };
    house.fails("a", cut);
    let answer = stream(&house, json!({"stream_options": {"include_usage": true}})).await;
    let blocks = blocks(&answer);
    let [.., comment, done] = blocks[..] else {
        panic!("{blocks:?}")
    };
    assert_eq!(done, "data: [DONE]");
    let comment = our_comment(comment);
    assert_eq!(
        (&comment["continued"], &comment["attempts"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(comment["model"], "b");
    let chunks: Vec<Value> = blocks
        .iter()
        .filter_map(|block| serde_json::from_str(block.strip_prefix("data: ")?).ok())
        .collect();
    assert!(chunks.len() > 4, "{blocks:?}");
    for chunk in &chunks {
        assert_eq!(chunk["id"], chunks[0]["id"], "one answer has one id");
    }
    let roles = chunks
        .iter()
        .filter(|chunk| chunk["choices"][0]["delta"]["role"].is_string());
    assert_eq!(roles.count(), 1, "{blocks:?}");
    // Both calls were paid for.
    let usage = chunks.iter().rfind(|chunk| chunk["usage"].is_object()).unwrap();
    let counted = |name: &str| usage["usage"][name].as_u64().unwrap();
    assert!(counted("prompt_tokens") > 10, "{usage}");
    assert_eq!(
        counted("total_tokens"),
        counted("prompt_tokens") + counted("completion_tokens")
    );
}

#[tokio::test]
async fn who_waits_is_told_that_the_answer_is_awaited() {
    let limits = GatewayLimits {
        keepalive: Duration::from_millis(50),
        ..GatewayLimits::default()
    };
    let behaviour = ModelBehaviour {
        first_token_ms: 300,
        ..ModelBehaviour::default()
    };
    let house = House::of(Plan {
        limits,
        behaviour,
        ..Plan::default()
    })
    .await;
    let answer = stream(&house, json!({})).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    let blocks = blocks(&answer);
    assert_eq!(blocks[0], ": waiting");
    assert_eq!(blocks.last(), Some(&"data: [DONE]"));
}

#[tokio::test]
async fn what_fails_after_the_head_went_out_is_an_error_event() {
    let limits = GatewayLimits {
        keepalive: Duration::from_millis(50),
        ..GatewayLimits::default()
    };
    let behaviour = ModelBehaviour {
        first_token_ms: 60_000,
        ..ModelBehaviour::default()
    };
    let house = House::of(Plan {
        limits,
        behaviour,
        ..Plan::default()
    })
    .await;
    let answer = stream(&house, json!({"modelpool": {"deadline_ms": 200}})).await;
    assert_eq!(answer.status, 200, "the head had gone out");
    let blocks = blocks(&answer);
    let error: Value = serde_json::from_str(blocks.last().unwrap().strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!(error["error"]["code"], "timeout");
}

#[tokio::test]
async fn what_fails_before_the_first_word_is_not_seen() {
    let house = House::new().await;
    house.fails(
        "a",
        Fault::CutAfterChunks {
            chunks: 1,
            reset: false,
        },
    );
    let answer = stream(&house, json!({})).await;
    assert_eq!(answer.header("x-modelpool-model"), Some("b"));
    assert_eq!(answer.header("x-modelpool-attempts"), Some("2"));
    assert!(answer.text().ends_with("data: [DONE]\n\n"));
}
