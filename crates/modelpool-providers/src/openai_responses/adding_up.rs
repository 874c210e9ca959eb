//! A client of the tests, who adds up a stream.

use serde_json::{Value, json};

/// Adds up events as the official clients do: items go to the end of the output, parts to the end of their item,
/// deltas to the item and part of their numbers; an item or part that is not there is a fault. What is whole
/// must be what was added up.
pub(super) fn added_up(events: &[Value]) -> Value {
    let mut response = Value::Null;
    for event in events {
        let item_at = event["output_index"].as_u64().unwrap_or(0) as usize;
        let part_at = event["content_index"].as_u64().unwrap_or(0) as usize;
        let delta = event["delta"].as_str().unwrap_or_default();
        let output = response.get_mut("output").and_then(Value::as_array_mut);
        let kind = event["type"].as_str().unwrap();
        match (kind, output) {
            ("response.created", None) => response = event["response"].clone(),
            ("response.in_progress", Some(_)) => assert_eq!(response, event["response"]),
            ("response.output_item.added", Some(output)) => {
                assert_eq!(output.len(), item_at);
                output.push(event["item"].clone());
            }
            ("response.output_item.done", Some(output)) => {
                let (item, done) = (&mut output[item_at], &event["item"]);
                for key in ["content", "arguments", "summary", "id", "call_id", "name"] {
                    assert_eq!(item.get(key), done.get(key), "{key}");
                }
                *item = done.clone();
            }
            ("response.completed" | "response.incomplete", Some(output)) => {
                assert_eq!(&event["response"]["output"], &Value::Array(output.clone()));
                return event["response"].clone();
            }
            (kind, Some(output)) => {
                let item = &mut output[item_at];
                assert_eq!(item["id"], event["item_id"]);
                add_to_item(kind, item, part_at, delta, event);
            }
            (kind, None) => panic!("{kind} before the response was created"),
        }
    }
    panic!("no last event");
}

fn add_to_item(kind: &str, item: &mut Value, part_at: usize, delta: &str, event: &Value) {
    let append = |text: &mut Value| *text = format!("{}{delta}", text.as_str().unwrap()).into();
    match kind {
        "response.content_part.added" => {
            let parts = item["content"].as_array_mut().unwrap();
            assert_eq!(parts.len(), part_at);
            parts.push(event["part"].clone());
        }
        "response.output_text.delta" => {
            assert_eq!(event["logprobs"], json!([]));
            append(&mut item["content"][part_at]["text"]);
        }
        "response.refusal.delta" => append(&mut item["content"][part_at]["refusal"]),
        "response.output_text.done" => assert_eq!(item["content"][part_at]["text"], event["text"]),
        "response.refusal.done" => assert_eq!(item["content"][part_at]["refusal"], event["refusal"]),
        "response.content_part.done" => {
            // Log-probabilities come with the whole part.
            item["content"][part_at]["logprobs"] = event["part"]["logprobs"].clone();
            if event["part"]["type"] == "refusal" {
                item["content"][part_at]
                    .as_object_mut()
                    .unwrap()
                    .remove("logprobs");
            }
            assert_eq!(item["content"][part_at], event["part"]);
        }
        "response.output_text.annotation.added" => {
            let annotations = item["content"][part_at]["annotations"].as_array_mut().unwrap();
            assert_eq!(event["annotation_index"], annotations.len());
            annotations.push(event["annotation"].clone());
        }
        "response.reasoning_summary_part.added" => {
            item["summary"]
                .as_array_mut()
                .unwrap()
                .push(event["part"].clone());
        }
        "response.reasoning_summary_text.delta" => append(&mut item["summary"][0]["text"]),
        "response.reasoning_summary_text.done" => assert_eq!(item["summary"][0]["text"], event["text"]),
        "response.reasoning_summary_part.done" => assert_eq!(item["summary"][0], event["part"]),
        "response.function_call_arguments.delta" => append(&mut item["arguments"]),
        "response.function_call_arguments.done" => assert_eq!(item["arguments"], event["arguments"]),
        other => panic!("no event of the dialect: {other}"),
    }
}
