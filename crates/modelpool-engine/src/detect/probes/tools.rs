//! Tools: a whole round, from the call of a tool to an answer that uses what it gave back.

use modelpool_core::{BoxFuture, Error};
use serde_json::{Value, json};

use crate::detect::asking::{Asker, Heard};
use crate::detect::judge::{Judged, shown};

/// What the tool gives back.
const CODE: &str = "7351";

pub(in crate::detect) fn ask(asker: &mut Asker) -> BoxFuture<'_, Judged> {
    Box::pin(async {
        match round(asker).await {
            Ok(judged) => judged,
            Err(error) => Judged::failed(&error),
        }
    })
}

async fn round(asker: &mut Asker) -> Result<Judged, Error> {
    let asked = json!({
        "role": "user",
        "content": "Call the tool look_up_code with the name delta, then tell me the code.",
    });
    let messages = json!([asked]);
    let tools = tools();
    let mut heard = asker.chat(&messages, json!({"tools": tools})).await?;
    let mut calls = calls_of(&heard);
    if calls.is_empty() {
        // Some call a tool only where they have to.
        let demanded = json!({"tools": tools, "tool_choice": "required"});
        heard = asker.chat(&messages, demanded).await?;
        calls = calls_of(&heard);
    }
    let Some(call) = calls.first() else {
        return Ok(Judged::no(format!(
            "called no tool, and answered `{}`",
            shown(&heard.text)
        )));
    };
    let called = format!(
        "called {}({})",
        call["function"]["name"].as_str().unwrap_or_default(),
        call["function"]["arguments"].as_str().unwrap_or_default(),
    );
    let results = calls
        .iter()
        .map(|call| json!({"role": "tool", "tool_call_id": call["id"], "content": CODE}));
    let mut messages = vec![asked, heard.message];
    messages.extend(results);
    let last = asker.chat(&messages.into(), json!({"tools": tools})).await?;
    Ok(match last.text.contains(CODE) {
        true => Judged::yes(format!("{called}, then answered `{}`", shown(&last.text))),
        false => Judged::unclear(format!(
            "{called}, but did not use what it gave back: `{}`",
            shown(&last.text)
        )),
    })
}

fn calls_of(heard: &Heard) -> Vec<Value> {
    heard.message["tool_calls"]
        .as_array()
        .cloned()
        .unwrap_or_default()
}

fn tools() -> Value {
    json!([{"type": "function", "function": {
        "name": "look_up_code",
        "description": "Gives back the code that belongs to a name.",
        "parameters": {
            "type": "object",
            "properties": {"name": {"type": "string"}},
            "required": ["name"],
        },
    }}])
}
