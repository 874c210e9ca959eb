//! Writing messages.
//!
//! The wire keeps instructions among the messages, so they stay where they are. Results of tools are messages of
//! their own, which have to follow the message whose calls they answer; an assistant's messages in a row, which
//! other dialects have for each call, become one where calls are among them.

use serde_json::{Map, Value, json};

use super::parts;
use super::wire::ChatWire;
use crate::neutral::{Content, Conversation, Issuer, Message, Role, ToolCall, ToolResult, Untranslatable};

/// The list of messages. What a message loses that only advises goes to `dropped`.
pub(super) fn write(
    wire: &ChatWire,
    conversation: &Conversation,
    dropped: &mut Vec<String>,
) -> Result<Vec<Value>, Untranslatable> {
    let mut written: Vec<Value> = Vec::with_capacity(conversation.messages.len());
    for (at, message) in conversation.messages.iter().enumerate() {
        let path = format!("messages[{at}]");
        for (place, content) in message.content.iter().enumerate() {
            if let Content::ToolResult(result) = content {
                written.push(tool_result(result, &format!("{path}.content[{place}]"))?);
                if result.is_error {
                    drop_name(dropped, "is_error");
                }
            }
        }
        match message.role {
            Role::Tool => {}
            Role::System => written.push(instructions(message, &path)?),
            Role::User => written.extend(user(message, &path)?),
            Role::Assistant => {
                let next = assistant(wire, message, &path)?;
                match written.last_mut().filter(|last| belong_together(last, &next)) {
                    Some(last) => join(last, next),
                    None => written.push(next),
                }
            }
        }
    }
    Ok(written)
}

fn drop_name(dropped: &mut Vec<String>, name: &str) {
    if !dropped.iter().any(|known| known == name) {
        dropped.push(name.to_owned());
    }
}

/// A message with what all have: role and author.
fn head(role: &str, message: &Message) -> Map<String, Value> {
    let mut head = Map::new();
    head.insert("role".to_owned(), Value::from(role));
    if let Some(name) = &message.name {
        head.insert("name".to_owned(), Value::from(name.as_str()));
    }
    head
}

fn instructions(message: &Message, path: &str) -> Result<Value, Untranslatable> {
    // Older servers know no `developer`, and OpenAI reads `system` as that where it has to.
    let mut written = head("system", message);
    let text = only_text(&message.content, path, "\n\n")?;
    written.insert("content".to_owned(), Value::from(text));
    Ok(Value::Object(written))
}

/// Content in which nothing but text may stand, as one string: servers whose templates take no list of
/// parts take that.
fn only_text(content: &[Content], path: &str, between: &str) -> Result<String, Untranslatable> {
    let mut texts = Vec::with_capacity(content.len());
    for (place, part) in content.iter().enumerate() {
        match part {
            Content::Text(text) => texts.push(text.text.as_str()),
            _ => {
                let reason = "is not text, and OpenAI's chat completions take nothing else in such a message";
                return Err(Untranslatable::new(format!("{path}.content[{place}]"), reason));
            }
        }
    }
    Ok(texts.join(between))
}

fn tool_result(result: &ToolResult, path: &str) -> Result<Value, Untranslatable> {
    let content = only_text(&result.content, path, "\n")?;
    Ok(json!({"role": "tool", "tool_call_id": result.call_id, "content": content}))
}

/// `None` where nothing is left once the results of tools are written.
fn user(message: &Message, path: &str) -> Result<Option<Value>, Untranslatable> {
    let is_said = |(_, content): &(usize, &Content)| !matches!(content, Content::ToolResult(_));
    let said: Vec<(usize, &Content)> = message.content.iter().enumerate().filter(is_said).collect();
    let content = match said.as_slice() {
        [] if message.content.is_empty() => Value::from(""),
        [] => return Ok(None),
        // Alone it is written in the form that every server takes.
        [(_, Content::Text(text))] => Value::from(text.text.as_str()),
        parts => parts
            .iter()
            .map(|(place, part)| parts::write(part, &format!("{path}.content[{place}]")))
            .collect::<Result<Value, _>>()?,
    };
    let mut of = head("user", message);
    of.insert("content".to_owned(), content);
    Ok(Some(Value::Object(of)))
}

fn assistant(wire: &ChatWire, message: &Message, path: &str) -> Result<Value, Untranslatable> {
    let (mut text, mut reasoning, mut refusal) = (String::new(), String::new(), String::new());
    let mut calls = Vec::new();
    for (place, content) in message.content.iter().enumerate() {
        match content {
            Content::Text(part) => text.push_str(&part.text),
            // Nobody's signatures are read over this wire.
            Content::Reasoning(part) => reasoning.push_str(&part.text),
            Content::Refusal(part) => refusal.push_str(part),
            Content::ToolCall(call) => calls.push(tool_call(wire, call)),
            Content::ToolResult(_) => {}
            Content::Image(_) | Content::Audio(_) | Content::Document(_) => {
                let reason = "is not text, and OpenAI's chat completions take nothing else from an assistant";
                return Err(Untranslatable::new(format!("{path}.content[{place}]"), reason));
            }
        }
    }
    let mut written = head("assistant", message);
    if let Some(member) = wire.reasoning_member.filter(|_| !reasoning.is_empty()) {
        written.insert(member.to_owned(), Value::from(reasoning));
    }
    // `null` is for messages that say something else.
    let is_silent = text.is_empty() && !(calls.is_empty() && refusal.is_empty());
    let content = if is_silent { Value::Null } else { Value::from(text) };
    written.insert("content".to_owned(), content);
    if !refusal.is_empty() {
        written.insert("refusal".to_owned(), Value::from(refusal));
    }
    if !calls.is_empty() {
        written.insert("tool_calls".to_owned(), Value::Array(calls));
    }
    Ok(Value::Object(written))
}

fn tool_call(wire: &ChatWire, call: &ToolCall) -> Value {
    // Servers parse the text, and an empty one is not JSON.
    let arguments = match call.arguments.trim() {
        "" => "{}",
        _ => call.arguments.as_str(),
    };
    let mut written = json!({
        "id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments},
    });
    let signature = call.signature.as_ref().filter(|_| wire.extra_content);
    if let Some(signature) = signature.filter(|signature| signature.issuer == Issuer::Gemini) {
        written["extra_content"] = parts::extra_content(signature);
    }
    written
}

/// Two messages of the assistant in a row, one of which calls tools: the results come after both.
fn belong_together(last: &Value, next: &Value) -> bool {
    let calls = |message: &Value| !message["tool_calls"].is_null();
    last["role"] == "assistant" && last["name"] == next["name"] && (calls(last) || calls(next))
}

/// Adds what `next` says to `last`.
fn join(last: &mut Value, next: Value) {
    let (Value::Object(last), Value::Object(next)) = (last, next) else {
        return;
    };
    for (key, value) in next {
        match (last.get_mut(&key), value) {
            (Some(Value::String(_)), _) if key == "role" || key == "name" => {}
            (Some(Value::String(before)), Value::String(after)) => before.push_str(&after),
            (Some(Value::Array(before)), Value::Array(after)) => before.extend(after),
            (Some(Value::String(_) | Value::Array(_)), Value::Null) => {}
            (_, value) => {
                last.insert(key, value);
            }
        }
    }
}
