//! Writing messages as items of `input`.

use serde_json::{Map, Value, json};

use super::reasoning;
use crate::neutral::{Content, Media, Message, Role, Source, Text, ToolCall, ToolResult, Untranslatable};

/// The items of all messages. Names that the wire has no place for are hints, and go to `dropped`.
pub(super) fn input(messages: &[Message], dropped: &mut Vec<String>) -> Result<Vec<Value>, Untranslatable> {
    let mut items = Vec::with_capacity(messages.len());
    for (index, message) in messages.iter().enumerate() {
        let at = format!("messages[{index}]");
        if message.name.is_some() {
            dropped.push(format!("{at}.name"));
        }
        match message.role {
            Role::System => items.extend(said("system", &input_parts(&message.content, &at)?)),
            Role::User => items.extend(said("user", &input_parts(&message.content, &at)?)),
            Role::Assistant => add_turn(message, &at, &mut items)?,
            Role::Tool => add_outputs(message, &at, &mut items, dropped)?,
        }
    }
    Ok(items)
}

/// A message; a single text stands as it is. `None` where there is nothing to say.
fn said(role: &str, parts: &[Value]) -> Option<Value> {
    match parts {
        [] => None,
        [only] if only.get("text").is_some() => Some(json!({"role": role, "content": only["text"]})),
        parts => Some(json!({"role": role, "content": parts})),
    }
}

/// The items of a turn of the model, in order: a message for texts that follow each other, and one for each other
/// thing.
fn add_turn(message: &Message, at: &str, items: &mut Vec<Value>) -> Result<(), Untranslatable> {
    let mut parts = Vec::new();
    for (index, content) in message.content.iter().enumerate() {
        let item = match content {
            Content::Text(text) => {
                parts.extend(text_part("output_text", text));
                continue;
            }
            Content::Refusal(refusal) => {
                parts.push(json!({"type": "refusal", "refusal": refusal}));
                continue;
            }
            Content::ToolCall(call) => Some(function_call(call)),
            Content::Reasoning(part) => reasoning::for_wire(part),
            Content::Image(_) | Content::Audio(_) | Content::Document(_) | Content::ToolResult(_) => {
                return Err(Untranslatable::new(
                    format!("{at}.content[{index}]"),
                    "is not text, which is all the model itself can have said in the Responses wire",
                ));
            }
        };
        items.extend(said("assistant", &std::mem::take(&mut parts)));
        items.extend(item);
    }
    items.extend(said("assistant", &parts));
    Ok(())
}

fn function_call(call: &ToolCall) -> Value {
    let arguments = match call.arguments.trim() {
        "" => "{}",
        _ => call.arguments.as_str(),
    };
    json!({"type": "function_call", "call_id": call.id, "name": call.name, "arguments": arguments})
}

fn add_outputs(
    message: &Message,
    at: &str,
    items: &mut Vec<Value>,
    dropped: &mut Vec<String>,
) -> Result<(), Untranslatable> {
    for (index, content) in message.content.iter().enumerate() {
        let at = format!("{at}.content[{index}]");
        let Content::ToolResult(result) = content else {
            return Err(Untranslatable::new(at, "is not the result of a tool"));
        };
        // What the tool said stands in the output all the same.
        if result.is_error {
            dropped.push(format!("{at}.is_error"));
        }
        items.push(output(result, &at)?);
    }
    Ok(())
}

fn output(result: &ToolResult, at: &str) -> Result<Value, Untranslatable> {
    let parts = input_parts(&result.content, at)?;
    let output = match parts.as_slice() {
        [] => Value::from(""),
        [only] if only.get("text").is_some() => only["text"].clone(),
        _ => Value::Array(parts),
    };
    Ok(json!({"type": "function_call_output", "call_id": result.call_id, "output": output}))
}

fn input_parts(contents: &[Content], at: &str) -> Result<Vec<Value>, Untranslatable> {
    let mut parts = Vec::with_capacity(contents.len());
    for (index, content) in contents.iter().enumerate() {
        let refuse = |reason: &str| Untranslatable::new(format!("{at}.content[{index}]"), reason);
        match content {
            Content::Text(text) => parts.extend(text_part("input_text", text)),
            Content::Image(image) => parts.push(image_part(image)),
            Content::Document(document) => parts.push(file_part(document)),
            Content::Audio(_) => return Err(refuse("is a sound, which the Responses wire has no place for")),
            Content::Reasoning(_) | Content::Refusal(_) | Content::ToolCall(_) | Content::ToolResult(_) => {
                return Err(refuse("is not for a message of this role"));
            }
        }
    }
    Ok(parts)
}

/// `None` for an empty text.
fn text_part(kind: &str, text: &Text) -> Option<Value> {
    (!text.text.is_empty()).then(|| json!({"type": kind, "text": text.text}))
}

fn image_part(image: &Media) -> Value {
    let mut part = Map::new();
    part.insert("type".to_owned(), "input_image".into());
    match &image.source {
        Source::FileId(id) => part.insert("file_id".to_owned(), id.as_str().into()),
        source => part.insert("image_url".to_owned(), source.to_url().into()),
    };
    // Typed servers demand it.
    part.insert(
        "detail".to_owned(),
        image.detail.as_deref().unwrap_or("auto").into(),
    );
    Value::Object(part)
}

fn file_part(document: &Media) -> Value {
    let mut part = match &document.source {
        Source::FileId(id) => json!({"type": "input_file", "file_id": id}),
        Source::Url(url) => json!({"type": "input_file", "file_url": url}),
        data @ Source::Data { media_type, .. } => json!({
            "type": "input_file",
            "filename": document.name.as_deref().unwrap_or_else(|| file_name(media_type)),
            "file_data": data.to_url(),
        }),
    };
    if let Some(detail) = &document.detail {
        part["detail"] = detail.as_str().into();
    }
    part
}

/// The name of a document that has none: the wire demands one, and goes by its end.
fn file_name(media_type: &str) -> &'static str {
    match media_type {
        "text/plain" => "document.txt",
        "text/markdown" => "document.md",
        "text/csv" => "document.csv",
        "text/html" => "document.html",
        "application/json" => "document.json",
        _ => "document.pdf",
    }
}
