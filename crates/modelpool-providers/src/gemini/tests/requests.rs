//! Conversations as bodies.

use modelpool_core::Operation;
use serde_json::{Value, json};

use crate::gemini::GeminiWire;
use crate::neutral::{
    Content, Conversation, Issuer, Media, Message, OutputForm, Reasoning, ReasoningPart, Role, Signature,
    Source, Tool, ToolCall, ToolChoice, ToolResult, Untranslatable, Written,
};
use crate::wire::{Target, Wire};

pub(super) fn write_for(model: &str, conversation: &Conversation) -> Result<Written, Untranslatable> {
    let target = Target {
        operation: Operation::Chat,
        model,
        stream: false,
    };
    GeminiWire::default().write(conversation, &target)
}

fn body_for(model: &str, conversation: &Conversation) -> Value {
    serde_json::from_slice(&write_for(model, conversation).unwrap().body).unwrap()
}

fn body(conversation: &Conversation) -> Value {
    body_for("gemini-3-flash", conversation)
}

pub(super) fn refused(conversation: &Conversation) -> String {
    write_for("gemini-2.5-flash", conversation).unwrap_err().field
}

pub(super) fn says(role: Role, text: &str) -> Message {
    Message::new(role, vec![Content::text(text)])
}

pub(super) fn asks(text: &str) -> Conversation {
    Conversation {
        messages: vec![says(Role::User, text)],
        ..Conversation::default()
    }
}

fn talk(messages: Vec<Message>) -> Conversation {
    Conversation {
        messages,
        ..Conversation::default()
    }
}

pub(super) fn call(id: &str, arguments: &str, signature: Option<Signature>) -> Content {
    Content::ToolCall(ToolCall {
        id: id.into(),
        name: "weather".into(),
        arguments: arguments.into(),
        signature,
    })
}

pub(super) fn result(id: &str, text: &str) -> Message {
    let result = ToolResult {
        call_id: id.into(),
        content: vec![Content::text(text)],
        ..ToolResult::default()
    };
    Message::new(Role::Tool, vec![Content::ToolResult(result)])
}

pub(super) fn tool(parameters: Option<Value>) -> Tool {
    Tool {
        name: "weather".into(),
        parameters,
        ..Tool::default()
    }
}

fn gemini(value: &str) -> Option<Signature> {
    Some(Signature::new(Issuer::Gemini, value))
}

#[test]
fn instructions_stand_apart_and_turns_are_merged() {
    let conversation = talk(vec![
        says(Role::System, "Be brief."),
        says(Role::User, "a"),
        says(Role::User, "b"),
        Message::new(
            Role::System,
            vec![
                Content::text("Be kind."),
                Content::text(""),
                Content::text("Be fair."),
            ],
        ),
        says(Role::Assistant, "c"),
        says(Role::Assistant, ""),
        says(Role::User, "d"),
    ]);
    let expected = json!({
        "contents": [
            {"role": "user", "parts": [{"text": "a"}, {"text": "b"}]},
            {"role": "model", "parts": [{"text": "c"}]},
            {"role": "user", "parts": [{"text": "d"}]},
        ],
        "systemInstruction": {"parts": [{"text": "Be brief.\n\nBe kind.\n\nBe fair."}]},
    });
    assert_eq!(body(&conversation), expected);
}

#[test]
fn calls_and_their_results() {
    let conversation = talk(vec![
        says(Role::User, "?"),
        Message::new(
            Role::Assistant,
            vec![
                call("a", r#"{"city":"Rome"}"#, gemini("c2ln")),
                call("b", "", None),
            ],
        ),
        result("a", r#"{"sky":"clear"}"#),
        result("b", "rain"),
        says(Role::User, "go on"),
    ]);
    let expected = json!([
        {"role": "user", "parts": [{"text": "?"}]},
        {"role": "model", "parts": [
            {"functionCall": {"name": "weather", "args": {"city": "Rome"}, "id": "a"}, "thoughtSignature": "c2ln"},
            {"functionCall": {"name": "weather", "args": {}, "id": "b"}},
        ]},
        {"role": "user", "parts": [
            {"functionResponse": {"name": "weather", "response": {"sky": "clear"}, "id": "a"}},
            {"functionResponse": {"name": "weather", "response": {"output": "rain"}, "id": "b"}},
        ]},
        {"role": "user", "parts": [{"text": "go on"}]},
    ]);
    assert_eq!(body(&conversation)["contents"], expected);
}

#[test]
fn vertex_knows_no_ids() {
    let address = http::Uri::from_static("https://europe-west1-aiplatform.googleapis.com/v1/projects/p");
    let target = Target {
        operation: Operation::Chat,
        model: "gemini-2.5-pro",
        stream: false,
    };
    let conversation = talk(vec![
        Message::new(Role::Assistant, vec![call("a", "{}", gemini("c2ln"))]),
        result("a", "rain"),
    ]);
    let written = GeminiWire::of_address(&address)
        .write(&conversation, &target)
        .unwrap();
    let expected = json!({"contents": [
        {"role": "model", "parts": [{"functionCall": {"name": "weather", "args": {}}, "thoughtSignature": "c2ln"}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "weather", "response": {"output": "rain"}}}]},
    ]});
    assert_eq!(serde_json::from_slice::<Value>(&written.body).unwrap(), expected);
}

#[test]
fn answers_of_tools_as_objects() {
    for (text, is_error, expected) in [
        ("rain", false, json!({"output": "rain"})),
        ("[1]", false, json!({"output": "[1]"})),
        ("", false, json!({"output": ""})),
        (r#"{"a":[1.5,-3]}"#, false, json!({"a": [1.5, -3]})),
        // As a number it would come out as another.
        (
            r#"{"id":1234567890123456789}"#,
            false,
            json!({"output": r#"{"id":1234567890123456789}"#}),
        ),
        (
            r#"{"id":[12345678901234567890123]}"#,
            false,
            json!({"output": r#"{"id":[12345678901234567890123]}"#}),
        ),
        (r#"{"a":1}"#, true, json!({"error": r#"{"a":1}"#})),
    ] {
        let result = ToolResult {
            call_id: "a".into(),
            name: Some("weather".into()),
            content: vec![Content::text(text)],
            is_error,
        };
        let message = Message::new(Role::Tool, vec![Content::ToolResult(result)]);
        let body = body(&talk(vec![message]));
        assert_eq!(
            body["contents"][0]["parts"][0]["functionResponse"]["response"], expected,
            "{text}"
        );
    }
}

#[test]
fn media_in_results_from_the_third_generation_on() {
    let image = Content::Image(Media::of(Source::from_url("data:image/png;base64,iVB")));
    let result = ToolResult {
        name: Some("weather".into()),
        content: vec![image],
        ..ToolResult::default()
    };
    let conversation = talk(vec![Message::new(Role::Tool, vec![Content::ToolResult(result)])]);
    let expected = json!([{"inlineData": {"mimeType": "image/png", "data": "iVB"}}]);
    assert_eq!(
        body(&conversation)["contents"][0]["parts"][0]["functionResponse"]["parts"],
        expected
    );
    assert_eq!(refused(&conversation), "messages[0].content[0]");
}

#[test]
fn calls_of_other_models_skip_the_check_where_there_is_one() {
    let stranger = Some(Signature::new(Issuer::Anthropic, "EqQB"));
    let conversation = talk(vec![
        says(Role::User, "?"),
        Message::new(
            Role::Assistant,
            vec![
                Content::text("hm"),
                call("a", "{}", stranger),
                call("b", "{}", None),
            ],
        ),
    ]);
    let signatures = |body: &Value| -> Vec<Value> {
        let parts = body["contents"][1]["parts"].as_array().unwrap();
        parts
            .iter()
            .map(|part| part["thoughtSignature"].clone())
            .collect()
    };
    let placeholder = "skip_thought_signature_validator";
    assert_eq!(
        signatures(&body(&conversation)),
        [json!(null), json!(placeholder), json!(null)]
    );
    assert_eq!(
        signatures(&body_for("gemini-2.5-pro", &conversation)),
        [json!(null), json!(null), json!(null)]
    );
}

#[test]
fn reasoning_goes_back_to_its_issuer_only() {
    let reasoning = |text: &str, signature: Option<Signature>, encrypted: Option<Signature>| {
        Content::Reasoning(ReasoningPart {
            text: text.into(),
            signature,
            encrypted,
        })
    };
    let stranger = || Some(Signature::new(Issuer::OpenAi, "gAAA"));
    let conversation = talk(vec![Message::new(
        Role::Assistant,
        vec![
            reasoning("unsigned", None, None),
            reasoning("strange", stranger(), None),
            reasoning("", None, stranger()),
            reasoning("mine", gemini("c2ln"), None),
            Content::text("x"),
            reasoning("", None, gemini("dGV4dA==")),
            reasoning("", None, gemini("bW9yZQ==")),
        ],
    )]);
    let expected = json!([
        {"text": "mine", "thought": true, "thoughtSignature": "c2ln"},
        {"text": "x", "thoughtSignature": "dGV4dA=="},
        {"text": "", "thoughtSignature": "bW9yZQ=="},
    ]);
    assert_eq!(body(&conversation)["contents"][0]["parts"], expected);
}

#[test]
fn tools_and_the_choice_among_them() {
    let own = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    let strict =
        json!({"type": "object", "properties": {"city": {"type": "string"}}, "additionalProperties": false});
    for (parameters, expected) in [
        (None, json!({"name": "weather"})),
        (
            Some(json!({"type": "object", "properties": {}})),
            json!({"name": "weather"}),
        ),
        (Some(own.clone()), json!({"name": "weather", "parameters": own})),
        (
            Some(strict.clone()),
            json!({"name": "weather", "parametersJsonSchema": strict}),
        ),
    ] {
        let mut conversation = asks("?");
        conversation.tools = vec![tool(parameters)];
        assert_eq!(
            body(&conversation)["tools"],
            json!([{"functionDeclarations": [expected]}])
        );
    }
    for (choice, strict, expected) in [
        (None, None, json!(null)),
        (None, Some(true), json!({"mode": "VALIDATED"})),
        (Some(ToolChoice::Auto), None, json!({"mode": "AUTO"})),
        (Some(ToolChoice::None), Some(true), json!({"mode": "NONE"})),
        (Some(ToolChoice::Required), Some(true), json!({"mode": "ANY"})),
        (
            Some(ToolChoice::Named("weather".into())),
            None,
            json!({"mode": "ANY", "allowedFunctionNames": ["weather"]}),
        ),
    ] {
        let mut conversation = asks("?");
        conversation.tools = vec![Tool { strict, ..tool(None) }];
        conversation.tool_choice = choice;
        assert_eq!(
            body(&conversation)["toolConfig"]["functionCallingConfig"],
            expected
        );
    }
}

#[test]
fn how_the_answer_is_drawn() {
    let mut conversation = asks("?");
    conversation.max_output_tokens = Some(9);
    conversation.choices = Some(2);
    conversation.logprobs = Some(3);
    conversation.sampling.temperature = Some(0.5);
    conversation.sampling.top_p = Some(0.9);
    conversation.sampling.top_k = Some(40);
    conversation.sampling.presence_penalty = Some(0.25);
    conversation.sampling.frequency_penalty = Some(-0.25);
    conversation.sampling.seed = Some(7);
    conversation.sampling.stop = vec!["END".into()];
    conversation.reasoning = Some(Reasoning {
        budget_tokens: Some(512),
        visible: Some(true),
        ..Reasoning::default()
    });
    let schema = json!({"type": "object", "properties": {"a": {"type": "integer"}}});
    conversation.output = OutputForm::Schema {
        name: Some("answer".into()),
        description: None,
        schema: schema.clone(),
        strict: Some(true),
    };
    let expected = json!({
        "temperature": 0.5, "topP": 0.9, "presencePenalty": 0.25, "frequencyPenalty": -0.25, "topK": 40, "seed": 7,
        "stopSequences": ["END"], "maxOutputTokens": 9, "candidateCount": 2, "responseLogprobs": true, "logprobs": 3,
        "responseMimeType": "application/json", "responseSchema": schema,
        "thinkingConfig": {"thinkingLevel": "low", "includeThoughts": true},
    });
    assert_eq!(body(&conversation)["generationConfig"], expected);
    conversation.output = OutputForm::Json;
    assert_eq!(
        body(&conversation)["generationConfig"]["responseSchema"],
        json!(null)
    );
    let schema = json!({"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}});
    conversation.output = OutputForm::Schema {
        name: None,
        description: None,
        schema: schema.clone(),
        strict: None,
    };
    assert_eq!(
        body(&conversation)["generationConfig"]["responseJsonSchema"],
        schema
    );
}
