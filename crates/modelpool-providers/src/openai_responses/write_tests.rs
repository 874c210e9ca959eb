use modelpool_core::Operation;

use super::super::conversation;
use super::*;
use crate::neutral::{Media, Message, ReasoningPart, Role, Signature, Source, ToolCall, ToolResult};

const TARGET: Target<'static> = Target {
    operation: Operation::Chat,
    model: "gpt-5",
    stream: false,
};

fn written(conversation: &Conversation) -> (Value, Vec<String>) {
    let written = write(conversation, &TARGET).unwrap();
    (serde_json::from_slice(&written.body).unwrap(), written.dropped)
}

fn of(messages: Vec<Message>) -> Conversation {
    Conversation {
        messages,
        ..Conversation::default()
    }
}

fn user(content: Content) -> Message {
    Message::new(Role::User, vec![content])
}

/// What a caller of this dialect wrote is written the same again, but for what has several forms.
#[test]
fn the_dialect_comes_back() {
    let body = json!({
        "model": "gpt-5",
        "input": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": [
                {"type": "input_text", "text": "look"},
                {"type": "input_image", "image_url": "data:image/png;base64,QUJD", "detail": "high"},
                {"type": "input_image", "file_id": "file-1", "detail": "auto"},
                {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,QUJD"},
                {"type": "input_file", "file_url": "https://a/b.pdf", "detail": "low"},
                {"type": "input_file", "file_id": "file-2"},
            ]},
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "gAAA"},
            {"role": "assistant", "content": "I look"},
            {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{\"a\":1}"},
            {"type": "function_call", "call_id": "call_2", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "call_1", "output": "rain"},
            {"type": "function_call_output", "call_id": "call_2", "output": [
                {"type": "input_text", "text": "see"},
                {"type": "input_image", "image_url": "https://a/b.png", "detail": "auto"},
            ]},
            {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]},
            {"role": "user", "content": "why"},
        ],
        "stream": true,
        "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": true,
                   "description": "d"}],
        "tool_choice": {"type": "function", "name": "f"},
        "parallel_tool_calls": false,
        "max_output_tokens": 9,
        "temperature": 0.5,
        "top_p": 0.9,
        "text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": true},
                 "verbosity": "low"},
        "reasoning": {"effort": "high", "summary": "detailed", "mode": "pro"},
        "top_logprobs": 2,
        "store": false, "metadata": {"a": "b"}, "user": "u", "service_tier": "flex", "truncation": "auto",
        "prompt_cache_key": "k", "safety_identifier": "s",
        "include": ["reasoning.encrypted_content", "message.output_text.logprobs"],
    });
    let conversation = conversation::read(body.to_string().as_bytes()).unwrap();
    let target = Target {
        stream: true,
        ..TARGET
    };
    let written = write(&conversation, &target).unwrap();
    let again: Value = serde_json::from_slice(&written.body).unwrap();
    assert_eq!(again, body);
    assert_eq!(written.dropped, Vec::<String>::new());
}

#[test]
fn hints_without_a_place_are_named() {
    let mut conversation = of(vec![user(Content::text("hi"))]);
    conversation.messages[0].name = Some("Ann".into());
    conversation.sampling = Sampling {
        top_k: Some(4),
        frequency_penalty: Some(0.1),
        presence_penalty: Some(0.1),
        seed: Some(1),
        ..Sampling::default()
    };
    let hints = json!({"logit_bias": {"1": 2}, "service_tier": "standard_only", "metadata": {"user_id": 7},
        "verbosity": "high", "stream_options": {"include_usage": true}, "store": "yes"});
    conversation.hints = hints.as_object().unwrap().clone();
    let (body, dropped) = written(&conversation);
    let expected = json!({"model": "gpt-5", "input": [{"role": "user", "content": "hi"}],
        "text": {"verbosity": "high"}});
    assert_eq!(body, expected);
    let expected = [
        "messages[0].name",
        "top_k",
        "frequency_penalty",
        "presence_penalty",
        "seed",
        "logit_bias",
        "service_tier",
        "metadata",
        "store",
    ];
    assert_eq!(dropped, expected);
}

#[test]
fn documents_without_a_name_get_one() {
    for (media_type, name) in [
        ("application/pdf", "document.pdf"),
        ("text/plain", "document.txt"),
    ] {
        let document = Content::Document(Media::of(Source::Data {
            media_type: media_type.into(),
            base64: "QUJD".into(),
        }));
        let (body, _) = written(&of(vec![user(document)]));
        let part = &body["input"][0]["content"][0];
        assert_eq!(part["filename"], name);
        assert_eq!(part["file_data"], format!("data:{media_type};base64,QUJD"));
    }
}

#[test]
fn functions_of_other_dialects_are_not_strict() {
    let mut conversation = of(vec![user(Content::text("hi"))]);
    conversation.tools = vec![Tool {
        name: "f".into(),
        ..Tool::default()
    }];
    let (body, _) = written(&conversation);
    let expected = json!([{"type": "function", "name": "f", "strict": false,
        "parameters": {"type": "object", "properties": {}}}]);
    assert_eq!(body["tools"], expected);
}

#[test]
fn reasoning_moves_where_the_request_shows_that_the_model_reasons() {
    let signed = |issuer| {
        Content::Reasoning(ReasoningPart {
            text: "hm".into(),
            signature: Some(Signature::new(issuer, "s")),
            encrypted: None,
        })
    };
    let asking = |effort, budget_tokens| {
        Some(Reasoning {
            effort,
            budget_tokens,
            visible: None,
        })
    };
    let asked = json!(["reasoning.encrypted_content"]);
    for (content, reasoning, effort, include) in [
        (Content::text("a"), None, Value::Null, Value::Null),
        (
            Content::text("a"),
            asking(Some(Effort::Low), None),
            json!("low"),
            asked.clone(),
        ),
        (
            Content::text("a"),
            asking(None, Some(30_000)),
            json!("xhigh"),
            asked.clone(),
        ),
        (
            Content::text("a"),
            asking(None, Some(0)),
            json!("none"),
            Value::Null,
        ),
        (signed(Issuer::OpenAi), None, Value::Null, asked),
        (signed(Issuer::Anthropic), None, Value::Null, Value::Null),
    ] {
        let mut conversation = of(vec![
            user(Content::text("hi")),
            Message::new(Role::Assistant, vec![content, Content::text("b")]),
        ]);
        conversation.reasoning = reasoning;
        let (body, _) = written(&conversation);
        assert_eq!(
            (&body["reasoning"]["effort"], &body["include"]),
            (&effort, &include),
            "{body}"
        );
    }
}

#[test]
fn what_the_wire_cannot_say_is_refused() {
    let image = || Content::Image(Media::of(Source::Url("https://a/b.png".into())));
    let audio = || Content::Audio(Media::of(Source::Url("https://a/b.wav".into())));
    let several = Conversation {
        choices: Some(2),
        ..Conversation::default()
    };
    let mut stopping = Conversation::default();
    stopping.sampling.stop = vec!["END".into()];
    let named = Conversation {
        untranslatable: vec!["tools[1]".into()],
        ..Conversation::default()
    };
    let heard = Content::ToolResult(ToolResult {
        content: vec![audio()],
        ..ToolResult::default()
    });
    for (conversation, field) in [
        (several, "n"),
        (stopping, "stop"),
        (named, "tools[1]"),
        (of(vec![user(audio())]), "messages[0].content[0]"),
        (
            of(vec![Message::new(Role::Assistant, vec![image()])]),
            "messages[0].content[0]",
        ),
        (
            of(vec![
                user(Content::text("a")),
                Message::new(Role::Tool, vec![heard]),
            ]),
            "messages[1].content[0].content[0]",
        ),
    ] {
        assert_eq!(write(&conversation, &TARGET).unwrap_err().field, field);
    }
    let one = Conversation {
        choices: Some(1),
        ..of(vec![user(Content::text("a"))])
    };
    assert!(write(&one, &TARGET).is_ok());
}

#[test]
fn a_turn_is_taken_apart_in_its_order() {
    let call = Content::ToolCall(ToolCall {
        id: "c".into(),
        name: "f".into(),
        ..ToolCall::default()
    });
    let failed = Content::ToolResult(ToolResult {
        call_id: "c".into(),
        content: vec![Content::text("no such file")],
        is_error: true,
        ..ToolResult::default()
    });
    let turn = vec![
        Content::text("a"),
        Content::text("b"),
        call,
        Content::text(""),
        Content::text("c"),
    ];
    let (body, dropped) = written(&of(vec![
        Message::new(Role::Assistant, turn),
        Message::new(Role::Tool, vec![failed]),
    ]));
    let expected = json!([
        {"role": "assistant", "content": [{"type": "output_text", "text": "a"}, {"type": "output_text", "text": "b"}]},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"role": "assistant", "content": "c"},
        {"type": "function_call_output", "call_id": "c", "output": "no such file"},
    ]);
    assert_eq!(body["input"], expected);
    assert_eq!(dropped, ["messages[1].content[0].is_error"]);
}
