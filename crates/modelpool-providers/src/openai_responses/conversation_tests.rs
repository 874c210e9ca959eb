use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::neutral::{Issuer, Media, ReasoningPart, Signature, Source, ToolCall, ToolResult};

fn conversation(body: Value) -> Conversation {
    read(body.to_string().as_bytes()).unwrap()
}

fn messages(input: Value) -> Vec<Message> {
    conversation(json!({"input": input})).messages
}

fn user(content: Vec<Content>) -> Message {
    Message::new(Role::User, content)
}

#[test]
fn the_forms_of_a_message() {
    let hello = || vec![Content::text("hello")];
    let part = |kind: &str| json!([{"type": kind, "text": "hello"}]);
    for (input, expected) in [
        (json!("hello"), user(hello())),
        (json!([{"role": "user", "content": "hello"}]), user(hello())),
        (
            json!([{"type": "message", "role": "user", "content": part("input_text")}]),
            user(hello()),
        ),
        (
            json!([{"role": "developer", "content": part("input_text")}]),
            Message::new(Role::System, hello()),
        ),
        (
            json!([{"role": "system", "content": "hello"}]),
            Message::new(Role::System, hello()),
        ),
        (
            json!([{"type": "message", "id": "msg_1", "status": "completed", "role": "assistant",
                    "content": [{"type": "output_text", "text": "hello", "annotations": []}]}]),
            Message::new(Role::Assistant, hello()),
        ),
        (
            json!([{"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}]),
            Message::new(Role::Assistant, vec![Content::Refusal("no".into())]),
        ),
    ] {
        assert_eq!(messages(input.clone()), [expected], "{input}");
    }
}

#[test]
fn pictures_and_files() {
    let data = |media_type: &str| Source::Data {
        media_type: media_type.into(),
        base64: "QUJD".into(),
    };
    let image = |source, detail: Option<&str>| {
        Content::Image(Media {
            detail: detail.map(Into::into),
            ..Media::of(source)
        })
    };
    let file = |source, name: Option<&str>| {
        Content::Document(Media {
            name: name.map(Into::into),
            ..Media::of(source)
        })
    };
    for (part, expected) in [
        (
            json!({"type": "input_image", "image_url": "https://a/b.png", "detail": "high"}),
            image(Source::Url("https://a/b.png".into()), Some("high")),
        ),
        (
            json!({"type": "input_image", "image_url": "data:image/png;base64,QUJD"}),
            image(data("image/png"), None),
        ),
        (
            json!({"type": "input_image", "file_id": "file-1", "image_url": null}),
            image(Source::FileId("file-1".into()), None),
        ),
        (
            json!({"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,QUJD"}),
            file(data("application/pdf"), Some("a.pdf")),
        ),
        (
            json!({"type": "input_file", "filename": "a.txt", "file_data": "QUJD"}),
            file(data("text/plain"), Some("a.txt")),
        ),
        (
            json!({"type": "input_file", "file_url": "https://a/b.pdf"}),
            file(Source::Url("https://a/b.pdf".into()), None),
        ),
        (
            json!({"type": "input_audio", "input_audio": {"data": "QUJD", "format": "mp3"}}),
            Content::Audio(Media::of(data("audio/mpeg"))),
        ),
    ] {
        let input = json!([{"role": "user", "content": [part]}]);
        assert_eq!(messages(input.clone()), [user(vec![expected])], "{input}");
    }
}

#[test]
fn the_items_of_a_turn_are_one_message() {
    let read = messages(json!([
        {"role": "user", "content": "weather?"},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}],
         "encrypted_content": "gAAA"},
        {"role": "assistant", "content": "I look"},
        {"type": "reasoning", "summary": [], "encrypted_content": "modelpool:gemini:call:call_2|sig"},
        {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "w", "arguments": "{\"a\":1}"},
        {"type": "function_call", "id": "fc_2", "call_id": "call_2", "name": "w", "arguments": ""},
        {"type": "function_call_output", "call_id": "call_1", "output": "rain"},
        {"type": "function_call_output", "call_id": "call_2",
         "output": [{"type": "input_text", "text": "sun"}]},
        {"role": "user", "content": "and?"},
    ]));
    let call = |id: &str, arguments: &str, signature| {
        Content::ToolCall(ToolCall {
            id: id.into(),
            name: "w".into(),
            arguments: arguments.into(),
            signature,
        })
    };
    let result = |id: &str, text: &str| {
        Content::ToolResult(ToolResult {
            call_id: id.into(),
            content: vec![Content::text(text)],
            ..ToolResult::default()
        })
    };
    let reasoning = Content::Reasoning(ReasoningPart {
        text: "hm".into(),
        signature: Some(Signature::new(Issuer::OpenAi, "gAAA")),
        encrypted: None,
    });
    let signature = Some(Signature::new(Issuer::Gemini, "sig"));
    let turn = vec![
        reasoning,
        Content::text("I look"),
        call("call_1", "{\"a\":1}", None),
        call("call_2", "", signature),
    ];
    let expected = [
        user(vec![Content::text("weather?")]),
        Message::new(Role::Assistant, turn),
        Message::new(
            Role::Tool,
            vec![result("call_1", "rain"), result("call_2", "sun")],
        ),
        user(vec![Content::text("and?")]),
    ];
    assert_eq!(read, expected);
}

#[test]
fn settings() {
    let read = conversation(json!({
        "model": "auto", "modelpool": {}, "input": "hi", "instructions": "be brief", "stream": true,
        "tools": [{"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"},
                   "strict": true}, {"type": "function", "name": "g", "parameters": null}],
        "tool_choice": {"type": "function", "name": "f"}, "parallel_tool_calls": false,
        "max_output_tokens": 9, "temperature": 0.5, "top_p": 1, "top_logprobs": 3,
        "include": ["reasoning.encrypted_content", "message.output_text.logprobs"],
        "text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": true},
                 "verbosity": "low"},
        "reasoning": {"effort": "high", "summary": "detailed"},
        "background": false, "previous_response_id": null,
        "store": false, "user": "u", "news": [1],
    }));
    assert_eq!(
        read.messages[0],
        Message::new(Role::System, vec![Content::text("be brief")])
    );
    assert!(read.stream);
    assert_eq!((read.tools[0].strict, read.tools[1].strict), (Some(true), None));
    assert_eq!(read.tools[1].parameters, None);
    assert_eq!(read.tool_choice, Some(ToolChoice::Named("f".into())));
    assert_eq!(read.parallel_tools, Some(false));
    assert_eq!((read.max_output_tokens, read.logprobs), (Some(9), Some(3)));
    assert_eq!(
        (read.sampling.temperature, read.sampling.top_p),
        (Some(0.5), Some(1.0))
    );
    let OutputForm::Schema { name, strict, .. } = &read.output else {
        panic!("no schema");
    };
    assert_eq!((name.as_deref(), *strict), (Some("n"), Some(true)));
    let reasoning = read.reasoning.unwrap();
    assert_eq!(
        (reasoning.effort, reasoning.visible),
        (Some(Effort::High), Some(true))
    );
    let hints = json!({"text.verbosity": "low", "reasoning.summary": "detailed", "store": false, "user": "u",
        "news": [1]});
    assert_eq!(Value::Object(read.hints), hints);
    assert_eq!(read.untranslatable, Vec::<String>::new());
}

#[test]
fn what_has_no_neutral_form_is_named() {
    for (body, expected) in [
        (json!({"previous_response_id": "resp_1"}), "previous_response_id"),
        (
            json!({"conversation": {"id": "conv_1"}, "input": "a"}),
            "conversation",
        ),
        (json!({"prompt": {"id": "pmpt_1"}}), "prompt"),
        (json!({"input": "a", "background": true}), "background"),
        (
            json!({"input": "a", "tools": [{"type": "web_search"}]}),
            "tools[0]",
        ),
        (
            json!({"input": "a", "tools": [{"type": "custom", "name": "x"}]}),
            "tools[0]",
        ),
        (
            json!({"input": "a", "tool_choice": {"type": "mcp"}}),
            "tool_choice",
        ),
        (
            json!({"input": [{"type": "item_reference", "id": "msg_1"}]}),
            "input[0]",
        ),
        (json!({"input": [{"id": "msg_1"}]}), "input[0]"),
        (
            json!({"input": [{"type": "web_search_call", "id": "ws_1"}]}),
            "input[0]",
        ),
        (
            json!({"input": [{"role": "user", "content": [{"type": "hologram"}]}]}),
            "input[0].content[0]",
        ),
        (
            json!({"input": "a", "text": {"format": {"type": "grammar"}}}),
            "text.format",
        ),
    ] {
        assert_eq!(conversation(body.clone()).untranslatable, [expected], "{body}");
    }
}

#[test]
fn what_is_malformed_is_refused_with_what_would_be_accepted() {
    for (body, param, message) in [
        (
            json!({}),
            "input",
            "`input` is missing; expected a text, or a list of at least one item",
        ),
        (
            json!({"input": []}),
            "input",
            "`input` is empty; expected a text, or a list of at least one item",
        ),
        (
            json!({"input": 7}),
            "input",
            "`input` is 7; expected a text, or a list of at least one item",
        ),
        (
            json!({"input": ["a"]}),
            "input[0]",
            "`input[0]` is \"a\"; expected an item, such as a message with `role` and `content`",
        ),
        (
            json!({"input": [{"role": "tool", "content": "a"}]}),
            "input[0].role",
            "`input[0].role` is \"tool\"; expected `user`, `assistant`, `system` or `developer`",
        ),
        (
            json!({"input": [{"role": "user"}]}),
            "input[0].content",
            "`input[0].content` is missing; expected a text, or a list of parts",
        ),
        (
            json!({"input": [{"type": "function_call", "name": "f"}]}),
            "input[0].call_id",
            "`input[0].call_id` is missing; expected a text",
        ),
        (
            json!({"input": "a", "stream": "yes"}),
            "stream",
            "`stream` is \"yes\"; expected true or false",
        ),
        (
            json!({"input": "a", "max_output_tokens": -1}),
            "max_output_tokens",
            "`max_output_tokens` is -1; expected a whole number of at least 0",
        ),
        (
            json!({"input": "a", "tools": [{"type": "function", "function": {"name": "f"}}]}),
            "tools[0].name",
            "`tools[0].name` is missing; expected the function's name, beside `type` and not within `function`",
        ),
        (
            json!({"input": "a", "text": "json"}),
            "text",
            "`text` is \"json\"; expected an object",
        ),
    ] {
        let error = read(body.to_string().as_bytes()).unwrap_err();
        assert_eq!(
            (error.param.as_deref(), error.message.as_str()),
            (Some(param), message),
            "{body}"
        );
    }
    assert!(read(b"[]").is_err());
    assert!(read(b"{").is_err());
}

/// JSON with the words of the dialect in wrong places.
fn strange_json() -> impl Strategy<Value = Value> {
    let words = [
        "input",
        "type",
        "role",
        "content",
        "message",
        "user",
        "assistant",
        "function_call",
        "reasoning",
        "text",
        "call_id",
        "name",
        "function_call_output",
        "output",
        "tools",
        "function",
        "tool_choice",
        "include",
        "format",
        "input_image",
        "input_file",
        "file_data",
        "data:,;base64,",
        "summary",
        "encrypted_content",
        "modelpool:gemini:call:|",
        "json_schema",
        "input_audio",
    ];
    let word = prop::sample::select(words.to_vec());
    let leaf = prop_oneof![
        word.clone().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((word.clone(), inner), 0..6).prop_map(|members| members
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect()),
        ]
    })
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), value in strange_json()) {
        let _ = read(&bytes);
        let _ = read(value.to_string().as_bytes());
        let _ = read(json!({"input": [value]}).to_string().as_bytes());
    }
}
