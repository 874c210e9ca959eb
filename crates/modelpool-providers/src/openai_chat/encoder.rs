//! Writing the chunks of a stream.
//!
//! Chunks are as OpenAI's: the first of each choice names the role, usage comes after the last finish reason in
//! a chunk without choices, and only for a caller who asked; `[DONE]` ends the stream
//! (<https://platform.openai.com/docs/api-reference/chat/streaming>). Reasoning stands in `reasoning_content`,
//! where most servers of this wire put it.

use bytes::Bytes;
use modelpool_core::{FinishReason, Usage};
use serde_json::{Map, Value, json};

use super::answer::{self, NO_ID, encrypted_detail, signature_detail, usage_value};
use super::{citations, parts};
use crate::neutral::{Event, Head, Piece, ToolCallPiece};
use crate::wire::Encoder;

/// Most reasoning that is kept for the signature that may follow it, in bytes.
const MAX_REASONING_BYTES: usize = 1024 * 1024;

/// Writes one stream.
#[derive(Debug)]
pub(super) struct ChatEncoder {
    /// What answers, until the answer says itself.
    model: String,
    head: Head,
    /// The caller asked for usage.
    wants_usage: bool,
    usage: Option<Usage>,
    /// The choices that have begun.
    choices: Vec<Choice>,
}

#[derive(Debug)]
struct Choice {
    index: u32,
    /// Characters of its text, for citations.
    characters: usize,
    /// Its reasoning since the last signature, as far as it is kept.
    reasoning: String,
    /// The calls that have begun without arguments so far.
    bare_calls: Vec<u32>,
    finished: bool,
}

impl Encoder for ChatEncoder {
    fn write(&mut self, event: &Event) -> Vec<Bytes> {
        match event {
            Event::Begin(head) => {
                self.head = head.clone();
                Vec::new()
            }
            Event::Piece { choice, piece } => self.piece(*choice, piece).into_iter().collect(),
            Event::Finish { choice, reason, .. } => self.finish(*choice, reason),
            Event::Usage(usage) => {
                self.usage = Some(*usage);
                Vec::new()
            }
        }
    }

    fn end(&mut self) -> Vec<Bytes> {
        let usage = self.usage.filter(|_| self.wants_usage);
        let mut events: Vec<Bytes> = usage
            .map(|usage| self.chunk(Vec::new(), usage_value(&usage)))
            .into_iter()
            .collect();
        events.push(Bytes::from_static(b"data: [DONE]\n\n"));
        events
    }
}

impl ChatEncoder {
    pub(super) fn new(model: &str, wants_usage: bool) -> Self {
        Self {
            model: model.to_owned(),
            head: Head::default(),
            wants_usage,
            usage: None,
            choices: Vec::new(),
        }
    }

    fn piece(&mut self, index: u32, piece: &Piece) -> Option<Bytes> {
        let mut logprobs = Value::Null;
        let delta = match piece {
            Piece::Text(text) | Piece::Refusal(text) | Piece::Reasoning(text) if text.is_empty() => {
                return None;
            }
            Piece::Text(text) => json!({"content": text}),
            Piece::Refusal(text) => json!({"refusal": text}),
            Piece::Reasoning(text) => json!({"reasoning_content": text}),
            Piece::Signature(signature) => {
                let text = self.proven_text(index)?;
                json!({"reasoning_details": [signature_detail(&text, signature)]})
            }
            Piece::EncryptedReasoning(encrypted) => {
                json!({"reasoning_details": [encrypted_detail(encrypted)]})
            }
            Piece::ToolCall(call) => json!({"tool_calls": [tool_call(call)]}),
            Piece::Citation(citation) => {
                let written = self.choices.iter().find(|choice| choice.index == index);
                let place = 0..written.map_or(0, |choice| choice.characters);
                json!({"annotations": [citations::annotation(citation, Some(place))?]})
            }
            Piece::Logprobs(value) => {
                logprobs = value.clone();
                json!({})
            }
        };
        let delta = self.begun(index, delta, piece);
        Some(self.of_choice(index, delta, &logprobs, None))
    }

    /// The reasoning since the last signature, which the next one proves; `None` where it was too long to keep,
    /// and the signature is of no use.
    fn proven_text(&mut self, index: u32) -> Option<String> {
        let choice = self.choices.iter_mut().find(|choice| choice.index == index);
        let text = choice
            .map(|choice| std::mem::take(&mut choice.reasoning))
            .unwrap_or_default();
        (text.len() <= MAX_REASONING_BYTES).then_some(text)
    }

    /// The delta, with what the first of a choice has besides.
    fn begun(&mut self, index: u32, delta: Value, piece: &Piece) -> Value {
        let known = self.choices.iter().position(|choice| choice.index == index);
        if known.is_none() {
            self.choices.push(Choice {
                index,
                characters: 0,
                reasoning: String::new(),
                bare_calls: Vec::new(),
                finished: false,
            });
        }
        let at = known.unwrap_or(self.choices.len() - 1);
        if let Some(choice) = self.choices.get_mut(at) {
            choice.note(piece);
        }
        if known.is_some() { delta } else { with_role(delta) }
    }

    fn finish(&mut self, index: u32, reason: &FinishReason) -> Vec<Bytes> {
        // A choice that says nothing begins here; an empty text is nothing that has to be noted.
        let is_new = !self.choices.iter().any(|choice| choice.index == index);
        let delta = self.begun(index, json!({}), &Piece::Text(String::new()));
        let delta = if is_new { with_content(delta) } else { delta };
        let choice = self.choices.iter_mut().find(|choice| choice.index == index);
        let Some(choice) = choice.filter(|choice| !choice.finished) else {
            return Vec::new();
        };
        choice.finished = true;
        let bare = std::mem::take(&mut choice.bare_calls);
        let mut events = Vec::new();
        if !bare.is_empty() {
            // Callers parse what they gathered, and nothing is not JSON.
            let call = |call: &u32| json!({"index": call, "function": {"arguments": "{}"}});
            let calls: Vec<Value> = bare.iter().map(call).collect();
            events.push(self.of_choice(index, json!({"tool_calls": calls}), &Value::Null, None));
        }
        events.push(self.of_choice(index, delta, &Value::Null, Some(reason)));
        events
    }

    fn of_choice(&self, index: u32, delta: Value, logprobs: &Value, finish: Option<&FinishReason>) -> Bytes {
        let choice = json!({
            "index": index,
            "delta": delta,
            "logprobs": logprobs,
            "finish_reason": finish.map(answer::finish_word),
        });
        self.chunk(vec![choice], Value::Null)
    }

    fn chunk(&self, choices: Vec<Value>, usage: Value) -> Bytes {
        let mut chunk = json!({
            "id": self.head.id.as_deref().unwrap_or(NO_ID),
            "object": "chat.completion.chunk",
            "created": self.head.created.unwrap_or(0),
            "model": self.head.model.as_deref().unwrap_or(&self.model),
            "choices": choices,
        });
        if self.wants_usage {
            chunk["usage"] = usage;
        }
        Bytes::from(format!("data: {chunk}\n\n"))
    }
}

impl Choice {
    fn note(&mut self, piece: &Piece) {
        match piece {
            Piece::Text(text) => self.characters += text.chars().count(),
            // The piece that makes it too long is kept, so that it shows.
            Piece::Reasoning(text) if self.reasoning.len() <= MAX_REASONING_BYTES => {
                self.reasoning.push_str(text);
            }
            Piece::ToolCall(call) => {
                if !call.arguments.trim().is_empty() {
                    self.bare_calls.retain(|bare| *bare != call.index);
                } else if call.name.is_some() {
                    self.bare_calls.push(call.index);
                }
            }
            _ => {}
        }
    }
}

/// The first delta of a choice: the role, and `content`, which callers look for.
fn with_role(delta: Value) -> Value {
    let mut first = Map::new();
    first.insert("role".to_owned(), Value::from("assistant"));
    first.insert("content".to_owned(), Value::Null);
    if let Value::Object(members) = delta {
        first.extend(members);
    }
    Value::Object(first)
}

fn with_content(mut delta: Value) -> Value {
    delta["content"] = Value::from("");
    delta
}

fn tool_call(call: &ToolCallPiece) -> Value {
    let mut function = Map::new();
    if let Some(name) = &call.name {
        function.insert("name".to_owned(), Value::from(name.as_str()));
    }
    function.insert("arguments".to_owned(), Value::from(call.arguments.as_str()));
    let mut written = json!({"index": call.index});
    if let Some(id) = &call.id {
        written["id"] = Value::from(id.as_str());
    }
    if call.id.is_some() || call.name.is_some() {
        written["type"] = Value::from("function");
    }
    written["function"] = Value::Object(function);
    if let Some(signature) = &call.signature {
        written["extra_content"] = parts::extra_content(signature);
    }
    written
}

#[cfg(test)]
#[path = "encoder_tests.rs"]
mod tests;
