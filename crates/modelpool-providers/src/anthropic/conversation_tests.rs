//! Bodies as conversations.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{AnthropicCaller, AnthropicWire};
use crate::neutral::{Conversation, Effort, OutputForm, Reasoning, ToolChoice};
use crate::openai_chat::read::BodyError;
use crate::wire::{Caller, Target, Wire};
use modelpool_core::Operation;

fn read(body: &Value) -> Result<Conversation, BodyError> {
    AnthropicCaller.conversation(body.to_string().as_bytes())
}

/// A body with a message and these members.
pub(super) fn with(members: Value) -> Conversation {
    read(&body_with(members)).unwrap()
}

fn body_with(members: Value) -> Value {
    let mut body =
        json!({"model": "auto", "max_tokens": 100, "messages": [{"role": "user", "content": "hello"}]});
    body.as_object_mut()
        .unwrap()
        .extend(members.as_object().unwrap().clone());
    body
}

fn param(body: &Value) -> String {
    let error = read(body).unwrap_err();
    assert!(!error.message.is_empty());
    error.param.unwrap_or_default()
}

#[test]
fn the_least_body() {
    let read = with(json!({}));
    assert_eq!(
        (read.max_output_tokens, read.messages[0].text().as_str()),
        (Some(100), "hello")
    );
    assert_eq!(
        (read.hints.len(), read.untranslatable.len(), read.stream),
        (0, 0, false)
    );
}

#[test]
fn settings() {
    let read = with(json!({
        "temperature": 0.5, "top_p": 0.9, "top_k": 3, "stop_sequences": ["END"], "stream": true,
        "tools": [
            {"name": "f", "description": "d", "input_schema": {"type": "object"}, "cache_control": {"type": "ephemeral"}},
            {"type": "custom", "name": "g", "input_schema": {"type": "object"}, "strict": true, "eager_input_streaming": true},
        ],
        "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": true},
        "metadata": {"user_id": "u"}, "service_tier": "auto", "brand_new": 1, "modelpool": {"tags": []},
    }));
    assert_eq!(
        (
            read.sampling.temperature,
            read.sampling.top_p,
            read.sampling.top_k
        ),
        (Some(0.5), Some(0.9), Some(3))
    );
    assert_eq!(
        (read.sampling.stop.as_slice(), read.stream),
        (&["END".to_owned()][..], true)
    );
    assert_eq!(
        (read.tools[0].name.as_str(), read.tools[1].strict),
        ("f", Some(true))
    );
    assert_eq!(
        (&read.tool_choice, read.parallel_tools),
        (&Some(ToolChoice::Named("f".to_owned())), Some(false))
    );
    let hints: Vec<&str> = read.hints.keys().map(String::as_str).collect();
    assert_eq!(
        hints,
        [
            "cache_control",
            "tools[1].eager_input_streaming",
            "metadata",
            "service_tier",
            "brand_new"
        ]
    );
    assert_eq!(read.untranslatable, Vec::<String>::new());
}

#[test]
fn thinking_and_effort() {
    let reasoning = |effort, budget_tokens, visible| {
        Some(Reasoning {
            effort,
            budget_tokens,
            visible,
        })
    };
    for (members, expected) in [
        (json!({}), None),
        (
            json!({"thinking": {"type": "enabled", "budget_tokens": 2000}}),
            reasoning(None, Some(2000), None),
        ),
        (
            json!({"thinking": {"type": "adaptive", "display": "omitted"}}),
            reasoning(None, None, Some(false)),
        ),
        (
            json!({"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}),
            reasoning(Some(Effort::Low), None, None),
        ),
        (
            json!({"output_config": {"effort": "max"}}),
            reasoning(Some(Effort::ExtraHigh), None, None),
        ),
        (
            json!({"output_config": {"effort": "high"}, "thinking": {"type": "disabled"}}),
            reasoning(Some(Effort::None), Some(0), None),
        ),
        (
            json!({"thinking": {"type": "disabled"}, "output_config": {"effort": "high"}}),
            reasoning(Some(Effort::None), Some(0), None),
        ),
    ] {
        assert_eq!(with(members.clone()).reasoning, expected, "{members}");
    }
}

#[test]
fn forms_of_output() {
    let format = json!({"type": "json_schema", "schema": {"type": "object"}});
    for members in [
        json!({"output_config": {"format": format}}),
        json!({"output_format": format}),
    ] {
        let OutputForm::Schema { schema, .. } = with(members).output else {
            panic!("no schema");
        };
        assert_eq!(schema, json!({"type": "object"}));
    }
}

#[test]
fn what_no_other_wire_can_say() {
    let of_block = |block: Value| json!({"messages": [{"role": "user", "content": [block]}]});
    for (members, expected) in [
        (
            json!({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}),
            vec!["tools[0]"],
        ),
        (json!({"mcp_servers": [{}]}), vec!["mcp_servers"]),
        (json!({"mcp_servers": [], "container": null}), vec![]),
        (json!({"container": "c"}), vec!["container"]),
        (
            of_block(json!({"type": "search_result", "source": "x"})),
            vec!["messages[0].content[0]"],
        ),
        (
            of_block(
                json!({"type": "document", "source": {"type": "url", "url": "u"}, "citations": {"enabled": true}}),
            ),
            vec!["messages[0].content[0].citations"],
        ),
    ] {
        let read = with(members.clone());
        assert_eq!(read.untranslatable, expected, "{members}");
        let target = Target {
            operation: Operation::Chat,
            model: "m",
            stream: false,
        };
        if let Some(first) = expected.first() {
            assert_eq!(AnthropicWire.write(&read, &target).unwrap_err().field, *first);
        }
    }
}

#[test]
fn mistakes_are_named() {
    assert_eq!(param(&json!([])), "");
    assert_eq!(param(&json!({"model": "m"})), "messages");
    let of_block = |block: Value| json!({"messages": [{"role": "user", "content": [block]}]});
    for (members, expected) in [
        (json!({"messages": {}}), "messages"),
        (json!({"messages": [], "thread": {"type": "create"}}), "thread"),
        (
            json!({"messages": [{"role": "robot", "content": ""}]}),
            "messages[0].role",
        ),
        (json!({"messages": [{"role": "user"}]}), "messages[0].content"),
        (json!({"messages": [7]}), "messages[0].role"),
        (of_block(json!({"text": "a"})), "messages[0].content[0].type"),
        (of_block(json!({"type": "text"})), "messages[0].content[0].text"),
        (
            of_block(json!({"type": "image"})),
            "messages[0].content[0].source.type",
        ),
        (
            of_block(json!({"type": "image", "source": {"type": "url"}})),
            "messages[0].content[0].source.url",
        ),
        (
            of_block(json!({"type": "tool_use", "id": "1", "name": "f", "input": "x"})),
            "messages[0].content[0].input",
        ),
        (
            of_block(json!({"type": "tool_result", "content": "x"})),
            "messages[0].content[0].tool_use_id",
        ),
        (
            of_block(
                json!({"type": "tool_result", "tool_use_id": "1", "content": [{"type": "tool_use", "id": "2", "name": "f"}]}),
            ),
            "messages[0].content[0].content[0]",
        ),
        (json!({"system": 7}), "system"),
        (json!({"system": [{"type": "thinking"}]}), "system[0]"),
        (json!({"max_tokens": -1}), "max_tokens"),
        (json!({"temperature": "hot"}), "temperature"),
        (json!({"stop_sequences": "END"}), "stop_sequences"),
        (json!({"stream": "yes"}), "stream"),
        (json!({"tools": {}}), "tools"),
        (json!({"tools": [{"input_schema": {}}]}), "tools[0].name"),
        (
            json!({"tools": [{"name": "f", "input_schema": 1}]}),
            "tools[0].input_schema",
        ),
        (json!({"tool_choice": "auto"}), "tool_choice.type"),
        (json!({"tool_choice": {"type": "tool"}}), "tool_choice.name"),
        (json!({"thinking": {"type": "enabled"}}), "thinking.budget_tokens"),
        (json!({"thinking": {"type": "deep"}}), "thinking.type"),
        (
            json!({"output_format": {"type": "json_schema"}}),
            "output_format.schema",
        ),
        (
            json!({"output_config": {"format": {"type": "xml"}}}),
            "output_config.format.type",
        ),
    ] {
        assert_eq!(param(&body_with(members)), expected);
    }
}

/// What this dialect says, this wire says again.
#[test]
fn from_the_dialect_to_the_wire() {
    let body = json!({
        "model": "claude-sonnet-4-5", "max_tokens": 9000, "system": "s",
        "messages": [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "hm", "signature": "EqQB"},
                {"type": "tool_use", "id": "1", "name": "f", "input": {"x": 1}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "1", "content": "r"},
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "é"}, "title": "t"},
            ]},
        ],
        "tools": [{"name": "f", "input_schema": {"type": "object"}, "description": "d", "strict": true}],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": true},
        "stop_sequences": ["END"],
        "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}},
        "thinking": {"type": "enabled", "budget_tokens": 2000},
        "stream": true, "metadata": {"user_id": "u"}, "service_tier": "auto",
    });
    let target = Target {
        operation: Operation::Chat,
        model: "claude-sonnet-4-5",
        stream: true,
    };
    let written = AnthropicWire.write(&read(&body).unwrap(), &target).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&written.body).unwrap(), body);
    assert_eq!(written.dropped, Vec::<String>::new());
}

proptest! {
    #[test]
    fn any_bytes_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = AnthropicCaller.conversation(&bytes);
    }

    /// Bodies that are nearly of the dialect.
    #[test]
    fn any_members_are_taken(
        key in prop::sample::select(vec![
            "messages", "system", "tools", "tool_choice", "thinking", "output_config", "stop_sequences", "container",
        ]),
        value in prop::sample::select(vec![
            "null", "1", "\"a\"", "[]", "[{}]", "{}", r#"[{"role":"user","content":[[]]}]"#, r#"[{"type":"text"}]"#,
            r#"{"type":"tool","name":7}"#, r#"{"effort":1,"format":[]}"#,
        ]),
    ) {
        let body = format!("{{\"messages\":[],\"{key}\":{value}}}");
        let _ = AnthropicCaller.conversation(body.as_bytes());
    }
}
