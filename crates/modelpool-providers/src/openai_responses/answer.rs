//! Whole answers: <https://platform.openai.com/docs/api-reference/responses/object>.

use bytes::Bytes;
use modelpool_core::{FinishReason, Usage};
use serde_json::{Value, json};

use super::object::{self, Identity, Status};
use super::reasoning::{self, Said};
use super::value::{count, list, member, text};
use crate::counts::{ToldCost, output_with_reasoning};
use crate::neutral::{Answer, Choice, Content, Head, Signature, Text, ToolCall, made_up_id};
use crate::wire::Broken;

/// Reads a response that came whole.
pub(super) fn read(body: &Bytes) -> Result<Answer, Broken> {
    let response: Value = serde_json::from_slice(body)
        .map_err(|error| Broken::Protocol(format!("the answer is not JSON: {error}")))?;
    refused(&response)?;
    if !response["output"].is_array() {
        return Err(Broken::Protocol("the answer has no `output`".to_owned()));
    }
    let mut output = Output::default();
    for item in list(&response, "output") {
        output.add(item);
    }
    let called = output.calls > 0;
    let finish = match text(&response, "status") {
        Some(status) => Some(finish(status, &response, called)?),
        None => None,
    };
    Ok(Answer {
        head: head(&response),
        usage: usage(&response),
        choices: vec![output.choice(finish)],
    })
}

/// The error in a response, if there is one.
pub(super) fn refused(response: &Value) -> Result<(), Broken> {
    if let Some(error) = member(response, "error") {
        return Err(Broken::Refusal(error.clone()));
    }
    if text(response, "status") == Some("failed") {
        let error = json!({"message": "the response failed, without a reason"});
        return Err(Broken::Refusal(error));
    }
    Ok(())
}

pub(super) fn head(response: &Value) -> Head {
    Head {
        id: text(response, "id").map(str::to_owned),
        model: text(response, "model").map(str::to_owned),
        created: member(response, "created_at").map(count),
    }
}

/// `None` where there are no counts.
pub(super) fn usage(response: &Value) -> Option<Usage> {
    let usage = member(response, "usage")?;
    let (input, output) = (count(&usage["input_tokens"]), count(&usage["output_tokens"]));
    let reasoning = count(&usage["output_tokens_details"]["reasoning_tokens"]);
    let output = output_with_reasoning(input, output, reasoning, count(&usage["total_tokens"]));
    let usage = Usage {
        input_tokens: input,
        cached_input_tokens: count(&usage["input_tokens_details"]["cached_tokens"]).min(input),
        cache_write_tokens: count(&usage["input_tokens_details"]["cache_write_tokens"]).min(input),
        output_tokens: output,
        reasoning_tokens: reasoning.min(output),
        told_nano_usd: told_cost(usage),
        ..Usage::default()
    };
    (usage.total_tokens() > 0).then_some(usage)
}

fn told_cost(usage: &Value) -> Option<u64> {
    let told = |name: &str| member(usage, name).map(Value::to_string);
    let (ticks, cost, is_byok) = (told("cost_in_usd_ticks"), told("cost"), told("is_byok"));
    let told = ToldCost {
        ticks: ticks.as_deref(),
        cost: cost.as_deref(),
        is_byok: is_byok.as_deref(),
    };
    told.nano_usd()
}

/// Why a response ended, by its status. One that did not end is an error.
pub(super) fn finish(status: &str, response: &Value, called: bool) -> Result<FinishReason, Broken> {
    match status {
        "completed" if called => Ok(FinishReason::ToolCalls),
        "completed" => Ok(FinishReason::Stop),
        "incomplete" => Ok(match text(&response["incomplete_details"], "reason") {
            Some("max_output_tokens") => FinishReason::Length,
            Some("content_filter") => FinishReason::ContentFilter,
            other => FinishReason::Other(other.unwrap_or(status).to_owned()),
        }),
        other => Err(Broken::Protocol(format!(
            "the response is not whole: its status is `{other}`"
        ))),
    }
}

/// A call, from its item; an id is made up where a server gave none.
pub(super) fn call(item: &Value, index: usize) -> ToolCall {
    let id = text(item, "call_id")
        .or_else(|| text(item, "id"))
        .filter(|id| !id.is_empty());
    ToolCall {
        id: id.map_or_else(
            || made_up_id("call_", item.to_string().as_bytes(), index),
            str::to_owned,
        ),
        name: text(item, "name").unwrap_or_default().to_owned(),
        arguments: text(item, "arguments").unwrap_or_default().to_owned(),
        signature: None,
    }
}

/// The output, as far as it is read.
#[derive(Default)]
struct Output {
    content: Vec<Content>,
    calls: usize,
    logprobs: Vec<Value>,
    /// Signatures of calls, by the calls' ids.
    signatures: Vec<(String, Signature)>,
}

impl Output {
    /// Items of other types are what tools of the vendor left, and nobody asked for them.
    fn add(&mut self, item: &Value) {
        match text(item, "type") {
            Some("message") => {
                for part in list(item, "content") {
                    self.add_part(part);
                }
            }
            Some("function_call") => {
                self.content.push(Content::ToolCall(call(item, self.calls)));
                self.calls += 1;
            }
            Some("reasoning") => match reasoning::read(item) {
                Said::Reasoning(part) => self.content.push(Content::Reasoning(part)),
                Said::OfCall { call_id, signature } => self.signatures.push((call_id, signature)),
                Said::Nothing => {}
            },
            _ => {}
        }
    }

    fn add_part(&mut self, part: &Value) {
        let (kind, key) = match text(part, "type") {
            Some("output_text") => ("output_text", "text"),
            Some("refusal") => ("refusal", "refusal"),
            _ => return,
        };
        self.logprobs.extend(list(part, "logprobs").cloned());
        let Some(said) = text(part, key).filter(|said| !said.is_empty()) else {
            return;
        };
        self.content.push(match kind {
            "refusal" => Content::Refusal(said.to_owned()),
            _ => Content::Text(Text {
                text: said.to_owned(),
                citations: list(part, "annotations").cloned().collect(),
            }),
        });
    }

    fn choice(mut self, finish: Option<FinishReason>) -> Choice {
        for content in &mut self.content {
            let Content::ToolCall(call) = content else {
                continue;
            };
            let own = self.signatures.iter().find(|(id, _)| *id == call.id);
            call.signature = own.map(|(_, signature)| signature.clone());
        }
        Choice {
            content: self.content,
            finish,
            stop_sequence: None,
            logprobs: (!self.logprobs.is_empty()).then(|| json!({"content": self.logprobs})),
        }
    }
}

/// Writes a whole answer. The dialect has one answer a response, the first.
pub(super) fn write(answer: &Answer, model: &str) -> Bytes {
    let identity = Identity::of(&answer.head, model);
    let choice = answer.choices.first();
    let status = Status::of(choice.and_then(|choice| choice.finish.as_ref()));
    let mut items = Items {
        identity: &identity,
        items: Vec::new(),
        parts: Vec::new(),
        logprobs: choice
            .and_then(|choice| choice.logprobs.as_ref())
            .map(|logprobs| list(logprobs, "content").cloned().collect())
            .unwrap_or_default(),
    };
    for content in choice.into_iter().flat_map(|choice| &choice.content) {
        items.add(content);
    }
    items.end_message();
    let mut output = items.items;
    // What came last is what was cut.
    if let Some(word) = output.last_mut().and_then(|item| item.get_mut("status")) {
        *word = status.word().into();
    }
    let response = object::response(&identity, &status, output, answer.usage.as_ref());
    Bytes::from(response.to_string())
}

/// The output, as far as it is written.
struct Items<'a> {
    identity: &'a Identity,
    items: Vec<Value>,
    /// Of the message that is being written.
    parts: Vec<Value>,
    /// Those of the first text.
    logprobs: Vec<Value>,
}

impl Items<'_> {
    fn add(&mut self, content: &Content) {
        match content {
            Content::Text(text) if text.text.is_empty() => {}
            Content::Text(text) => {
                let end = text.text.chars().count();
                let citations = text.citations.iter();
                let annotations: Vec<Value> = citations
                    .filter_map(|citation| object::annotation(citation, end))
                    .collect();
                let logprobs = std::mem::take(&mut self.logprobs);
                self.parts
                    .push(object::text_part(&text.text, &annotations, &logprobs));
            }
            Content::Refusal(refusal) => self.parts.push(object::refusal_part(refusal)),
            Content::Reasoning(part) => {
                let encrypted = reasoning::for_caller(part);
                if encrypted.is_some() || !part.text.is_empty() {
                    self.add_reasoning(&part.text, encrypted.as_deref());
                }
            }
            Content::ToolCall(call) => self.add_call(call),
            // No answer holds these.
            Content::Image(_) | Content::Audio(_) | Content::Document(_) | Content::ToolResult(_) => {}
        }
    }

    fn add_reasoning(&mut self, text: &str, encrypted: Option<&str>) {
        self.end_message();
        let id = self.identity.item_id("rs_", self.items.len());
        self.items.push(reasoning::item(&id, text, encrypted));
    }

    fn add_call(&mut self, call: &ToolCall) {
        self.end_message();
        let signature = call.signature.as_ref();
        if let Some(encrypted) =
            signature.and_then(|signature| reasoning::of_call_for_caller(&call.id, signature))
        {
            self.add_reasoning("", Some(&encrypted));
        }
        let id = self.identity.item_id("fc_", self.items.len());
        let arguments = if call.arguments.is_empty() {
            "{}"
        } else {
            &call.arguments
        };
        let item = object::function_call(&id, &Status::Completed, &call.id, &call.name, arguments);
        self.items.push(item);
    }

    fn end_message(&mut self) {
        if !self.parts.is_empty() {
            let id = self.identity.item_id("msg_", self.items.len());
            let parts = std::mem::take(&mut self.parts);
            self.items.push(object::message(&id, &Status::Completed, parts));
        }
    }
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
