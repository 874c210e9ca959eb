//! Reading a stream: <https://platform.openai.com/docs/api-reference/responses-streaming>.
//!
//! Everything is said several times over: as deltas, whole at the end of the part, of the item, and of the
//! response. The deltas count. What is whole is read where a server sent no deltas of it, and is passed over
//! otherwise. A stream without its last event is not whole: no finish reason is read from anything else.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::answer;
use super::reasoning::{self, Content};
use super::value::{count, list, member, text};
use crate::neutral::{Event, Events, Piece, Signature, ToolCallPiece};
use crate::sse;
use crate::wire::{Broken, Decoded, Decoder};

/// Reads one stream.
#[derive(Debug, Default)]
pub(super) struct ResponsesDecoder {
    begun: bool,
    /// Something was said.
    said: bool,
    /// Parts of messages that something was said of: the item's place, the part's, and whether it is a refusal.
    parts: BTreeSet<(u64, u64, bool)>,
    /// Parts whose citations were told.
    cited: BTreeSet<(u64, u64)>,
    /// Reasoning, by the item's place.
    reasoning: BTreeMap<u64, Reasoning>,
    /// Calls, by the item's place.
    calls: BTreeMap<u64, Call>,
    /// Signatures of calls, which come before the calls.
    signatures: Vec<(String, Signature)>,
}

/// What was said of a reasoning item.
#[derive(Debug)]
struct Reasoning {
    /// Of the two texts an item may have, its summary and the reasoning itself, the one that came first. The
    /// other says the same again.
    summary: bool,
    /// The parts of it so far.
    parts: BTreeSet<u64>,
}

#[derive(Debug)]
struct Call {
    /// Which call of the answer.
    index: u32,
    has_arguments: bool,
}

impl Decoder for ResponsesDecoder {
    fn read(&mut self, frame: &[u8]) -> Result<Decoded, Broken> {
        let Some(data) = sse::data(frame) else {
            return Ok(Decoded::nothing());
        };
        let data = data.trim_ascii();
        // Not of this wire, but servers that speak chat completions too send it.
        if data == b"[DONE]" {
            return Ok(Decoded::end());
        }
        let Ok(event) = serde_json::from_slice::<Value>(data) else {
            return Ok(Decoded::malformed());
        };
        match text(&event, "type") {
            Some("error") => Err(Broken::Refusal(error_of(&event))),
            Some("response.failed") => {
                answer::refused(&event["response"])?;
                answer::refused(&event)?;
                answer::refused(&json!({"status": "failed"}))?;
                Ok(Decoded::nothing())
            }
            Some("response.completed") => self.end("completed", &event["response"]),
            Some("response.incomplete") => self.end("incomplete", &event["response"]),
            Some(kind) => {
                let mut events = Events::new();
                self.read_event(kind, &event, &mut events);
                Ok(events.into())
            }
            None => {
                answer::refused(&event)?;
                Ok(Decoded::malformed())
            }
        }
    }
}

/// The error, which stands flat in the event, or nested as the whole answer has it.
fn error_of(event: &Value) -> Value {
    let mut error = match member(event, "error") {
        Some(error) => return error.clone(),
        None => event.clone(),
    };
    if let Value::Object(members) = &mut error {
        // They are the event's.
        members.retain(|name, _| name != "type" && name != "sequence_number");
    }
    error
}

fn place(event: &Value, key: &str) -> u64 {
    count(&event[key])
}

impl ResponsesDecoder {
    /// Events of other types say nothing that is carried.
    fn read_event(&mut self, kind: &str, event: &Value, events: &mut Events) {
        let at = place(event, "output_index");
        let delta = text(event, "delta").unwrap_or_default();
        match kind {
            "response.created" | "response.in_progress" | "response.queued" => {
                self.begin(&event["response"], events);
            }
            "response.output_text.delta" => {
                let part = (at, place(event, "content_index"), false);
                self.add(part, delta, &event["logprobs"], events);
            }
            "response.refusal.delta" => {
                let part = (at, place(event, "content_index"), true);
                self.add(part, delta, &Value::Null, events);
            }
            "response.reasoning_summary_text.delta" => {
                self.reason(at, true, place(event, "summary_index"), delta, events);
            }
            "response.reasoning_text.delta" => {
                self.reason(at, false, place(event, "content_index"), delta, events);
            }
            "response.output_text.annotation.added" => {
                self.cited.insert((at, place(event, "content_index")));
                if let Some(annotation) = member(event, "annotation") {
                    self.push(Piece::Citation(annotation.clone()), events);
                }
            }
            "response.function_call_arguments.delta" => self.add_arguments(at, delta, events),
            "response.output_item.added" if is_call(&event["item"]) => {
                self.begin_call(at, &event["item"], events);
            }
            "response.output_item.done" => self.complete_item(at, &event["item"], events),
            _ => self.complete_part(kind, at, event, events),
        }
    }

    /// What is whole, where no delta came before.
    fn complete_part(&mut self, kind: &str, at: u64, event: &Value, events: &mut Events) {
        let whole = |key: &str| text(event, key).unwrap_or_default();
        match kind {
            "response.output_text.done" => {
                let part = (at, place(event, "content_index"), false);
                self.complete(part, whole("text"), &event["logprobs"], events);
            }
            "response.refusal.done" => {
                let part = (at, place(event, "content_index"), true);
                self.complete(part, whole("refusal"), &Value::Null, events);
            }
            "response.reasoning_summary_text.done" => {
                self.complete_reasoning(at, true, place(event, "summary_index"), whole("text"), events);
            }
            "response.reasoning_text.done" => {
                self.complete_reasoning(at, false, place(event, "content_index"), whole("text"), events);
            }
            "response.function_call_arguments.done" => {
                self.complete_arguments(at, whole("arguments"), events);
            }
            _ => {}
        }
    }

    fn begin(&mut self, response: &Value, events: &mut Events) {
        if !self.begun && response.is_object() {
            self.begun = true;
            events.push(Event::Begin(answer::head(response)));
        }
    }

    fn push(&mut self, piece: Piece, events: &mut Events) {
        self.said = true;
        events.push(Event::piece(piece));
    }

    fn add(&mut self, part: (u64, u64, bool), said: &str, logprobs: &Value, events: &mut Events) {
        if said.is_empty() {
            return;
        }
        self.parts.insert(part);
        let (.., is_refusal) = part;
        let piece = if is_refusal {
            Piece::Refusal(said.to_owned())
        } else {
            Piece::Text(said.to_owned())
        };
        self.push(piece, events);
        if logprobs.as_array().is_some_and(|list| !list.is_empty()) {
            self.push(Piece::Logprobs(json!({"content": logprobs})), events);
        }
    }

    fn complete(&mut self, part: (u64, u64, bool), whole: &str, logprobs: &Value, events: &mut Events) {
        if !self.parts.contains(&part) {
            self.add(part, whole, logprobs, events);
        }
    }

    fn reason(&mut self, at: u64, summary: bool, part: u64, said: &str, events: &mut Events) {
        if said.is_empty() {
            return;
        }
        let item = self.reasoning.entry(at).or_insert_with(|| Reasoning {
            summary,
            parts: BTreeSet::new(),
        });
        if item.summary != summary {
            return;
        }
        let parts_before = item.parts.len();
        let is_further_part = item.parts.insert(part) && parts_before > 0;
        // As the parts of a whole answer are joined.
        let said = if is_further_part {
            format!("\n\n{said}")
        } else {
            said.to_owned()
        };
        self.push(Piece::Reasoning(said), events);
    }

    fn complete_reasoning(&mut self, at: u64, summary: bool, part: u64, whole: &str, events: &mut Events) {
        let was_said = self
            .reasoning
            .get(&at)
            .is_some_and(|item| item.parts.contains(&part));
        if !was_said {
            self.reason(at, summary, part, whole, events);
        }
    }

    fn begin_call(&mut self, at: u64, item: &Value, events: &mut Events) {
        if self.calls.contains_key(&at) {
            return;
        }
        let place = self.calls.len();
        let call = answer::call(item, place);
        let index = u32::try_from(place).unwrap_or(u32::MAX);
        let signature = self.signatures.iter().find(|(id, _)| *id == call.id);
        let piece = ToolCallPiece {
            index,
            signature: signature.map(|(_, signature)| signature.clone()),
            id: Some(call.id),
            name: Some(call.name),
            arguments: call.arguments,
        };
        let has_arguments = !piece.arguments.is_empty();
        self.calls.insert(at, Call { index, has_arguments });
        self.push(Piece::ToolCall(piece), events);
    }

    /// A call that did not begin is read when it is whole.
    fn add_arguments(&mut self, at: u64, arguments: &str, events: &mut Events) {
        let Some(call) = self.calls.get_mut(&at).filter(|_| !arguments.is_empty()) else {
            return;
        };
        call.has_arguments = true;
        let piece = ToolCallPiece {
            index: call.index,
            arguments: arguments.to_owned(),
            ..ToolCallPiece::default()
        };
        self.push(Piece::ToolCall(piece), events);
    }

    fn complete_arguments(&mut self, at: u64, arguments: &str, events: &mut Events) {
        if self.calls.get(&at).is_some_and(|call| !call.has_arguments) {
            self.add_arguments(at, arguments, events);
        }
    }

    fn complete_item(&mut self, at: u64, item: &Value, events: &mut Events) {
        match text(item, "type") {
            Some("message") => {
                for (part, index) in list(item, "content").zip(0_u64..) {
                    self.complete_message_part(at, index, part, events);
                }
            }
            Some("function_call") => {
                self.begin_call(at, item, events);
                self.complete_arguments(at, text(item, "arguments").unwrap_or_default(), events);
            }
            Some("reasoning") => self.complete_reasoning_item(at, item, events),
            _ => {}
        }
    }

    fn complete_message_part(&mut self, at: u64, index: u64, part: &Value, events: &mut Events) {
        if let Some(refusal) = text(part, "refusal") {
            self.complete((at, index, true), refusal, &Value::Null, events);
        }
        if let Some(whole) = text(part, "text") {
            self.complete((at, index, false), whole, &part["logprobs"], events);
        }
        if self.cited.insert((at, index)) {
            for annotation in list(part, "annotations") {
                self.push(Piece::Citation(annotation.clone()), events);
            }
        }
    }

    fn complete_reasoning_item(&mut self, at: u64, item: &Value, events: &mut Events) {
        for (key, summary) in [("summary", true), ("content", false)] {
            for (part, index) in list(item, key).zip(0_u64..) {
                let whole = text(part, "text").unwrap_or_default();
                self.complete_reasoning(at, summary, index, whole, events);
            }
        }
        let encrypted = text(item, "encrypted_content").filter(|encrypted| !encrypted.is_empty());
        let piece = match encrypted.map(reasoning::content) {
            None => return,
            Some(Content::OfCall(call_id, signature)) => {
                self.signatures.push((call_id, signature));
                return;
            }
            Some(Content::Signature(signature)) => Piece::Signature(signature),
            Some(Content::Own(signature)) if self.reasoning.contains_key(&at) => Piece::Signature(signature),
            Some(Content::Own(signature) | Content::Sealed(signature)) => {
                Piece::EncryptedReasoning(signature)
            }
        };
        self.push(piece, events);
    }

    fn end(&mut self, status: &str, response: &Value) -> Result<Decoded, Broken> {
        answer::refused(response)?;
        let mut events = Events::new();
        self.begin(response, &mut events);
        // Only then: servers count the items of the stream and those of the response differently.
        if !self.said {
            for (item, at) in list(response, "output").zip(0_u64..) {
                self.complete_item(at, item, &mut events);
            }
        }
        let called = !self.calls.is_empty();
        let reason = answer::finish(status, response, called)?;
        events.extend(answer::usage(response).map(Event::Usage));
        events.push(Event::Finish {
            choice: 0,
            reason,
            stop_sequence: None,
        });
        Ok(Decoded {
            events,
            end_mark: true,
            malformed: false,
        })
    }
}

fn is_call(item: &Value) -> bool {
    text(item, "type") == Some("function_call")
}

#[cfg(test)]
#[path = "decoder_tests.rs"]
mod tests;
