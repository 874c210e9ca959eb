//! Tools: the definition reaches the model, its call reaches the caller, and the model takes what the tool said.

use modelpool::OnLoss;
use modelpool_testkit::wires::{Deed, Said, Wire};
use serde_json::{Value, json};

use crate::ask::{with_result, with_tools};
use crate::dialect::Dialect;
use crate::features::parallel;
use crate::house::{Pairs, each_pair};
use crate::reading::{self, End, Told};

#[tokio::test]
async fn a_tool_is_defined_called_and_answered() {
    each_pair(called).await;
}

/// Where nothing can be called, how many calls there may be is no obstacle.
#[tokio::test]
async fn one_call_at_a_time_asks_nothing_without_tools() {
    each_pair(no_calls).await;
}

async fn no_calls(dialect: Dialect, wire: Wire) {
    let Some(question) = parallel(dialect, dialect.question()) else {
        return;
    };
    let pairs = Pairs::of(&[wire], OnLoss::Error).await;
    let answer = pairs.ask(dialect, wire.provider(), false, &question).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("x-modelpool-dropped"), None, "{answer:?}");
    if wire.provider() != dialect.own_provider() {
        let asked = pairs
            .upstream(wire.provider())
            .last_asked()
            .unwrap()
            .body
            .to_string();
        assert!(
            !asked.contains("parallel"),
            "OpenAI refuses it without tools: {asked}"
        );
    }
}

async fn called(dialect: Dialect, wire: Wire) {
    let pairs = Pairs::of(&[wire], OnLoss::Error).await;
    let upstream = pairs.upstream(wire.provider());
    let question = with_tools(dialect, dialect.question(), &["weather"]);
    for stream in [false, true] {
        upstream.next(Deed::says(Said::weather_call()));
        let answer = pairs.ask(dialect, wire.provider(), stream, &question).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let told = match stream {
            true => reading::stream(dialect, answer.text()),
            false => reading::whole(dialect, &answer.json()),
        };
        let id = check_call(&told, dialect, wire);
        let asked = upstream.last_asked().unwrap().body;
        assert!(defines_weather(&asked), "{asked}");

        let turn = with_tools(
            dialect,
            with_result(dialect, &id, "5 degrees and rain"),
            &["weather"],
        );
        let answer = pairs.ask(dialect, wire.provider(), stream, &turn).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let asked = upstream.last_asked().unwrap().body.to_string();
        assert!(
            asked.contains("5 degrees and rain") && asked.contains("Oslo"),
            "{asked}"
        );
    }
}

/// The call, as the caller reads it; its id, or one for dialects that do without.
fn check_call(told: &Told, dialect: Dialect, wire: Wire) -> String {
    assert_eq!(
        (told.error.as_ref(), told.end),
        (None, Some(End::Tools)),
        "{told:?}"
    );
    let [call] = &told.calls[..] else {
        panic!("one call: {told:?}")
    };
    assert_eq!(call.name, "weather");
    let arguments: Value = serde_json::from_str(&call.arguments).unwrap();
    assert_eq!(arguments, json!({"city": "Oslo"}));
    match (dialect, wire) {
        // Neither has ids of its own; others need one.
        (Dialect::Gemini, Wire::Gemini) => {}
        (_, Wire::Gemini | Wire::Ollama) => assert!(!call.id.is_empty(), "{told:?}"),
        _ => assert_eq!(call.id, "call_1"),
    }
    match call.id.is_empty() {
        true => "call_1".to_owned(),
        false => call.id.clone(),
    }
}

/// Somewhere is a function of that name, and near it the schema of its arguments.
fn defines_weather(body: &Value) -> bool {
    match body {
        Value::Object(members) => {
            let named = members.get("name").is_some_and(|name| name == "weather");
            let schema = members
                .values()
                .any(|value| value.to_string().contains("\"city\""));
            (named && schema) || members.values().any(defines_weather)
        }
        Value::Array(items) => items.iter().any(defines_weather),
        _ => false,
    }
}
