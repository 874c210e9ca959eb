//! The provider of OpenAI's chat completions keeps the promises of providers, for vendors whose
//! quirks differ.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod common;

use std::sync::Arc;

use modelpool_core::{Capabilities, Flag, ModelConfig, Operation, Provider, ProviderRequest, SystemClock};
use modelpool_providers::{HttpTransport, ProviderContext, ProviderRegistry};
use modelpool_testkit::provider_suite::{KEY, Subject, check_all};
use serde_json::Value;

struct Vendor(&'static str);

impl Subject for Vendor {
    fn declared(&self) -> Capabilities {
        let can = [Flag::Tools, Flag::ParallelTools, Flag::Vision, Flag::Embeddings];
        can.into_iter().fold(Capabilities::new(), Capabilities::supports)
    }

    fn provider(&self, base_url: &str) -> Arc<dyn Provider> {
        let config = ModelConfig::new("alias", self.0, "name")
            .base_url(base_url)
            .api_key(KEY);
        let context = ProviderContext {
            transport: Arc::new(HttpTransport::new()),
            environment: Arc::new(|_| None),
            clock: Arc::new(SystemClock),
        };
        ProviderRegistry::new().create(&config, &context).unwrap()
    }

    fn request(&self, operation: Operation, body: &Value) -> Option<ProviderRequest> {
        Some(common::request(operation, body.to_string().as_bytes()).unwrap())
    }
}

#[tokio::test]
async fn a_vendor_that_sends_usage_when_asked() {
    let report = check_all(&Vendor("openai")).await;
    assert_eq!((report.passed.len(), report.skipped), (18, vec![]));
}

#[tokio::test]
async fn a_vendor_that_sends_usage_unasked() {
    let report = check_all(&Vendor("mistral")).await;
    assert_eq!((report.passed.len(), report.skipped), (18, vec![]));
}

#[tokio::test]
async fn any_server_that_speaks_the_wire() {
    let report = check_all(&Vendor("custom")).await;
    assert_eq!((report.passed.len(), report.skipped), (18, vec![]));
}
