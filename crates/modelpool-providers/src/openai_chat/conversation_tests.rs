use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::neutral::{Content, Message, Role};

fn read_with(members: Value) -> Result<Conversation, BodyError> {
    let mut body = json!({"model": "auto", "messages": [{"role": "user", "content": "hi"}]});
    for (key, value) in members.as_object().unwrap() {
        body[key] = value.clone();
    }
    read(body.to_string().as_bytes())
}

fn messages(messages: Value) -> Conversation {
    read_with(json!({"messages": messages})).unwrap()
}

#[test]
fn members_become_what_they_mean() {
    let read = read_with(json!({
        "modelpool": {"tags": []}, "stream": true, "stream_options": {"include_usage": true},
        "max_tokens": 7, "max_completion_tokens": 9.0, "temperature": 0.5, "top_p": 1, "top_k": 40,
        "frequency_penalty": -1, "presence_penalty": 0.25, "seed": -3, "n": 2, "logprobs": true,
        "top_logprobs": 5, "reasoning_effort": "xhigh", "parallel_tool_calls": false, "stop": "END",
        "modalities": ["text"], "user": "u", "store": null, "strange": [1],
    }))
    .unwrap();
    let expected = Conversation {
        messages: vec![Message::new(Role::User, vec![Content::text("hi")])],
        parallel_tools: Some(false),
        max_output_tokens: Some(9),
        sampling: Sampling {
            temperature: Some(0.5),
            top_p: Some(1.0),
            top_k: Some(40),
            frequency_penalty: Some(-1.0),
            presence_penalty: Some(0.25),
            seed: Some(-3),
            stop: vec!["END".to_owned()],
        },
        reasoning: Some(Reasoning {
            effort: Some(Effort::ExtraHigh),
            ..Reasoning::default()
        }),
        choices: Some(2),
        logprobs: Some(5),
        stream: true,
        hints: json!({"user": "u", "strange": [1]}).as_object().unwrap().clone(),
        ..Conversation::default()
    };
    assert_eq!(read, expected);
    let nulls = read_with(json!({
        "n": null, "stop": null, "tools": null, "tool_choice": null, "response_format": null, "logprobs": false,
        "top_logprobs": 0, "temperature": null, "top_k": -1, "stream": null, "reasoning": null,
    }));
    assert_eq!(
        nulls.unwrap(),
        messages(json!([{"role": "user", "content": "hi"}]))
    );
    assert_eq!(read_with(json!({"n": 1})).unwrap().choices, None);
}

#[test]
fn reasoning_as_other_gateways_take_it() {
    for (object, effort, budget, visible) in [
        (json!({"effort": "low"}), Some(Effort::Low), None, None),
        (
            json!({"max_tokens": 2000, "exclude": true}),
            None,
            Some(2000),
            Some(false),
        ),
        (json!({"enabled": false}), Some(Effort::None), None, None),
    ] {
        let read = read_with(json!({"reasoning": object}))
            .unwrap()
            .reasoning
            .unwrap();
        assert_eq!(
            (read.effort, read.budget_tokens, read.visible),
            (effort, budget, visible)
        );
    }
    assert_eq!(read_with(json!({"reasoning": {}})).unwrap().reasoning, None);
}

#[test]
fn every_form_of_tool_choice() {
    let named = || Some(ToolChoice::Named("f".to_owned()));
    for (key, choice, expected) in [
        ("tool_choice", json!("auto"), Some(ToolChoice::Auto)),
        ("tool_choice", json!("none"), Some(ToolChoice::None)),
        ("tool_choice", json!("required"), Some(ToolChoice::Required)),
        ("tool_choice", json!("any"), Some(ToolChoice::Required)),
        (
            "tool_choice",
            json!({"type": "function", "function": {"name": "f"}}),
            named(),
        ),
        ("function_call", json!("none"), Some(ToolChoice::None)),
        ("function_call", json!({"name": "f"}), named()),
    ] {
        let read = read_with(json!({key: choice})).unwrap();
        assert_eq!(
            (read.tool_choice, read.untranslatable),
            (expected, vec![]),
            "{choice}"
        );
    }
}

#[test]
fn tools_of_both_forms() {
    let function = json!({"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": true});
    let expected = Tool {
        name: "f".to_owned(),
        description: Some("d".to_owned()),
        parameters: Some(json!({"type": "object"})),
        strict: Some(true),
    };
    for members in [
        json!({"tools": [{"type": "function", "function": function}]}),
        json!({"tools": [{"function": function}]}),
        json!({"functions": [function]}),
    ] {
        assert_eq!(read_with(members).unwrap().tools, std::slice::from_ref(&expected));
    }
}

#[test]
fn every_form_of_the_answer() {
    let schema = |name: Option<&str>, schema: Value, strict| OutputForm::Schema {
        name: name.map(str::to_owned),
        description: None,
        schema,
        strict,
    };
    for (format, expected) in [
        (json!({"type": "text"}), OutputForm::Text),
        (json!({"type": "json_object"}), OutputForm::Json),
        (
            json!({"type": "json_schema", "json_schema": {"name": "x", "schema": {"a": 1}, "strict": true}}),
            schema(Some("x"), json!({"a": 1}), Some(true)),
        ),
        (
            json!({"type": "json_schema", "json_schema": {}}),
            schema(None, json!({}), None),
        ),
    ] {
        assert_eq!(
            read_with(json!({"response_format": format})).unwrap().output,
            expected
        );
    }
}

#[test]
fn what_has_no_neutral_form_is_named() {
    let part = |part: Value| json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, part]}]});
    for (members, name) in [
        (
            json!({"tools": [{"type": "custom", "custom": {"name": "c"}}]}),
            "tools[0]",
        ),
        (
            json!({"tool_choice": {"type": "allowed_tools", "allowed_tools": {}}}),
            "tool_choice",
        ),
        (
            json!({"tool_choice": {"type": "custom", "custom": {"name": "c"}}}),
            "tool_choice",
        ),
        (
            json!({"response_format": {"type": "grammar", "grammar": "x"}}),
            "response_format",
        ),
        (
            json!({"modalities": ["text", "audio"], "audio": {}}),
            "modalities",
        ),
        (json!({"web_search_options": {}}), "web_search_options"),
        (
            part(json!({"type": "video_url", "video_url": {"url": "u"}})),
            "messages[0].content[1]",
        ),
        (
            json!({"messages": [{"role": "assistant", "audio": {"id": "a"}}]}),
            "messages[0].audio",
        ),
        (
            json!({"messages": [{"role": "assistant", "tool_calls": [{"id": "1", "type": "custom"}]}]}),
            "messages[0].tool_calls[0]",
        ),
    ] {
        assert_eq!(read_with(members).unwrap().untranslatable, [name]);
    }
}

#[test]
fn mistakes_name_the_member_and_what_would_be_accepted() {
    for (members, param, message) in [
        (
            json!({"n": 0}),
            "n",
            "`n` is 0; expected a whole number of at least 1",
        ),
        (
            json!({"max_tokens": 0}),
            "max_tokens",
            "`max_tokens` is 0; expected a whole number of at least 1",
        ),
        (
            json!({"max_tokens": 1.5}),
            "max_tokens",
            "`max_tokens` is 1.5; expected a whole number of at least 0",
        ),
        (
            json!({"temperature": "hot"}),
            "temperature",
            "`temperature` is \"hot\"; expected a number",
        ),
        (
            json!({"stop": [1]}),
            "stop",
            "`stop` is [1]; expected a string or a list of strings",
        ),
        (
            json!({"top_logprobs": 2}),
            "top_logprobs",
            "`top_logprobs` is 2; expected `logprobs` to be true beside it",
        ),
        (
            json!({"reasoning_effort": "lots"}),
            "reasoning_effort",
            "`reasoning_effort` is \"lots\"; expected one of none, minimal, low, medium, high, xhigh",
        ),
        (
            json!({"tool_choice": 1}),
            "tool_choice",
            "`tool_choice` is 1; expected \"auto\", \"none\", \"required\", or an object that names a function",
        ),
        (
            json!({"tools": [{"type": "function"}]}),
            "tools[0].function",
            "`tools[0].function` is missing; expected an object",
        ),
        (
            json!({"messages": "hi"}),
            "messages",
            "`messages` is \"hi\"; expected a list",
        ),
        (
            json!({"messages": null}),
            "messages",
            "`messages` is missing; expected a list of messages",
        ),
        (
            json!({"messages": [{"role": "boss"}]}),
            "messages[0].role",
            "`messages[0].role` is \"boss\"; expected system, developer, user, assistant or tool",
        ),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "text"}]}]}),
            "messages[0].content[0].text",
            "`messages[0].content[0].text` is missing; expected a string",
        ),
        (
            json!({"messages": [{"role": "tool", "content": "x"}]}),
            "messages[0].tool_call_id",
            "`messages[0].tool_call_id` is missing; expected a string",
        ),
        (
            json!({"messages": [{"role": "function", "name": "f", "content": "x"}]}),
            "messages[0].name",
            "`messages[0].name` is \"f\"; expected the name of a function that an assistant's message before it calls",
        ),
    ] {
        let error = read_with(members).unwrap_err();
        assert_eq!(
            (error.param.as_deref(), error.message.as_str()),
            (Some(param), message)
        );
    }
    assert_eq!(
        read(b"[]").unwrap_err().message,
        "the body is []; expected an object"
    );
    assert!(
        read(b"{")
            .unwrap_err()
            .message
            .starts_with("the body is not valid JSON")
    );
}

/// JSON of the shapes that are looked for, with anything in the places of values.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        prop::sample::select(vec![
            "",
            "auto",
            "user",
            "assistant",
            "tool",
            "function",
            "text",
            "image_url",
            "file"
        ])
        .prop_map(Value::from),
        "[a-z:;,/]{0,8}".prop_map(Value::from),
    ];
    let key = prop::sample::select(vec![
        "messages",
        "role",
        "content",
        "type",
        "text",
        "tool_calls",
        "function",
        "name",
        "id",
        "arguments",
        "stop",
        "tools",
        "image_url",
        "url",
        "file",
        "file_data",
        "tool_choice",
        "response_format",
        "reasoning_details",
    ]);
    leaf.prop_recursive(5, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..6).prop_map(|members| members
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect()),
        ]
    })
}

proptest! {
    #[test]
    fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes);
    }

    #[test]
    fn no_json_is_too_strange(messages in anything(), other in anything()) {
        let _ = read(json!({"messages": messages, "tools": other}).to_string().as_bytes());
        let _ = read_with(json!({"messages": [other], "tool_choice": messages}));
    }
}
