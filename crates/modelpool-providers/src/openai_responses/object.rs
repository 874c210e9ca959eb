//! The response object, and the items of its output, as a caller reads them:
//! <https://platform.openai.com/docs/api-reference/responses/object>.
//!
//! The object repeats the settings of the request, which nobody hands on to here: they stand in it with the
//! values they have where a caller does not set them, since typed clients want the members.

use modelpool_core::{FinishReason, Usage};
use serde_json::{Value, json};

use crate::neutral::{Head, made_up_id};

/// Whose response it is.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) id: String,
    pub(super) model: String,
    created: u64,
}

impl Identity {
    /// From what the answer says of itself; `model` where it does not say.
    pub(super) fn of(head: &Head, model: &str) -> Self {
        let created = head.created.unwrap_or(0);
        let model = head.model.as_deref().unwrap_or(model).to_owned();
        let id = match head.id.as_deref() {
            Some(id) if !id.is_empty() => id.to_owned(),
            _ => made_up_id("resp_", format!("{model}{created}").as_bytes(), 0),
        };
        Self { id, model, created }
    }

    /// The id of an item of the output.
    pub(super) fn item_id(&self, prefix: &str, index: usize) -> String {
        made_up_id(prefix, self.id.as_bytes(), index)
    }
}

/// How far a response is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Status {
    InProgress,
    Completed,
    /// Not whole; why, where it is known.
    Incomplete(Option<String>),
}

impl Status {
    /// Of an answer that is over. One that ended for a reason this dialect has no word for, or for none that
    /// was told, is not known to be whole, and does not look so.
    pub(super) fn of(finish: Option<&FinishReason>) -> Self {
        match finish {
            Some(FinishReason::Stop | FinishReason::ToolCalls) => Status::Completed,
            Some(FinishReason::Length) => Status::Incomplete(Some("max_output_tokens".to_owned())),
            Some(FinishReason::ContentFilter) => Status::Incomplete(Some("content_filter".to_owned())),
            Some(FinishReason::Other(word)) => Status::Incomplete(Some(word.clone())),
            None => Status::Incomplete(None),
        }
    }

    pub(super) fn word(&self) -> &'static str {
        match self {
            Status::InProgress => "in_progress",
            Status::Completed => "completed",
            Status::Incomplete(_) => "incomplete",
        }
    }

    fn details(&self) -> Value {
        match self {
            Status::Incomplete(Some(reason)) => json!({"reason": reason}),
            _ => Value::Null,
        }
    }
}

/// A response.
pub(super) fn response(
    identity: &Identity,
    status: &Status,
    output: Vec<Value>,
    usage: Option<&Usage>,
) -> Value {
    json!({
        "id": identity.id,
        "object": "response",
        "created_at": identity.created,
        "status": status.word(),
        "background": false,
        "error": null,
        "incomplete_details": status.details(),
        "instructions": null,
        "max_output_tokens": null,
        "model": identity.model,
        "output": output,
        "parallel_tool_calls": true,
        "previous_response_id": null,
        "reasoning": {"effort": null, "summary": null},
        "store": false,
        "temperature": null,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": null,
        "truncation": "disabled",
        "usage": usage.map_or(Value::Null, usage_object),
        "user": null,
        "metadata": {},
    })
}

/// A response that was begun elsewhere, with its own settings, as it ended.
pub(super) fn ended(mut begun: Value, mut ended: Value) -> Value {
    if begun.get("object").is_none() {
        return ended;
    }
    for name in [
        "status",
        "error",
        "incomplete_details",
        "model",
        "output",
        "usage",
    ] {
        begun[name] = ended[name].take();
    }
    begun
}

/// Typed clients want every count, known or not.
fn usage_object(usage: &Usage) -> Value {
    json!({
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_input_tokens,
            "cache_write_tokens": usage.cache_write_tokens},
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.total_tokens(),
    })
}

pub(super) fn message(id: &str, status: &Status, content: Vec<Value>) -> Value {
    json!({"id": id, "type": "message", "status": status.word(), "role": "assistant", "content": content})
}

pub(super) fn text_part(text: &str, annotations: &[Value], logprobs: &[Value]) -> Value {
    json!({"type": "output_text", "text": text, "annotations": annotations, "logprobs": logprobs})
}

pub(super) fn refusal_part(text: &str) -> Value {
    json!({"type": "refusal", "refusal": text})
}

pub(super) fn function_call(id: &str, status: &Status, call_id: &str, name: &str, arguments: &str) -> Value {
    json!({"id": id, "type": "function_call", "status": status.word(), "call_id": call_id, "name": name,
        "arguments": arguments})
}

/// A citation as an annotation of this dialect. Those of a shape that says no address are left out: they
/// adorn the text, and typed clients refuse shapes they do not know. `end` is the length in characters of
/// the text so far, where the text cited for ends if the citation does not say.
pub(super) fn annotation(citation: &Value, end: usize) -> Option<Value> {
    const OWN: [&str; 4] = [
        "url_citation",
        "file_citation",
        "container_file_citation",
        "file_path",
    ];
    let kind = citation["type"].as_str().unwrap_or_default();
    // Chat completions nest what stands flat here.
    let nested = citation.get("url_citation").filter(|nested| nested.is_object());
    if OWN.contains(&kind) && nested.is_none() {
        return Some(citation.clone());
    }
    let flat = nested.or_else(|| citation.get("web")).unwrap_or(citation);
    let url = flat["url"].as_str().or_else(|| flat["uri"].as_str())?;
    let place = |key: &str, otherwise: usize| flat[key].as_u64().unwrap_or(otherwise as u64);
    Some(json!({
        "type": "url_citation",
        "url": url,
        "title": flat["title"].as_str().unwrap_or(url),
        "start_index": place("start_index", 0),
        "end_index": place("end_index", end),
    }))
}
