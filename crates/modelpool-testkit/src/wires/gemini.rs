//! Gemini's `generateContent`: <https://ai.google.dev/api/generate-content>.

use serde_json::{Value, json};

use super::{Frames, Said, Speech, data};

pub(super) struct Gemini;

fn chunk(parts: &Value, finish: &Value, said: &Said) -> Value {
    let mut candidate = json!({"content": {"parts": parts, "role": "model"}, "index": 0});
    if !finish.is_null() {
        candidate["finishReason"] = finish.clone();
    }
    let mut chunk = json!({
        "candidates": [candidate],
        "usageMetadata": {
            "promptTokenCount": said.input_tokens, "candidatesTokenCount": said.output_tokens,
            "totalTokenCount": said.input_tokens + said.output_tokens,
        },
        "modelVersion": "served-model", "responseId": "resp-7",
    });
    if said.cache.read > 0 {
        chunk["usageMetadata"]["cachedContentTokenCount"] = said.cache.read.into();
    }
    chunk
}

/// The wire has no word of its own for calls.
fn finish(said: &Said) -> Value {
    said.word("STOP", "MAX_TOKENS", "STOP")
}

fn call(said: &Said) -> Option<Value> {
    let call = said.call.as_ref()?;
    Some(json!([{"functionCall": {"name": call.name, "args": call.arguments}}]))
}

impl Speech for Gemini {
    fn wants_stream(&self, path: &str, _body: &Value) -> bool {
        path.contains(":streamGenerateContent")
    }

    fn whole(&self, said: &Said) -> Value {
        let mut parts = call(said).unwrap_or_else(|| json!([{"text": said.whole_text()}]));
        if let (Some(thought), Some(list)) = (&said.thought, parts.as_array_mut()) {
            // What proves it stands at the part that came of it.
            if let Some(part) = list.first_mut() {
                part["thoughtSignature"] = thought.signature.as_str().into();
            }
            list.insert(0, json!({"text": thought.text, "thought": true}));
        }
        chunk(&parts, &finish(said), said)
    }

    fn stream(&self, said: &Said) -> Frames {
        let text = |text: &String| data(&chunk(&json!([{"text": text}]), &Value::Null, said));
        let mut pieces: Vec<Vec<u8>> = said.pieces.iter().map(text).collect();
        pieces.extend(call(said).map(|parts| data(&chunk(&parts, &Value::Null, said))));
        let mut nothing = json!({"text": ""});
        let mut head = Vec::new();
        if let Some(thought) = &said.thought {
            let parts = json!([{"text": thought.text, "thought": true}]);
            head.push(data(&chunk(&parts, &Value::Null, said)));
            nothing["thoughtSignature"] = thought.signature.as_str().into();
        }
        let last = said
            .finish
            .map(|_| data(&chunk(&json!([nothing]), &finish(said), said)));
        Frames {
            head,
            pieces,
            tail: last.into_iter().collect(),
        }
    }

    fn refusal(&self, status: u16) -> Value {
        // A wrong key is a 400 at Google; proxies before it say 401.
        let (name, message) = match status {
            400 => (
                "INVALID_ARGUMENT",
                "Invalid value at 'generation_config.temperature'",
            ),
            401 => (
                "UNAUTHENTICATED",
                "Request had invalid authentication credentials.",
            ),
            404 => (
                "NOT_FOUND",
                "models/gemini-2.5-flash is not found for API version v1beta",
            ),
            429 => (
                "RESOURCE_EXHAUSTED",
                "Resource has been exhausted (e.g. check quota).",
            ),
            503 | 529 => ("UNAVAILABLE", "The model is overloaded. Please try again later."),
            _ => ("INTERNAL", "An internal error has occurred."),
        };
        json!({"error": {"code": status, "message": message, "status": name}})
    }
}
