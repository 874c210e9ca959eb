//! What a wire cannot say is an error that names the member, or goes to a model whose wire can; hints are named.

use modelpool::OnLoss;
use modelpool_testkit::wires::Wire;
use serde_json::{Value, json};

use crate::dialect::Dialect;
use crate::house::Pairs;

/// What a dialect says, which some wires cannot.
fn members(dialect: Dialect) -> Vec<(&'static str, Value)> {
    match dialect {
        Dialect::Chat => vec![("n", json!({"n": 2})), ("logprobs", json!({"logprobs": true}))],
        Dialect::Responses => vec![("previous_response_id", json!({"previous_response_id": "resp_1"}))],
        // What it cannot hand on are tools the vendor runs.
        Dialect::Anthropic => vec![(
            "tools",
            json!({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}),
        )],
        Dialect::Gemini => vec![(
            "candidateCount",
            json!({"generationConfig": {"candidateCount": 2}}),
        )],
    }
}

fn with(mut body: Value, members: &Value) -> Value {
    for (name, value) in members.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

/// The wires that take a member of a dialect.
async fn takers(dialect: Dialect, name: &str, members: &Value) -> Vec<Wire> {
    let mut takers = Vec::new();
    for wire in Wire::ALL {
        let pairs = Pairs::of(&[wire], OnLoss::Error).await;
        let body = with(dialect.question(), members);
        let answer = pairs.ask(dialect, wire.provider(), false, &body).await;
        if answer.status == 200 {
            takers.push(wire);
            continue;
        }
        assert_eq!(answer.status, 400, "{dialect:?} to {wire:?}: {answer:?}");
        let words = answer.json()["error"]["message"].to_string();
        assert!(
            words.contains(name),
            "{dialect:?} to {wire:?} names `{name}`: {words}"
        );
        assert!(
            pairs.upstream(wire.provider()).asked().is_empty(),
            "nobody is asked for what cannot be said"
        );
    }
    takers
}

#[tokio::test]
async fn what_cannot_be_said_is_named_or_goes_to_a_model_that_can() {
    for dialect in Dialect::ALL {
        for (name, members) in members(dialect) {
            let takers = takers(dialect, name, &members).await;
            let own = Wire::ALL
                .into_iter()
                .find(|wire| wire.provider() == dialect.own_provider());
            let own = own.unwrap();
            assert!(takers.contains(&own), "{dialect:?} takes its own `{name}`");
            for wire in Wire::ALL.into_iter().filter(|wire| !takers.contains(wire)) {
                let pairs = Pairs::of(&[wire, own], OnLoss::Error).await;
                let mut body = with(dialect.question(), &members);
                body["modelpool"] = json!({"fallbacks": [own.provider()]});
                let answer = pairs.ask(dialect, wire.provider(), false, &body).await;
                assert_eq!(answer.status, 200, "{dialect:?} to {wire:?}: {answer:?}");
                assert_eq!(answer.header("x-modelpool-model"), Some(own.provider()));
            }
        }
    }
}

#[tokio::test]
async fn hints_that_have_no_place_are_named() {
    let pairs = Pairs::all().await;
    for (dialect, hint) in [
        (Dialect::Chat, json!({"logit_bias": {"50256": -100}})),
        (Dialect::Responses, json!({"truncation": "auto"})),
    ] {
        let name = hint.as_object().unwrap().keys().next().unwrap().clone();
        for wire in [
            Wire::Anthropic,
            Wire::Gemini,
            Wire::Bedrock,
            Wire::Cohere,
            Wire::Ollama,
        ] {
            let body = with(dialect.question(), &hint);
            for stream in [false, true] {
                let answer = pairs.ask(dialect, wire.provider(), stream, &body).await;
                assert_eq!(answer.status, 200, "{dialect:?} to {wire:?}: {answer:?}");
                let dropped = answer.header("x-modelpool-dropped").unwrap_or_default();
                assert!(dropped.contains(&name), "{dialect:?} to {wire:?}: {dropped:?}");
            }
        }
    }
}
