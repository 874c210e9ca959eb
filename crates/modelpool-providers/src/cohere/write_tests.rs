//! Conversations, as Cohere is told them.

use modelpool_core::Operation;
use serde_json::{Value, json};

use super::CohereWire;
use crate::neutral::{
    Content, Conversation, Effort, Media, Message, OutputForm, Reasoning, ReasoningPart, Role, Sampling,
    Source, Tool, ToolCall, ToolChoice, ToolResult, Untranslatable, Written,
};
use crate::wire::{Target, Wire};

fn write(conversation: &Conversation) -> Result<Written, Untranslatable> {
    let target = Target {
        operation: Operation::Chat,
        model: "command-a-03-2025",
        stream: conversation.stream,
    };
    CohereWire.write(conversation, &target)
}

fn body(conversation: &Conversation) -> Value {
    serde_json::from_slice(&write(conversation).unwrap().body).unwrap()
}

fn saying(role: Role, content: Vec<Content>) -> Conversation {
    Conversation {
        messages: vec![Message::new(role, content)],
        ..Conversation::default()
    }
}

fn picture(url: &str, detail: Option<&str>) -> Content {
    let mut media = Media::of(Source::from_url(url));
    media.detail = detail.map(str::to_owned);
    Content::Image(media)
}

fn reasoning(text: &str) -> Content {
    Content::Reasoning(ReasoningPart {
        text: text.to_owned(),
        ..ReasoningPart::default()
    })
}

fn call(id: &str, arguments: &str) -> Content {
    Content::ToolCall(ToolCall {
        id: id.to_owned(),
        name: "weather".to_owned(),
        arguments: arguments.to_owned(),
        signature: None,
    })
}

fn result(id: &str, content: Vec<Content>) -> ToolResult {
    ToolResult {
        call_id: id.to_owned(),
        content,
        ..ToolResult::default()
    }
}

fn tool(name: &str, strict: Option<bool>) -> Tool {
    Tool {
        name: name.to_owned(),
        strict,
        ..Tool::default()
    }
}

#[test]
fn messages_of_every_role() {
    let written = |id: &str, arguments: &str| json!({"id": id, "type": "function", "function": {"name": "weather", "arguments": arguments}});
    for (message, expected) in [
        (
            Message::new(Role::System, vec![Content::text("Be brief.")]),
            json!([{"role": "system", "content": "Be brief."}]),
        ),
        (
            Message::new(Role::User, vec![Content::text("hi")]),
            json!([{"role": "user", "content": "hi"}]),
        ),
        (
            Message::new(
                Role::User,
                vec![
                    Content::text("what?"),
                    Content::text(""),
                    picture("data:image/png;base64,iVBO", Some("low")),
                    picture("https://e.example/a.png", None),
                ],
            ),
            json!([{"role": "user", "content": [
                {"type": "text", "text": "what?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO", "detail": "low"}},
                {"type": "image_url", "image_url": {"url": "https://e.example/a.png"}},
            ]}]),
        ),
        (
            Message::new(Role::Assistant, vec![reasoning("hm"), Content::text("ok")]),
            json!([{"role": "assistant", "content": "ok"}]),
        ),
        (
            Message::new(Role::Assistant, vec![Content::Refusal("no".to_owned())]),
            json!([{"role": "assistant", "content": "no"}]),
        ),
        (
            Message::new(
                Role::Assistant,
                vec![reasoning("hm"), call("a", "{\"b\":1}"), call("b", " ")],
            ),
            json!([{"role": "assistant", "tool_plan": "hm",
                    "tool_calls": [written("a", "{\"b\":1}"), written("b", "{}")]}]),
        ),
        (
            Message::new(
                Role::Assistant,
                vec![reasoning("hm"), Content::text("Let me see."), call("a", "{}")],
            ),
            json!([{"role": "assistant", "tool_plan": "Let me see.", "tool_calls": [written("a", "{}")]}]),
        ),
        (
            Message::new(
                Role::Tool,
                vec![
                    Content::ToolResult(result("a", vec![Content::text("sun")])),
                    Content::ToolResult(result("b", vec![])),
                ],
            ),
            json!([{"role": "tool", "tool_call_id": "a", "content": "sun"},
                   {"role": "tool", "tool_call_id": "b", "content": ""}]),
        ),
    ] {
        let conversation = Conversation {
            messages: vec![message],
            ..Conversation::default()
        };
        assert_eq!(body(&conversation)["messages"], expected);
    }
}

#[test]
fn everything_that_has_a_place() {
    let mut conversation = saying(Role::User, vec![Content::text("hi")]);
    conversation.stream = true;
    conversation.sampling = Sampling {
        temperature: Some(0.5),
        top_p: Some(1.0),
        top_k: Some(40),
        frequency_penalty: Some(0.0),
        presence_penalty: Some(1.0),
        seed: Some(7),
        stop: vec!["END".to_owned()],
    };
    conversation.max_output_tokens = Some(64);
    conversation.logprobs = Some(0);
    conversation.output = OutputForm::Schema {
        name: Some("answer".to_owned()),
        description: None,
        schema: json!({"type": "object"}),
        strict: Some(true),
    };
    for (name, value) in [("user", json!("u")), ("safety_mode", json!("STRICT"))] {
        conversation.hints.insert(name.to_owned(), value);
    }
    let written = write(&conversation).unwrap();
    assert_eq!(written.dropped, ["user"]);
    let expected = json!({
        "model": "command-a-03-2025",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": true,
        "response_format": {"type": "json_object", "schema": {"type": "object"}},
        "logprobs": true,
        "max_tokens": 64, "temperature": 0.5, "p": 1.0, "k": 40, "seed": 7,
        "frequency_penalty": 0.0, "presence_penalty": 1.0, "stop_sequences": ["END"],
        "safety_mode": "STRICT",
    });
    assert_eq!(serde_json::from_slice::<Value>(&written.body).unwrap(), expected);
}

#[test]
fn tools_and_the_choice_of_them() {
    let named = |name: &str| Some(ToolChoice::Named(name.to_owned()));
    for (tools, choice, expected) in [
        (vec![tool("f", None)], None, (None, None)),
        (vec![tool("f", None)], Some(ToolChoice::Auto), (None, None)),
        (
            vec![tool("f", None)],
            Some(ToolChoice::None),
            (Some("NONE"), None),
        ),
        (
            vec![tool("f", None)],
            Some(ToolChoice::Required),
            (Some("REQUIRED"), None),
        ),
        (
            vec![tool("f", Some(true))],
            named("f"),
            (Some("REQUIRED"), Some(true)),
        ),
        (
            vec![tool("f", Some(true)), tool("g", Some(true))],
            None,
            (None, Some(true)),
        ),
        (vec![tool("f", Some(true)), tool("g", None)], None, (None, None)),
        // The one that is named is the only one.
        (
            vec![tool("f", Some(true)), tool("g", None)],
            named("f"),
            (Some("REQUIRED"), Some(true)),
        ),
    ] {
        let mut conversation = saying(Role::User, vec![]);
        conversation.tools = tools;
        conversation.tool_choice = choice;
        let body = body(&conversation);
        if let Some(ToolChoice::Named(name)) = &conversation.tool_choice {
            let told: Vec<&Value> = body["tools"].as_array().unwrap().iter().collect();
            assert_eq!(
                (told.len(), told[0]["function"]["name"].as_str()),
                (1, Some(name.as_str()))
            );
        }
        let found = (
            body.get("tool_choice").and_then(Value::as_str),
            body.get("strict_tools").and_then(Value::as_bool),
        );
        assert_eq!(found, expected, "{body}");
        let first = json!({"type": "function", "function":
            {"name": "f", "parameters": {"type": "object", "properties": {}}}});
        assert_eq!(body["tools"][0], first);
    }
    let without = saying(Role::User, vec![]);
    assert_eq!(body(&without).get("tools"), None);
}

#[test]
fn reasoning_takes_a_budget() {
    let effort = |effort| Reasoning {
        effort: Some(effort),
        ..Reasoning::default()
    };
    let budget = |tokens| Reasoning {
        budget_tokens: Some(tokens),
        ..Reasoning::default()
    };
    let visible = Reasoning {
        visible: Some(true),
        ..Reasoning::default()
    };
    for (reasoning, expected) in [
        (effort(Effort::None), Some(json!({"type": "disabled"}))),
        (budget(0), Some(json!({"type": "disabled"}))),
        (
            effort(Effort::Medium),
            Some(json!({"type": "enabled", "token_budget": 4_096})),
        ),
        (budget(500), Some(json!({"type": "enabled", "token_budget": 500}))),
        (visible, Some(json!({"type": "enabled"}))),
        (Reasoning::default(), None),
    ] {
        let mut conversation = saying(Role::User, vec![]);
        conversation.reasoning = Some(reasoning.clone());
        assert_eq!(
            body(&conversation).get("thinking"),
            expected.as_ref(),
            "{reasoning:?}"
        );
    }
}

#[test]
fn hints_without_a_place_are_named() {
    let mut failed = result("a", vec![]);
    failed.is_error = true;
    let mut conversation = saying(
        Role::User,
        vec![picture("https://e.example/a.png", Some("original"))],
    );
    conversation.messages[0].name = Some("Ada".to_owned());
    conversation
        .messages
        .push(Message::new(Role::Tool, vec![Content::ToolResult(failed)]));
    conversation.tools = vec![tool("f", None), tool("g", Some(true))];
    conversation.sampling = Sampling {
        top_k: Some(501),
        frequency_penalty: Some(1.5),
        presence_penalty: Some(-0.5),
        seed: Some(-1),
        ..Sampling::default()
    };
    let written = write(&conversation).unwrap();
    assert_eq!(
        written.dropped,
        [
            "messages[0].name",
            "messages[0].content[0].detail",
            "messages[1].content[0].is_error",
            "tools[1].strict",
            "top_k",
            "seed",
            "frequency_penalty",
            "presence_penalty"
        ]
    );
    let body: Value = serde_json::from_slice(&written.body).unwrap();
    let members: Vec<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["model", "messages", "stream", "tools"]);
}

#[test]
fn what_cannot_be_said_is_refused_by_its_name() {
    let with = |change: &dyn Fn(&mut Conversation)| {
        let mut conversation = saying(Role::User, vec![]);
        conversation.tools = vec![tool("f", None), tool("g", None)];
        change(&mut conversation);
        conversation
    };
    let media = || Media::of(Source::from_url("data:application/pdf;base64,JVBE"));
    let answer = |content| Content::ToolResult(result("a", content));
    for (conversation, field) in [
        (
            with(&|it| it.untranslatable = vec!["background".to_owned()]),
            "background",
        ),
        (with(&|it| it.choices = Some(2)), "n"),
        (with(&|it| it.logprobs = Some(1)), "top_logprobs"),
        (with(&|it| it.sampling.stop = vec![String::new(); 6]), "stop"),
        (
            with(&|it| it.tool_choice = Some(ToolChoice::Named("nobody".to_owned()))),
            "tool_choice",
        ),
        (
            with(&|it| {
                it.parallel_tools = Some(false);
                it.tools.extend(it.tools.clone());
            }),
            "parallel_tool_calls",
        ),
        (with(&|it| it.output = OutputForm::Json), "response_format"),
        (
            saying(
                Role::User,
                vec![
                    Content::text("x"),
                    Content::Image(Media::of(Source::FileId("f".to_owned()))),
                ],
            ),
            "messages[0].content[1]",
        ),
        (
            saying(Role::User, vec![Content::Document(media())]),
            "messages[0].content[0]",
        ),
        (
            saying(Role::User, vec![Content::Audio(media())]),
            "messages[0].content[0]",
        ),
        (
            saying(Role::System, vec![Content::Image(media())]),
            "messages[0].content[0]",
        ),
        (
            saying(Role::Assistant, vec![Content::Image(media())]),
            "messages[0].content[0]",
        ),
        (
            saying(Role::Tool, vec![answer(vec![Content::Image(media())])]),
            "messages[0].content[0]",
        ),
        (
            saying(Role::Tool, vec![Content::text("x")]),
            "messages[0].content[0]",
        ),
    ] {
        assert_eq!(write(&conversation).unwrap_err().field, field);
    }
}

#[test]
fn parts_of_instructions_are_paragraphs() {
    let conversation = saying(
        Role::System,
        vec![Content::text("Be brief."), Content::text("Be kind.")],
    );
    assert_eq!(
        body(&conversation)["messages"][0],
        json!({"role": "system", "content": "Be brief.\n\nBe kind."})
    );
}
