//! A response whose stream was lost, continued by another stream.

use modelpool_core::Usage;
use modelpool_core::provider::Dialect;
use serde_json::{Value, json};

use super::super::adding_up::added_up;
use super::*;
use crate::sequel::tests::{TOTAL, begin, end, read_as_one, stream, text, thought};

fn raw(events: &[Value]) -> Vec<u8> {
    let mut raw = String::new();
    for (number, event) in events.iter().enumerate() {
        let mut event = event.clone();
        event["sequence_number"] = number.into();
        raw.push_str(&format!(
            "event: {}\ndata: {event}\n\n",
            event["type"].as_str().unwrap()
        ));
    }
    raw.into_bytes()
}

/// What a client adds up of the first stream and one that goes on.
fn continued(first: &[u8]) -> (Value, Vec<Value>) {
    let second = [
        vec![begin("b"), thought("so"), text(" brown fox")],
        end().to_vec(),
    ]
    .concat();
    let second = stream(Dialect::OpenAiResponses, &second, true);
    let read = read_as_one(Dialect::OpenAiResponses, &[first, &second], &TOTAL);
    let events: Vec<Value> = read
        .iter()
        .map(|raw| serde_json::from_slice(&sse::data(raw).unwrap()).unwrap())
        .collect();
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], number, "{event}");
    }
    (added_up(&events), events)
}

fn created() -> Value {
    json!({"type": "response.created", "response": {
        "id": "resp_1", "object": "response", "created_at": 17, "status": "in_progress", "model": "first",
        "instructions": "Be brief.", "metadata": {"mine": "1"}, "output": [], "usage": null, "tools": [],
    }})
}

fn added(at: u64, item: &Value) -> Value {
    json!({"type": "response.output_item.added", "output_index": at, "item": item})
}

fn message(content: &Value) -> Value {
    json!({"id": "msg_1", "type": "message", "status": "in_progress", "role": "assistant", "content": content})
}

fn delta(at: u64, text: &str) -> Value {
    json!({"type": "response.output_text.delta", "item_id": "msg_1", "output_index": at, "content_index": 0,
        "delta": text, "logprobs": []})
}

fn part(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
}

fn part_added(at: u64) -> Value {
    json!({"type": "response.content_part.added", "item_id": "msg_1", "output_index": at, "content_index": 0,
        "part": part("")})
}

#[test]
fn the_settings_of_the_first_stand_at_the_end() {
    let first = raw(&[
        created(),
        added(0, &message(&json!([]))),
        part_added(0),
        delta(0, "The quick"),
    ]);
    let (response, _) = continued(&first);
    assert_eq!(
        (
            &response["id"],
            &response["instructions"],
            &response["metadata"]["mine"]
        ),
        (&json!("resp_1"), &json!("Be brief."), &json!("1"))
    );
    assert_eq!(
        (&response["model"], &response["status"]),
        (&json!("model of b"), &json!("completed"))
    );
    assert_eq!(response["output"][0]["content"][0]["text"], "The quick brown fox");
    assert_eq!(response["output"][0]["id"], "msg_1");
    assert_eq!(response["usage"]["total_tokens"], 50);
}

#[test]
fn citations_of_the_first_are_kept() {
    let citation =
        json!({"type": "url_citation", "url": "https://a/b", "title": "t", "start_index": 0, "end_index": 3});
    let cited = json!({"type": "response.output_text.annotation.added", "item_id": "msg_1", "output_index": 0,
        "content_index": 0, "annotation_index": 0, "annotation": citation});
    let first = raw(&[
        created(),
        added(0, &message(&json!([]))),
        part_added(0),
        delta(0, "The quick"),
        cited,
    ]);
    let (response, _) = continued(&first);
    assert_eq!(
        response["output"][0]["content"][0]["annotations"],
        json!([citation])
    );
}

#[test]
fn what_else_is_open_is_closed_as_it_is() {
    let begun = json!({"id": "rs_1", "type": "reasoning", "summary": []});
    let summary = json!({"type": "response.reasoning_summary_part.added", "item_id": "rs_1", "output_index": 0,
        "summary_index": 0, "part": {"type": "summary_text", "text": ""}});
    let thinks = json!({"type": "response.reasoning_summary_text.delta", "item_id": "rs_1", "output_index": 0,
        "summary_index": 0, "delta": "hm"});
    let (response, events) = continued(&raw(&[created(), added(0, &begun), summary, thinks]));
    assert_eq!(response["output"][0]["summary"][0]["text"], "hm");
    assert_eq!(response["output"][1]["content"][0]["text"], " brown fox");
    let kinds: Vec<&str> = events.iter().filter_map(|event| event["type"].as_str()).collect();
    assert_eq!(
        kinds[4..8],
        [
            "response.reasoning_summary_text.done",
            "response.reasoning_summary_part.done",
            "response.output_item.done",
            "response.output_item.added",
        ]
    );
    // A search of the vendor's, under way.
    let search = json!({"id": "ws_1", "type": "web_search_call", "status": "in_progress"});
    let (response, _) = continued(&raw(&[created(), added(0, &search)]));
    assert_eq!(response["output"][0]["status"], "incomplete");
}

#[test]
fn a_message_that_was_whole_stays_whole() {
    let done = json!({"type": "response.output_item.done", "output_index": 0, "item": message(&json!([part("The quick")]))});
    let first = raw(&[
        created(),
        added(0, &message(&json!([]))),
        part_added(0),
        delta(0, "The quick"),
        done,
    ]);
    let (response, _) = continued(&first);
    let texts: Vec<&str> = response["output"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|item| item["content"][0]["text"].as_str())
        .collect();
    assert_eq!(texts, ["The quick", " brown fox"]);
}

#[test]
fn what_is_remembered_has_a_limit() {
    let mut told = ToldResponse::default();
    assert!(told.note(&raw(&[created()]), ""));
    let long = "x".repeat(MAX_DELIVERED_BYTES);
    assert!(told.note(&raw(&[delta(0, &long)]), &long));
    assert!(!told.note(&raw(&[delta(0, &long)]), &long));
    let mut told = ToldResponse::default();
    let many = (0..u64::MAX).step_by(1 << 50).take(8192);
    let mut remembered = true;
    for at in many {
        remembered &= told.note(&raw(&[delta(at, "x")]), "x");
    }
    assert!(!remembered, "items take memory, too");
}

#[test]
fn servers_that_say_little_are_gone_on_with() {
    let bare = json!({"type": "response.output_text.delta", "delta": "The quick"});
    let mut told = ToldResponse::default();
    assert!(told.note(format!("data: {bare}\n\n").as_bytes(), "The quick"));
    let mut encoder = told.encoder();
    encoder.write(&text(" fox"));
    encoder.write(&crate::neutral::Event::Usage(Usage::default()));
    let end = encoder.end().pop().unwrap();
    assert!(String::from_utf8_lossy(&end).contains("The quick fox"));
}
