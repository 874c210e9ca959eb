//! What each dialect calls a failure, and how its streams end.
//!
//! | dialect | shape of an error | in a stream |
//! |---|---|---|
//! | OpenAI's chat completions | `{"error": {"message", "type", "param", "code"}}` | the same as an event |
//! | OpenAI's responses | the same | `event: error` with `type`, `code`, `message`, `param`, and the same as `error` |
//! | Anthropic's messages | `{"type": "error", "error": {"type", "message"}}` | the same as `event: error` |
//! | Gemini's | `{"error": {"code", "message", "status"}}` | the same as an event |

use http::StatusCode;
use modelpool::Dialect;
use serde_json::{Value, json};

use crate::failure::Failure;

/// Anthropic's status of an overload: <https://docs.anthropic.com/en/api/errors>.
const ANTHROPIC_OVERLOADED: u16 = 529;

/// Anthropic's threads, which its clients begin by themselves where they run tools. Told this code, they send the
/// whole conversation instead.
const THREAD: &str = "thread";

/// The status of a failure.
pub(crate) fn status(dialect: Dialect, failure: &Failure) -> StatusCode {
    let overloaded = failure.status == StatusCode::SERVICE_UNAVAILABLE;
    match dialect {
        Dialect::Anthropic if overloaded => {
            StatusCode::from_u16(ANTHROPIC_OVERLOADED).unwrap_or(failure.status)
        }
        _ => failure.status,
    }
}

/// The body of a failure.
pub(crate) fn body(dialect: Dialect, failure: &Failure) -> Value {
    match dialect {
        Dialect::Anthropic => anthropic(failure),
        Dialect::Gemini => gemini(failure),
        _ => failure.body(),
    }
}

/// The event with which a stream ends that was lost, after so many others.
pub(crate) fn error_event(dialect: Dialect, failure: &Failure, before: usize) -> String {
    match dialect {
        Dialect::Anthropic => format!("event: error\ndata: {}\n\n", anthropic(failure)),
        Dialect::OpenAiResponses => {
            // Flat as the reference has it, and nested as OpenAI sends it and its clients look for it.
            let mut event = failure.body();
            event["type"] = "error".into();
            event["code"] = json!(failure.code);
            event["message"] = failure.message.as_str().into();
            event["param"] = json!(failure.param);
            event["sequence_number"] = before.into();
            format!("event: error\ndata: {event}\n\n")
        }
        _ => format!("data: {}\n\n", body(dialect, failure)),
    }
}

/// The mark of the end, for a complete stream whose server left it out: clients wait for it.
pub(crate) fn end_mark(dialect: Dialect) -> &'static [u8] {
    match dialect {
        Dialect::OpenAiChat => b"data: [DONE]\n\n",
        Dialect::Anthropic => b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        // Their last event is the one that says why they end.
        _ => b"",
    }
}

/// Whether comments may stand between the events of a stream. Google's client for Python takes every line without
/// `data:` for JSON, and fails on them.
pub(crate) fn takes_comments(dialect: Dialect) -> bool {
    dialect != Dialect::Gemini
}

/// <https://docs.anthropic.com/en/api/errors>.
fn anthropic(failure: &Failure) -> Value {
    let kind = match status(Dialect::Anthropic, failure).as_u16() {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        ANTHROPIC_OVERLOADED => "overloaded_error",
        400..500 => "invalid_request_error",
        _ => "api_error",
    };
    let mut error = json!({"type": kind, "message": failure.message});
    if failure.param.as_deref() == Some(THREAD) {
        error["details"] = json!({"error_code": "thread_unsupported_request"});
    }
    add_details(&mut error, failure);
    json!({"type": "error", "error": error})
}

/// The names of <https://google.aip.dev/193> and its table of codes.
fn gemini(failure: &Failure) -> Value {
    let name = match failure.status.as_u16() {
        401 => "UNAUTHENTICATED",
        402 | 403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        499 => "CANCELLED",
        500 | 502 => "INTERNAL",
        503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        422 => "FAILED_PRECONDITION",
        _ => "INVALID_ARGUMENT",
    };
    let mut error = json!({"code": failure.status.as_u16(), "message": failure.message, "status": name});
    add_details(&mut error, failure);
    json!({ "error": error })
}

/// What a program may want to look at, beside the dialect's members.
fn add_details(error: &mut Value, failure: &Failure) {
    if let Some(code) = &failure.code {
        error["modelpool_code"] = code.clone().into();
    }
    if let Some((key, details)) = failure.details() {
        error[key] = details.clone();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overloaded() -> Failure {
        Failure::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "no room")
    }

    #[test]
    fn each_dialect_has_its_own_shape() {
        assert_eq!(
            body(Dialect::Anthropic, &overloaded()),
            json!({"type": "error", "error":
                {"type": "overloaded_error", "message": "no room", "modelpool_code": "overloaded"}})
        );
        assert_eq!(status(Dialect::Anthropic, &overloaded()).as_u16(), 529);
        assert_eq!(
            body(Dialect::Gemini, &overloaded()),
            json!({"error":
                {"code": 503, "message": "no room", "status": "UNAVAILABLE", "modelpool_code": "overloaded"}})
        );
        assert_eq!(body(Dialect::OpenAiResponses, &overloaded()), overloaded().body());
    }

    #[test]
    fn the_error_of_a_response_s_stream_is_flat_and_nested() {
        let event = error_event(Dialect::OpenAiResponses, &overloaded(), 7);
        let data = event.strip_prefix("event: error\ndata: ").unwrap();
        assert_eq!(
            serde_json::from_str::<Value>(data).unwrap(),
            json!({
                "type": "error", "code": "overloaded", "message": "no room", "param": null, "sequence_number": 7,
                "error": overloaded().body()["error"],
            })
        );
    }

    #[test]
    fn a_bad_upstream_is_no_overload_to_gemini_s_clients() {
        let failure = Failure::new(StatusCode::BAD_GATEWAY, "upstream_error", "x");
        assert_eq!(body(Dialect::Gemini, &failure)["error"]["status"], "INTERNAL");
    }

    #[test]
    fn clients_of_anthropic_are_told_to_go_on_without_a_thread() {
        let mut failure = Failure::new(StatusCode::BAD_REQUEST, "", "x");
        assert_eq!(body(Dialect::Anthropic, &failure)["error"].get("details"), None);
        failure.param = Some(THREAD.to_owned());
        let details = &body(Dialect::Anthropic, &failure)["error"]["details"];
        assert_eq!(details, &json!({"error_code": "thread_unsupported_request"}));
    }
}
