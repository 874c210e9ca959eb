//! Bodies of callers that go to a model of the same wire, by way of a conversation.

use modelpool_core::Operation;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::bodies::{read, with};
use crate::gemini::{GeminiCaller, GeminiWire};
use crate::wire::{Caller, Target, Wire};

/// What the wire can say comes out of it as it went in.
#[test]
fn there_and_back() {
    let body = json!({
        "contents": [
            {"role": "user", "parts": [{"text": "?"}, {"fileData": {"mimeType": "application/pdf", "fileUri": "gs://b/x.pdf"}}]},
            {"role": "model", "parts": [
                {"text": "hm", "thought": true, "thoughtSignature": "c2ln"},
                {"text": "x", "thoughtSignature": "dGV4dA=="},
                {"functionCall": {"name": "f", "args": {"a": 1}, "id": "i"}, "thoughtSignature": "Y2FsbA=="}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"output": "1"}, "id": "i"}}]},
        ],
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "tools": [{"functionDeclarations": [{"name": "f", "description": "d"}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "VALIDATED"}},
        "generationConfig": {"temperature": 0.5, "thinkingConfig": {"thinkingLevel": "low"}, "mediaResolution": "LOW"},
        "safetySettings": [{"category": "c", "threshold": "t"}],
    });
    let target = Target {
        operation: Operation::Chat,
        model: "gemini-3-flash",
        stream: true,
    };
    let written = GeminiWire::default()
        .write(&read(&body).unwrap(), &target)
        .unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&written.body).unwrap(), body);
    assert!(written.dropped.is_empty());
}

/// JSON with the wire's own names in it, so that more than the first check is reached.
pub(super) fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(vec!["STOP", "user", "model", "ANY", "x", "", "OBJECT"]).prop_map(Value::from),
    ];
    let names = prop::sample::select(vec![
        "contents",
        "parts",
        "role",
        "text",
        "thought",
        "thoughtSignature",
        "functionCall",
        "functionResponse",
        "name",
        "args",
        "id",
        "response",
        "inlineData",
        "fileData",
        "mimeType",
        "data",
        "fileUri",
        "generationConfig",
        "tools",
        "toolConfig",
        "functionDeclarations",
        "functionCallingConfig",
        "mode",
        "allowedFunctionNames",
        "parameters",
        "thinkingConfig",
        "stopSequences",
        "candidates",
        "content",
        "index",
        "finishReason",
        "usageMetadata",
        "promptTokenCount",
        "logprobsResult",
        "chosenCandidates",
        "groundingMetadata",
        "error",
        "promptFeedback",
    ]);
    leaf.prop_recursive(6, 48, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((names.clone(), inner), 0..5).prop_map(|members| members
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect()),
        ]
    })
}

proptest! {
    #[test]
    fn no_body_panics(body in any_json(), bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = GeminiCaller.conversation(&bytes);
        let _ = read(&body);
        let _ = read(&with("contents", body.clone()));
        for name in ["contents", "generationConfig", "tools", "toolConfig", "systemInstruction"] {
            if let Ok(conversation) = read(&with(name, body.clone())) {
                for model in ["gemini-3-pro", "gemini-2.5-flash"] {
                    let target = Target { operation: Operation::Chat, model, stream: false };
                    let _ = GeminiWire::default().write(&conversation, &target);
                }
            }
        }
    }
}
