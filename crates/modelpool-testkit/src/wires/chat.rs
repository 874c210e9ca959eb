//! OpenAI's chat completions: <https://platform.openai.com/docs/api-reference/chat>.

use serde_json::{Value, json};

use super::{Cache, Frames, Said, Speech, data};

pub(super) struct Chat;

fn usage(said: &Said) -> Value {
    let mut usage = json!({
        "prompt_tokens": said.input_tokens, "completion_tokens": said.output_tokens,
        "total_tokens": said.input_tokens + said.output_tokens,
    });
    if let Some(ticks) = said.cost_in_usd_ticks {
        usage["cost_in_usd_ticks"] = ticks.into();
    }
    if said.cache != Cache::default() {
        usage["prompt_tokens_details"] =
            json!({"cached_tokens": said.cache.read, "cache_write_tokens": said.cache.written});
    }
    usage
}

fn chunk(choices: &Value, usage: &Value) -> Vec<u8> {
    data(&json!({
        "id": "chatcmpl-7", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "served-model",
        "choices": choices, "usage": usage,
    }))
}

fn delta(delta: &Value, finish: &Value) -> Vec<u8> {
    let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish});
    chunk(&json!([choice]), &Value::Null)
}

impl Speech for Chat {
    fn whole(&self, said: &Said) -> Value {
        let mut message = json!({"role": "assistant", "content": said.whole_text(), "refusal": null});
        if let Some(call) = &said.call {
            message["content"] = Value::Null;
            message["tool_calls"] = json!([{
                "id": call.id, "type": "function",
                "function": {"name": call.name, "arguments": call.arguments.to_string()},
            }]);
        }
        if let Some(thought) = &said.thought {
            message["reasoning_content"] = thought.text.as_str().into();
            message["reasoning_details"] = json!([
                {"type": "reasoning.text", "text": thought.text, "signature": thought.signature},
            ]);
        }
        json!({
            "id": "chatcmpl-7", "object": "chat.completion", "created": 1_700_000_000, "model": "served-model",
            "choices": [{
                "index": 0, "message": message, "logprobs": null,
                "finish_reason": said.word("stop", "length", "tool_calls"),
            }],
            "usage": usage(said),
        })
    }

    fn stream(&self, said: &Said) -> Frames {
        let none = Value::Null;
        let text = |text: &String| delta(&json!({"content": text}), &none);
        let mut pieces: Vec<Vec<u8>> = said.pieces.iter().map(text).collect();
        if let Some(call) = &said.call {
            let function = json!({"name": call.name, "arguments": ""});
            let begun = json!([{"index": 0, "id": call.id, "type": "function", "function": function}]);
            pieces.push(delta(&json!({"tool_calls": begun}), &none));
            let arguments = json!([{"index": 0, "function": {"arguments": call.arguments.to_string()}}]);
            pieces.push(delta(&json!({"tool_calls": arguments}), &none));
        }
        let mut tail = Vec::new();
        if said.finish.is_some() {
            tail.push(delta(&json!({}), &said.word("stop", "length", "tool_calls")));
        }
        tail.push(chunk(&json!([]), &usage(said)));
        tail.push(b"data: [DONE]\n\n".to_vec());
        let mut head = vec![delta(&json!({"role": "assistant", "content": ""}), &none)];
        if let Some(thought) = &said.thought {
            head.push(delta(&json!({"reasoning_content": thought.text}), &none));
            let proof = json!({"type": "reasoning.text", "signature": thought.signature});
            head.push(delta(&json!({"reasoning_details": [proof]}), &none));
        }
        Frames { head, pieces, tail }
    }

    fn refusal(&self, status: u16) -> Value {
        let (kind, code, message) = match status {
            400 => (
                "invalid_request_error",
                "invalid_value",
                "Invalid value for 'temperature'.",
            ),
            401 => (
                "invalid_request_error",
                "invalid_api_key",
                "Incorrect API key provided.",
            ),
            404 => (
                "invalid_request_error",
                "model_not_found",
                "The model does not exist.",
            ),
            429 => (
                "requests",
                "rate_limit_exceeded",
                "Rate limit reached for requests.",
            ),
            503 | 529 => (
                "server_error",
                "overloaded",
                "The engine is currently overloaded.",
            ),
            _ => ("server_error", "server_error", "The server had an error."),
        };
        json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
    }
}
