//! Whole answers, read and written.
//!
//! A block that is not known is passed over: nothing this gateway asks for brings one. An answer without content
//! is none.

use bytes::Bytes;
use modelpool_core::Usage;
use serde_json::{Value, json};

use super::usage::Counts;
use super::{filled, stop_reason, text_of, type_of, usage};
use crate::neutral::{
    Answer, Choice, Content, Head, Issuer, ReasoningPart, Signature, Text, ToolCall, made_up_id,
};
use crate::wire::Broken;

/// Stands before a signature that belongs to a tool call, in the data of the block before the call.
const OF_A_CALL: &str = "call:";

/// Reads an answer.
pub(super) fn read(body: &Bytes) -> Result<Answer, Broken> {
    let body: Value = serde_json::from_slice(body)
        .map_err(|error| Broken::Protocol(format!("the answer is not JSON: {error}")))?;
    if let Some(error) = body.get("error").filter(|error| !error.is_null()) {
        return Err(Broken::Refusal(error.clone()));
    }
    if type_of(&body) == "error" {
        return Err(Broken::Refusal(body));
    }
    let Some(blocks) = body.get("content").and_then(Value::as_array) else {
        return Err(Broken::Protocol("the answer has no list `content`".to_owned()));
    };
    let mut content = Vec::new();
    for (at, block) in blocks.iter().enumerate() {
        content.extend(block_content(at, block)?);
    }
    let mut counts = Counts::default();
    counts.take(body.get("usage"));
    Ok(Answer {
        head: head(&body),
        choices: vec![Choice {
            content,
            finish: filled(&body, "stop_reason").map(stop_reason::read),
            stop_sequence: text_of(&body, "stop_sequence").map(str::to_owned),
            logprobs: None,
        }],
        usage: counts.usage(),
    })
}

/// What a message says of itself.
pub(super) fn head(message: &Value) -> Head {
    Head {
        id: filled(message, "id").map(str::to_owned),
        model: filled(message, "model").map(str::to_owned),
        created: None,
    }
}

fn block_content(at: usize, block: &Value) -> Result<Option<Content>, Broken> {
    let signature = |key| filled(block, key).map(|own| Signature::new(Issuer::Anthropic, own));
    Ok(Some(match type_of(block) {
        "text" => {
            let citations = block.get("citations").and_then(Value::as_array);
            let text = Text {
                text: text_of(block, "text").unwrap_or_default().to_owned(),
                citations: citations.cloned().unwrap_or_default(),
            };
            return Ok((!text.text.is_empty()).then_some(Content::Text(text)));
        }
        "thinking" => Content::Reasoning(ReasoningPart {
            text: text_of(block, "thinking").unwrap_or_default().to_owned(),
            signature: signature("signature"),
            encrypted: None,
        }),
        "redacted_thinking" => Content::Reasoning(ReasoningPart {
            encrypted: signature("data"),
            ..ReasoningPart::default()
        }),
        "tool_use" => Content::ToolCall(tool_call(at, block)?),
        _ => return Ok(None),
    }))
}

fn tool_call(at: usize, block: &Value) -> Result<ToolCall, Broken> {
    let name = filled(block, "name")
        .ok_or_else(|| Broken::Protocol(format!("the tool call in `content[{at}]` has no name")))?;
    let input = block.get("input").filter(|input| !input.is_null());
    let arguments = input.map(Value::to_string).unwrap_or_default();
    let id =
        filled(block, "id").map_or_else(|| made_up_id("toolu_", arguments.as_bytes(), at), str::to_owned);
    Ok(ToolCall {
        id,
        name: name.to_owned(),
        arguments,
        signature: None,
    })
}

/// Writes the first of the answers; this dialect asks for no more.
pub(super) fn write(answer: &Answer, model: &str) -> Bytes {
    let choice = answer.choices.first();
    let content: Vec<Value> = choice
        .into_iter()
        .flat_map(|choice| &choice.content)
        .flat_map(blocks)
        .collect();
    let mut message = message(&answer.head, model, &answer.usage.unwrap_or_default());
    message["content"] = content.into();
    if let Some(choice) = choice {
        let stopped_at = choice.stop_sequence.as_deref();
        let word = choice
            .finish
            .as_ref()
            .map(|reason| stop_reason::word(reason, stopped_at));
        message["stop_reason"] = word.into();
        message["stop_sequence"] = stopped_at.into();
    }
    Bytes::from(message.to_string())
}

/// A message in which nothing has been said yet.
pub(super) fn message(head: &Head, model: &str, used: &Usage) -> Value {
    let model = head.model.as_deref().unwrap_or(model);
    let created = head.created.unwrap_or_default();
    let id = head.id.clone();
    let id = id.unwrap_or_else(|| made_up_id("msg_", format!("{created}{model}").as_bytes(), 0));
    json!({
        "id": id, "type": "message", "role": "assistant", "model": model, "content": [],
        "stop_reason": null, "stop_sequence": null, "usage": usage::value(used),
    })
}

fn blocks(part: &Content) -> Vec<Value> {
    match part {
        Content::Text(text) => text_block(text).into_iter().collect(),
        Content::Refusal(text) if !text.is_empty() => vec![json!({"type": "text", "text": text})],
        Content::Reasoning(part) => reasoning_blocks(part),
        Content::ToolCall(call) => {
            let signature = call.signature.as_ref().map(call_signature);
            let block = tool_use(&call.id, &call.name, input(call));
            signature.into_iter().chain([block]).collect()
        }
        // No answer holds these.
        Content::Refusal(_)
        | Content::Image(_)
        | Content::Audio(_)
        | Content::Document(_)
        | Content::ToolResult(_) => Vec::new(),
    }
}

fn text_block(text: &Text) -> Option<Value> {
    if text.text.is_empty() {
        return None;
    }
    let mut block = json!({"type": "text", "text": text.text});
    let citations: Vec<&Value> = text.citations.iter().filter(|own| is_own_citation(own)).collect();
    if !citations.is_empty() {
        block["citations"] = json!(citations);
    }
    Some(block)
}

/// Citations of Anthropic's shape name a kind of place; others lack what its clients read.
pub(super) fn is_own_citation(citation: &Value) -> bool {
    type_of(citation).ends_with("_location")
}

fn reasoning_blocks(part: &ReasoningPart) -> Vec<Value> {
    let signature = part
        .signature
        .as_ref()
        .map(|own| own.written_for(Issuer::Anthropic));
    let shown = (!part.text.is_empty() || signature.is_some()).then(
        || json!({"type": "thinking", "thinking": part.text, "signature": signature.unwrap_or_default()}),
    );
    let encrypted = part.encrypted.as_ref().map(redacted);
    shown.into_iter().chain(encrypted).collect()
}

/// Reasoning that nobody but its issuer reads.
pub(super) fn redacted(signature: &Signature) -> Value {
    json!({"type": "redacted_thinking", "data": signature.written_for(Issuer::Anthropic)})
}

/// The signature of a tool call has no place in a call here. It travels in a block of its own before
/// the call, which callers must send back as they got it.
pub(super) fn call_signature(signature: &Signature) -> Value {
    redacted(&Signature::new(
        signature.issuer,
        format!("{OF_A_CALL}{}", signature.value),
    ))
}

/// The other way round: the signature of the call that follows.
pub(super) fn signature_of_next_call(signature: &Signature) -> Option<Signature> {
    let value = signature.value.strip_prefix(OF_A_CALL)?;
    (signature.issuer != Issuer::Anthropic).then(|| Signature::new(signature.issuer, value))
}

/// A tool call.
pub(super) fn tool_use(id: &str, name: &str, input: Value) -> Value {
    json!({"type": "tool_use", "id": id, "name": name, "input": input})
}

/// Arguments that are not JSON are shown as the text they are, rather than as a call without any.
fn input(call: &ToolCall) -> Value {
    call.arguments_value()
        .unwrap_or_else(|| call.arguments.as_str().into())
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
