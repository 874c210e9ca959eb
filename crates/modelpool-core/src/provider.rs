//! Calling one model.
//!
//! A [`Provider`] is bound to one entry of the pool: it knows address, key and quirks. It takes
//! the caller's body as it was written and answers with a [`Reply`]. Providers of the shipped
//! wires live in `modelpool-providers`; a user's own implements this trait and is registered
//! under a name.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use serde::Serialize;

use crate::capability::Flag;
use crate::continuation::Continuation;
use crate::error::Error;
use crate::facts::RequestFacts;
use crate::quota::QuotaReport;
use crate::stream::{EventStream, FinishReason};
use crate::trace_context::TraceParent;
use crate::transport::BoxFuture;
use crate::usage::Usage;

/// The wire protocol in which a caller wrote the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// OpenAI's chat completions, and what else it has beside them: embeddings, images, audio, …
    OpenAiChat,
    /// OpenAI's responses.
    OpenAiResponses,
    /// Anthropic's messages.
    Anthropic,
    /// Gemini's `generateContent`.
    Gemini,
}

/// Where in the caller's body the few members stand that may be spliced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spots {
    /// The value of `model`.
    pub model: Option<Range<usize>>,
    /// The whole member `modelpool`, with one of the commas beside it.
    pub extension: Option<Range<usize>>,
    /// The value of `stream_options`.
    pub stream_options: Option<Range<usize>>,
    /// Just after the opening brace, where members are inserted.
    pub first_member: usize,
}

/// A caller's body: the bytes as they came, and where to splice them.
#[derive(Clone, Debug)]
pub struct RequestBody {
    /// The wire protocol it is written in.
    pub dialect: Dialect,
    /// The bytes as they came.
    pub bytes: Bytes,
    /// Where to splice them.
    pub spots: Spots,
    /// The content type of a form (`multipart/form-data`), with its boundary; `None` for JSON. In a form `spots`
    /// are those of its parts.
    pub form: Option<HeaderValue>,
    /// The header `anthropic-beta` of a caller in Anthropic's dialect: features that the body may use. It is for models of
    /// that wire; no other header of a caller's goes to a model.
    pub beta: Option<HeaderValue>,
    /// The caller asked for usage at the end of the stream.
    pub wants_usage: bool,
}

/// One call of one model.
#[derive(Clone, Debug)]
pub struct ProviderRequest {
    /// The caller's body.
    pub body: RequestBody,
    /// What was read from it.
    pub facts: Arc<RequestFacts>,
    /// The vendor's name of the model, wildcards resolved.
    pub model_name: Arc<str>,
    /// Limits on time within the call. The engine watches the deadline and the pauses of a
    /// stream; a whole answer is read out of its sight, so these are the provider's to keep.
    pub limits: CallLimits,
    /// What the model is to go on from; `None` for an answer from its beginning.
    pub continuation: Option<Continuation>,
    /// The span of this call, for the header `traceparent`; `None` where calls are not traced.
    pub trace: Option<TraceParent>,
}

/// Limits on time within a call; those on the answer are for whole answers.
#[derive(Clone, Copy, Debug)]
pub struct CallLimits {
    /// Making a connection, TLS included.
    pub connect: Duration,
    /// The head of the answer.
    pub response: Duration,
    /// The pause between two parts of it.
    pub idle: Duration,
}

/// Calls one model.
///
/// Dropping the future, or the stream of the reply, must end the call at the upstream.
pub trait Provider: Send + Sync + fmt::Debug {
    /// Makes the call. For `facts.stream` the reply holds a stream, else the whole answer.
    ///
    /// # Errors
    /// Any failure before the head of the answer, or, for a whole answer, before its end.
    /// Failures within a stream are its last item.
    fn call(&self, request: ProviderRequest) -> BoxFuture<'_, Result<Reply, Error>>;

    /// The names of the models the upstream offers.
    ///
    /// # Errors
    /// As [`Provider::call`]; by default that it has no such list.
    fn list_models(&self) -> BoxFuture<'_, Result<Vec<String>, Error>> {
        Box::pin(async {
            Err(Error::new(
                crate::error::ErrorKind::Unsupported { capability: None },
                "this provider has no list of models",
            ))
        })
    }

    /// What the upstream itself says of a model; `None` where it says nothing of it. Free: no model is run.
    ///
    /// # Errors
    /// As [`Provider::call`].
    fn describe(&self, model_name: Arc<str>) -> BoxFuture<'_, Result<Option<ListedModel>, Error>> {
        drop(model_name);
        Box::pin(async { Ok(None) })
    }

    /// Does beforehand what the first call would wait for: the connection with TLS, and the model's load on
    /// servers that load it when it is asked for. Free: nothing is generated. By default nothing.
    ///
    /// # Errors
    /// The upstream cannot be reached, or refuses the key, or cannot load the model.
    fn warm_up(&self, model_name: Arc<str>, limits: CallLimits) -> BoxFuture<'_, Result<Warmth, Error>> {
        drop((model_name, limits));
        Box::pin(async { Ok(Warmth::Nothing) })
    }
}

/// What an upstream's own list says of a model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListedModel {
    /// The vendor's name of it.
    pub name: String,
    /// Tokens of input and output together.
    pub context_window: Option<u64>,
    /// Tokens of output.
    pub max_tokens: Option<u64>,
    /// What it has, or lacks.
    pub flags: Vec<(Flag, bool)>,
}

/// What a warm-up made ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Warmth {
    /// Nothing: this provider has nothing to prepare.
    Nothing,
    /// A connection stands open.
    Connection,
    /// The model is loaded, over a connection that stands open.
    Model,
}

/// An answer.
pub struct Reply {
    /// What came before the body.
    pub head: ReplyHead,
    /// The answer itself.
    pub body: ReplyBody,
}

/// What came before the body of an answer.
#[derive(Clone, Debug, Default)]
pub struct ReplyHead {
    /// The vendor's id of the request.
    pub upstream_request_id: Option<String>,
    /// Headers to hand on to a caller of the same dialect, such as the content type.
    pub headers: HeaderMap,
    /// What the vendor said about the account's limits; empty where it said nothing.
    pub quota: QuotaReport,
    /// Hints of the caller that the model's wire has no place for, by the caller's names.
    pub dropped: Vec<String>,
}

/// The answer itself.
pub enum ReplyBody {
    /// All of it.
    Whole(WholeReply),
    /// Event by event.
    Stream(EventStream),
}

/// A whole answer, as bytes of the caller's dialect.
#[derive(Clone, Debug)]
pub struct WholeReply {
    /// The bytes as they came.
    pub bytes: Bytes,
    /// Usage the vendor sent.
    pub usage: Option<Usage>,
    /// Why the model stopped; `None` where the operation has no such thing.
    pub finish: Option<FinishReason>,
    /// Ids that a later request may go on from: of tool calls, of an answer that the vendor keeps.
    pub issued: Vec<Box<str>>,
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = match &self.body {
            ReplyBody::Whole(whole) => format!("{} bytes", whole.bytes.len()),
            ReplyBody::Stream(_) => "stream".to_owned(),
        };
        f.debug_struct("Reply")
            .field("head", &self.head)
            .field("body", &body)
            .finish()
    }
}
