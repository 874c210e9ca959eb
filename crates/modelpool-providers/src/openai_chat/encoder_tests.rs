use proptest::prelude::*;

use super::*;
use crate::neutral::{Issuer, Signature};
use crate::openai_chat::decoder::ChatDecoder;
use crate::sse;
use crate::wire::Decoder;

fn encoded(encoder: &mut ChatEncoder, events: &[Event]) -> Vec<Bytes> {
    let mut written: Vec<Bytes> = events.iter().flat_map(|event| encoder.write(event)).collect();
    written.extend(encoder.end());
    written
}

fn deltas(events: &[Event]) -> Vec<Value> {
    let written = encoded(&mut ChatEncoder::new("m", false), events);
    let chunks = written.iter().filter_map(|event| {
        let chunk: Value = serde_json::from_slice(&sse::data(event)?).ok()?;
        Some(chunk["choices"][0]["delta"].clone())
    });
    chunks.collect()
}

fn finish(choice: u32, reason: FinishReason) -> Event {
    Event::Finish {
        choice,
        reason,
        stop_sequence: None,
    }
}

fn text(text: &str) -> Event {
    Event::piece(Piece::Text(text.to_owned()))
}

fn call(index: u32, begins: bool, arguments: &str) -> Event {
    Event::piece(Piece::ToolCall(ToolCallPiece {
        index,
        id: begins.then(|| format!("call_{index}")),
        name: begins.then(|| "f".to_owned()),
        arguments: arguments.to_owned(),
        signature: None,
    }))
}

#[test]
fn a_stream_as_openai_writes_it() {
    let head = Head {
        id: Some("c".to_owned()),
        model: Some("m-2026".to_owned()),
        created: Some(17),
    };
    let usage = Usage {
        input_tokens: 3,
        output_tokens: 4,
        ..Usage::default()
    };
    let events = [
        Event::Begin(head),
        text(""),
        text("a"),
        text("b"),
        Event::Usage(usage),
        finish(0, FinishReason::Stop),
    ];
    let chunk = |choices: &str, usage: &str| {
        format!(
            "data: {{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":17,\"model\":\"m-2026\",\"choices\":[{choices}]{usage}}}\n\n"
        )
    };
    let choice = |delta: &str, finish: &str| {
        format!(r#"{{"index":0,"delta":{delta},"logprobs":null,"finish_reason":{finish}}}"#)
    };
    let counts = r#","usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}}"#;
    for asked in [true, false] {
        let null = if asked { r#","usage":null"# } else { "" };
        let mut expected = vec![
            chunk(&choice(r#"{"role":"assistant","content":"a"}"#, "null"), null),
            chunk(&choice(r#"{"content":"b"}"#, "null"), null),
            chunk(&choice("{}", r#""stop""#), null),
        ];
        if asked {
            expected.push(chunk("", counts));
        }
        expected.push("data: [DONE]\n\n".to_owned());
        assert_eq!(encoded(&mut ChatEncoder::new("m", asked), &events), expected);
    }
}

#[test]
fn deltas_of_every_piece() {
    let signature = Signature::new(Issuer::Anthropic, "EqQB");
    for (piece, members) in [
        (Piece::Refusal("no".to_owned()), json!({"refusal": "no"})),
        (
            Piece::Reasoning("r".to_owned()),
            json!({"reasoning_content": "r"}),
        ),
        (
            Piece::Signature(signature.clone()),
            json!({"reasoning_details": [{"type": "reasoning.text", "signature": "modelpool:anthropic:EqQB"}]}),
        ),
        (
            Piece::EncryptedReasoning(signature),
            json!({"reasoning_details": [{"type": "reasoning.encrypted", "data": "modelpool:anthropic:EqQB"}]}),
        ),
        (Piece::Logprobs(json!({})), json!({})),
    ] {
        let mut expected = json!({"role": "assistant", "content": null});
        for (key, value) in members.as_object().unwrap() {
            expected[key] = value.clone();
        }
        assert_eq!(deltas(&[Event::piece(piece)]), [expected]);
    }
    assert!(deltas(&[Event::piece(Piece::Citation(json!({"type": "char_location"})))]).is_empty());
}

#[test]
fn a_signature_comes_with_the_text_it_proves() {
    let reasoning = |text: &str| Event::piece(Piece::Reasoning(text.to_owned()));
    let signature = || Event::piece(Piece::Signature(Signature::new(Issuer::Anthropic, "s")));
    let detail = |text: &str| {
        let detail = json!({"type": "reasoning.text", "signature": "modelpool:anthropic:s", "text": text});
        json!({"reasoning_details": [detail]})
    };
    let events = [
        reasoning("a"),
        reasoning("b"),
        signature(),
        reasoning("c"),
        signature(),
    ];
    let written = deltas(&events);
    assert_eq!((&written[2], &written[4]), (&detail("ab"), &detail("c")));
    let long = reasoning(&"a".repeat(MAX_REASONING_BYTES + 1));
    assert_eq!(
        deltas(&[long, signature(), reasoning("c"), signature()])[2],
        detail("c")
    );
}

#[test]
fn calls_end_as_json() {
    let events = [
        call(0, true, ""),
        call(1, true, "{\"a\""),
        call(1, false, ":1}"),
        finish(0, FinishReason::ToolCalls),
        finish(0, FinishReason::ToolCalls),
    ];
    let begin = |index: u32, arguments: &str| {
        json!({"index": index, "id": format!("call_{index}"), "type": "function",
               "function": {"name": "f", "arguments": arguments}})
    };
    let expected = [
        json!({"role": "assistant", "content": null, "tool_calls": [begin(0, "")]}),
        json!({"tool_calls": [begin(1, "{\"a\"")]}),
        json!({"tool_calls": [{"index": 1, "function": {"arguments": ":1}"}}]}),
        json!({"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}),
        json!({}),
    ];
    assert_eq!(deltas(&events), expected);
}

#[test]
fn citations_say_which_text_they_belong_to() {
    let events = [
        text("图图"),
        Event::piece(Piece::Citation(json!({"url": "https://a", "title": "A"}))),
    ];
    let citation = json!({"start_index": 0, "end_index": 2, "url": "https://a", "title": "A"});
    assert_eq!(
        deltas(&events)[1],
        json!({"annotations": [{"type": "url_citation", "url_citation": citation}]})
    );
}

#[test]
fn an_answer_of_nothing_has_role_and_reason() {
    let mut encoder = ChatEncoder::new("m", false);
    let written = encoded(&mut encoder, &[finish(1, FinishReason::ContentFilter)]);
    let chunk: Value = serde_json::from_slice(&sse::data(&written[0]).unwrap()).unwrap();
    let choice = json!({"index": 1, "delta": {"role": "assistant", "content": ""}, "logprobs": null,
                        "finish_reason": "content_filter"});
    assert_eq!((&chunk["choices"][0], written.len()), (&choice, 2));
    assert_eq!((&chunk["id"], &chunk["model"]), (&json!(NO_ID), &json!("m")));
}

fn any_piece() -> impl Strategy<Value = Piece> {
    prop_oneof![
        "[a-z图\"\\\\\n]{1,6}".prop_map(Piece::Text),
        "[a-z]{1,6}".prop_map(Piece::Reasoning),
        "[a-z]{1,6}".prop_map(Piece::Refusal),
        Just(Piece::Logprobs(
            json!({"content": [{"token": "a", "logprob": -1.0}]})
        )),
    ]
}

proptest! {
    /// What is written is read again as it was, event by event.
    #[test]
    fn what_is_written_is_read_again(
        pieces in prop::collection::vec((0..3_u32, any_piece()), 1..20),
        arguments in prop::collection::vec("[a-z{}\"]{1,5}", 0..4),
    ) {
        let head = Head { id: Some("c".to_owned()), model: Some("m".to_owned()), created: Some(1) };
        let mut events = vec![Event::Begin(head)];
        events.extend(pieces.iter().map(|(choice, piece)| Event::Piece { choice: *choice, piece: piece.clone() }));
        events.extend(arguments.iter().enumerate().map(|(at, text)| call(0, at == 0, text)));
        let reason = if arguments.is_empty() { FinishReason::Stop } else { FinishReason::ToolCalls };
        events.push(finish(0, reason));
        let usage = Usage { input_tokens: 7, cached_input_tokens: 3, output_tokens: 5, reasoning_tokens: 2, ..Usage::default() };
        events.push(Event::Usage(usage));

        let written = encoded(&mut ChatEncoder::new("other", true), &events);
        let mut decoder = ChatDecoder::default();
        let (mut read, mut ends) = (Vec::new(), 0);
        for frame in &written {
            let decoded = decoder.read(frame).unwrap();
            prop_assert!(!decoded.malformed);
            read.extend(decoded.events);
            ends += usize::from(decoded.end_mark);
        }
        prop_assert_eq!((read, ends), (events, 1));
    }
}
