//! An answer that a generator of the user's makes: of pieces as providers give them, of events as `StreamingGenerator` gives
//! them, or of both.
//!
//! What it gives is the answer: its text is that of the deltas, its calls are those of the `tool_call` events. What else
//! stands in the message of a `turn_complete` (what the model reasoned, with its signature) is kept. Usage and cost of all
//! `turn_complete` events count together.

use std::sync::Arc;

use modelpool::{Error, FinishReason, Usage};
use modelpool_agent::generator::{Gathered, Picked};
use modelpool_agent::{Chunk, Generation, Message, ProviderChunk, ToolCall};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::aggregating::read_usage;
use super::failures;
use super::provider::{finish, pieces};

/// An answer that grows.
pub(super) struct Answer {
    picked: Picked,
    /// The reader knows who answers.
    is_told: bool,
    gathered: Gathered,
    /// The text of all deltas.
    text: String,
    /// Calls of `tool_call` events.
    calls: Vec<ToolCall>,
    /// The message of a `turn_complete`.
    message: Option<Map<String, Value>>,
    finish: Option<FinishReason>,
    /// Of all answers that were told to be complete.
    usage: Usage,
    /// Of the answer that is made of chunks.
    usage_of_chunks: Usage,
    cost_usd: Option<f64>,
    attempts: u32,
    /// An error that was told, which is got over where something follows.
    failed: Option<Error>,
    notes: Vec<String>,
    began: Instant,
}

impl Answer {
    /// By a generator of that name, which stands for the model until it names one.
    pub(super) fn new(name: &Arc<str>) -> Self {
        Self {
            picked: Picked {
                alias: Arc::clone(name),
                model_name: Arc::clone(name),
                ..Picked::default()
            },
            is_told: false,
            gathered: Gathered::default(),
            text: String::new(),
            calls: Vec::new(),
            message: None,
            finish: None,
            usage: Usage::default(),
            usage_of_chunks: Usage::default(),
            cost_usd: None,
            attempts: 0,
            failed: None,
            notes: Vec::new(),
            began: Instant::now(),
        }
    }

    /// The next of what is given; what the reader is told of it.
    pub(super) fn take(&mut self, mut item: Value) -> Vec<Chunk> {
        if let Some(error) = self.failed.take() {
            self.notes.push(error.to_string());
        }
        let mut told = Vec::new();
        let event = item["event"].take();
        match event["type"].as_str() {
            None => {
                let pieces = pieces(item["chunk"].take());
                self.tell_picked(&mut told);
                told.extend(pieces.into_iter().filter_map(|piece| self.piece(piece)));
            }
            Some("llm_streaming") => {
                self.pick(&event["metadata"]);
                self.tell_picked(&mut told);
            }
            Some("error") => self.failed = Some(failures::of_event(&event)),
            Some("turn_complete") => self.complete(&event["metadata"]),
            Some(kind) => {
                self.tell_picked(&mut told);
                told.extend(self.said(kind, &event));
            }
        }
        told
    }

    /// The last chunks; the error, where one was told last.
    pub(super) fn end(mut self, number: u64) -> Result<Vec<Chunk>, Error> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let mut told = Vec::new();
        self.tell_picked(&mut told);
        let usage = self.usage.plus(&self.usage_of_chunks);
        let picked = self.picked.clone();
        let (finish, cost_usd, attempts) = (self.finish.take(), self.cost_usd, self.attempts.max(1));
        let elapsed = self.began.elapsed();
        let message = self.into_message(number);
        let usual = || match message.tool_calls().is_empty() {
            true => FinishReason::Stop,
            false => FinishReason::ToolCalls,
        };
        told.push(Chunk::Done(Box::new(Generation {
            finish: Some(finish.unwrap_or_else(usual)),
            picked,
            message,
            usage,
            cost_usd,
            attempts,
            continued: 0,
            elapsed,
        })));
        Ok(told)
    }

    fn tell_picked(&mut self, told: &mut Vec<Chunk>) {
        if std::mem::replace(&mut self.is_told, true) {
            return;
        }
        self.picked.notes.append(&mut self.notes);
        told.push(Chunk::Picked(self.picked.clone()));
    }

    /// A piece as providers give them.
    fn piece(&mut self, piece: ProviderChunk) -> Option<Chunk> {
        match piece {
            ProviderChunk::Thinking(thought) => return Some(self.thought(thought)),
            ProviderChunk::Delta(delta) => {
                self.gathered.delta(&delta);
                let text = delta["content"].as_str().filter(|text| !text.is_empty())?;
                self.text.push_str(text);
                return Some(Chunk::Text(text.to_owned()));
            }
            ProviderChunk::Usage(usage) => self.usage_of_chunks = usage,
            ProviderChunk::Finish(finish) => self.finish = Some(finish),
            // Chunks of OpenAI's shape have no others.
            _ => {}
        }
        None
    }

    /// An event that has words, or calls a tool.
    fn said(&mut self, kind: &str, event: &Value) -> Option<Chunk> {
        let content = event["content"].as_str().unwrap_or_default().to_owned();
        match kind {
            "response_delta" => {
                self.gathered.text("content", &content);
                self.text.push_str(&content);
                Some(Chunk::Text(content))
            }
            "thinking" => Some(self.thought(content)),
            "tool_call" => {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let facts = &event["metadata"];
                self.calls.push(ToolCall {
                    id: text(&facts["call_id"]),
                    name: text(&facts["name"]),
                    arguments: text(&facts["arguments"]),
                });
                None
            }
            _ => None,
        }
    }

    fn thought(&mut self, thought: String) -> Chunk {
        self.gathered.text("reasoning_content", &thought);
        Chunk::Thinking(thought)
    }

    /// A model begins, or goes on with what another one began.
    fn pick(&mut self, facts: &Value) {
        let continues = facts["continues"].as_bool().unwrap_or_default();
        let text = |value: &Value| value.as_str().map(Arc::from);
        let notes = facts["notes"].as_array().into_iter().flatten();
        self.picked = Picked {
            alias: text(&facts["model_alias"]).unwrap_or_else(|| Arc::clone(&self.picked.alias)),
            model_name: text(&facts["model_name"]).unwrap_or_default(),
            requirements: facts["requirements"].clone(),
            notes: notes.filter_map(Value::as_str).map(str::to_owned).collect(),
            anew: self.is_told && !continues,
        };
        self.is_told = false;
        if !continues {
            self.gathered = Gathered::default();
            self.text.clear();
            self.calls.clear();
            self.message = None;
            self.finish = None;
        }
    }

    /// An answer is whole; more may follow.
    fn complete(&mut self, facts: &Value) {
        self.usage = self.usage.plus(&read_usage(&facts["usage"]));
        if let Some(cost) = facts["cost_usd"].as_f64() {
            *self.cost_usd.get_or_insert_default() += cost;
        }
        let mut messages = facts["messages"].as_array().into_iter().flatten();
        let of_model = messages.rfind(|message| message["role"] == "assistant");
        self.message = of_model.and_then(Value::as_object).cloned();
        let round = facts["rounds"].as_array().and_then(|rounds| rounds.last());
        self.finish = round
            .and_then(|round| round["finish_reason"].as_str())
            .map(finish);
        let attempts = round.and_then(|round| round["attempts"].as_u64()).unwrap_or(1);
        self.attempts = self
            .attempts
            .saturating_add(u32::try_from(attempts).unwrap_or(u32::MAX));
    }

    fn into_message(mut self, number: u64) -> Message {
        let number = number.to_string();
        let Some(mut members) = self.message.take() else {
            for call in &self.calls {
                self.gathered.call(call);
            }
            return self.gathered.into_message(&number);
        };
        let given = Message::from_json(Value::Object(members.clone()));
        let text = given.as_ref().map(Message::text).unwrap_or_default();
        let gathered = self.gathered.into_message(&number);
        let calls_of_chunks = gathered.to_json()["tool_calls"].take();
        let known = members.shift_remove("tool_calls").unwrap_or_default();
        let known = known.as_array().map(Vec::as_slice).unwrap_or_default();
        let mut calls: Vec<Value> = self.calls.iter().map(|call| of_call(call, known)).collect();
        calls.extend(calls_of_chunks.as_array().into_iter().flatten().cloned());
        if text != self.text {
            members.insert("content".to_owned(), self.text.into());
        }
        if !calls.is_empty() {
            members.insert("tool_calls".to_owned(), calls.into());
        }
        Message::from_json(Value::Object(members)).unwrap_or(gathered)
    }
}

/// A call, with what else a vendor gave with it.
fn of_call(call: &ToolCall, known: &[Value]) -> Value {
    let same = known.iter().find(|known| known["id"] == call.id.as_str());
    let mut whole = same
        .cloned()
        .unwrap_or_else(|| json!({"id": call.id, "type": "function", "function": {}}));
    whole["function"]["name"] = call.name.as_str().into();
    whole["function"]["arguments"] = call.arguments.as_str().into();
    whole
}
