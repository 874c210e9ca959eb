//! Conversations, as Ollama is told them.

use modelpool_core::Operation;
use serde_json::{Value, json};

use super::OllamaWire;
use crate::neutral::{
    Content, Conversation, Effort, Issuer, Media, Message, OutputForm, Reasoning, ReasoningPart, Role,
    Sampling, Signature, Source, Tool, ToolCall, ToolChoice, ToolResult, Untranslatable, Written,
};
use crate::wire::{Target, Wire};

const TARGET: Target<'static> = Target {
    operation: Operation::Chat,
    model: "qwen3:8b",
    stream: true,
};

fn write(conversation: &Conversation) -> Result<Written, Untranslatable> {
    OllamaWire::default().write(conversation, &TARGET)
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

fn picture(source: Source) -> Content {
    Content::Image(Media::of(source))
}

fn data() -> Source {
    Source::from_url("data:image/png;base64,iVBO")
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

#[test]
fn a_conversation_with_tools_and_pictures() {
    let reasoning = Content::Reasoning(ReasoningPart {
        text: "hm".to_owned(),
        signature: Some(Signature::new(Issuer::Anthropic, "EqQB")),
        encrypted: None,
    });
    let messages = vec![
        Message::new(Role::System, vec![Content::text("Be brief.")]),
        Message::new(
            Role::User,
            vec![Content::text("Here: "), picture(data()), Content::text("what?")],
        ),
        Message::new(
            Role::Assistant,
            vec![reasoning, call("a", r#"{"city":"图"}"#), call("b", "")],
        ),
        Message::new(
            Role::Tool,
            vec![
                Content::ToolResult(result("a", vec![Content::text("sun")])),
                Content::ToolResult(result("x", vec![])),
            ],
        ),
        Message::new(Role::Assistant, vec![Content::Refusal("no".to_owned())]),
    ];
    let conversation = Conversation {
        messages,
        tools: vec![
            Tool {
                name: "weather".to_owned(),
                description: Some("of a city".to_owned()),
                parameters: Some(json!({"type": "object"})),
                strict: None,
            },
            Tool {
                name: "now".to_owned(),
                ..Tool::default()
            },
        ],
        tool_choice: Some(ToolChoice::Auto),
        ..Conversation::default()
    };
    let expected = json!({
        "model": "qwen3:8b",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Here: what?", "images": ["iVBO"]},
            {"role": "assistant", "content": "", "thinking": "hm", "tool_calls": [
                {"id": "a", "function": {"name": "weather", "arguments": {"city": "图"}}},
                {"id": "b", "function": {"name": "weather", "arguments": {}}},
            ]},
            {"role": "tool", "content": "sun", "tool_name": "weather", "tool_call_id": "a"},
            {"role": "tool", "content": "", "tool_call_id": "x"},
            {"role": "assistant", "content": "no"},
        ],
        "stream": true,
        "tools": [
            {"type": "function", "function":
                {"name": "weather", "description": "of a city", "parameters": {"type": "object"}}},
            {"type": "function", "function":
                {"name": "now", "parameters": {"type": "object", "properties": {}}}},
        ],
    });
    assert_eq!(body(&conversation), expected);
}

#[test]
fn everything_that_has_a_place() {
    let mut conversation = saying(Role::User, vec![Content::text("hi")]);
    conversation.sampling = Sampling {
        temperature: Some(0.5),
        top_p: Some(0.9),
        top_k: Some(40),
        frequency_penalty: Some(0.1),
        presence_penalty: Some(0.2),
        seed: Some(-7),
        stop: vec!["END".to_owned()],
    };
    conversation.max_output_tokens = Some(64);
    conversation.logprobs = Some(2);
    conversation.output = OutputForm::Json;
    for (name, value) in [
        ("keep_alive", json!("10m")),
        ("min_p", json!(0.05)),
        ("user", json!("u")),
    ] {
        conversation.hints.insert(name.to_owned(), value);
    }
    let wire = OllamaWire {
        context_window: Some(32_768),
    };
    let target = Target {
        stream: false,
        ..TARGET
    };
    let written = wire.write(&conversation, &target).unwrap();
    assert_eq!(written.dropped, ["user"]);
    let expected = json!({
        "model": "qwen3:8b",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": false,
        "format": "json",
        "logprobs": true,
        "top_logprobs": 2,
        "keep_alive": "10m",
        "options": {
            "num_ctx": 32_768, "num_predict": 64, "temperature": 0.5, "top_p": 0.9, "top_k": 40, "seed": -7,
            "stop": ["END"], "presence_penalty": 0.2, "frequency_penalty": 0.1, "min_p": 0.05,
        },
    });
    assert_eq!(serde_json::from_slice::<Value>(&written.body).unwrap(), expected);
}

#[test]
fn a_schema_is_the_format_and_forbidden_tools_are_not_told() {
    let mut conversation = saying(Role::User, vec![]);
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    conversation.output = OutputForm::Schema {
        name: Some("answer".to_owned()),
        description: None,
        schema: schema.clone(),
        strict: Some(true),
    };
    conversation.tools = vec![Tool::default()];
    conversation.tool_choice = Some(ToolChoice::None);
    let body = body(&conversation);
    assert_eq!(body["format"], schema);
    assert_eq!(body.get("tools"), None);
}

#[test]
fn reasoning_takes_steps() {
    let effort = |effort| Reasoning {
        effort: Some(effort),
        ..Reasoning::default()
    };
    let budget = |tokens| Reasoning {
        budget_tokens: Some(tokens),
        ..Reasoning::default()
    };
    let visible = |visible| Reasoning {
        visible: Some(visible),
        ..Reasoning::default()
    };
    for (reasoning, expected) in [
        (effort(Effort::None), Some(json!(false))),
        (effort(Effort::Minimal), Some(json!("low"))),
        (effort(Effort::Medium), Some(json!("medium"))),
        (effort(Effort::ExtraHigh), Some(json!("high"))),
        (budget(0), Some(json!(false))),
        (budget(16_000), Some(json!("high"))),
        (visible(true), Some(json!(true))),
        (visible(false), None),
        (Reasoning::default(), None),
    ] {
        let mut conversation = saying(Role::User, vec![]);
        conversation.reasoning = Some(reasoning.clone());
        assert_eq!(
            body(&conversation).get("think"),
            expected.as_ref(),
            "{reasoning:?}"
        );
    }
}

#[test]
fn hints_without_a_place_are_named() {
    let mut media = Media::of(data());
    media.detail = Some("low".to_owned());
    let mut failed = result("a", vec![]);
    failed.is_error = true;
    let mut conversation = saying(Role::User, vec![Content::Image(media)]);
    conversation.messages[0].name = Some("Ada".to_owned());
    conversation
        .messages
        .push(Message::new(Role::Tool, vec![Content::ToolResult(failed)]));
    conversation.tools = vec![Tool {
        strict: Some(true),
        ..Tool::default()
    }];
    assert_eq!(
        write(&conversation).unwrap().dropped,
        [
            "messages[0].name",
            "messages[0].content[0].detail",
            "messages[1].content[0].is_error",
            "tools[0].strict"
        ]
    );
}

#[test]
fn what_cannot_be_said_is_refused_by_its_name() {
    let with = |change: &dyn Fn(&mut Conversation)| {
        let mut conversation = saying(Role::User, vec![]);
        conversation.tools = vec![Tool::default()];
        change(&mut conversation);
        conversation
    };
    let pdf = Content::Document(Media::of(data()));
    let answer = |content| Content::ToolResult(result("a", content));
    for (conversation, field) in [
        (
            with(&|it| it.untranslatable = vec!["previous_response_id".to_owned()]),
            "previous_response_id",
        ),
        (with(&|it| it.choices = Some(2)), "n"),
        (
            with(&|it| it.tool_choice = Some(ToolChoice::Required)),
            "tool_choice",
        ),
        (
            with(&|it| it.tool_choice = Some(ToolChoice::Named("f".to_owned()))),
            "tool_choice",
        ),
        (
            with(&|it| {
                it.parallel_tools = Some(false);
                it.tools.extend(it.tools.clone());
            }),
            "parallel_tool_calls",
        ),
        (
            saying(
                Role::User,
                vec![
                    Content::text("x"),
                    picture(Source::Url("https://e.example/a.png".to_owned())),
                ],
            ),
            "messages[0].content[1]",
        ),
        (
            saying(Role::User, vec![picture(Source::FileId("file-1".to_owned()))]),
            "messages[0].content[0]",
        ),
        (saying(Role::User, vec![pdf]), "messages[0].content[0]"),
        (
            saying(Role::System, vec![picture(data())]),
            "messages[0].content[0]",
        ),
        (
            saying(Role::Tool, vec![answer(vec![picture(data())])]),
            "messages[0].content[0]",
        ),
        (
            saying(Role::Tool, vec![Content::text("x")]),
            "messages[0].content[0]",
        ),
        (
            saying(Role::Assistant, vec![call("a", "{}"), call("b", "[1]")]),
            "messages[0].tool_calls[1].function.arguments",
        ),
        (
            saying(Role::Assistant, vec![call("a", "{\"cut")]),
            "messages[0].tool_calls[0].function.arguments",
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
