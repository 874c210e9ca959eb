//! Events, encoded in the order of the dialect.

use bytes::Bytes;
use modelpool_core::FinishReason;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::decoder_tests::{begin, call, decode, finish, own, reasoning, said_by_stream, text, usage};
use super::encoder::MessagesEncoder;
use crate::neutral::{Event, Issuer, Piece, Signature, ToolCallPiece};
use crate::wire::Encoder;

/// The events as the encoder writes them, each with its data.
fn encode(events: &[Event], end: bool) -> Vec<(String, Value)> {
    let mut encoder = MessagesEncoder::new("some-model");
    let mut written: Vec<Bytes> = events.iter().flat_map(|event| encoder.write(event)).collect();
    if end {
        written.extend(encoder.end());
    }
    written.iter().map(|raw| named(raw)).collect()
}

pub(super) fn named(raw: &[u8]) -> (String, Value) {
    let text = std::str::from_utf8(raw).unwrap();
    let lines: Vec<&str> = text.split('\n').collect();
    let [name, data, "", ""] = lines.as_slice() else {
        panic!("no whole event: {text}");
    };
    let name = name.strip_prefix("event: ").unwrap();
    let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!(data["type"], name);
    (name.to_owned(), data)
}

/// What stands out of events: their names, with the block's index and kind.
pub(super) fn shape(written: &[(String, Value)]) -> Vec<String> {
    let short = written.iter().map(|(name, data)| match name.as_str() {
        "content_block_start" => format!(
            "+{} {}",
            data["index"],
            data["content_block"]["type"].as_str().unwrap()
        ),
        "content_block_delta" => format!("{} {}", data["index"], data["delta"]["type"].as_str().unwrap()),
        "content_block_stop" => format!("-{}", data["index"]),
        name => name.to_owned(),
    });
    short.collect()
}

/// Blocks are numbered in order, one is open at a time, and all stands where it may.
pub(super) fn assert_valid(written: &[(String, Value)]) {
    let (mut open, mut blocks, mut delta_seen) = (None, 0_u64, false);
    for (at, (name, data)) in written.iter().enumerate() {
        match name.as_str() {
            "message_start" => assert_eq!(at, 0),
            "content_block_start" => {
                assert_eq!((open, data["index"].as_u64()), (None, Some(blocks)));
                (open, blocks) = (Some(blocks), blocks + 1);
            }
            "content_block_delta" => assert_eq!(data["index"].as_u64(), Some(open.unwrap())),
            "content_block_stop" => assert_eq!(data["index"].as_u64(), Some(open.take().unwrap())),
            "message_delta" => {
                assert_eq!((open, delta_seen), (None, false));
                assert!(data["usage"]["output_tokens"].is_u64());
                delta_seen = true;
            }
            "message_stop" => assert!(delta_seen && at + 1 == written.len()),
            "error" => assert!(!delta_seen && at + 1 == written.len()),
            other => panic!("{other}"),
        }
        assert!(at > 0 || matches!(name.as_str(), "message_start" | "error"));
    }
}

#[test]
fn what_is_encoded_is_decoded_again() {
    let written = encode(&said_by_stream(), true);
    assert_valid(&written);
    assert_eq!(
        shape(&written),
        [
            "message_start",
            "+0 thinking",
            "0 thinking_delta",
            "0 signature_delta",
            "-0",
            "+1 redacted_thinking",
            "-1",
            "+2 text",
            "2 text_delta",
            "2 citations_delta",
            "-2",
            "+3 tool_use",
            "3 input_json_delta",
            "3 input_json_delta",
            "-3",
            "message_delta",
            "message_stop"
        ]
    );
    let mut encoder = MessagesEncoder::new("m");
    let mut bytes: Vec<u8> = said_by_stream()
        .iter()
        .flat_map(|event| encoder.write(event))
        .flatten()
        .collect();
    bytes.extend(encoder.end().concat());
    assert_eq!(decode(&[&bytes]).unwrap(), (said_by_stream(), 0, true));
}

#[test]
fn the_message_begins_with_what_is_known_then() {
    let written = encode(&[begin(), usage(9, 4, 0), text("a")], false);
    let message = &written[0].1["message"];
    assert_eq!(
        (&message["id"], &message["model"]),
        (&json!("msg_1"), &json!("claude-sonnet-4-5"))
    );
    let used = &message["usage"];
    assert_eq!(
        (&used["input_tokens"], &used["cache_read_input_tokens"]),
        (&json!(5), &json!(4))
    );
    // Without a beginning there is one all the same.
    let message = encode(&[text("a")], false)[0].1["message"].clone();
    assert!(message["id"].as_str().unwrap().starts_with("msg_"));
    assert_eq!(
        (&message["model"], &message["content"]),
        (&json!("some-model"), &json!([]))
    );
}

#[test]
fn the_reason_waits_for_usage_or_the_end() {
    let events = [text("a"), finish(FinishReason::Length)];
    assert_eq!(
        shape(&encode(&events, false)),
        ["message_start", "+0 text", "0 text_delta"]
    );
    for more in [
        vec![],
        vec![usage(3, 0, 2)],
        vec![usage(3, 0, 2), usage(3, 0, 2), text("late")],
    ] {
        let events = [&events[..], &more].concat();
        let written = encode(&events, true);
        assert_valid(&written);
        let shape = shape(&written);
        assert_eq!(shape[3..], ["-0", "message_delta", "message_stop"]);
        let delta = &written[4].1;
        assert_eq!(
            delta["delta"],
            json!({"stop_reason": "max_tokens", "stop_sequence": null})
        );
        assert_eq!(
            delta["usage"]["output_tokens"],
            json!(if more.is_empty() { 0 } else { 2 })
        );
    }
    // An answer that says nothing is an answer.
    let written = encode(&[finish(FinishReason::Stop)], true);
    assert_eq!(
        shape(&written),
        ["message_start", "message_delta", "message_stop"]
    );
}

#[test]
fn an_answer_without_a_reason_does_not_look_whole() {
    for events in [
        vec![],
        vec![text("a"), usage(1, 0, 1)],
        // The first call had ended, and is added to.
        vec![
            call(0, Some(("a", "f")), "{}"),
            call(1, Some(("b", "g")), "{}"),
            call(0, None, "{}"),
            finish(FinishReason::ToolCalls),
            usage(1, 0, 1),
        ],
    ] {
        let written = encode(&events, true);
        let names: Vec<&str> = written.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names.last(), Some(&"error"), "{events:?}");
        assert!(!names.contains(&"message_delta"));
    }
}

#[test]
fn tool_calls_come_one_after_the_other() {
    let (a, b) = (Some(("a", "f")), Some(("b", "g")));
    // In turn, and mixed: the second waits for the first.
    for events in [
        vec![
            call(0, a, "{\"x\""),
            call(0, None, ":1}"),
            call(1, b, "{\"y\":"),
            call(1, None, "2}"),
        ],
        vec![
            call(0, a, "{\"x\""),
            call(1, b, "{\"y\":"),
            call(0, None, ":1}"),
            call(1, None, "2}"),
        ],
        vec![
            call(0, a, ""),
            call(1, b, "{\"y\":2}"),
            call(0, None, "{\"x\":1}"),
        ],
        // A piece that says nothing comes late, and the second call is mixed with the first.
        vec![
            call(0, a, "{\"x\":"),
            call(1, b, "{\"y\":"),
            call(0, None, "1}"),
            call(1, None, "2"),
            call(0, None, " "),
            call(1, None, "}"),
        ],
    ] {
        let events = [&events[..], &[finish(FinishReason::ToolCalls)]].concat();
        let written = encode(&events, true);
        assert_valid(&written);
        let mut inputs = vec![String::new(); 2];
        for (name, data) in &written {
            if name == "content_block_delta" {
                let at = data["index"].as_u64().unwrap() as usize;
                inputs[at].push_str(data["delta"]["partial_json"].as_str().unwrap());
            }
        }
        assert_eq!(inputs, ["{\"x\":1}", "{\"y\":2}"]);
        let starts = written.iter().filter(|(name, _)| name == "content_block_start");
        let blocks: Vec<Value> = starts.map(|(_, data)| data["content_block"].clone()).collect();
        assert_eq!(
            blocks[0],
            json!({"type": "tool_use", "id": "a", "name": "f", "input": {}})
        );
        assert_eq!(blocks[1]["id"], "b");
    }
}

#[test]
fn strangers_signatures_travel() {
    let gemini = |value: &str| Signature::new(Issuer::Gemini, value);
    let mut signed = ToolCallPiece {
        id: Some("c".to_owned()),
        name: Some("f".to_owned()),
        ..ToolCallPiece::default()
    };
    signed.signature = Some(gemini("s2"));
    let events = [
        reasoning("why"),
        Event::piece(Piece::Signature(gemini("s1"))),
        Event::piece(Piece::ToolCall(signed)),
        finish(FinishReason::ToolCalls),
    ];
    let written = encode(&events, true);
    assert_valid(&written);
    let shape = shape(&written);
    assert_eq!(shape[5..9], ["+1 redacted_thinking", "-1", "+2 tool_use", "-2"]);
    assert_eq!(written[3].1["delta"]["signature"], "modelpool:gemini:s1");
    assert_eq!(written[5].1["content_block"]["data"], "modelpool:gemini:call:s2");
}

#[test]
fn other_answers_and_strange_pieces_have_no_place() {
    let events = [
        Event::Piece {
            choice: 1,
            piece: Piece::Text("b".to_owned()),
        },
        Event::piece(Piece::Logprobs(json!({}))),
        Event::piece(Piece::Citation(json!({"type": "url_citation"}))),
        text(""),
        reasoning(""),
    ];
    assert_eq!(encode(&events, false), []);
    let refused = encode(&[Event::piece(Piece::Refusal("no".to_owned()))], false);
    assert_eq!(shape(&refused), ["message_start", "+0 text", "0 text_delta"]);
}

/// Any event.
fn any_event() -> impl Strategy<Value = Event> {
    let call = (0..3_u32, any::<bool>(), "[{}\":a1]{0,4}");
    prop_oneof![
        "[a图]{0,3}".prop_map(|own| text(&own)),
        "[a图]{0,3}".prop_map(|own| reasoning(&own)),
        "[a-z]{0,3}".prop_map(|value| Event::piece(Piece::Signature(own(&value)))),
        call.prop_map(|(index, begins, json)| super::decoder_tests::call(
            index,
            begins.then_some(("i", "n")),
            &json
        )),
        (0..9_u64).prop_map(|count| usage(count, 0, count)),
        Just(begin()),
        Just(finish(FinishReason::Stop)),
    ]
}

proptest! {
    #[test]
    fn any_events_make_a_valid_stream(events in prop::collection::vec(any_event(), 0..20)) {
        assert_valid(&encode(&events, true));
    }
}
