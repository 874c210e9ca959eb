//! Streams, of models and to callers.

use bytes::Bytes;
use modelpool_core::{FinishReason, Usage};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::round::any_json;
use crate::framing::Frames;
use crate::gemini::{GeminiCaller, GeminiWire};
use crate::neutral::{Event, Head, Issuer, Piece, Signature, ToolCallPiece};
use crate::wire::{Broken, Caller, Decoded, Wire};

/// What the bytes of a stream say, given in parts.
fn decode(parts: &[&[u8]]) -> Result<Vec<Decoded>, Broken> {
    let wire = GeminiWire::default();
    let mut frames = Frames::new(wire.framing());
    let mut decoder = wire.decoder();
    let mut decoded = Vec::new();
    for part in parts {
        frames.push(Bytes::copy_from_slice(part));
        while let Some(frame) = frames.next().unwrap() {
            decoded.push(decoder.read(&frame)?);
        }
    }
    Ok(decoded)
}

fn events(chunks: &[Value]) -> Result<Vec<Event>, Broken> {
    let stream: String = chunks
        .iter()
        .map(|chunk| format!("data: {chunk}\r\n\r\n"))
        .collect();
    let decoded = decode(&[stream.as_bytes()])?;
    Ok(decoded.into_iter().flat_map(|decoded| decoded.events).collect())
}

fn chunk(parts: &Value) -> Value {
    json!({"candidates": [{"content": {"parts": parts, "role": "model"}, "index": 0}], "responseId": "r", "modelVersion": "m"})
}

fn head() -> Head {
    Head {
        id: Some("r".into()),
        model: Some("m".into()),
        created: None,
    }
}

fn finish(choice: u32, reason: FinishReason) -> Event {
    Event::Finish {
        choice,
        reason,
        stop_sequence: None,
    }
}

fn call(index: u32, id: Option<&str>, name: Option<&str>, arguments: &str) -> ToolCallPiece {
    ToolCallPiece {
        index,
        id: id.map(str::to_owned),
        name: name.map(str::to_owned),
        arguments: arguments.into(),
        signature: None,
    }
}

/// A stream with everything in it.
fn chunks() -> Vec<Value> {
    let mut last = chunk(&json!([{"text": "", "thoughtSignature": "dGV4dA=="}]));
    last["candidates"][0]["finishReason"] = "STOP".into();
    last["candidates"][0]["citationMetadata"] = json!({"citationSources": [{"uri": "u"}]});
    last["usageMetadata"] =
        json!({"promptTokenCount": 3, "candidatesTokenCount": 4, "thoughtsTokenCount": 5});
    vec![
        chunk(
            &json!([{"text": "h\u{e9}", "thought": true}, {"text": "", "thought": true, "thoughtSignature": "c2ln"}]),
        ),
        chunk(&json!([{"text": "It is"}])),
        chunk(&json!([{"text": " 图 clear."}, {"text": ""}])),
        chunk(
            &json!([{"functionCall": {"name": "f", "args": {"a": 1}, "id": "i"}, "thoughtSignature": "Y2FsbA=="}]),
        ),
        chunk(&json!([{"functionCall": {"name": "g", "id": "j"}}])),
        last,
    ]
}

fn expected_events() -> Vec<Event> {
    let gemini = |value: &str| Signature::new(Issuer::Gemini, value);
    let mut signed = call(0, Some("i"), Some("f"), r#"{"a":1}"#);
    signed.signature = Some(gemini("Y2FsbA=="));
    let usage = Usage {
        input_tokens: 3,
        output_tokens: 9,
        reasoning_tokens: 5,
        ..Usage::default()
    };
    vec![
        Event::Begin(head()),
        Event::piece(Piece::Reasoning("h\u{e9}".into())),
        Event::piece(Piece::Signature(gemini("c2ln"))),
        Event::piece(Piece::Text("It is".into())),
        Event::piece(Piece::Text(" 图 clear.".into())),
        Event::piece(Piece::ToolCall(signed)),
        Event::piece(Piece::ToolCall(call(1, Some("j"), Some("g"), "{}"))),
        Event::piece(Piece::EncryptedReasoning(gemini("dGV4dA=="))),
        Event::piece(Piece::Citation(
            json!({"citationMetadata": {"citationSources": [{"uri": "u"}]}}),
        )),
        finish(0, FinishReason::ToolCalls),
        Event::Usage(usage),
    ]
}

#[test]
fn a_whole_stream() {
    assert_eq!(events(&chunks()).unwrap(), expected_events());
}

#[test]
fn part_borders_change_nothing() {
    let stream: String = chunks()
        .iter()
        .map(|chunk| format!("data: {chunk}\r\n\r\n"))
        .collect();
    let whole = decode(&[stream.as_bytes()]).unwrap();
    for at in 0..stream.len() {
        let (head, tail) = stream.as_bytes().split_at(at);
        assert_eq!(decode(&[head, tail]).unwrap(), whole, "cut at {at}");
    }
}

#[test]
fn candidates_are_told_apart() {
    let candidates = |each: Value| json!({"candidates": each});
    let read = events(&[
        candidates(
            json!([{"content": {"parts": [{"text": "a"}]}}, {"index": 1, "content": {"parts": [{"text": "b"}]}}]),
        ),
        candidates(json!([{"index": 1, "finishReason": "MAX_TOKENS"}])),
        candidates(json!([{"finishReason": "STOP"}])),
        candidates(json!([{"finishReason": "STOP"}])),
    ]);
    let text = |choice, text: &str| Event::Piece {
        choice,
        piece: Piece::Text(text.into()),
    };
    let expected = [
        Event::Begin(Head::default()),
        text(0, "a"),
        text(1, "b"),
        finish(1, FinishReason::Length),
        finish(0, FinishReason::Stop),
    ];
    assert_eq!(read.unwrap(), expected);
}

#[test]
fn frames_that_are_none_and_refusals() {
    for (frame, expected) in [
        (": still here\n\n", Decoded::nothing()),
        ("data: \n\n", Decoded::nothing()),
        ("data: [DONE]\n\n", Decoded::end()),
        ("data: {\"candidates\":[\n\n", Decoded::malformed()),
        ("data: 1\n\n", Decoded::malformed()),
        ("data: []\n\n", Decoded::malformed()),
    ] {
        assert_eq!(decode(&[frame.as_bytes()]), Ok(vec![expected]), "{frame}");
    }
    let error = json!({"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "quota"});
    assert_eq!(events(&[json!({"error": error})]), Err(Broken::Refusal(error)));
    let blocked = events(&[json!({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}})]);
    assert!(matches!(blocked, Err(Broken::Refusal(object)) if object["code"] == "content_filter"));
    for part in [
        json!({"inlineData": {}}),
        json!({"executableCode": {}}),
        json!({"functionCall": {}}),
    ] {
        assert!(matches!(
            events(&[chunk(&json!([part]))]),
            Err(Broken::Protocol(_))
        ));
    }
}

/// What an encoder writes of events, and at the end.
fn encode(events: &[Event]) -> Vec<Bytes> {
    let mut encoder = GeminiCaller.encoder("alias", true);
    let mut written: Vec<Bytes> = events.iter().flat_map(|event| encoder.write(event)).collect();
    written.extend(encoder.end());
    written
}

fn as_events(events: &[Event]) -> Vec<Value> {
    let data = |event: Bytes| {
        let text = String::from_utf8(event.to_vec()).unwrap();
        let data = text.strip_prefix("data: ").unwrap().strip_suffix("\n\n").unwrap();
        serde_json::from_str(data).unwrap()
    };
    encode(events).into_iter().map(data).collect()
}

fn parts(chunk: &Value) -> &Value {
    &chunk["candidates"][0]["content"]["parts"]
}

#[test]
fn what_a_model_says_comes_out_the_same() {
    let written = as_events(&expected_events());
    assert_eq!(events(&written).unwrap(), expected_events());
    let last = written.last().unwrap();
    assert_eq!(last["candidates"][0]["finishReason"], "STOP");
    assert_eq!(last["usageMetadata"]["totalTokenCount"], 12);
    assert!(
        written
            .iter()
            .all(|chunk| chunk["responseId"] == "r" && chunk["modelVersion"] == "m")
    );
}

#[test]
fn calls_are_held_until_they_are_whole() {
    let piece = |call| Event::piece(Piece::ToolCall(call));
    let written = as_events(&[
        Event::Begin(Head::default()),
        Event::piece(Piece::Text("x".into())),
        piece(call(0, Some("a"), Some("f"), "")),
        piece(call(1, Some("b"), Some("g"), "{\"x\"")),
        piece(call(0, None, None, "{}")),
        piece(call(1, None, None, ":1}")),
        Event::piece(Piece::Text("y".into())),
        piece(call(2, Some("c"), Some("h"), "")),
        finish(0, FinishReason::ToolCalls),
    ]);
    let function =
        |name: &str, args: Value, id: &str| json!({"functionCall": {"name": name, "args": args, "id": id}});
    let expected = [
        json!([{"text": "x"}]),
        json!([function("f", json!({}), "a"), function("g", json!({"x": 1}), "b")]),
        json!([{"text": "y"}]),
        json!([function("h", json!({}), "c")]),
        json!([{"text": ""}]),
    ];
    assert_eq!(
        written.iter().map(parts).collect::<Vec<_>>(),
        expected.iter().collect::<Vec<_>>()
    );
    let finishes: Vec<bool> = written
        .iter()
        .map(|chunk| chunk["candidates"][0].get("finishReason").is_some())
        .collect();
    assert_eq!(finishes, [false, false, false, false, true]);
    assert_eq!(written[0]["modelVersion"], "alias");
}

#[test]
fn a_call_cut_short_is_no_whole_answer() {
    let written = as_events(&[
        Event::piece(Piece::ToolCall(call(0, Some("a"), Some("f"), "{\"x\":"))),
        finish(0, FinishReason::ToolCalls),
    ]);
    assert_eq!(written.len(), 1);
    assert_eq!(
        written[0]["candidates"][0]["finishReason"],
        "MALFORMED_FUNCTION_CALL"
    );
    assert_eq!(*parts(&written[0]), json!([{"text": ""}]));
}

#[test]
fn two_answers_end_in_one_chunk() {
    let piece = |choice, text: &str| Event::Piece {
        choice,
        piece: Piece::Text(text.into()),
    };
    let written = as_events(&[
        piece(1, "b"),
        piece(0, "a"),
        piece(0, ""),
        finish(1, FinishReason::Length),
        finish(0, FinishReason::Stop),
        Event::Usage(Usage::default()),
    ]);
    assert_eq!(written.len(), 3);
    let reasons: Vec<&Value> = written[2]["candidates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|candidate| &candidate["finishReason"])
        .collect();
    assert_eq!(reasons, ["STOP", "MAX_TOKENS"]);
}

proptest! {
    #[test]
    fn no_stream_panics(chunks in prop::collection::vec(any_json(), 0..4), bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = decode(&[&bytes]);
        let _ = GeminiWire::default().decoder().read(&bytes);
        let wrapped: Vec<Value> = chunks.iter().map(chunk).collect();
        for chunks in [&chunks, &wrapped] {
            if let Ok(events) = events(chunks) {
                prop_assert!(!as_events(&events).is_empty());
            }
        }
    }
}
