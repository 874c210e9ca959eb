//! Conversations for tests, and what is written of them.

use serde_json::Value;

use super::write::write;
use crate::neutral::{Content, Conversation, Media, Message, Role, Source, Tool, ToolCall, ToolResult};

pub(super) const LLAMA: &str = "meta.llama3-3-70b-instruct-v1:0";
pub(super) const NOVA: &str = "us.amazon.nova-pro-v1:0";
pub(super) const CLAUDE_3: &str = "anthropic.claude-3-haiku-20240307-v1:0";
pub(super) const CLAUDE_4_5: &str = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
pub(super) const CLAUDE_4_6: &str = "us.anthropic.claude-opus-4-6-v1";
pub(super) const CLAUDE_4_7: &str = "anthropic.claude-opus-4-7";

pub(super) fn said(role: Role, text: &str) -> Message {
    Message::new(role, vec![Content::text(text)])
}

pub(super) fn asks(messages: Vec<Message>) -> Conversation {
    Conversation {
        messages,
        ..Conversation::default()
    }
}

pub(super) fn hello() -> Conversation {
    asks(vec![said(Role::User, "hello")])
}

pub(super) fn written(conversation: &Conversation, model: &str) -> (Value, Vec<String>) {
    let written = write(conversation, model).unwrap();
    (serde_json::from_slice(&written.body).unwrap(), written.dropped)
}

pub(super) fn body(conversation: &Conversation, model: &str) -> Value {
    written(conversation, model).0
}

pub(super) fn refused(conversation: &Conversation) -> (String, String) {
    let refused = write(conversation, CLAUDE_3).unwrap_err();
    (refused.field, refused.reason)
}

pub(super) fn call(id: &str, name: &str, arguments: &str) -> Content {
    Content::ToolCall(ToolCall {
        id: id.to_owned(),
        name: name.to_owned(),
        arguments: arguments.to_owned(),
        signature: None,
    })
}

pub(super) fn result(id: &str, content: Vec<Content>, is_error: bool) -> Content {
    Content::ToolResult(ToolResult {
        call_id: id.to_owned(),
        name: None,
        content,
        is_error,
    })
}

pub(super) fn weather() -> Tool {
    Tool {
        name: "weather".to_owned(),
        ..Tool::default()
    }
}

pub(super) fn with_tool(messages: Vec<Message>) -> Conversation {
    Conversation {
        tools: vec![weather()],
        ..asks(messages)
    }
}

pub(super) fn data(media_type: &str) -> Media {
    Media::of(Source::Data {
        media_type: media_type.to_owned(),
        base64: "QQ==".to_owned(),
    })
}
