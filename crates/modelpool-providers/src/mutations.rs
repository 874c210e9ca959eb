//! Streams that were tampered with, for every decoder: whatever comes, nothing panics, nothing grows without
//! limit, and no caller reads an end that the model did not reach.
//!
//! Each input is a good stream of the wire with some of its bytes changed, doubled, left out or swapped, cut into
//! parts at random. A short run is part of the tests; `MODELPOOL_MUTATIONS` sets another number of inputs, and
//! `cargo xtask long` runs ten million.

use bytes::Bytes;
use fastrand::Rng;
use modelpool_core::provider::Dialect;
use modelpool_core::{FinishReason, Usage};
use serde_json::json;

use crate::anthropic::AnthropicWire;
use crate::bedrock::BedrockWire;
use crate::cohere::CohereWire;
use crate::dialect::caller_of;
use crate::framing::Frames;
use crate::gemini::GeminiWire;
use crate::neutral::{Event, Head, Issuer, Piece, Signature, ToolCallPiece};
use crate::ollama::OllamaWire;
use crate::openai_chat::ChatWire;
use crate::openai_responses::ResponsesWire;
use crate::wire::{Caller, Wire};

/// Inputs of each wire where nobody says otherwise.
const USUAL_INPUTS: u64 = 1_000;

/// Bytes that an encoder may write for each byte of an input. Some repeat the whole answer at its end, in several
/// places.
const MOST_WRITTEN_PER_BYTE: usize = 200;

const DIALECTS: [Dialect; 4] = [
    Dialect::OpenAiChat,
    Dialect::OpenAiResponses,
    Dialect::Anthropic,
    Dialect::Gemini,
];

fn inputs() -> u64 {
    let given = std::env::var("MODELPOOL_MUTATIONS").ok();
    given
        .and_then(|number| number.parse().ok())
        .unwrap_or(USUAL_INPUTS)
}

/// One of everything that can happen in a stream.
fn everything() -> Vec<Event> {
    let call = |index, id: Option<&str>, arguments: &str| {
        Event::piece(Piece::ToolCall(ToolCallPiece {
            index,
            id: id.map(str::to_owned),
            name: id.map(|_| "weather".to_owned()),
            arguments: arguments.to_owned(),
            signature: None,
        }))
    };
    vec![
        Event::Begin(Head {
            id: Some("id-1".to_owned()),
            model: Some("a-model".to_owned()),
            created: Some(1),
        }),
        Event::piece(Piece::Reasoning("because".to_owned())),
        Event::piece(Piece::Signature(Signature::new(Issuer::Anthropic, "c2ln"))),
        Event::piece(Piece::Text("Brücke 🦀".to_owned())),
        Event::piece(Piece::Text(" \"quoted\"\n".to_owned())),
        Event::piece(Piece::Citation(
            json!({"type": "url_citation", "url": "https://a/b"}),
        )),
        call(0, Some("call-1"), "{\"city\":"),
        call(0, None, "\"Köln\"}"),
        call(1, Some("call-2"), "{}"),
        Event::Finish {
            choice: 0,
            reason: FinishReason::ToolCalls,
            stop_sequence: None,
        },
        Event::Usage(Usage {
            input_tokens: 7,
            output_tokens: 5,
            ..Usage::default()
        }),
    ]
}

/// A good stream in a dialect.
fn in_dialect(dialect: Dialect) -> Vec<u8> {
    let mut encoder = caller_of(dialect).encoder("a-model", true);
    let mut written: Vec<Bytes> = everything()
        .iter()
        .flat_map(|event| encoder.write(event))
        .collect();
    written.extend(encoder.end());
    written.concat()
}

const OLLAMA: &[u8] = br#"{"model":"m","message":{"role":"assistant","thinking":"because"},"done":false}
{"model":"m","message":{"role":"assistant","content":"Hi"},"done":false}
{"model":"m","message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"weather","arguments":{"city":"Rome"}}}]},"done":false}
{"model":"m","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","prompt_eval_count":7,"eval_count":5}
"#;

const COHERE: &[u8] = br#"event: message-start
data: {"type":"message-start","id":"i","delta":{"message":{"role":"assistant"}}}

event: content-start
data: {"type":"content-start","index":0,"delta":{"message":{"content":{"type":"text","text":""}}}}

event: content-delta
data: {"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"Hi"}}}}

event: content-end
data: {"type":"content-end","index":0}

event: tool-call-start
data: {"type":"tool-call-start","index":0,"delta":{"message":{"tool_calls":{"id":"c","type":"function","function":{"name":"weather","arguments":""}}}}}

event: tool-call-delta
data: {"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":"{}"}}}}}

event: tool-call-end
data: {"type":"tool-call-end","index":0}

event: message-end
data: {"type":"message-end","delta":{"finish_reason":"TOOL_CALL","usage":{"tokens":{"input_tokens":7,"output_tokens":5}}}}

"#;

/// A binary message with an event's type and its JSON.
fn message(kind: &str, payload: &str) -> Vec<u8> {
    let mut headers = Vec::new();
    for (name, value) in [(":message-type", "event"), (":event-type", kind)] {
        headers.push(name.len() as u8);
        headers.extend_from_slice(name.as_bytes());
        headers.push(7);
        headers.extend_from_slice(&(value.len() as u16).to_be_bytes());
        headers.extend_from_slice(value.as_bytes());
    }
    let length = (16 + headers.len() + payload.len()) as u32;
    let mut whole = [length.to_be_bytes(), (headers.len() as u32).to_be_bytes()].concat();
    whole.extend_from_slice(&crc32fast::hash(&whole).to_be_bytes());
    whole.extend_from_slice(&headers);
    whole.extend_from_slice(payload.as_bytes());
    whole.extend_from_slice(&crc32fast::hash(&whole).to_be_bytes());
    whole
}

fn bedrock() -> Vec<u8> {
    [
        ("messageStart", r#"{"role":"assistant"}"#),
        (
            "contentBlockDelta",
            r#"{"contentBlockIndex":0,"delta":{"text":"Hi"}}"#,
        ),
        ("contentBlockStop", r#"{"contentBlockIndex":0}"#),
        (
            "contentBlockStart",
            r#"{"contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"t","name":"weather"}}}"#,
        ),
        (
            "contentBlockDelta",
            r#"{"contentBlockIndex":1,"delta":{"toolUse":{"input":"{}"}}}"#,
        ),
        ("contentBlockStop", r#"{"contentBlockIndex":1}"#),
        ("messageStop", r#"{"stopReason":"tool_use"}"#),
        (
            "metadata",
            r#"{"usage":{"inputTokens":7,"outputTokens":5,"totalTokens":12}}"#,
        ),
    ]
    .map(|(kind, payload)| message(kind, payload))
    .concat()
}

/// The stream with some of its bytes not as they were.
fn tampered(stream: &[u8], random: &mut Rng) -> Vec<u8> {
    let mut bytes = stream.to_vec();
    for _ in 0..random.usize(0..4) {
        let at = random.usize(0..=bytes.len());
        let end = (at + random.usize(0..40)).min(bytes.len());
        match random.u8(0..6) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
            3 => bytes[at..end].reverse(),
            4 => bytes[at..end].fill(random.u8(..)),
            _ => {
                let words: [&[u8]; 8] = [
                    b"null",
                    b"{}",
                    b"[]",
                    b"\"\"",
                    b"-1e999",
                    b"\n\n",
                    b"\xff",
                    b"18446744073709551616",
                ];
                let word = words[random.usize(0..words.len())];
                bytes.splice(at..end, word.iter().copied());
            }
        }
    }
    bytes
}

/// Decodes a stream, and writes it for a caller.
fn run(wire: &dyn Wire, stream: &[u8], caller: &dyn Caller, random: &mut Rng) {
    let (mut frames, mut decoder) = (Frames::new(wire.framing()), wire.decoder());
    let mut encoder = caller.encoder("a-model", true);
    let mut written = 0;
    let mut finished = false;
    let mut rest = stream;
    'parts: while !rest.is_empty() {
        let (part, later) = rest.split_at(random.usize(1..=rest.len()));
        rest = later;
        frames.push(Bytes::copy_from_slice(part));
        while let Ok(Some(frame)) = frames.next() {
            let Ok(decoded) = decoder.read(&frame) else {
                break 'parts;
            };
            for event in &decoded.events {
                finished |= matches!(event, Event::Finish { .. });
                written += encoder.write(event).iter().map(Bytes::len).sum::<usize>();
            }
            if decoded.end_mark {
                break 'parts;
            }
        }
    }
    if finished {
        written += encoder.end().iter().map(Bytes::len).sum::<usize>();
    }
    let most = (stream.len() + 100) * MOST_WRITTEN_PER_BYTE;
    assert!(written <= most, "{} bytes became {written}", stream.len());
}

fn tamper_with(wire: &dyn Wire, stream: &[u8], seed: u64) {
    for number in 0..inputs() {
        // Each input has a seed of its own, so that one that fails can be had again by itself.
        let mut random = Rng::with_seed(seed ^ number);
        let input = tampered(stream, &mut random);
        let caller = caller_of(DIALECTS[random.usize(0..DIALECTS.len())]);
        run(wire, &input, caller, &mut random);
    }
}

#[test]
fn openai_chat() {
    tamper_with(&ChatWire::COMMON, &in_dialect(Dialect::OpenAiChat), 1 << 40);
}

#[test]
fn openai_responses() {
    tamper_with(&ResponsesWire, &in_dialect(Dialect::OpenAiResponses), 2 << 40);
}

#[test]
fn anthropic() {
    tamper_with(&AnthropicWire, &in_dialect(Dialect::Anthropic), 3 << 40);
}

#[test]
fn gemini() {
    tamper_with(&GeminiWire::default(), &in_dialect(Dialect::Gemini), 4 << 40);
}

#[test]
fn ollama() {
    let wire = OllamaWire { context_window: None };
    tamper_with(&wire, OLLAMA, 5 << 40);
}

#[test]
fn cohere() {
    tamper_with(&CohereWire, COHERE, 6 << 40);
}

#[test]
fn bedrock_s_binary_stream() {
    tamper_with(&BedrockWire::new("us-east-1", None), &bedrock(), 7 << 40);
}

/// The streams are good ones before they are tampered with: else nothing but refusals is tried.
#[test]
fn good_streams_are_read_to_their_end() {
    let finishes = |wire: &dyn Wire, stream: &[u8]| {
        let (mut frames, mut decoder) = (Frames::new(wire.framing()), wire.decoder());
        frames.push(Bytes::copy_from_slice(stream));
        let mut events = Vec::new();
        while let Ok(Some(frame)) = frames.next() {
            events.extend(decoder.read(&frame).unwrap().events);
        }
        events.iter().any(|event| matches!(event, Event::Finish { .. }))
    };
    assert!(finishes(&ChatWire::COMMON, &in_dialect(Dialect::OpenAiChat)));
    assert!(finishes(&ResponsesWire, &in_dialect(Dialect::OpenAiResponses)));
    assert!(finishes(&AnthropicWire, &in_dialect(Dialect::Anthropic)));
    assert!(finishes(&GeminiWire::default(), &in_dialect(Dialect::Gemini)));
    assert!(finishes(&OllamaWire { context_window: None }, OLLAMA));
    assert!(finishes(&CohereWire, COHERE));
    assert!(finishes(&BedrockWire::new("us-east-1", None), &bedrock()));
}
