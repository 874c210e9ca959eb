//! Answers arrive as the model gave them.

use modelpool_core::{FinishReason, Operation, Usage};
use serde_json::{Value, json};

use super::read::{self, Told};
use super::{KEY, Put, Subject, Trial, chat, plain};
use crate::simulator::{ModelBehaviour, ToolCalling};

const ANSWER: &str = "Two words, 图片 and \"😀\".";

fn answering() -> ModelBehaviour {
    ModelBehaviour {
        cached_prompt_tokens: 2,
        ..ModelBehaviour::answering(ANSWER)
    }
}

/// What the simulator counted, from the `usage` of an answer.
fn usage_in(answer: &Value) -> Usage {
    let count = |pointer: &str| answer.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
    Usage {
        input_tokens: count("/usage/prompt_tokens"),
        cached_input_tokens: count("/usage/prompt_tokens_details/cached_tokens"),
        output_tokens: count("/usage/completion_tokens"),
        reasoning_tokens: count("/usage/completion_tokens_details/reasoning_tokens"),
        ..Usage::default()
    }
}

pub(super) async fn whole_chat(subject: &dyn Subject) -> Put {
    let request = plain(subject, false)?;
    let model_name = request.model_name.to_string();
    let trial = Trial::of(subject, answering()).await;
    let reply = trial.call(request).await.expect("a whole chat");
    let id = reply.head.upstream_request_id.clone();
    assert_eq!(id.as_deref(), Some("req_sim_1"), "the vendor's id of the request");
    let whole = read::whole(reply);
    let answer = read::json(&whole);
    assert_eq!(answer["choices"][0]["message"]["content"], ANSWER);
    assert_eq!(whole.finish, Some(FinishReason::Stop));
    let usage = usage_in(&answer);
    assert_eq!(usage.cached_input_tokens, 2, "{answer}");
    assert_eq!(whole.usage, Some(usage));
    let record = trial.upstream.last_request().expect("a request arrived");
    assert!(record.api_key_is(KEY), "the upstream asks for its key");
    assert_eq!(
        record.model,
        Some(model_name),
        "the vendor's name of the model is sent"
    );
    Some(())
}

pub(super) async fn streamed_chat(subject: &dyn Subject) -> Put {
    for omit_done in [false, true] {
        let behaviour = ModelBehaviour {
            omit_done,
            null_first_content: omit_done,
            usage_unasked: true,
            ..answering()
        };
        let trial = Trial::of(subject, behaviour).await;
        let reply = trial.call(plain(subject, true)?).await.expect("a streamed chat");
        let told = Told::read(read::stream(reply)).await;
        assert!(told.error.is_none(), "{:?}", told.error);
        assert_eq!(told.text(), ANSWER);
        assert_eq!(told.finishes(), [FinishReason::Stop], "once, and with its reason");
        for event in &told.events {
            let says = !event.deltas().is_empty() || event.finish.is_some();
            assert_eq!(event.meaningful, says, "{event:?}");
        }
        let usage = told.usage().expect("usage at the end");
        assert_eq!(usage.cached_input_tokens, 2);
        assert!(usage.input_tokens > 2 && usage.output_tokens > 2 && !usage.estimated);
        let marks = told.events.iter().filter(|event| event.end_mark).count();
        assert_eq!(marks, usize::from(!omit_done), "the wire's own mark of the end");
    }
    Some(())
}

pub(super) async fn reasoning(subject: &dyn Subject) -> Put {
    let behaviour = ModelBehaviour {
        reasoning: Some("Let me think.".to_owned()),
        ..answering()
    };
    let trial = Trial::of(subject, behaviour).await;
    let reply = trial.call(plain(subject, true)?).await.expect("a streamed chat");
    let told = Told::read(read::stream(reply)).await;
    let texts = told.texts_of(0);
    assert_eq!(texts, (ANSWER.to_owned(), "Let me think.".to_owned()));
    let first = told.events.iter().find(|event| event.meaningful);
    let first = first.expect("something is said").deltas();
    assert!(
        matches!(first[0].part, modelpool_core::stream::Part::Reasoning(_)),
        "reasoning is output too: {first:?}"
    );
    Some(())
}

pub(super) async fn two_choices(subject: &dyn Subject) -> Put {
    let request = subject.request(Operation::Chat, &chat(true, json!({"n": 2})))?;
    let trial = Trial::of(subject, answering()).await;
    let reply = trial.call(request).await.expect("a streamed chat");
    let told = Told::read(read::stream(reply)).await;
    assert_eq!(told.texts_of(0).0, ANSWER);
    assert_eq!(told.texts_of(1).0, format!("{ANSWER} (choice 1)"));
    assert_eq!(told.finishes().len(), 1, "complete when both are, and once");
    Some(())
}

fn tool(name: &str) -> Value {
    let parameters =
        json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    json!({"type": "function", "function": {"name": name, "parameters": parameters}})
}

async fn calls_tools(subject: &dyn Subject, count: u32) -> Put {
    let behaviour = ModelBehaviour {
        tool_calls: ToolCalling::Always,
        tool_calls_per_answer: Some(count),
        ..ModelBehaviour::default()
    };
    let tools: Vec<Value> = ["weather", "time"]
        .iter()
        .take(count as usize)
        .map(|name| tool(name))
        .collect();
    let mut members = json!({"tools": tools});
    if count > 1 {
        members["parallel_tool_calls"] = true.into();
    }
    let trial = Trial::of(subject, behaviour).await;

    let request = subject.request(Operation::Chat, &chat(false, members.clone()))?;
    let whole = read::whole(trial.call(request).await.expect("a whole chat"));
    assert_eq!(whole.finish, Some(FinishReason::ToolCalls));
    let answer = read::json(&whole);
    let calls = answer["choices"][0]["message"]["tool_calls"].as_array().cloned();
    let calls = calls.unwrap_or_default();
    assert_eq!(calls.len(), count as usize, "{answer}");

    let request = subject.request(Operation::Chat, &chat(true, members))?;
    let told = Told::read(read::stream(trial.call(request).await.expect("a stream"))).await;
    assert_eq!(told.finishes(), [FinishReason::ToolCalls]);
    let streamed = told.tool_calls();
    assert_eq!(streamed.len(), calls.len());
    for (streamed, whole) in streamed.iter().zip(&calls) {
        let arguments: Value = serde_json::from_str(&streamed.arguments).expect("arguments are JSON");
        assert!(arguments["city"].is_string(), "{streamed:?}");
        assert_eq!(streamed.arguments, whole["function"]["arguments"]);
        assert_eq!(streamed.name, whole["function"]["name"]);
        assert!(streamed.id.starts_with("call_"), "{streamed:?}");
    }
    Some(())
}

pub(super) async fn tool_call(subject: &dyn Subject) -> Put {
    calls_tools(subject, 1).await
}

pub(super) async fn parallel_tools(subject: &dyn Subject) -> Put {
    calls_tools(subject, 2).await
}

pub(super) async fn image(subject: &dyn Subject) -> Put {
    let body = json!({"model": "auto", "messages": [{"role": "user", "content": [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
    ]}]});
    let request = subject.request(Operation::Chat, &body)?;
    let trial = Trial::of(subject, ModelBehaviour::default()).await;
    let answer = read::json(&read::whole(trial.call(request).await.expect("a whole chat")));
    let text = answer["choices"][0]["message"]["content"]
        .as_str()
        .unwrap_or_default();
    assert!(text.contains("I received 1 image."), "{text}");
    Some(())
}

pub(super) async fn embeddings(subject: &dyn Subject) -> Put {
    let body = json!({"model": "auto", "input": ["one", "two"], "encoding_format": "float"});
    let request = subject.request(Operation::Embeddings, &body)?;
    let trial = Trial::of(subject, ModelBehaviour::default()).await;
    let whole = read::whole(trial.call(request).await.expect("vectors"));
    let answer = read::json(&whole);
    let vectors = answer["data"].as_array().cloned().unwrap_or_default();
    assert_eq!(vectors.len(), 2, "one for each text");
    assert_ne!(vectors[0]["embedding"], vectors[1]["embedding"]);
    assert!(vectors[0]["embedding"][0].is_f64(), "numbers were asked for");
    assert_eq!(whole.finish, None);
    assert_eq!(whole.usage, Some(usage_in(&answer)));
    Some(())
}
