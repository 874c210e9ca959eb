//! A whole answer, and what it has in common with the lines of a stream.

use bytes::Bytes;
use jiff::Timestamp;
use modelpool_core::{FinishReason, Usage};
use serde_json::{Map, Value, json};

use crate::neutral::{Answer, Choice, Content, Head, ReasoningPart, ToolCall, made_up_id};
use crate::wire::Broken;

/// Reads a whole answer.
pub(super) fn read(body: &Bytes) -> Result<Answer, Broken> {
    let answer: Value = serde_json::from_slice(body)
        .map_err(|error| Broken::Protocol(format!("the answer is not JSON: {error}")))?;
    refused(&answer)?;
    let Some(message) = answer.get("message").and_then(Value::as_object) else {
        return Err(Broken::Protocol("the answer has no `message`".to_owned()));
    };
    let calls = tool_calls(message, body);
    let finish = finish(&answer, !calls.is_empty());
    let text = |name: &str| {
        message
            .get(name)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    };
    let mut content = Vec::new();
    content.extend(text("thinking").map(|text| {
        Content::Reasoning(ReasoningPart {
            text: text.to_owned(),
            ..ReasoningPart::default()
        })
    }));
    content.extend(text("content").map(Content::text));
    content.extend(calls.into_iter().map(Content::ToolCall));
    Ok(Answer {
        head: head(&answer),
        choices: vec![Choice {
            content,
            finish,
            stop_sequence: None,
            logprobs: logprobs(&answer),
        }],
        usage: usage(&answer),
    })
}

/// `{"error": "…"}`, the shape of all refusals: <https://docs.ollama.com/api/errors>.
pub(super) fn refused(answer: &Value) -> Result<(), Broken> {
    match answer.get("error") {
        None | Some(Value::Null) => Ok(()),
        Some(_) => Err(Broken::Refusal(answer.clone())),
    }
}

pub(super) fn head(answer: &Value) -> Head {
    let text = |name: &str| answer.get(name).and_then(Value::as_str);
    let created: Option<Timestamp> = text("created_at").and_then(|time| time.parse().ok());
    Head {
        id: None,
        model: text("model").map(str::to_owned),
        created: created.and_then(|time| u64::try_from(time.as_second()).ok()),
    }
}

/// The calls of a message. Ids that are missing are made up of `frame`, the bytes they came in: those carry the
/// time, so that the same call in a later turn has another id.
pub(super) fn tool_calls(message: &Map<String, Value>, frame: &[u8]) -> Vec<ToolCall> {
    let calls = message.get("tool_calls").and_then(Value::as_array);
    let calls = calls
        .into_iter()
        .flatten()
        .enumerate()
        .filter_map(|(index, call)| {
            let function = call.get("function")?;
            let id = call.get("id").and_then(Value::as_str).filter(|id| !id.is_empty());
            Some(ToolCall {
                id: id.map_or_else(|| made_up_id("call_", frame, index), str::to_owned),
                name: function.get("name")?.as_str()?.to_owned(),
                arguments: arguments(function.get("arguments")),
                signature: None,
            })
        });
    calls.collect()
}

/// An object on this wire; a text is taken as it is, and nothing is an object without members.
fn arguments(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "{}".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    }
}

/// Why the answer is at its end; `None` where it does not say that it is.
pub(super) fn finish(answer: &Value, calls_tools: bool) -> Option<FinishReason> {
    if answer.get("done").and_then(Value::as_bool) != Some(true) {
        return None;
    }
    // Servers before the reason was introduced sent none.
    let word = answer
        .get("done_reason")
        .and_then(Value::as_str)
        .unwrap_or("stop");
    Some(match word {
        "stop" | "" if calls_tools => FinishReason::ToolCalls,
        "stop" | "" => FinishReason::Stop,
        "length" => FinishReason::Length,
        other => FinishReason::Other(other.to_owned()),
    })
}

/// `None` where the prompt was not counted, as by older servers when they had it in their cache: nought would be
/// taken for a count.
pub(super) fn usage(answer: &Value) -> Option<Usage> {
    let count = |name: &str| answer.get(name).and_then(Value::as_u64);
    Some(Usage {
        input_tokens: count("prompt_eval_count")?,
        output_tokens: count("eval_count").unwrap_or_default(),
        ..Usage::default()
    })
}

/// The items have OpenAI's shape already.
pub(super) fn logprobs(answer: &Value) -> Option<Value> {
    let items = answer
        .get("logprobs")
        .filter(|items| items.as_array().is_some_and(|items| !items.is_empty()));
    items.map(|items| json!({"content": items}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Answer, Broken> {
        super::read(&Bytes::copy_from_slice(body.as_bytes()))
    }

    #[test]
    fn a_whole_answer_is_read() {
        let answer = read(
            r#"{"model":"qwen3","created_at":"2025-07-07T20:22:19.184789Z","message":{"role":"assistant",
                "thinking":"hm","content":"Hi"},"done":true,"done_reason":"stop","total_duration":1,
                "prompt_eval_count":26,"eval_count":5,"logprobs":[{"token":"Hi","logprob":-0.5}]}"#,
        )
        .unwrap();
        let head = Head {
            id: None,
            model: Some("qwen3".to_owned()),
            created: Some(1_751_919_739),
        };
        assert_eq!(answer.head, head);
        let usage = answer.usage.unwrap();
        assert_eq!((usage.input_tokens, usage.output_tokens), (26, 5));
        let [choice] = answer.choices.as_slice() else {
            panic!("{answer:?}")
        };
        let thinking = ReasoningPart {
            text: "hm".to_owned(),
            ..ReasoningPart::default()
        };
        assert_eq!(
            choice.content,
            [Content::Reasoning(thinking), Content::text("Hi")]
        );
        assert_eq!(choice.finish, Some(FinishReason::Stop));
        assert_eq!(choice.logprobs.as_ref().unwrap()["content"][0]["logprob"], -0.5);
    }

    #[test]
    fn calls_are_named_and_make_the_reason() {
        let body = r#"{"message":{"content":"","tool_calls":[
            {"function":{"name":"f","arguments":{"b":1,"a":[2.50]}}},
            {"id":"call_x","function":{"index":1,"name":"g"}},
            {"function":{"arguments":{}}}, 7]},"done":true,"done_reason":"stop"}"#;
        let choice = read(body).unwrap().choices.remove(0);
        let calls: Vec<ToolCall> = choice
            .content
            .into_iter()
            .filter_map(|content| match content {
                Content::ToolCall(call) => Some(call),
                _ => None,
            })
            .collect();
        let told: Vec<_> = calls
            .iter()
            .map(|call| (call.name.as_str(), call.arguments.as_str()))
            .collect();
        assert_eq!(told, [("f", r#"{"b":1,"a":[2.5]}"#), ("g", "{}")]);
        assert_eq!(calls[0].id, made_up_id("call_", body.as_bytes(), 0));
        assert_eq!(calls[1].id, "call_x");
        assert_eq!(choice.finish, Some(FinishReason::ToolCalls));
    }

    #[test]
    fn reasons_are_told_apart() {
        for (end, expected) in [
            (
                r#","done":true,"done_reason":"length""#,
                Some(FinishReason::Length),
            ),
            (
                r#","done":true,"done_reason":"load""#,
                Some(FinishReason::Other("load".to_owned())),
            ),
            (r#","done":true"#, Some(FinishReason::Stop)),
            (r#","done":false,"done_reason":"stop""#, None),
            ("", None),
        ] {
            let answer = read(&format!(r#"{{"message":{{"content":"x"}}{end}}}"#)).unwrap();
            assert_eq!(answer.choices[0].finish, expected, "{end}");
            assert_eq!(answer.usage, None, "{end}");
        }
    }

    #[test]
    fn what_is_no_answer_is_none() {
        let object = json!({"error": "model 'x' not found"});
        assert_eq!(read(&object.to_string()).unwrap_err(), Broken::Refusal(object));
        for (body, message) in [
            ("", "the answer is not JSON"),
            ("<html>", "the answer is not JSON"),
            ("[]", "the answer has no `message`"),
            (r#"{"message":"hi","done":true}"#, "the answer has no `message`"),
        ] {
            let Broken::Protocol(said) = read(body).unwrap_err() else {
                panic!("{body}")
            };
            assert!(said.starts_with(message), "{said}");
        }
    }
}
