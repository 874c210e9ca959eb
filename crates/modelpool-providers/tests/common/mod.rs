//! Setup shared by the tests of this folder.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used)] // every test binary uses another part of it

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use modelpool_core::provider::CallLimits;
use modelpool_core::transport::{BodyStream, TransportError, TransportErrorKind};
use modelpool_core::{BoxFuture, ModelConfig, Operation, Provider, ProviderRequest, SystemClock, Transport};
use modelpool_providers::openai_chat::OpenAiChat;
use modelpool_providers::openai_chat::read::{BodyError, ReadRequest, read};
use modelpool_providers::{ProviderContext, find_vendor};

/// A request as the engine makes it from a caller's body.
pub fn request(operation: Operation, body: &[u8]) -> Result<ProviderRequest, BodyError> {
    let ReadRequest { body, facts, .. } = read(operation, Bytes::copy_from_slice(body))?;
    Ok(ProviderRequest {
        body,
        facts: Arc::new(facts),
        model_name: "vendor-name".into(),
        limits: CallLimits {
            connect: Duration::from_secs(3),
            response: Duration::from_secs(10),
            idle: Duration::from_secs(10),
        },
        continuation: None,
        trace: None,
    })
}

/// Notes what is sent, and answers nothing.
#[derive(Debug, Default)]
pub struct Recorder(Mutex<Vec<Bytes>>);

impl Transport for Recorder {
    fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'_, Result<http::Response<BodyStream>, TransportError>> {
        let mut sent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sent.push(request.into_body());
        Box::pin(async {
            Err(TransportError {
                kind: TransportErrorKind::Connect,
                message: "nobody is there".to_owned(),
            })
        })
    }
}

/// The body that a vendor's provider sends for a caller's body.
pub fn sent_by(vendor: &str, config: ModelConfig, request: ProviderRequest) -> Bytes {
    let recorder = Arc::new(Recorder::default());
    let context = ProviderContext {
        transport: Arc::clone(&recorder) as Arc<dyn Transport>,
        environment: Arc::new(|_| None),
        clock: Arc::new(SystemClock),
    };
    let vendor = find_vendor(vendor).unwrap();
    let provider = OpenAiChat::new(vendor, &config, &context).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    let refused = runtime.unwrap().block_on(provider.call(request));
    assert!(refused.is_err(), "nobody answers");
    let sent = recorder.0.lock().unwrap_or_else(PoisonError::into_inner);
    assert_eq!(sent.len(), 1);
    sent[0].clone()
}
