use super::super::samples::{
    CLAUDE_3, CLAUDE_4_5, CLAUDE_4_6, CLAUDE_4_7, LLAMA, NOVA, asks, body, call, data, hello, refused,
    result, said, weather, with_tool, written,
};
use super::*;
use crate::neutral::{
    Content, Issuer, Media, Message, Reasoning, ReasoningPart, Role, Sampling, Signature, Source,
};

#[test]
fn tools_and_their_choice() {
    let mut conversation = hello();
    conversation.tools = vec![
        weather(),
        Tool {
            name: "f".to_owned(),
            description: Some("does f".to_owned()),
            parameters: Some(json!({"type": "object", "required": ["a"]})),
            strict: Some(true),
        },
    ];
    let tools = json!([
        {"toolSpec": {"name": "weather", "inputSchema": {"json": {"type": "object", "properties": {}}}}},
        {"toolSpec": {
            "name": "f",
            "description": "does f",
            "inputSchema": {"json": {"type": "object", "required": ["a"]}},
            "strict": true,
        }},
    ]);
    for (choice, expected) in [
        (None, json!({ "tools": tools })),
        (Some(ToolChoice::Auto), json!({ "tools": tools })),
        (
            Some(ToolChoice::Required),
            json!({"tools": tools, "toolChoice": {"any": {}}}),
        ),
        (
            Some(ToolChoice::Named("f".to_owned())),
            json!({"tools": tools, "toolChoice": {"tool": {"name": "f"}}}),
        ),
        (Some(ToolChoice::None), Value::Null),
    ] {
        conversation.tool_choice = choice;
        assert_eq!(body(&conversation, LLAMA)["toolConfig"], expected);
    }
}

#[test]
fn sampling_goes_where_the_model_has_a_place() {
    let sampling = Sampling {
        temperature: Some(0.5),
        top_p: Some(0.9),
        top_k: Some(40),
        frequency_penalty: Some(0.1),
        presence_penalty: None,
        seed: Some(7),
        stop: vec!["END".to_owned()],
    };
    let conversation = Conversation {
        sampling,
        max_output_tokens: Some(100),
        hints: Map::from_iter([("user".to_owned(), json!("u"))]),
        ..hello()
    };
    let all = json!({"maxTokens": 100, "temperature": 0.5, "topP": 0.9, "stopSequences": ["END"]});
    let one = json!({"maxTokens": 100, "temperature": 0.5, "stopSequences": ["END"]});
    let none = json!({"maxTokens": 100, "stopSequences": ["END"]});
    for (model, inference, fields, left_out) in [
        (LLAMA, &all, Value::Null, vec!["top_k"]),
        (NOVA, &all, json!({"inferenceConfig": {"topK": 40}}), vec![]),
        (CLAUDE_3, &all, json!({"top_k": 40}), vec![]),
        (CLAUDE_4_5, &one, json!({"top_k": 40}), vec!["top_p"]),
        (
            CLAUDE_4_7,
            &none,
            Value::Null,
            vec!["temperature", "top_p", "top_k"],
        ),
    ] {
        let (body, dropped) = written(&conversation, model);
        assert_eq!(&body["inferenceConfig"], inference, "{model}");
        assert_eq!(body["additionalModelRequestFields"], fields, "{model}");
        let expected = [vec!["user"], left_out, vec!["frequency_penalty", "seed"]].concat();
        assert_eq!(dropped, expected, "{model}");
        let paths = &body["additionalModelResponseFieldPaths"];
        assert_eq!(paths.is_null(), !model.contains("claude"), "{model}");
    }
}

#[test]
fn thinking() {
    let reasons =
        |effort: Option<Effort>, budget_tokens: Option<u64>, max_output_tokens: Option<u64>| Conversation {
            reasoning: Some(Reasoning {
                effort,
                budget_tokens,
                visible: None,
            }),
            max_output_tokens,
            ..hello()
        };
    let enabled = |budget: u64| json!({"thinking": {"type": "enabled", "budget_tokens": budget}});
    let adaptive =
        |effort: &str| json!({"output_config": {"effort": effort}, "thinking": {"type": "adaptive"}});
    for (model, conversation, fields, is_dropped) in [
        (
            CLAUDE_4_5,
            reasons(Some(Effort::High), None, None),
            enabled(16_384),
            false,
        ),
        (
            CLAUDE_4_5,
            reasons(None, Some(2_000), Some(4_000)),
            enabled(2_000),
            false,
        ),
        (CLAUDE_4_5, reasons(None, Some(10), None), enabled(1_024), false),
        (
            CLAUDE_4_5,
            reasons(None, Some(8_000), Some(4_000)),
            enabled(2_000),
            false,
        ),
        (
            CLAUDE_4_5,
            reasons(None, Some(8_000), Some(1_500)),
            Value::Null,
            true,
        ),
        (
            CLAUDE_4_5,
            reasons(Some(Effort::None), None, None),
            Value::Null,
            false,
        ),
        (CLAUDE_4_5, reasons(None, Some(0), None), Value::Null, false),
        (CLAUDE_4_5, reasons(None, None, None), Value::Null, false),
        (
            CLAUDE_4_6,
            reasons(Some(Effort::Medium), None, None),
            adaptive("medium"),
            false,
        ),
        (
            CLAUDE_4_7,
            reasons(None, Some(1_024), None),
            adaptive("low"),
            false,
        ),
        (
            CLAUDE_4_7,
            reasons(Some(Effort::ExtraHigh), None, None),
            adaptive("max"),
            false,
        ),
        (
            CLAUDE_3,
            reasons(Some(Effort::High), None, None),
            Value::Null,
            true,
        ),
        (LLAMA, reasons(Some(Effort::High), None, None), Value::Null, true),
    ] {
        let (body, dropped) = written(&conversation, model);
        assert_eq!(
            body["additionalModelRequestFields"], fields,
            "{model} {:?}",
            conversation.reasoning
        );
        assert_eq!(
            dropped == ["reasoning"],
            is_dropped,
            "{model} {:?}",
            conversation.reasoning
        );
    }
}

#[test]
fn thinking_gives_way_to_what_it_does_not_go_with() {
    let reasoning = Some(Reasoning {
        budget_tokens: Some(2_000),
        ..Reasoning::default()
    });
    let think = |mut conversation: Conversation| {
        conversation.reasoning = reasoning.clone();
        conversation.sampling.temperature = Some(0.2);
        written(&conversation, CLAUDE_4_5)
    };
    let (body, dropped) = think(hello());
    assert_eq!(
        (&body["inferenceConfig"], dropped),
        (&Value::Null, vec!["temperature".to_owned()])
    );

    let mut forced = with_tool(vec![said(Role::User, "a")]);
    forced.tool_choice = Some(ToolChoice::Required);
    let prefill = asks(vec![said(Role::User, "a"), said(Role::Assistant, "b")]);
    let turn = |before: Vec<Content>| {
        let content = [before, vec![call("c1", "weather", "{}")]].concat();
        with_tool(vec![
            said(Role::User, "a"),
            Message::new(Role::Assistant, content),
            Message::new(Role::Tool, vec![result("c1", vec![], false)]),
        ])
    };
    for conversation in [forced, prefill, turn(vec![])] {
        let (body, dropped) = think(conversation);
        assert_eq!(dropped, ["reasoning"]);
        assert_eq!(body["inferenceConfig"]["temperature"], 0.2);
    }
    let thought = Content::Reasoning(ReasoningPart {
        text: "hm".to_owned(),
        signature: Some(Signature::new(Issuer::Bedrock, "s")),
        encrypted: None,
    });
    assert_eq!(think(turn(vec![thought])).1, ["temperature"]);
}

#[test]
fn a_schema_is_a_text() {
    let mut conversation = hello();
    conversation.output = OutputForm::Schema {
        name: Some("answer".to_owned()),
        description: None,
        schema: json!({"type": "object"}),
        strict: Some(true),
    };
    assert_eq!(
        body(&conversation, CLAUDE_4_5)["outputConfig"],
        json!({"textFormat": {
            "type": "json_schema",
            "structure": {"jsonSchema": {"schema": r#"{"type":"object"}"#, "name": "answer"}},
        }})
    );
}

/// Several tools, and no two calls at once.
fn two_tools(tool_choice: Option<ToolChoice>) -> Conversation {
    let mut conversation = with_tool(vec![said(Role::User, "a")]);
    conversation.tools.extend(conversation.tools.clone());
    conversation.parallel_tools = Some(false);
    conversation.tool_choice = tool_choice;
    conversation
}

#[test]
fn claude_takes_its_own_word_for_one_call_at_a_time() {
    let choice = json!({"type": "auto", "disable_parallel_tool_use": true});
    for free in [None, Some(ToolChoice::Auto)] {
        let body = body(&two_tools(free), CLAUDE_4_5);
        assert_eq!(body["additionalModelRequestFields"]["tool_choice"], choice);
        assert_eq!(body["toolConfig"].get("toolChoice"), None, "both are refused");
    }
    // Where it has no word a single tool is hardly called twice; that it was not said is named.
    let mut one = two_tools(None);
    one.tools.truncate(1);
    let written = write(&one, "amazon.nova-pro-v1:0").unwrap();
    assert_eq!(written.dropped, ["parallel_tool_calls"]);
    assert!(write(&two_tools(None), "amazon.nova-pro-v1:0").is_err());
}

#[test]
fn what_bedrock_cannot_say_is_refused_by_name() {
    let of_user = |content: Vec<Content>| asks(vec![Message::new(Role::User, content)]);
    let url = || Media::of(Source::Url("https://a.example/x".to_owned()));
    let bad_call = |name: &str, arguments: &str| {
        with_tool(vec![
            said(Role::User, "a"),
            Message::new(Role::Assistant, vec![call("c", name, arguments)]),
        ])
    };
    let history = || bad_call("weather", "{}").messages;
    let cases: Vec<(Conversation, &str, &str)> = vec![
        (
            Conversation {
                untranslatable: vec!["previous_response_id".to_owned()],
                ..hello()
            },
            "previous_response_id",
            "is not known",
        ),
        (
            Conversation {
                choices: Some(2),
                ..hello()
            },
            "n",
            "is more than the one answer",
        ),
        (
            Conversation {
                logprobs: Some(0),
                ..hello()
            },
            "logprobs",
            "are not given",
        ),
        (
            two_tools(Some(ToolChoice::Required)),
            "parallel_tool_calls",
            "cannot be false",
        ),
        (
            Conversation {
                output: OutputForm::Json,
                ..hello()
            },
            "response_format",
            "of any JSON",
        ),
        (asks(vec![said(Role::System, "a")]), "messages", "say nothing"),
        (
            asks(vec![said(Role::Assistant, "a")]),
            "messages[0]",
            "is the assistant's",
        ),
        (
            of_user(vec![Content::Image(url())]),
            "messages[0].content[0]",
            "is at an address",
        ),
        (
            of_user(vec![Content::Document(data("application/pdf"))]),
            "messages[0].content",
            "has a document",
        ),
        (
            of_user(vec![call("c", "weather", "")]),
            "messages[0].content[0]",
            "is what only an assistant",
        ),
        (
            asks(vec![Message::new(Role::System, vec![Content::Image(url())])]),
            "messages[0].content[0]",
            "is no text",
        ),
        (
            asks(vec![
                said(Role::User, "a"),
                Message::new(Role::Assistant, vec![Content::Image(url())]),
            ]),
            "messages[1].content[0]",
            "is what only a user",
        ),
        (
            of_user(vec![result(
                "c",
                vec![Content::text("a"), Content::Audio(url())],
                false,
            )]),
            "messages[0].content[0].content[1]",
            "is no text, picture or document",
        ),
        (
            bad_call("weather", "{"),
            "messages[1].content[0]",
            "calls `weather` with arguments",
        ),
        (
            bad_call("weather", "[]"),
            "messages[1].content[0]",
            "calls `weather` with arguments",
        ),
        (
            bad_call("the weather", "{}"),
            "messages[1].content[0]",
            "names a tool `the weather`",
        ),
        (
            Conversation {
                tools: vec![Tool {
                    name: "a.b".to_owned(),
                    ..Tool::default()
                }],
                ..hello()
            },
            "tools[0]",
            "names a tool `a.b`",
        ),
        (asks(history()), "tools", "are missing"),
        (
            Conversation {
                tool_choice: Some(ToolChoice::None),
                ..with_tool(history())
            },
            "tool_choice",
            "cannot be `none`",
        ),
    ];
    for (conversation, field, reason) in cases {
        let (found, said) = refused(&conversation);
        assert_eq!(found, field, "{said}");
        assert!(said.starts_with(reason), "{field}: {said}");
    }
}
