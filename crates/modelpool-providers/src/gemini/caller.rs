//! Gemini as callers speak it.

use bytes::Bytes;

use super::encoder::GeminiEncoder;
use super::{answer, conversation};
use crate::neutral::{Answer, Conversation};
use crate::openai_chat::read::BodyError;
use crate::wire::{Caller, Encoder};

/// Callers who speak Gemini. The model and whether to stream stand in the address they ask, so
/// [`Conversation::stream`] is left to whoever reads that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct GeminiCaller {
    form: StreamForm,
}

/// The form of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum StreamForm {
    /// Server-sent events, for `alt=sse`.
    #[default]
    Events,
    /// One JSON list, for callers who did not ask for events.
    List,
}

impl GeminiCaller {
    /// From the query of the address, without its question mark: `alt=sse` asks for events.
    pub(crate) fn of_query(query: &str) -> Self {
        let events = query
            .split('&')
            .any(|pair| matches!(pair, "alt=sse" | "$alt=sse" | "%24alt=sse"));
        let form = if events {
            StreamForm::Events
        } else {
            StreamForm::List
        };
        Self { form }
    }

    /// The media type of the streams that [`encoder`](Caller::encoder) writes.
    pub(crate) fn stream_type(self) -> &'static str {
        match self.form {
            StreamForm::Events => "text/event-stream",
            StreamForm::List => "application/json",
        }
    }
}

impl Caller for GeminiCaller {
    fn conversation(&self, body: &[u8]) -> Result<Conversation, BodyError> {
        conversation::read(body)
    }

    fn write_answer(&self, answer: &Answer, model: &str) -> Bytes {
        answer::write(answer, model)
    }

    /// Usage is always at the end: the wire has no way to ask for it.
    fn encoder(&self, model: &str, _usage: bool) -> Box<dyn Encoder> {
        Box::new(GeminiEncoder::new(self.form, model))
    }
}
