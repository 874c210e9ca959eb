use modelpool_core::FinishReason;
use proptest::prelude::*;

use super::*;

fn answer(body: &Value) -> Result<Answer, Broken> {
    read(&Bytes::from(body.to_string()))
}

fn whole() -> Value {
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5",
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": "EqQB"},
            {"type": "redacted_thinking", "data": "Zz"},
            {"type": "text", "text": "hello", "citations": [{"type": "page_location", "cited_text": "h"}]},
            {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"b": 1, "a": [1.0]}},
        ],
        "stop_reason": "tool_use", "stop_sequence": null,
        "usage": {
            "input_tokens": 7, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 3, "output_tokens": 5,
        },
    })
}

#[test]
fn an_answer_is_read_and_written_again() {
    let read = answer(&whole()).unwrap();
    let choice = &read.choices[0];
    assert_eq!(
        (choice.content.len(), &choice.finish),
        (4, &Some(FinishReason::ToolCalls))
    );
    let Content::ToolCall(call) = &choice.content[3] else {
        panic!("{choice:?}");
    };
    // As it stood, the order of the members too.
    assert_eq!(call.arguments, r#"{"b":1,"a":[1.0]}"#);
    let usage = read.usage.unwrap();
    assert_eq!(
        (usage.input_tokens, usage.cached_input_tokens, usage.output_tokens),
        (10, 3, 5)
    );
    let written: Value = serde_json::from_slice(&write(&read, "other")).unwrap();
    assert_eq!(written, whole());
}

#[test]
fn what_is_no_answer() {
    let protocol = |body: Value| matches!(answer(&body), Err(Broken::Protocol(_)));
    assert!(protocol(json!([])) && protocol(json!({"content": "text"})) && protocol(json!({})));
    assert!(protocol(
        json!({"content": [{"type": "tool_use", "id": "t", "input": {}}]})
    ));
    assert!(matches!(
        read(&Bytes::from_static(b"<html>")),
        Err(Broken::Protocol(_))
    ));
    let error = json!({"type": "overloaded_error", "message": "m"});
    let refused = answer(&json!({"type": "error", "error": error}));
    assert_eq!(refused, Err(Broken::Refusal(error)));
    assert_eq!(
        answer(&json!({"type": "error"})),
        Err(Broken::Refusal(json!({"type": "error"})))
    );
}

#[test]
fn what_is_missing_is_missing() {
    let read = answer(&json!({"content": [
        {"type": "text", "text": ""}, {"type": "what_is_to_come"}, {"type": "tool_use", "name": "f"},
    ]}))
    .unwrap();
    assert_eq!((read.usage, &read.choices[0].finish), (None, &None));
    let [Content::ToolCall(call)] = read.choices[0].content.as_slice() else {
        panic!("{read:?}");
    };
    assert!(call.id.starts_with("toolu_") && call.arguments.is_empty());
    let written: Value = serde_json::from_slice(&write(&read, "m")).unwrap();
    assert_eq!(
        (&written["stop_reason"], &written["model"]),
        (&Value::Null, &json!("m"))
    );
    assert_eq!(written["content"][0]["input"], json!({}));
    assert_eq!(written["usage"]["output_tokens"], json!(0));
}

#[test]
fn answers_of_other_wires() {
    let gemini = |value: &str| Some(Signature::new(Issuer::Gemini, value));
    let content = vec![
        Content::Reasoning(ReasoningPart {
            text: "unsigned".to_owned(),
            ..ReasoningPart::default()
        }),
        Content::Reasoning(ReasoningPart {
            text: "sum".to_owned(),
            signature: None,
            encrypted: Some(Signature::new(Issuer::OpenAi, "enc")),
        }),
        Content::Text(Text {
            text: "t".to_owned(),
            citations: vec![json!({"type": "url_citation"})],
        }),
        Content::Refusal("no".to_owned()),
        Content::ToolCall(ToolCall {
            id: "c".to_owned(),
            name: "f".to_owned(),
            arguments: "{\"cut".to_owned(),
            signature: gemini("s"),
        }),
    ];
    let other = Answer {
        choices: vec![Choice {
            content,
            finish: Some(FinishReason::Stop),
            stop_sequence: Some("END".to_owned()),
            logprobs: None,
        }],
        ..Answer::default()
    };
    let written: Value = serde_json::from_slice(&write(&other, "m")).unwrap();
    assert_eq!(
        written["content"],
        json!([
            {"type": "thinking", "thinking": "unsigned", "signature": ""},
            {"type": "thinking", "thinking": "sum", "signature": ""},
            {"type": "redacted_thinking", "data": "modelpool:openai:enc"},
            {"type": "text", "text": "t"},
            {"type": "text", "text": "no"},
            {"type": "redacted_thinking", "data": "modelpool:gemini:call:s"},
            {"type": "tool_use", "id": "c", "name": "f", "input": "{\"cut"},
        ])
    );
    assert_eq!(
        (&written["stop_reason"], &written["stop_sequence"]),
        (&json!("stop_sequence"), &json!("END"))
    );
    // An answer without any choice does not look complete.
    let none: Value = serde_json::from_slice(&write(&Answer::default(), "m")).unwrap();
    assert_eq!(
        (&none["stop_reason"], &none["content"]),
        (&Value::Null, &json!([]))
    );
}

proptest! {
    #[test]
    fn any_body_is_taken(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let _ = read(&Bytes::from(bytes));
    }
}
