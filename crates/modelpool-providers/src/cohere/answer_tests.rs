//! Whole answers of Cohere.

use bytes::Bytes;
use modelpool_core::{FinishReason, Usage};
use serde_json::{Value, json};

use super::CohereWire;
use super::answer::{logprobs, usage};
use crate::neutral::{Answer, Content, ReasoningPart, Text, ToolCall, made_up_id};
use crate::wire::{Broken, Wire};

fn read(body: &Value) -> Result<Answer, Broken> {
    CohereWire.read(&Bytes::from(body.to_string()))
}

fn reasoning(text: &str) -> Content {
    Content::Reasoning(ReasoningPart {
        text: text.to_owned(),
        ..ReasoningPart::default()
    })
}

#[test]
fn texts_reasoning_and_citations() {
    let citation = |text: &str, more: Value| {
        let mut citation = json!({"start": 0, "end": 2, "text": text, "sources": []});
        for (name, value) in more.as_object().unwrap() {
            citation[name] = value.clone();
        }
        citation
    };
    let second = citation("b", json!({"content_index": 2, "type": "TEXT_CONTENT"}));
    let first = citation("a", json!({}));
    let answer = read(&json!({
        "id": "c14c", "finish_reason": "COMPLETE",
        "message": {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "One."},
                {"type": "text", "text": "Two."}, {"type": "something", "value": 1}, {"type": "text", "text": ""},
            ],
            "citations": [second, first, citation("p", json!({"type": "PLAN"}))],
        },
        "usage": {"billed_units": {"input_tokens": 5, "output_tokens": 418},
                  "tokens": {"input_tokens": 71, "output_tokens": 418}},
    }))
    .unwrap();
    assert_eq!(answer.head.id.as_deref(), Some("c14c"));
    let [choice] = answer.choices.as_slice() else {
        panic!("{answer:?}")
    };
    let text = |text: &str, citation: &Value| {
        Content::Text(Text {
            text: text.to_owned(),
            citations: vec![citation.clone()],
        })
    };
    assert_eq!(
        choice.content,
        [reasoning("hm"), text("One.", &first), text("Two.", &second)]
    );
    assert_eq!(choice.finish, Some(FinishReason::Stop));
    assert_eq!(answer.usage.unwrap().total_tokens(), 71 + 418);
}

#[test]
fn calls_of_tools_with_a_plan() {
    let body = json!({
        "id": "x", "finish_reason": "TOOL_CALL",
        "message": {"role": "assistant", "tool_plan": "I will look.", "tool_calls": [
            {"id": "w_1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\":\"图\"}"}},
            {"type": "function", "function": {"name": "now"}},
            {"id": "nameless", "function": {}},
        ]},
    });
    let choice = read(&body).unwrap().choices.remove(0);
    let call = |id: String, name: &str, arguments: &str| {
        Content::ToolCall(ToolCall {
            id,
            name: name.to_owned(),
            arguments: arguments.to_owned(),
            signature: None,
        })
    };
    let made_up = made_up_id("call_", body.to_string().as_bytes(), 1);
    assert_eq!(
        choice.content,
        [
            reasoning("I will look."),
            call("w_1".to_owned(), "weather", "{\"city\":\"图\"}"),
            call(made_up, "now", "{}"),
        ]
    );
    assert_eq!(choice.finish, Some(FinishReason::ToolCalls));
}

#[test]
fn reasons_are_told_apart() {
    let calls = json!([{"id": "a", "function": {"name": "f"}}]);
    for (word, calls, expected) in [
        (json!("COMPLETE"), json!([]), Some(FinishReason::Stop)),
        (json!("STOP_SEQUENCE"), Value::Null, Some(FinishReason::Stop)),
        (json!("COMPLETE"), calls.clone(), Some(FinishReason::ToolCalls)),
        (json!("MAX_TOKENS"), calls, Some(FinishReason::Length)),
        (
            json!("TIRED"),
            json!([]),
            Some(FinishReason::Other("TIRED".to_owned())),
        ),
        (Value::Null, json!([]), None),
        (json!(3), json!([]), None),
    ] {
        let body = json!({"finish_reason": word, "message": {"tool_calls": calls}});
        assert_eq!(read(&body).unwrap().choices[0].finish, expected, "{body}");
    }
}

#[test]
fn tokens_used_come_before_tokens_billed() {
    let all_but = |input, cached, output, unbilled: (u64, u64)| {
        Some(Usage {
            input_tokens: input,
            cached_input_tokens: cached,
            output_tokens: output,
            unbilled_input_tokens: unbilled.0,
            unbilled_output_tokens: unbilled.1,
            ..Usage::default()
        })
    };
    let used = |input, cached, output| all_but(input, cached, output, (0, 0));
    for (object, expected) in [
        (
            json!({"billed_units": {"input_tokens": 1, "output_tokens": 2},
                   "tokens": {"input_tokens": 30.0, "output_tokens": 4}, "cached_tokens": 16}),
            all_but(30, 16, 4, (29, 2)),
        ),
        (
            json!({"billed_units": {"input_tokens": 1, "output_tokens": 2}}),
            used(1, 0, 2),
        ),
        (
            json!({"tokens": {"input_tokens": 3, "output_tokens": 4}, "cached_tokens": 9}),
            used(3, 3, 4),
        ),
        (json!({"tokens": {"input_tokens": 3}}), None),
        (
            json!({"tokens": {"input_tokens": -3, "output_tokens": 1e99}}),
            None,
        ),
        (json!({}), None),
        (Value::Null, None),
    ] {
        assert_eq!(usage(&object), expected, "{object}");
    }
}

#[test]
fn log_probabilities_take_openai_s_shape() {
    let items = json!([
        {"text": "Hi", "token_ids": [1], "logprobs": [-0.5]},
        {"text": " 图", "token_ids": [2, 3], "logprobs": [-0.25, -1.0]},
        {"text": "x", "token_ids": [4]},
    ]);
    let expected = json!({"content": [
        {"token": "Hi", "logprob": -0.5, "bytes": [72, 105], "top_logprobs": []},
        {"token": " 图", "logprob": -1.25, "bytes": [32, 229, 155, 190], "top_logprobs": []},
    ]});
    assert_eq!(logprobs(&items), Some(expected));
    assert_eq!(logprobs(&json!([])), None);
}

#[test]
fn what_is_not_whole_is_no_answer() {
    for body in [
        json!({"message": "invalid api token", "id": "x"}),
        json!({"error": {"code": 500}}),
    ] {
        assert_eq!(read(&body).unwrap_err(), Broken::Refusal(body));
    }
    for word in ["ERROR", "TIMEOUT"] {
        let body = json!({"finish_reason": word, "message": {"content": [{"type": "text", "text": "half"}]}});
        let expected = json!({"message": format!("the generation ended with {word}"), "type": word});
        assert_eq!(read(&body).unwrap_err(), Broken::Refusal(expected));
    }
    for (body, message) in [
        ("", "the answer is not JSON"),
        ("{}", "the answer has no `message`"),
    ] {
        let Broken::Protocol(said) = CohereWire.read(&Bytes::from_static(body.as_bytes())).unwrap_err()
        else {
            panic!("{body}")
        };
        assert!(said.starts_with(message), "{said}");
    }
}
