//! Reading `input`: a text, or items.
//!
//! The items of one turn become one message: reasoning, messages and calls of the assistant that follow each
//! other, and outputs of functions that do. Other wires have no other way to say that several tools were
//! called at once.

use serde_json::Value;

use super::reasoning::{self, Said};
use super::value::{member, missing, text, wrong};
use crate::neutral::{Content, Conversation, Media, Message, Role, Signature, Source, ToolCall, ToolResult};
use crate::openai_chat::read::BodyError;

pub(super) const EXPECTED: &str = "a text, or a list of at least one item";

/// Reads the input behind what the conversation has already.
pub(super) fn read(input: &Value, conversation: &mut Conversation) -> Result<(), BodyError> {
    match input {
        Value::String(text) => {
            let message = Message::new(Role::User, vec![Content::text(text.as_str())]);
            conversation.messages.push(message);
            Ok(())
        }
        Value::Array(items) if !items.is_empty() => {
            let mut signatures = Vec::new();
            for (index, item) in items.iter().enumerate() {
                read_item(item, &format!("input[{index}]"), conversation, &mut signatures)?;
            }
            give_signatures(conversation, signatures);
            Ok(())
        }
        Value::Array(_) => Err(BodyError {
            param: Some("input".to_owned()),
            message: format!("`input` is empty; expected {EXPECTED}"),
        }),
        other => Err(wrong("input", other, EXPECTED)),
    }
}

/// Signatures of calls, each with the id of its call.
type Signatures = Vec<(String, Signature)>;

fn read_item(
    item: &Value,
    at: &str,
    conversation: &mut Conversation,
    signatures: &mut Signatures,
) -> Result<(), BodyError> {
    if !item.is_object() {
        return Err(wrong(
            at,
            item,
            "an item, such as a message with `role` and `content`",
        ));
    }
    let untranslatable = &mut conversation.untranslatable;
    match text(item, "type") {
        Some("function_call") => {
            let call = Content::ToolCall(call(item, at)?);
            add(conversation, Role::Assistant, vec![call]);
        }
        Some("function_call_output") => {
            let result = Content::ToolResult(result(item, at, untranslatable)?);
            add(conversation, Role::Tool, vec![result]);
        }
        Some("reasoning") => match reasoning::read(item) {
            Said::Reasoning(part) => add(conversation, Role::Assistant, vec![Content::Reasoning(part)]),
            Said::OfCall { call_id, signature } => signatures.push((call_id, signature)),
            Said::Nothing => {}
        },
        Some("message") => read_message(item, at, conversation)?,
        None if member(item, "role").is_some() => read_message(item, at, conversation)?,
        // A reference to an item need not say that it is one.
        None if text(item, "id").is_none() => {
            return Err(missing(
                &format!("{at}.type"),
                "the type of the item, or a message with `role`",
            ));
        }
        // What a tool of the vendor left, or what only OpenAI has.
        Some(_) | None => untranslatable.push(at.to_owned()),
    }
    Ok(())
}

/// Adds to the last message if it is of the same turn.
fn add(conversation: &mut Conversation, role: Role, content: Vec<Content>) {
    match conversation.messages.last_mut() {
        Some(last) if last.role == role => last.content.extend(content),
        _ => conversation.messages.push(Message::new(role, content)),
    }
}

/// Signatures travel in items of their own, see [`reasoning`].
fn give_signatures(conversation: &mut Conversation, signatures: Signatures) {
    for (call_id, signature) in signatures {
        let contents = conversation
            .messages
            .iter_mut()
            .flat_map(|message| &mut message.content);
        let call = contents
            .filter_map(|content| match content {
                Content::ToolCall(call) if call.id == call_id => Some(call),
                _ => None,
            })
            .next();
        if let Some(call) = call {
            call.signature = Some(signature);
        }
    }
}

fn read_message(item: &Value, at: &str, conversation: &mut Conversation) -> Result<(), BodyError> {
    const ROLES: &str = "`user`, `assistant`, `system` or `developer`";
    let param = format!("{at}.role");
    let given = member(item, "role").ok_or_else(|| missing(&param, ROLES))?;
    let role = match given.as_str() {
        Some("user") => Role::User,
        Some("assistant") => Role::Assistant,
        Some("system" | "developer") => Role::System,
        _ => return Err(wrong(&param, given, ROLES)),
    };
    let param = format!("{at}.content");
    let given = member(item, "content").ok_or_else(|| missing(&param, CONTENT))?;
    let content = contents(given, &param, &mut conversation.untranslatable)?;
    if role == Role::Assistant {
        add(conversation, role, content);
    } else {
        conversation.messages.push(Message::new(role, content));
    }
    Ok(())
}

fn call(item: &Value, at: &str) -> Result<ToolCall, BodyError> {
    let arguments = match item.get("arguments") {
        Some(Value::String(arguments)) => arguments.clone(),
        None | Some(Value::Null) => String::new(),
        Some(other) => return Err(wrong(&format!("{at}.arguments"), other, "JSON as a text")),
    };
    Ok(ToolCall {
        id: required(item, at, "call_id")?,
        name: required(item, at, "name")?,
        arguments,
        signature: None,
    })
}

fn result(item: &Value, at: &str, untranslatable: &mut Vec<String>) -> Result<ToolResult, BodyError> {
    let param = format!("{at}.output");
    let output = member(item, "output").ok_or_else(|| missing(&param, CONTENT))?;
    Ok(ToolResult {
        call_id: required(item, at, "call_id")?,
        name: None,
        content: contents(output, &param, untranslatable)?,
        is_error: false,
    })
}

fn required(item: &Value, at: &str, key: &str) -> Result<String, BodyError> {
    let param = format!("{at}.{key}");
    match member(item, key) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(other) => Err(wrong(&param, other, "a text")),
        None => Err(missing(&param, "a text")),
    }
}

const CONTENT: &str = "a text, or a list of parts";

/// The content of a message, or the output of a function.
fn contents(value: &Value, at: &str, untranslatable: &mut Vec<String>) -> Result<Vec<Content>, BodyError> {
    let parts = match value {
        Value::String(text) => return Ok(vec![Content::text(text.as_str())]),
        Value::Array(parts) => parts,
        other => return Err(wrong(at, other, CONTENT)),
    };
    let mut contents = Vec::with_capacity(parts.len());
    for (index, part) in parts.iter().enumerate() {
        let at = format!("{at}[{index}]");
        match part_content(part, &at)? {
            Some(content) => contents.push(content),
            None => untranslatable.push(at),
        }
    }
    Ok(contents)
}

/// `None` for a part of another type.
fn part_content(part: &Value, at: &str) -> Result<Option<Content>, BodyError> {
    const TYPES: &str = "a part with a `type`, such as `input_text`";
    let Some(kind) = text(part, "type") else {
        return Err(wrong(at, part, TYPES));
    };
    Ok(Some(match kind {
        "input_text" | "output_text" | "text" => Content::text(required(part, at, "text")?),
        "refusal" => Content::Refusal(required(part, at, "refusal")?),
        "input_image" => Content::Image(Media {
            source: image_source(part, at)?,
            detail: text(part, "detail").map(str::to_owned),
            name: None,
        }),
        "input_file" => Content::Document(Media {
            source: file_source(part, at)?,
            detail: text(part, "detail").map(str::to_owned),
            name: text(part, "filename").map(str::to_owned),
        }),
        "input_audio" => Content::Audio(Media::of(audio_source(part, at)?)),
        _ => return Ok(None),
    }))
}

fn image_source(part: &Value, at: &str) -> Result<Source, BodyError> {
    match (text(part, "image_url"), text(part, "file_id")) {
        (Some(url), _) => Ok(Source::from_url(url)),
        (None, Some(id)) => Ok(Source::FileId(id.to_owned())),
        (None, None) => Err(missing(
            &format!("{at}.image_url"),
            "an address as a text, or `file_id`",
        )),
    }
}

fn file_source(part: &Value, at: &str) -> Result<Source, BodyError> {
    if let Some(data) = text(part, "file_data") {
        return Ok(match Source::from_url(data) {
            // Without `data:` it is the base64 alone.
            Source::Url(base64) => Source::Data {
                media_type: media_type_of(text(part, "filename")).to_owned(),
                base64,
            },
            source => source,
        });
    }
    match (text(part, "file_url"), text(part, "file_id")) {
        (Some(url), _) => Ok(Source::from_url(url)),
        (None, Some(id)) => Ok(Source::FileId(id.to_owned())),
        (None, None) => Err(missing(
            &format!("{at}.file_data"),
            "a text, or `file_url`, or `file_id`",
        )),
    }
}

/// By the end of the name; PDF, the first kind of files there was, where it does not tell.
fn media_type_of(name: Option<&str>) -> &'static str {
    match name.and_then(|name| name.rsplit_once('.')).map(|(_, end)| end) {
        Some("txt") => "text/plain",
        Some("md") => "text/markdown",
        Some("csv") => "text/csv",
        Some("html") => "text/html",
        Some("json") => "application/json",
        _ => "application/pdf",
    }
}

fn audio_source(part: &Value, at: &str) -> Result<Source, BodyError> {
    let at = format!("{at}.input_audio");
    let audio =
        member(part, "input_audio").ok_or_else(|| missing(&at, "an object with `data` and `format`"))?;
    let format = required(audio, &at, "format")?;
    Ok(Source::Data {
        media_type: match format.as_str() {
            "mp3" => "audio/mpeg".to_owned(),
            other => format!("audio/{other}"),
        },
        base64: required(audio, &at, "data")?,
    })
}
