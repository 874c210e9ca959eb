//! A stream of the wire, read: <https://platform.claude.com/docs/en/build-with-claude/streaming>.
//!
//! Events and deltas of unknown kinds are passed over, as the reference asks. A delta of a block that never began
//! is malformed: what it belongs to is lost.

use std::collections::BTreeMap;

use modelpool_core::stream::Delta;
use serde_json::Value;
use smallvec::smallvec;

use super::usage::Counts;
use super::{answer, filled, stop_reason, text_of, type_of};
use crate::neutral::{Event, Events, Issuer, Piece, Signature, ToolCallPiece, made_up_id};
use crate::sse;
use crate::wire::{Broken, Decoded, Decoder};

/// Most blocks that are open at a time. The wire opens one after the other.
const MAX_OPEN: usize = 256;

/// Reads one stream.
#[derive(Debug, Default)]
pub(super) struct MessagesDecoder {
    /// Blocks that have begun and not ended, by their index.
    open: BTreeMap<u64, Block>,
    /// Tool calls that have begun.
    calls: u32,
    counts: Counts,
    /// One event is read without those before it: its block is taken to have begun.
    alone: bool,
}

/// What one event of a stream adds to the answer. Calls are told apart by their blocks here.
pub(crate) fn deltas(raw: &[u8]) -> Vec<Delta> {
    let mut decoder = MessagesDecoder {
        alone: true,
        ..MessagesDecoder::default()
    };
    let decoded = decoder.read(raw).unwrap_or_default();
    decoded.events.iter().filter_map(Event::delta).collect()
}

#[derive(Clone, Copy, Debug)]
enum Block {
    /// The call with that number.
    Call(u32),
    /// Text, thinking, or a block that is passed over.
    Other,
}

impl Decoder for MessagesDecoder {
    fn read(&mut self, frame: &[u8]) -> Result<Decoded, Broken> {
        let Some(data) = sse::data(frame) else {
            return Ok(Decoded::nothing());
        };
        let Ok(event) = serde_json::from_slice::<Value>(&data) else {
            return Ok(Decoded::malformed());
        };
        Ok(match type_of(&event) {
            "message_start" => self.begin(&event).into(),
            "content_block_start" => self.open(&event),
            "content_block_delta" => self.grow(&event),
            "content_block_stop" => {
                self.open.remove(&index(&event));
                Decoded::nothing()
            }
            "message_delta" => self.finish(&event).into(),
            "message_stop" => Decoded::end(),
            kind => match event.get("error").filter(|error| !error.is_null()) {
                Some(error) => return Err(Broken::Refusal(error.clone())),
                None if kind == "error" => return Err(Broken::Refusal(event)),
                None if event.is_object() => Decoded::nothing(),
                None => Decoded::malformed(),
            },
        })
    }
}

impl MessagesDecoder {
    fn begin(&mut self, event: &Value) -> Events {
        let message = event.get("message").unwrap_or(&Value::Null);
        self.counts.take(message.get("usage"));
        let mut events: Events = smallvec![Event::Begin(answer::head(message))];
        events.extend(self.counts.usage().map(Event::Usage));
        events
    }

    fn open(&mut self, event: &Value) -> Decoded {
        let index = index(event);
        let Some(block) = event.get("content_block").filter(|_| self.open.len() < MAX_OPEN) else {
            return Decoded::malformed();
        };
        if type_of(block) == "tool_use" {
            return self.open_call(index, block);
        }
        self.open.insert(index, Block::Other);
        // Usually empty, but copies of the wire put the first piece here.
        let mut events = Events::new();
        match type_of(block) {
            "text" => events.extend(text(block, "text", Piece::Text)),
            "thinking" => {
                events.extend(text(block, "thinking", Piece::Reasoning));
                events.extend(signature(block, "signature", Piece::Signature));
            }
            "redacted_thinking" => events.extend(signature(block, "data", Piece::EncryptedReasoning)),
            _ => {}
        }
        events.into()
    }

    fn open_call(&mut self, index: u64, block: &Value) -> Decoded {
        let Some(name) = filled(block, "name") else {
            return Decoded::malformed();
        };
        let call = match self.alone {
            true => number_of(index),
            false => self.calls,
        };
        self.calls = self.calls.saturating_add(1);
        self.open.insert(index, Block::Call(call));
        let id = filled(block, "id").map(str::to_owned);
        // The whole input stands here where a copy of the wire does not cut it into pieces.
        let input = block.get("input").and_then(Value::as_object);
        let input = input.filter(|input| !input.is_empty());
        let arguments = input.map(|input| Value::Object(input.clone()).to_string());
        let piece = ToolCallPiece {
            index: call,
            id: Some(id.unwrap_or_else(|| made_up_id("toolu_", name.as_bytes(), call as usize))),
            name: Some(name.to_owned()),
            arguments: arguments.unwrap_or_default(),
            signature: None,
        };
        Events::from_iter([Event::piece(Piece::ToolCall(piece))]).into()
    }

    fn grow(&mut self, event: &Value) -> Decoded {
        let index = index(event);
        let unseen = self.alone.then(|| Block::Call(number_of(index)));
        let block = self.open.get(&index).copied().or(unseen);
        let (Some(block), Some(delta)) = (block, event.get("delta")) else {
            return Decoded::malformed();
        };
        let grown = match (type_of(delta), block) {
            ("text_delta", _) => text(delta, "text", Piece::Text),
            ("thinking_delta", _) => text(delta, "thinking", Piece::Reasoning),
            ("signature_delta", _) => signature(delta, "signature", Piece::Signature),
            ("citations_delta", _) => delta
                .get("citation")
                .cloned()
                .map(Piece::Citation)
                .map(Event::piece),
            ("input_json_delta", Block::Call(index)) => text(delta, "partial_json", |arguments| {
                Piece::ToolCall(ToolCallPiece {
                    index,
                    arguments,
                    ..ToolCallPiece::default()
                })
            }),
            _ => None,
        };
        Events::from_iter(grown).into()
    }

    fn finish(&mut self, event: &Value) -> Events {
        let mut events = Events::new();
        if let Some(delta) = event.get("delta")
            && let Some(word) = filled(delta, "stop_reason")
        {
            events.push(Event::Finish {
                choice: 0,
                reason: stop_reason::read(word),
                stop_sequence: text_of(delta, "stop_sequence").map(str::to_owned),
            });
        }
        if let Some(usage) = event.get("usage").filter(|usage| !usage.is_null()) {
            self.counts.take(Some(usage));
            events.extend(self.counts.usage().map(Event::Usage));
        }
        events
    }
}

/// Which block an event belongs to.
fn index(event: &Value) -> u64 {
    event.get("index").and_then(Value::as_u64).unwrap_or_default()
}

fn number_of(index: u64) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

fn text(value: &Value, key: &str, piece: impl FnOnce(String) -> Piece) -> Option<Event> {
    filled(value, key).map(|text| Event::piece(piece(text.to_owned())))
}

fn signature(value: &Value, key: &str, piece: impl FnOnce(Signature) -> Piece) -> Option<Event> {
    filled(value, key).map(|own| Event::piece(piece(Signature::new(Issuer::Anthropic, own))))
}
