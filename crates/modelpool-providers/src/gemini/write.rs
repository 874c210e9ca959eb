//! A conversation as the body of a request.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::config::generation_config;
use super::contents::Contents;
use super::generation::Generation;
use super::parts::To;
use super::tools;
use crate::neutral::{Content, Conversation, Role, Untranslatable, Written};
use crate::wire::Target;

/// Hints of this wire's own callers that have a place of their own in the body.
const OWN_HINTS: [&str; 3] = ["safetySettings", "labels", "serviceTier"];

/// The body, and the hints that have no place in it.
pub(super) fn write(
    conversation: &Conversation,
    target: &Target<'_>,
    to: To,
) -> Result<Written, Untranslatable> {
    if let Some(field) = conversation.untranslatable.first() {
        return Err(Untranslatable::new(field, "has no form on Gemini's wire"));
    }
    let generation = Generation::of(target.model);
    let mut dropped = Vec::new();
    let mut body = Map::new();
    let contents = Contents::new(conversation, generation, to, &mut dropped).write()?;
    body.insert("contents".to_owned(), contents.into());
    if let Some(instructions) = instructions(conversation)? {
        body.insert(
            "systemInstruction".to_owned(),
            json!({"parts": [{"text": instructions}]}),
        );
    }
    if let Some(tools) = tools::declarations(&conversation.tools) {
        body.insert("tools".to_owned(), tools);
    }
    if let Some(config) = tools::config(conversation, &mut dropped)? {
        body.insert("toolConfig".to_owned(), config);
    }
    let mut config = generation_config(conversation, generation, &mut dropped)?;
    for (name, value) in &conversation.hints {
        if OWN_HINTS.contains(&name.as_str()) {
            body.insert(name.clone(), value.clone());
        } else if name == "generationConfig.mediaResolution" {
            config.insert("mediaResolution".to_owned(), value.clone());
        } else {
            dropped.push(name.clone());
        }
    }
    if !config.is_empty() {
        body.insert("generationConfig".to_owned(), config.into());
    }
    Ok(Written {
        body: Bytes::from(Value::Object(body).to_string()),
        dropped,
    })
}

/// All instructions, in one.
fn instructions(conversation: &Conversation) -> Result<Option<String>, Untranslatable> {
    for (at, message) in conversation.messages.iter().enumerate() {
        let other = message
            .content
            .iter()
            .position(|part| !matches!(part, Content::Text(_)));
        if let (Role::System, Some(part)) = (message.role, other) {
            let field = format!("messages[{at}].content[{part}]");
            return Err(Untranslatable::new(
                field,
                "is not text, as instructions on Gemini's wire are",
            ));
        }
    }
    Ok(conversation.instructions().filter(|text| !text.is_empty()))
}
