//! Streams, decoded wherever their bytes are cut.

use bytes::Bytes;
use modelpool_core::stream::{Delta, Part};
use modelpool_core::{FinishReason, Usage};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::decoder::MessagesDecoder;
use crate::framing::{Frames, Framing};
use crate::neutral::{Event, Head, Issuer, Piece, Signature, ToolCallPiece};
use crate::wire::{Broken, Decoder};

/// Thinking, text with a citation, and a tool call, with pings and a block that is not known between them.
const STREAM: &str = r#"event: message_start
data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-sonnet-4-5","content":[],"stop_reason":null,"usage":{"input_tokens":25,"cache_read_input_tokens":5,"output_tokens":1}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}

event: ping
data: {"type": "ping"}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm … ça"}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"EqQB"}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: content_block_start
data: {"type":"content_block_start","index":1,"content_block":{"type":"redacted_thinking","data":"Zz"}}

event: content_block_stop
data: {"type":"content_block_stop","index":1}

event: content_block_start
data: {"type":"content_block_start","index":2,"content_block":{"type":"text","text":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":"It is 图"}}

event: content_block_delta
data: {"type":"content_block_delta","index":2,"delta":{"type":"citations_delta","citation":{"type":"char_location","cited_text":"x"}}}

event: content_block_stop
data: {"type":"content_block_stop","index":2}

event: content_block_start
data: {"type":"content_block_start","index":3,"content_block":{"type":"server_tool_use","id":"s1","name":"web_search","input":{}}}

event: content_block_delta
data: {"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":"{\"q\":1}"}}

event: content_block_stop
data: {"type":"content_block_stop","index":3}

event: content_block_start
data: {"type":"content_block_start","index":4,"content_block":{"type":"tool_use","id":"toolu_1","name":"weather","input":{}}}

event: content_block_delta
data: {"type":"content_block_delta","index":4,"delta":{"type":"input_json_delta","partial_json":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":4,"delta":{"type":"input_json_delta","partial_json":"{\"city\":"}}

event: content_block_delta
data: {"type":"content_block_delta","index":4,"delta":{"type":"input_json_delta","partial_json":" \"Rome\"}"}}

event: content_block_stop
data: {"type":"content_block_stop","index":4}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":15}}

event: message_stop
data: {"type":"message_stop"}

"#;

pub(super) fn usage(input: u64, cached: u64, output: u64) -> Event {
    Event::Usage(Usage {
        input_tokens: input,
        cached_input_tokens: cached,
        output_tokens: output,
        ..Usage::default()
    })
}

pub(super) fn text(text: &str) -> Event {
    Event::piece(Piece::Text(text.to_owned()))
}

pub(super) fn reasoning(text: &str) -> Event {
    Event::piece(Piece::Reasoning(text.to_owned()))
}

pub(super) fn call(index: u32, begins: Option<(&str, &str)>, arguments: &str) -> Event {
    Event::piece(Piece::ToolCall(ToolCallPiece {
        index,
        id: begins.map(|(id, _)| id.to_owned()),
        name: begins.map(|(_, name)| name.to_owned()),
        arguments: arguments.to_owned(),
        signature: None,
    }))
}

pub(super) fn finish(reason: FinishReason) -> Event {
    Event::Finish {
        choice: 0,
        reason,
        stop_sequence: None,
    }
}

pub(super) fn begin() -> Event {
    Event::Begin(Head {
        id: Some("msg_1".to_owned()),
        model: Some("claude-sonnet-4-5".to_owned()),
        created: None,
    })
}

pub(super) fn own(value: &str) -> Signature {
    Signature::new(Issuer::Anthropic, value)
}

pub(super) fn said_by_stream() -> Vec<Event> {
    vec![
        begin(),
        usage(30, 5, 1),
        reasoning("hm … ça"),
        Event::piece(Piece::Signature(own("EqQB"))),
        Event::piece(Piece::EncryptedReasoning(own("Zz"))),
        text("It is 图"),
        Event::piece(Piece::Citation(
            json!({"type": "char_location", "cited_text": "x"}),
        )),
        call(0, Some(("toolu_1", "weather")), ""),
        call(0, None, "{\"city\":"),
        call(0, None, " \"Rome\"}"),
        finish(FinishReason::ToolCalls),
        usage(30, 5, 15),
    ]
}

/// The events of a stream that comes in parts, how many of its frames were malformed, and whether it ended.
pub(super) fn decode(parts: &[&[u8]]) -> Result<(Vec<Event>, usize, bool), Broken> {
    let mut frames = Frames::new(Framing::Sse);
    let mut decoder = MessagesDecoder::default();
    let (mut events, mut malformed, mut ended) = (Vec::new(), 0, false);
    for part in parts {
        frames.push(Bytes::copy_from_slice(part));
        while let Ok(Some(frame)) = frames.next() {
            let decoded = decoder.read(&frame)?;
            events.extend(decoded.events);
            malformed += usize::from(decoded.malformed);
            ended |= decoded.end_mark;
        }
    }
    Ok((events, malformed, ended))
}

#[test]
fn a_stream_says_the_same_wherever_it_is_cut() {
    let whole = STREAM.as_bytes();
    let expected = (said_by_stream(), 0, true);
    for at in 0..whole.len() {
        assert_eq!(decode(&[&whole[..at], &whole[at..]]).unwrap(), expected, "{at}");
    }
    let bytes: Vec<&[u8]> = whole.chunks(1).collect();
    assert_eq!(decode(&bytes).unwrap(), expected);
}

#[test]
fn single_frames() {
    let start = r#"{"type":"content_block_start","index":7,"content_block":{"type":"#;
    for (data, events, malformed) in [
        // Copies of the wire put text and whole inputs where a block begins.
        (format!(r#"{start}"text","text":"a"}}}}"#), vec![text("a")], 0),
        (
            format!(r#"{start}"tool_use","id":"t","name":"f","input":{{"a":1}}}}}}"#),
            vec![call(0, Some(("t", "f")), r#"{"a":1}"#)],
            0,
        ),
        (format!(r#"{start}"tool_use","id":"t"}}}}"#), vec![], 1),
        (format!(r#"{start}"what_is_to_come"}}}}"#), vec![], 0),
        (
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}"#.into(),
            vec![],
            1,
        ),
        (r#"{"type":"content_block_start","index":0}"#.into(), vec![], 1),
        (
            r#"{"type":"message_delta","delta":{"stop_reason":"stop_sequence","stop_sequence":"END"}}"#
                .into(),
            vec![Event::Finish {
                choice: 0,
                reason: FinishReason::Stop,
                stop_sequence: Some("END".to_owned()),
            }],
            0,
        ),
        (
            r#"{"type":"message_delta","delta":{"stop_reason":null},"usage":null}"#.into(),
            vec![],
            0,
        ),
        (
            r#"{"type":"message_start"}"#.into(),
            vec![Event::Begin(Head::default())],
            0,
        ),
        (r#"{"type":"what_is_to_come"}"#.into(), vec![], 0),
        ("{}".into(), vec![], 0),
        ("[]".into(), vec![], 1),
        ("{\"type\":".into(), vec![], 1),
    ] {
        let frame = format!("data: {data}\n\n");
        let decoded = decode(&[frame.as_bytes()]).unwrap();
        assert_eq!((decoded.0, decoded.1), (events, malformed), "{data}");
    }
    assert_eq!(decode(&[b": comment\n\n"]).unwrap(), (vec![], 0, false));
}

#[test]
fn an_error_in_a_stream_is_a_refusal() {
    let frame = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"m\"}}\n\n";
    let broken = decode(&[frame.as_bytes()]).unwrap_err();
    assert_eq!(
        broken,
        Broken::Refusal(json!({"type": "overloaded_error", "message": "m"}))
    );
    let bare = decode(&[b"data: {\"error\":{\"message\":\"m\"}}\n\n"]).unwrap_err();
    assert_eq!(bare, Broken::Refusal(json!({"message": "m"})));
    let empty = decode(&[b"data: {\"type\":\"error\"}\n\n"]).unwrap_err();
    assert_eq!(empty, Broken::Refusal(json!({"type": "error"})));
}

#[test]
fn one_event_says_what_it_adds_without_those_before_it() {
    let said = |data: Value| super::deltas(format!("event: x\ndata: {data}\n\n").as_bytes());
    let text = said(json!({
        "type": "content_block_delta", "index": 3, "delta": {"type": "text_delta", "text": "fox"},
    }));
    assert!(
        matches!(&text[..], [Delta { part: Part::Text(text), .. }] if text == "fox"),
        "{text:?}"
    );
    let begun = said(json!({
        "type": "content_block_start", "index": 2, "content_block": {"type": "tool_use", "id": "t", "name": "n"},
    }));
    let grown = said(json!({
        "type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": "{}"},
    }));
    for delta in begun.iter().chain(&grown) {
        assert!(
            matches!(&delta.part, Part::ToolCall { index: 2, .. }),
            "{delta:?}"
        );
    }
    assert_eq!(
        (begun.len(), grown.len(), said(json!({"type": "ping"})).len()),
        (1, 1, 0)
    );
}

proptest! {
    #[test]
    fn any_bytes_are_taken(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..6)) {
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        let _ = decode(&parts);
    }

    /// Frames that are nearly of the wire.
    #[test]
    fn any_members_are_taken(
        kind in prop::sample::select(vec![
            "message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "error",
        ]),
        key in prop::sample::select(vec!["message", "content_block", "delta", "usage", "error"]),
        value in prop::sample::select(vec![
            "null", "1", "\"a\"", "[]", "{}", r#"{"type":"text","text":1}"#, r#"{"type":"tool_use","name":"n","input":[]}"#,
            r#"{"stop_reason":7}"#, r#"{"usage":{"input_tokens":-1,"output_tokens":18446744073709551615}}"#,
        ]),
        index in prop::sample::select(vec!["0", "-1", "1e300", "null", "\"a\""]),
    ) {
        let frame = format!("data: {{\"type\":\"{kind}\",\"index\":{index},\"{key}\":{value}}}\n\n");
        let _ = decode(&[frame.as_bytes(), frame.as_bytes()]);
    }
}
