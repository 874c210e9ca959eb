//! AWS Signature Version 4: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>.
//!
//! A signature goes stale after minutes, and covers the body: a request is signed as the last thing before it is
//! sent, and again before it is sent again. The time is passed in. Signing of bodies in chunks and of addresses
//! (query parameters instead of headers) is not here.

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::header::{AUTHORIZATION, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri};
use jiff::Timestamp;
use modelpool_core::UnixMillis;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

/// Headers that whoever carries the request may add or change; all others are signed.
const UNSIGNED: &[&str] = &[
    "accept-encoding",
    "authorization",
    "connection",
    "content-length",
    "expect",
    "te",
    "traceparent",
    "tracestate",
    "transfer-encoding",
    "user-agent",
    "x-amzn-trace-id",
];

/// An AWS access key.
#[derive(Clone, Debug)]
pub(crate) struct Credentials {
    access_key: String,
    secret_key: SecretString,
    session_token: Option<SecretString>,
}

/// What a signature is for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope<'a> {
    pub(super) region: &'a str,
    pub(super) service: &'a str,
}

impl Credentials {
    pub(crate) fn new(access_key: &str, secret_key: &str, session_token: Option<&str>) -> Self {
        Self {
            access_key: access_key.to_owned(),
            secret_key: secret_key.into(),
            session_token: session_token.map(Into::into),
        }
    }
}

/// Signs a request that is otherwise ready: sets `host` where it is missing, the time, the session's token, and
/// `authorization`.
pub(super) fn sign(
    request: &mut Request<Bytes>,
    scope: Scope<'_>,
    credentials: &Credentials,
    at: UnixMillis,
) -> Result<(), String> {
    let time = amz_date(at)?;
    let day = time.split('T').next().unwrap_or_default();
    prepare(request, credentials, &time)?;
    let signed = signed_headers(request.headers());
    let canonical = canonical_request(request, &signed);
    let scope_text = format!("{day}/{}/{}/aws4_request", scope.region, scope.service);
    let to_sign = format!(
        "{ALGORITHM}\n{time}\n{scope_text}\n{}",
        hex(&Sha256::digest(&canonical))
    );
    let signature = hex(&hmac(&signing_key(credentials, day, scope)?, to_sign.as_bytes())?);
    let shown = format!(
        "{ALGORITHM} Credential={}/{scope_text}, SignedHeaders={}, Signature={signature}",
        credentials.access_key,
        signed.join(";"),
    );
    request.headers_mut().insert(AUTHORIZATION, secret_value(&shown)?);
    Ok(())
}

/// `20150830T123600Z`.
fn amz_date(at: UnixMillis) -> Result<String, String> {
    let millis = i64::try_from(at.0).map_err(|_| format!("the time {} cannot be signed", at.0))?;
    let time = Timestamp::from_millisecond(millis)
        .map_err(|error| format!("the time {millis} cannot be signed: {error}"))?;
    Ok(time.strftime("%Y%m%dT%H%M%SZ").to_string())
}

/// The headers that a signature needs.
fn prepare(request: &mut Request<Bytes>, credentials: &Credentials, time: &str) -> Result<(), String> {
    if !request.headers().contains_key(HOST) {
        let host = host(request.uri()).ok_or_else(|| format!("{} has no host", request.uri()))?;
        request.headers_mut().insert(HOST, host);
    }
    let date = HeaderValue::from_str(time).map_err(|error| format!("the time {time}: {error}"))?;
    request.headers_mut().insert(DATE, date);
    match &credentials.session_token {
        Some(token) => request
            .headers_mut()
            .insert(TOKEN, secret_value(token.expose_secret())?),
        None => request.headers_mut().remove(TOKEN),
    };
    Ok(())
}

/// As clients write it: without the port that the scheme implies, and without a user.
fn host(uri: &Uri) -> Option<HeaderValue> {
    let port = match (uri.scheme_str(), uri.port_u16()) {
        (Some("https"), Some(443)) | (Some("http"), Some(80)) | (_, None) => String::new(),
        (_, Some(port)) => format!(":{port}"),
    };
    HeaderValue::from_str(&format!("{}{port}", uri.host()?)).ok()
}

fn secret_value(text: &str) -> Result<HeaderValue, String> {
    // The text stays out of the error: it is a secret.
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| "the AWS credentials hold characters that cannot stand in a header".to_owned())?;
    value.set_sensitive(true);
    Ok(value)
}

/// In order; names are in lower case already.
fn signed_headers(headers: &HeaderMap) -> Vec<&str> {
    let mut names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
    names.retain(|name| !UNSIGNED.contains(name));
    names.sort_unstable();
    names
}

fn canonical_request(request: &Request<Bytes>, signed: &[&str]) -> Vec<u8> {
    let uri = request.uri();
    let mut canonical = format!(
        "{}\n{}\n{}\n",
        request.method(),
        canonical_path(uri.path()),
        canonical_query(uri.query().unwrap_or_default()),
    )
    .into_bytes();
    for name in signed {
        canonical.extend_from_slice(name.as_bytes());
        canonical.push(b':');
        for (at, value) in request.headers().get_all(*name).iter().enumerate() {
            if at > 0 {
                canonical.push(b',');
            }
            push_trimmed(&mut canonical, value.as_bytes());
        }
        canonical.push(b'\n');
    }
    canonical.extend_from_slice(format!("\n{}\n", signed.join(";")).as_bytes());
    canonical.extend_from_slice(hex(&Sha256::digest(request.body())).as_bytes());
    canonical
}

/// The segments of the path as it is sent, encoded once more, as all services but S3 want it; those that say
/// nothing (`.`, `..`, none) are resolved.
fn canonical_path(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            segment => segments.push(segment),
        }
    }
    let mut canonical: String = segments
        .iter()
        .map(|segment| format!("/{}", encoded(segment)))
        .collect();
    if canonical.is_empty() || path.ends_with('/') {
        canonical.push('/');
    }
    canonical
}

/// Names and values encoded in one way, in order of the encoded names, then values.
fn canonical_query(query: &str) -> String {
    let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (encoded_bytes(&decoded(name)), encoded_bytes(&decoded(value)))
    });
    let mut pairs: Vec<(String, String)> = pairs.collect();
    pairs.sort_unstable();
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join("&")
}

/// A header's value without spaces around it, and one where it has several in a row.
fn push_trimmed(canonical: &mut Vec<u8>, value: &[u8]) {
    let mut after_space = false;
    for byte in value.trim_ascii() {
        if !(after_space && *byte == b' ') {
            canonical.push(*byte);
        }
        after_space = *byte == b' ';
    }
}

/// A text with everything but letters, digits and `-._~` percent-encoded.
pub(super) fn encoded(text: &str) -> String {
    encoded_bytes(text.as_bytes())
}

fn encoded_bytes(bytes: &[u8]) -> String {
    let mut encoded = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(*byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// The other way round; what is no encoding stays.
fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    while let Some((first, rest)) = bytes.split_first() {
        bytes = rest;
        let digits = rest.first_chunk::<2>().filter(|_| *first == b'%');
        match digits.and_then(|[high, low]| Some(hex_digit(*high)? * 16 + hex_digit(*low)?)) {
            Some(byte) => {
                decoded.push(byte);
                bytes = rest.get(2..).unwrap_or_default();
            }
            None => decoded.push(*first),
        }
    }
    decoded
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn signing_key(credentials: &Credentials, day: &str, scope: Scope<'_>) -> Result<Vec<u8>, String> {
    let secret = format!("AWS4{}", credentials.secret_key.expose_secret()).into_bytes();
    let parts = [day, scope.region, scope.service, "aws4_request"];
    parts
        .iter()
        .try_fold(secret, |key, part| hmac(&key, part.as_bytes()))
}

fn hmac(key: &[u8], message: &[u8]) -> Result<Vec<u8>, String> {
    // Keys of any length are taken: the error is the trait's.
    let mut mac =
        Hmac::<Sha256>::new_from_slice(key).map_err(|error| format!("signing with HMAC: {error}"))?;
    mac.update(message);
    Ok(mac.finalize().into_bytes().to_vec())
}

#[cfg(test)]
#[path = "sign_tests.rs"]
mod tests;
