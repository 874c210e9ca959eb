//! Attributes in the shape of OTLP's JSON: <https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>.

use serde_json::{Value, json};

/// Attributes of a span, a point of a metric, or a resource. Whole numbers of 64 bits are strings in the JSON.
#[derive(Clone, Debug, Default)]
pub(super) struct Attributes(pub(super) Vec<Value>);

impl Attributes {
    pub(super) fn text(&mut self, key: &str, value: &str) {
        self.0.push(json!({"key": key, "value": {"stringValue": value}}));
    }

    pub(super) fn whole(&mut self, key: &str, value: u64) {
        let value = value.to_string();
        self.0.push(json!({"key": key, "value": {"intValue": value}}));
    }

    pub(super) fn number(&mut self, key: &str, value: f64) {
        self.0.push(json!({"key": key, "value": {"doubleValue": value}}));
    }
}
