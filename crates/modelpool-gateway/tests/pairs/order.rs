//! What a strict client of a dialect relies on within one stream: whose answer it is, numbers, places, and that what is
//! opened is closed and what is repeated is what was said.

use serde_json::{Value, json};

use crate::dialect::Dialect;

/// Panics where a stream that was told whole is out of order.
pub(crate) fn check(dialect: Dialect, body: &str) {
    let events: Vec<Value> = body
        .split("\n\n")
        .filter_map(|block| block.lines().find_map(|line| line.strip_prefix("data: ")))
        .filter(|data| *data != "[DONE]")
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    match dialect {
        Dialect::Chat => {
            repeated(&events, "id");
            repeated(&events, "created");
        }
        Dialect::Gemini => repeated(&events, "responseId"),
        Dialect::Responses => response(&events),
        Dialect::Anthropic => message(&events),
    }
}

/// All events say the same of a member.
fn repeated(events: &[Value], name: &str) {
    let mut said = events.iter().map(|event| &event[name]);
    let first = said.next().unwrap();
    assert!(said.all(|other| other == first), "`{name}` changes: {events:?}");
}

/// Blocks follow each other, one open at a time, in one message.
fn message(events: &[Value]) {
    let (mut open, mut blocks, mut reason) = (None, 0_u64, false);
    for (at, event) in events.iter().enumerate() {
        let index = event["index"].as_u64();
        match event["type"].as_str().unwrap() {
            "message_start" => assert_eq!(at, 0, "{events:?}"),
            "content_block_start" => {
                assert_eq!((open, index), (None, Some(blocks)), "{event}");
                open = Some((blocks, event["content_block"]["type"].clone()));
                blocks += 1;
            }
            "content_block_delta" => {
                let (block, kind) = open.as_ref().expect("a block is open");
                assert_eq!(index, Some(*block), "{event}");
                let fits = match event["delta"]["type"].as_str().unwrap() {
                    "text_delta" => "text",
                    "thinking_delta" | "signature_delta" => "thinking",
                    "input_json_delta" => "tool_use",
                    other => panic!("{other}"),
                };
                assert_eq!(kind, fits, "{event}");
            }
            "content_block_stop" => assert_eq!(index, open.take().map(|(block, _)| block), "{event}"),
            "message_delta" => {
                assert!(open.is_none() && !reason, "{events:?}");
                reason = true;
            }
            "message_stop" => assert!(reason && at + 1 == events.len(), "{events:?}"),
            "ping" => {}
            other => panic!("{other}"),
        }
    }
}

/// Adds up as the official clients do, and compares with what is said at the end.
fn response(events: &[Value]) {
    let mut response = Value::Null;
    let mut open: Vec<bool> = Vec::new();
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], number, "{event}");
        let at = usize::try_from(event["output_index"].as_u64().unwrap_or(0)).unwrap();
        let kind = event["type"].as_str().unwrap();
        match kind {
            "response.created" => {
                assert_eq!(number, 0);
                response = event["response"].clone();
            }
            "response.in_progress" => assert_eq!(event["response"]["id"], response["id"]),
            "response.completed" | "response.incomplete" => {
                let ended = &event["response"];
                assert_eq!(
                    (&ended["id"], &ended["created_at"]),
                    (&response["id"], &response["created_at"])
                );
                assert!(!open.contains(&true), "everything is closed: {events:?}");
                assert_eq!(shape(&ended["output"]), shape(&response["output"]), "{events:?}");
            }
            "response.output_item.added" => {
                let output = response["output"].as_array_mut().unwrap();
                assert_eq!(at, output.len(), "{event}");
                output.push(event["item"].clone());
                open.push(true);
            }
            "response.output_item.done" => {
                assert!(std::mem::take(&mut open[at]), "{event}");
                let done = &event["item"];
                assert_eq!(shape(done), shape(&response["output"][at]), "{events:?}");
                response["output"][at] = done.clone();
            }
            _ => {
                assert!(open[at], "{event}");
                assert_eq!(event["item_id"], response["output"][at]["id"], "{event}");
                add(kind, event, &mut response["output"][at]);
            }
        }
    }
}

fn add(kind: &str, event: &Value, item: &mut Value) {
    let (list, index) = match event.get("summary_index") {
        Some(index) => ("summary", index),
        None => ("content", &event["content_index"]),
    };
    let index = usize::try_from(index.as_u64().unwrap_or(0)).unwrap();
    let grow = |text: &mut Value, delta: &Value| {
        *text = json!(format!("{}{}", text.as_str().unwrap(), delta.as_str().unwrap()));
    };
    match kind {
        "response.content_part.added" | "response.reasoning_summary_part.added" => {
            let parts = item[list].as_array_mut().unwrap();
            assert_eq!(index, parts.len(), "{event}");
            parts.push(event["part"].clone());
        }
        "response.output_text.delta" | "response.reasoning_summary_text.delta" => {
            grow(&mut item[list][index]["text"], &event["delta"]);
        }
        "response.output_text.done" | "response.reasoning_summary_text.done" => {
            assert_eq!(event["text"], item[list][index]["text"], "{event}");
        }
        "response.content_part.done" | "response.reasoning_summary_part.done" => {
            assert_eq!(event["part"]["text"], item[list][index]["text"], "{event}");
        }
        "response.function_call_arguments.delta" => grow(&mut item["arguments"], &event["delta"]),
        "response.function_call_arguments.done" => {
            assert_eq!(event["arguments"], item["arguments"], "{event}");
        }
        other => panic!("{other}"),
    }
}

/// What was said of an item, or of all: ids, texts, arguments.
fn shape(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(shape).collect(),
        Value::Object(members) => {
            let said = [
                "id",
                "type",
                "content",
                "summary",
                "text",
                "call_id",
                "name",
                "arguments",
            ];
            let said = members.iter().filter(|(name, _)| said.contains(&name.as_str()));
            Value::Object(said.map(|(name, value)| (name.clone(), shape(value))).collect())
        }
        scalar => scalar.clone(),
    }
}
