//! The model's stream: each event holds a `GenerateContentResponse` with what is new.
//!
//! The wire has no mark of the end; an answer is complete when each candidate has its reason. Calls come whole,
//! each in one part.

use std::collections::BTreeMap;

use serde_json::Value;

use super::answer::{candidates, citations, head, id_of, index, parts_of, refuse, strange_part};
use super::logprobs;
use super::names::{member, text};
use super::parts::Part;
use super::signature::Mark;
use super::words::{finish_reason, usage};
use crate::neutral::{Event, Events, Head, Issuer, Piece, ToolCallPiece};
use crate::sse;
use crate::wire::{Broken, Decoded, Decoder};

/// Reads one stream.
#[derive(Debug, Default)]
pub(super) struct GeminiDecoder {
    /// What the first chunk says of the answer.
    head: Option<Head>,
    choices: BTreeMap<u32, Progress>,
}

/// How far one of the answers has come.
#[derive(Debug, Default)]
struct Progress {
    calls: u32,
    finished: bool,
}

impl Decoder for GeminiDecoder {
    fn read(&mut self, frame: &[u8]) -> Result<Decoded, Broken> {
        let Some(data) = sse::data(frame) else {
            return Ok(Decoded::nothing());
        };
        let data = data.trim_ascii();
        if data.is_empty() {
            return Ok(Decoded::nothing());
        }
        // Google sends none, but servers that imitate it do.
        if data == b"[DONE]" {
            return Ok(Decoded::end());
        }
        let Ok(chunk) = serde_json::from_slice::<Value>(data) else {
            return Ok(Decoded::malformed());
        };
        refuse(&chunk)?;
        if !chunk.is_object() {
            return Ok(Decoded::malformed());
        }
        Ok(self.events(&chunk)?.into())
    }
}

impl GeminiDecoder {
    fn events(&mut self, chunk: &Value) -> Result<Events, Broken> {
        let mut events = Events::new();
        if self.head.is_none() {
            let head = head(chunk);
            events.push(Event::Begin(head.clone()));
            self.head = Some(head);
        }
        for candidate in candidates(chunk) {
            self.candidate(candidate, &mut events)?;
        }
        let usage = member(chunk, "usageMetadata").and_then(usage);
        events.extend(usage.map(Event::Usage));
        Ok(events)
    }

    fn candidate(&mut self, candidate: &Value, events: &mut Events) -> Result<(), Broken> {
        let choice = index(candidate);
        let progress = self.choices.entry(choice).or_default();
        let mut add = |piece| events.push(Event::Piece { choice, piece });
        for part in parts_of(candidate) {
            match Part::read(part) {
                Part::Text { text, thought, mark } => add_text(text, thought, mark, &mut add),
                Part::Call(call) => {
                    let index = progress.calls;
                    progress.calls += 1;
                    let head = self.head.as_ref();
                    let id = head.map(|head| id_of(&call, head, choice, index));
                    add(Piece::ToolCall(ToolCallPiece {
                        index,
                        id,
                        name: Some(call.name.to_owned()),
                        arguments: call.arguments,
                        signature: call.signature,
                    }));
                }
                Part::Nothing => {}
                Part::Response(_) => return Err(strange_part("functionResponse")),
                Part::Media(_, name) => return Err(strange_part(name)),
                Part::Other(name) => return Err(strange_part(&name)),
            }
        }
        if let Some(logprobs) = member(candidate, "logprobsResult").and_then(logprobs::read) {
            add(Piece::Logprobs(logprobs));
        }
        citations(candidate).map(Piece::Citation).for_each(&mut add);
        let word = text(candidate, "finishReason").filter(|_| !progress.finished);
        if let Some(reason) = word.and_then(|word| finish_reason(word, progress.calls > 0)) {
            progress.finished = true;
            events.push(Event::Finish {
                choice,
                reason,
                stop_sequence: None,
            });
        }
        Ok(())
    }
}

fn add_text(text: &str, thought: bool, mark: Option<Mark>, add: &mut impl FnMut(Piece)) {
    if !text.is_empty() {
        let text = text.to_owned();
        add(if thought {
            Piece::Reasoning(text)
        } else {
            Piece::Text(text)
        });
    }
    match mark {
        None => {}
        Some(Mark::Sealed(sealed)) => add(Piece::EncryptedReasoning(sealed)),
        // Gemini's proof of a text is reasoning nobody else can read, as in a whole answer.
        Some(Mark::Proof(proof)) if !thought && proof.issuer == Issuer::Gemini => {
            add(Piece::EncryptedReasoning(proof));
        }
        Some(Mark::Proof(proof)) => add(Piece::Signature(proof)),
    }
}
