use proptest::prelude::*;
use serde_json::json;

use super::*;

fn read_json(body: &Value) -> Result<Answer, Broken> {
    read(&Bytes::from(body.to_string()))
}

fn content(blocks: Value) -> Vec<Content> {
    let body =
        json!({"output": {"message": {"role": "assistant", "content": blocks}}, "stopReason": "end_turn"});
    read_json(&body).unwrap().choices.remove(0).content
}

#[test]
fn a_whole_answer() {
    let answer = read_json(&json!({
        "metrics": {"latencyMs": 1275},
        "output": {"message": {"role": "assistant", "content": [
            {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "sig=="}}},
            {"text": "Let me look."},
            {"toolUse": {"toolUseId": "tooluse_1", "name": "weather", "input": {"city": "Köln", "days": 2}}},
        ]}},
        "stopReason": "tool_use",
        "usage": {"inputTokens": 10, "outputTokens": 5, "totalTokens": 22, "cacheReadInputTokens": 4, "cacheWriteInputTokens": 3},
    }))
    .unwrap();
    assert_eq!(
        answer.choices[0].content,
        [
            Content::Reasoning(ReasoningPart {
                text: "hm".to_owned(),
                signature: Some(Signature::new(Issuer::Bedrock, "sig==")),
                encrypted: None,
            }),
            Content::text("Let me look."),
            Content::ToolCall(ToolCall {
                id: "tooluse_1".to_owned(),
                name: "weather".to_owned(),
                arguments: r#"{"city":"Köln","days":2}"#.to_owned(),
                signature: None,
            }),
        ]
    );
    assert_eq!(answer.choices[0].finish, Some(FinishReason::ToolCalls));
    let usage = answer.usage.unwrap();
    assert_eq!(
        (usage.input_tokens, usage.cached_input_tokens, usage.output_tokens),
        (17, 4, 5)
    );
}

#[test]
fn blocks() {
    for (block, expected) in [
        (json!({"text": ""}), vec![]),
        (json!({"text": "a", "unknown": 1}), vec![Content::text("a")]),
        (
            json!({"reasoningContent": {"redactedContent": "YWI="}}),
            vec![Content::Reasoning(ReasoningPart {
                encrypted: Some(Signature::new(Issuer::Bedrock, "YWI=")),
                ..ReasoningPart::default()
            })],
        ),
        (
            json!({"reasoningContent": {"reasoningText": {"text": ""}}}),
            vec![],
        ),
        (
            json!({"citationsContent": {"content": [{"text": "a"}, {"text": "b"}], "citations": [{"title": "t"}]}}),
            vec![Content::Text(Text {
                text: "ab".to_owned(),
                citations: vec![json!({"title": "t"})],
            })],
        ),
        (
            json!({"toolUse": {"toolUseId": "i", "name": "n"}}),
            vec![Content::ToolCall(ToolCall {
                id: "i".to_owned(),
                name: "n".to_owned(),
                arguments: "{}".to_owned(),
                signature: None,
            })],
        ),
        (
            json!({"toolUse": {"toolUseId": "i", "name": "n", "type": "server_tool_use"}}),
            vec![],
        ),
        (json!({"image": {"format": "png"}}), vec![]),
        (json!("text"), vec![]),
    ] {
        assert_eq!(content(json!([block])), expected, "{block}");
    }
}

#[test]
fn reasons() {
    for (word, called, expected) in [
        ("end_turn", false, FinishReason::Stop),
        ("end_turn", true, FinishReason::ToolCalls),
        ("stop_sequence", false, FinishReason::Stop),
        ("tool_use", true, FinishReason::ToolCalls),
        ("max_tokens", true, FinishReason::Length),
        ("model_context_window_exceeded", false, FinishReason::Length),
        ("guardrail_intervened", false, FinishReason::ContentFilter),
        ("content_filtered", false, FinishReason::ContentFilter),
        (
            "malformed_tool_use",
            false,
            FinishReason::Other("malformed_tool_use".to_owned()),
        ),
    ] {
        assert_eq!(finish_reason(word, called), expected, "{word}");
    }
}

#[test]
fn an_answer_that_does_not_say_how_it_ended_is_not_known_to_be_whole() {
    let answer = read_json(&json!({"output": {"message": {"content": [{"text": "a"}]}}})).unwrap();
    assert_eq!((answer.choices[0].finish.clone(), answer.usage), (None, None));
    let stopped = read_json(&json!({
        "output": {"message": {"content": []}},
        "stopReason": "stop_sequence",
        "additionalModelResponseFields": {"stop_sequence": "END"},
    }));
    assert_eq!(stopped.unwrap().choices[0].stop_sequence.as_deref(), Some("END"));
}

#[test]
fn cached_tokens_are_part_of_the_input() {
    for (input, total, read, written, expected) in [
        (13, 1443, 1425, 0, (1438, 1425)),
        (13, 1443, 0, 1425, (1438, 0)),
        (13, 0, 1425, 0, (1438, 1425)),
        (100, 105, 40, 10, (100, 40)),
        (13, 18, 0, 0, (13, 0)),
        (u64::MAX, 0, u64::MAX, 1, (u64::MAX, u64::MAX)),
    ] {
        let said = json!({"inputTokens": input, "outputTokens": 5, "totalTokens": total,
            "cacheReadInputTokens": read, "cacheWriteInputTokens": written});
        let usage = usage(&said).unwrap();
        assert_eq!(
            (usage.input_tokens, usage.cached_input_tokens),
            expected,
            "{said}"
        );
    }
    assert_eq!(usage(&json!({"inputTokens": 0})), None);
    assert_eq!(usage(&json!("x")), None);
}

#[test]
fn what_was_written_to_the_cache_is_counted_by_how_long_it_is_kept() {
    for (details, expected) in [
        (json!(null), (30, 0)),
        (
            json!([{"ttl": "1h", "inputTokens": 20}, {"ttl": "5m", "inputTokens": 10}]),
            (30, 20),
        ),
        (
            json!([{"ttl": "1h", "inputTokens": u64::MAX}, {"ttl": "1h", "inputTokens": 1}, 7]),
            (30, 30),
        ),
    ] {
        let said = json!({"inputTokens": 1, "outputTokens": 5, "totalTokens": 36, "cacheWriteInputTokens": 30,
            "cacheDetails": details});
        let usage = usage(&said).unwrap();
        assert_eq!((usage.cache_write_tokens, usage.cache_write_1h_tokens), expected);
    }
}

#[test]
fn what_is_no_answer() {
    let protocol = |body: &str| match read(&Bytes::copy_from_slice(body.as_bytes())) {
        Err(Broken::Protocol(message)) => message,
        other => panic!("{body}: {other:?}"),
    };
    for (body, expected) in [
        ("", "the answer is not JSON: "),
        ("<html>", "the answer is not JSON: "),
        ("{}", "the answer has no `output.message.content`"),
        ("[]", "the answer has no `output.message.content`"),
        (
            r#"{"output":null,"stopReason":"end_turn"}"#,
            "the answer has no `output.message.content`",
        ),
        (
            r#"{"output":{"message":{"content":[{"text":"a"},{"toolUse":{"name":"n"}}]}}}"#,
            "output.message.content[1] is a tool call without `toolUseId`",
        ),
        (
            r#"{"output":{"message":{"content":[{"toolUse":{"toolUseId":"i","name":""}}]}}}"#,
            "output.message.content[0] is a tool call without `name`",
        ),
    ] {
        assert!(protocol(body).starts_with(expected), "{body}: {}", protocol(body));
    }
    for (body, expected) in [
        (json!({"message": "no"}), json!({"message": "no"})),
        (
            json!({"Output": {"__type": "com.amazon.coral.service#UnknownOperationException"}, "Version": "1.0"}),
            json!({"__type": "com.amazon.coral.service#UnknownOperationException"}),
        ),
    ] {
        assert_eq!(read_json(&body), Err(Broken::Refusal(expected)), "{body}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&Bytes::from(bytes));
    }
}
