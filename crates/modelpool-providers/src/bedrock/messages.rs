//! The messages of a request.
//!
//! Bedrock wants instructions apart, and turns of user and assistant in strict alternation, the user's first. So
//! messages of one side that follow each other become one turn; results of tools belong to the user's turn, at its
//! beginning, as Claude demands.

use serde_json::{Value, json};

use super::family::Family;
use super::media::{Names, audio, document, image};
use crate::neutral::{
    Content, Conversation, Issuer, Message, ReasoningPart, Role, Signature, ToolCall, ToolResult,
    Untranslatable, made_up_id,
};

/// Longest id of a tool call, and name of a tool.
const MAX_WORD: usize = 64;

/// The conversation in Bedrock's shape.
#[derive(Debug, Default)]
pub(super) struct Messages {
    pub(super) system: Vec<Value>,
    pub(super) turns: Vec<Turn>,
    /// Hints that found no place.
    pub(super) dropped: Vec<String>,
}

/// What one side says.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) is_user: bool,
    pub(super) blocks: Vec<Value>,
    /// The message it begins with.
    at: usize,
}

/// Writes the messages of a conversation.
pub(super) fn write(conversation: &Conversation, family: Family) -> Result<Messages, Untranslatable> {
    let mut writer = Writer {
        family,
        names: Names::default(),
        messages: Messages::default(),
    };
    for (at, message) in conversation.messages.iter().enumerate() {
        writer.message(message, at)?;
    }
    let mut messages = writer.messages;
    for turn in messages.turns.iter_mut().filter(|turn| turn.is_user) {
        // A stable sort: results first, all else in its order.
        turn.blocks.sort_by_key(|block| block.get("toolResult").is_none());
    }
    check_turns(&messages.turns)?;
    Ok(messages)
}

fn check_turns(turns: &[Turn]) -> Result<(), Untranslatable> {
    match turns.first() {
        None => return Err(Untranslatable::new("messages", "say nothing to answer to")),
        Some(turn) if !turn.is_user => {
            let reason = "is the assistant's, and Amazon Bedrock wants the user to begin";
            return Err(Untranslatable::new(format!("messages[{}]", turn.at), reason));
        }
        Some(_) => {}
    }
    let has = |turn: &Turn, kind: &str| turn.blocks.iter().any(|block| block.get(kind).is_some());
    match turns
        .iter()
        .find(|turn| has(turn, "document") && !has(turn, "text"))
    {
        Some(turn) => {
            let reason = "has a document and no text beside it, which Amazon Bedrock refuses";
            Err(Untranslatable::new(
                format!("messages[{}].content", turn.at),
                reason,
            ))
        }
        None => Ok(()),
    }
}

struct Writer {
    family: Family,
    names: Names,
    messages: Messages,
}

impl Writer {
    fn message(&mut self, message: &Message, at: usize) -> Result<(), Untranslatable> {
        if message.name.is_some() {
            self.messages.dropped.push(format!("messages[{at}].name"));
        }
        let is_user = match message.role {
            Role::System => return self.instructions(message, at),
            Role::User | Role::Tool => true,
            Role::Assistant => false,
        };
        for (part, content) in message.content.iter().enumerate() {
            let field = format!("messages[{at}].content[{part}]");
            let block = match is_user {
                true => self.of_user(content, &field)?,
                false => self.of_assistant(content, &field)?,
            };
            if let Some(block) = block {
                self.push(is_user, at, block);
            }
        }
        Ok(())
    }

    fn push(&mut self, is_user: bool, at: usize, block: Value) {
        match self.messages.turns.last_mut() {
            Some(turn) if turn.is_user == is_user => turn.blocks.push(block),
            _ => self.messages.turns.push(Turn {
                is_user,
                blocks: vec![block],
                at,
            }),
        }
    }

    fn instructions(&mut self, message: &Message, at: usize) -> Result<(), Untranslatable> {
        let other = message
            .content
            .iter()
            .position(|part| !matches!(part, Content::Text(_)));
        if let Some(part) = other {
            let field = format!("messages[{at}].content[{part}]");
            return Err(Untranslatable::new(
                field,
                "is no text, and instructions can only be text",
            ));
        }
        self.messages.system.extend(text_block(&message.text()));
        Ok(())
    }

    fn of_user(&mut self, content: &Content, field: &str) -> Result<Option<Value>, Untranslatable> {
        Ok(match content {
            Content::Text(text) => text_block(&text.text),
            Content::Image(media) => {
                if media.detail.as_deref().is_some_and(|detail| detail != "auto") {
                    self.messages.dropped.push(format!("{field}.detail"));
                }
                Some(image(media, field)?)
            }
            Content::Audio(media) => Some(audio(media, field)?),
            Content::Document(media) => Some(document(media, &mut self.names, field)?),
            Content::ToolResult(result) => Some(self.result(result, field)?),
            Content::Reasoning(_) | Content::Refusal(_) | Content::ToolCall(_) => {
                return Err(Untranslatable::new(field, "is what only an assistant says"));
            }
        })
    }

    fn of_assistant(&self, content: &Content, field: &str) -> Result<Option<Value>, Untranslatable> {
        Ok(match content {
            Content::Text(text) => text_block(&text.text),
            Content::Refusal(text) => text_block(text),
            Content::Reasoning(part) => self.reasoning(part),
            Content::ToolCall(call) => Some(call_block(call, field)?),
            Content::Image(_) | Content::Audio(_) | Content::Document(_) | Content::ToolResult(_) => {
                let reason = "is what only a user says on Amazon Bedrock";
                return Err(Untranslatable::new(field, reason));
            }
        })
    }

    /// Claude's alone: other models have no use for what they thought. Its signatures hold wherever it is served, as
    /// <https://platform.claude.com/docs/en/build-with-claude/extended-thinking> says; for encrypted reasoning the
    /// wires differ in how they write its bytes.
    fn reasoning(&self, part: &ReasoningPart) -> Option<Value> {
        if !matches!(self.family, Family::Claude(_)) {
            return None;
        }
        let of_bedrock = |signature: &Signature| signature.for_issuer(Issuer::Bedrock).map(str::to_owned);
        if let Some(encrypted) = part.encrypted.as_ref().and_then(of_bedrock) {
            return Some(json!({"reasoningContent": {"redactedContent": encrypted}}));
        }
        let signature = part.signature.as_ref()?;
        let known = [Issuer::Bedrock, Issuer::Anthropic];
        let value = known
            .into_iter()
            .find_map(|issuer| signature.for_issuer(issuer))?;
        Some(json!({"reasoningContent": {"reasoningText": {"text": part.text, "signature": value}}}))
    }

    /// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolResultBlock.html> (read 2026-11-27).
    fn result(&mut self, result: &ToolResult, field: &str) -> Result<Value, Untranslatable> {
        let mut content = Vec::with_capacity(result.content.len());
        for (part, said) in result.content.iter().enumerate() {
            let field = format!("{field}.content[{part}]");
            match said {
                Content::Text(text) => content.extend(text_block(&text.text)),
                Content::Image(media) => content.push(image(media, &field)?),
                Content::Document(media) => content.push(document(media, &mut self.names, &field)?),
                _ => {
                    let reason =
                        "is no text, picture or document, which are what a tool answers on Amazon Bedrock";
                    return Err(Untranslatable::new(field, reason));
                }
            }
        }
        let mut block = json!({"toolUseId": call_id(&result.call_id), "content": content});
        if result.is_error {
            match self.family {
                Family::Claude(_) | Family::Nova => block["status"] = "error".into(),
                // Others refuse the member; that it failed is left to the text to say.
                Family::Other => self.messages.dropped.push(format!("{field}.is_error")),
            }
        }
        Ok(json!({ "toolResult": block }))
    }
}

/// Blank texts are refused, and say nothing.
fn text_block(text: &str) -> Option<Value> {
    (!text.trim().is_empty()).then(|| json!({ "text": text }))
}

fn call_block(call: &ToolCall, field: &str) -> Result<Value, Untranslatable> {
    let input = call.arguments_value().filter(Value::is_object).ok_or_else(|| {
        let reason = format!("calls `{}` with arguments that are no JSON object", call.name);
        Untranslatable::new(field, reason)
    })?;
    if !is_word(&call.name) {
        return Err(bad_name(field, &call.name));
    }
    Ok(json!({"toolUse": {"toolUseId": call_id(&call.id), "name": call.name, "input": input}}))
}

/// The id as it is, or where Bedrock does not take it one made from it: call and result still belong together.
fn call_id(id: &str) -> String {
    if is_word(id) {
        id.to_owned()
    } else {
        made_up_id("call_", id.as_bytes(), 0)
    }
}

/// Letters, digits, `_` and `-`, at most 64:
/// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolSpecification.html> (read 2026-11-27).
pub(super) fn is_word(text: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    !text.is_empty() && text.len() <= MAX_WORD && text.bytes().all(known)
}

pub(super) fn bad_name(field: &str, name: &str) -> Untranslatable {
    let reason = format!("names a tool `{name}`: Amazon Bedrock takes 1 to 64 letters, digits, `_` and `-`");
    Untranslatable::new(field, reason)
}

#[cfg(test)]
#[path = "messages_tests.rs"]
mod tests;
