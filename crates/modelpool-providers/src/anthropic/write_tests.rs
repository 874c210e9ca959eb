//! Conversations as bodies.

use serde_json::{Value, json};

use super::AnthropicWire;
use crate::neutral::{
    Content, Conversation, Issuer, Media, Message, OutputForm, ReasoningPart, Role, Signature, Source, Tool,
    ToolCall, ToolChoice, ToolResult, Untranslatable,
};
use crate::wire::{Target, Wire};
use modelpool_core::Operation;

pub(super) const OLD: &str = "claude-sonnet-4-5";
pub(super) const NEW: &str = "claude-opus-4-7";

pub(super) fn written_for(
    model: &str,
    conversation: &Conversation,
) -> Result<(Value, Vec<String>), Untranslatable> {
    let target = Target {
        operation: Operation::Chat,
        model,
        stream: conversation.stream,
    };
    let written = AnthropicWire.write(conversation, &target)?;
    Ok((serde_json::from_slice(&written.body).unwrap(), written.dropped))
}

pub(super) fn written(conversation: &Conversation) -> (Value, Vec<String>) {
    written_for(OLD, conversation).unwrap()
}

fn refused(conversation: &Conversation) -> String {
    written_for(OLD, conversation).unwrap_err().field
}

pub(super) fn user(text: &str) -> Message {
    Message::new(Role::User, vec![Content::text(text)])
}

pub(super) fn assistant(content: Vec<Content>) -> Message {
    Message::new(Role::Assistant, content)
}

fn of(messages: Vec<Message>) -> Conversation {
    Conversation {
        messages,
        ..Conversation::default()
    }
}

pub(super) fn hello() -> Conversation {
    of(vec![user("hello")])
}

pub(super) fn call(id: &str, arguments: &str) -> Content {
    Content::ToolCall(ToolCall {
        id: id.to_owned(),
        name: "f".to_owned(),
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

fn media(media_type: &str, base64: &str) -> Media {
    Media::of(Source::Data {
        media_type: media_type.to_owned(),
        base64: base64.to_owned(),
    })
}

#[test]
fn the_least_request() {
    let expected = json!({
        "model": OLD, "max_tokens": 4096, "messages": [{"role": "user", "content": "hello"}],
    });
    assert_eq!(written(&hello()), (expected, vec![]));
}

#[test]
fn messages_become_turns() {
    let conversation = of(vec![
        Message::new(Role::System, vec![Content::text("be brief")]),
        user("a"),
        user("b"),
        Message::new(Role::System, vec![Content::text("be kind")]),
        assistant(vec![
            Content::text(""),
            Content::text("c"),
            call("1", ""),
            call("2", "{\"x\": 1}"),
        ]),
        Message::new(Role::Tool, vec![result("1", vec![Content::text("r")], false)]),
        Message::new(Role::Tool, vec![result("2", vec![], true)]),
        user("d"),
    ]);
    let (body, dropped) = written(&conversation);
    assert_eq!(body["system"], "be brief\n\nbe kind");
    assert_eq!(
        body["messages"],
        json!([
            {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
            {"role": "assistant", "content": [
                {"type": "text", "text": "c"},
                {"type": "tool_use", "id": "1", "name": "f", "input": {}},
                {"type": "tool_use", "id": "2", "name": "f", "input": {"x": 1}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "1", "content": "r"},
                {"type": "tool_result", "tool_use_id": "2", "is_error": true},
                {"type": "text", "text": "d"},
            ]},
        ])
    );
    assert_eq!(dropped, Vec::<String>::new());
}

#[test]
fn results_stand_before_what_a_user_says() {
    let conversation = of(vec![
        user("a"),
        assistant(vec![call("1", "{}")]),
        user("meanwhile"),
        Message::new(
            Role::Tool,
            vec![result(
                "1",
                vec![Content::Image(media("image/png", "AA=="))],
                false,
            )],
        ),
    ]);
    let (body, _) = written(&conversation);
    let content = &body["messages"][2]["content"];
    assert_eq!(
        (&content[0]["type"], &content[1]["text"]),
        (&json!("tool_result"), &json!("meanwhile"))
    );
    assert_eq!(content[0]["content"][0]["source"]["media_type"], "image/png");
}

#[test]
fn media_of_all_kinds() {
    let url = || Media::of(Source::Url("https://x/y".to_owned()));
    let mut named = media("application/pdf", "JVBERi0=");
    named.name = Some("a.pdf".to_owned());
    for (part, expected) in [
        (
            Content::Image(media("image/webp", "AA==")),
            json!({"type": "image", "source": {"type": "base64", "media_type": "image/webp", "data": "AA=="}}),
        ),
        (
            Content::Image(url()),
            json!({"type": "image", "source": {"type": "url", "url": "https://x/y"}}),
        ),
        (
            Content::Document(named),
            json!({"type": "document", "title": "a.pdf",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}}),
        ),
        (
            Content::Document(media("text/markdown", "IyBh")),
            json!({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "# a"}}),
        ),
        (
            Content::Document(url()),
            json!({"type": "document", "source": {"type": "url", "url": "https://x/y"}}),
        ),
    ] {
        let (body, _) = written(&of(vec![Message::new(Role::User, vec![part])]));
        assert_eq!(body["messages"][0]["content"], json!([expected]));
    }
}

#[test]
fn what_is_refused() {
    let file = || Media::of(Source::FileId("file-1".to_owned()));
    for (part, field) in [
        (
            Content::Audio(media("audio/wav", "AA==")),
            "messages[0].content[1]",
        ),
        (
            Content::Image(media("image/tiff", "AA==")),
            "messages[0].content[1]",
        ),
        (Content::Image(file()), "messages[0].content[1]"),
        (Content::Document(file()), "messages[0].content[1]"),
        (
            Content::Document(media("application/zip", "AA==")),
            "messages[0].content[1]",
        ),
        (
            Content::Document(media("text/plain", "/w==")),
            "messages[0].content[1]",
        ),
        (call("1", "{\"cut"), "messages[0].tool_calls[0]"),
        (call("1", "[1]"), "messages[0].tool_calls[0]"),
        (
            result("1", vec![Content::Audio(file())], false),
            "messages[0].content[1].content[0]",
        ),
    ] {
        let message = Message::new(Role::User, vec![Content::text("see"), part]);
        assert_eq!(refused(&of(vec![message])), field);
    }
    let mut conversations = vec![];
    let mut with = |field: &'static str, change: fn(&mut Conversation)| {
        let mut conversation = hello();
        change(&mut conversation);
        conversations.push((field, conversation));
    };
    with("tools[0]", |own| own.untranslatable = vec!["tools[0]".to_owned()]);
    with("n", |own| own.choices = Some(2));
    with("logprobs", |own| own.logprobs = Some(0));
    with("response_format", |own| own.output = OutputForm::Json);
    with("stop", |own| {
        own.sampling.stop = vec!["END".to_owned(), "\n".to_owned()];
    });
    with("messages", |own| {
        own.messages = vec![Message::new(Role::System, vec![Content::text("s")])];
    });
    with("messages[0].content[0]", |own| {
        own.messages[0] = Message::new(Role::System, vec![Content::Image(media("image/png", "AA=="))]);
    });
    for (field, conversation) in &conversations {
        assert_eq!(refused(conversation), *field);
    }
    let mut one = hello();
    one.choices = Some(1);
    assert!(written_for(OLD, &one).is_ok());
}

#[test]
fn reasoning_goes_back_to_its_issuer_alone() {
    let part = |signature: Option<Signature>, encrypted: Option<Signature>| {
        Content::Reasoning(ReasoningPart {
            text: "hm".to_owned(),
            signature,
            encrypted,
        })
    };
    let own = |value| Some(Signature::new(Issuer::Anthropic, value));
    let parts = vec![
        part(None, None),
        part(
            Some(Signature::new(Issuer::Gemini, "g")),
            Some(Signature::new(Issuer::OpenAi, "o")),
        ),
        part(own("EqQB"), None),
        part(None, own("Zz")),
        call("1", "{}"),
    ];
    let conversation = of(vec![
        user("a"),
        assistant(parts),
        Message::new(Role::Tool, vec![result("1", vec![], false)]),
    ]);
    let content = &written(&conversation).0["messages"][1]["content"];
    assert_eq!(
        content,
        &json!([
            {"type": "thinking", "thinking": "hm", "signature": "EqQB"},
            {"type": "redacted_thinking", "data": "Zz"},
            {"type": "tool_use", "id": "1", "name": "f", "input": {}},
        ])
    );
}

#[test]
fn the_last_message_of_the_assistant_is_a_prefill() {
    let conversation = of(vec![user("a"), assistant(vec![Content::text("so far \n")])]);
    let (body, _) = written(&conversation);
    assert_eq!(
        body["messages"][1],
        json!({"role": "assistant", "content": "so far"})
    );
    let refusal = written_for(NEW, &conversation).unwrap_err();
    assert_eq!(refusal.field, "messages[1]");
    // One that says nothing is none.
    let blank = of(vec![user("a"), assistant(vec![Content::text(" ")])]);
    assert_eq!(
        written_for(NEW, &blank).unwrap().0["messages"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn tools_and_their_choice() {
    let tool = |parameters: Option<Value>, strict| Tool {
        name: "f".to_owned(),
        description: Some("does".to_owned()),
        parameters,
        strict,
    };
    let mut conversation = hello();
    conversation.tools = vec![
        tool(None, None),
        tool(Some(json!({"properties": {"a": {}}})), Some(true)),
    ];
    let (body, _) = written(&conversation);
    assert_eq!(
        body["tools"],
        json!([
            {"name": "f", "input_schema": {"properties": {}, "type": "object"}, "description": "does"},
            {"name": "f", "input_schema": {"properties": {"a": {}}, "type": "object"}, "description": "does",
                "strict": true},
        ])
    );
    assert_eq!(
        written_for("claude-3-haiku-20240307", &conversation).unwrap().1,
        ["tools[1].strict"]
    );
    let auto = |disabled: bool| json!({"type": "auto", "disable_parallel_tool_use": disabled});
    for (choice, parallel, expected) in [
        (None, None, Value::Null),
        (None, Some(true), Value::Null),
        (None, Some(false), auto(true)),
        (Some(ToolChoice::Auto), Some(true), json!({"type": "auto"})),
        (Some(ToolChoice::None), Some(false), json!({"type": "none"})),
        (
            Some(ToolChoice::Required),
            Some(false),
            json!({"type": "any", "disable_parallel_tool_use": true}),
        ),
        (
            Some(ToolChoice::Named("f".to_owned())),
            None,
            json!({"type": "tool", "name": "f"}),
        ),
    ] {
        conversation.tool_choice = choice;
        conversation.parallel_tools = parallel;
        assert_eq!(written(&conversation).0["tool_choice"], expected);
    }
    conversation.tools.clear();
    conversation.tool_choice = Some(ToolChoice::Auto);
    assert_eq!(written(&conversation).0["tool_choice"], Value::Null);
}

#[test]
fn schemas_and_hints() {
    let schema = json!({"type": "object", "properties": {}, "additionalProperties": false});
    let mut conversation = hello();
    conversation.output = OutputForm::Schema {
        name: Some("s".to_owned()),
        description: None,
        schema: schema.clone(),
        strict: Some(true),
    };
    for (name, value) in [
        ("user", json!("u1")),
        ("service_tier", json!("flex")),
        ("logit_bias", json!({})),
        ("metadata", json!({"a": "b"})),
    ] {
        conversation.hints.insert(name.to_owned(), value);
    }
    conversation.messages[0].name = Some("Ann".to_owned());
    let (body, dropped) = written(&conversation);
    assert_eq!(
        body["output_config"],
        json!({"format": {"type": "json_schema", "schema": schema}})
    );
    assert_eq!(body["metadata"], json!({"user_id": "u1"}));
    assert_eq!(
        dropped,
        ["messages[0].name", "service_tier", "logit_bias", "metadata"]
    );
}
