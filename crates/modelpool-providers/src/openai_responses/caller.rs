//! The dialect.

use bytes::Bytes;

use super::encoder::ResponsesEncoder;
use super::{answer, conversation};
use crate::neutral::{Answer, Conversation};
use crate::openai_chat::read::BodyError;
use crate::wire::{Caller, Encoder};

/// OpenAI's Responses, as callers speak it: <https://platform.openai.com/docs/api-reference/responses/create>.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ResponsesCaller;

impl Caller for ResponsesCaller {
    fn conversation(&self, body: &[u8]) -> Result<Conversation, BodyError> {
        conversation::read(body)
    }

    fn write_answer(&self, answer: &Answer, model: &str) -> Bytes {
        answer::write(answer, model)
    }

    /// The dialect tells usage always, so whether it was asked for makes no difference.
    fn encoder(&self, model: &str, _usage: bool) -> Box<dyn Encoder> {
        Box::new(ResponsesEncoder::new(model))
    }
}
