//! One exchange with an upstream: sending a request, and what is the same about every answer.
//!
//! Wires say what is written and how it is read; here is what all of them need besides: the headers of an
//! entry, limits on time and size, refusals with the vendor's words and without the secrets.

use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, Method, Uri, response};
use modelpool_core::provider::CallLimits;
use modelpool_core::trace_context::{TRACEPARENT, TraceParent};
use modelpool_core::transport::{BodyStream, ConnectLimit, TransportError, TransportErrorKind};
use modelpool_core::{Error, ErrorKind, ReplyHead, TimeoutKind, Transport};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;

use crate::failure::{from_answer, quota_report};

/// Largest whole answer that is accepted, in bytes; pictures in base64 fit.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// Largest body of a refusal that is read, in bytes.
const MAX_REFUSAL_BYTES: usize = 64 * 1024;

/// The way to one upstream, with what every request to it carries.
pub(crate) struct Exchange {
    transport: Arc<dyn Transport>,
    headers: HeaderMap,
    secrets: Arc<[SecretString]>,
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").finish_non_exhaustive()
    }
}

/// An answer with a success status.
pub(crate) struct Answered {
    pub(crate) head: ReplyHead,
    headers: HeaderMap,
    pub(crate) body: BodyStream,
}

impl Exchange {
    pub(crate) fn new(transport: Arc<dyn Transport>, headers: HeaderMap, secrets: Vec<SecretString>) -> Self {
        Self {
            transport,
            headers,
            secrets: secrets.into(),
        }
    }

    /// What must not stand in any text.
    pub(crate) fn secrets(&self) -> &Arc<[SecretString]> {
        &self.secrets
    }

    /// A request with the headers of this upstream.
    pub(crate) fn request(&self, method: Method, uri: &Uri, body: Bytes) -> http::Request<Bytes> {
        let mut request = http::Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = uri.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }

    /// A call of a model: a request that says which span it is, where calls are traced.
    pub(crate) fn call(&self, uri: &Uri, body: Bytes, trace: Option<TraceParent>) -> http::Request<Bytes> {
        let mut request = self.request(Method::POST, uri, body);
        if let Some(trace) = trace {
            request.headers_mut().insert(TRACEPARENT, trace.header());
        }
        request
    }

    /// Sends a request; for a whole answer the limit on its head holds, a stream's first token is limited by
    /// the engine.
    ///
    /// # Errors
    /// No answer, or a refusal.
    pub(crate) fn send<'a>(
        &'a self,
        mut request: http::Request<Bytes>,
        limits: &'a CallLimits,
        stream: bool,
    ) -> impl Future<Output = Result<Answered, Error>> + Send + 'a {
        if ConnectLimit(limits.connect) != ConnectLimit::default() {
            request.extensions_mut().insert(ConnectLimit(limits.connect));
        }
        // Not an `async fn`, which would keep its arguments twice, once more beside what it hands on.
        let sending = self.transport.send(request);
        async move {
            let answer = if stream {
                sending.await
            } else {
                timeout(limits.response, sending)
                    .await
                    .map_err(|_| late(TimeoutKind::Response))?
            };
            let (parts, body) = answer.map_err(from_transport)?.into_parts();
            let head = head(&parts.headers);
            if parts.status.is_success() {
                return Ok(Answered {
                    head,
                    headers: parts.headers,
                    body,
                });
            }
            let refused = Box::pin(self.refused(&parts, body, limits.idle)).await;
            Err(refused.with_upstream_request_id(head.upstream_request_id))
        }
    }

    async fn refused(&self, parts: &response::Parts, mut body: BodyStream, idle: Duration) -> Error {
        let read = collect(&mut body, MAX_REFUSAL_BYTES, idle).await;
        let refusal = read.map(|(bytes, _)| bytes).unwrap_or_default();
        self.with_secrets(|secrets| from_answer(parts.status, &parts.headers, &refusal, secrets))
    }

    /// Reads something that may fail with the vendor's words, from which the secrets are taken out.
    pub(crate) fn with_secrets<T>(&self, read: impl FnOnce(&[&str]) -> T) -> T {
        with_secrets(&self.secrets, read)
    }
}

impl Answered {
    /// Whether the answer comes in server-sent events.
    pub(crate) fn is_event_stream(&self) -> bool {
        self.is(b"text/event-stream")
    }

    /// Whether the answer's content type is this one, in lower case.
    pub(crate) fn is(&self, wanted: &[u8]) -> bool {
        let kind = self
            .headers
            .get(CONTENT_TYPE)
            .map_or(&b""[..], |kind| kind.as_bytes());
        kind.get(..wanted.len())
            .is_some_and(|kind| kind.eq_ignore_ascii_case(wanted))
    }

    /// The whole body.
    ///
    /// # Errors
    /// It broke off, paused too long, or is too large.
    pub(crate) fn whole(
        self,
        idle: Duration,
    ) -> impl Future<Output = Result<(ReplyHead, Bytes), Error>> + Send {
        let Self { head, mut body, .. } = self;
        async move {
            let (bytes, complete) = collect(&mut body, MAX_ANSWER_BYTES, idle).await?;
            if !complete {
                return Err(Error::new(
                    ErrorKind::Protocol,
                    format!("the answer is larger than {MAX_ANSWER_BYTES} bytes"),
                ));
            }
            Ok((head, bytes))
        }
    }
}

/// Reads something with the secrets that must not stand in any text.
pub(crate) fn with_secrets<T>(secrets: &[SecretString], read: impl FnOnce(&[&str]) -> T) -> T {
    let secrets: Vec<&str> = secrets.iter().map(|secret| secret.expose_secret()).collect();
    read(&secrets)
}

/// The error of a stream that broke off.
pub(crate) fn stream_lost(error: &TransportError) -> Error {
    let lost = Error::new(
        ErrorKind::StreamLost,
        format!("the stream broke off: {}", error.message),
    );
    match error.kind {
        TransportErrorKind::Faulty => lost.without_retry(),
        _ => lost,
    }
}

/// What is handed on to a caller of the same dialect.
fn head(headers: &HeaderMap) -> ReplyHead {
    const HANDED_ON: [HeaderName; 2] = [CONTENT_TYPE, HeaderName::from_static("openai-processing-ms")];
    // OpenAI's and most others', Anthropic's, Amazon's.
    const IDS: [HeaderName; 3] = [
        HeaderName::from_static("x-request-id"),
        HeaderName::from_static("request-id"),
        HeaderName::from_static("x-amzn-requestid"),
    ];
    let upstream_request_id = IDS
        .iter()
        .find_map(|name| headers.get(name)?.to_str().ok())
        .map(|id| id.chars().take(200).collect());
    // Room for these and for what the gateway adds, so that the map does not grow twice.
    let mut kept = HeaderMap::with_capacity(8);
    for name in HANDED_ON {
        if let Some(value) = headers.get(&name) {
            kept.insert(name, value.clone());
        }
    }
    ReplyHead {
        upstream_request_id,
        headers: kept,
        quota: quota_report(headers),
        ..ReplyHead::default()
    }
}

fn late(kind: TimeoutKind) -> Error {
    Error::new(
        ErrorKind::Timeout(kind),
        format!("no answer within the limit `{}`", kind.key()),
    )
}

fn from_transport(error: TransportError) -> Error {
    match error.kind {
        TransportErrorKind::Connect => Error::new(ErrorKind::Connect, error.message),
        TransportErrorKind::Broken => Error::new(ErrorKind::Connect, error.message).after_reaching(),
        TransportErrorKind::Faulty => Error::new(ErrorKind::Server, error.message)
            .after_reaching()
            .without_retry(),
        TransportErrorKind::ConnectTimeout => {
            Error::new(ErrorKind::Timeout(TimeoutKind::Connect), error.message)
        }
    }
}

/// A body in one piece, and whether that is all of it; reading stops past `limit` bytes.
async fn collect(body: &mut BodyStream, limit: usize, idle: Duration) -> Result<(Bytes, bool), Error> {
    let mut first: Option<Bytes> = None;
    let mut rest = BytesMut::new();
    while let Some(part) = part(body, idle).await? {
        let read = first.as_ref().map_or(0, Bytes::len) + rest.len();
        if read + part.len() > limit {
            return Ok((first.unwrap_or_default(), false));
        }
        // Most answers come in one part, which then is not copied.
        match &first {
            None => first = Some(part),
            Some(_) => rest.extend_from_slice(&part),
        }
    }
    let first = first.unwrap_or_default();
    if rest.is_empty() {
        return Ok((first, true));
    }
    let mut whole = BytesMut::with_capacity(first.len() + rest.len());
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&rest);
    Ok((whole.freeze(), true))
}

/// The next part of a body, within a time.
async fn part(body: &mut BodyStream, idle: Duration) -> Result<Option<Bytes>, Error> {
    let next = std::future::poll_fn(|context| body.as_mut().poll_next(context));
    match within(idle, next).await {
        None => Err(late(TimeoutKind::Idle)),
        Some(None) => Ok(None),
        Some(Some(Ok(part))) => Ok(Some(part)),
        Some(Some(Err(error))) => Err(Error::new(
            ErrorKind::Protocol,
            format!("the answer broke off: {}", error.message),
        )),
    }
}

/// Waits for something that is mostly there already: a timer is only made where it is not.
async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    if let Poll::Ready(done) = once(future.as_mut()).await {
        return Some(done);
    }
    timeout(limit, future).await.ok()
}

/// What one poll says.
async fn once<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    std::future::poll_fn(|context: &mut Context<'_>| Poll::Ready(future.as_mut().poll(context))).await
}
