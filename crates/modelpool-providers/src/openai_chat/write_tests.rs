use serde_json::json;

use super::*;
use crate::neutral::{
    Content, Issuer, Media, Message, ReasoningPart, Role, Signature, Source, ToolCall, ToolResult,
};
use crate::openai_chat::conversation;

const TARGET: Target<'_> = Target {
    operation: modelpool_core::Operation::Chat,
    model: "m",
    stream: false,
};

fn written(wire: &ChatWire, conversation: &Conversation) -> (Value, Vec<String>) {
    let written = write(wire, conversation, &TARGET).unwrap();
    (serde_json::from_slice(&written.body).unwrap(), written.dropped)
}

fn messages_of(messages: Vec<Message>) -> Value {
    let conversation = Conversation {
        messages,
        ..Conversation::default()
    };
    written(&ChatWire::default(), &conversation).0["messages"].take()
}

fn call(id: &str) -> Content {
    Content::ToolCall(ToolCall {
        id: id.to_owned(),
        name: "f".to_owned(),
        ..ToolCall::default()
    })
}

fn result(id: &str, content: Vec<Content>) -> Content {
    Content::ToolResult(ToolResult {
        call_id: id.to_owned(),
        content,
        ..ToolResult::default()
    })
}

/// Read and written again, nothing is lost: for a server that takes everything the body is the same.
#[test]
fn a_rich_body_survives() {
    let body = json!({
        "model": "m",
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "name": "ann", "content": [
                {"type": "text", "text": "look"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD", "detail": "low"}},
                {"type": "image_url", "image_url": {"url": "https://a/b.png"}},
                {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "wav"}},
                {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "mp3"}},
                {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,QUJD"}},
                {"type": "file", "file": {"file_id": "file-1"}},
            ]},
            {"role": "assistant", "reasoning_content": "hm", "content": null, "tool_calls": [
                {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{\"a\": 1}"},
                 "extra_content": {"google": {"thought_signature": "sig"}}},
                {"id": "2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
            ]},
            {"role": "tool", "tool_call_id": "1", "content": "41"},
            {"role": "tool", "tool_call_id": "2", "content": "42"},
            {"role": "assistant", "content": "a", "refusal": "no"},
            {"role": "user", "content": "again"},
        ],
        "stream": true,
        "stream_options": {"include_usage": true},
        "tools": [
            {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"z": 1, "a": 2}, "strict": true}},
            {"type": "function", "function": {"name": "g"}},
        ],
        "parallel_tool_calls": false,
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "response_format": {"type": "json_schema", "json_schema": {"name": "x", "description": "d", "schema": {"b": 1}, "strict": true}},
        "max_completion_tokens": 100,
        "temperature": 0.5,
        "top_p": 0.25,
        "top_k": 40,
        "frequency_penalty": 0.5,
        "presence_penalty": -0.5,
        "seed": 7,
        "stop": ["a", "b"],
        "reasoning_effort": "minimal",
        "n": 2,
        "logprobs": true,
        "top_logprobs": 3,
        "user": "u",
        "store": true,
        "metadata": {"a": "b"},
    });
    let wire = ChatWire {
        top_k: true,
        reasoning_member: Some("reasoning_content"),
        extra_content: true,
        ..ChatWire::OPENAI
    };
    let conversation = conversation::read(body.to_string().as_bytes()).unwrap();
    let target = Target {
        stream: true,
        ..TARGET
    };
    let written = write(&wire, &conversation, &target).unwrap();
    assert_eq!(written.dropped, [""; 0]);
    // As text: the order of members counts too, in schemas at least.
    assert_eq!(String::from_utf8_lossy(&written.body), body.to_string());
}

#[test]
fn what_is_not_asked_for_is_not_written() {
    let (body, dropped) = written(&ChatWire::default(), &Conversation::default());
    assert_eq!((body, dropped), (json!({"model": "m", "messages": []}), vec![]));
    let no_usage = ChatWire {
        ask_for_usage: false,
        ..ChatWire::default()
    };
    let target = Target {
        stream: true,
        ..TARGET
    };
    let written = write(&no_usage, &Conversation::default(), &target).unwrap();
    assert_eq!(written.body, r#"{"model":"m","messages":[],"stream":true}"#);
}

#[test]
fn servers_differ() {
    let conversation = Conversation {
        max_output_tokens: Some(5),
        sampling: Sampling {
            top_k: Some(4),
            ..Sampling::default()
        },
        ..Conversation::default()
    };
    let (body, dropped) = written(&ChatWire::default(), &conversation);
    assert_eq!(
        (&body["max_tokens"], dropped),
        (&json!(5), vec!["top_k".to_owned()])
    );
    let (body, _) = written(&ChatWire::OPENAI, &conversation);
    assert_eq!(
        (&body["max_completion_tokens"], &body["max_tokens"]),
        (&json!(5), &Value::Null)
    );
}

#[test]
fn tools_are_not_chosen_where_there_are_none() {
    for (choice, expected) in [
        (ToolChoice::Auto, Value::Null),
        (ToolChoice::None, Value::Null),
        // The vendor says what is wrong with it.
        (ToolChoice::Required, json!("required")),
    ] {
        let conversation = Conversation {
            tool_choice: Some(choice),
            parallel_tools: Some(true),
            ..Conversation::default()
        };
        let (body, _) = written(&ChatWire::default(), &conversation);
        assert_eq!(
            (&body["tool_choice"], &body["parallel_tool_calls"]),
            (&expected, &Value::Null)
        );
    }
}

#[test]
fn reasoning_in_tokens_becomes_a_step() {
    for (effort, budget, expected, dropped) in [
        (Some(Effort::None), None, json!("none"), 0),
        (None, Some(0), Value::Null, 1),
        (None, Some(5_000), json!("medium"), 0),
        (None, None, Value::Null, 0),
    ] {
        let conversation = Conversation {
            reasoning: Some(Reasoning {
                effort,
                budget_tokens: budget,
                visible: None,
            }),
            ..Conversation::default()
        };
        let (body, names) = written(&ChatWire::default(), &conversation);
        assert_eq!((&body["reasoning_effort"], names.len()), (&expected, dropped));
        let unable = ChatWire {
            reasoning_effort: false,
            ..ChatWire::default()
        };
        assert_eq!(written(&unable, &conversation).0["reasoning_effort"], Value::Null);
    }
}

#[test]
fn hints_are_written_where_they_are_the_same_and_named_where_not() {
    for (name, value, taken) in [
        ("user", json!("u"), true),
        ("service_tier", json!("flex"), true),
        ("service_tier", json!("standard_only"), false),
        ("metadata", json!({"user_id": "u"}), false),
        ("logit_bias", json!({"50256": -100}), true),
        ("store", json!(false), true),
        ("thinking_style", json!("x"), false),
    ] {
        let mut conversation = Conversation::default();
        conversation.hints.insert(name.to_owned(), value.clone());
        let (body, dropped) = written(&ChatWire::OPENAI, &conversation);
        assert_eq!(
            (body.get(name), dropped.len()),
            (Some(&value).filter(|_| taken), usize::from(!taken)),
            "{name}"
        );
        assert_eq!(written(&ChatWire::default(), &conversation).1, [name]);
    }
}

#[test]
fn messages_of_other_dialects_take_this_wire_s_form() {
    // A turn for each call, results in the user's message, and instructions in blocks.
    let messages = messages_of(vec![
        Message::new(Role::System, vec![Content::text("a"), Content::text("b")]),
        Message::new(Role::Assistant, vec![Content::text("I look")]),
        Message::new(Role::Assistant, vec![call("1")]),
        Message::new(Role::Assistant, vec![call("2")]),
        Message::new(
            Role::User,
            vec![
                Content::text("and?"),
                result("1", vec![Content::text("x"), Content::text("y")]),
                result("2", vec![]),
            ],
        ),
        Message::new(Role::Assistant, vec![Content::text("one"), Content::text(" two")]),
        Message::new(Role::Assistant, vec![Content::text("three")]),
        Message::new(Role::User, vec![Content::text("a"), Content::text("b")]),
        Message::new(Role::Assistant, vec![]),
        Message::new(Role::User, vec![]),
    ]);
    let function = json!({"name": "f", "arguments": "{}"});
    let expected = json!([
        {"role": "system", "content": "a\n\nb"},
        {"role": "assistant", "content": "I look", "tool_calls": [
            {"id": "1", "type": "function", "function": function},
            {"id": "2", "type": "function", "function": function},
        ]},
        {"role": "tool", "tool_call_id": "1", "content": "x\ny"},
        {"role": "tool", "tool_call_id": "2", "content": ""},
        {"role": "user", "content": "and?"},
        {"role": "assistant", "content": "one two"},
        {"role": "assistant", "content": "three"},
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {"role": "assistant", "content": ""},
        {"role": "user", "content": ""},
    ]);
    assert_eq!(messages, expected);
}

#[test]
fn reasoning_and_signatures_stay_with_those_who_read_them() {
    let signed = ToolCall {
        id: "1".to_owned(),
        name: "f".to_owned(),
        arguments: "{}".to_owned(),
        signature: Some(Signature::new(Issuer::Gemini, "sig")),
    };
    let reasoning = ReasoningPart {
        text: "hm".to_owned(),
        signature: Some(Signature::new(Issuer::Anthropic, "EqQB")),
        encrypted: None,
    };
    let conversation = Conversation {
        messages: vec![Message::new(
            Role::Assistant,
            vec![Content::Reasoning(reasoning), Content::ToolCall(signed)],
        )],
        ..Conversation::default()
    };
    let (body, _) = written(&ChatWire::OPENAI, &conversation);
    assert!(!body.to_string().contains("hm") && !body.to_string().contains("sig"));
    let other = ChatWire {
        reasoning_member: Some("reasoning"),
        extra_content: true,
        ..ChatWire::default()
    };
    let (body, _) = written(&other, &conversation);
    let message = &body["messages"][0];
    assert_eq!(message["reasoning"], "hm");
    assert_eq!(
        message["tool_calls"][0]["extra_content"]["google"]["thought_signature"],
        "sig"
    );
    assert!(!body.to_string().contains("EqQB"));
}

#[test]
fn a_stranger_s_signature_of_a_call_is_left_out() {
    let signed = ToolCall {
        signature: Some(Signature::new(Issuer::Anthropic, "sig")),
        ..ToolCall::default()
    };
    let conversation = Conversation {
        messages: vec![Message::new(Role::Assistant, vec![Content::ToolCall(signed)])],
        ..Conversation::default()
    };
    let gemini = ChatWire {
        extra_content: true,
        ..ChatWire::default()
    };
    let (body, _) = written(&gemini, &conversation);
    assert_eq!(body["messages"][0]["tool_calls"][0].get("extra_content"), None);
}

#[test]
fn assistants_of_two_names_stay_two() {
    let named = |name: &str| Message {
        name: Some(name.to_owned()),
        ..Message::new(Role::Assistant, vec![call(name)])
    };
    assert_eq!(
        messages_of(vec![named("a"), named("b")])
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let joined = messages_of(vec![named("a"), named("a")]);
    assert_eq!(
        (joined[0]["role"].as_str(), joined[0]["name"].as_str()),
        (Some("assistant"), Some("a"))
    );
    assert_eq!(joined[0]["tool_calls"].as_array().unwrap().len(), 2);
}

#[test]
fn a_failed_tool_is_named_as_dropped_once() {
    let failed = |id: &str| {
        Content::ToolResult(ToolResult {
            call_id: id.to_owned(),
            is_error: true,
            ..ToolResult::default()
        })
    };
    let conversation = Conversation {
        messages: vec![Message::new(Role::Tool, vec![failed("1"), failed("2")])],
        ..Conversation::default()
    };
    assert_eq!(written(&ChatWire::default(), &conversation).1, ["is_error"]);
}

#[test]
fn what_the_wire_cannot_say_is_refused_by_its_place() {
    let file = || Media::of(Source::FileId("file-1".to_owned()));
    let url = || Media::of(Source::Url("https://a/b".to_owned()));
    let ogg = Media::of(Source::Data {
        media_type: "audio/ogg".to_owned(),
        base64: "QUJD".to_owned(),
    });
    for (role, content, field) in [
        (Role::User, Content::Image(file()), "messages[0].content[1]"),
        (Role::User, Content::Audio(url()), "messages[0].content[1]"),
        (Role::User, Content::Audio(ogg), "messages[0].content[1]"),
        (Role::User, Content::Document(url()), "messages[0].content[1]"),
        (Role::System, Content::Image(url()), "messages[0].content[1]"),
        (Role::Assistant, Content::Image(url()), "messages[0].content[1]"),
        (
            Role::Tool,
            result("1", vec![Content::Image(url())]),
            "messages[0].content[1].content[0]",
        ),
    ] {
        let conversation = Conversation {
            messages: vec![Message::new(role, vec![Content::text("a"), content])],
            ..Conversation::default()
        };
        let refused = write(&ChatWire::default(), &conversation, &TARGET).unwrap_err();
        assert_eq!(refused.field, field);
    }
    let conversation = Conversation {
        untranslatable: vec!["previous_response_id".to_owned()],
        ..Conversation::default()
    };
    let refused = write(&ChatWire::default(), &conversation, &TARGET).unwrap_err();
    assert_eq!(refused.field, "previous_response_id");
}
