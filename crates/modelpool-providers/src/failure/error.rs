//! The error of a refusal.

use http::{HeaderMap, HeaderName, StatusCode};
use modelpool_core::quota::QuotaReport;
use modelpool_core::{Error, ErrorKind};
use serde_json::Value;

use super::body::Body;
use super::quota::{self, quota_report};
use super::rules::classify;
use super::time::made_at;
use super::waiting::{until_reset, waiting};

/// With `false` the server says that it would fail again; OpenAI's SDK obeys it (`_should_retry` in `openai` 3.54.0 for
/// Python, read 2026-11-27). `true` changes nothing: when to ask again is decided here.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// The error of an answer whose status is not a success. `secrets` are left out of all texts.
#[must_use]
pub fn from_answer(status: StatusCode, headers: &HeaderMap, body: &[u8], secrets: &[&str]) -> Error {
    let mut read = Body::read(body, secrets);
    read.signals.status = status.as_u16();
    let mut quota = quota_report(headers);
    if quota == QuotaReport::default() {
        quota = quota::read(&read.headers, || made_at(headers));
    }
    read.signals.retry_after = waiting(headers, &read.signals).or_else(|| until_reset(&quota));
    let kind = classify(&read.signals);
    let message = match read.vendor.message.as_str() {
        "" => "the upstream refused without saying why".to_owned(),
        said => said.to_owned(),
    };
    let error = Error::new(kind, message)
        .with_status(status.as_u16())
        .with_vendor(read.vendor)
        .with_quota(quota);
    match headers.get(SHOULD_RETRY).map(|value| value.as_bytes()) {
        Some(b"false") => error.without_retry(),
        _ => error,
    }
}

/// The error of an error object that came with a success status, or within a stream.
#[must_use]
pub fn from_object(object: &Value, secrets: &[&str]) -> Error {
    let mut read = Body::of(object, secrets);
    // A code that is a number is a status, as llama-server and OpenRouter send it.
    let code = read.vendor.code.as_deref().and_then(|code| code.parse().ok());
    read.signals.status = code.filter(|code| (400..600).contains(code)).unwrap_or(500);
    read.signals.retry_after = waiting(&HeaderMap::new(), &read.signals);
    let kind: ErrorKind = classify(&read.signals);
    let message = format!("the upstream reported an error: {}", read.vendor.message);
    Error::new(kind, message).with_vendor(read.vendor)
}
