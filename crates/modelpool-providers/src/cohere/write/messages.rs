//! The messages of a request.

use serde_json::{Value, json};

use crate::neutral::{Content, Conversation, Media, Message, Role, ToolCall, ToolResult, Untranslatable};

/// Steps of looking at a picture that the wire knows.
const DETAILS: [&str; 3] = ["auto", "low", "high"];

pub(super) fn messages(
    conversation: &Conversation,
    dropped: &mut Vec<String>,
) -> Result<Vec<Value>, Untranslatable> {
    let mut written = Vec::with_capacity(conversation.messages.len());
    for (index, message) in conversation.messages.iter().enumerate() {
        let at = format!("messages[{index}]");
        if message.name.is_some() {
            dropped.push(format!("{at}.name"));
        }
        match message.role {
            Role::System => written.push(instructions(message, &at)?),
            Role::User => written.push(user(message, &at, dropped)?),
            Role::Assistant => written.push(assistant(message, &at)?),
            Role::Tool => {
                for (part, content) in message.content.iter().enumerate() {
                    let at = format!("{at}.content[{part}]");
                    let Content::ToolResult(result) = content else {
                        return Err(misplaced(&at, "tool"));
                    };
                    written.push(tool_result(result, &at, dropped)?);
                }
            }
        }
    }
    Ok(written)
}

fn misplaced(at: &str, role: &str) -> Untranslatable {
    Untranslatable::new(
        at,
        format!("is of a kind that Cohere's wire does not take in a message of the role `{role}`"),
    )
}

fn instructions(message: &Message, at: &str) -> Result<Value, Untranslatable> {
    let mut texts = Vec::with_capacity(message.content.len());
    for (part, content) in message.content.iter().enumerate() {
        match content {
            Content::Text(part) => texts.push(part.text.as_str()),
            _ => return Err(misplaced(&format!("{at}.content[{part}]"), "system")),
        }
    }
    Ok(json!({"role": "system", "content": texts.join("\n\n")}))
}

/// A text, or parts where there is a picture.
fn user(message: &Message, at: &str, dropped: &mut Vec<String>) -> Result<Value, Untranslatable> {
    let is_text = |content: &Content| matches!(content, Content::Text(_));
    if message.content.iter().all(is_text) {
        return Ok(json!({"role": "user", "content": message.text()}));
    }
    let mut parts = Vec::with_capacity(message.content.len());
    for (part, content) in message.content.iter().enumerate() {
        let at = format!("{at}.content[{part}]");
        match content {
            Content::Text(text) if text.text.is_empty() => {}
            Content::Text(text) => parts.push(json!({"type": "text", "text": text.text})),
            Content::Image(media) => parts.push(image(media, &at, dropped)?),
            _ => return Err(misplaced(&at, "user")),
        }
    }
    Ok(json!({"role": "user", "content": parts}))
}

/// <https://docs.cohere.com/v2/docs/image-inputs>.
fn image(media: &Media, at: &str, dropped: &mut Vec<String>) -> Result<Value, Untranslatable> {
    let url = media
        .source
        .to_url()
        .ok_or_else(|| Untranslatable::new(at, "is a file that only another vendor has"))?;
    let mut image = json!({"url": url});
    match media.detail.as_deref() {
        Some(detail) if DETAILS.contains(&detail) => image["detail"] = detail.into(),
        Some(_) => dropped.push(format!("{at}.detail")),
        None => {}
    }
    Ok(json!({"type": "image_url", "image_url": image}))
}

/// With calls, Cohere refuses text ("text content is not allowed when tool_calls are provided") and takes a plan:
/// text that stood beside calls is one, and where there was none the reasoning is.
fn assistant(message: &Message, at: &str) -> Result<Value, Untranslatable> {
    let mut text = String::new();
    let mut reasoning = String::new();
    let mut calls = Vec::new();
    for (part, content) in message.content.iter().enumerate() {
        match content {
            Content::Text(part) => text.push_str(&part.text),
            Content::Refusal(said) => text.push_str(said),
            Content::Reasoning(part) => reasoning.push_str(&part.text),
            Content::ToolCall(call) => calls.push(tool_call(call)),
            _ => return Err(misplaced(&format!("{at}.content[{part}]"), "assistant")),
        }
    }
    if calls.is_empty() {
        return Ok(json!({"role": "assistant", "content": text}));
    }
    let mut written = json!({"role": "assistant", "tool_calls": calls});
    let plan = if text.is_empty() { reasoning } else { text };
    if !plan.is_empty() {
        written["tool_plan"] = plan.into();
    }
    Ok(written)
}

fn tool_call(call: &ToolCall) -> Value {
    let arguments = match call.arguments.trim() {
        "" => "{}",
        _ => call.arguments.as_str(),
    };
    json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}})
}

fn tool_result(result: &ToolResult, at: &str, dropped: &mut Vec<String>) -> Result<Value, Untranslatable> {
    let mut text = String::new();
    for content in &result.content {
        match content {
            Content::Text(part) => text.push_str(&part.text),
            _ => {
                return Err(Untranslatable::new(
                    at,
                    "holds more than text, which Cohere's wire does not take from a tool",
                ));
            }
        }
    }
    // The text itself says what went wrong.
    if result.is_error {
        dropped.push(format!("{at}.is_error"));
    }
    Ok(json!({"role": "tool", "tool_call_id": result.call_id, "content": text}))
}
