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
        let mut usage = json!({
            "input_tokens": said.input_tokens, "input_tokens_details": {"cached_tokens": said.cache.read},
            "output_tokens": said.output_tokens, "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": said.input_tokens + said.output_tokens,
        });
        if said.cache.written > 0 {
            usage["input_tokens_details"]["cache_write_tokens"] = said.cache.written.into();
        }
        usage
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

/// Events before a part, of the part, and after it.
type Told = [Vec<Value>; 3];

/// A thought has a place of its own before what came of it.
fn place(said: &Said) -> usize {
    usize::from(said.thought.is_some())
}

fn thinking(said: &Said) -> Vec<Value> {
    let Some(thought) = &said.thought else {
        return Vec::new();
    };
    let begun = json!({"id": "rs_7", "type": "reasoning", "summary": []});
    let part = |text: &str| json!({"type": "summary_text", "text": text});
    let of_part = |kind: &str, name: &str, value: Value| json!({"type": kind, "item_id": "rs_7", "output_index": 0, "summary_index": 0, name: value});
    let whole = json!({
        "id": "rs_7", "type": "reasoning", "summary": [part(&thought.text)],
        "encrypted_content": thought.signature,
    });
    let text = || thought.text.as_str().into();
    vec![
        json!({"type": "response.output_item.added", "output_index": 0, "item": begun}),
        of_part("response.reasoning_summary_part.added", "part", part("")),
        of_part("response.reasoning_summary_text.delta", "delta", text()),
        of_part("response.reasoning_summary_text.done", "text", text()),
        of_part(
            "response.reasoning_summary_part.done",
            "part",
            part(&thought.text),
        ),
        json!({"type": "response.output_item.done", "output_index": 0, "item": whole}),
    ]
}

fn text(said: &Said) -> Told {
    let at = place(said);
    let item = json!({
        "id": "msg_7", "type": "message", "status": "in_progress", "role": "assistant", "content": [],
    });
    let part = |text: &str| json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []});
    let of_part = |kind: &str, name: &str, value: Value| json!({"type": kind, "item_id": "msg_7", "output_index": at, "content_index": 0, name: value});
    let of_text = |kind: &str, name: &str, text: &str| {
        let mut event = of_part(kind, name, text.into());
        event["logprobs"] = json!([]);
        event
    };
    let piece = |text: &String| of_text("response.output_text.delta", "delta", text);
    let whole = said.whole_text();
    [
        vec![
            json!({"type": "response.output_item.added", "output_index": at, "item": item}),
            of_part("response.content_part.added", "part", part("")),
        ],
        said.pieces.iter().map(piece).collect(),
        vec![
            of_text("response.output_text.done", "text", &whole),
            of_part("response.content_part.done", "part", part(&whole)),
            json!({"type": "response.output_item.done", "output_index": at, "item": message(said)}),
        ],
    ]
}

fn calling(said: &Said) -> Told {
    let at = place(said);
    let arguments = said.call.as_ref().map(|call| call.arguments.to_string());
    let arguments = arguments.unwrap_or_default();
    let added = json!({"type": "response.output_item.added", "output_index": at, "item": call(said, "")});
    let of_call = |kind: &str, name: &str| json!({"type": kind, "item_id": "fc_7", "output_index": at, name: arguments});
    let delta = of_call("response.function_call_arguments.delta", "delta");
    let done = of_call("response.function_call_arguments.done", "arguments");
    let item_done =
        json!({"type": "response.output_item.done", "output_index": at, "item": call(said, &arguments)});
    [Vec::new(), vec![added, delta], vec![done, item_done]]
}

impl Speech for Responses {
    fn whole(&self, said: &Said) -> Value {
        response(said, status(said), &output(said))
    }

    fn stream(&self, said: &Said) -> Frames {
        let [before, pieces, mut tail] = if said.call.is_some() {
            calling(said)
        } else {
            text(said)
        };
        let created =
            json!({"type": "response.created", "response": response(said, "in_progress", &json!([]))});
        let head = [vec![created], thinking(said), before].concat();
        if said.finish.is_some() {
            let status = status(said);
            let kind = format!("response.{status}");
            tail.push(json!({"type": kind, "response": response(said, status, &output(said))}));
        }
        let mut number = 0;
        let mut numbered = |events: Vec<Value>| -> Vec<Vec<u8>> {
            let of = |mut told: Value| {
                told["sequence_number"] = number.into();
                number += 1;
                event(&told)
            };
            events.into_iter().map(of).collect()
        };
        Frames {
            head: numbered(head),
            pieces: numbered(pieces),
            tail: numbered(tail),
        }
    }

    fn refusal(&self, status: u16) -> Value {
        super::chat::Chat.refusal(status)
    }
}
