//! What a face hands to the pool: one request, read.

use std::sync::Arc;

use http::HeaderValue;
use modelpool_core::provider::{Dialect, RequestBody};
use modelpool_core::{CallerTrace, Error, ErrorKind, Operation, RequestFacts, Requirements};
use modelpool_providers::openai_chat::read::{BodyError, ReadRequest, read};
use modelpool_providers::{AddressedCall, read_chat, read_embeddings, read_form};
use serde_json::{Map, Value, json};

use crate::caller_limits::CallerLimits;
use crate::options::RequestOptions;

/// What the caller's key allows.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// The name of the key.
    pub caller: Option<Arc<str>>,
    /// Names (aliases, pools, wildcards) the key may use; `None` for all.
    pub models: Option<Arc<[Arc<str>]>>,
    /// What every model it is given must meet.
    pub requirements: Requirements,
    /// How much it may use; `None` is as much as it likes.
    pub limits: Option<Arc<CallerLimits>>,
}

/// One request, as a face hands it to the pool.
#[derive(Clone, Debug)]
pub struct Call {
    /// The id of the request; empty for one the pool makes up.
    pub request_id: Arc<str>,
    /// What the caller named: `auto`, a pool, an alias.
    pub model: String,
    /// The caller's bytes.
    pub body: RequestBody,
    /// What was read from them.
    pub facts: Arc<RequestFacts>,
    /// What the caller says to the pool.
    pub options: RequestOptions,
    /// What the caller may do.
    pub scope: Scope,
    /// The trace of the caller's that it belongs to.
    pub trace: Option<CallerTrace>,
    /// The pool itself asks, to find out what the model can do; `None` for every caller.
    pub probe: Option<Probe>,
}

/// A call by which the pool finds out what a model can do.
#[derive(Clone, Debug, Default)]
pub struct Probe {
    /// The beginning of the answer, from which the model is to go on.
    pub(crate) prefill: Option<Arc<str>>,
}

impl Call {
    /// Whether the vendor may be asked to keep some of the input for an hour (`"ttl": "1h"`). A text that only
    /// speaks of it is taken for it: this is for what a call may cost at most.
    pub(crate) fn asks_to_keep_for_an_hour(&self) -> bool {
        self.body.bytes.windows(4).any(|window| window == b"\"1h\"")
    }

    /// Reads a body of OpenAI's shape.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`] with the member at fault.
    pub fn read(operation: Operation, bytes: bytes::Bytes) -> Result<Self, Error> {
        Self::of(read(operation, bytes).map_err(invalid)?)
    }

    /// Reads a request for a chat in any dialect.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`] with the member at fault.
    pub fn read_chat(dialect: Dialect, bytes: bytes::Bytes, address: &AddressedCall) -> Result<Self, Error> {
        Self::of(read_chat(dialect, bytes, address).map_err(invalid)?)
    }

    /// The beginning of the answer that a probe has the model go on from.
    pub(crate) fn prefill(&self) -> Option<&Arc<str>> {
        self.probe.as_ref()?.prefill.as_ref()
    }

    /// Reads a request for vectors in any dialect that has them.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`] with the member at fault.
    pub fn read_embeddings(
        dialect: Dialect,
        bytes: bytes::Bytes,
        address: &AddressedCall,
    ) -> Result<Self, Error> {
        Self::of(read_embeddings(dialect, bytes, address).map_err(invalid)?)
    }

    /// Reads a form (`multipart/form-data`), as requests with recordings and pictures come.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`] with the part at fault.
    pub fn read_form(
        operation: Operation,
        bytes: bytes::Bytes,
        content_type: &HeaderValue,
    ) -> Result<Self, Error> {
        Self::of(read_form(operation, bytes, content_type).map_err(invalid)?)
    }

    fn of(request: ReadRequest) -> Result<Self, Error> {
        let ReadRequest {
            model,
            body,
            facts,
            extension,
        } = request;
        let options = match extension {
            None => RequestOptions::default(),
            Some(raw) => {
                let value: Value = serde_json::from_str(raw.get()).map_err(|error| {
                    Error::new(ErrorKind::InvalidRequest, format!("modelpool: {error}"))
                        .with_param("modelpool")
                })?;
                RequestOptions::from_json(&value)?
            }
        };
        Ok(Self {
            request_id: "".into(),
            model,
            body,
            facts: Arc::new(facts),
            options,
            scope: Scope::default(),
            trace: None,
            probe: None,
        })
    }
}

fn invalid(mistake: BodyError) -> Error {
    let error = Error::new(ErrorKind::InvalidRequest, mistake.message);
    match mistake.param {
        Some(param) => error.with_param(param),
        None => error,
    }
}

/// A chat request made in code.
///
/// ```
/// use modelpool_engine::ChatRequest;
/// use serde_json::json;
/// let request = ChatRequest::new()
///     .system("be brief")
///     .user("what is in this picture?")
///     .with("temperature", 0.2)
///     .require(json!({"supports_vision": true}));
/// ```
#[derive(Clone, Debug, Default)]
pub struct ChatRequest {
    model: Option<String>,
    messages: Vec<Value>,
    members: Map<String, Value>,
    extension: Map<String, Value>,
}

impl ChatRequest {
    /// A request to the whole pool, without messages yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Names a pool or an alias in place of `auto`.
    #[must_use]
    pub fn model(mut self, name: impl Into<String>) -> Self {
        self.model = Some(name.into());
        self
    }

    /// Adds a message of OpenAI's shape.
    #[must_use]
    pub fn message(mut self, message: Value) -> Self {
        self.messages.push(message);
        self
    }

    /// Adds a system message.
    #[must_use]
    pub fn system(self, text: impl Into<String>) -> Self {
        self.message(json!({"role": "system", "content": text.into()}))
    }

    /// Adds a message of the user.
    #[must_use]
    pub fn user(self, text: impl Into<String>) -> Self {
        self.message(json!({"role": "user", "content": text.into()}))
    }

    /// Adds a message of the assistant.
    #[must_use]
    pub fn assistant(self, text: impl Into<String>) -> Self {
        self.message(json!({"role": "assistant", "content": text.into()}))
    }

    /// Sets any member of the body: `temperature`, `tools`, `response_format`, …
    #[must_use]
    pub fn with(mut self, member: impl Into<String>, value: impl Into<Value>) -> Self {
        self.members.insert(member.into(), value.into());
        self
    }

    /// Requires capabilities, in the form users write. Mistakes show when the request is made.
    #[must_use]
    pub fn require(mut self, requirements: Value) -> Self {
        self.extension.insert("requirements".to_owned(), requirements);
        self
    }

    /// Prefers capabilities; changes only the order.
    #[must_use]
    pub fn prefer(mut self, preferences: Value) -> Self {
        self.extension.insert("prefer".to_owned(), preferences);
        self
    }

    /// Sets any other key of the member `modelpool`: `deadline_ms`, `fallbacks`, `session`, …
    #[must_use]
    pub fn option(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.extension.insert(key.into(), value.into());
        self
    }

    /// The request as the pool takes it.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`] with the member at fault.
    pub fn into_call(self, stream: bool) -> Result<Call, Error> {
        let mut body = self.members;
        body.insert(
            "model".to_owned(),
            self.model.unwrap_or_else(|| "auto".to_owned()).into(),
        );
        body.insert("messages".to_owned(), self.messages.into());
        if stream {
            body.insert("stream".to_owned(), true.into());
        }
        if !self.extension.is_empty() {
            body.insert("modelpool".to_owned(), self.extension.into());
        }
        Call::read(Operation::Chat, Value::Object(body).to_string().into())
    }
}
