//! The provider: address, key and quirks of one entry, and the call.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use modelpool_core::continuation::{Continuation, Way};
use modelpool_core::provider::{CallLimits, Dialect};
use modelpool_core::transport::BodyStream;
use modelpool_core::{
    BoxFuture, Error, ErrorKind, ListedModel, ModelConfig, Operation, Provider, ProviderRequest, Reply,
    ReplyBody, StreamEvent, Warmth,
};
use secrecy::SecretString;
use serde_json::{Map, Value};

use super::continuation::continued;
use super::response;
use super::strangers::without_strangers;
use super::stream::Reader;
use super::wire::{ChatWire, path_of};
use crate::embeddings::embed;
use crate::exchange::{Exchange, stream_lost, with_secrets};
use crate::listing;
use crate::model_list::ModelList;
use crate::passing;
use crate::provider::{FREE_LIMITS, address, call_translated, is_cold, key_of};
use crate::registry::ProviderContext;
use crate::splice::{self, Splice};
use crate::sse::Splitter;
use crate::vendor::{PrefillForm, StreamUsage, Vendor};

/// Calls one model over OpenAI's chat completions.
pub struct OpenAiChat {
    exchange: Exchange,
    /// What comes before the paths of the wire.
    base: String,
    chat: Uri,
    embeddings: Uri,
    defaults: Map<String, Value>,
    stream_usage: StreamUsage,
    prefill: PrefillForm,
    /// Where requests with a prefill go, if not to `chat`.
    prefill_chat: Option<Uri>,
    /// How requests of another dialect are written.
    wire: ChatWire,
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
        let key = key_of(vendor, config, context)?;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let mut secrets: Vec<SecretString> = Vec::new();
        if let Some(key) = key {
            let (name, shown) = match vendor.key_header {
                None => (AUTHORIZATION, format!("Bearer {key}")),
                Some(name) => (HeaderName::from_static(name), key.clone()),
            };
            let mut value = HeaderValue::from_str(&shown)
                .map_err(|_| "`api_key` holds characters that cannot stand in a header".to_owned())?;
            value.set_sensitive(true);
            headers.insert(name, value);
            secrets.push(SecretString::from(key));
        }
        for (name, value) in &config.extra.headers {
            secrets.extend(value.to_str().ok().map(SecretString::from));
            headers.insert(name.clone(), value.clone());
        }
        let prefill_chat = match (&config.base_url, vendor.prefill_base_url) {
            (None, Some(base)) => Some(endpoint_of(base, path_of(Operation::Chat))?),
            _ => None,
        };
        Ok(Self {
            exchange: Exchange::new(Arc::clone(&context.transport), headers, secrets),
            chat: endpoint_of(&base, path_of(Operation::Chat))?,
            embeddings: endpoint_of(&base, path_of(Operation::Embeddings))?,
            base,
            defaults: config.extra.body.clone(),
            stream_usage: vendor.stream_usage,
            prefill: vendor.prefill,
            prefill_chat,
            wire: vendor.chat,
        })
    }

    fn chat_uri(&self, continuation: Option<&Continuation>) -> &Uri {
        let is_prefill = continuation.is_some_and(|continuation| continuation.way == Way::Prefill);
        let own = self.prefill_chat.as_ref().filter(|_| is_prefill);
        own.unwrap_or(&self.chat)
    }

    async fn list(&self, limits: &CallLimits) -> Result<Value, Error> {
        let uri = self.endpoint(ModelList::OPENAI.path)?;
        let request = self.exchange.request(Method::GET, &uri, Bytes::new());
        let answered = self.exchange.send(request, limits, false).await?;
        let (_, bytes) = answered.whole(limits.idle).await?;
        serde_json::from_slice(&bytes).map_err(|error| {
            Error::new(
                ErrorKind::Protocol,
                format!("the list of models is not JSON: {error}"),
            )
        })
    }

    async fn call_model(&self, request: &ProviderRequest) -> Result<Reply, Error> {
        let facts = &request.facts;
        let uri = match facts.operation {
            Operation::Chat => self.chat_uri(request.continuation.as_ref()),
            Operation::Embeddings => &self.embeddings,
            // Boxed, here and below: most calls are of the caller's own wire, and chats.
            _ => return Box::pin(self.pass(request)).await,
        };
        if request.body.dialect != Dialect::OpenAiChat {
            let wire = ChatWire {
                ask_for_usage: self.stream_usage == StreamUsage::OnRequest,
                ..self.wire
            };
            if facts.operation == Operation::Embeddings {
                return Box::pin(embed(&wire, &self.exchange, uri, request, |_| Ok(()))).await;
            }
            return Box::pin(call_translated(
                &wire,
                &self.exchange,
                uri,
                request,
                &self.defaults,
                |_| Ok(()),
            ))
            .await;
        }
        self.call_own(request, uri).await
    }

    /// For a caller of this wire.
    async fn call_own(&self, request: &ProviderRequest, uri: &Uri) -> Result<Reply, Error> {
        let stream = request.facts.stream;
        let sent = self.own_request(request, uri);
        let answered = self.exchange.send(sent, &request.limits, stream).await?;
        if stream && answered.is_event_stream() {
            let events = Events::new(answered.body, Arc::clone(self.exchange.secrets()));
            return Ok(Reply {
                head: answered.head,
                body: ReplyBody::Stream(Box::pin(events)),
            });
        }
        let (head, bytes) = answered.whole(request.limits.idle).await?;
        // Only an error needs the secrets, and errors are rare.
        let operation = request.facts.operation;
        let whole = response::read(operation, bytes.clone(), &[]).or_else(|_| {
            self.exchange
                .with_secrets(|secrets| response::read(operation, bytes, secrets))
        })?;
        if stream {
            return Err(Error::new(
                ErrorKind::Protocol,
                "a stream was asked for, a whole answer came",
            ));
        }
        let body = ReplyBody::Whole(whole);
        Ok(Reply { head, body })
    }

    /// The caller's request, as it goes to the model.
    fn own_request(&self, request: &ProviderRequest, uri: &Uri) -> http::Request<Bytes> {
        let splice = Splice {
            model_name: Some(&request.model_name),
            ask_for_usage: request.facts.stream && self.stream_usage == StreamUsage::OnRequest,
            without_stream_options: self.stream_usage == StreamUsage::Unasked,
            defaults: &self.defaults,
        };
        let body = splice::body(&request.body, &splice);
        let body = match &request.continuation {
            None => body,
            Some(continuation) => continued(body, continuation, self.prefill),
        };
        self.exchange.call(uri, without_strangers(body), request.trace)
    }

    /// What is neither chat nor vectors: passed through whole, but for the older form of chats, which streams.
    async fn pass(&self, request: &ProviderRequest) -> Result<Reply, Error> {
        let uri = self.endpoint(path_of(request.facts.operation))?;
        if request.facts.operation == Operation::Completions {
            return self.call_own(request, &uri).await;
        }
        let splice = Splice {
            model_name: Some(&request.model_name),
            ask_for_usage: false,
            without_stream_options: false,
            defaults: &self.defaults,
        };
        let body = splice::body(&request.body, &splice);
        let sent = passing::request(&self.exchange, &uri, body, request);
        passing::answer(&self.exchange, sent, request).await
    }

    fn endpoint(&self, path: &str) -> Result<Uri, Error> {
        endpoint_of(&self.base, path).map_err(|lack| Error::new(ErrorKind::Configuration, lack))
    }
}

impl Provider for OpenAiChat {
    fn call(&self, request: ProviderRequest) -> BoxFuture<'_, Result<Reply, Error>> {
        Box::pin(async move { self.call_model(&request).await })
    }

    fn list_models(&self) -> BoxFuture<'_, Result<Vec<String>, Error>> {
        Box::pin(async {
            let list = ModelList::OPENAI;
            let uri = self.endpoint(list.path)?;
            list.fetch(&self.exchange, &uri, |_| Ok(())).await
        })
    }

    fn describe(&self, model_name: Arc<str>) -> BoxFuture<'_, Result<Option<ListedModel>, Error>> {
        Box::pin(async move { Ok(listing::find(&self.list(&FREE_LIMITS).await?, &model_name)) })
    }

    fn warm_up(&self, _model_name: Arc<str>, limits: CallLimits) -> BoxFuture<'_, Result<Warmth, Error>> {
        Box::pin(async move {
            match self.list(&limits).await {
                Err(error) if is_cold(&error) => Err(error),
                // A server without a list has a connection all the same.
                _ => Ok(Warmth::Connection),
            }
        })
    }
}

fn endpoint_of(base: &str, path: &str) -> Result<Uri, String> {
    // Older addresses of Azure end in a query.
    let url = match base.split_once('?') {
        None => format!("{base}{path}"),
        Some((base, query)) => format!("{}{path}?{query}", base.trim_end_matches('/')),
    };
    url.parse()
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
    let uri = address(given)?;
    let (given, query) = match given.split_once('?') {
        None => (given.as_str(), String::new()),
        Some((given, query)) => (given, format!("?{query}")),
    };
    let trimmed = given.trim_end_matches('/');
    let path = match uri.path().trim_matches('/').is_empty() {
        true => vendor.path,
        false => "",
    };
    Ok(format!("{trimmed}{path}{query}"))
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
        self.reader
            .read(raw.clone(), &[])
            .or_else(|_| with_secrets(&self.secrets, |secrets| self.reader.read(raw, secrets)))
    }
}

impl Events {
    /// A last event without its blank line is still an event, unless it was cut.
    fn last_event(&mut self) -> Option<Result<StreamEvent, Error>> {
        let rest = self.splitter.rest();
        // What has no data says nothing: white space, a comment, the beginning of an event.
        if crate::sse::says_nothing(&rest) {
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
                    return Poll::Ready(Some(Err(stream_lost(&error))));
                }
                None => {
                    this.ended = true;
                    return Poll::Ready(this.last_event());
                }
            }
        }
    }
}
