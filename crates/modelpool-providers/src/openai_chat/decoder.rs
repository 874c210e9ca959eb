//! Reading the chunks of a stream.
//!
//! Servers differ most in tool calls: fragments with and without index, ids in every fragment or in none, several
//! calls under one index, a name that comes after the id. [`Calls`] brings them into the neutral order:
//! a call begins with id and name, and fragments follow. What a chunk lacks is tolerated; a call that never got a
//! name is not, since nobody could run it.

use modelpool_core::FinishReason;
use serde_json::Value;

use super::answer::{self, finish, head, reasoning_text, refusal, texts, usage};
use super::parts::thought_signature;
use crate::neutral::{Event, Events, Head, Piece, Signature, ToolCallPiece};
use crate::sse;
use crate::wire::{Broken, Decoded, Decoder};

/// Most choices of one stream, and most calls of one choice, that are kept apart.
const MAX_CHOICES: usize = 128;
const MAX_CALLS: usize = 1_024;

/// Follows one stream.
#[derive(Debug, Default)]
pub(super) struct ChatDecoder {
    /// What the stream has said of itself; `None` until it has.
    head: Option<Head>,
    /// Each with its number.
    choices: Vec<(u32, Choice)>,
}

#[derive(Debug, Default)]
struct Choice {
    calls: Calls,
    finished: bool,
}

impl Decoder for ChatDecoder {
    fn read(&mut self, frame: &[u8]) -> Result<Decoded, Broken> {
        let Some(data) = sse::data(frame) else {
            return Ok(Decoded::nothing());
        };
        match data.trim_ascii() {
            b"" => return Ok(Decoded::nothing()),
            b"[DONE]" => return Ok(Decoded::end()),
            _ => {}
        }
        let chunk = match serde_json::from_slice::<Value>(&data) {
            Ok(chunk) if chunk.is_object() => chunk,
            _ => return Ok(Decoded::malformed()),
        };
        if let Some(object) = refusal(&chunk) {
            return Err(Broken::Refusal(object));
        }
        let mut events = Events::new();
        self.begin(&chunk, &mut events);
        for wire in chunk["choices"].as_array().map(Vec::as_slice).unwrap_or_default() {
            self.choice(wire, &mut events)?;
        }
        events.extend(usage(&chunk).map(Event::Usage));
        Ok(events.into())
    }
}

impl ChatDecoder {
    fn begin(&mut self, chunk: &Value, events: &mut Events) {
        let said = head(chunk);
        if self.head.is_none() && said != Head::default() {
            events.push(Event::Begin(said.clone()));
            self.head = Some(said);
        }
    }

    fn choice(&mut self, wire: &Value, events: &mut Events) -> Result<(), Broken> {
        let number = match wire["index"].as_u64() {
            None => 0,
            Some(index) => u32::try_from(index)
                .map_err(|_| Broken::Protocol(format!("a choice of the stream has the index {index}")))?,
        };
        let id = self.head.as_ref().and_then(|head| head.id.as_deref());
        let answer = format!("{} {number}", id.unwrap_or_default());
        let choice = match self.choices.iter().position(|(known, _)| *known == number) {
            Some(at) => self.choices.get_mut(at),
            None if self.choices.len() >= MAX_CHOICES => {
                return Err(Broken::Protocol(format!(
                    "the stream has more than {MAX_CHOICES} choices"
                )));
            }
            None => {
                self.choices.push((number, Choice::default()));
                self.choices.last_mut()
            }
        };
        let Some((_, choice)) = choice else { return Ok(()) };
        let mut pieces = pieces(wire);
        choice.calls.read(&wire["delta"], &answer, &mut pieces)?;
        let logprobs = wire.get("logprobs").filter(|logprobs| logprobs.is_object());
        pieces.extend(logprobs.cloned().map(Piece::Logprobs));
        events.extend(pieces.into_iter().map(|piece| Event::Piece {
            choice: number,
            piece,
        }));
        // Some servers say it again with the usage.
        if let Some(word) = wire["finish_reason"].as_str().filter(|_| !choice.finished) {
            choice.finished = true;
            events.push(Event::Finish {
                choice: number,
                reason: choice.finish(word)?,
                stop_sequence: None,
            });
        }
        Ok(())
    }
}

impl Choice {
    fn finish(&self, word: &str) -> Result<FinishReason, Broken> {
        let reason = finish(word, !self.calls.0.is_empty());
        // Cut off in the middle of a call it is nobody's fault, and says so itself.
        if reason == FinishReason::ToolCalls && self.calls.0.iter().any(|call| !call.begun) {
            return Err(Broken::Protocol(
                "a tool call of the stream has no name".to_owned(),
            ));
        }
        Ok(reason)
    }
}

/// Reasoning, text, refusal and citations of a delta. Empty ones, which servers send first, are none.
fn pieces(wire: &Value) -> Vec<Piece> {
    let delta = &wire["delta"];
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let (thinking, content) = texts(&delta["content"]);
    let mut pieces = Vec::new();
    pieces.extend(reasoning_text(delta).and_then(text).map(Piece::Reasoning));
    pieces.extend(text(&thinking).map(Piece::Reasoning));
    pieces.extend(text(&content).map(Piece::Text));
    pieces.extend(delta["refusal"].as_str().and_then(text).map(Piece::Refusal));
    let annotations = delta["annotations"].as_array().into_iter().flatten();
    pieces.extend(annotations.cloned().map(Piece::Citation));
    pieces
}

/// The calls of one choice, in the order in which they began.
#[derive(Debug, Default)]
struct Calls(Vec<Call>);

#[derive(Debug, Default)]
struct Call {
    /// The server's number, which need not be ours.
    number: Option<u64>,
    /// The server's id of it, if it gave one.
    id: Option<String>,
    /// Its name is known, and its first piece was given out.
    begun: bool,
    /// Arguments and signature that came before the name.
    arguments: String,
    signature: Option<Signature>,
}

/// What a delta says of a call.
struct Fragment<'a> {
    number: Option<u64>,
    id: Option<&'a str>,
    name: Option<&'a str>,
    arguments: String,
    signature: Option<Signature>,
}

impl<'a> Fragment<'a> {
    fn of(call: &'a Value, function: &'a Value) -> Self {
        let text = |value: &'a Value| value.as_str().filter(|text| !text.is_empty());
        Self {
            number: call["index"].as_u64(),
            id: text(&call["id"]),
            name: text(&function["name"]),
            arguments: answer::arguments(&function["arguments"]),
            signature: thought_signature(&call["extra_content"]),
        }
    }
}

impl Calls {
    /// The pieces of a delta's calls. `answer` tells this answer's made-up ids from others'.
    fn read(&mut self, delta: &Value, answer: &str, pieces: &mut Vec<Piece>) -> Result<(), Broken> {
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            pieces.extend(self.piece(Fragment::of(call, &call["function"]), answer)?);
        }
        // The deprecated form, of which there is one.
        let deprecated = &delta["function_call"];
        if deprecated.is_object() {
            let mut fragment = Fragment::of(deprecated, deprecated);
            fragment.number = Some(u64::MAX);
            pieces.extend(self.piece(fragment, answer)?);
        }
        Ok(())
    }

    fn piece(&mut self, fragment: Fragment<'_>, answer: &str) -> Result<Option<Piece>, Broken> {
        let at = match self.position(&fragment) {
            Some(at) => at,
            None if self.0.len() >= MAX_CALLS => {
                return Err(Broken::Protocol(format!(
                    "the stream has more than {MAX_CALLS} tool calls"
                )));
            }
            None => {
                self.0.push(Call {
                    number: fragment.number,
                    ..Call::default()
                });
                self.0.len() - 1
            }
        };
        let Some(call) = self.0.get_mut(at) else {
            return Ok(None);
        };
        if call.id.is_none() {
            call.id = fragment.id.map(str::to_owned);
        }
        let mut piece = ToolCallPiece {
            index: u32::try_from(at).unwrap_or(u32::MAX),
            ..ToolCallPiece::default()
        };
        if call.begun {
            piece.arguments = fragment.arguments;
            piece.signature = fragment.signature;
            let says_something = !piece.arguments.is_empty() || piece.signature.is_some();
            return Ok(says_something.then_some(Piece::ToolCall(piece)));
        }
        call.arguments.push_str(&fragment.arguments);
        call.signature = fragment.signature.or(call.signature.take());
        let Some(name) = fragment.name else {
            return Ok(None);
        };
        call.begun = true;
        let id = call.id.get_or_insert_with(|| answer::call_id(answer, name, at));
        piece.id = Some(id.clone());
        piece.name = Some(name.to_owned());
        piece.arguments = std::mem::take(&mut call.arguments);
        piece.signature = call.signature.take();
        Ok(Some(Piece::ToolCall(piece)))
    }

    /// Which call a fragment belongs to; `None` where it begins one.
    fn position(&self, fragment: &Fragment<'_>) -> Option<usize> {
        // The last of its number: a server that numbers all its calls 0 tells them apart by id.
        let numbered = |call: &Call| fragment.number.is_none() || call.number == fragment.number;
        let same_id = |call: &Call| fragment.id.is_some() && call.id.as_deref() == fragment.id;
        if let Some(at) = self.0.iter().rposition(|call| numbered(call) && same_id(call)) {
            return Some(at);
        }
        let at = self.0.iter().rposition(numbered)?;
        let last = self.0.get(at)?;
        // Without a name another id begins nothing: there are servers that give each fragment its own.
        let begins = fragment.name.is_some() || fragment.number.is_none();
        let another_id = fragment.id.is_some() && last.id.is_some() && begins;
        // Without numbers and ids a name is all that tells where the next call begins.
        let named_anew =
            fragment.number.is_none() && fragment.id.is_none() && fragment.name.is_some() && last.begun;
        (!another_id && !named_anew).then_some(at)
    }
}

#[cfg(test)]
#[path = "decoder_tests.rs"]
mod tests;
