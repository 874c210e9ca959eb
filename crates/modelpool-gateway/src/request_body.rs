//! Reading a request's body up to a limit, and what is left of one that was refused.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt;

use crate::failure::Failure;

/// Longest pause within a request's body.
const PAUSE: Duration = Duration::from_secs(60);

/// What is read of a body that was refused: nginx's defaults for a lingering close
/// (<https://nginx.org/en/docs/http/ngx_http_core_module.html#lingering_close>), and a size.
const LINGER: Duration = Duration::from_secs(30);
const LINGER_PAUSE: Duration = Duration::from_secs(5);
const LINGER_BYTES: usize = 256 * 1024 * 1024;

/// The whole body, of at most `limit` bytes.
pub(crate) async fn read(body: &mut Body, headers: &HeaderMap, limit: usize) -> Result<Bytes, Failure> {
    let too_large = || {
        let message = format!("the body is larger than {limit} bytes");
        Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", message)
    };
    let announced: usize = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse().ok())
        .unwrap_or(0);
    if announced > limit {
        return Err(too_large());
    }
    let mut first: Option<Bytes> = None;
    let mut whole = BytesMut::new();
    loop {
        let frame = match within(PAUSE, body.frame()).await {
            None => {
                let message = format!("no part of the body came for {} s", PAUSE.as_secs());
                return Err(Failure::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", message));
            }
            Some(None) => break,
            Some(Some(Err(error))) => {
                let message = format!("the body broke off: {error}");
                return Err(Failure::new(StatusCode::BAD_REQUEST, "", message));
            }
            Some(Some(Ok(frame))) => frame,
        };
        let Ok(data) = frame.into_data() else { continue };
        if first.as_ref().map_or(0, Bytes::len) + whole.len() + data.len() > limit {
            return Err(too_large());
        }
        // Most bodies come in one part, which then is not copied.
        match first.take() {
            None if whole.is_empty() => first = Some(data),
            taken => {
                if let Some(taken) = taken {
                    // What was announced is at most what is allowed, but need not be true.
                    whole.reserve(announced.min(1024 * 1024).max(taken.len() + data.len()));
                    whole.extend_from_slice(&taken);
                }
                whole.extend_from_slice(&data);
            }
        }
    }
    Ok(first.unwrap_or_else(|| whole.freeze()))
}

/// Waits for something that is mostly there by the second look: a connection fills a body once it was asked for, and
/// is then polled again at once. A timer is made only where there is something to wait for.
async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut looked = false;
    let soon = poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending if looked => Poll::Ready(None),
        Poll::Pending => {
            looked = true;
            context.waker().wake_by_ref();
            Poll::Pending
        }
    });
    match soon.await {
        Some(done) => Some(done),
        None => tokio::time::timeout(limit, future).await.ok(),
    }
}

/// Reads on, for a while, what is left of a body that was refused, and forgets it.
///
/// Most clients write all of a body before they read the answer. If the connection were closed
/// meanwhile they would be told that it was reset, and never see the refusal, which goes out at
/// once.
pub(crate) fn discard(mut body: Body) {
    if body.is_end_stream() {
        return;
    }
    let rest = async move {
        let mut read = 0;
        while read < LINGER_BYTES
            && let Ok(Some(Ok(frame))) = tokio::time::timeout(LINGER_PAUSE, body.frame()).await
        {
            read += frame.data_ref().map_or(0, Bytes::len);
        }
    };
    tokio::spawn(tokio::time::timeout(LINGER, rest));
}
