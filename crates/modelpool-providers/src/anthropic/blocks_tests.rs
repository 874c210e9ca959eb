//! Messages of a body and their blocks.

use serde_json::json;

use super::conversation_tests::with;
use crate::neutral::{Content, Issuer, Message, Role, Signature, Source};

#[test]
fn instructions_stand_first() {
    for (system, texts) in [
        (json!("a"), vec!["a"]),
        (
            json!([{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}, {"type": "text", "text": "b"}]),
            vec!["a", "b"],
        ),
        (json!([]), vec![]),
    ] {
        let read = with(json!({"system": system}));
        let system: Vec<&Message> = read
            .messages
            .iter()
            .filter(|own| own.role == Role::System)
            .collect();
        assert_eq!(system.len(), usize::from(!texts.is_empty()), "one message");
        let expected: Vec<Content> = texts.into_iter().map(Content::text).collect();
        let said: Vec<Content> = system.into_iter().flat_map(|own| own.content.clone()).collect();
        assert_eq!(said, expected);
        assert_eq!(read.messages.last().unwrap().role, Role::User);
    }
}

#[test]
fn a_turn_with_tools() {
    let read = with(json!({"messages": [
        {"role": "user", "content": [{"type": "text", "text": "a"}]},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "hm", "signature": "EqQB"},
            {"type": "thinking", "thinking": "unsigned", "signature": ""},
            {"type": "redacted_thinking", "data": "modelpool:openai:enc"},
            {"type": "redacted_thinking", "data": "modelpool:gemini:call:s"},
            {"type": "tool_use", "id": "1", "name": "f", "input": {"x": 1}},
        ]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "1", "is_error": true, "content": [
                {"type": "text", "text": "r"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}},
            ]},
            {"type": "text", "text": "go on", "cache_control": {"type": "ephemeral"}},
        ]},
    ]}));
    let roles: Vec<Role> = read.messages.iter().map(|own| own.role).collect();
    assert_eq!(roles, [Role::User, Role::Assistant, Role::Tool, Role::User]);
    let [
        Content::Reasoning(signed),
        Content::Reasoning(unsigned),
        Content::Reasoning(encrypted),
        Content::ToolCall(call),
    ] = read.messages[1].content.as_slice()
    else {
        panic!("{:?}", read.messages[1]);
    };
    assert_eq!(signed.signature, Some(Signature::new(Issuer::Anthropic, "EqQB")));
    assert_eq!((&unsigned.signature, unsigned.text.as_str()), (&None, "unsigned"));
    assert_eq!(encrypted.encrypted, Some(Signature::new(Issuer::OpenAi, "enc")));
    assert_eq!(call.signature, Some(Signature::new(Issuer::Gemini, "s")));
    assert_eq!(call.arguments, r#"{"x":1}"#);
    let Content::ToolResult(result) = &read.messages[2].content[0] else {
        panic!("{:?}", read.messages[2]);
    };
    assert!(result.is_error && result.content.len() == 2 && result.call_id == "1");
    assert_eq!(read.hints["cache_control"], json!({"type": "ephemeral"}));
}

#[test]
fn media_of_all_kinds() {
    let data = |media_type: &str, base64: &str| Source::Data {
        media_type: media_type.to_owned(),
        base64: base64.to_owned(),
    };
    for (kind, source, expected) in [
        (
            "image",
            json!({"type": "base64", "media_type": "image/png", "data": "AA=="}),
            data("image/png", "AA=="),
        ),
        (
            "image",
            json!({"type": "url", "url": "https://x"}),
            Source::Url("https://x".to_owned()),
        ),
        (
            "image",
            json!({"type": "file", "file_id": "f"}),
            Source::FileId("f".to_owned()),
        ),
        (
            "document",
            json!({"type": "base64", "media_type": "application/pdf", "data": "JQ=="}),
            data("application/pdf", "JQ=="),
        ),
        (
            "document",
            json!({"type": "text", "media_type": "text/plain", "data": "# a"}),
            data("text/plain", "IyBh"),
        ),
        (
            "document",
            json!({"type": "url", "url": "https://x"}),
            Source::Url("https://x".to_owned()),
        ),
    ] {
        let block = json!({"type": kind, "source": source, "title": "t"});
        let read = with(json!({"messages": [{"role": "user", "content": [block]}]}));
        match &read.messages[0].content[0] {
            Content::Image(media) => assert_eq!(media.source, expected),
            Content::Document(media) => {
                assert_eq!((&media.source, media.name.as_deref()), (&expected, Some("t")));
            }
            other => panic!("{other:?}"),
        }
    }
    let document = json!({"type": "document", "context": "from 1990",
        "source": {"type": "content", "content": [{"type": "text", "text": "a"}]}});
    let read = with(json!({"messages": [{"role": "user", "content": [document]}]}));
    assert_eq!(read.messages[0].text(), "from 1990a");
}
