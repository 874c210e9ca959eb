//! Writing a stream: <https://platform.openai.com/docs/api-reference/responses-streaming>.
//!
//! Clients add up what they are told: an item is there once it was added, a part once it was, and deltas go to the
//! item and part of their numbers. So nothing is said of what was not opened, items are numbered in the order in
//! which they open, and each is closed with what it has become. Messages and reasoning grow one at a time; calls
//! may grow side by side, and are closed at the end. The last event repeats the whole response.

use std::collections::BTreeMap;

use bytes::Bytes;
use modelpool_core::{FinishReason, Usage};
use serde_json::{Value, json};

use super::events::Events;
use super::growing::{Call, Message, Reasoning, Spot, close_as_it_is, sealed_reasoning};
use super::object::{self, Identity, Status};
use super::told::ToldItem;
use super::value::{list, text};
use super::{answer, reasoning};
use crate::neutral::{Event, Head, Issuer, Piece, ToolCallPiece, made_up_id};
use crate::wire::Encoder;

/// Writes one stream.
#[derive(Debug)]
pub(super) struct ResponsesEncoder {
    /// What answers, where the answer does not say.
    model: String,
    identity: Option<Identity>,
    /// As it was begun by a stream that this one goes on with; null where there is none.
    begun: Value,
    events: Events,
    /// The items so far, null where they still grow.
    output: Vec<Value>,
    growing: Option<Growing>,
    calls: Vec<GrowingCall>,
    usage: Option<Usage>,
    finish: Option<FinishReason>,
    ended: bool,
}

/// The item that grows.
#[derive(Debug)]
enum Growing {
    Message(usize, Message),
    Reasoning(usize, Reasoning),
}

#[derive(Debug)]
struct GrowingCall {
    /// Which call of the answer.
    index: u32,
    call: Call,
}

impl Encoder for ResponsesEncoder {
    fn write(&mut self, event: &Event) -> Vec<Bytes> {
        if self.ended {
            return Vec::new();
        }
        match event {
            Event::Begin(head) => {
                self.begin(head);
            }
            // One response is one answer.
            Event::Piece { choice: 0, piece } => self.piece(piece),
            Event::Finish {
                choice: 0, reason, ..
            } => self.finish = Some(reason.clone()),
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Piece { .. } | Event::Finish { .. } => {}
        }
        self.events.take()
    }

    fn end(&mut self) -> Vec<Bytes> {
        if std::mem::replace(&mut self.ended, true) {
            return Vec::new();
        }
        let identity = self.begin(&Head::default());
        let status = Status::of(self.finish.as_ref());
        self.close_all(&status);
        let output = std::mem::take(&mut self.output);
        let response = object::response(&identity, &status, output, self.usage.as_ref());
        let response = object::ended(std::mem::take(&mut self.begun), response);
        let kind = match status {
            Status::Completed => "response.completed",
            Status::InProgress | Status::Incomplete(_) => "response.incomplete",
        };
        self.events.write(kind, json!({"response": response}));
        self.events.take()
    }
}

impl ResponsesEncoder {
    pub(super) fn new(model: &str) -> Self {
        Self {
            model: model.to_owned(),
            identity: None,
            begun: Value::Null,
            events: Events::default(),
            output: Vec::new(),
            growing: None,
            calls: Vec::new(),
            usage: None,
            finish: None,
            ended: false,
        }
    }

    /// In the middle of a response that was begun so, of which these items were told.
    pub(super) fn standing(begun: &Value, next_number: u64, items: &BTreeMap<u64, ToldItem>) -> Self {
        let mut encoder = Self::new("");
        encoder.identity = Some(Identity::of(&answer::head(begun), ""));
        encoder.begun = begun.clone();
        encoder.events = Events::from_number(next_number);
        for (nth, (place, told)) in items.iter().enumerate() {
            let spot = Spot {
                index: usize::try_from(*place).unwrap_or(nth),
                id: text(&told.item, "id").unwrap_or_default().to_owned(),
            };
            let is_last = nth + 1 == items.len();
            let item = if told.is_whole {
                told.item.clone()
            } else if is_last && told.item["type"] == "message" {
                let parts = list(&told.item, "content").cloned().collect();
                let message = Message::standing(spot, parts, !told.part_is_whole);
                encoder.growing = Some(Growing::Message(nth, message));
                Value::Null
            } else {
                close_as_it_is(&spot, told.item.clone(), told.part_is_whole, &mut encoder.events)
            };
            encoder.output.push(item);
        }
        encoder
    }

    /// Whose response it is, said where it was not yet. An answer that goes on from another's stays the first's, and
    /// only says who answers now.
    fn begin(&mut self, head: &Head) -> Identity {
        if let Some(identity) = &mut self.identity {
            if let Some(model) = &head.model {
                identity.model.clone_from(model);
            }
            return identity.clone();
        }
        let identity = Identity::of(head, &self.model);
        let response = object::response(&identity, &Status::InProgress, Vec::new(), None);
        self.events
            .write("response.created", json!({"response": response}));
        self.events
            .write("response.in_progress", json!({"response": response}));
        self.identity = Some(identity.clone());
        identity
    }

    fn piece(&mut self, piece: &Piece) {
        match piece {
            Piece::Text(text) => self.add_text(false, text),
            Piece::Refusal(text) => self.add_text(true, text),
            Piece::Reasoning(text) => self.add_reasoning(text),
            Piece::Signature(signature) => self.add_signature(&signature.written_for(Issuer::OpenAi)),
            Piece::EncryptedReasoning(sealed) => self.add_sealed(&reasoning::sealed_for_caller(sealed)),
            Piece::ToolCall(piece) => self.add_call(piece),
            Piece::Citation(citation) => {
                if let Some(Growing::Message(_, message)) = &mut self.growing {
                    message.cite(citation, &mut self.events);
                }
            }
            Piece::Logprobs(logprobs) => {
                if let Some(Growing::Message(_, message)) = &mut self.growing {
                    message.add_logprobs(list(logprobs, "content").cloned());
                }
            }
        }
    }

    fn add_text(&mut self, is_refusal: bool, text: &str) {
        if text.is_empty() {
            return;
        }
        if !matches!(self.growing, Some(Growing::Message(..))) {
            self.close_growing(None, &Status::Completed);
            let spot = self.spot("msg_");
            let index = spot.index;
            self.growing = Some(Growing::Message(index, Message::open(spot, &mut self.events)));
        }
        if let Some(Growing::Message(_, message)) = &mut self.growing {
            message.add(is_refusal, text, &mut self.events);
        }
    }

    fn add_reasoning(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if !matches!(self.growing, Some(Growing::Reasoning(..))) {
            self.close_growing(None, &Status::Completed);
            let spot = self.spot("rs_");
            let index = spot.index;
            self.growing = Some(Growing::Reasoning(index, Reasoning::open(spot, &mut self.events)));
        }
        if let Some(Growing::Reasoning(_, reasoning)) = &mut self.growing {
            reasoning.add(text, &mut self.events);
        }
    }

    /// Nothing is added to reasoning that is signed; a signature without reasoning before it is an item too.
    fn add_signature(&mut self, encrypted: &str) {
        if matches!(self.growing, Some(Growing::Reasoning(..))) {
            self.close_growing(Some(encrypted), &Status::Completed);
        } else {
            self.add_sealed(encrypted);
        }
    }

    fn add_sealed(&mut self, encrypted: &str) {
        self.close_growing(None, &Status::Completed);
        let spot = self.spot("rs_");
        let item = sealed_reasoning(&spot, encrypted, &mut self.events);
        self.set(spot.index, item);
    }

    fn add_call(&mut self, piece: &ToolCallPiece) {
        let known = self.calls.iter().position(|call| call.index == piece.index);
        let position = known.unwrap_or_else(|| {
            self.open_call(piece);
            self.calls.len() - 1
        });
        if let Some(growing) = self
            .calls
            .get_mut(position)
            .filter(|_| !piece.arguments.is_empty())
        {
            growing.call.add(&piece.arguments, &mut self.events);
        }
    }

    fn open_call(&mut self, piece: &ToolCallPiece) {
        self.close_growing(None, &Status::Completed);
        let name = piece.name.clone().unwrap_or_default();
        let call_id = piece
            .id
            .clone()
            .unwrap_or_else(|| made_up_id("call_", name.as_bytes(), self.output.len()));
        let signature = piece.signature.as_ref();
        if let Some(encrypted) =
            signature.and_then(|signature| reasoning::of_call_for_caller(&call_id, signature))
        {
            self.add_sealed(&encrypted);
        }
        let spot = self.spot("fc_");
        self.calls.push(GrowingCall {
            index: piece.index,
            call: Call::open(spot, call_id, name, &mut self.events),
        });
    }

    /// The place of the next item.
    fn spot(&mut self, prefix: &str) -> Spot {
        let identity = self.begin(&Head::default());
        let index = self.output.len();
        self.output.push(Value::Null);
        Spot {
            index,
            id: identity.item_id(prefix, index),
        }
    }

    fn set(&mut self, index: usize, item: Value) {
        if let Some(place) = self.output.get_mut(index) {
            *place = item;
        }
    }

    fn close_growing(&mut self, encrypted: Option<&str>, status: &Status) {
        let (index, item) = match self.growing.take() {
            Some(Growing::Message(index, message)) => (index, message.close(status, &mut self.events)),
            Some(Growing::Reasoning(index, reasoning)) => {
                (index, reasoning.close(encrypted, &mut self.events))
            }
            None => return,
        };
        self.set(index, item);
    }

    /// What came last is what was cut, where the answer is not whole.
    fn close_all(&mut self, status: &Status) {
        let last = self.output.len().saturating_sub(1);
        let of = |index: usize| if index == last { status } else { &Status::Completed };
        let index = match &self.growing {
            Some(Growing::Message(index, _) | Growing::Reasoning(index, _)) => *index,
            None => last,
        };
        self.close_growing(None, of(index));
        for growing in std::mem::take(&mut self.calls) {
            let index = growing.call.index();
            let item = growing.call.close(of(index), &mut self.events);
            self.set(index, item);
        }
    }
}

#[cfg(test)]
#[path = "encoder_tests.rs"]
mod tests;
