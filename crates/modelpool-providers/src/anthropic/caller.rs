//! The dialect: who reads its requests and writes its answers.

use bytes::Bytes;

use super::encoder::MessagesEncoder;
use super::{answer, conversation};
use crate::neutral::{Answer, Conversation};
use crate::openai_chat::read::BodyError;
use crate::wire::{Caller, Encoder};

/// Anthropic's Messages, as callers speak it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AnthropicCaller;

impl Caller for AnthropicCaller {
    fn conversation(&self, body: &[u8]) -> Result<Conversation, BodyError> {
        conversation::read(body)
    }

    fn write_answer(&self, answer: &Answer, model: &str) -> Bytes {
        answer::write(answer, model)
    }

    /// Usage is part of every stream here, asked for or not.
    fn encoder(&self, model: &str, _usage: bool) -> Box<dyn Encoder> {
        Box::new(MessagesEncoder::new(model))
    }
}
