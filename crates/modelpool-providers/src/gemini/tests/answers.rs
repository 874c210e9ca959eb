//! Whole answers.

use bytes::Bytes;
use modelpool_core::{ErrorKind, FinishReason, Usage};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::round::any_json;
use crate::failure::from_object;
use crate::gemini::{GeminiCaller, GeminiWire};
use crate::neutral::{
    Answer, Choice, Content, Head, Issuer, Media, ReasoningPart, Signature, Source, Text, ToolCall,
};
use crate::wire::{Broken, Caller, Wire};

fn read(body: &Value) -> Result<Answer, Broken> {
    GeminiWire::default().read(&Bytes::from(body.to_string()))
}

fn write(answer: &Answer) -> Value {
    serde_json::from_slice(&GeminiCaller.write_answer(answer, "alias")).unwrap()
}

fn with_parts(parts: &Value, finish: &str) -> Value {
    json!({"candidates": [{"content": {"parts": parts, "role": "model"}, "finishReason": finish}]})
}

fn gemini(value: &str) -> Option<Signature> {
    Some(Signature::new(Issuer::Gemini, value))
}

#[test]
fn a_whole_answer() {
    let answer = read(&json!({
        "candidates": [{
            "content": {"role": "model", "parts": [
                {"text": "hm", "thought": true},
                {"text": "It is clear.", "thoughtSignature": "dGV4dA=="},
                {"functionCall": {"name": "f", "args": {"a": 1}, "id": "i"}, "thoughtSignature": "Y2FsbA=="}]},
            "finishReason": "STOP", "groundingMetadata": {"webSearchQueries": ["sky"]}, "safetyRatings": [1]}],
        "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 4, "thoughtsTokenCount": 5},
        "modelVersion": "gemini-3-flash", "responseId": "r", "createTime": "1970-01-01T00:00:07.5Z",
    }))
    .unwrap();
    let text = Text {
        text: "It is clear.".into(),
        citations: vec![json!({"groundingMetadata": {"webSearchQueries": ["sky"]}})],
    };
    let content = vec![
        Content::Reasoning(ReasoningPart {
            text: "hm".into(),
            ..ReasoningPart::default()
        }),
        Content::Text(text),
        Content::Reasoning(ReasoningPart {
            encrypted: gemini("dGV4dA=="),
            ..ReasoningPart::default()
        }),
        Content::ToolCall(ToolCall {
            id: "i".into(),
            name: "f".into(),
            arguments: r#"{"a":1}"#.into(),
            signature: gemini("Y2FsbA=="),
        }),
    ];
    let expected = Answer {
        head: Head {
            id: Some("r".into()),
            model: Some("gemini-3-flash".into()),
            created: Some(7),
        },
        choices: vec![Choice {
            content,
            finish: Some(FinishReason::ToolCalls),
            ..Choice::default()
        }],
        usage: Some(Usage {
            input_tokens: 3,
            output_tokens: 9,
            reasoning_tokens: 5,
            ..Usage::default()
        }),
    };
    assert_eq!(answer, expected);
}

#[test]
fn what_the_wire_says_comes_out_of_it_again() {
    let body = json!({
        "candidates": [
            {"content": {"parts": [
                {"text": "hm", "thought": true, "thoughtSignature": "c2ln"}, {"text": "x", "thoughtSignature": "dGV4dA=="},
                {"functionCall": {"name": "f", "args": {"a": 1}, "id": "i"}}], "role": "model"},
            "index": 0, "finishReason": "STOP",
            "groundingMetadata": {"webSearchQueries": []}, "citationMetadata": {"citationSources": [{"uri": "u"}]},
            "logprobsResult": {"topCandidates": [{"candidates": []}], "chosenCandidates": [{"token": "x", "logProbability": -1.0}]}},
            {"content": {"parts": [{"text": "y"}], "role": "model"}, "index": 1, "finishReason": "MAX_TOKENS"}],
        "modelVersion": "m", "responseId": "r",
        "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 4, "totalTokenCount": 12,
            "cachedContentTokenCount": 1, "thoughtsTokenCount": 5},
    });
    assert_eq!(write(&read(&body).unwrap()), body);
}

#[test]
fn why_it_stopped() {
    let call = json!([{"functionCall": {"name": "f"}}]);
    for (parts, word, finish) in [
        (json!([{"text": "x"}]), "STOP", Some(FinishReason::Stop)),
        (call.clone(), "STOP", Some(FinishReason::ToolCalls)),
        (call, "MAX_TOKENS", Some(FinishReason::Length)),
        (json!(null), "MAX_TOKENS", Some(FinishReason::Length)),
        (json!([]), "PROHIBITED_CONTENT", Some(FinishReason::ContentFilter)),
        (
            json!([]),
            "MALFORMED_FUNCTION_CALL",
            Some(FinishReason::Other("MALFORMED_FUNCTION_CALL".into())),
        ),
        (json!([{"text": "x"}]), "", None),
    ] {
        assert_eq!(read(&with_parts(&parts, word)).unwrap().choices[0].finish, finish);
    }
}

#[test]
fn ids_are_made_up_and_differ() {
    let call = json!({"functionCall": {"name": "f", "args": {}}});
    let ids = |response: &str| -> Vec<String> {
        let mut body = with_parts(&json!([call, call]), "STOP");
        body["responseId"] = response.into();
        let answer = read(&body).unwrap();
        let calls = answer.choices[0].content.iter();
        calls
            .map(|content| match content {
                Content::ToolCall(call) => call.id.clone(),
                other => panic!("{other:?}"),
            })
            .collect()
    };
    let (first, second) = (ids("r1"), ids("r2"));
    assert_eq!(first, ids("r1"));
    assert!(first[0] != first[1] && first[0] != second[0] && first[0].starts_with("call_"));
}

#[test]
fn what_is_no_answer() {
    for (body, expected) in [
        (json!({}), "the answer has no `candidates`"),
        (json!({"candidates": []}), "the answer has no `candidates`"),
        (json!([1]), "the answer has no `candidates`"),
        (
            with_parts(
                &json!([{"inlineData": {"mimeType": "image/png", "data": ""}}]),
                "STOP",
            ),
            "the answer holds a part that has no place in other wires: `inlineData`",
        ),
        (
            with_parts(&json!([{"executableCode": {}}]), "STOP"),
            "the answer holds a part that has no place in other wires: `executableCode`",
        ),
        (
            with_parts(
                &json!([{"functionCall": {"name": "f", "willContinue": true}}]),
                "STOP",
            ),
            "the answer holds a part that has no place in other wires: `functionCall.willContinue`",
        ),
        (
            with_parts(&json!([{"functionCall": {"args": {}}}]), "STOP"),
            "the answer holds a part that has no place in other wires: `functionCall without a name`",
        ),
    ] {
        assert_eq!(read(&body), Err(Broken::Protocol(expected.into())));
    }
    assert!(matches!(
        GeminiWire::default().read(&Bytes::from_static(b"<html>")),
        Err(Broken::Protocol(_))
    ));
}

#[test]
fn refusals_are_typed() {
    let error = json!({"code": 503, "status": "UNAVAILABLE", "message": "busy"});
    for body in [json!({"error": error}), json!([{"error": error}])] {
        assert_eq!(read(&body), Err(Broken::Refusal(error.clone())));
    }
    for (feedback, message) in [
        (json!({"blockReason": "SAFETY"}), "the prompt was blocked: SAFETY"),
        (
            json!({"blockReason": "OTHER", "blockReasonMessage": "no"}),
            "the prompt was blocked: OTHER: no",
        ),
    ] {
        let Err(Broken::Refusal(object)) = read(&json!({"promptFeedback": feedback})) else {
            panic!("not refused: {feedback}");
        };
        assert_eq!(object["message"], message);
        assert_eq!(object["promptFeedback"], feedback);
        assert_eq!(*from_object(&object, &[]).kind(), ErrorKind::ContentFilter);
    }
    let ratings_only =
        json!({"promptFeedback": {"safetyRatings": []}, "candidates": [{"finishReason": "STOP"}]});
    assert!(read(&ratings_only).is_ok());
}

#[test]
fn what_others_answer() {
    let stranger = Signature::new(Issuer::Anthropic, "EqQB");
    let text = Text {
        text: "x".into(),
        citations: vec![
            json!({"type": "url_citation", "url_citation": {"url": "u", "title": "t", "start_index": 0, "end_index": 1}}),
            json!({"type": "char_location", "cited_text": "no address"}),
        ],
    };
    let call = |id: &str, arguments: &str| {
        Content::ToolCall(ToolCall {
            id: id.into(),
            name: "f".into(),
            arguments: arguments.into(),
            signature: None,
        })
    };
    let image = Media::of(Source::from_url("data:image/png;base64,iVB"));
    let mut answer = Answer {
        choices: vec![Choice {
            content: vec![
                Content::Reasoning(ReasoningPart {
                    text: "hm".into(),
                    signature: Some(stranger.clone()),
                    encrypted: None,
                }),
                Content::Reasoning(ReasoningPart {
                    encrypted: Some(stranger),
                    ..ReasoningPart::default()
                }),
                Content::Text(text),
                Content::Refusal("I will not.".into()),
                Content::Image(image),
                call("i", ""),
            ],
            finish: Some(FinishReason::ToolCalls),
            ..Choice::default()
        }],
        ..Answer::default()
    };
    let expected = json!({
        "candidates": [{"content": {"parts": [
            {"text": "hm", "thought": true, "thoughtSignature": "bW9kZWxwb29sOmFudGhyb3BpYzpFcVFC"},
            {"text": "", "thought": true, "thoughtSignature": "c2VhbGVkIG1vZGVscG9vbDphbnRocm9waWM6RXFRQg=="},
            {"text": "x"}, {"text": "I will not."}, {"inlineData": {"mimeType": "image/png", "data": "iVB"}},
            {"functionCall": {"name": "f", "args": {}, "id": "i"}}], "role": "model"},
        "index": 0, "finishReason": "STOP",
        "citationMetadata": {"citationSources": [{"uri": "u", "title": "t", "startIndex": 0, "endIndex": 1}]}}],
        "modelVersion": "alias",
    });
    assert_eq!(write(&answer), expected);
    // Strangers' signatures come back from the caller as they were.
    let parts = expected["candidates"][0]["content"]["parts"].as_array().unwrap();
    let body = json!({"contents": [{"role": "model", "parts": &parts[..2]}]});
    let back = GeminiCaller.conversation(body.to_string().as_bytes()).unwrap();
    assert_eq!(back.messages[0].content, answer.choices[0].content[..2]);

    answer.choices[0].content = vec![Content::text("x"), call("i", "{\"a\":")];
    let candidate = &write(&answer)["candidates"][0];
    assert_eq!(candidate["finishReason"], "MALFORMED_FUNCTION_CALL");
    assert_eq!(candidate["content"]["parts"], json!([{"text": "x"}]));
    answer.choices[0] = Choice::default();
    assert_eq!(
        write(&answer)["candidates"][0].get("finishReason"),
        None,
        "not known to be whole"
    );
}

proptest! {
    #[test]
    fn no_answer_panics(body in any_json(), bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let wire = GeminiWire::default();
        let _ = wire.read(&Bytes::from(bytes));
        for body in [json!({"candidates": body}), with_parts(&body, "STOP"), body] {
            if let Ok(answer) = read(&body) {
                let _ = write(&answer);
            }
        }
    }
}
