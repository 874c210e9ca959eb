//! A conversation's messages, as the wire wants them: instructions apart, turns that alternate, results of
//! tools at the beginning of the user's turn that follows the calls.

use serde_json::{Value, json};

use super::base64;
use super::generation::Generation;
use crate::neutral::{
    Content, Conversation, Issuer, Media, Message, ReasoningPart, Role, Source, ToolCall, ToolResult,
    Untranslatable,
};

/// Pictures the wire takes: <https://platform.claude.com/docs/en/build-with-claude/vision>.
const IMAGES: [&str; 4] = ["image/jpeg", "image/png", "image/gif", "image/webp"];

/// Messages, written.
pub(super) struct Turns {
    pub(super) system: Option<String>,
    pub(super) turns: Vec<Value>,
    /// The last is the assistant's: the answer begins with it.
    pub(super) prefill: bool,
}

/// Consecutive messages of one role.
struct Turn {
    role: &'static str,
    /// The wire wants them before everything else of the turn.
    results: Vec<Value>,
    blocks: Vec<Value>,
}

pub(super) fn write(
    conversation: &Conversation,
    generation: Generation,
    dropped: &mut Vec<String>,
) -> Result<Turns, Untranslatable> {
    let mut turns: Vec<Turn> = Vec::new();
    for (at, message) in conversation.messages.iter().enumerate() {
        if message.name.is_some() {
            dropped.push(format!("messages[{at}].name"));
        }
        let role = match message.role {
            Role::System => {
                only_text(at, message)?;
                continue;
            }
            Role::Assistant => "assistant",
            Role::User | Role::Tool => "user",
        };
        let mut turn = match turns.pop() {
            Some(last) if last.role == role => last,
            last => {
                turns.extend(last);
                Turn {
                    role,
                    results: Vec::new(),
                    blocks: Vec::new(),
                }
            }
        };
        add(&mut turn, at, message, dropped)?;
        turns.push(turn);
    }
    let prefill = end_of_prefill(&mut turns);
    turns.retain(|turn| !turn.results.is_empty() || !turn.blocks.is_empty());
    let prefill = prefill && turns.last().is_some_and(|turn| turn.role == "assistant");
    if turns.is_empty() {
        return Err(Untranslatable::new(
            "messages",
            "holds nothing but instructions, and Anthropic's wire wants a message",
        ));
    }
    if prefill && !generation.continues() {
        let last = conversation.messages.len().saturating_sub(1);
        return Err(Untranslatable::new(
            format!("messages[{last}]"),
            "is the assistant's, and Claude goes on with its own last message only up to 4.5",
        ));
    }
    Ok(Turns {
        system: conversation.instructions().filter(|text| !text.trim().is_empty()),
        turns: turns.into_iter().map(Turn::into_value).collect(),
        prefill,
    })
}

impl Turn {
    fn into_value(self) -> Value {
        let mut blocks = self.results;
        blocks.extend(self.blocks);
        let content = match blocks.as_mut_slice() {
            [only] if super::type_of(only) == "text" => only["text"].take(),
            _ => Value::Array(blocks),
        };
        json!({"role": self.role, "content": content})
    }
}

/// Whether the last turn is the assistant's. White space at its end is taken off: the wire refuses it.
fn end_of_prefill(turns: &mut [Turn]) -> bool {
    let Some(turn) = turns.last_mut().filter(|turn| turn.role == "assistant") else {
        return false;
    };
    if let Some(text) = turn.blocks.last_mut().and_then(|block| block.get_mut("text")) {
        let trimmed = text.as_str().unwrap_or_default().trim_end().to_owned();
        *text = trimmed.into();
    }
    true
}

fn only_text(at: usize, message: &Message) -> Result<(), Untranslatable> {
    match message
        .content
        .iter()
        .position(|part| !matches!(part, Content::Text(_)))
    {
        None => Ok(()),
        Some(part) => Err(Untranslatable::new(
            format!("messages[{at}].content[{part}]"),
            "is no text, and instructions in Anthropic's wire are text",
        )),
    }
}

fn add(
    turn: &mut Turn,
    at: usize,
    message: &Message,
    dropped: &mut Vec<String>,
) -> Result<(), Untranslatable> {
    let mut calls = 0;
    for (place, part) in message.content.iter().enumerate() {
        let field = || format!("messages[{at}].content[{place}]");
        match part {
            Content::ToolResult(result) => turn.results.push(tool_result(result, &field(), dropped)?),
            Content::ToolCall(call) => {
                turn.blocks
                    .push(tool_use(call, || format!("messages[{at}].tool_calls[{calls}]"))?);
                calls += 1;
            }
            Content::Reasoning(part) => turn.blocks.extend(thinking(part)),
            other => turn.blocks.extend(block(other, &field(), dropped)?),
        }
    }
    Ok(())
}

/// A text or a medium. The wire refuses texts of nothing but white space, which say nothing.
fn block(part: &Content, field: &str, dropped: &mut Vec<String>) -> Result<Option<Value>, Untranslatable> {
    let text = match part {
        Content::Text(text) => &text.text,
        Content::Refusal(text) => text,
        Content::Image(media) => return image(media, field, dropped).map(Some),
        Content::Document(media) => return document(media, field).map(Some),
        Content::Audio(_) => {
            return Err(Untranslatable::new(
                field,
                "is sound, which Anthropic's wire does not carry",
            ));
        }
        Content::Reasoning(_) | Content::ToolCall(_) | Content::ToolResult(_) => {
            return Err(Untranslatable::new(
                field,
                "stands where Anthropic's wire takes texts and media only",
            ));
        }
    };
    Ok((!text.trim().is_empty()).then(|| json!({"type": "text", "text": text})))
}

fn image(media: &Media, field: &str, dropped: &mut Vec<String>) -> Result<Value, Untranslatable> {
    if media.detail.as_deref().is_some_and(|detail| detail != "auto") {
        dropped.push(format!("{field}.detail"));
    }
    let source = match &media.source {
        Source::Data { media_type, base64 } if IMAGES.contains(&media_type.as_str()) => {
            json!({"type": "base64", "media_type": media_type, "data": base64})
        }
        Source::Data { media_type, .. } => {
            return Err(Untranslatable::new(
                field,
                format!(
                    "is `{media_type}`, and Anthropic's wire takes {}",
                    IMAGES.join(", ")
                ),
            ));
        }
        Source::Url(url) => json!({"type": "url", "url": url}),
        Source::FileId(_) => return Err(stored(field)),
    };
    Ok(json!({"type": "image", "source": source}))
}

/// <https://platform.claude.com/docs/en/build-with-claude/pdf-support>; plain text stands there as it reads.
fn document(media: &Media, field: &str) -> Result<Value, Untranslatable> {
    let source = match &media.source {
        Source::Data { media_type, base64 } if media_type == "application/pdf" => {
            json!({"type": "base64", "media_type": media_type, "data": base64})
        }
        Source::Data { media_type, base64 } if media_type.starts_with("text/") => {
            let text = base64::decode(base64).and_then(|bytes| String::from_utf8(bytes).ok());
            let text = text.ok_or_else(|| Untranslatable::new(field, "is no text in UTF-8 and base64"))?;
            json!({"type": "text", "media_type": "text/plain", "data": text})
        }
        Source::Data { media_type, .. } => {
            return Err(Untranslatable::new(
                field,
                format!("is `{media_type}`, and Anthropic's wire takes application/pdf and text"),
            ));
        }
        Source::Url(url) => json!({"type": "url", "url": url}),
        Source::FileId(_) => return Err(stored(field)),
    };
    let mut value = json!({"type": "document", "source": source});
    if let Some(name) = &media.name {
        value["title"] = name.as_str().into();
    }
    Ok(value)
}

/// Where caller and model both are Anthropic's the bytes pass through, so an id that is met here is not of its store.
fn stored(field: &str) -> Untranslatable {
    Untranslatable::new(field, "is the id of a file that Anthropic does not have")
}

fn tool_use(call: &ToolCall, field: impl Fn() -> String) -> Result<Value, Untranslatable> {
    let input = call.arguments_value().filter(Value::is_object).ok_or_else(|| {
        Untranslatable::new(
            field(),
            "has arguments that are no JSON object, as Anthropic's wire wants them",
        )
    })?;
    Ok(json!({"type": "tool_use", "id": call.id, "name": call.name, "input": input}))
}

fn tool_result(result: &ToolResult, field: &str, dropped: &mut Vec<String>) -> Result<Value, Untranslatable> {
    let mut blocks = Vec::new();
    for (at, part) in result.content.iter().enumerate() {
        blocks.extend(block(part, &format!("{field}.content[{at}]"), dropped)?);
    }
    let mut value = json!({"type": "tool_result", "tool_use_id": result.call_id});
    match blocks.as_mut_slice() {
        [] => {}
        [only] if super::type_of(only) == "text" => value["content"] = only["text"].take(),
        _ => value["content"] = blocks.into(),
    }
    if result.is_error {
        value["is_error"] = true.into();
    }
    Ok(value)
}

/// Reasoning that Anthropic signed. Other reasoning it would refuse.
fn thinking(part: &ReasoningPart) -> Vec<Value> {
    let own = |signature: &Option<crate::neutral::Signature>| {
        let signature = signature.as_ref()?.for_issuer(Issuer::Anthropic)?;
        Some(signature.to_owned())
    };
    let signed = own(&part.signature)
        .map(|signature| json!({"type": "thinking", "thinking": part.text, "signature": signature}));
    let encrypted = own(&part.encrypted).map(|data| json!({"type": "redacted_thinking", "data": data}));
    signed.into_iter().chain(encrypted).collect()
}
