//! The provider: address, key and quirks of one entry, and the call.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use modelpool_core::continuation::{Continuation, Way};
use modelpool_core::transport::{BodyStream, ConnectLimit, TransportError, TransportErrorKind};
use modelpool_core::{
    BoxFuture, Error, ErrorKind, ModelConfig, Operation, Provider, ProviderRequest, Reply, ReplyBody,
    ReplyHead, StreamEvent, TimeoutKind, Transport,
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use tokio::time::timeout;

use super::continuation::continued;
use super::request::{self, Splice};
use super::stream::Reader;
use super::{error, response};
use crate::failure::quota_report;
use crate::registry::ProviderContext;
use crate::sse::Splitter;
use crate::vendor::{PrefillForm, StreamUsage, Vendor};

/// Largest whole answer that is accepted, in bytes; pictures in base64 fit.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// Largest body of a refusal that is read, in bytes.
const MAX_REFUSAL_BYTES: usize = 64 * 1024;

/// Limits for the list of models, which nobody configures.
const LIST_CONNECT: Duration = Duration::from_secs(3);
const LIST_IDLE: Duration = Duration::from_secs(30);

/// Calls one model over OpenAI's chat completions.
pub struct OpenAiChat {
    transport: Arc<dyn Transport>,
    chat: Uri,
    embeddings: Uri,
    images: Uri,
    models: Uri,
    headers: HeaderMap,
    defaults: Map<String, Value>,
    stream_usage: StreamUsage,
    prefill: PrefillForm,
    /// Where requests with a prefill go, if not to `chat`.
    prefill_chat: Option<Uri>,
    secrets: Arc<[SecretString]>,
}

impl fmt::Debug for OpenAiChat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAiChat")
            .field("chat", &self.chat)
            .finish_non_exhaustive()
    }
}

impl OpenAiChat {
    /// The provider of an entry.
    ///
    /// # Errors
    /// What the entry lacks to be called, in words: an address, a key.
    pub fn new(vendor: &Vendor, config: &ModelConfig, context: &ProviderContext) -> Result<Self, String> {
        let base = base_url(vendor, config)?;
        let endpoint = |path: &str| endpoint_of(&base, path);
        // A key from the environment goes to the vendor's own address and nowhere else.
        let from_environment = || match (&config.base_url, vendor.key_variable) {
            (None, Some(variable)) => (context.environment)(variable).map(SecretString::from),
            _ => None,
        };
        let key = config.api_key.clone().or_else(from_environment);
        if let (None, None, Some(variable)) = (&key, &config.base_url, vendor.key_variable) {
            return Err(format!(
                "no key: set `api_key`, or the environment variable {variable}"
            ));
        }
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let mut secrets: Vec<SecretString> = Vec::new();
        if let Some(key) = key {
            let key = key.expose_secret().trim(); // files of keys end in a line feed
            let mut value = HeaderValue::from_str(&format!("Bearer {key}"))
                .map_err(|_| "`api_key` holds characters that cannot stand in a header".to_owned())?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
            secrets.push(SecretString::from(key));
        }
        for (name, value) in &config.extra.headers {
            secrets.extend(value.to_str().ok().map(SecretString::from));
            headers.insert(name.clone(), value.clone());
        }
        let prefill_chat = match (&config.base_url, vendor.prefill_base_url) {
            (None, Some(base)) => Some(endpoint_of(base, "/chat/completions")?),
            _ => None,
        };
        Ok(Self {
            transport: Arc::clone(&context.transport),
            chat: endpoint("/chat/completions")?,
            embeddings: endpoint("/embeddings")?,
            images: endpoint("/images/generations")?,
            models: endpoint("/models")?,
            headers,
            defaults: config.extra.body.clone(),
            stream_usage: vendor.stream_usage,
            prefill: vendor.prefill,
            prefill_chat,
            secrets: secrets.into(),
        })
    }

    async fn send(
        &self,
        method: Method,
        uri: &Uri,
        body: Bytes,
        connect: Duration,
    ) -> Result<http::Response<BodyStream>, Error> {
        let mut request = http::Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = uri.clone();
        *request.headers_mut() = self.headers.clone();
        if ConnectLimit(connect) != ConnectLimit::default() {
            request.extensions_mut().insert(ConnectLimit(connect));
        }
        self.transport.send(request).await.map_err(from_transport)
    }

    fn chat_uri(&self, continuation: Option<&Continuation>) -> &Uri {
        let is_prefill = continuation.is_some_and(|continuation| continuation.way == Way::Prefill);
        let own = self.prefill_chat.as_ref().filter(|_| is_prefill);
        own.unwrap_or(&self.chat)
    }

    async fn call_model(&self, request: ProviderRequest) -> Result<Reply, Error> {
        let facts = &request.facts;
        let uri = match facts.operation {
            Operation::Chat => self.chat_uri(request.continuation.as_ref()),
            Operation::Embeddings => &self.embeddings,
            Operation::Images => &self.images,
        };
        let splice = Splice {
            model_name: &request.model_name,
            ask_for_usage: facts.stream && self.stream_usage == StreamUsage::OnRequest,
            without_stream_options: self.stream_usage == StreamUsage::Unasked,
            defaults: &self.defaults,
        };
        let body = request::body(&request.body, &splice);
        let body = match &request.continuation {
            None => body,
            Some(continuation) => continued(body, continuation, self.prefill),
        };
        let sending = self.send(Method::POST, uri, body, request.limits.connect);
        let answer = if facts.stream {
            sending.await? // the engine limits the time to the first token
        } else {
            timeout(request.limits.response, sending)
                .await
                .map_err(|_| late(TimeoutKind::Response))??
        };
        let (parts, body) = answer.into_parts();
        let head = head(&parts.headers);
        let idle = request.limits.idle;
        if !parts.status.is_success() {
            let refusal = collect(body, MAX_REFUSAL_BYTES, idle)
                .await
                .map(|(bytes, _)| bytes)
                .unwrap_or_default();
            let error = self
                .with_secrets(|secrets| error::from_answer(parts.status, &parts.headers, &refusal, secrets));
            return Err(error.with_upstream_request_id(head.upstream_request_id));
        }
        let is_event_stream = parts.headers.get(CONTENT_TYPE).is_some_and(|kind| {
            kind.as_bytes()
                .to_ascii_lowercase()
                .starts_with(b"text/event-stream")
        });
        let body = if facts.stream && is_event_stream {
            ReplyBody::Stream(Box::pin(Events::new(body, Arc::clone(&self.secrets))))
        } else {
            let (bytes, complete) = collect(body, MAX_ANSWER_BYTES, idle).await?;
            if !complete {
                return Err(Error::new(
                    ErrorKind::Protocol,
                    format!("the answer is larger than {MAX_ANSWER_BYTES} bytes"),
                ));
            }
            // Only an error needs the secrets, and errors are rare.
            let whole = response::read(facts.operation, bytes.clone(), &[])
                .or_else(|_| self.with_secrets(|secrets| response::read(facts.operation, bytes, secrets)))?;
            if facts.stream {
                return Err(Error::new(
                    ErrorKind::Protocol,
                    "a stream was asked for, a whole answer came",
                ));
            }
            ReplyBody::Whole(whole)
        };
        Ok(Reply { head, body })
    }

    fn with_secrets<T>(&self, read: impl FnOnce(&[&str]) -> T) -> T {
        let secrets: Vec<&str> = self.secrets.iter().map(|secret| secret.expose_secret()).collect();
        read(&secrets)
    }
}

impl Provider for OpenAiChat {
    fn call(&self, request: ProviderRequest) -> BoxFuture<'_, Result<Reply, Error>> {
        Box::pin(self.call_model(request))
    }

    fn list_models(&self) -> BoxFuture<'_, Result<Vec<String>, Error>> {
        Box::pin(async {
            let answer = self
                .send(Method::GET, &self.models, Bytes::new(), LIST_CONNECT)
                .await?;
            let (parts, body) = answer.into_parts();
            let (bytes, _) = collect(body, MAX_ANSWER_BYTES, LIST_IDLE).await?;
            if !parts.status.is_success() {
                return Err(self.with_secrets(|secrets| {
                    error::from_answer(parts.status, &parts.headers, &bytes, secrets)
                }));
            }
            let list: Value = serde_json::from_slice(&bytes).map_err(|error| {
                Error::new(
                    ErrorKind::Protocol,
                    format!("the list of models is not JSON: {error}"),
                )
            })?;
            let models = list["data"]
                .as_array()
                .or(list.as_array())
                .cloned()
                .unwrap_or_default();
            Ok(models
                .iter()
                .filter_map(|model| model["id"].as_str().map(str::to_owned))
                .collect())
        })
    }
}

fn endpoint_of(base: &str, path: &str) -> Result<Uri, String> {
    format!("{base}{path}")
        .parse()
        .map_err(|error| format!("`base_url` {base} is not an address: {error}"))
}

/// What comes before `/chat/completions`: the user's address, with `/v1` where its path is empty,
/// or the vendor's.
fn base_url(vendor: &Vendor, config: &ModelConfig) -> Result<String, String> {
    let Some(given) = &config.base_url else {
        let own = vendor
            .base_url
            .ok_or_else(|| format!("no address: provider `{}` needs a `base_url`", vendor.name))?;
        return Ok(own.to_owned());
    };
    let uri: Uri = given
        .parse()
        .map_err(|error| format!("`base_url` {given} is not an address: {error}"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none() {
        return Err(format!(
            "`base_url` {given} is not an address: expected http://… or https://…"
        ));
    }
    let trimmed = given.trim_end_matches('/');
    Ok(if uri.path().trim_matches('/').is_empty() {
        format!("{trimmed}/v1")
    } else {
        trimmed.to_owned()
    })
}

/// What is handed on to a caller of the same dialect.
fn head(headers: &HeaderMap) -> ReplyHead {
    const HANDED_ON: [HeaderName; 2] = [CONTENT_TYPE, HeaderName::from_static("openai-processing-ms")];
    let upstream_request_id = headers
        .get("x-request-id")
        .and_then(|id| id.to_str().ok())
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
        TransportErrorKind::ConnectTimeout => {
            Error::new(ErrorKind::Timeout(TimeoutKind::Connect), error.message)
        }
    }
}

/// A body in one piece, and whether that is all of it; reading stops past `limit` bytes.
async fn collect(mut body: BodyStream, limit: usize, idle: Duration) -> Result<(Bytes, bool), Error> {
    let mut first: Option<Bytes> = None;
    let mut rest = BytesMut::new();
    loop {
        let next = std::future::poll_fn(|context| body.as_mut().poll_next(context));
        let part = match timeout(idle, next).await {
            Err(_) => return Err(late(TimeoutKind::Idle)),
            Ok(None) => break,
            Ok(Some(Err(error))) => {
                return Err(Error::new(
                    ErrorKind::Protocol,
                    format!("the answer broke off: {}", error.message),
                ));
            }
            Ok(Some(Ok(part))) => part,
        };
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

/// The events of a stream.
struct Events {
    body: BodyStream,
    splitter: Splitter,
    reader: Reader,
    secrets: Arc<[SecretString]>,
    ended: bool,
}

impl Events {
    fn new(body: BodyStream, secrets: Arc<[SecretString]>) -> Self {
        Self {
            body,
            splitter: Splitter::default(),
            reader: Reader::default(),
            secrets,
            ended: false,
        }
    }

    fn read(&mut self, raw: Bytes) -> Result<StreamEvent, Error> {
        // Only an error needs the secrets, and errors are rare.
        self.reader.read(raw.clone(), &[]).or_else(|_| {
            let secrets: Vec<&str> = self.secrets.iter().map(|secret| secret.expose_secret()).collect();
            self.reader.read(raw, &secrets)
        })
    }
}

impl Events {
    /// A last event without its blank line is still an event, unless it was cut.
    fn last_event(&mut self) -> Option<Result<StreamEvent, Error>> {
        let rest = self.splitter.rest();
        if rest.trim_ascii().is_empty() {
            return None;
        }
        let raw = Bytes::from([rest.trim_ascii(), b"\n\n"].concat());
        Some(match self.read(raw) {
            Ok(event) if event.malformed => Err(Error::new(
                ErrorKind::StreamLost,
                "the stream ended within an event",
            )),
            read => read,
        })
    }
}

impl Stream for Events {
    type Item = Result<StreamEvent, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if this.ended {
                return Poll::Ready(None);
            }
            match this.splitter.next() {
                Ok(Some(raw)) => {
                    let event = this.read(raw);
                    this.ended |= event.is_err();
                    return Poll::Ready(Some(event));
                }
                Ok(None) => {}
                Err(_) => {
                    this.ended = true;
                    return Poll::Ready(Some(Err(Error::new(
                        ErrorKind::Protocol,
                        "an event of the stream is too large",
                    ))));
                }
            }
            match ready!(this.body.as_mut().poll_next(context)) {
                Some(Ok(part)) => this.splitter.push(part),
                Some(Err(error)) => {
                    this.ended = true;
                    let lost = Error::new(
                        ErrorKind::StreamLost,
                        format!("the stream broke off: {}", error.message),
                    );
                    return Poll::Ready(Some(Err(lost)));
                }
                None => {
                    this.ended = true;
                    return Poll::Ready(this.last_event());
                }
            }
        }
    }
}
