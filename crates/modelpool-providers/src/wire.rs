//! A wire protocol as models speak it, and a dialect as callers speak it.
//!
//! Each wire has a folder, and in it a type that implements [`Wire`]; one that callers speak too has one that
//! implements [`Caller`]. Both are pure: bytes in, bytes out. Connections, time, retries, and which model is asked
//! at all are nobody's business here.

use std::fmt;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderName, Method, Request, Uri};
use modelpool_core::{Operation, UnixMillis, Warmth};
use serde_json::{Map, Value};

use crate::framing::Framing;
use crate::model_list::ModelList;
use crate::neutral::embeddings::{Embeddings, ToEmbed};
use crate::neutral::{Answer, Conversation, Event, Events, Untranslatable, Written};
use crate::openai_chat::read::BodyError;

/// What a request is sent to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    pub(crate) operation: Operation,
    /// The vendor's name of the model.
    pub(crate) model: &'a str,
    pub(crate) stream: bool,
}

/// A question beside the calls of a model: free, and answered at once.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Question {
    pub(crate) method: Method,
    pub(crate) url: String,
    pub(crate) body: Bytes,
}

impl Question {
    pub(crate) fn get(url: String) -> Self {
        Self {
            method: Method::GET,
            url,
            body: Bytes::new(),
        }
    }

    pub(crate) fn post(url: String, body: &Value) -> Self {
        Self {
            method: Method::POST,
            url,
            body: body.to_string().into(),
        }
    }
}

/// A wire protocol, as a model speaks it.
pub(crate) trait Wire: fmt::Debug + Send + Sync {
    /// What comes before the wire's own paths, from the address a user gave (see `base_url` in the
    /// configuration's reference): without a slash at its end.
    fn base_url(&self, given: &Uri) -> String;

    /// The address of an operation below the base. `Err` says which operation the wire lacks.
    fn url(&self, base: &str, target: &Target<'_>) -> Result<String, String>;

    /// Headers that show the key, and others that every request carries.
    fn headers(&self, key: Option<&str>) -> Vec<(HeaderName, String)>;

    /// Signs a request that is ready to be sent, on wires where a key signs instead of being shown. `at` is now.
    fn sign(&self, _request: &mut Request<Bytes>, _at: UnixMillis) -> Result<(), String> {
        Ok(())
    }

    /// The body of a request, a prefill included where the last message is the assistant's.
    fn write(&self, conversation: &Conversation, target: &Target<'_>) -> Result<Written, Untranslatable>;

    /// Reads a whole answer that came with a success status.
    fn read(&self, body: &Bytes) -> Result<Answer, Broken>;

    /// What is asked to learn what the server says of a model; `None` where the wire has no such question.
    fn describe(&self, _base: &str, _model: &str) -> Option<Question> {
        None
    }

    /// What is asked to make a model ready, and whether that loads it. By default only a connection is made, for
    /// which anything may be asked.
    fn warm_up(&self, base: &str, model: &str, _defaults: &Map<String, Value>) -> (Question, Warmth) {
        let any = self
            .describe(base, model)
            .unwrap_or_else(|| Question::get(base.to_owned()));
        (any, Warmth::Connection)
    }

    /// The body of a request for vectors; [`Wire::url`] says whether there are any.
    fn write_embeddings(&self, _asked: &ToEmbed, _target: &Target<'_>) -> Result<Written, Untranslatable> {
        Err(Untranslatable::new("input", "has no place in this wire"))
    }

    /// Reads the vectors of so many `inputs`.
    fn read_embeddings(&self, _body: &Bytes, _inputs: usize) -> Result<Embeddings, Broken> {
        Err(Broken::Protocol("this wire has no embeddings".to_owned()))
    }

    /// Most texts that are embedded by one request.
    fn most_inputs(&self) -> usize {
        usize::MAX
    }

    /// Where the models are listed, and how. `Err` says why they are not.
    fn model_list(&self) -> Result<ModelList, &'static str> {
        Err("this wire has no list of models")
    }

    /// How a stream is cut into frames.
    fn framing(&self) -> Framing;

    /// Reads the frames of one stream.
    fn decoder(&self) -> Box<dyn Decoder>;
}

/// Reads the frames of one stream.
pub(crate) trait Decoder: Send {
    /// What the next whole frame says. A frame is what [`Framing`] cuts: a server-sent event with all its lines, a
    /// line of JSON, a binary message.
    fn read(&mut self, frame: &[u8]) -> Result<Decoded, Broken>;
}

/// What a frame says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Decoded {
    pub(crate) events: Events,
    /// It is the wire's own mark of the end, after which nothing comes: `[DONE]`, `message_stop`.
    pub(crate) end_mark: bool,
    /// It is no frame of the wire: its data cannot be read.
    pub(crate) malformed: bool,
}

/// An answer that is none.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Broken {
    /// The vendor reports an error, after a success status or within a stream: the object as it stands there.
    Refusal(Value),
    /// It is not of the wire; in words.
    Protocol(String),
}

/// A wire protocol, as callers speak it.
pub(crate) trait Caller: fmt::Debug + Send + Sync {
    /// Reads a request. The body is a JSON object.
    fn conversation(&self, body: &[u8]) -> Result<Conversation, BodyError>;

    /// The body of a whole answer. `model` is what answered, where the answer does not say.
    fn write_answer(&self, answer: &Answer, model: &str) -> Bytes;

    /// Writes the events of one stream. `model` as above; `usage` where the caller asked for usage at the end.
    fn encoder(&self, model: &str, usage: bool) -> Box<dyn Encoder>;
}

/// Writes the events of one stream.
pub(crate) trait Encoder: Send {
    /// The server-sent events that say what `event` says, each whole, with its blank line. None where the
    /// dialect says it later, or not at all. The last of them is the one that says it; those before it only
    /// open or close something.
    fn write(&mut self, event: &Event) -> Vec<Bytes>;

    /// The events at the end of a complete answer, the dialect's own mark of the end last.
    fn end(&mut self) -> Vec<Bytes>;
}

impl Decoded {
    /// A frame that says nothing.
    pub(crate) fn nothing() -> Self {
        Self::default()
    }

    /// A frame that cannot be read.
    pub(crate) fn malformed() -> Self {
        Self {
            malformed: true,
            ..Self::default()
        }
    }

    /// The mark of the end.
    pub(crate) fn end() -> Self {
        Self {
            end_mark: true,
            ..Self::default()
        }
    }
}

impl From<Events> for Decoded {
    fn from(events: Events) -> Self {
        Self {
            events,
            ..Self::default()
        }
    }
}

/// An address without a slash at its end, and without any of these ends, which users copy along. The first that
/// fits is taken off.
pub(crate) fn without_ends(given: &Uri, ends: &[&str]) -> String {
    let given = given.to_string();
    let given = given.trim_end_matches('/');
    let base = ends.iter().find_map(|end| given.strip_suffix(end));
    base.unwrap_or(given).trim_end_matches('/').to_owned()
}

/// An address without a slash at its end; with this path where it has none.
pub(crate) fn with_path(given: &Uri, path: &str) -> String {
    let bare = given.path().trim_matches('/').is_empty();
    let given = without_ends(given, &[]);
    if bare { format!("{given}{path}") } else { given }
}

/// The header that shows a key as most vendors want it; none where there is no key.
pub(crate) fn bearer(key: Option<&str>) -> Vec<(HeaderName, String)> {
    // Files of keys end in a line feed.
    let key = key.map(str::trim).filter(|key| !key.is_empty());
    key.map(|key| (AUTHORIZATION, format!("Bearer {key}")))
        .into_iter()
        .collect()
}
