//! The caller's stream.
//!
//! Texts and thoughts go out as they come. Calls are held until they are whole, since the wire has no fragments
//! of them; reasons, citations, log-probabilities and usage until the end, where the last chunk says them all.

use std::collections::BTreeMap;

use bytes::Bytes;
use modelpool_core::{FinishReason, Usage};
use serde_json::{Value, json};

use super::answer::{candidate, finish, note};
use super::parts::{To, call_part, sealed_part, text_part, thought_part};
use super::signature;
use super::words::usage_metadata;
use crate::neutral::{Event, Head, Piece, ToolCall, ToolCallPiece};
use crate::wire::Encoder;

/// Writes one stream.
#[derive(Debug)]
pub(super) struct GeminiEncoder {
    head: Head,
    /// What answers, where the head does not say.
    model: String,
    choices: BTreeMap<u32, Held>,
    usage: Option<Usage>,
}

/// What is held of one answer.
#[derive(Debug, Default)]
struct Held {
    calls: BTreeMap<u32, ToolCall>,
    /// The function whose arguments could not be written.
    malformed: Option<String>,
    citations: Vec<Value>,
    logprobs: Vec<Value>,
    finish: Option<FinishReason>,
}

impl GeminiEncoder {
    pub(super) fn new(model: &str) -> Self {
        Self {
            head: Head::default(),
            model: model.to_owned(),
            choices: BTreeMap::new(),
            usage: None,
        }
    }

    fn piece(&mut self, choice: u32, piece: &Piece) -> Vec<Bytes> {
        let held = self.choices.entry(choice).or_default();
        let part = match piece {
            Piece::ToolCall(call) => {
                held.grow(call);
                return Vec::new();
            }
            Piece::Citation(citation) => {
                held.citations.push(citation.clone());
                return Vec::new();
            }
            Piece::Logprobs(logprobs) => {
                held.logprobs.push(logprobs.clone());
                return Vec::new();
            }
            Piece::Text(text) | Piece::Refusal(text) | Piece::Reasoning(text) if text.is_empty() => {
                return Vec::new();
            }
            Piece::Text(text) | Piece::Refusal(text) => text_part(text),
            Piece::Reasoning(text) => thought_part(text),
            Piece::Signature(proof) => {
                let mut part = thought_part("");
                part["thoughtSignature"] = signature::written(proof).into();
                part
            }
            Piece::EncryptedReasoning(sealed) => sealed_part(sealed),
        };
        // Calls stand before what came after them.
        let calls = held.whole_calls();
        let calls = (!calls.is_empty()).then(|| candidate(choice, calls));
        let calls = calls.map(|calls| self.chunk(vec![calls], false));
        calls
            .into_iter()
            .chain([self.chunk(vec![candidate(choice, vec![part])], false)])
            .collect()
    }

    /// A chunk. The last one says what was used.
    fn chunk(&mut self, candidates: Vec<Value>, last: bool) -> Bytes {
        let mut chunk = json!({"candidates": candidates});
        if let Some(usage) = self.usage.filter(|_| last) {
            chunk["usageMetadata"] = usage_metadata(&usage);
        }
        chunk["modelVersion"] = self.head.model.as_deref().unwrap_or(&self.model).into();
        if let Some(id) = &self.head.id {
            chunk["responseId"] = id.as_str().into();
        }
        Bytes::from(format!("data: {chunk}\n\n"))
    }
}

impl Held {
    fn grow(&mut self, piece: &ToolCallPiece) {
        let call = self.calls.entry(piece.index).or_default();
        if let Some(id) = &piece.id {
            call.id.clone_from(id);
        }
        if let Some(name) = &piece.name {
            call.name.clone_from(name);
        }
        call.arguments.push_str(&piece.arguments);
        if piece.signature.is_some() {
            call.signature.clone_from(&piece.signature);
        }
    }

    /// The calls so far, which are whole: something else came after them.
    fn whole_calls(&mut self) -> Vec<Value> {
        let mut parts = Vec::with_capacity(self.calls.len());
        for call in std::mem::take(&mut self.calls).into_values() {
            match call_part(&call, To::Caller).filter(|_| !call.name.is_empty()) {
                Some(part) => parts.push(part),
                None => self.malformed = Some(call.name),
            }
        }
        parts
    }
}

impl Encoder for GeminiEncoder {
    fn write(&mut self, event: &Event) -> Vec<Bytes> {
        match event {
            Event::Begin(head) => {
                // An answer that is gone on with keeps its id.
                let id = self.head.id.take().or_else(|| head.id.clone());
                self.head = Head { id, ..head.clone() };
                Vec::new()
            }
            Event::Piece { choice, piece } => self.piece(*choice, piece),
            Event::Finish { choice, reason, .. } => {
                let held = self.choices.entry(*choice).or_default();
                held.finish = Some(reason.clone());
                let calls = held.whole_calls();
                if calls.is_empty() {
                    return Vec::new();
                }
                vec![self.chunk(vec![candidate(*choice, calls)], false)]
            }
            Event::Usage(usage) => {
                self.usage = Some(*usage);
                Vec::new()
            }
        }
    }

    fn end(&mut self) -> Vec<Bytes> {
        let mut last = Vec::with_capacity(self.choices.len());
        for (choice, mut held) in std::mem::take(&mut self.choices) {
            let mut parts = held.whole_calls();
            if parts.is_empty() {
                // Google's clients keep no answer with a chunk without parts.
                parts.push(text_part(""));
            }
            let mut candidate = candidate(choice, parts);
            finish(&mut candidate, held.finish.as_ref(), held.malformed.as_deref());
            note(&mut candidate, &held.citations, &held.logprobs);
            last.push(candidate);
        }
        vec![self.chunk(last, true)]
    }
}
