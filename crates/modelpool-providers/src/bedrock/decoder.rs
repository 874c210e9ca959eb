//! Reads the messages of a stream.
//!
//! `messageStart`, then blocks (`contentBlockStart`, which only tool calls have for certain, `contentBlockDelta`,
//! `contentBlockStop`), `messageStop` with the reason, and after it `metadata` with the usage, which is the last:
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStreamOutput.html>. Where it is
//! missing, the body's end is the end of an answer that has its reason. An exception may come at any time.
//!
//! Events and members that are not known are passed over. A message whose checksums are wrong, and a fragment of a
//! call that never began, break the stream: going on would hand out something that only looks whole.

use serde_json::{Map, Value};

use super::answer::{finish_reason, identity, is_the_vendors, stop_sequence, usage};
use super::frames::Message;
use crate::neutral::{Event, Events, Head, Issuer, Piece, Signature, ToolCallPiece};
use crate::wire::{Broken, Decoded, Decoder};

/// Reads one stream.
#[derive(Debug, Default)]
pub(super) struct BedrockDecoder {
    /// The blocks that are tool calls: their index among all blocks, and what they are.
    calls: Vec<(u64, Call)>,
    finished: bool,
}

#[derive(Clone, Copy, Debug)]
enum Call {
    /// The caller's, with its place among the calls of the answer.
    Ours(u32),
    /// One that Bedrock itself answers.
    Vendors,
}

impl Decoder for BedrockDecoder {
    fn read(&mut self, frame: &[u8]) -> Result<Decoded, Broken> {
        let message = Message::parse(frame).map_err(Broken::Protocol)?;
        match message.text(":message-type") {
            Some("exception") => Err(exception(&message)),
            Some("error") => Err(error(&message)),
            _ => self.read_event(&message),
        }
    }
}

impl BedrockDecoder {
    fn read_event(&mut self, message: &Message<'_>) -> Result<Decoded, Broken> {
        let Some(kind) = message.text(":event-type") else {
            return Ok(Decoded::nothing());
        };
        let Ok(said) = serde_json::from_slice::<Value>(message.payload) else {
            return Ok(Decoded::malformed());
        };
        Ok(match kind {
            "messageStart" => Decoded::from(one(Event::Begin(Head::default()))),
            "contentBlockStart" => self.begin_block(&said)?,
            "contentBlockDelta" => Decoded::from(self.grow_block(&said)?),
            "messageStop" => self.finish(&said),
            "metadata" => self.last(&said),
            _ => Decoded::nothing(),
        })
    }

    fn begin_block(&mut self, said: &Value) -> Result<Decoded, Broken> {
        let Some(call) = said.pointer("/start/toolUse") else {
            return Ok(Decoded::nothing());
        };
        let block = block_index(said)?;
        if is_the_vendors(call) {
            self.calls.push((block, Call::Vendors));
            return Ok(Decoded::nothing());
        }
        let (id, name) = identity(call).map_err(|what| Broken::Protocol(format!("block {block} {what}")))?;
        let index = self.calls_of_ours();
        self.calls.push((block, Call::Ours(index)));
        let piece = ToolCallPiece {
            index,
            id: Some(id.to_owned()),
            name: Some(name.to_owned()),
            ..ToolCallPiece::default()
        };
        Ok(one(Event::piece(Piece::ToolCall(piece))).into())
    }

    fn grow_block(&mut self, said: &Value) -> Result<Events, Broken> {
        let Some(delta) = said.get("delta") else {
            return Ok(Events::new());
        };
        if let Some(text) = filled(delta, "/text") {
            return Ok(one(Event::piece(Piece::Text(text))));
        }
        if let Some(input) = filled(delta, "/toolUse/input") {
            return self.grow_call(block_index(said)?, input);
        }
        if let Some(citation) = delta.get("citation") {
            return Ok(one(Event::piece(Piece::Citation(citation.clone()))));
        }
        Ok(reasoning(delta))
    }

    fn grow_call(&self, block: u64, arguments: String) -> Result<Events, Broken> {
        match self.calls.iter().rev().find(|(known, _)| *known == block) {
            Some((_, Call::Ours(index))) => Ok(one(Event::piece(Piece::ToolCall(ToolCallPiece {
                index: *index,
                arguments,
                ..ToolCallPiece::default()
            })))),
            Some((_, Call::Vendors)) => Ok(Events::new()),
            None => Err(Broken::Protocol(format!(
                "block {block} goes on with a tool call that never began"
            ))),
        }
    }

    fn finish(&mut self, said: &Value) -> Decoded {
        let Some(word) = said.get("stopReason").and_then(Value::as_str) else {
            return Decoded::nothing();
        };
        self.finished = true;
        let event = Event::Finish {
            choice: 0,
            reason: finish_reason(word, self.calls_of_ours() > 0),
            stop_sequence: stop_sequence(said),
        };
        one(event).into()
    }

    /// The mark of the end only where the reason came before it.
    fn last(&mut self, said: &Value) -> Decoded {
        let usage = said.get("usage").and_then(usage);
        Decoded {
            events: usage.map(Event::Usage).into_iter().collect(),
            end_mark: self.finished,
            malformed: false,
        }
    }

    fn calls_of_ours(&self) -> u32 {
        let ours = self
            .calls
            .iter()
            .filter(|(_, call)| matches!(call, Call::Ours(_)));
        u32::try_from(ours.count()).unwrap_or(u32::MAX)
    }
}

fn one(event: Event) -> Events {
    std::iter::once(event).collect()
}

fn filled(value: &Value, pointer: &str) -> Option<String> {
    let text = value.pointer(pointer).and_then(Value::as_str)?;
    (!text.is_empty()).then(|| text.to_owned())
}

fn block_index(said: &Value) -> Result<u64, Broken> {
    let index = said.get("contentBlockIndex").and_then(Value::as_u64);
    index.ok_or_else(|| Broken::Protocol("a block of a tool call has no `contentBlockIndex`".to_owned()))
}

fn reasoning(delta: &Value) -> Events {
    let signed = |value: String| Signature::new(Issuer::Bedrock, value);
    let pieces = [
        filled(delta, "/reasoningContent/text").map(Piece::Reasoning),
        filled(delta, "/reasoningContent/signature").map(|value| Piece::Signature(signed(value))),
        filled(delta, "/reasoningContent/redactedContent")
            .map(|value| Piece::EncryptedReasoning(signed(value))),
    ];
    pieces.into_iter().flatten().map(Event::piece).collect()
}

/// An exception of Bedrock's, as an error object: its name as `type`, and as `code` the status it has where it comes
/// instead of an answer.
fn exception(message: &Message<'_>) -> Broken {
    let mut object = match serde_json::from_slice(message.payload) {
        Ok(Value::Object(object)) => object,
        _ => Map::new(),
    };
    let name = message.text(":exception-type").unwrap_or("exception");
    object.insert("type".to_owned(), name.into());
    if let Some(status) = status(name) {
        object.insert("code".to_owned(), status.into());
    }
    if !object.contains_key("message") {
        object.insert("message".to_owned(), format!("Amazon Bedrock sent {name}").into());
    }
    Broken::Refusal(Value::Object(object))
}

/// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html>, errors.
fn status(exception: &str) -> Option<u16> {
    Some(match exception {
        "validationException" => 400,
        "accessDeniedException" => 403,
        "resourceNotFoundException" => 404,
        "modelTimeoutException" => 408,
        "modelErrorException" | "modelStreamErrorException" => 424,
        "throttlingException" | "modelNotReadyException" => 429,
        "internalServerException" => 500,
        "serviceUnavailableException" => 503,
        _ => return None,
    })
}

/// An error that is none of the operation's: it stands in the headers.
fn error(message: &Message<'_>) -> Broken {
    let mut object = Map::new();
    let name = message.text(":error-code").unwrap_or("error");
    object.insert("type".to_owned(), name.into());
    let said = message
        .text(":error-message")
        .unwrap_or("Amazon Bedrock broke the stream off");
    object.insert("message".to_owned(), said.into());
    Broken::Refusal(Value::Object(object))
}

#[cfg(test)]
#[path = "decoder_tests.rs"]
mod tests;
