//! The content of a caller's messages, read block by block.

use serde_json::Value;

use super::conversation::wrong;
use super::{answer, base64, filled, text_of, type_of};
use crate::neutral::{
    Content, Conversation, Issuer, Media, ReasoningPart, Signature, Source, ToolCall, ToolResult,
};
use crate::openai_chat::read::BodyError;

/// A string, or a list of blocks. What is found on the way and belongs to the whole request goes to `read`.
pub(super) fn contents(
    param: &str,
    content: &Value,
    read: &mut Conversation,
) -> Result<Vec<Content>, BodyError> {
    match content {
        Value::String(text) => Ok(vec![Content::text(text.as_str())]),
        Value::Array(blocks) => {
            let mut parts = Vec::with_capacity(blocks.len());
            let mut of_next_call = None;
            for (at, value) in blocks.iter().enumerate() {
                block(
                    &format!("{param}[{at}]"),
                    value,
                    &mut of_next_call,
                    &mut parts,
                    read,
                )?;
            }
            Ok(parts)
        }
        _ => Err(wrong(
            param,
            format!("`{param}` is not a string or a list of blocks"),
        )),
    }
}

/// Something that changes no meaning, at its place or, for caching, once for all places.
pub(super) fn hint(param: &str, key: &str, value: &Value, read: &mut Conversation) {
    let name = if key == "cache_control" {
        key.to_owned()
    } else {
        format!("{param}.{key}")
    };
    read.hints.entry(name).or_insert_with(|| value.clone());
}

fn block(
    param: &str,
    value: &Value,
    of_next_call: &mut Option<Signature>,
    parts: &mut Vec<Content>,
    read: &mut Conversation,
) -> Result<(), BodyError> {
    if let Some(control) = value.get("cache_control").filter(|control| !control.is_null()) {
        hint(param, "cache_control", control, read);
    }
    match type_of(value) {
        "text" => parts.push(Content::text(required(param, "text", text_of(value, "text"))?)),
        "image" => parts.push(Content::Image(Media::of(source(param, value)?))),
        "document" => document(param, value, parts, read)?,
        "thinking" => parts.push(thinking(value)),
        "redacted_thinking" => {
            let data = required(param, "data", text_of(value, "data"))?;
            let signature = Signature::read_from(Issuer::Anthropic, data);
            match answer::signature_of_next_call(&signature) {
                Some(of_call) => *of_next_call = Some(of_call),
                None => parts.push(Content::Reasoning(ReasoningPart {
                    encrypted: Some(signature),
                    ..ReasoningPart::default()
                })),
            }
        }
        "tool_use" => parts.push(Content::ToolCall(tool_use(param, value, of_next_call.take())?)),
        "tool_result" => parts.push(Content::ToolResult(tool_result(param, value, read)?)),
        "" => {
            return Err(wrong(
                &format!("{param}.type"),
                format!("`{param}.type` is missing or not a string"),
            ));
        }
        // What Anthropic's own tools leave behind, and what is to come.
        _ => read.untranslatable.push(param.to_owned()),
    }
    Ok(())
}

fn required<'a>(param: &str, key: &str, text: Option<&'a str>) -> Result<&'a str, BodyError> {
    let name = format!("{param}.{key}");
    text.ok_or_else(|| wrong(&name, format!("`{name}` is missing or not a string")))
}

fn thinking(value: &Value) -> Content {
    // Reasoning of models that do not sign went out with an empty signature.
    let signature = filled(value, "signature").map(|own| Signature::read_from(Issuer::Anthropic, own));
    Content::Reasoning(ReasoningPart {
        text: text_of(value, "thinking").unwrap_or_default().to_owned(),
        signature,
        encrypted: None,
    })
}

fn tool_use(param: &str, value: &Value, signature: Option<Signature>) -> Result<ToolCall, BodyError> {
    let input = value.get("input").filter(|input| !input.is_null());
    if input.is_some_and(|input| !input.is_object()) {
        let name = format!("{param}.input");
        return Err(wrong(&name, format!("`{name}` is not an object")));
    }
    Ok(ToolCall {
        id: required(param, "id", filled(value, "id"))?.to_owned(),
        name: required(param, "name", filled(value, "name"))?.to_owned(),
        arguments: input.map_or_else(|| "{}".to_owned(), Value::to_string),
        signature,
    })
}

fn tool_result(param: &str, value: &Value, read: &mut Conversation) -> Result<ToolResult, BodyError> {
    let content = match value.get("content").filter(|content| !content.is_null()) {
        Some(content) => contents(&format!("{param}.content"), content, read)?,
        None => Vec::new(),
    };
    let media = |part: &Content| matches!(part, Content::Text(_) | Content::Image(_) | Content::Document(_));
    if let Some(at) = content.iter().position(|part| !media(part)) {
        let name = format!("{param}.content[{at}]");
        return Err(wrong(
            &name,
            format!("`{name}` is not a text, an image or a document"),
        ));
    }
    Ok(ToolResult {
        call_id: required(param, "tool_use_id", filled(value, "tool_use_id"))?.to_owned(),
        name: None,
        content,
        is_error: value.get("is_error").and_then(Value::as_bool).unwrap_or_default(),
    })
}

/// What is said about a document stands before it, as text.
fn document(
    param: &str,
    value: &Value,
    parts: &mut Vec<Content>,
    read: &mut Conversation,
) -> Result<(), BodyError> {
    let citations = value
        .get("citations")
        .and_then(|citations| citations.get("enabled"));
    if citations.and_then(Value::as_bool) == Some(true) {
        read.untranslatable.push(format!("{param}.citations"));
    }
    parts.extend(filled(value, "context").map(Content::text));
    // Blocks that are a document together.
    let inner = value.get("source").filter(|source| type_of(source) == "content");
    if let Some(inner) = inner.and_then(|source| source.get("content")) {
        parts.extend(contents(&format!("{param}.source.content"), inner, read)?);
        return Ok(());
    }
    parts.push(Content::Document(Media {
        source: source(param, value)?,
        detail: None,
        name: filled(value, "title").map(str::to_owned),
    }));
    Ok(())
}

fn source(param: &str, value: &Value) -> Result<Source, BodyError> {
    let param = format!("{param}.source");
    let source = value.get("source").unwrap_or(&Value::Null);
    let member = |key: &str| required(&param, key, filled(source, key)).map(str::to_owned);
    match type_of(source) {
        "base64" => Ok(Source::Data {
            media_type: member("media_type")?,
            base64: member("data")?,
        }),
        "text" => Ok(Source::Data {
            media_type: "text/plain".to_owned(),
            base64: base64::encode(required(&param, "data", text_of(source, "data"))?.as_bytes()),
        }),
        "url" => Ok(Source::Url(member("url")?)),
        "file" => Ok(Source::FileId(member("file_id")?)),
        _ => {
            let name = format!("{param}.type");
            Err(wrong(
                &name,
                format!("`{name}` is not `base64`, `text`, `url` or `file`"),
            ))
        }
    }
}
