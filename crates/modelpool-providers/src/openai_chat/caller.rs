//! Chat completions as callers speak them, for models of another wire.

use bytes::Bytes;

use super::encoder::ChatEncoder;
use super::read::BodyError;
use super::{answer, conversation};
use crate::neutral::{Answer, Conversation};
use crate::wire::{Caller, Encoder};

/// The dialect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ChatCaller;

impl Caller for ChatCaller {
    fn conversation(&self, body: &[u8]) -> Result<Conversation, BodyError> {
        conversation::read(body)
    }

    fn write_answer(&self, answer: &Answer, model: &str) -> Bytes {
        answer::write(answer, model)
    }

    fn encoder(&self, model: &str, usage: bool) -> Box<dyn Encoder> {
        Box::new(ChatEncoder::new(model, usage))
    }
}
