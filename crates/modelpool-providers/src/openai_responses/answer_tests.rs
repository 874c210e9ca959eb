use proptest::prelude::*;

use super::*;
use crate::neutral::{Issuer, ReasoningPart};

fn read_value(body: &Value) -> Result<Answer, Broken> {
    read(&Bytes::from(body.to_string()))
}

fn response(status: &str, output: Value) -> Value {
    json!({"id": "resp_1", "object": "response", "created_at": 17, "model": "gpt-5-2025", "status": status,
        "error": null, "incomplete_details": null, "output": output})
}

/// An answer with one of everything.
fn rich() -> Answer {
    let gemini = Signature::new(Issuer::Gemini, "sig");
    let call = |id: &str, signature| {
        Content::ToolCall(ToolCall {
            id: id.into(),
            name: "f".into(),
            arguments: "{\"a\":1}".into(),
            signature,
        })
    };
    let content = vec![
        Content::Reasoning(ReasoningPart {
            text: "hm".into(),
            signature: Some(Signature::new(Issuer::Anthropic, "EqQB")),
            encrypted: None,
        }),
        Content::Reasoning(ReasoningPart {
            encrypted: Some(Signature::new(Issuer::OpenAi, "gAAA")),
            ..ReasoningPart::default()
        }),
        Content::Text(Text {
            text: "it rains".into(),
            citations: vec![
                json!({"type": "url_citation", "url": "https://a", "title": "A", "start_index": 0,
                "end_index": 2}),
            ],
        }),
        Content::Refusal("no more".into()),
        call("call_1", None),
        call("call_2", Some(gemini)),
    ];
    Answer {
        head: Head {
            id: Some("resp_1".into()),
            model: Some("m".into()),
            created: Some(17),
        },
        choices: vec![Choice {
            content,
            finish: Some(FinishReason::ToolCalls),
            stop_sequence: None,
            logprobs: Some(
                json!({"content": [{"token": "it", "logprob": -0.5, "bytes": [105, 116],
                "top_logprobs": []}]}),
            ),
        }],
        usage: Some(Usage {
            input_tokens: 10,
            cached_input_tokens: 4,
            output_tokens: 5,
            reasoning_tokens: 2,
            ..Usage::default()
        }),
    }
}

#[test]
fn an_answer_comes_back_as_it_was() {
    assert_eq!(read(&write(&rich(), "unused")).unwrap(), rich());
}

#[test]
fn what_clients_read_of_a_response() {
    let body: Value = serde_json::from_slice(&write(&rich(), "unused")).unwrap();
    let types: Vec<&str> = list(&body, "output")
        .filter_map(|item| text(item, "type"))
        .collect();
    let expected = [
        "reasoning",
        "reasoning",
        "message",
        "function_call",
        "reasoning",
        "function_call",
    ];
    assert_eq!(types, expected);
    assert_eq!(
        (&body["object"], &body["status"]),
        (&json!("response"), &json!("completed"))
    );
    assert_eq!(body["output"][0]["encrypted_content"], "modelpool:anthropic:EqQB");
    assert_eq!(body["output"][3]["call_id"], "call_1");
    assert_ne!(body["output"][3]["id"], "call_1");
    let usage = json!({"input_tokens": 10, "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0}, "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 15});
    assert_eq!(body["usage"], usage);
    let ids: std::collections::BTreeSet<&str> = list(&body, "output")
        .filter_map(|item| text(item, "id"))
        .collect();
    assert_eq!(ids.len(), expected.len(), "every item has an id of its own");
}

#[test]
fn reasons_to_end() {
    let message = |status: &str| {
        json!([{"type": "message", "role": "assistant", "id": "m", "status": status,
        "content": [{"type": "output_text", "text": "a", "annotations": []}]}])
    };
    let call =
        json!([{"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}"}]);
    let incomplete = |reason: &str| {
        let mut body = response("incomplete", message("incomplete"));
        body["incomplete_details"] = json!({"reason": reason});
        body
    };
    for (body, expected) in [
        (response("completed", message("completed")), FinishReason::Stop),
        (response("completed", call), FinishReason::ToolCalls),
        (incomplete("max_output_tokens"), FinishReason::Length),
        (incomplete("content_filter"), FinishReason::ContentFilter),
        (incomplete("boredom"), FinishReason::Other("boredom".into())),
        (
            response("incomplete", json!([])),
            FinishReason::Other("incomplete".into()),
        ),
    ] {
        let answer = read_value(&body).unwrap();
        assert_eq!(answer.choices[0].finish, Some(expected), "{body}");
        // And the way back.
        let written: Value = serde_json::from_slice(&write(&answer, "m")).unwrap();
        assert_eq!(written["status"], body["status"], "{body}");
        if let Some(item) = written["output"].get(0) {
            assert_eq!(item["status"], body["status"], "{body}");
        }
    }
}

#[test]
fn what_is_not_known_to_be_whole_does_not_look_whole() {
    let mut body = response("", json!([]));
    body.as_object_mut().unwrap().remove("status");
    let answer = read_value(&body).unwrap();
    assert_eq!(answer.choices[0].finish, None);
    let written: Value = serde_json::from_slice(&write(&answer, "m")).unwrap();
    assert_eq!(written["status"], "incomplete");
    for status in ["in_progress", "queued", "cancelled", "dreaming"] {
        let broken = read_value(&response(status, json!([]))).unwrap_err();
        let expected = format!("the response is not whole: its status is `{status}`");
        assert_eq!(broken, Broken::Protocol(expected));
    }
}

#[test]
fn what_is_no_answer_is_broken() {
    let error = json!({"code": "server_error", "message": "no"});
    let mut failed = response("failed", json!([]));
    failed["error"] = error.clone();
    assert_eq!(read_value(&failed), Err(Broken::Refusal(error.clone())));
    assert_eq!(read_value(&json!({"error": error})), Err(Broken::Refusal(error)));
    assert!(matches!(
        read_value(&response("failed", json!([]))),
        Err(Broken::Refusal(_))
    ));
    for body in [
        "",
        "<html>",
        "[]",
        "{}",
        r#"{"choices":[]}"#,
        r#"{"output":"text"}"#,
    ] {
        let read = read(&Bytes::from_static(body.as_bytes()));
        assert!(matches!(read, Err(Broken::Protocol(_))), "{body}");
    }
}

#[test]
fn lenient_where_the_answer_can_still_be_whole() {
    let answer = read_value(
        &json!({"status": "completed", "created_at": 17.0, "usage": {"input_tokens": 3.0},
        "output": [7, {"type": "web_search_call"}, {"type": "message", "content": "?"},
            {"type": "message", "content": [{"type": "output_text", "text": ""}, {"type": "hologram"},
                {"type": "output_text", "text": "a"}]},
            {"type": "function_call", "id": "fc_1", "name": "f"}]}),
    )
    .unwrap();
    let call = ToolCall {
        id: "fc_1".into(),
        name: "f".into(),
        ..ToolCall::default()
    };
    assert_eq!(
        answer.choices[0].content,
        [Content::text("a"), Content::ToolCall(call)]
    );
    assert_eq!(answer.head.created, Some(17));
    assert_eq!(answer.usage.unwrap().input_tokens, 3);
}

#[test]
fn citations_take_the_dialect_s_shape() {
    let flat =
        json!({"type": "url_citation", "url": "https://a", "title": "A", "start_index": 1, "end_index": 2});
    let placed = |title: &str| {
        Some(
            json!({"type": "url_citation", "url": "https://a", "title": title, "start_index": 0, "end_index": 9}),
        )
    };
    for (citation, expected) in [
        (flat.clone(), Some(flat.clone())),
        (
            json!({"type": "file_path", "file_id": "f"}),
            Some(json!({"type": "file_path", "file_id": "f"})),
        ),
        (json!({"type": "url_citation", "url_citation": flat}), Some(flat)),
        (
            json!({"type": "web_search_result_location", "url": "https://a", "title": "A"}),
            placed("A"),
        ),
        (json!({"web": {"uri": "https://a"}}), placed("https://a")),
        (json!({"type": "char_location", "cited_text": "x"}), None),
        (json!("?"), None),
    ] {
        assert_eq!(object::annotation(&citation, 9), expected, "{citation}");
    }
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&Bytes::from(bytes));
    }
}
