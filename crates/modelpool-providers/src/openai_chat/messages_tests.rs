use serde_json::json;

use super::*;
use crate::neutral::{Issuer, Media, Source};
use crate::openai_chat::conversation;

fn messages(messages: Value) -> Vec<Message> {
    let body = json!({"model": "auto", "messages": messages}).to_string();
    conversation::read(body.as_bytes()).unwrap().messages
}

#[test]
fn parts_of_every_kind() {
    let data = |media_type: &str| Source::Data {
        media_type: media_type.to_owned(),
        base64: "QUJD".to_owned(),
    };
    let named = |source, name: Option<&str>| Media {
        source,
        detail: None,
        name: name.map(str::to_owned),
    };
    for (part, expected) in [
        (json!({"type": "text", "text": "a"}), Content::text("a")),
        (
            json!({"type": "image_url", "image_url": {"url": "https://a/b.png", "detail": "low"}}),
            Content::Image(Media {
                detail: Some("low".to_owned()),
                ..Media::of(Source::Url("https://a/b.png".to_owned()))
            }),
        ),
        (
            json!({"type": "image_url", "image_url": "data:image/png;base64,QUJD"}),
            Content::Image(Media::of(data("image/png"))),
        ),
        (
            json!({"type": "input_audio", "input_audio": {"data": "QUJD", "format": "mp3"}}),
            Content::Audio(Media::of(data("audio/mpeg"))),
        ),
        (
            json!({"type": "file", "file": {"file_data": "data:application/pdf;base64,QUJD", "filename": "a.pdf"}}),
            Content::Document(named(data("application/pdf"), Some("a.pdf"))),
        ),
        (
            json!({"type": "file", "file": {"file_data": "QUJD", "filename": "a.CSV"}}),
            Content::Document(named(data("text/csv"), Some("a.CSV"))),
        ),
        (
            json!({"type": "file", "file": {"file_id": "file-1"}}),
            Content::Document(named(Source::FileId("file-1".to_owned()), None)),
        ),
        (
            json!({"type": "file", "file": {"file_data": "https://a/b.pdf"}}),
            Content::Document(named(Source::Url("https://a/b.pdf".to_owned()), None)),
        ),
    ] {
        let read = messages(json!([{"role": "user", "content": [part]}]));
        assert_eq!(read[0].content, [expected], "{part}");
    }
}

#[test]
fn a_conversation_with_tools_and_reasoning() {
    let read = messages(json!([
        {"role": "developer", "content": "brief", "name": "ops"},
        {"role": "user", "content": "", "name": "ann"},
        {"role": "assistant", "content": null, "reasoning_content": "hm", "reasoning_details": [
            {"type": "reasoning.text", "signature": "modelpool:anthropic:EqQB"},
            {"type": "reasoning.encrypted", "data": "modelpool:bedrock:xx"},
        ], "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": {"a": 1}},
            "extra_content": {"google": {"thought_signature": "sig"}}}]},
        {"role": "tool", "tool_call_id": "1", "content": [{"type": "text", "text": "42"}]},
        {"role": "assistant", "content": "no", "refusal": "never"},
    ]));
    let named = |role, name: &str, content| Message {
        role,
        name: Some(name.to_owned()),
        content,
    };
    let call = ToolCall {
        id: "1".to_owned(),
        name: "f".to_owned(),
        arguments: r#"{"a":1}"#.to_owned(),
        signature: Some(Signature::new(Issuer::Gemini, "sig")),
    };
    let reasoning = ReasoningPart {
        text: "hm".to_owned(),
        signature: Some(Signature::new(Issuer::Anthropic, "EqQB")),
        encrypted: None,
    };
    let encrypted = ReasoningPart {
        encrypted: Some(Signature::new(Issuer::Bedrock, "xx")),
        ..Default::default()
    };
    let result = ToolResult {
        call_id: "1".to_owned(),
        content: vec![Content::text("42")],
        ..Default::default()
    };
    let expected = [
        named(Role::System, "ops", vec![Content::text("brief")]),
        named(Role::User, "ann", vec![]),
        Message::new(
            Role::Assistant,
            vec![
                Content::Reasoning(reasoning),
                Content::Reasoning(encrypted),
                Content::ToolCall(call),
            ],
        ),
        Message::new(Role::Tool, vec![Content::ToolResult(result)]),
        Message::new(
            Role::Assistant,
            vec![Content::text("no"), Content::Refusal("never".to_owned())],
        ),
    ];
    assert_eq!(read, expected);
}

#[test]
fn deprecated_calls_and_their_results_find_each_other() {
    let read = messages(json!([
        {"role": "assistant", "content": null, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "1"},
        {"role": "assistant", "content": null, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "2"},
    ]));
    let ids: Vec<&str> = read
        .iter()
        .map(|message| match message.content.as_slice() {
            [Content::ToolCall(call)] => call.id.as_str(),
            [Content::ToolResult(result)] => result.call_id.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!((ids[0], ids[2]), (ids[1], ids[3]));
    assert_ne!(ids[0], ids[2]);
}

#[test]
fn reasoning_of_several_steps_keeps_each_text_with_its_proof() {
    let part = |text: &str, signature: Option<Signature>, encrypted: Option<Signature>| ReasoningPart {
        text: text.to_owned(),
        signature,
        encrypted,
    };
    let by = |value: &str| Some(Signature::new(Issuer::Anthropic, value));
    let detail = |text: &str, signature: &str| json!({"text": text, "signature": signature});
    for (members, expected) in [
        (json!({"reasoning": "a"}), vec![part("a", None, None)]),
        (
            json!({"reasoning": {"effort": "low"}, "reasoning_details": []}),
            vec![],
        ),
        (
            json!({"reasoning_content": "ab", "reasoning_details": [
                detail("a", "modelpool:anthropic:1"), {"summary": "x"}, detail("b", "modelpool:anthropic:2")]}),
            vec![part("a", by("1"), None), part("b", by("2"), None)],
        ),
        (
            json!({"reasoning_content": "a", "reasoning_details": [{"data": "modelpool:anthropic:1"}]}),
            vec![part("a", None, None), part("", None, by("1"))],
        ),
    ] {
        let mut message = json!({"role": "assistant", "content": "x"});
        for (key, value) in members.as_object().unwrap() {
            message[key] = value.clone();
        }
        let mut expected: Vec<Content> = expected.into_iter().map(Content::Reasoning).collect();
        expected.push(Content::text("x"));
        assert_eq!(messages(json!([message]))[0].content, expected, "{members}");
    }
}
