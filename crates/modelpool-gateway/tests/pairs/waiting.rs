//! Callers who wait: the head goes out before the first word, and what fails then is an event of the dialect.

use std::time::Duration;

use modelpool::ModelPool;
use modelpool_gateway::GatewayLimits;
use modelpool_testkit::wires::{Deed, Fault, Wire};
use serde_json::{Value, json};

use crate::common::{House, Plan};
use crate::dialect::Dialect;
use crate::house::{Pairs, each_pair};
use crate::reading;

async fn hasty(wire: Wire) -> Pairs {
    let plan = Plan {
        builder: ModelPool::builder(),
        limits: GatewayLimits {
            keepalive: Duration::from_millis(50),
            ..GatewayLimits::default()
        },
        ..Plan::default()
    };
    Pairs::in_front_of(House::empty(plan).await, &[wire]).await
}

#[tokio::test]
async fn what_fails_after_the_head_is_an_event_of_the_dialect() {
    each_pair(late_failure).await;
}

async fn late_failure(dialect: Dialect, wire: Wire) {
    let pairs = hasty(wire).await;
    pairs
        .upstream(wire.provider())
        .always(Deed::fails(Fault::StallBeforeHead));
    let mut body = dialect.question();
    body["modelpool"] = json!({"deadline_ms": 200});
    let answer = pairs.ask(dialect, wire.provider(), true, &body).await;
    assert_eq!(answer.status, 200, "the head had gone out: {answer:?}");
    let told = reading::stream(dialect, answer.text());
    let error = told.error.clone().unwrap_or_default();
    assert!(
        !told.looks_complete() && told.text.is_empty(),
        "{}",
        answer.text()
    );
    match dialect {
        Dialect::Chat | Dialect::Responses => assert_eq!(error["code"], "timeout", "{error}"),
        Dialect::Anthropic => assert_eq!(error["type"], "timeout_error", "{error}"),
        Dialect::Gemini => assert_eq!(error["status"], "DEADLINE_EXCEEDED", "{error}"),
    }
}

/// Without `alt=sse` Gemini's stream is one JSON array, whole or lost.
#[tokio::test]
async fn gemini_s_array_is_json_whatever_becomes_of_it() {
    for wire in Wire::ALL {
        let said = wire
            .frames(&modelpool_testkit::wires::Said::default())
            .all()
            .concat();
        let pairs = Pairs::of(&[wire], modelpool::OnLoss::Error).await;
        for bytes in [said.len(), said.len() * 3 / 4] {
            let cut = Fault::Cut { bytes, clean: true };
            pairs.upstream(wire.provider()).next(Deed::fails(cut));
            let path = format!("/v1beta/models/{}:streamGenerateContent", wire.provider());
            let body = Dialect::Gemini.question().to_string();
            let answer = pairs.house.post(&path, body).await;
            assert_eq!(
                answer.header("content-type"),
                Some("application/json"),
                "{answer:?}"
            );
            let items = answer.json();
            let items = items
                .as_array()
                .unwrap_or_else(|| panic!("{wire:?}: {}", answer.text()));
            let text: String = items.iter().map(text_of).collect();
            let ended = items
                .iter()
                .any(|item| item["candidates"][0]["finishReason"] == "STOP");
            let failed = items.last().is_some_and(|item| item.get("error").is_some());
            assert!(ended != failed, "{wire:?}: {}", answer.text());
            assert!(
                !ended || text == "The quick brown fox jumps.",
                "{wire:?}: {}",
                answer.text()
            );
        }
    }
}

fn text_of(item: &Value) -> &str {
    item["candidates"][0]["content"]["parts"][0]["text"]
        .as_str()
        .unwrap_or_default()
}
