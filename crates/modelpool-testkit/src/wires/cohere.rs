//! Cohere's v2: <https://docs.cohere.com/v2/reference/chat>.

use serde_json::{Value, json};

use super::{Frames, Said, Speech, event};

pub(super) struct Cohere;

fn usage(said: &Said) -> Value {
    let mut usage = json!({
        "billed_units": {"input_tokens": 3, "output_tokens": said.output_tokens},
        "tokens": {"input_tokens": said.input_tokens, "output_tokens": said.output_tokens},
    });
    if said.cache.read > 0 {
        usage["cached_tokens"] = said.cache.read.into();
    }
    usage
}

fn word(said: &Said) -> Value {
    said.word("COMPLETE", "MAX_TOKENS", "TOOL_CALL")
}

fn said_in(kind: &str, index: usize, message: &Value) -> Vec<u8> {
    event(&json!({"type": kind, "index": index, "delta": {"message": message}}))
}

fn closed(index: usize) -> Vec<u8> {
    event(&json!({"type": "content-end", "index": index}))
}

impl Speech for Cohere {
    fn whole(&self, said: &Said) -> Value {
        let mut message = match &said.call {
            Some(call) => json!({
                "role": "assistant", "tool_calls": [{
                    "id": call.id, "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments.to_string()},
                }],
            }),
            None => json!({"role": "assistant", "content": [{"type": "text", "text": said.whole_text()}]}),
        };
        if let (Some(thought), Some(parts)) = (&said.thought, message["content"].as_array_mut()) {
            parts.insert(0, json!({"type": "thinking", "thinking": thought.text}));
        }
        json!({"id": "c14c80c3", "finish_reason": word(said), "message": message, "usage": usage(said)})
    }

    fn stream(&self, said: &Said) -> Frames {
        let begin = json!({
            "type": "message-start", "id": "c14c80c3",
            "delta": {"message": {"role": "assistant", "content": [], "tool_calls": []}},
        });
        let mut head = vec![event(&begin)];
        if let Some(thought) = said.thought.as_ref().filter(|_| said.call.is_none()) {
            let begun = json!({"content": {"type": "thinking", "thinking": ""}});
            head.push(said_in("content-start", 0, &begun));
            let thinking = json!({"content": {"thinking": thought.text}});
            head.push(said_in("content-delta", 0, &thinking));
            head.push(closed(0));
        }
        let index = usize::from(said.thought.is_some());
        let text = |text: &String| said_in("content-delta", index, &json!({"content": {"text": text}}));
        let mut pieces: Vec<Vec<u8>> = said.pieces.iter().map(text).collect();
        let mut tail = Vec::new();
        if let Some(call) = &said.call {
            let begun = json!({
                "id": call.id, "type": "function", "function": {"name": call.name, "arguments": ""},
            });
            pieces.push(said_in("tool-call-start", 0, &json!({"tool_calls": begun})));
            let arguments = json!({"function": {"arguments": call.arguments.to_string()}});
            pieces.push(said_in("tool-call-delta", 0, &json!({"tool_calls": arguments})));
            tail.push(event(&json!({"type": "tool-call-end", "index": 0})));
        } else {
            head.push(said_in(
                "content-start",
                index,
                &json!({"content": {"type": "text", "text": ""}}),
            ));
            tail.push(closed(index));
        }
        if said.finish.is_some() {
            let delta = json!({"finish_reason": word(said), "usage": usage(said)});
            tail.push(event(&json!({"type": "message-end", "delta": delta})));
        }
        Frames { head, pieces, tail }
    }

    fn refusal(&self, status: u16) -> Value {
        let message = match status {
            400 => "invalid request: temperature must be between 0 and 1.0 inclusive",
            401 => "invalid api token",
            404 => "model 'command-a-03-2025' not found, make sure the correct model ID was used",
            429 => "You are using a Trial key, which is limited to 20 API calls / minute.",
            503 | 529 => "the service is overloaded, please try again later",
            _ => "internal server error, this has been reported to our developers",
        };
        json!({"id": "c14c80c3", "message": message})
    }
}
