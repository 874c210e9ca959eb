//! How each vendor is told that a message is the beginning of the answer, and where.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod common;

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use modelpool_core::continuation::{Continuation, Way};
use modelpool_core::transport::{BodyStream, TransportError, TransportErrorKind};
use modelpool_core::{BoxFuture, ModelConfig, Operation, SystemClock, Transport};
use modelpool_providers::{PrefillForm, ProviderContext, ProviderRegistry, WireProtocol, vendors};
use serde_json::{Value, json};

use common::request;

/// Notes where what is sent, and answers nothing.
#[derive(Debug, Default)]
struct Notes(Mutex<Vec<(String, Value)>>);

impl Transport for Notes {
    fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'_, Result<http::Response<BodyStream>, TransportError>> {
        let body = serde_json::from_slice(request.body()).unwrap();
        self.0.lock().unwrap().push((request.uri().to_string(), body));
        Box::pin(async {
            Err(TransportError {
                kind: TransportErrorKind::Connect,
                message: "nobody is there".to_owned(),
            })
        })
    }
}

/// Where the provider of an entry sends a continuation, and its body.
async fn sent(config: &ModelConfig, way: Way) -> (String, Value) {
    let notes = Arc::new(Notes::default());
    let context = ProviderContext {
        transport: Arc::clone(&notes) as Arc<dyn Transport>,
        environment: Arc::new(|_| Some("a-key".to_owned())),
        clock: Arc::new(SystemClock),
    };
    let provider = ProviderRegistry::new().create(config, &context).unwrap();
    let body =
        br#"{"model":"auto","messages":[{"role":"user","content":"Go"}],"stream":true,"stream_options":{}}"#;
    let mut request = request(Operation::Chat, body).unwrap();
    request.continuation = Some(Continuation {
        delivered: "The quick ".into(),
        way,
    });
    provider.call(request).await.unwrap_err();
    notes.0.lock().unwrap().remove(0)
}

#[tokio::test]
async fn a_prefill_takes_the_form_of_the_vendor() {
    let chats = vendors()
        .iter()
        .filter(|vendor| vendor.wire == WireProtocol::OpenAiChat);
    for vendor in chats {
        let config = ModelConfig::new("a", vendor.name, "x").base_url("http://127.0.0.1:1/v1");
        let (address, body) = sent(&config, Way::Prefill).await;
        let mut message = json!({"role": "assistant", "content": "The quick"});
        match vendor.prefill {
            PrefillForm::LastMessage => {}
            PrefillForm::MessageMember(name) => message[name] = json!(true),
            PrefillForm::BodyMembers(members) => {
                for (name, value) in members {
                    assert_eq!(body[*name], *value, "{}", vendor.name);
                }
            }
        }
        assert_eq!(body["messages"][1], message, "{}", vendor.name);
        assert_eq!(
            address, "http://127.0.0.1:1/v1/chat/completions",
            "{}",
            vendor.name
        );
    }
    let marked = vendors()
        .iter()
        .filter(|vendor| vendor.prefill != PrefillForm::LastMessage);
    let names: Vec<&str> = marked.map(|vendor| vendor.name).collect();
    assert_eq!(names, ["mistral", "deepseek", "moonshot", "qwen", "vllm"]);
}

#[tokio::test]
async fn deepseek_takes_a_prefill_at_an_address_of_its_own() {
    let config = ModelConfig::new("a", "deepseek", "x");
    let (address, body) = sent(&config, Way::Prefill).await;
    assert_eq!(address, "https://api.deepseek.com/beta/chat/completions");
    assert_eq!(body["messages"][1]["prefix"], true);
    for way in [Way::AskToGoOn, Way::Restart] {
        assert_eq!(
            sent(&config, way).await.0,
            "https://api.deepseek.com/v1/chat/completions"
        );
    }
}
