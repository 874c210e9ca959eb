//! Whole answers, both ways.
//!
//! Read leniently: what is missing stays missing, so that an answer without finish reason does not look whole.
//! Refused are bytes that are no JSON, answers without choices, and errors that came with a success status.
//! The pictures and sounds that some servers answer with were not asked for by a translated request,
//! and are passed over.

use bytes::Bytes;
use modelpool_core::{FinishReason, Usage};
use serde_json::{Map, Value, json};

use super::citations;
use super::parts;
use super::response::{WireUsage, finish_reason};
use crate::json;
use crate::neutral::{Answer, Choice, Content, Head, ReasoningPart, Signature, Text, ToolCall, made_up_id};
use crate::wire::Broken;

/// The id of an answer whose vendor gave none.
pub(super) const NO_ID: &str = "chatcmpl-modelpool";

/// Reads a whole answer.
pub(super) fn read(body: &Bytes) -> Result<Answer, Broken> {
    let start = body.trim_ascii_start();
    if start.is_empty() {
        return Err(Broken::Protocol("the answer is empty".to_owned()));
    }
    if start.starts_with(b"<") {
        return Err(Broken::Protocol("the answer is HTML, not JSON".to_owned()));
    }
    let answer: Value = serde_json::from_slice(body)
        .map_err(|error| Broken::Protocol(format!("the answer is not JSON of a model: {error}")))?;
    if let Some(object) = refusal(&answer) {
        return Err(Broken::Refusal(object));
    }
    let wire_choices = answer["choices"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    if wire_choices.is_empty() {
        return Err(Broken::Protocol("the answer has no `choices`".to_owned()));
    }
    let head = head(&answer);
    let id = head.id.as_deref().unwrap_or_default();
    let mut choices: Vec<(u64, Choice)> = wire_choices
        .iter()
        .zip(0_u64..)
        .map(|(wire, place)| (wire["index"].as_u64().unwrap_or(place), choice(wire, id)))
        .collect();
    choices.sort_by_key(|(index, _)| *index);
    for (_, choice) in &mut choices {
        without_nameless_calls(choice)?;
    }
    Ok(Answer {
        choices: choices.into_iter().map(|(_, choice)| choice).collect(),
        usage: usage(&answer),
        head,
    })
}

/// An error in place of an answer, or in one of its choices.
pub(super) fn refusal(answer: &Value) -> Option<Value> {
    let given = |of: &Value| of.get("error").filter(|error| !error.is_null()).cloned();
    let of_choice = || answer["choices"].as_array()?.iter().find_map(given);
    // Older servers answer with the object itself.
    let itself = || (answer["object"] == "error").then(|| answer.clone());
    given(answer).or_else(of_choice).or_else(itself)
}

/// What an answer, or a chunk of one, says of itself.
pub(super) fn head(answer: &Value) -> Head {
    let text = |key: &str| {
        let text = answer[key].as_str().filter(|text| !text.is_empty());
        text.map(str::to_owned)
    };
    Head {
        id: text("id"),
        model: text("model"),
        created: answer["created"].as_u64().filter(|seconds| *seconds > 0),
    }
}

/// `None` where there are no counts.
pub(super) fn usage(answer: &Value) -> Option<Usage> {
    let usage = answer.get("usage").filter(|usage| usage.is_object())?;
    json::read::<WireUsage<'_>>(&usage.to_string()).ok()?.counts()
}

/// The vendor's word. Some servers say `stop` although tools were called.
pub(super) fn finish(word: &str, calls_tools: bool) -> FinishReason {
    match finish_reason(word) {
        FinishReason::Stop if calls_tools => FinishReason::ToolCalls,
        reason => reason,
    }
}

fn choice(wire: &Value, id: &str) -> Choice {
    let message = &wire["message"];
    let mut content = Vec::new();
    let push_reasoning = |text: String, content: &mut Vec<Content>| {
        if !text.is_empty() {
            content.push(Content::Reasoning(ReasoningPart {
                text,
                ..ReasoningPart::default()
            }));
        }
    };
    push_reasoning(
        reasoning_text(message).unwrap_or_default().to_owned(),
        &mut content,
    );
    let (thinking, text) = texts(&message["content"]);
    push_reasoning(thinking, &mut content);
    let annotations = message["annotations"].as_array().cloned().unwrap_or_default();
    if !text.is_empty() || !annotations.is_empty() {
        content.push(Content::Text(Text {
            text,
            citations: annotations,
        }));
    }
    if let Some(refusal) = message["refusal"].as_str().filter(|text| !text.is_empty()) {
        content.push(Content::Refusal(refusal.to_owned()));
    }
    let calls = tool_calls(message, id);
    let calls_tools = !calls.is_empty();
    content.extend(calls.into_iter().map(Content::ToolCall));
    Choice {
        content,
        finish: wire["finish_reason"]
            .as_str()
            .map(|word| finish(word, calls_tools)),
        stop_sequence: None,
        logprobs: wire
            .get("logprobs")
            .filter(|logprobs| logprobs.is_object())
            .cloned(),
    }
}

/// A call without a name can be run by nobody. Where the answer was cut off it is left out; where it is said to be
/// whole it is not.
fn without_nameless_calls(choice: &mut Choice) -> Result<(), Broken> {
    let before = choice.content.len();
    choice
        .content
        .retain(|content| !matches!(content, Content::ToolCall(call) if call.name.is_empty()));
    if choice.content.len() < before && choice.finish == Some(FinishReason::ToolCalls) {
        return Err(Broken::Protocol(
            "a tool call of the answer has no name".to_owned(),
        ));
    }
    Ok(())
}

/// Reasoning where servers put it beside the text.
pub(super) fn reasoning_text(of: &Value) -> Option<&str> {
    let text = |key: &str| of[key].as_str().filter(|text| !text.is_empty());
    text("reasoning_content").or_else(|| text("reasoning"))
}

/// Reasoning and text of a content, which Mistral's reasoning models send as a list of parts.
pub(super) fn texts(content: &Value) -> (String, String) {
    match content {
        Value::String(text) => (String::new(), text.clone()),
        Value::Array(items) => {
            let thinking = items.iter().map(|item| parts::thinking_text(&item["thinking"]));
            let texts = items.iter().filter_map(|item| item["text"].as_str());
            (thinking.collect(), texts.collect())
        }
        _ => (String::new(), String::new()),
    }
}

fn tool_calls(message: &Value, id: &str) -> Vec<ToolCall> {
    let wire = message["tool_calls"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    // The deprecated form has the function itself.
    let deprecated = Some(&message["function_call"]).filter(|call| call.is_object());
    let calls = wire.iter().map(|call| (call, &call["function"]));
    calls
        .chain(deprecated.map(|call| (call, call)))
        .enumerate()
        .map(|(at, (call, function))| {
            let name = function["name"].as_str().unwrap_or_default();
            let own = call["id"].as_str().filter(|id| !id.is_empty());
            ToolCall {
                id: own.map_or_else(|| call_id(id, name, at), str::to_owned),
                name: name.to_owned(),
                arguments: arguments(&function["arguments"]),
                signature: parts::thought_signature(&call["extra_content"]),
            }
        })
        .collect()
}

/// An id for a call that has none: of the answer it is in, so that another answer's calls have others.
pub(super) fn call_id(answer: &str, name: &str, at: usize) -> String {
    made_up_id("call_", format!("{answer} {name}").as_bytes(), at)
}

/// The arguments as text; some servers send the object itself.
pub(super) fn arguments(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The body of an answer, for a caller.
pub(super) fn write(answer: &Answer, model: &str) -> Bytes {
    let choices: Vec<Value> = answer
        .choices
        .iter()
        .enumerate()
        .map(|(index, choice)| {
            json!({
                "index": index,
                "message": message(choice),
                "logprobs": choice.logprobs,
                "finish_reason": choice.finish.as_ref().map(finish_word),
            })
        })
        .collect();
    let mut body = json!({
        "id": answer.head.id.as_deref().unwrap_or(NO_ID),
        "object": "chat.completion",
        "created": answer.head.created.unwrap_or(0),
        "model": answer.head.model.as_deref().unwrap_or(model),
        "choices": choices,
    });
    if let Some(usage) = &answer.usage {
        body["usage"] = usage_value(usage);
    }
    Bytes::from(body.to_string())
}

fn message(choice: &Choice) -> Value {
    let (mut text, mut refusal, mut reasoning) = (None::<String>, None::<String>, String::new());
    let (mut annotations, mut calls, mut details) = (Vec::new(), Vec::new(), Vec::new());
    for content in &choice.content {
        match content {
            Content::Text(part) => {
                let text = text.get_or_insert_default();
                let start = text.chars().count();
                text.push_str(&part.text);
                let place = start..text.chars().count();
                annotations.extend(
                    part.citations
                        .iter()
                        .filter_map(|citation| citations::annotation(citation, Some(place.clone()))),
                );
            }
            Content::Refusal(part) => refusal.get_or_insert_default().push_str(part),
            Content::Reasoning(part) => {
                reasoning.push_str(&part.text);
                details.extend(part.signature.as_ref().map(|by| signature_detail(&part.text, by)));
                details.extend(part.encrypted.as_ref().map(encrypted_detail));
            }
            Content::ToolCall(call) => calls.push(tool_call(call)),
            // No model answers with these over any wire we read.
            Content::Image(_) | Content::Audio(_) | Content::Document(_) | Content::ToolResult(_) => {}
        }
    }
    let mut message = Map::new();
    let mut set = |key: &str, value: Value| message.insert(key.to_owned(), value);
    set("role", Value::from("assistant"));
    set("content", Value::from(text));
    if !reasoning.is_empty() {
        set("reasoning_content", Value::from(reasoning));
    }
    if !details.is_empty() {
        set("reasoning_details", Value::from(details));
    }
    set("refusal", Value::from(refusal));
    if !annotations.is_empty() {
        set("annotations", Value::from(annotations));
    }
    if !calls.is_empty() {
        set("tool_calls", Value::from(calls));
    }
    Value::Object(message)
}

/// A signature of reasoning with the text it proves, where callers who send messages back as they came return it
/// to us. The members are those of <https://openrouter.ai/docs/use-cases/reasoning-tokens>; OpenAI has none. All say whose they are: those of servers that
/// speak this wire stand in the same place, and are anybody's.
pub(super) fn signature_detail(text: &str, signature: &Signature) -> Value {
    let mut detail = json!({"type": "reasoning.text", "signature": signature.marked()});
    if !text.is_empty() {
        detail["text"] = Value::from(text);
    }
    detail
}

/// Reasoning that only its issuer can read, in the same place.
pub(super) fn encrypted_detail(encrypted: &Signature) -> Value {
    json!({"type": "reasoning.encrypted", "data": encrypted.marked()})
}

fn tool_call(call: &ToolCall) -> Value {
    // Callers parse the text, and an empty one is not JSON.
    let arguments = match call.arguments.trim() {
        "" => "{}",
        _ => call.arguments.as_str(),
    };
    let mut written = json!({
        "id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments},
    });
    if let Some(signature) = &call.signature {
        written["extra_content"] = parts::extra_content(signature);
    }
    written
}

/// The word of a reason; those of other wires that have no word here stay as they are.
pub(super) fn finish_word(reason: &FinishReason) -> &str {
    match reason {
        FinishReason::Stop => "stop",
        FinishReason::Length => "length",
        FinishReason::ToolCalls => "tool_calls",
        FinishReason::ContentFilter => "content_filter",
        FinishReason::Other(word) => word,
    }
}

pub(super) fn usage_value(usage: &Usage) -> Value {
    let mut value = json!({
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens(),
        "prompt_tokens_details": {"cached_tokens": usage.cached_input_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    });
    if usage.cache_write_tokens > 0 {
        value["prompt_tokens_details"]["cache_write_tokens"] = usage.cache_write_tokens.into();
    }
    value
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
