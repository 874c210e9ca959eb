//! Streamable HTTP over the project's own transport.
//!
//! The SDK says what is sent and what follows from an answer; this carries it, and reads answers no further than the limits that the
//! SDK passes in.

use std::borrow::Cow;
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use modelpool::Transport;
use modelpool::parts::core::transport::{BodyStream, TransportError};
use rmcp::model::{ClientJsonRpcMessage, JsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::common::http_header::{
    EVENT_STREAM_MIME_TYPE, HEADER_LAST_EVENT_ID, HEADER_SESSION_ID, JSON_MIME_TYPE,
};
use rmcp::transport::streamable_http_client::{
    AuthRequiredError, SseError, StreamableHttpClient, StreamableHttpError, StreamableHttpPostResponse,
    StreamableHttpResponseLimits,
};
use sse_stream::{Sse, SseStream};

type Failure = StreamableHttpError<TransportError>;

/// Both, in the order of preference.
const ACCEPTED: &str = "text/event-stream, application/json";

/// Carries the SDK's requests.
#[derive(Clone, Debug)]
pub(super) struct HttpClient(pub(super) Arc<dyn Transport>);

/// What all requests have.
struct Addressed {
    uri: Arc<str>,
    session: Option<Arc<str>>,
    token: Option<String>,
    headers: HashMap<HeaderName, HeaderValue>,
}

impl HttpClient {
    async fn send(
        &self,
        method: Method,
        to: Addressed,
        more: &[(&str, String)],
        body: Bytes,
    ) -> Result<http::Response<BodyStream>, Failure> {
        let unsayable = |mistake: http::Error| Failure::UnexpectedServerResponse(mistake.to_string().into());
        let mut request = http::Request::builder().method(method).uri(to.uri.as_ref());
        request = request.header(ACCEPT, ACCEPTED);
        if let Some(token) = to.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(session) = to.session {
            request = request.header(HEADER_SESSION_ID, session.as_ref());
        }
        for (name, value) in to.headers.into_iter().filter(|(name, _)| name != ACCEPT) {
            request = request.header(name, value);
        }
        for (name, value) in more {
            request = request.header(*name, value);
        }
        let request = request.body(body).map_err(unsayable)?;
        self.0.send(request).await.map_err(Failure::Client)
    }

    async fn post(
        &self,
        to: Addressed,
        message: ClientJsonRpcMessage,
        limits: StreamableHttpResponseLimits,
    ) -> Result<StreamableHttpPostResponse, Failure> {
        let has_session = to.session.is_some();
        // Nothing waits for an answer to these.
        let unanswered = !matches!(message, JsonRpcMessage::Request(_));
        let body = Bytes::from(serde_json::to_vec(&message)?);
        let kind = [(CONTENT_TYPE.as_str(), JSON_MIME_TYPE.to_owned())];
        let answer = self.send(Method::POST, to, &kind, body).await?;
        let status = answer.status();
        if let Some(challenge) = challenge(&answer) {
            return Err(challenge);
        }
        if matches!(status, StatusCode::ACCEPTED | StatusCode::NO_CONTENT)
            || (status.is_success() && unanswered)
        {
            return Ok(StreamableHttpPostResponse::Accepted);
        }
        if status == StatusCode::NOT_FOUND && has_session {
            return Err(Failure::SessionExpired);
        }
        let session = text_header(&answer, HEADER_SESSION_ID).map(str::to_owned);
        if status.is_success() && is_of(&answer, EVENT_STREAM_MIME_TYPE) {
            let events = events(answer.into_body(), limits.max_sse_event_size);
            return Ok(StreamableHttpPostResponse::Sse(events, session));
        }
        if !is_of(&answer, JSON_MIME_TYPE) {
            if status.is_success() {
                return Err(Failure::UnexpectedContentType(content_type(&answer)));
            }
            return Err(refused(status, answer.into_body(), limits.max_error_response_size).await);
        }
        let limit = limits.max_json_response_size;
        let (body, whole) = read(answer.into_body(), limit).await?;
        if !whole {
            return Err(Failure::ResponseBodyTooLarge { max_size: limit });
        }
        match serde_json::from_slice::<ServerJsonRpcMessage>(&body) {
            // A refusal may be said in the protocol, whatever the status.
            Ok(said) if status.is_success() || matches!(said, JsonRpcMessage::Error(_)) => {
                Ok(StreamableHttpPostResponse::Json(said, session))
            }
            Ok(_) => Err(said_otherwise(status, &body)),
            Err(mistake) if status.is_success() => Err(mistake.into()),
            Err(_) => Err(said_otherwise(status, &body)),
        }
    }
}

impl StreamableHttpClient for HttpClient {
    type Error = TransportError;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session: Option<Arc<str>>,
        token: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<StreamableHttpPostResponse, Failure> {
        let limits = StreamableHttpResponseLimits::default();
        self.post_message_with_response_limits(uri, message, session, token, headers, limits)
            .await
    }

    async fn post_message_with_response_limits(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session: Option<Arc<str>>,
        token: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
        limits: StreamableHttpResponseLimits,
    ) -> Result<StreamableHttpPostResponse, Failure> {
        let to = Addressed {
            uri,
            session,
            token,
            headers,
        };
        self.post(to, message, limits).await
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session: Arc<str>,
        token: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<(), Failure> {
        let to = Addressed {
            uri,
            session: Some(session),
            token,
            headers,
        };
        let answer = self.send(Method::DELETE, to, &[], Bytes::new()).await?;
        // A server need not let sessions be ended.
        if answer.status().is_success() || answer.status() == StatusCode::METHOD_NOT_ALLOWED {
            return Ok(());
        }
        Err(said_otherwise(answer.status(), &[]))
    }

    async fn get_stream(
        &self,
        uri: Arc<str>,
        session: Option<Arc<str>>,
        last_event: Option<String>,
        token: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<BoxStream<'static, Result<Sse, SseError>>, Failure> {
        let size = StreamableHttpResponseLimits::default().max_sse_event_size;
        self.get_stream_with_max_sse_event_size(uri, session, last_event, token, headers, size)
            .await
    }

    async fn get_stream_with_max_sse_event_size(
        &self,
        uri: Arc<str>,
        session: Option<Arc<str>>,
        last_event: Option<String>,
        token: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
        max_event_bytes: usize,
    ) -> Result<BoxStream<'static, Result<Sse, SseError>>, Failure> {
        let to = Addressed {
            uri,
            session,
            token,
            headers,
        };
        let from: Vec<_> = last_event
            .map(|event| (HEADER_LAST_EVENT_ID, event))
            .into_iter()
            .collect();
        let answer = self.send(Method::GET, to, &from, Bytes::new()).await?;
        if answer.status() == StatusCode::METHOD_NOT_ALLOWED {
            return Err(Failure::ServerDoesNotSupportSse);
        }
        if let Some(challenge) = challenge(&answer) {
            return Err(challenge);
        }
        if !answer.status().is_success() {
            return Err(said_otherwise(answer.status(), &[]));
        }
        if !is_of(&answer, EVENT_STREAM_MIME_TYPE) {
            return Err(Failure::UnexpectedContentType(content_type(&answer)));
        }
        Ok(events(answer.into_body(), max_event_bytes))
    }
}

/// What a server that wants to know who calls says.
fn challenge(answer: &http::Response<BodyStream>) -> Option<Failure> {
    if answer.status() != StatusCode::UNAUTHORIZED {
        return None;
    }
    let wanted = text_header(answer, WWW_AUTHENTICATE.as_str())?;
    Some(Failure::AuthRequired(AuthRequiredError::new(wanted.to_owned())))
}

fn text_header<'a>(answer: &'a http::Response<BodyStream>, name: &str) -> Option<&'a str> {
    answer.headers().get(name)?.to_str().ok()
}

fn content_type(answer: &http::Response<BodyStream>) -> Option<String> {
    text_header(answer, CONTENT_TYPE.as_str()).map(str::to_owned)
}

/// Whether the answer is of that type, its parameters left aside.
fn is_of(answer: &http::Response<BodyStream>, kind: &str) -> bool {
    let said = text_header(answer, CONTENT_TYPE.as_str()).unwrap_or_default();
    let said = said.split(';').next().unwrap_or_default();
    said.trim().eq_ignore_ascii_case(kind)
}

/// A refusal, with the beginning of what it says.
async fn refused(status: StatusCode, body: BodyStream, limit: usize) -> Failure {
    match read(body, limit).await {
        Ok((body, _)) => said_otherwise(status, &body),
        Err(_) => said_otherwise(status, &[]),
    }
}

fn said_otherwise(status: StatusCode, body: &[u8]) -> Failure {
    let words = String::from_utf8_lossy(&body[..body.len().min(SAID_BYTES)]).into_owned();
    Failure::UnexpectedServerResponse(Cow::Owned(format!("HTTP {}: {words}", status.as_u16())))
}

/// How much of a refusal is told, in bytes.
const SAID_BYTES: usize = 500;

/// At most `limit` bytes of a body, and whether that is all of it.
async fn read(mut body: BodyStream, limit: usize) -> Result<(Vec<u8>, bool), Failure> {
    let mut all = Vec::new();
    while let Some(part) = body.next().await {
        let part = part.map_err(Failure::Client)?;
        let room = limit - all.len();
        all.extend_from_slice(&part[..part.len().min(room)]);
        if part.len() > room {
            return Ok((all, false));
        }
    }
    Ok((all, true))
}

/// The events of a body, none of them longer than that many bytes.
fn events(body: BodyStream, max_event_bytes: usize) -> BoxStream<'static, Result<Sse, SseError>> {
    let bounded = Bounded {
        body,
        max_event_bytes,
        event_bytes: 0,
        line_is_empty: true,
        after_return: false,
        failed: false,
    };
    SseStream::from_bytes_stream(bounded).boxed()
}

/// The parts of a stream of events, up to one that is too long.
struct Bounded {
    body: BodyStream,
    max_event_bytes: usize,
    /// Of the event that is under way.
    event_bytes: usize,
    line_is_empty: bool,
    /// Whether the last byte was a carriage return, whose line feed begins no new line.
    after_return: bool,
    failed: bool,
}

impl Bounded {
    /// An empty line ends an event.
    fn fits(&mut self, part: &[u8]) -> bool {
        for byte in part {
            let after_return = std::mem::replace(&mut self.after_return, *byte == b'\r');
            match byte {
                b'\n' if after_return => {}
                b'\n' | b'\r' if self.line_is_empty => self.event_bytes = 0,
                b'\n' | b'\r' => self.line_is_empty = true,
                _ => {
                    self.line_is_empty = false;
                    self.event_bytes += 1;
                }
            }
            if self.event_bytes > self.max_event_bytes {
                return false;
            }
        }
        true
    }
}

impl Stream for Bounded {
    type Item = Result<Bytes, std::io::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.failed {
            return Poll::Ready(None);
        }
        let part = ready!(self.body.as_mut().poll_next(context));
        Poll::Ready(part.map(|part| match part {
            Ok(part) if self.fits(&part) => Ok(part),
            Ok(_) => {
                self.failed = true;
                let limit = self.max_event_bytes;
                Err(std::io::Error::other(format!(
                    "an event is longer than {limit} bytes"
                )))
            }
            Err(mistake) => {
                self.failed = true;
                Err(std::io::Error::other(mistake))
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many events came, and whether an error ended them.
    async fn read_events(parts: &[&'static str], max_event_bytes: usize) -> (usize, bool) {
        let parts: Vec<_> = parts
            .iter()
            .map(|part| Ok(Bytes::from_static(part.as_bytes())))
            .collect();
        let body: BodyStream = Box::pin(futures_util::stream::iter(parts));
        let results: Vec<_> = events(body, max_event_bytes).collect().await;
        let failed = results.iter().any(Result::is_err);
        (results.into_iter().filter_map(Result::ok).count(), failed)
    }

    #[tokio::test]
    async fn many_short_events_are_no_long_one() {
        for end in ["\n\n", "\r\n\r\n", "\r\r"] {
            let event: &'static str = Box::leak(format!("data: 12345{end}").into_boxed_str());
            assert_eq!(read_events(&[event; 20], 12).await, (20, false), "{end:?}");
        }
    }

    #[tokio::test]
    async fn a_long_event_ends_the_stream_however_it_is_cut_and_broken_into_lines() {
        assert_eq!(read_events(&["data: 123", "45678\n\n"], 12).await, (0, true));
        assert_eq!(
            read_events(&["data: 1\r\ndata: 2\r\n", "data: 3\r\n\r\n"], 15).await,
            (0, true)
        );
    }

    #[tokio::test]
    async fn no_more_of_a_body_is_read_than_is_wanted() {
        let parts = ["1234", "5678", "9"].map(|part| Ok(Bytes::from_static(part.as_bytes())));
        let body: BodyStream = Box::pin(futures_util::stream::iter(parts));
        assert!(matches!(read(body, 6).await, Ok((read, false)) if read == b"123456"));
    }
}
