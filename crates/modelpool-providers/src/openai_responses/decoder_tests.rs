use bytes::Bytes;
use modelpool_core::{FinishReason, Usage};
use proptest::prelude::*;

use super::*;
use crate::framing::{Frames, Framing};
use crate::neutral::{Head, Issuer};

/// As OpenAI writes it, fields that are not read left out.
fn stream(events: &[Value]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for event in events {
        let kind = event["type"].as_str().unwrap_or_default();
        bytes.extend(format!("event: {kind}\ndata: {event}\n\n").into_bytes());
    }
    bytes
}

/// All events, and whether the end's mark came.
fn decode(parts: &[&[u8]]) -> Result<(Vec<Event>, bool), Broken> {
    let (mut frames, mut decoder) = (Frames::new(Framing::Sse), ResponsesDecoder::default());
    let (mut events, mut ended) = (Vec::new(), false);
    for part in parts {
        frames.push(Bytes::copy_from_slice(part));
        while let Ok(Some(frame)) = frames.next() {
            let decoded = decoder.read(&frame)?;
            events.extend(decoded.events);
            ended |= decoded.end_mark;
        }
    }
    Ok((events, ended))
}

fn pieces(events: &[Value]) -> Vec<Piece> {
    let (events, _) = decode(&[&stream(events)]).unwrap();
    let pieces = events.into_iter().filter_map(|event| match event {
        Event::Piece { piece, .. } => Some(piece),
        _ => None,
    });
    pieces.collect()
}

fn response(status: &str) -> Value {
    json!({"id": "resp_1", "object": "response", "created_at": 17, "model": "gpt-5", "status": status, "output": []})
}

fn rich() -> Vec<Value> {
    let mut last = response("completed");
    last["usage"] = json!({"input_tokens": 10, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 15});
    last["output"] = json!([{"type": "message", "content": [{"type": "output_text", "text": "图!"}]}]);
    let call = |arguments: &str| {
        json!({"id": "fc_1", "type": "function_call", "call_id": "call_1", "name": "f",
        "arguments": arguments})
    };
    vec![
        json!({"type": "response.created", "response": response("in_progress")}),
        json!({"type": "response.in_progress", "response": response("in_progress")}),
        json!({"type": "response.output_item.added", "output_index": 0,
               "item": {"id": "rs_1", "type": "reasoning", "summary": []}}),
        json!({"type": "response.reasoning_summary_part.added", "output_index": 0, "summary_index": 0,
               "part": {"type": "summary_text", "text": ""}}),
        json!({"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 0, "delta": "h"}),
        json!({"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 0, "delta": "m"}),
        json!({"type": "response.reasoning_summary_text.done", "output_index": 0, "summary_index": 0, "text": "hm"}),
        json!({"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 1, "delta": "so"}),
        json!({"type": "response.output_item.done", "output_index": 0,
               "item": {"id": "rs_1", "type": "reasoning", "encrypted_content": "gAAA",
                        "summary": [{"type": "summary_text", "text": "hm"}, {"type": "summary_text", "text": "so"}]}}),
        json!({"type": "response.output_item.added", "output_index": 1,
               "item": {"id": "msg_1", "type": "message", "role": "assistant", "content": []}}),
        json!({"type": "response.content_part.added", "output_index": 1, "content_index": 0,
               "part": {"type": "output_text", "text": "", "annotations": []}}),
        json!({"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "delta": "图",
               "logprobs": [{"token": "图", "logprob": -1.0}]}),
        json!({"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "delta": "!",
               "logprobs": []}),
        json!({"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "delta": ""}),
        json!({"type": "response.output_text.annotation.added", "output_index": 1, "content_index": 0,
               "annotation": {"type": "url_citation", "url": "https://a"}}),
        json!({"type": "response.output_text.done", "output_index": 1, "content_index": 0, "text": "图!"}),
        json!({"type": "response.output_item.done", "output_index": 1,
               "item": {"id": "msg_1", "type": "message", "content": [{"type": "output_text", "text": "图!",
                        "annotations": [{"type": "url_citation", "url": "https://a"}]}]}}),
        json!({"type": "response.output_item.added", "output_index": 2, "item": call("")}),
        json!({"type": "response.function_call_arguments.delta", "output_index": 2, "delta": "{\"a\""}),
        json!({"type": "response.function_call_arguments.delta", "output_index": 2, "delta": ":1}"}),
        json!({"type": "response.function_call_arguments.done", "output_index": 2, "arguments": "{\"a\":1}"}),
        json!({"type": "response.output_item.done", "output_index": 2, "item": call("{\"a\":1}")}),
        json!({"type": "response.completed", "response": last}),
    ]
}

fn call_piece(id: Option<&str>, arguments: &str) -> Piece {
    Piece::ToolCall(ToolCallPiece {
        index: 0,
        id: id.map(Into::into),
        name: id.map(|_| "f".into()),
        arguments: arguments.into(),
        signature: None,
    })
}

fn rich_events() -> Vec<Event> {
    let mut events = vec![Event::Begin(Head {
        id: Some("resp_1".into()),
        model: Some("gpt-5".into()),
        created: Some(17),
    })];
    let pieces = [
        Piece::Reasoning("h".into()),
        Piece::Reasoning("m".into()),
        Piece::Reasoning("\n\nso".into()),
        Piece::Signature(Signature::new(Issuer::OpenAi, "gAAA")),
        Piece::Text("图".into()),
        Piece::Logprobs(json!({"content": [{"token": "图", "logprob": -1.0}]})),
        Piece::Text("!".into()),
        Piece::Citation(json!({"type": "url_citation", "url": "https://a"})),
        call_piece(Some("call_1"), ""),
        call_piece(None, "{\"a\""),
        call_piece(None, ":1}"),
    ];
    events.extend(pieces.map(Event::piece));
    events.push(Event::Usage(Usage {
        input_tokens: 10,
        cached_input_tokens: 4,
        output_tokens: 5,
        reasoning_tokens: 2,
        ..Usage::default()
    }));
    events.push(Event::Finish {
        choice: 0,
        reason: FinishReason::ToolCalls,
        stop_sequence: None,
    });
    events
}

#[test]
fn a_stream_wherever_its_bytes_are_cut() {
    let bytes = stream(&rich());
    let expected = (rich_events(), true);
    assert_eq!(decode(&[&bytes]).unwrap(), expected);
    for at in 0..bytes.len() {
        assert_eq!(
            decode(&[&bytes[..at], &bytes[at..]]).unwrap(),
            expected,
            "cut at {at}"
        );
    }
}

#[test]
fn what_comes_whole_only_is_read() {
    // No deltas: the same texts, each in one piece.
    let whole: Vec<Value> = rich()
        .into_iter()
        .filter(|event| !event["type"].as_str().unwrap().ends_with(".delta"))
        .collect();
    let texts = |pieces: Vec<Piece>| {
        let mut texts = [String::new(), String::new(), String::new()];
        for piece in pieces {
            match piece {
                Piece::Text(text) => texts[0] += &text,
                Piece::Reasoning(text) => texts[1] += &text,
                Piece::ToolCall(call) => texts[2] += &call.arguments,
                _ => {}
            }
        }
        texts
    };
    let expected = ["图!", "hm\n\nso", "{\"a\":1}"];
    assert_eq!(texts(pieces(&rich())), expected);
    assert_eq!(texts(pieces(&whole)), expected);
    // Nothing but the items, or nothing but the call's.
    let done: Vec<Value> = rich()
        .into_iter()
        .filter(|event| event["type"] == "response.output_item.done")
        .collect();
    assert_eq!(texts(pieces(&done)), expected);
    // Nothing but the response.
    let last = rich().pop().unwrap();
    assert_eq!(pieces(&[last]), [Piece::Text("图!".into())]);
}

#[test]
fn refusals_and_reasoning_of_all_kinds() {
    let item = |item: Value| json!({"type": "response.output_item.done", "output_index": 0, "item": item});
    let reasoning =
        |encrypted: &str| item(json!({"type": "reasoning", "summary": [], "encrypted_content": encrypted}));
    let of = |issuer, value: &str| Signature::new(issuer, value);
    for (events, expected) in [
        (
            vec![
                json!({"type": "response.refusal.delta", "delta": "n"}),
                json!({"type": "response.refusal.delta", "delta": "o"}),
                json!({"type": "response.refusal.done", "refusal": "no"}),
            ],
            vec![Piece::Refusal("n".into()), Piece::Refusal("o".into())],
        ),
        (
            vec![json!({"type": "response.refusal.done", "refusal": "no"})],
            vec![Piece::Refusal("no".into())],
        ),
        (
            // An open model tells the reasoning itself; its summary would say it again.
            vec![
                json!({"type": "response.reasoning_text.delta", "delta": "why"}),
                json!({"type": "response.reasoning_summary_text.delta", "delta": "w"}),
                item(json!({"type": "reasoning", "summary": [{"text": "w"}], "content": [{"text": "why"}]})),
            ],
            vec![Piece::Reasoning("why".into())],
        ),
        (
            vec![reasoning("gAAA")],
            vec![Piece::EncryptedReasoning(of(Issuer::OpenAi, "gAAA"))],
        ),
        (
            vec![reasoning("modelpool:anthropic:EqQB")],
            vec![Piece::Signature(of(Issuer::Anthropic, "EqQB"))],
        ),
        (
            vec![reasoning("modelpool:anthropic:sealed:EqQB")],
            vec![Piece::EncryptedReasoning(of(Issuer::Anthropic, "EqQB"))],
        ),
        (
            vec![json!({"type": "response.web_search_call.searching"})],
            vec![],
        ),
    ] {
        assert_eq!(pieces(&events), expected, "{events:?}");
    }
}

#[test]
fn ends() {
    let end = |kind: &str, reason: Value| {
        let mut response = response(kind);
        response["incomplete_details"] = reason;
        json!({"type": format!("response.{kind}"), "response": response})
    };
    for (event, expected) in [
        (end("completed", Value::Null), FinishReason::Stop),
        (json!({"type": "response.completed"}), FinishReason::Stop),
        (
            end("incomplete", json!({"reason": "max_output_tokens"})),
            FinishReason::Length,
        ),
        (
            end("incomplete", json!({"reason": "content_filter"})),
            FinishReason::ContentFilter,
        ),
        (
            end("incomplete", Value::Null),
            FinishReason::Other("incomplete".into()),
        ),
    ] {
        let (events, ended) = decode(&[&stream(std::slice::from_ref(&event))]).unwrap();
        assert!(ended, "{event}");
        let finish = Event::Finish {
            choice: 0,
            reason: expected,
            stop_sequence: None,
        };
        assert_eq!(events.last(), Some(&finish), "{event}");
    }
    let (events, ended) = decode(&[&stream(&rich()[..20])]).unwrap();
    assert!(!ended && !events.iter().any(|event| matches!(event, Event::Finish { .. })));
    assert_eq!(decode(&[b"data: [DONE]\n\n"]).unwrap(), (vec![], true));
}

#[test]
fn errors() {
    let error = json!({"code": "rate_limit_exceeded", "message": "slow down", "param": null});
    let mut failed = response("failed");
    failed["error"] = json!({"code": "server_error", "message": "no"});
    for (event, expected) in [
        (
            json!({"type": "error", "code": "rate_limit_exceeded", "message": "slow down", "param": null,
                   "sequence_number": 3}),
            error.clone(),
        ),
        (json!({"type": "error", "error": error}), error.clone()),
        (json!({"error": error}), error),
        (
            json!({"type": "response.failed", "response": failed}),
            json!({"code": "server_error", "message": "no"}),
        ),
        (
            json!({"type": "response.failed"}),
            json!({"message": "the response failed, without a reason"}),
        ),
    ] {
        let bytes = stream(std::slice::from_ref(&event));
        assert_eq!(decode(&[&bytes]), Err(Broken::Refusal(expected)), "{event}");
    }
    for frame in ["data: {\n\n", "data: {}\n\n", "data: 7\n\n", "data:\n\n"] {
        let decoded = ResponsesDecoder::default().read(frame.as_bytes()).unwrap();
        assert!(decoded.malformed, "{frame}");
    }
    let comment = ResponsesDecoder::default().read(b": still here\n\n").unwrap();
    assert_eq!(comment, Decoded::nothing());
}

#[test]
fn the_signature_of_a_call_is_given_to_it() {
    let events = [
        json!({"type": "response.output_item.done", "output_index": 0, "item": {"type": "reasoning", "summary": [],
               "encrypted_content": "modelpool:gemini:call:call_1|sig"}}),
        json!({"type": "response.output_item.added", "output_index": 1,
               "item": {"type": "function_call", "call_id": "call_1", "name": "f"}}),
    ];
    let [Piece::ToolCall(call)] = &pieces(&events)[..] else {
        panic!("not one call");
    };
    assert_eq!(call.signature, Some(Signature::new(Issuer::Gemini, "sig")));
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        order in prop::collection::vec((any::<prop::sample::Index>(), 0_u64..4), 0..30),
    ) {
        let _ = decode(&[&bytes]);
        let _ = ResponsesDecoder::default().read(&[b"data: ", bytes.as_slice(), b"\n\n"].concat());
        // Events of the wire in any order and place.
        let events = rich();
        let shuffled: Vec<Value> = order
            .iter()
            .map(|(index, place)| {
                let mut event = index.get(&events).clone();
                event["output_index"] = (*place).into();
                event
            })
            .collect();
        let _ = decode(&[&stream(&shuffled)]);
    }
}
