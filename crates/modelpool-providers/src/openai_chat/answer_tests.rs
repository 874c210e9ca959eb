use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::neutral::Issuer;

fn read_text(body: &str) -> Result<Answer, Broken> {
    read(&Bytes::copy_from_slice(body.as_bytes()))
}

fn only_choice(message: Value, finish: Value) -> Choice {
    let body = json!({"choices": [{"index": 0, "message": message, "finish_reason": finish}]});
    read_text(&body.to_string()).unwrap().choices.remove(0)
}

fn rich() -> Answer {
    let citation = json!({"type": "url_citation", "url_citation":
        {"start_index": 0, "end_index": 3, "url": "https://a", "title": "A"}});
    Answer {
        head: Head {
            id: Some("chatcmpl-1".to_owned()),
            model: Some("m-2026".to_owned()),
            created: Some(17),
        },
        choices: vec![
            Choice {
                content: vec![
                    Content::Reasoning(ReasoningPart {
                        text: "hm".to_owned(),
                        ..ReasoningPart::default()
                    }),
                    Content::Text(Text {
                        text: "It is 图".to_owned(),
                        citations: vec![citation],
                    }),
                    Content::ToolCall(ToolCall {
                        id: "call_1".to_owned(),
                        name: "f".to_owned(),
                        arguments: r#"{"a": 1}"#.to_owned(),
                        signature: Some(Signature::new(Issuer::Gemini, "sig")),
                    }),
                ],
                finish: Some(FinishReason::ToolCalls),
                stop_sequence: None,
                logprobs: Some(json!({"content": [{"token": "It", "logprob": -0.5}]})),
            },
            Choice {
                content: vec![Content::Refusal("never".to_owned())],
                finish: Some(FinishReason::Other("recitation".to_owned())),
                ..Choice::default()
            },
        ],
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
fn what_is_written_is_read_again() {
    let body = write(&rich(), "other");
    assert_eq!(read(&body).unwrap(), rich());
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["object"], "chat.completion");
    assert_eq!(body["usage"]["total_tokens"], 15);
    assert_eq!(body["choices"][1]["message"]["content"], Value::Null);
}

#[test]
fn an_answer_that_does_not_say_what_it_is() {
    let answer = Answer {
        choices: vec![Choice::default()],
        ..Answer::default()
    };
    let body: Value = serde_json::from_slice(&write(&answer, "m")).unwrap();
    assert_eq!(
        (&body["id"], &body["model"], &body["created"]),
        (&json!(NO_ID), &json!("m"), &json!(0))
    );
    assert_eq!(body["choices"][0]["finish_reason"], Value::Null);
    assert!(body.get("usage").is_none());
}

#[test]
fn calls_of_other_wires_get_json_and_signatures_travel() {
    let answer = Answer {
        choices: vec![Choice {
            content: vec![
                Content::Reasoning(ReasoningPart {
                    text: "hm".to_owned(),
                    signature: Some(Signature::new(Issuer::Anthropic, "EqQB")),
                    encrypted: None,
                }),
                Content::Reasoning(ReasoningPart {
                    encrypted: Some(Signature::new(Issuer::Bedrock, "xx")),
                    ..ReasoningPart::default()
                }),
                Content::ToolCall(ToolCall {
                    name: "f".to_owned(),
                    ..ToolCall::default()
                }),
            ],
            ..Choice::default()
        }],
        ..Answer::default()
    };
    let body: Value = serde_json::from_slice(&write(&answer, "m")).unwrap();
    let message = &body["choices"][0]["message"];
    assert_eq!(message["tool_calls"][0]["function"]["arguments"], "{}");
    let details = json!([
        {"type": "reasoning.text", "signature": "modelpool:anthropic:EqQB", "text": "hm"},
        {"type": "reasoning.encrypted", "data": "modelpool:bedrock:xx"},
    ]);
    assert_eq!(message["reasoning_details"], details);
    // And come back with the next request.
    let request = json!({"messages": [message]});
    let conversation = crate::openai_chat::conversation::read(request.to_string().as_bytes()).unwrap();
    let returned: Vec<&Content> = conversation.messages[0].content.iter().collect();
    assert_eq!(
        returned[..2],
        answer.choices[0].content.iter().collect::<Vec<_>>()[..2]
    );
}

#[test]
fn finish_reasons() {
    let call = json!([{"id": "1", "function": {"name": "f", "arguments": "{}"}}]);
    for (word, calls, expected) in [
        (json!("stop"), json!(null), Some(FinishReason::Stop)),
        (json!("stop"), call.clone(), Some(FinishReason::ToolCalls)),
        (json!("tool_calls"), call.clone(), Some(FinishReason::ToolCalls)),
        (json!("function_call"), json!([]), Some(FinishReason::ToolCalls)),
        (json!("length"), call, Some(FinishReason::Length)),
        (
            json!("content_filter"),
            json!(null),
            Some(FinishReason::ContentFilter),
        ),
        (
            json!("eos"),
            json!(null),
            Some(FinishReason::Other("eos".to_owned())),
        ),
        (json!(null), json!(null), None),
    ] {
        let choice = only_choice(json!({"content": "a", "tool_calls": calls}), word.clone());
        assert_eq!(choice.finish, expected, "{word}");
    }
}

#[test]
fn servers_write_the_same_in_many_ways() {
    let reasoning = |text: &str| {
        Content::Reasoning(ReasoningPart {
            text: text.to_owned(),
            ..ReasoningPart::default()
        })
    };
    let call = |id: &str, arguments: &str| {
        Content::ToolCall(ToolCall {
            id: id.to_owned(),
            name: "f".to_owned(),
            arguments: arguments.to_owned(),
            signature: None,
        })
    };
    let made_up = call_id("", "f", 0);
    for (message, expected) in [
        (json!({"content": ""}), vec![]),
        (
            json!({"content": null, "reasoning": "r", "refusal": ""}),
            vec![reasoning("r")],
        ),
        (
            json!({"content": "a", "reasoning_content": "r", "reasoning": "r"}),
            vec![reasoning("r"), Content::text("a")],
        ),
        (
            json!({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "r"}]},
                               {"type": "text", "text": "a"}]}),
            vec![reasoning("r"), Content::text("a")],
        ),
        (
            json!({"tool_calls": [{"id": "1", "function": {"name": "f", "arguments": {"a": 1}}}]}),
            vec![call("1", r#"{"a":1}"#)],
        ),
        (
            json!({"tool_calls": [{"function": {"name": "f"}}]}),
            vec![call(&made_up, "")],
        ),
        (
            json!({"function_call": {"name": "f", "arguments": "{}"}}),
            vec![call(&made_up, "{}")],
        ),
    ] {
        assert_eq!(
            only_choice(message.clone(), json!("stop")).content,
            expected,
            "{message}"
        );
    }
}

#[test]
fn a_call_without_a_name_does_not_look_whole() {
    for (word, expected) in [("tool_calls", None), ("stop", None), ("length", Some(1))] {
        let message = json!({"content": "a", "tool_calls": [{"id": "1", "function": {"arguments": "{}"}}]});
        let body = json!({"choices": [{"message": message, "finish_reason": word}]});
        let parts = read_text(&body.to_string()).map(|answer| answer.choices[0].content.len());
        assert_eq!(parts.ok(), expected, "{word}");
    }
}

#[test]
fn choices_stand_in_their_order() {
    let body = json!({"choices": [
        {"index": 1, "message": {"content": "b"}}, {"index": 0, "message": {"content": "a"}}]});
    let answer = read_text(&body.to_string()).unwrap();
    let texts: Vec<String> = answer
        .choices
        .iter()
        .map(|choice| {
            crate::neutral::Message::new(crate::neutral::Role::Assistant, choice.content.clone()).text()
        })
        .collect();
    assert_eq!(texts, ["a", "b"]);
}

#[test]
fn citations_of_other_issuers_are_placed_where_their_text_is() {
    let text = |text: &str, citations: Vec<Value>| {
        Content::Text(Text {
            text: text.to_owned(),
            citations,
        })
    };
    let answer = Answer {
        choices: vec![Choice {
            content: vec![
                text("图图 ", vec![json!({"type": "char_location"})]),
                text("cited", vec![json!({"url": "https://a", "title": "A"})]),
            ],
            ..Choice::default()
        }],
        ..Answer::default()
    };
    let body: Value = serde_json::from_slice(&write(&answer, "m")).unwrap();
    let citation = json!({"start_index": 3, "end_index": 8, "url": "https://a", "title": "A"});
    let message = &body["choices"][0]["message"];
    assert_eq!(
        message["annotations"],
        json!([{"type": "url_citation", "url_citation": citation}])
    );
    assert_eq!(message["content"], "图图 cited");
}

#[test]
fn what_is_no_answer_says_what_it_is() {
    let object = json!({"message": "no", "code": 429});
    for (body, expected) in [
        (" ".to_owned(), Broken::Protocol("the answer is empty".to_owned())),
        (
            "\n<html>".to_owned(),
            Broken::Protocol("the answer is HTML, not JSON".to_owned()),
        ),
        (
            "[]".to_owned(),
            Broken::Protocol("the answer has no `choices`".to_owned()),
        ),
        (
            r#"{"choices":[]}"#.to_owned(),
            Broken::Protocol("the answer has no `choices`".to_owned()),
        ),
        (
            json!({"error": object}).to_string(),
            Broken::Refusal(object.clone()),
        ),
        (
            json!({"choices": [{"error": object, "message": {"content": "a"}}]}).to_string(),
            Broken::Refusal(object),
        ),
        (
            r#"{"object":"error","message":"no"}"#.to_owned(),
            Broken::Refusal(json!({"object": "error", "message": "no"})),
        ),
    ] {
        assert_eq!(read_text(&body).unwrap_err(), expected, "{body}");
    }
    assert!(matches!(read_text(r#"{"choices":[{"#), Err(Broken::Protocol(_))));
    assert!(read_text(r#"{"error":null,"choices":[{}]}"#).is_ok());
}

proptest! {
    #[test]
    fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&Bytes::from(bytes));
    }

    #[test]
    fn no_member_is_too_strange(member in "[\\[\\]{}\":,a1 ]{0,40}", at in 0..6_usize) {
        let places = ["null"; 6].map(str::to_owned);
        let mut places = places;
        places[at] = member;
        let [choices, message, content, calls, usage, logprobs] = places;
        let choices = if choices == "null" {
            format!(r#"[{{"message":{{"content":{content},"tool_calls":{calls},"x":{message}}},"logprobs":{logprobs}}}]"#)
        } else {
            choices
        };
        let _ = read_text(&format!(r#"{{"choices":{choices},"usage":{usage}}}"#));
    }
}
