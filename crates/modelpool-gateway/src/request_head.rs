//! What is read of a request's head: its id, its size, and what it asks of the pool.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, StatusCode};
use modelpool::{Error, ErrorKind, RequestOptions};
use serde_json::Value;

use crate::Gateway;
use crate::failure::Failure;

/// Longest id that is taken over from a caller.
const MAX_REQUEST_ID: usize = 128;

/// Most bytes of all headers together. Above that hyper may already have refused by itself.
const MAX_HEADER_BYTES: usize = 64 * 1024;

/// The caller's `x-request-id` where it is fit for logs, else a new one.
pub(crate) fn request_id(gateway: &Gateway, headers: &HeaderMap) -> Arc<str> {
    let given = headers.get("x-request-id").and_then(|value| value.to_str().ok());
    given
        .filter(|id| {
            !id.is_empty() && id.len() <= MAX_REQUEST_ID && id.bytes().all(|byte| byte.is_ascii_graphic())
        })
        .map_or_else(|| gateway.pool.new_request_id(), Arc::from)
}

pub(crate) fn check_size(headers: &HeaderMap) -> Result<(), Failure> {
    let bytes: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if bytes <= MAX_HEADER_BYTES {
        return Ok(());
    }
    let message = format!("the headers have {bytes} bytes; at most {MAX_HEADER_BYTES} are taken");
    Err(Failure::new(
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        "headers_too_large",
        message,
    ))
}

/// Adds the requirements of the header `x-modelpool-requirements`.
pub(crate) fn add_requirements(headers: &HeaderMap, options: &mut RequestOptions) -> Result<(), Error> {
    const NAME: &str = "x-modelpool-requirements";
    for value in headers.get_all(NAME) {
        let parsed: Result<Value, String> = std::str::from_utf8(value.as_bytes())
            .map_err(|error| error.to_string())
            .and_then(|text| serde_json::from_str(text).map_err(|error| error.to_string()));
        let value = parsed.map_err(|error| {
            Error::new(
                ErrorKind::InvalidRequest,
                format!("the header {NAME} is not JSON: {error}"),
            )
            .with_param(NAME)
        })?;
        options.require(&value)?;
    }
    Ok(())
}

/// The features of Anthropic's that a caller asks for; all such headers as one, `None` where there is none.
pub(crate) fn beta(headers: &HeaderMap) -> Result<Option<HeaderValue>, Error> {
    const NAME: &str = "anthropic-beta";
    let values: Vec<&[u8]> = headers.get_all(NAME).iter().map(HeaderValue::as_bytes).collect();
    if values.is_empty() {
        return Ok(None);
    }
    let all = HeaderValue::from_bytes(&values.join(&b","[..]));
    let all = all.ok().filter(|all| all.to_str().is_ok());
    all.map(Some).ok_or_else(|| {
        let message = format!("the header {NAME} holds characters that are not visible ASCII");
        Error::new(ErrorKind::InvalidRequest, message).with_param(NAME)
    })
}
