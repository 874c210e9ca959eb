//! OpenAI's responses: <https://platform.openai.com/docs/api-reference/responses>.

use serde_json::{Value, json};

use super::{Finish, Frames, Said, Speech, event};

pub(super) struct Responses;

fn response(said: &Said, status: &str, output: &Value) -> Value {
    let ended = status != "in_progress";
    let details = match said.finish {
        Some(Finish::Length) if ended => json!({"reason": "max_output_tokens"}),
        _ => Value::Null,
    };
    let usage = ended.then(|| {
        json!({
            "input_tokens": said.input_tokens, "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": said.output_tokens, "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": said.input_tokens + said.output_tokens,
        })
    });
    json!({
        "id": "resp_7", "object": "response", "created_at": 1_700_000_000, "model": "served-model",
        "status": status, "error": null, "incomplete_details": details, "output": output, "usage": usage,
    })
}

fn status(said: &Said) -> &'static str {
    match said.finish {
        Some(Finish::Length) => "incomplete",
        Some(_) => "completed",
        None => "in_progress",
    }
}

fn message(said: &Said) -> Value {
    json!({
        "id": "msg_7", "type": "message", "status": "completed", "role": "assistant",
        "content": [{"type": "output_text", "text": said.whole_text(), "annotations": [], "logprobs": []}],
    })
}

fn call(said: &Said, arguments: &str) -> Option<Value> {
    let call = said.call.as_ref()?;
    Some(json!({
        "id": "fc_7", "type": "function_call", "status": "completed", "call_id": call.id, "name": call.name,
        "arguments": arguments,
    }))
}

fn output(said: &Said) -> Value {
    let arguments = said.call.as_ref().map(|call| call.arguments.to_string());
    let answer = call(said, &arguments.unwrap_or_default()).unwrap_or_else(|| message(said));
    let thought = said.thought.as_ref().map(|thought| {
        let summary = json!([{"type": "summary_text", "text": thought.text}]);
        json!({"id": "rs_7", "type": "reasoning", "summary": summary, "encrypted_content": thought.signature})
    });
    thought.into_iter().chain([answer]).collect()
}

impl Responses {
    fn text(said: &Said) -> Frames {
        let item = json!({
            "id": "msg_7", "type": "message", "status": "in_progress", "role": "assistant", "content": [],
        });
        let part = json!({"type": "output_text", "text": "", "annotations": [], "logprobs": []});
        let added = json!({"type": "response.output_item.added", "output_index": 0, "item": item});
        let part_added = json!({
            "type": "response.content_part.added", "item_id": "msg_7", "output_index": 0, "content_index": 0,
            "part": part,
        });
        let piece = |text: &String| {
            event(&json!({
                "type": "response.output_text.delta", "item_id": "msg_7", "output_index": 0, "content_index": 0,
                "delta": text, "logprobs": [],
            }))
        };
        let done = json!({
            "type": "response.output_text.done", "item_id": "msg_7", "output_index": 0, "content_index": 0,
            "text": said.whole_text(), "logprobs": [],
        });
        let item_done =
            json!({"type": "response.output_item.done", "output_index": 0, "item": message(said)});
        Frames {
            head: vec![event(&added), event(&part_added)],
            pieces: said.pieces.iter().map(piece).collect(),
            tail: vec![event(&done), event(&item_done)],
        }
    }

    fn call(said: &Said) -> Frames {
        let arguments = said.call.as_ref().map(|call| call.arguments.to_string());
        let arguments = arguments.unwrap_or_default();
        let added = json!({"type": "response.output_item.added", "output_index": 0, "item": call(said, "")});
        let delta = json!({
            "type": "response.function_call_arguments.delta", "item_id": "fc_7", "output_index": 0,
            "delta": arguments,
        });
        let done =
            json!({"type": "response.output_item.done", "output_index": 0, "item": call(said, &arguments)});
        Frames {
            head: Vec::new(),
            pieces: vec![event(&added), event(&delta)],
            tail: vec![event(&done)],
        }
    }
}

impl Speech for Responses {
    fn whole(&self, said: &Said) -> Value {
        response(said, status(said), &output(said))
    }

    fn stream(&self, said: &Said) -> Frames {
        let mut frames = if said.call.is_some() {
            Self::call(said)
        } else {
            Self::text(said)
        };
        let created =
            json!({"type": "response.created", "response": response(said, "in_progress", &json!([]))});
        frames.head.insert(0, event(&created));
        if said.finish.is_some() {
            let status = status(said);
            let kind = format!("response.{status}");
            frames.tail.push(event(
                &json!({"type": kind, "response": response(said, status, &output(said))}),
            ));
        }
        frames
    }

    fn refusal(&self, status: u16) -> Value {
        super::chat::Chat.refusal(status)
    }
}
