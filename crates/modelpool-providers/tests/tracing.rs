//! Whatever is called, over whichever wire: the upstream is told the span of the call, where there is one.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod common;

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use modelpool_core::transport::{BodyStream, TransportError, TransportErrorKind};
use modelpool_core::{BoxFuture, ModelConfig, Operation, SystemClock, TraceParent, Transport};
use modelpool_providers::{ProviderContext, ProviderRegistry, vendors};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Something of everything that any operation asks for.
const BODY: &[u8] = br#"{"model":"m","messages":[{"role":"user","content":"x"}],"input":"x","prompt":"x",
"query":"x","documents":["x"],"voice":"x","max_tokens":9}"#;

/// Notes the heads of what is sent, and answers nothing.
#[derive(Debug, Default)]
struct Heads(Mutex<Vec<HeaderMap>>);

impl Transport for Heads {
    fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'_, Result<http::Response<BodyStream>, TransportError>> {
        self.0.lock().unwrap().push(request.headers().clone());
        Box::pin(async {
            Err(TransportError {
                kind: TransportErrorKind::Connect,
                message: "nobody is there".to_owned(),
            })
        })
    }
}

/// The headers of a call; `None` where the wire has no such operation.
async fn sent(vendor: &str, operation: Operation, trace: Option<TraceParent>) -> Option<HeaderMap> {
    let heads = Arc::new(Heads::default());
    let context = ProviderContext {
        transport: Arc::clone(&heads) as Arc<dyn Transport>,
        environment: Arc::new(|_| None),
        clock: Arc::new(SystemClock),
    };
    let config = ModelConfig::new("a", vendor, "m")
        .base_url("http://127.0.0.1:9/v1")
        .api_key("k");
    let provider = ProviderRegistry::new().create(&config, &context).unwrap();
    let mut request = common::request(operation, BODY).unwrap();
    request.trace = trace;
    let _nobody_is_there = provider.call(request).await;
    let sent = heads.0.lock().unwrap();
    sent.first().cloned()
}

#[tokio::test]
async fn every_call_of_every_vendor_says_which_span_it_is() {
    let trace = TraceParent::parse(PARENT.as_bytes());
    assert!(trace.is_some());
    let mut calls = 0;
    for vendor in vendors() {
        for operation in Operation::ALL {
            let Some(headers) = sent(vendor.name, operation, trace).await else {
                assert_ne!(operation, Operation::Chat, "{}", vendor.name);
                continue;
            };
            let told: Vec<&HeaderValue> = headers.get_all("traceparent").iter().collect();
            assert_eq!(told, [PARENT], "{} {operation:?}", vendor.name);
            let untraced = sent(vendor.name, operation, None).await.unwrap();
            assert!(
                !untraced.contains_key("traceparent"),
                "{} {operation:?}",
                vendor.name
            );
            calls += 1;
        }
    }
    assert!(calls > 2 * vendors().len(), "{calls}");
}
