//! The events of one stream, as they are written.

use bytes::Bytes;
use serde_json::{Map, Value};

/// Numbers events, and holds those that were not taken yet.
#[derive(Debug, Default)]
pub(super) struct Events {
    next_number: u64,
    written: Vec<Bytes>,
}

impl Events {
    /// Goes on with this number.
    pub(super) fn from_number(next_number: u64) -> Self {
        Self {
            next_number,
            ..Self::default()
        }
    }

    /// Writes an event, whose `members` are an object.
    pub(super) fn write(&mut self, kind: &str, members: Value) {
        let mut event = Map::new();
        event.insert("type".to_owned(), kind.into());
        event.insert("sequence_number".to_owned(), self.next_number.into());
        self.next_number += 1;
        if let Value::Object(members) = members {
            event.extend(members);
        }
        let event = format!("event: {kind}\ndata: {}\n\n", Value::Object(event));
        self.written.push(Bytes::from(event));
    }

    /// Those written since the last time.
    pub(super) fn take(&mut self) -> Vec<Bytes> {
        std::mem::take(&mut self.written)
    }
}
