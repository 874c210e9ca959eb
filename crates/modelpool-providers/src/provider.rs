//! Calling a model over any wire: pass the bytes on where the caller speaks it too, else translate.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{HeaderName, Uri};
use modelpool_core::provider::{CallLimits, Dialect};
use modelpool_core::{
    BoxFuture, Clock, Error, ErrorKind, Flag, ListedModel, ModelConfig, Operation, Provider, ProviderRequest,
    Reply, ReplyBody, ReplyHead, Warmth,
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use crate::callers_names::CallersNames;
use crate::continued::continue_from;
use crate::dialect::{caller_of, conversation_of, deltas_of};
use crate::embeddings::embed;
use crate::exchange::{Answered, Exchange};
use crate::listing;
use crate::neutral::{Signature, Untranslatable, Written};
use crate::openai_chat::read::BodyError;
use crate::passing;
use crate::registry::ProviderContext;
use crate::splice::{self, Splice};
use crate::translate::{self, Events, error_of};
use crate::vendor::Vendor;
use crate::wire::{Caller, Question, Target, Wire};

/// Calls one model over a wire.
pub(crate) struct WireProvider {
    wire: Arc<dyn Wire>,
    /// The dialect whose bytes pass through.
    own: Option<Dialect>,
    base: String,
    exchange: Exchange,
    clock: Arc<dyn Clock>,
    defaults: Map<String, Value>,
}

impl fmt::Debug for WireProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WireProvider")
            .field("wire", &self.wire)
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

impl WireProvider {
    /// The provider of an entry. `hidden` is what must not stand in any text, besides its key and headers.
    ///
    /// # Errors
    /// What the entry lacks to be called, in words: an address, a key.
    pub(crate) fn new(
        wire: Arc<dyn Wire>,
        own: Option<Dialect>,
        vendors_base: Option<&str>,
        key: Option<String>,
        hidden: Vec<SecretString>,
        config: &ModelConfig,
        context: &ProviderContext,
    ) -> Result<Self, String> {
        let base = match (&config.base_url, vendors_base) {
            (Some(given), _) => wire.base_url(&address(given)?),
            (None, Some(base)) => base.to_owned(),
            (None, None) => {
                return Err(format!(
                    "no address: provider `{}` needs a `base_url`",
                    config.provider
                ));
            }
        };
        let mut secrets = hidden;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in wire.headers(key.as_deref()) {
            let mut value = HeaderValue::from_str(&value)
                .map_err(|_| "`api_key` holds characters that cannot stand in a header".to_owned())?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        secrets.extend(key.map(SecretString::from));
        for (name, value) in &config.extra.headers {
            secrets.extend(value.to_str().ok().map(SecretString::from));
            headers.insert(name.clone(), value.clone());
        }
        Ok(Self {
            wire,
            own,
            base,
            exchange: Exchange::new(Arc::clone(&context.transport), headers, secrets),
            clock: Arc::clone(&context.clock),
            defaults: config.extra.body.clone(),
        })
    }

    async fn call_model(&self, request: ProviderRequest) -> Result<Reply, Error> {
        let stream = request.facts.stream;
        let target = Target {
            operation: request.facts.operation,
            model: &request.model_name,
            stream,
        };
        let url = self
            .wire
            .url(&self.base, &target)
            .map_err(|lack| lacks(target.operation, lack))?;
        let uri = address_of(url)?;
        match target.operation {
            Operation::Chat => {}
            Operation::Embeddings => {
                let sign = |sent: &mut http::Request<Bytes>| self.sign(sent);
                return Box::pin(embed(&*self.wire, &self.exchange, &uri, &request, sign)).await;
            }
            _ => return Box::pin(self.pass(&request, &target, &uri)).await,
        }
        if self.own != Some(request.body.dialect) {
            let sign = |sent: &mut http::Request<Bytes>| self.sign(sent);
            return call_translated(&*self.wire, &self.exchange, &uri, &request, &self.defaults, sign).await;
        }
        // What is to be added or taken out is in neutral form; the answer passes through all the same.
        let mut dropped = Vec::new();
        let edited = request.continuation.is_some() || has_strangers(&request.body.bytes);
        let body = match edited {
            false => self.passed(&request, &target),
            true => {
                let written = translated(&*self.wire, &request, &target, &self.defaults)?;
                dropped = written.dropped;
                written.body
            }
        };
        let mut sent = self.exchange.call(&uri, body, request.trace);
        if let Some(beta) = &request.body.beta {
            add_beta(sent.headers_mut(), beta)?;
        }
        self.sign(&mut sent)?;
        let mut answered = self.exchange.send(sent, &request.limits, stream).await?;
        answered.head.dropped = dropped;
        if stream {
            return Ok(streamed(&*self.wire, &self.exchange, &request, answered, None));
        }
        let (head, bytes) = answered.whole(request.limits.idle).await?;
        let whole = translate::whole(&*self.wire, None, bytes, &request.model_name, &request.facts);
        let whole = whole.map_err(|broken| error_of(broken, self.exchange.secrets()))?;
        Ok(Reply {
            head,
            body: ReplyBody::Whole(whole),
        })
    }

    /// Asks something beside the calls of a model; an answer that is no JSON says nothing.
    async fn ask(&self, question: Question, limits: &CallLimits) -> Result<Value, Error> {
        let uri = address_of(question.url)?;
        let mut sent = self.exchange.request(question.method, &uri, question.body);
        self.sign(&mut sent)?;
        let answered = self.exchange.send(sent, limits, false).await?;
        let (_, bytes) = answered.whole(limits.idle).await?;
        Ok(serde_json::from_slice(&bytes).unwrap_or_default())
    }

    /// What wires have in common beside chats and vectors is written the same in all of them.
    async fn pass(&self, request: &ProviderRequest, target: &Target<'_>, uri: &Uri) -> Result<Reply, Error> {
        let body = self.passed(request, target);
        let mut sent = passing::request(&self.exchange, uri, body, request);
        self.sign(&mut sent)?;
        passing::answer(&self.exchange, sent, request).await
    }

    async fn models(&self) -> Result<Vec<String>, Error> {
        let list = self.wire.model_list().map_err(unsupported)?;
        let uri = address_of(format!("{}{}", self.base, list.path))?;
        list.fetch(&self.exchange, &uri, |sent| self.sign(sent)).await
    }

    fn sign(&self, request: &mut http::Request<Bytes>) -> Result<(), Error> {
        let signed = self.wire.sign(request, self.clock.now());
        signed.map_err(|reason| Error::new(ErrorKind::Configuration, reason))
    }

    /// The caller's bytes, spliced.
    fn passed(&self, request: &ProviderRequest, target: &Target<'_>) -> Bytes {
        let splice = Splice {
            // Where the address names the model the body does not.
            model_name: request.body.spots.model.is_some().then_some(target.model),
            ask_for_usage: false,
            without_stream_options: false,
            defaults: &self.defaults,
        };
        splice::body(&request.body, &splice)
    }
}

impl Provider for WireProvider {
    fn call(&self, request: ProviderRequest) -> BoxFuture<'_, Result<Reply, Error>> {
        Box::pin(self.call_model(request))
    }

    fn list_models(&self) -> BoxFuture<'_, Result<Vec<String>, Error>> {
        Box::pin(self.models())
    }

    fn describe(&self, model_name: Arc<str>) -> BoxFuture<'_, Result<Option<ListedModel>, Error>> {
        Box::pin(async move {
            let Some(question) = self.wire.describe(&self.base, &model_name) else {
                return Ok(None);
            };
            let answer = self.ask(question, &FREE_LIMITS).await?;
            Ok(listing::find(&answer, &model_name))
        })
    }

    fn warm_up(&self, model_name: Arc<str>, limits: CallLimits) -> BoxFuture<'_, Result<Warmth, Error>> {
        Box::pin(async move {
            let (question, warmth) = self.wire.warm_up(&self.base, &model_name, &self.defaults);
            match self.ask(question, &limits).await {
                Err(error) if warmth == Warmth::Model || is_cold(&error) => Err(error),
                // Whatever it answers, there is a connection.
                _ => Ok(warmth),
            }
        })
    }
}

/// Limits of questions that nobody configures.
pub(crate) const FREE_LIMITS: CallLimits = CallLimits {
    connect: Duration::from_secs(3),
    response: Duration::from_secs(30),
    idle: Duration::from_secs(30),
};

/// Whether after an error to a question that only made a connection calls would fail, too, or wait for one.
pub(crate) fn is_cold(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Connect | ErrorKind::Timeout(_) | ErrorKind::Auth | ErrorKind::Configuration
    )
}

fn address_of(url: String) -> Result<Uri, Error> {
    url.parse().map_err(|error| {
        Error::new(
            ErrorKind::Configuration,
            format!("{url} is not an address: {error}"),
        )
    })
}

const BETA: HeaderName = HeaderName::from_static("anthropic-beta");

/// Asks for a caller's features beside those of the configuration.
fn add_beta(headers: &mut HeaderMap, callers: &HeaderValue) -> Result<(), Error> {
    let both = match headers.get(BETA) {
        None => callers.clone(),
        Some(own) => HeaderValue::from_bytes(&[own.as_bytes(), b",", callers.as_bytes()].concat())
            .map_err(|error| Error::new(ErrorKind::InvalidRequest, format!("`{BETA}`: {error}")))?,
    };
    headers.insert(BETA, both);
    Ok(())
}

/// Whether a body carries signatures of another wire's models, which the vendor would refuse.
fn has_strangers(body: &[u8]) -> bool {
    memchr::memmem::find(body, Signature::MARK.as_bytes()).is_some()
}

/// Makes a call for a caller who speaks another dialect than the model's wire.
pub(crate) async fn call_translated(
    wire: &dyn Wire,
    exchange: &Exchange,
    uri: &Uri,
    request: &ProviderRequest,
    defaults: &Map<String, Value>,
    sign: impl FnOnce(&mut http::Request<Bytes>) -> Result<(), Error>,
) -> Result<Reply, Error> {
    let stream = request.facts.stream;
    let target = Target {
        operation: request.facts.operation,
        model: &request.model_name,
        stream,
    };
    let Written { body, mut dropped } = translated(wire, request, &target, defaults)?;
    // What the body uses of these features was read by name, or refused.
    dropped.extend(request.body.beta.as_ref().map(|_| BETA.as_str().to_owned()));
    let mut sent = exchange.call(uri, body, request.trace);
    sign(&mut sent)?;
    let mut answered = exchange.send(sent, &request.limits, stream).await?;
    answered.head.dropped = dropped;
    let caller = caller_of(request.body.dialect);
    if stream {
        return Ok(streamed(wire, exchange, request, answered, Some(caller)));
    }
    let (head, bytes) = answered.whole(request.limits.idle).await?;
    let whole = translate::whole(wire, Some(caller), bytes, &request.model_name, &request.facts);
    Ok(Reply {
        head: translated_head(head, "application/json"),
        body: ReplyBody::Whole(whole.map_err(|broken| error_of(broken, exchange.secrets()))?),
    })
}

/// The answer to a call with a stream; for a caller of the wire itself there is no `caller` to write for.
fn streamed(
    wire: &dyn Wire,
    exchange: &Exchange,
    request: &ProviderRequest,
    answered: Answered,
    caller: Option<&dyn Caller>,
) -> Reply {
    let body = &request.body;
    let encoder = caller.map(|caller| caller.encoder(&request.model_name, body.wants_usage));
    let secrets = Arc::clone(exchange.secrets());
    let head = match caller {
        None => answered.head,
        Some(_) => translated_head(answered.head, "text/event-stream"),
    };
    let events = Events::new(answered.body, wire, encoder, deltas_of(body.dialect), secrets)
        .with_patience(request.facts.choices, request.limits.idle);
    Reply {
        head,
        body: ReplyBody::Stream(Box::pin(events)),
    }
}

/// A request, written in a wire that its caller does not speak, with the members the user configured.
fn translated(
    wire: &dyn Wire,
    request: &ProviderRequest,
    target: &Target<'_>,
    defaults: &Map<String, Value>,
) -> Result<Written, Error> {
    let body = &request.body;
    let mut conversation = conversation_of(body.dialect, &body.bytes).map_err(invalid)?;
    conversation.stream = target.stream;
    if let Some(continuation) = &request.continuation {
        continue_from(&mut conversation, continuation);
    }
    let names = CallersNames::of(body.dialect, &conversation);
    match wire.write(&conversation, target) {
        Ok(mut written) => {
            written.body = splice::with_defaults(written.body, defaults);
            written.dropped = written
                .dropped
                .into_iter()
                .map(|name| names.of_field(name))
                .collect();
            Ok(written)
        }
        Err(lack) => {
            let field = names.of_field(lack.field);
            Err(untranslatable(Untranslatable { field, ..lack }))
        }
    }
}

/// The error of a request that a wire has no words for.
pub(crate) fn untranslatable(lack: Untranslatable) -> Error {
    let message = format!("`{}` {}", lack.field, lack.reason);
    unsupported(message).with_param(lack.field)
}

/// The error of an operation that a wire does not have. That vectors are lacking is a fact of the model.
pub(crate) fn lacks(operation: Operation, message: impl Into<String>) -> Error {
    let capability = (operation == Operation::Embeddings).then_some(Flag::Embeddings);
    Error::new(ErrorKind::Unsupported { capability }, message.into())
}

/// The head of an answer that was translated.
fn translated_head(head: ReplyHead, kind: &'static str) -> ReplyHead {
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    ReplyHead { headers, ..head }
}

fn unsupported(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Unsupported { capability: None }, message.into())
}

pub(crate) fn invalid(mistake: BodyError) -> Error {
    let error = Error::new(ErrorKind::InvalidRequest, mistake.message);
    match mistake.param {
        Some(param) => error.with_param(param),
        None => error,
    }
}

/// The user's address.
pub(crate) fn address(given: &str) -> Result<Uri, String> {
    let uri: Uri = given
        .parse()
        .map_err(|error| format!("`base_url` {given} is not an address: {error}"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none() {
        return Err(format!(
            "`base_url` {given} is not an address: expected http://… or https://…"
        ));
    }
    Ok(uri)
}

/// The key of an entry: its own, or from the environment. A key from the environment goes to the vendor's own
/// address and nowhere else.
pub(crate) fn key_of(
    vendor: &Vendor,
    config: &ModelConfig,
    context: &ProviderContext,
) -> Result<Option<String>, String> {
    if let Some(key) = &config.api_key {
        // Files of keys end in a line feed.
        return Ok(Some(key.expose_secret().trim().to_owned()));
    }
    let (None, Some(variable)) = (&config.base_url, vendor.key_variable) else {
        return Ok(None);
    };
    match (context.environment)(variable) {
        Some(key) => Ok(Some(key.trim().to_owned())),
        None => Err(format!(
            "no key: set `api_key`, or the environment variable {variable}"
        )),
    }
}
