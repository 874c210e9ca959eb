use bytes::Bytes;
use modelpool_core::Usage;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::framing::{Frames, Framing};
use crate::neutral::Issuer;

/// The events of all chunks.
fn decode(chunks: &[Value]) -> Result<Vec<Event>, Broken> {
    let mut decoder = ChatDecoder::default();
    let mut events = Vec::new();
    for chunk in chunks {
        let decoded = decoder.read(format!("data: {chunk}\n\n").as_bytes())?;
        assert!(!decoded.malformed && !decoded.end_mark);
        events.extend(decoded.events);
    }
    Ok(events)
}

fn delta(delta: Value) -> Value {
    json!({"choices": [{"index": 0, "delta": delta, "finish_reason": null}]})
}

fn finished(word: &str) -> Value {
    json!({"choices": [{"index": 0, "delta": {}, "finish_reason": word}]})
}

fn finish_event(choice: u32, reason: FinishReason) -> Event {
    Event::Finish {
        choice,
        reason,
        stop_sequence: None,
    }
}

/// What the calls of a stream add up to, and that each begins with id and name.
fn gathered(events: &[Event]) -> Vec<(String, String, String)> {
    let mut calls: Vec<(String, String, String)> = Vec::new();
    for event in events {
        let Event::Piece {
            piece: Piece::ToolCall(piece),
            ..
        } = event
        else {
            continue;
        };
        let at = piece.index as usize;
        if at == calls.len() {
            calls.push((
                piece.id.clone().unwrap(),
                piece.name.clone().unwrap(),
                String::new(),
            ));
        } else {
            assert_eq!((&piece.id, &piece.name), (&None, &None));
        }
        calls[at].2.push_str(&piece.arguments);
    }
    calls
}

#[test]
fn pieces_of_every_kind() {
    let text = |text: &str| text.to_owned();
    for (given, expected) in [
        (json!({"role": "assistant", "content": ""}), vec![]),
        (
            json!({"content": null, "reasoning_content": "", "refusal": null}),
            vec![],
        ),
        (json!({"content": "a"}), vec![Piece::Text(text("a"))]),
        (json!({"refusal": "no"}), vec![Piece::Refusal(text("no"))]),
        (
            json!({"reasoning_content": "r"}),
            vec![Piece::Reasoning(text("r"))],
        ),
        (
            json!({"reasoning": "r", "content": "a"}),
            vec![Piece::Reasoning(text("r")), Piece::Text(text("a"))],
        ),
        (
            json!({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "r"}]}]}),
            vec![Piece::Reasoning(text("r"))],
        ),
        (
            json!({"annotations": [{"type": "url_citation"}]}),
            vec![Piece::Citation(json!({"type": "url_citation"}))],
        ),
    ] {
        let events: Vec<Event> = expected.into_iter().map(Event::piece).collect();
        assert_eq!(decode(&[delta(given.clone())]).unwrap(), events, "{given}");
    }
}

#[test]
fn a_stream_of_two_choices_with_usage_at_its_end() {
    let head = |choices: Value| json!({"id": "c", "created": 17, "model": "m", "choices": choices});
    let usage = Usage {
        input_tokens: 3,
        output_tokens: 4,
        ..Usage::default()
    };
    let events = decode(&[
        head(json!([])),
        head(json!([{"index": 1, "delta": {"content": "b"}, "logprobs": {"content": []}}])),
        head(
            json!([{"index": 0, "delta": {"content": "a"}}, {"index": 1, "delta": {}, "finish_reason": "length"}]),
        ),
        head(json!([{"index": 0, "delta": {}, "finish_reason": "stop"}])),
        head(json!([{"index": 0, "delta": {}, "finish_reason": "stop"}])),
        json!({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}}),
    ]);
    let piece = |choice, piece| Event::Piece { choice, piece };
    let expected = vec![
        Event::Begin(Head {
            id: Some("c".to_owned()),
            model: Some("m".to_owned()),
            created: Some(17),
        }),
        piece(1, Piece::Text("b".to_owned())),
        piece(1, Piece::Logprobs(json!({"content": []}))),
        piece(0, Piece::Text("a".to_owned())),
        finish_event(1, FinishReason::Length),
        finish_event(0, FinishReason::Stop),
        Event::Usage(usage),
    ];
    assert_eq!(events.unwrap(), expected);
}

#[test]
fn tool_calls_however_a_server_cuts_them() {
    let call = |id: &str, arguments: &str| (id.to_owned(), "f".to_owned(), arguments.to_owned());
    let whole = |index: Value, id: Value, arguments: &str| json!({"index": index, "id": id, "function": {"name": "f", "arguments": arguments}});
    let rest = |index: Value, arguments: &str| json!({"index": index, "function": {"arguments": arguments}});
    let cases: [(&str, Vec<Value>, Vec<_>); 9] = [
        (
            "as OpenAI does",
            vec![
                json!([whole(json!(0), json!("x"), "")]),
                json!([rest(json!(0), "{\"a\"")]),
                json!([rest(json!(0), ":1}")]),
                json!([whole(json!(1), json!("y"), "")]),
                json!([rest(json!(1), "{}")]),
            ],
            vec![call("x", "{\"a\":1}"), call("y", "{}")],
        ),
        (
            "at the same time",
            vec![
                json!([whole(json!(0), json!("x"), ""), whole(json!(1), json!("y"), "")]),
                json!([rest(json!(1), "2"), rest(json!(0), "1")]),
            ],
            vec![call("x", "1"), call("y", "2")],
        ),
        (
            "all under one index",
            vec![
                json!([whole(json!(0), json!("x"), "1"), whole(json!(0), json!("y"), "2")]),
                json!([rest(json!(0), "2")]),
            ],
            vec![call("x", "1"), call("y", "22")],
        ),
        (
            "without indexes",
            vec![
                json!([whole(json!(null), json!("x"), "1")]),
                json!([rest(json!(null), "1")]),
                json!([whole(json!(null), json!("y"), "2")]),
            ],
            vec![call("x", "11"), call("y", "2")],
        ),
        (
            "without indexes and ids",
            vec![
                json!([whole(json!(null), json!(null), "1")]),
                json!([whole(json!(null), json!(""), "2")]),
            ],
            vec![
                call(&answer::call_id(" 0", "f", 0), "1"),
                call(&answer::call_id(" 0", "f", 1), "2"),
            ],
        ),
        (
            "with id and name in every fragment",
            vec![
                json!([whole(json!(0), json!("x"), "1")]),
                json!([whole(json!(0), json!("x"), "2")]),
            ],
            vec![call("x", "12")],
        ),
        (
            "with another id for every fragment",
            vec![
                json!([whole(json!(0), json!("x"), "1")]),
                json!([{"index": 0, "id": "z", "function": {"arguments": "2"}}]),
            ],
            vec![call("x", "12")],
        ),
        (
            "with the name after the id",
            vec![
                json!([{"index": 0, "id": "x", "function": {"arguments": ""}}]),
                json!([rest(json!(0), "1")]),
                json!([{"index": 0, "function": {"name": "f", "arguments": "2"}}]),
            ],
            vec![call("x", "12")],
        ),
        (
            "numbered from another number",
            vec![json!([whole(json!(1), json!("x"), "1")])],
            vec![call("x", "1")],
        ),
    ];
    for (name, deltas, expected) in cases {
        let mut chunks: Vec<Value> = deltas
            .iter()
            .map(|calls| delta(json!({"tool_calls": calls})))
            .collect();
        chunks.push(finished("stop"));
        let events = decode(&chunks).unwrap();
        assert_eq!(gathered(&events), expected, "{name}");
        assert_eq!(
            events.last(),
            Some(&finish_event(0, FinishReason::ToolCalls)),
            "{name}"
        );
    }
}

#[test]
fn the_deprecated_call_and_gemini_s_signature() {
    let events = decode(&[
        delta(json!({"function_call": {"name": "f", "arguments": "{"}})),
        delta(json!({"function_call": {"arguments": "}"}})),
        finished("function_call"),
    ])
    .unwrap();
    assert_eq!(gathered(&events)[0].2, "{}");
    let call = json!({"index": 0, "id": "x", "function": {"name": "f", "arguments": "{}"},
        "extra_content": {"google": {"thought_signature": "sig"}}});
    let events = decode(&[delta(json!({"tool_calls": [call]}))]).unwrap();
    let [
        Event::Piece {
            piece: Piece::ToolCall(piece),
            ..
        },
    ] = events.as_slice()
    else {
        panic!("{events:?}")
    };
    assert_eq!(piece.signature, Some(Signature::new(Issuer::Gemini, "sig")));
    // Before the name.
    let events = decode(&[
        delta(
            json!({"tool_calls": [{"index": 0, "extra_content": {"google": {"thought_signature": "sig"}}}]}),
        ),
        delta(json!({"tool_calls": [{"index": 0, "id": "x", "function": {"name": "f", "arguments": "{}"}}]})),
    ]);
    assert_eq!(events.unwrap(), [Event::piece(Piece::ToolCall(piece.clone()))]);
    // After the call, in a delta that does not say which.
    let events = decode(&[
        delta(json!({"tool_calls": [{"index": 0, "id": "x", "function": {"name": "f", "arguments": "{}"}}]})),
        delta(json!({"tool_calls": [{"extra_content": {"google": {"thought_signature": "sig"}}}]})),
    ]);
    let late = ToolCallPiece {
        signature: Some(Signature::new(Issuer::Gemini, "sig")),
        ..ToolCallPiece::default()
    };
    assert_eq!(events.unwrap()[1], Event::piece(Piece::ToolCall(late)));
}

#[test]
fn a_call_that_never_got_a_name_does_not_look_whole() {
    let nameless = delta(json!({"tool_calls": [{"index": 0, "id": "x", "function": {"arguments": "{}"}}]}));
    for (word, whole) in [("tool_calls", false), ("stop", false), ("length", true)] {
        assert_eq!(
            decode(&[nameless.clone(), finished(word)]).is_ok(),
            whole,
            "{word}"
        );
    }
}

#[test]
fn frames_that_are_no_chunks() {
    let object = json!({"message": "no"});
    let mut decoder = ChatDecoder::default();
    for (frame, expected) in [
        (": still here\n\n", Ok(Decoded::nothing())),
        ("data:\n\n", Ok(Decoded::nothing())),
        ("data: [DONE]\n\n", Ok(Decoded::end())),
        ("data:[DONE]\r\n\r\n", Ok(Decoded::end())),
        ("data: {\"choices\":[{\n\n", Ok(Decoded::malformed())),
        ("data: 1\n\n", Ok(Decoded::malformed())),
        ("data: {\"error\":null}\n\n", Ok(Decoded::nothing())),
        (
            "event: error\ndata: {\"error\":{\"message\":\"no\"}}\n\n",
            Err(Broken::Refusal(object.clone())),
        ),
        (
            "data: {\"choices\":[{\"index\":0,\"error\":{\"message\":\"no\"}}]}\n\n",
            Err(Broken::Refusal(object)),
        ),
    ] {
        assert_eq!(decoder.read(frame.as_bytes()), expected, "{frame}");
    }
}

#[test]
fn what_would_fill_the_memory_is_refused() {
    let choices: Vec<Value> = (0..200)
        .map(|index| json!({"index": index, "delta": {}}))
        .collect();
    assert!(decode(&[json!({"choices": choices})]).is_err());
    let calls: Vec<Value> = (0..2_000).map(|index| json!({"index": index})).collect();
    assert!(decode(&[delta(json!({"tool_calls": calls}))]).is_err());
    assert!(decode(&[json!({"choices": [{"index": 1_u64 << 40}]})]).is_err());
}

const STREAM: &str = concat!(
    "data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n",
    ": still here\n\n",
    "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"图😀\"}}]}\r\n\r\n",
    "data: {\"id\":\"c\",\ndata: \"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"x\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}}]}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n",
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}\n\n",
    "data: [DONE]\n\n",
);

fn decode_parts(parts: &[&[u8]]) -> (Vec<Event>, usize) {
    let (mut frames, mut decoder) = (Frames::new(Framing::Sse), ChatDecoder::default());
    let (mut events, mut ends) = (Vec::new(), 0);
    for part in parts {
        frames.push(Bytes::copy_from_slice(part));
        while let Some(frame) = frames.next().unwrap() {
            let decoded = decoder.read(&frame).unwrap();
            assert!(!decoded.malformed);
            events.extend(decoded.events);
            ends += usize::from(decoded.end_mark);
        }
    }
    (events, ends)
}

#[test]
fn wherever_the_bytes_are_cut_the_same_is_read() {
    let bytes = STREAM.as_bytes();
    let whole = decode_parts(&[bytes]);
    assert_eq!((whole.0.len(), whole.1), (5, 1));
    for at in 0..=bytes.len() {
        assert_eq!(decode_parts(&[&bytes[..at], &bytes[at..]]), whole, "at byte {at}");
    }
}

proptest! {
    #[test]
    fn no_bytes_are_too_strange(frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..4)) {
        let mut decoder = ChatDecoder::default();
        for frame in frames {
            let _ = decoder.read(&frame);
            let _ = decoder.read(&[b"data: ".as_slice(), &frame].concat());
        }
    }

    #[test]
    fn no_calls_are_too_strange(calls in prop::collection::vec(
        (prop::option::of(0..3_u64), prop::option::of("[xy]"), prop::option::of("[fg]"), "[0-9]{0,3}"), 0..12,
    )) {
        let mut decoder = ChatDecoder::default();
        let mut begun = 0;
        for (index, id, name, arguments) in calls {
            let call = json!({"index": index, "id": id, "function": {"name": name, "arguments": arguments}});
            let frame = format!("data: {}\n\n", delta(json!({"tool_calls": [call]})));
            for event in decoder.read(frame.as_bytes()).unwrap().events {
                let Event::Piece { piece: Piece::ToolCall(piece), .. } = event else { continue };
                prop_assert_eq!(piece.id.is_some(), piece.name.is_some());
                begun += usize::from(piece.id.is_some());
            }
        }
        prop_assert!(begun <= 12);
    }
}
