//! Anthropic's messages: <https://platform.claude.com/docs/en/api/messages>.

use serde_json::{Value, json};

use super::{Cache, Frames, Said, Speech, event};

pub(super) struct Anthropic;

fn message(said: &Said) -> Value {
    let cache = said.cache;
    let mut message = json!({
        "id": "msg_7", "type": "message", "role": "assistant", "model": "served-model", "content": [],
        "stop_reason": null, "stop_sequence": null,
        "usage": {"input_tokens": said.fresh_tokens(), "output_tokens": 1},
    });
    if cache != Cache::default() {
        message["usage"]["cache_read_input_tokens"] = cache.read.into();
        message["usage"]["cache_creation_input_tokens"] = cache.written.into();
        message["usage"]["cache_creation"] = json!({
            "ephemeral_5m_input_tokens": cache.written - cache.written_for_an_hour,
            "ephemeral_1h_input_tokens": cache.written_for_an_hour,
        });
    }
    message
}

fn grown(index: usize, delta: &Value) -> Vec<u8> {
    event(&json!({"type": "content_block_delta", "index": index, "delta": delta}))
}

fn opened(index: usize, block: &Value) -> Vec<u8> {
    event(&json!({"type": "content_block_start", "index": index, "content_block": block}))
}

fn closed(index: usize) -> Vec<u8> {
    event(&json!({"type": "content_block_stop", "index": index}))
}

impl Speech for Anthropic {
    fn whole(&self, said: &Said) -> Value {
        let mut answer = message(said);
        let block = match &said.call {
            Some(call) => {
                json!({"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments})
            }
            None => json!({"type": "text", "text": said.whole_text()}),
        };
        let thought = said.thought.as_ref().map(
            |thought| json!({"type": "thinking", "thinking": thought.text, "signature": thought.signature}),
        );
        answer["content"] = thought.into_iter().chain([block]).collect();
        answer["stop_reason"] = said.word("end_turn", "max_tokens", "tool_use");
        answer["usage"]["output_tokens"] = said.output_tokens.into();
        answer
    }

    fn stream(&self, said: &Said) -> Frames {
        let block = match &said.call {
            Some(call) => json!({"type": "tool_use", "id": call.id, "name": call.name, "input": {}}),
            None => json!({"type": "text", "text": ""}),
        };
        let begin = event(&json!({"type": "message_start", "message": message(said)}));
        let mut head = vec![begin];
        if let Some(thought) = &said.thought {
            head.push(opened(
                0,
                &json!({"type": "thinking", "thinking": "", "signature": ""}),
            ));
            head.push(grown(
                0,
                &json!({"type": "thinking_delta", "thinking": thought.text}),
            ));
            head.push(grown(
                0,
                &json!({"type": "signature_delta", "signature": thought.signature}),
            ));
            head.push(closed(0));
        }
        let index = usize::from(said.thought.is_some());
        head.push(opened(index, &block));
        let text = |text: &String| grown(index, &json!({"type": "text_delta", "text": text}));
        let mut pieces: Vec<Vec<u8>> = said.pieces.iter().map(text).collect();
        if let Some(call) = &said.call {
            let arguments = call.arguments.to_string();
            pieces.push(grown(
                index,
                &json!({"type": "input_json_delta", "partial_json": arguments}),
            ));
        }
        let mut tail = vec![closed(index)];
        if said.finish.is_some() {
            tail.push(event(&json!({
                "type": "message_delta",
                "delta": {
                    "stop_reason": said.word("end_turn", "max_tokens", "tool_use"), "stop_sequence": null,
                },
                "usage": {"output_tokens": said.output_tokens},
            })));
        }
        tail.push(event(&json!({"type": "message_stop"})));
        Frames { head, pieces, tail }
    }

    fn refusal(&self, status: u16) -> Value {
        let (kind, message) = match status {
            400 => (
                "invalid_request_error",
                "temperature: Input should be less than or equal to 1",
            ),
            401 => ("authentication_error", "invalid x-api-key"),
            404 => ("not_found_error", "model: claude-sonnet-4-5"),
            429 => ("rate_limit_error", "This request would exceed your rate limit."),
            529 => ("overloaded_error", "Overloaded"),
            _ => ("api_error", "Internal server error"),
        };
        json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_7"})
    }
}
