//! Reading the messages of a caller's request.
//!
//! Each message of the body becomes one of the conversation, so that places keep their numbers. A part that has
//! no neutral form (a video, a tool call without a schema, an audio answer of an earlier turn) is named and
//! left to be refused; it is never passed over in silence.

use serde_json::Value;

use super::members::Members;
use super::parts;
use super::read::BodyError;
use crate::neutral::{Content, Message, ReasoningPart, Role, Signature, ToolCall, ToolResult, made_up_id};

/// The messages; the paths of what has no neutral form go to `untranslatable`.
pub(super) fn read(body: &Members<'_>, untranslatable: &mut Vec<String>) -> Result<Vec<Message>, BodyError> {
    let mut messages: Vec<Message> = Vec::new();
    for (at, item) in body.objects("messages")?.iter().enumerate() {
        let (role, content) = match item.required_text("role")? {
            "system" | "developer" => (Role::System, parts::read(item, "content", untranslatable)?),
            "user" => (Role::User, parts::read(item, "content", untranslatable)?),
            "assistant" => (Role::Assistant, assistant(item, at, untranslatable)?),
            "tool" => (Role::Tool, vec![tool_result(item, untranslatable)?]),
            "function" => (
                Role::Tool,
                vec![function_result(item, &messages, untranslatable)?],
            ),
            other => {
                let expected = "system, developer, user, assistant or tool";
                return Err(item.fault("role", &Value::from(other), expected));
            }
        };
        // The name of a tool's message is the tool's, and stands in its result.
        let name = item.text("name")?.filter(|_| role != Role::Tool);
        messages.push(Message {
            role,
            name: name.map(str::to_owned),
            content,
        });
    }
    Ok(messages)
}

/// Reasoning, text, refusal and calls, in the order in which a model says them.
fn assistant(
    item: &Members<'_>,
    at: usize,
    untranslatable: &mut Vec<String>,
) -> Result<Vec<Content>, BodyError> {
    let mut content = reasoning(item)?;
    content.extend(parts::read(item, "content", untranslatable)?);
    let refusal = item.text("refusal")?.filter(|text| !text.is_empty());
    content.extend(refusal.map(|text| Content::Refusal(text.to_owned())));
    for call in item.objects("tool_calls")? {
        match call.text("type")? {
            None | Some("function") => content.push(Content::ToolCall(tool_call(&call)?)),
            Some(_) => untranslatable.push(call.own_path().to_owned()),
        }
    }
    if let Some(call) = item.object("function_call")? {
        let name = call.required_text("name")?;
        content.push(Content::ToolCall(ToolCall {
            id: made_up_id("call_", name.as_bytes(), at),
            name: name.to_owned(),
            arguments: arguments(&call),
            signature: None,
        }));
    }
    if item.get("audio").is_some() {
        untranslatable.push(item.path("audio"));
    }
    Ok(content)
}

/// The reasoning of an earlier turn. Its text stands in `reasoning_content` or `reasoning`; what proves it, with
/// the text it proves, in `reasoning_details` as we write them in answers.
fn reasoning(item: &Members<'_>) -> Result<Vec<Content>, BodyError> {
    let mut parts = Vec::new();
    for detail in item.objects("reasoning_details")? {
        let text = |key: &str| detail.get(key).and_then(Value::as_str);
        let signature = |key: &str| text(key).and_then(Signature::from_marked);
        let part = ReasoningPart {
            text: text("text").unwrap_or_default().to_owned(),
            signature: signature("signature"),
            encrypted: signature("data"),
        };
        if part != ReasoningPart::default() {
            parts.push(part);
        }
    }
    let beside = match item.text("reasoning_content")? {
        Some(text) => text,
        // An object here is another server's; it is no text of the turn.
        None => item.get("reasoning").and_then(Value::as_str).unwrap_or_default(),
    };
    // Where the details have the text, this is the same once more.
    if !beside.is_empty() && parts.iter().all(|part| part.text.is_empty()) {
        match parts.iter_mut().find(|part| part.signature.is_some()) {
            Some(part) => part.text.push_str(beside),
            None => parts.insert(
                0,
                ReasoningPart {
                    text: beside.to_owned(),
                    ..ReasoningPart::default()
                },
            ),
        }
    }
    Ok(parts.into_iter().map(Content::Reasoning).collect())
}

fn tool_call(call: &Members<'_>) -> Result<ToolCall, BodyError> {
    let function = call.required_object("function")?;
    Ok(ToolCall {
        id: call.required_text("id")?.to_owned(),
        name: function.required_text("name")?.to_owned(),
        arguments: arguments(&function),
        signature: call.get("extra_content").and_then(parts::thought_signature),
    })
}

/// The arguments as text. Some callers send the object itself.
fn arguments(function: &Members<'_>) -> String {
    match function.get("arguments") {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

fn tool_result(item: &Members<'_>, untranslatable: &mut Vec<String>) -> Result<Content, BodyError> {
    Ok(Content::ToolResult(ToolResult {
        call_id: item.required_text("tool_call_id")?.to_owned(),
        name: item.text("name")?.map(str::to_owned),
        content: parts::read(item, "content", untranslatable)?,
        is_error: false,
    }))
}

/// The deprecated form, which names the function: it answers the last call of it.
fn function_result(
    item: &Members<'_>,
    before: &[Message],
    untranslatable: &mut Vec<String>,
) -> Result<Content, BodyError> {
    let name = item.required_text("name")?;
    let contents = before.iter().rev().flat_map(|message| &message.content);
    let call = contents
        .filter_map(|content| match content {
            Content::ToolCall(call) if call.name == name => Some(call.id.clone()),
            _ => None,
        })
        .next();
    let Some(call_id) = call else {
        let expected = "the name of a function that an assistant's message before it calls";
        return Err(item.fault("name", &Value::from(name), expected));
    };
    Ok(Content::ToolResult(ToolResult {
        call_id,
        name: Some(name.to_owned()),
        content: parts::read(item, "content", untranslatable)?,
        is_error: false,
    }))
}

#[cfg(test)]
#[path = "messages_tests.rs"]
mod tests;
