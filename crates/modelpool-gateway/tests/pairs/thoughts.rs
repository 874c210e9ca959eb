//! What a model thought reaches the caller; sent back, it reaches the model with what proves it, and no other vendor is
//! shown that proof.

use modelpool::OnLoss;
use modelpool_testkit::wires::{Deed, Said, Wire};
use serde_json::{Value, json};

use crate::dialect::Dialect;
use crate::house::{Pairs, each_pair};
use crate::order;
use crate::reading;

const THOUGHT: &str = "Foxes jump, I thought.";
const SIGNATURE: &str = "U0lHTkFUVVJF";

#[tokio::test]
async fn a_thought_goes_to_the_caller_and_back_to_its_model() {
    each_pair(there_and_back).await;
}

#[tokio::test]
async fn a_thought_is_streamed_to_the_caller() {
    each_pair(streamed).await;
}

async fn streamed(dialect: Dialect, wire: Wire) {
    let pairs = Pairs::of(&[wire], OnLoss::Error).await;
    for said in [Said::default(), Said::weather_call()] {
        if wire == Wire::Cohere && said.call.is_some() {
            // What it thinks before a call is a plan, which is no content.
            continue;
        }
        let called = usize::from(said.call.is_some());
        let text = said.whole_text();
        let deed = Deed::says(said.thinking(THOUGHT, SIGNATURE));
        pairs.upstream(wire.provider()).next(deed);
        let answer = pairs
            .ask(dialect, wire.provider(), true, &dialect.question())
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let told = reading::stream(dialect, answer.text());
        let read = (told.thought.as_str(), told.text.as_str(), told.calls.len());
        assert_eq!(read, (THOUGHT, text.as_str(), called), "{}", answer.text());
        assert!(told.looks_complete(), "{}", answer.text());
        order::check(dialect, answer.text());
    }
}

/// Whether the model is shown its proof again. Cohere and Ollama have none; those of servers that speak chat completions
/// are anybody's, and pass through at most.
fn proves(dialect: Dialect, wire: Wire) -> bool {
    match wire {
        Wire::Cohere | Wire::Ollama => false,
        Wire::OpenAiChat => dialect == Dialect::Chat,
        _ => true,
    }
}

/// Claude's proofs are Claude's, wherever it is served.
fn same_issuer(one: Wire, other: Wire) -> bool {
    let of_claude = |wire| matches!(wire, Wire::Anthropic | Wire::Bedrock);
    one == other || (of_claude(one) && of_claude(other))
}

async fn there_and_back(dialect: Dialect, wire: Wire) {
    let pairs = Pairs::all().await;
    let alias = wire.provider();
    for said in [Said::default(), Said::weather_call()] {
        if wire == Wire::Cohere && said.call.is_some() {
            // What it thinks before a call is a plan, which is no content.
            continue;
        }
        pairs
            .upstream(alias)
            .next(Deed::says(said.thinking(THOUGHT, SIGNATURE)));
        let answer = pairs.ask(dialect, alias, false, &dialect.question()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(answer.text().contains(THOUGHT), "{}", answer.text());

        let turn = echoed(dialect, &answer.json());
        for other in Wire::ALL {
            let next = pairs.ask(dialect, other.provider(), false, &turn).await;
            assert_eq!(next.status, 200, "{other:?}: {next:?}");
            let asked = pairs.upstream(other.provider()).last_asked().unwrap().body;
            let shown = asked.to_string().contains(SIGNATURE);
            let what = format!("{other:?} was asked {asked} after {}", answer.text());
            match same_issuer(wire, other) {
                true if other == wire => assert_eq!(shown, proves(dialect, wire), "{what}"),
                true => {}
                // Google has a place for it in this wire, which says that it is Google's.
                false if asked.to_string().contains("\"thought_signature\"") => {}
                false => assert!(!shown, "a stranger's proof: {what}"),
            }
        }
    }
}

/// The next turn, as a client makes it: the answer as it came, and what the user says to it.
fn echoed(dialect: Dialect, answer: &Value) -> Value {
    let mut body = dialect.question();
    let name = match dialect {
        Dialect::Chat | Dialect::Anthropic => "messages",
        Dialect::Responses => "input",
        Dialect::Gemini => "contents",
    };
    let turns = match dialect {
        Dialect::Chat => {
            let message = answer["choices"][0]["message"].clone();
            let id = message["tool_calls"][0]["id"].clone();
            let reply = match id.is_null() {
                true => json!({"role": "user", "content": "Sure?"}),
                false => json!({"role": "tool", "tool_call_id": id, "content": "rain"}),
            };
            vec![message, reply]
        }
        Dialect::Responses => {
            let mut items = answer["output"].as_array().cloned().unwrap_or_default();
            let call = items.iter().find(|item| item["type"] == "function_call").cloned();
            items.push(match call {
                None => json!({"role": "user", "content": "Sure?"}),
                Some(call) => {
                    json!({"type": "function_call_output", "call_id": call["call_id"], "output": "rain"})
                }
            });
            items
        }
        Dialect::Anthropic => {
            let blocks = answer["content"].as_array().cloned().unwrap_or_default();
            let call = blocks.iter().find(|block| block["type"] == "tool_use");
            let reply = match call {
                None => json!("Sure?"),
                Some(call) => {
                    json!([{"type": "tool_result", "tool_use_id": call["id"], "content": "rain"}])
                }
            };
            vec![
                json!({"role": "assistant", "content": blocks}),
                json!({"role": "user", "content": reply}),
            ]
        }
        Dialect::Gemini => {
            let content = answer["candidates"][0]["content"].clone();
            let parts = content["parts"].as_array().cloned().unwrap_or_default();
            let call = parts.iter().find_map(|part| part.get("functionCall"));
            let reply = match call {
                None => json!({"text": "Sure?"}),
                Some(call) => {
                    let mut response = json!({"name": call["name"], "response": {"result": "rain"}});
                    if let Some(id) = call.get("id") {
                        response["id"] = id.clone();
                    }
                    json!({ "functionResponse": response })
                }
            };
            vec![content, json!({"role": "user", "parts": [reply]})]
        }
    };
    if let Some(list) = body[name].as_array_mut() {
        list.extend(turns);
    }
    let called = answer.to_string().contains("weather");
    match called {
        true => crate::ask::with_tools(dialect, body, &["weather"]),
        false => body,
    }
}
