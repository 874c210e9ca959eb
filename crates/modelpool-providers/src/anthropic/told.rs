//! What a caller was told of a stream that another one goes on with ([`crate::sequel`]).
//!
//! A message is continued in the block of text that is open. Where another block is, that one is closed and a new one
//! begun; so it is enough to know how many blocks there are, and whether an open one is of text.

use serde_json::Value;

use super::encoder::{MessagesEncoder, Open};
use super::type_of;
use crate::sequel::Told;
use crate::sse;
use crate::wire::Encoder;

/// The beginning of an event that says nothing of blocks which their beginning does not say.
const DELTA: &[u8] = b"event: content_block_delta";

/// The blocks of a message.
#[derive(Debug, Default)]
pub(crate) struct ToldMessage {
    blocks: u64,
    open: Option<Open>,
}

impl Told for ToldMessage {
    fn note(&mut self, raw: &[u8], text: &str) -> bool {
        if self.open.is_some() && raw.starts_with(DELTA) {
            return true;
        }
        let event = sse::data(raw).and_then(|data| serde_json::from_slice::<Value>(&data).ok());
        let Some(event) = event else { return true };
        let Some(index) = event.get("index").and_then(Value::as_u64) else {
            return true;
        };
        let begun = event.get("content_block").map(type_of);
        match (type_of(&event), begun) {
            ("content_block_stop", _) => self.open = None,
            ("content_block_start", Some("text")) => self.open = Some(Open::Text),
            // Whatever it is, it is closed the same.
            ("content_block_start", _) => self.open = Some(Open::Thinking),
            // Of a block that nobody began.
            ("content_block_delta", _) if self.open.is_none() => {
                self.open = Some(if text.is_empty() {
                    Open::Thinking
                } else {
                    Open::Text
                });
            }
            _ => {}
        }
        self.blocks = self.blocks.max(index.saturating_add(1));
        true
    }

    fn encoder(&self) -> Box<dyn Encoder> {
        Box::new(MessagesEncoder::standing(self.blocks, self.open.clone()))
    }
}
