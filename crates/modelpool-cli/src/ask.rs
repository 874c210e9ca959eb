//! Asking a running gateway what it knows: its admin paths, with the admin key of the environment.

use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use serde_json::Value;

use crate::arguments::GatewayArguments;
use crate::exit::Failure;
use crate::http::Client;
use crate::runtime;

/// Where the key stands. A flag would show it to everyone who lists the processes.
const ADMIN_KEY: &str = "MODELPOOL_ADMIN_KEY";

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(20);

/// Gets a document below `/admin/v1/`.
pub(crate) fn get(gateway: &GatewayArguments, path: &[&str]) -> Result<Value, Failure> {
    let base = gateway.url.trim_end_matches('/');
    let path: Vec<String> = path.iter().map(|part| encoded(part)).collect();
    let url = format!("{base}/admin/v1/{}", path.join("/"));
    let headers = authorization()?;
    let reply = runtime::simple()?.block_on(Client::new(LIMIT).get_with(headers, &url));
    let reply = reply.map_err(|why| {
        Failure::failed(format!("no gateway answers at {base}: {why}"))
            .hint("start one with `modelpool serve`, or say where it is with `--url URL`")
    })?;
    let document = reply.json();
    if reply.status == 200 && document.is_object() {
        return Ok(document);
    }
    Err(refused(base, reply.status, &document))
}

fn authorization() -> Result<HeaderMap, Failure> {
    let Some(key) = std::env::var(ADMIN_KEY).ok().filter(|key| !key.is_empty()) else {
        return Ok(HeaderMap::new());
    };
    let mut value = HeaderValue::from_str(&format!("Bearer {key}"))
        .map_err(|_| Failure::usage(format!("${ADMIN_KEY} holds characters that no key has")))?;
    value.set_sensitive(true);
    Ok(HeaderMap::from_iter([(AUTHORIZATION, value)]))
}

/// The gateway's own words, where what answered is one.
fn refused(base: &str, status: u16, body: &Value) -> Failure {
    let Some(message) = body["error"]["message"].as_str() else {
        let message = format!("{base} answered with status {status}, and not as a gateway does");
        return Failure::failed(message).detail("status", status);
    };
    let failure = Failure::failed(message).detail("status", status);
    match status {
        401 => failure.hint(format!("put the gateway's `admin_key` into ${ADMIN_KEY}")),
        _ => failure,
    }
}

/// A part of a path: everything that could mean something else in a URL as `%XX`.
fn encoded(part: &str) -> String {
    let mut text = String::with_capacity(part.len());
    for byte in part.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_path_mean_only_themselves() {
        assert_eq!(encoded("gpt-4.1_a~"), "gpt-4.1_a~");
        assert_eq!(encoded("org/m?a#b%c 图"), "org%2Fm%3Fa%23b%25c%20%E5%9B%BE");
    }
}
