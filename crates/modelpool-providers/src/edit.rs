//! Editing the events of a stream.
//!
//! An answer that is continued on another model reaches its caller as one: all events carry the
//! identity of the first, and only text the caller has not read yet. What is edited is what the
//! caller reads, so there is one row for each dialect, whatever wire the model speaks.

use modelpool_core::provider::Dialect;
use modelpool_core::{StreamEvent, Usage};

use crate::{anthropic, openai_chat};

/// What every event of one answer repeats.
///
/// The values are kept as they were written, so that the caller reads the same bytes again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The id of the answer, as JSON.
    pub(crate) id: Option<Box<str>>,
    /// When it was begun, as JSON.
    pub(crate) created: Option<Box<str>>,
}

impl Identity {
    /// What this event and a later one show together: the id of the first, the rest of the last that shows it.
    #[must_use]
    pub fn followed_by(self, later: Self) -> Self {
        Self {
            id: self.id.or(later.id),
            created: later.created.or(self.created),
        }
    }
}

/// How events of a dialect are edited. Events that are no part of an answer, such as comments
/// and the mark of the end, come out as they went in.
#[derive(Clone, Copy, Debug)]
pub struct EventEdits {
    /// Events with text say where in the answer it stands, and so must those that go on with it.
    pub text_has_a_place: bool,
    /// What the event says of the answer it belongs to.
    pub identity: fn(&StreamEvent) -> Option<Identity>,
    /// The event as a later one of the answer with that identity: with its id and time, and
    /// without what only the first event says. All else stays, the model's name included.
    pub with_identity: fn(StreamEvent, &Identity) -> StreamEvent,
    /// The event with another text in place of its own; one without text stays as it is. The answer
    /// must have one choice.
    pub with_text: fn(StreamEvent, &str) -> StreamEvent,
    /// The event with other usage in place of its own; one without usage stays as it is.
    pub with_usage: fn(StreamEvent, &Usage) -> StreamEvent,
    /// An event of the model with that name that carries a text and nothing else.
    pub text_event: fn(model: &str, text: &str) -> StreamEvent,
}

/// How events are edited for callers of a dialect; `None` where they cannot be.
///
/// ```
/// use modelpool_core::provider::Dialect;
/// use modelpool_providers::event_edits;
/// let edits = event_edits(Dialect::OpenAiChat).unwrap();
/// let event = (edits.text_event)("my-model", "brown fox");
/// assert_eq!((edits.with_text)(event, "wn fox").text(), "wn fox");
/// ```
#[must_use]
pub fn event_edits(dialect: Dialect) -> Option<&'static EventEdits> {
    match dialect {
        Dialect::OpenAiChat => Some(&openai_chat::EDITS),
        Dialect::Anthropic => Some(&anthropic::EDITS),
        _ => None,
    }
}
