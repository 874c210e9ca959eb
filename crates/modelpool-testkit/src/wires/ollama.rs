//! Ollama's own: <https://github.com/ollama/ollama/blob/main/docs/api.md>. Its calls have no ids.

use serde_json::{Value, json};

use super::{Frames, Said, Speech};

pub(super) struct Ollama;

fn line(value: &Value) -> Vec<u8> {
    format!("{value}\n").into_bytes()
}

fn said_so(message: &Value) -> Value {
    json!({"model": "served-model", "created_at": "2023-11-14T22:13:20Z", "message": message, "done": false})
}

fn call(said: &Said) -> Option<Value> {
    let call = said.call.as_ref()?;
    let function = json!({"name": call.name, "arguments": call.arguments});
    Some(json!({"role": "assistant", "content": "", "tool_calls": [{"function": function}]}))
}

/// Adds why it ends. Calls of tools stop like anything else.
fn ended(mut value: Value, said: &Said) -> Value {
    if said.finish.is_some() {
        value["done"] = true.into();
        value["done_reason"] = said.word("stop", "length", "stop");
        value["prompt_eval_count"] = said.input_tokens.into();
        value["eval_count"] = said.output_tokens.into();
    }
    value
}

impl Speech for Ollama {
    /// Unless it is told otherwise it streams.
    fn wants_stream(&self, _path: &str, body: &Value) -> bool {
        body["stream"] != false
    }

    fn stream_type(&self) -> &'static str {
        "application/x-ndjson"
    }

    fn whole(&self, said: &Said) -> Value {
        let text = || json!({"role": "assistant", "content": said.whole_text()});
        let mut message = call(said).unwrap_or_else(text);
        if let Some(thought) = &said.thought {
            message["thinking"] = thought.text.as_str().into();
        }
        ended(said_so(&message), said)
    }

    fn stream(&self, said: &Said) -> Frames {
        let text = |text: &String| line(&said_so(&json!({"role": "assistant", "content": text})));
        let mut pieces: Vec<Vec<u8>> = said.pieces.iter().map(text).collect();
        pieces.extend(call(said).map(|message| line(&said_so(&message))));
        let nothing = said_so(&json!({"role": "assistant", "content": ""}));
        let thought = said.thought.as_ref().map(|thought| {
            line(&said_so(
                &json!({"role": "assistant", "content": "", "thinking": thought.text}),
            ))
        });
        Frames {
            head: thought.into_iter().collect(),
            pieces,
            tail: said
                .finish
                .map(|_| line(&ended(nothing, said)))
                .into_iter()
                .collect(),
        }
    }

    fn refusal(&self, status: u16) -> Value {
        let message = match status {
            400 => "invalid options: temperature",
            401 => "unauthorized",
            404 => "model 'qwen3' not found",
            429 => "too many concurrent requests",
            503 | 529 => "server busy, please try again.  maximum pending requests exceeded",
            _ => "an error was encountered while running the model",
        };
        json!({ "error": message })
    }

    fn malformed(&self) -> Vec<u8> {
        b"{\"message\": {\"cont\n".to_vec()
    }
}
