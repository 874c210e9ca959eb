//! Vendors are rows of data; what differs between them shows in what is sent.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod common;

use std::sync::Arc;

use modelpool_core::{ModelConfig, Operation, SystemClock};
use modelpool_providers::{
    HttpTransport, ProviderContext, ProviderRegistry, StreamUsage, WireProtocol, vendors,
};

use common::{request, sent_by};

const STREAM: &str = r#"{"model":"auto","messages":[{}],"stream":true}"#;

#[test]
fn usage_is_asked_for_only_where_the_vendor_takes_the_option() {
    let chats = vendors()
        .iter()
        .filter(|vendor| vendor.wire == WireProtocol::OpenAiChat);
    for vendor in chats {
        let config = ModelConfig::new("a", vendor.name, "x").base_url("http://127.0.0.1:1");
        let sent = sent_by(
            vendor.name,
            config,
            request(Operation::Chat, STREAM.as_bytes()).unwrap(),
        );
        let asked = match vendor.stream_usage {
            StreamUsage::OnRequest => r#""stream_options":{"include_usage":true},"#,
            StreamUsage::Unasked => "",
        };
        let expected = format!(r#"{{{asked}"model":"vendor-name","messages":[{{}}],"stream":true}}"#);
        assert_eq!(sent, expected, "{}", vendor.name);
    }
    let unasked = vendors()
        .iter()
        .filter(|vendor| vendor.stream_usage == StreamUsage::Unasked);
    let names: Vec<&str> = unasked.map(|vendor| vendor.name).collect();
    assert_eq!(names, ["mistral", "perplexity"]);
}

#[test]
fn a_key_of_the_environment_goes_to_the_vendor_and_nowhere_else() {
    let context = ProviderContext {
        transport: Arc::new(HttpTransport::new()),
        environment: Arc::new(|_| None),
        clock: Arc::new(SystemClock),
    };
    let create = |config: &ModelConfig| ProviderRegistry::new().create(config, &context);
    for vendor in vendors() {
        let config = ModelConfig::new("a", vendor.name, "x");
        let made = create(&config).map_err(|error| error.message().to_owned());
        match (vendor.base_url, vendor.key_variable) {
            (Some(_), Some(variable)) => assert_eq!(
                made.unwrap_err(),
                format!("no key: set `api_key`, or the environment variable {variable}")
            ),
            (Some(_), None) => assert!(made.is_ok(), "{}", vendor.name),
            // Its address has a region in it.
            (None, _) if vendor.wire == WireProtocol::Bedrock => {
                assert!(made.unwrap_err().starts_with("no region: "));
            }
            (None, _) => assert_eq!(
                made.unwrap_err(),
                format!("no address: provider `{}` needs a `base_url`", vendor.name)
            ),
        }
        assert!(
            create(&config.base_url("http://127.0.0.1:1")).is_ok(),
            "elsewhere none is needed"
        );
    }
}
