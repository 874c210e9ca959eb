use bytes::Bytes;
use modelpool_core::{FinishReason, Usage};
use proptest::prelude::*;
use serde_json::json;

use super::super::frames::message;
use super::*;
use crate::framing::{Frames, Framing};

fn event(kind: &str, payload: &Value) -> Vec<u8> {
    let headers = [
        (":event-type", kind),
        (":content-type", "application/json"),
        (":message-type", "event"),
    ];
    message(&headers, &payload.to_string())
}

fn exception(kind: &str, payload: &str) -> Vec<u8> {
    message(
        &[(":exception-type", kind), (":message-type", "exception")],
        payload,
    )
}

/// All that the decoder says of the parts of a stream.
fn decode(parts: &[&[u8]]) -> Result<(Vec<Event>, bool), Broken> {
    let mut frames = Frames::new(Framing::Aws);
    let mut decoder = BedrockDecoder::default();
    let (mut events, mut end) = (Vec::new(), false);
    for part in parts {
        frames.push(Bytes::copy_from_slice(part));
        while let Some(frame) = frames.next().unwrap() {
            let decoded = decoder.read(&frame)?;
            assert!(!decoded.malformed);
            events.extend(decoded.events);
            end = decoded.end_mark;
        }
    }
    Ok((events, end))
}

fn stream() -> Vec<u8> {
    [
        event("messageStart", &json!({"role": "assistant", "p": "abcd"})),
        event("contentBlockDelta", &json!({"contentBlockIndex": 0, "delta": {"reasoningContent": {"text": "hm"}}})),
        event("contentBlockDelta", &json!({"contentBlockIndex": 0, "delta": {"reasoningContent": {"signature": "sig=="}}})),
        event("contentBlockStop", &json!({"contentBlockIndex": 0})),
        event("contentBlockDelta", &json!({"contentBlockIndex": 1, "delta": {"text": "Grüße"}})),
        event("contentBlockDelta", &json!({"contentBlockIndex": 1, "delta": {"text": ""}})),
        event("contentBlockStart", &json!({"contentBlockIndex": 2, "start": {"toolUse": {"toolUseId": "t1", "name": "a"}}})),
        event("contentBlockDelta", &json!({"contentBlockIndex": 2, "delta": {"toolUse": {"input": ""}}})),
        event("contentBlockDelta", &json!({"contentBlockIndex": 2, "delta": {"toolUse": {"input": "{\"x\":"}}})),
        event("contentBlockDelta", &json!({"contentBlockIndex": 2, "delta": {"toolUse": {"input": "1}"}}})),
        event("contentBlockStart", &json!({"contentBlockIndex": 4, "start": {"toolUse": {"toolUseId": "t2", "name": "b"}}})),
        event("contentBlockDelta", &json!({"contentBlockIndex": 4, "delta": {"toolUse": {"input": "{}"}}})),
        event("somethingNew", &json!({"a": 1})),
        event("messageStop", &json!({"stopReason": "tool_use"})),
        event("metadata", &json!({"usage": {"inputTokens": 7, "outputTokens": 3, "totalTokens": 10}, "metrics": {"latencyMs": 9}})),
    ]
    .concat()
}

fn call(index: u32, begins: Option<(&str, &str)>, arguments: &str) -> Event {
    Event::piece(Piece::ToolCall(ToolCallPiece {
        index,
        id: begins.map(|(id, _)| id.to_owned()),
        name: begins.map(|(_, name)| name.to_owned()),
        arguments: arguments.to_owned(),
        signature: None,
    }))
}

fn expected() -> Vec<Event> {
    vec![
        Event::Begin(Head::default()),
        Event::piece(Piece::Reasoning("hm".to_owned())),
        Event::piece(Piece::Signature(Signature::new(Issuer::Bedrock, "sig=="))),
        Event::piece(Piece::Text("Grüße".to_owned())),
        call(0, Some(("t1", "a")), ""),
        call(0, None, "{\"x\":"),
        call(0, None, "1}"),
        call(1, Some(("t2", "b")), ""),
        call(1, None, "{}"),
        Event::Finish {
            choice: 0,
            reason: FinishReason::ToolCalls,
            stop_sequence: None,
        },
        Event::Usage(Usage {
            input_tokens: 7,
            output_tokens: 3,
            ..Usage::default()
        }),
    ]
}

#[test]
fn a_stream_wherever_its_parts_end() {
    let whole = stream();
    assert_eq!(decode(&[&whole]), Ok((expected(), true)));
    for at in 0..whole.len() {
        assert_eq!(
            decode(&[&whole[..at], &whole[at..]]),
            Ok((expected(), true)),
            "{at}"
        );
    }
    let bytes: Vec<&[u8]> = whole.chunks(1).collect();
    assert_eq!(decode(&bytes), Ok((expected(), true)));
}

#[test]
fn deltas() {
    for (delta, expected) in [
        (
            json!({"reasoningContent": {"redactedContent": "YWI="}}),
            vec![Piece::EncryptedReasoning(Signature::new(Issuer::Bedrock, "YWI="))],
        ),
        (
            json!({"citation": {"title": "t"}}),
            vec![Piece::Citation(json!({"title": "t"}))],
        ),
        (json!({"reasoningContent": {"text": ""}}), vec![]),
        (json!({"image": {}}), vec![]),
        (json!(null), vec![]),
    ] {
        let whole = event(
            "contentBlockDelta",
            &json!({"contentBlockIndex": 0, "delta": delta}),
        );
        let expected: Vec<Event> = expected.into_iter().map(Event::piece).collect();
        assert_eq!(decode(&[&whole]), Ok((expected, false)), "{delta}");
    }
}

#[test]
fn calls_that_bedrock_answers_itself_are_passed_over() {
    let whole = [
        event(
            "contentBlockStart",
            &json!({"contentBlockIndex": 0, "start": {"toolUse": {"toolUseId": "t", "name": "n", "type": "server_tool_use"}}}),
        ),
        event("contentBlockDelta", &json!({"contentBlockIndex": 0, "delta": {"toolUse": {"input": "{}"}}})),
        event("messageStop", &json!({"stopReason": "end_turn", "additionalModelResponseFields": {"stop_sequence": null}})),
    ]
    .concat();
    let finish = Event::Finish {
        choice: 0,
        reason: FinishReason::Stop,
        stop_sequence: None,
    };
    assert_eq!(decode(&[&whole]), Ok((vec![finish], false)));
}

#[test]
fn the_end_is_only_marked_where_the_reason_is_known() {
    let metadata = event("metadata", &json!({}));
    assert_eq!(decode(&[&metadata]), Ok((vec![], false)));
    let stop = |payload: Value| [event("messageStop", &payload), metadata.clone()].concat();
    assert_eq!(decode(&[&stop(json!({}))]), Ok((vec![], false)));
    let finish = Event::Finish {
        choice: 0,
        reason: FinishReason::Stop,
        stop_sequence: Some("END".to_owned()),
    };
    let payload =
        json!({"stopReason": "stop_sequence", "additionalModelResponseFields": {"stop_sequence": "END"}});
    assert_eq!(decode(&[&stop(payload)]), Ok((vec![finish], true)));
}

#[test]
fn exceptions_and_errors_are_refusals() {
    for (frame, expected) in [
        (
            exception("throttlingException", r#"{"message":"Too many requests"}"#),
            json!({"message": "Too many requests", "type": "throttlingException", "code": 429}),
        ),
        (
            exception(
                "modelStreamErrorException",
                r#"{"message":"m","originalStatusCode":500}"#,
            ),
            json!({"message": "m", "originalStatusCode": 500, "type": "modelStreamErrorException", "code": 424}),
        ),
        (
            exception("newException", "?"),
            json!({"type": "newException", "message": "Amazon Bedrock sent newException"}),
        ),
        (
            message(
                &[
                    (":message-type", "error"),
                    (":error-code", "InternalFailure"),
                    (":error-message", "m"),
                ],
                "",
            ),
            json!({"type": "InternalFailure", "message": "m"}),
        ),
    ] {
        let outcome = decode(&[&event("messageStart", &json!({})), &frame]);
        assert_eq!(outcome, Err(Broken::Refusal(expected)));
    }
}

#[test]
fn exceptions_are_taken_for_what_they_are() {
    for (name, said, code) in [
        ("throttlingException", "Too many requests", "rate_limited"),
        ("serviceUnavailableException", "Try again", "overloaded"),
        (
            "internalServerException",
            "The system encountered an error",
            "server",
        ),
        ("modelStreamErrorException", "The model broke off", "server"),
        (
            "validationException",
            "The request is malformed",
            "invalid_request",
        ),
        (
            "validationException",
            "Input is too long for requested model.",
            "context_length",
        ),
    ] {
        let payload = json!({ "message": said }).to_string();
        let Err(Broken::Refusal(object)) = decode(&[&exception(name, &payload)]) else {
            panic!("{name}");
        };
        assert_eq!(
            crate::failure::from_object(&object, &[]).code(),
            code,
            "{name}: {said}"
        );
    }
}

#[test]
fn what_cannot_be_gone_on_from_breaks_the_stream() {
    let mut corrupt = stream();
    corrupt[40] ^= 1;
    let orphan = json!({"contentBlockIndex": 3, "delta": {"toolUse": {"input": "{}"}}});
    let nameless = json!({"contentBlockIndex": 0, "start": {"toolUse": {"toolUseId": "t"}}});
    let placeless = json!({"start": {"toolUse": {"toolUseId": "t", "name": "n"}}});
    for (whole, expected) in [
        (corrupt, "a message has the checksum "),
        (
            event("contentBlockDelta", &orphan),
            "block 3 goes on with a tool call that never began",
        ),
        (
            event("contentBlockStart", &nameless),
            "block 0 is a tool call without `name`",
        ),
        (
            event("contentBlockStart", &placeless),
            "a block of a tool call has no `contentBlockIndex`",
        ),
    ] {
        match decode(&[&whole]) {
            Err(Broken::Protocol(error)) => assert!(error.starts_with(expected), "{error}"),
            other => panic!("{expected}: {other:?}"),
        }
    }
}

#[test]
fn what_says_nothing_and_what_cannot_be_read() {
    let mut decoder = BedrockDecoder::default();
    let unnamed = message(&[(":message-type", "event")], "{}");
    assert_eq!(decoder.read(&unnamed), Ok(Decoded::nothing()));
    let broken = message(&[(":message-type", "event"), (":event-type", "metadata")], "{");
    assert_eq!(decoder.read(&broken), Ok(Decoded::malformed()));
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = BedrockDecoder::default().read(&bytes);
    }

    /// Sound messages with anything in them.
    #[test]
    fn any_payload_is_read_without_harm(
        kind in prop::sample::select(vec!["messageStart", "contentBlockStart", "contentBlockDelta", "messageStop", "metadata"]),
        payload in prop_oneof![
            ".{0,40}",
            Just(r#"{"delta":{"toolUse":{"input":"x"}}}"#.to_owned()),
            Just(r#"{"contentBlockIndex":-1,"start":{"toolUse":7},"delta":[],"usage":{"inputTokens":1e30}}"#.to_owned()),
        ],
    ) {
        let frame = message(&[(":message-type", "event"), (":event-type", kind)], &payload);
        let _ = BedrockDecoder::default().read(&frame);
    }
}
