//! Streams of Cohere.

use bytes::Bytes;
use modelpool_core::{FinishReason, Usage};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::CohereWire;
use crate::framing::Frames;
use crate::neutral::{Event, Head, Piece, ToolCallPiece};
use crate::wire::{Broken, Decoded, Wire};

/// An event as Cohere sends it, its name in a line of its own too.
fn event(data: &Value) -> String {
    format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap())
}

fn stream(events: &[Value]) -> String {
    events.iter().map(event).collect()
}

fn message(kind: &str, index: u32, message: &Value) -> Value {
    json!({"type": kind, "index": index, "delta": {"message": message}})
}

fn content(index: u32, content: &Value) -> Value {
    message("content-delta", index, &json!({"content": content}))
}

fn call(kind: &str, index: u32, call: &Value) -> Value {
    message(kind, index, &json!({"tool_calls": call}))
}

fn end(reason: &str) -> Value {
    json!({"type": "message-end", "delta": {"finish_reason": reason, "usage": {
        "billed_units": {"input_tokens": 3, "output_tokens": 7},
        "tokens": {"input_tokens": 68, "output_tokens": 8}}}})
}

fn start() -> Value {
    json!({"id": "29f1", "type": "message-start", "delta": {"message":
        {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}}})
}

/// What the parts say, and whether the mark of the end was among it.
fn decoded(parts: &[&[u8]]) -> Result<(Vec<Event>, bool), Broken> {
    let mut frames = Frames::new(CohereWire.framing());
    let mut decoder = CohereWire.decoder();
    let (mut events, mut ended) = (Vec::new(), false);
    for part in parts {
        frames.push(Bytes::copy_from_slice(part));
        while let Some(frame) = frames.next().unwrap() {
            let read = decoder.read(&frame)?;
            assert!(!read.malformed);
            events.extend(read.events);
            ended |= read.end_mark;
        }
    }
    Ok((events, ended))
}

fn of(events: &[Value]) -> Result<(Vec<Event>, bool), Broken> {
    decoded(&[stream(events).as_bytes()])
}

fn begin() -> Event {
    Event::Begin(Head {
        id: Some("29f1".to_owned()),
        ..Head::default()
    })
}

fn ending(reason: FinishReason) -> [Event; 2] {
    let usage = Usage {
        input_tokens: 68,
        output_tokens: 8,
        unbilled_input_tokens: 65,
        unbilled_output_tokens: 1,
        ..Usage::default()
    };
    let finish = Event::Finish {
        choice: 0,
        reason,
        stop_sequence: None,
    };
    [Event::Usage(usage), finish]
}

fn piece(index: u32, id: Option<&str>, name: Option<&str>, arguments: &str) -> Event {
    Event::piece(Piece::ToolCall(ToolCallPiece {
        index,
        id: id.map(str::to_owned),
        name: name.map(str::to_owned),
        arguments: arguments.to_owned(),
        signature: None,
    }))
}

#[test]
fn texts_reasoning_and_citations_wherever_the_parts_end() {
    let citation = json!({"start": 0, "end": 2, "text": "Hi", "sources": []});
    let plan = json!({"type": "PLAN", "text": "x"});
    let mut whole = stream(&[
        start(),
        message(
            "content-start",
            0,
            &json!({"content": {"type": "thinking", "thinking": ""}}),
        ),
        content(0, &json!({"thinking": "Hm, 图"})),
        json!({"type": "content-end", "index": 0}),
        message(
            "content-start",
            1,
            &json!({"content": {"type": "text", "text": ""}}),
        ),
        json!({"type": "content-delta", "index": 1, "delta": {"message": {"content": {"text": "Hi"}}},
               "logprobs": {"text": "Hi", "token_ids": [9], "logprobs": [-0.5]}}),
        message("citation-start", 0, &json!({"citations": citation})),
        json!({"type": "citation-end", "index": 0}),
        message("citation-start", 1, &json!({"citations": plan})),
        json!({"type": "content-end", "index": 1}),
        end("COMPLETE"),
    ]);
    whole.push_str("data: [DONE]\n\n");
    let logprobs =
        json!({"content": [{"token": "Hi", "logprob": -0.5, "bytes": [72, 105], "top_logprobs": []}]});
    let mut expected = vec![
        begin(),
        Event::piece(Piece::Reasoning("Hm, 图".to_owned())),
        Event::piece(Piece::Text("Hi".to_owned())),
        Event::piece(Piece::Logprobs(logprobs)),
        Event::piece(Piece::Citation(citation)),
    ];
    expected.extend(ending(FinishReason::Stop));
    for at in 0..whole.len() {
        let (head, tail) = whole.as_bytes().split_at(at);
        assert_eq!(
            decoded(&[head, tail]).unwrap(),
            (expected.clone(), true),
            "cut at {at}"
        );
    }
}

#[test]
fn calls_are_counted_from_nought_whatever_the_wire_counts() {
    for (first, second) in [(0, 1), (1, 2), (0, 0)] {
        let (events, ended) = of(&[
            start(),
            json!({"type": "tool-plan-delta", "delta": {"message": {"tool_plan": "I will"}}}),
            call(
                "tool-call-start",
                first,
                &json!({"id": "w_1", "type": "function",
                "function": {"name": "weather", "arguments": ""}}),
            ),
            call(
                "tool-call-delta",
                first,
                &json!({"function": {"arguments": "{\"city\""}}),
            ),
            call(
                "tool-call-delta",
                first,
                &json!({"function": {"arguments": ": 1}"}}),
            ),
            json!({"type": "tool-call-end", "index": first}),
            call(
                "tool-call-start",
                second,
                &json!([{"id": "n_1", "function": {"name": "now", "arguments": "{"}}]),
            ),
            call(
                "tool-call-delta",
                second,
                &json!({"function": {"arguments": "}"}}),
            ),
            json!({"type": "tool-call-end", "index": second}),
            end("TOOL_CALL"),
        ])
        .unwrap();
        let mut expected = vec![
            begin(),
            Event::piece(Piece::Reasoning("I will".to_owned())),
            piece(0, Some("w_1"), Some("weather"), ""),
            piece(0, None, None, "{\"city\""),
            piece(0, None, None, ": 1}"),
            piece(1, Some("n_1"), Some("now"), "{"),
            piece(1, None, None, "}"),
        ];
        expected.extend(ending(FinishReason::ToolCalls));
        assert_eq!((events, ended), (expected, true), "{first} {second}");
    }
}

#[test]
fn a_call_without_an_id_gets_one() {
    let begins = call("tool-call-start", 0, &json!({"function": {"name": "now"}}));
    let (events, _) = of(&[begins]).unwrap();
    let [
        Event::Piece {
            piece: Piece::ToolCall(call),
            ..
        },
    ] = events.as_slice()
    else {
        panic!("{events:?}")
    };
    assert!(call.id.as_deref().unwrap().starts_with("call_"), "{call:?}");
}

#[test]
fn an_end_without_a_reason_ends_no_whole_answer() {
    let bare = json!({"type": "message-end", "delta": {}});
    assert_eq!(of(&[start(), bare]).unwrap(), (vec![begin()], true));
    assert_eq!(of(&[start()]).unwrap(), (vec![begin()], false));
}

#[test]
fn errors_within_the_stream() {
    let bare = json!({"message": "too many tokens"});
    let data = format!("data: {bare}\n\n");
    assert_eq!(decoded(&[data.as_bytes()]).unwrap_err(), Broken::Refusal(bare));
    let named = json!({"type": "error", "data": {"code": 1}});
    assert_eq!(
        of(std::slice::from_ref(&named)).unwrap_err(),
        Broken::Refusal(named)
    );
    for (delta, expected) in [
        (
            json!({"finish_reason": "ERROR", "error": "no capacity"}),
            json!({"message": "no capacity", "type": "ERROR"}),
        ),
        (
            json!({"finish_reason": "TIMEOUT"}),
            json!({"message": "the generation ended with TIMEOUT", "type": "TIMEOUT"}),
        ),
        (json!({"error": "lost"}), json!({"message": "lost"})),
    ] {
        let last = json!({"type": "message-end", "delta": delta});
        assert_eq!(
            of(&[start(), last]).unwrap_err(),
            Broken::Refusal(expected),
            "{delta}"
        );
    }
}

#[test]
fn calls_that_make_no_sense_are_no_answer() {
    for (events, message) in [
        (
            call("tool-call-start", 0, &json!({"id": "a"})),
            "a tool call begins without a name",
        ),
        (
            call("tool-call-delta", 0, &json!({"function": {"arguments": "{"}})),
            "a tool call goes on that did not begin",
        ),
    ] {
        assert_eq!(of(&[events]).unwrap_err(), Broken::Protocol(message.to_owned()));
    }
}

#[test]
fn frames_that_say_little() {
    let read = |frame: &str| CohereWire.decoder().read(frame.as_bytes()).unwrap();
    for frame in [
        ": still here\n\n",
        "event: message-end\n\n",
        "data:\n\n",
        "data: {}\n\n",
        "data: {\"type\":\"debug\",\"prompt\":\"x\"}\n\n",
        "data: {\"type\":\"content-delta\",\"delta\":{\"message\":{\"content\":{\"text\":\"\"}}}}\n\n",
        "data: {\"type\":\"content-delta\",\"delta\":null}\n\n",
    ] {
        assert_eq!(read(frame), Decoded::nothing(), "{frame}");
    }
    assert_eq!(read("data: [DONE]\n\n"), Decoded::end());
    for frame in ["data: {\"type\":\n\n", "data: 7\n\n"] {
        assert_eq!(read(frame), Decoded::malformed(), "{frame}");
    }
    let by_its_line =
        "event: content-delta\ndata: {\"delta\":{\"message\":{\"content\":{\"text\":\"x\"}}}}\n\n";
    assert_eq!(
        read(by_its_line).events.as_slice(),
        [Event::piece(Piece::Text("x".to_owned()))]
    );
}

proptest! {
    #[test]
    fn no_bytes_do_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = CohereWire.decoder().read(&[b"data: ", bytes.as_slice()].concat());
        let _ = CohereWire.decoder().read(&bytes);
        let _ = CohereWire.read(&Bytes::from(bytes));
    }

    #[test]
    fn no_json_does_harm(
        kinds in prop::collection::vec(prop::sample::select(vec![
            "message-start", "content-start", "content-delta", "tool-plan-delta", "tool-call-start",
            "tool-call-delta", "citation-start", "message-end", "error", "",
        ]), 1..6),
        delta in prop::sample::select(vec![
            "null", "7", "[]", "{\"message\":[]}", "{\"message\":{\"content\":[],\"tool_calls\":[],\"citations\":[]}}",
            "{\"message\":{\"content\":3,\"tool_calls\":{\"function\":{\"name\":\"f\",\"arguments\":\"{\"}}}}",
            "{\"usage\":[],\"finish_reason\":{}}",
        ]),
        index in any::<u64>(),
    ) {
        let mut decoder = CohereWire.decoder();
        for kind in kinds {
            let frame = format!("data: {{\"type\":\"{kind}\",\"index\":{index},\"delta\":{delta}}}\n\n");
            let _ = decoder.read(frame.as_bytes());
        }
        let _ = CohereWire.read(&Bytes::from(delta.as_bytes().to_vec()));
    }
}
