//! Gemini as callers speak it.

use bytes::Bytes;

use super::encoder::GeminiEncoder;
use super::{answer, conversation};
use crate::neutral::{Answer, Conversation};
use crate::openai_chat::read::BodyError;
use crate::wire::{Caller, Encoder};

/// Callers who speak Gemini. The model and whether to stream stand in the address they ask, so
/// [`Conversation::stream`] is left to whoever reads that.
///
/// A stream is written as server-sent events, whether the caller asked for them (`alt=sse`) or for one JSON list:
/// whoever answers over HTTP makes the list of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct GeminiCaller;

impl Caller for GeminiCaller {
    fn conversation(&self, body: &[u8]) -> Result<Conversation, BodyError> {
        conversation::read(body)
    }

    fn write_answer(&self, answer: &Answer, model: &str) -> Bytes {
        answer::write(answer, model)
    }

    /// Usage is always at the end: the wire has no way to ask for it.
    fn encoder(&self, model: &str, _usage: bool) -> Box<dyn Encoder> {
        Box::new(GeminiEncoder::new(model))
    }
}
