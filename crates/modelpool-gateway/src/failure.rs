//! The one place where errors become HTTP, in the shape of OpenAI's errors; for other dialects see
//! `dialects`.
//!
//! `{"error": {"message", "type", "param", "code"}}` with the status an SDK maps to its own
//! exceptions: <https://platform.openai.com/docs/guides/error-codes>.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, StatusCode};
use modelpool::{Dialect, Error, ErrorKind};
use serde_json::{Value, json};

use crate::access::Refusal;
use crate::dialects;

/// The same wait as `Retry-After` says, in milliseconds: what OpenAI's SDKs look at first.
const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");

/// An error on its way to the caller.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    pub(crate) message: String,
    pub(crate) kind: &'static str,
    pub(crate) param: Option<String>,
    pub(crate) code: Option<String>,
    /// Of a call that was made or planned. Apart, so that results stay small.
    call: Option<Box<CallFailure>>,
}

/// What is told of a call besides the error itself.
#[derive(Clone, Debug)]
struct CallFailure {
    /// What a program may want to look at, beside OpenAI's four members.
    details: Option<(&'static str, Value)>,
    retry_after: Option<Duration>,
    alias: Option<String>,
    attempts: u32,
    upstream_request_id: Option<String>,
}

impl Failure {
    pub(crate) fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        let kind = match status {
            StatusCode::UNAUTHORIZED => "authentication_error",
            StatusCode::FORBIDDEN => "permission_error",
            StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
            status if status.is_client_error() => "invalid_request_error",
            _ => "server_error",
        };
        Self {
            status,
            message: message.into(),
            kind,
            param: None,
            code: (!code.is_empty()).then(|| code.to_owned()),
            call: None,
        }
    }

    pub(crate) fn not_admitted(refusal: Refusal) -> Self {
        let message = match refusal {
            Refusal::Missing => "no key: send `Authorization: Bearer KEY`",
            Refusal::Wrong => "the key is not known here",
        };
        Self::new(StatusCode::UNAUTHORIZED, "invalid_api_key", message)
    }

    pub(crate) fn stopping() -> Self {
        let message = "the gateway is stopping and takes no more requests";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", message)
    }

    /// The error of the pool. The table of statuses and codes is this function.
    pub(crate) fn from_error(error: &Error) -> Self {
        let vendor = error.vendor();
        let (status, code) = match error.kind() {
            ErrorKind::NoModelFits(reason) if reason.input_too_long => (400, "context_length_exceeded"),
            ErrorKind::NoModelFits(_) => (422, "no_model_fits"),
            ErrorKind::PrefillRefused => (400, "prefill_refused"),
            ErrorKind::InvalidRequest | ErrorKind::Unsupported { .. } => (client_status(error.status()), ""),
            ErrorKind::ContextLength { .. } => (400, "context_length_exceeded"),
            ErrorKind::ContentFilter => (400, "content_filter"),
            ErrorKind::Forbidden => (403, "model_not_allowed"),
            ErrorKind::ModelNotFound => (404, "model_not_found"),
            ErrorKind::BudgetExceeded => (402, "budget_exceeded"),
            ErrorKind::RateLimited { .. } => (429, "rate_limit_exceeded"),
            ErrorKind::Billing => (429, "insufficient_quota"),
            ErrorKind::Auth => (502, "upstream_auth"),
            ErrorKind::Overloaded { .. } => (503, "overloaded"),
            ErrorKind::Timeout(_) => (504, "timeout"),
            ErrorKind::Configuration => (500, "configuration"),
            ErrorKind::Cancelled => (499, "cancelled"),
            // Server, connect, protocol, stream lost, and what later kinds bring.
            _ => (502, "upstream_error"),
        };
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
        let mut failure = Self::new(status, code, error.to_string());
        failure.param = vendor.and_then(|vendor| vendor.param.clone());
        if failure.code.is_none() {
            // Gemini's is the status once more.
            let code = vendor.and_then(|vendor| vendor.code.clone());
            failure.code = code.filter(|code| code.parse::<u16>().is_err());
        }
        let details = match error.kind() {
            ErrorKind::NoModelFits(reason) => Some(("no_model_fits", json!(reason.as_ref()))),
            _ => None,
        };
        failure.call = Some(Box::new(CallFailure {
            details,
            retry_after: error.retry_after(),
            alias: error.alias().map(str::to_owned),
            attempts: error.attempts(),
            upstream_request_id: error.upstream_request_id().map(str::to_owned),
        }));
        failure
    }

    /// The error object, as it stands in a body or in an event of a stream.
    pub(crate) fn body(&self) -> Value {
        let mut error = json!({
            "message": self.message, "type": self.kind, "param": self.param, "code": self.code,
        });
        if let Some((key, details)) = self.details() {
            error[key] = details.clone();
        }
        json!({ "error": error })
    }

    /// What a program may want to look at besides the message, with its name.
    pub(crate) fn details(&self) -> Option<(&'static str, &Value)> {
        let (name, details) = self.call.as_ref()?.details.as_ref()?;
        Some((name, details))
    }

    /// The answer to a caller who speaks OpenAI's dialect.
    pub(crate) fn into_response(self, request_id: &Arc<str>) -> Response {
        self.into_response_in(Dialect::OpenAiChat, request_id)
    }

    /// The answer to the caller.
    pub(crate) fn into_response_in(self, dialect: Dialect, request_id: &Arc<str>) -> Response {
        let mut response = Response::new(Body::from(dialects::body(dialect, &self).to_string()));
        *response.status_mut() = dialects::status(dialect, &self);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let mut set = |name: &'static str, value: &str| {
            if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
                headers.insert(name, value);
            }
        };
        set("x-modelpool-request-id", request_id);
        let vendor_id = self
            .call
            .as_ref()
            .and_then(|call| call.upstream_request_id.as_deref());
        let id = vendor_id.unwrap_or(request_id);
        set("x-request-id", id);
        if dialect == Dialect::Anthropic {
            set("request-id", id);
        }
        let Some(call) = &self.call else { return response };
        if let Some(alias) = &call.alias {
            set("x-modelpool-model", alias);
        }
        set("x-modelpool-attempts", &call.attempts.to_string());
        if let Some(wait) = call.retry_after {
            // Rounded up, or whoever waits exactly so long comes too early.
            let milliseconds = u64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
            headers.insert(RETRY_AFTER, HeaderValue::from(milliseconds.div_ceil(1000)));
            headers.insert(RETRY_AFTER_MS, HeaderValue::from(milliseconds));
        }
        response
    }
}

/// The upstream's own status where it blames the request, else 400.
fn client_status(status: Option<u16>) -> u16 {
    status
        .filter(|status| matches!(status, 400 | 409 | 413 | 415 | 422))
        .unwrap_or(400)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_and_codes() {
        for (kind, status, code) in [
            (ErrorKind::InvalidRequest, 400, None),
            (
                ErrorKind::ContextLength { window: None },
                400,
                Some("context_length_exceeded"),
            ),
            (ErrorKind::ContentFilter, 400, Some("content_filter")),
            (ErrorKind::PrefillRefused, 400, Some("prefill_refused")),
            (ErrorKind::Forbidden, 403, Some("model_not_allowed")),
            (ErrorKind::ModelNotFound, 404, Some("model_not_found")),
            (
                ErrorKind::RateLimited { retry_after: None },
                429,
                Some("rate_limit_exceeded"),
            ),
            (ErrorKind::Billing, 429, Some("insufficient_quota")),
            (ErrorKind::Auth, 502, Some("upstream_auth")),
            (ErrorKind::Server, 502, Some("upstream_error")),
            (ErrorKind::Connect, 502, Some("upstream_error")),
            (ErrorKind::Protocol, 502, Some("upstream_error")),
            (
                ErrorKind::Overloaded { retry_after: None },
                503,
                Some("overloaded"),
            ),
            (
                ErrorKind::Timeout(modelpool::TimeoutKind::Total),
                504,
                Some("timeout"),
            ),
        ] {
            let failure = Failure::from_error(&Error::new(kind.clone(), "x"));
            assert_eq!(
                (failure.status.as_u16(), failure.code.as_deref()),
                (status, code),
                "{kind:?}"
            );
        }
    }

    #[test]
    fn a_vendor_s_code_is_kept_unless_it_is_a_status() {
        for (code, kept) in [("invalid_value", Some("invalid_value")), ("400", None)] {
            let vendor = modelpool::parts::core::VendorError {
                code: Some(code.to_owned()),
                ..Default::default()
            };
            let failure =
                Failure::from_error(&Error::new(ErrorKind::InvalidRequest, "x").with_vendor(vendor));
            assert_eq!(failure.code.as_deref(), kept);
        }
    }

    #[test]
    fn waiting_time_is_rounded_up() {
        let kind = ErrorKind::RateLimited {
            retry_after: Some(Duration::from_micros(1_200_500)),
        };
        let response =
            Failure::from_error(&Error::new(kind, "x").at(&"a".into())).into_response(&"id".into());
        assert_eq!(response.headers()["retry-after"], "2");
        assert_eq!(response.headers()["retry-after-ms"], "1201");
        assert_eq!(response.headers()["x-modelpool-model"], "a");
        assert_eq!(response.headers()["x-modelpool-request-id"], "id");
    }
}
