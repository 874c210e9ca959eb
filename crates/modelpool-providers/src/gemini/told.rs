//! What a caller was told of a stream that another one goes on with ([`crate::sequel`]).
//!
//! A chunk says nothing of where it stands. All chunks repeat the id of the answer.

use serde_json::Value;

use super::answer::head;
use super::encoder::GeminiEncoder;
use crate::neutral::{Event, Head};
use crate::sequel::Told;
use crate::sse;
use crate::wire::Encoder;

/// The chunks of an answer.
#[derive(Debug, Default)]
pub(crate) struct ToldChunks {
    head: Option<Head>,
}

impl Told for ToldChunks {
    fn note(&mut self, raw: &[u8], _: &str) -> bool {
        if self.head.is_none() {
            let chunk = sse::data(raw).and_then(|data| serde_json::from_slice::<Value>(&data).ok());
            self.head = chunk.filter(Value::is_object).map(|chunk| head(&chunk));
        }
        true
    }

    fn encoder(&self) -> Box<dyn Encoder> {
        let mut encoder = GeminiEncoder::new("");
        encoder.write(&Event::Begin(self.head.clone().unwrap_or_default()));
        Box::new(encoder)
    }

    fn reason_is_last(&self) -> bool {
        true
    }
}
