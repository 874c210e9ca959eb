//! What a caller was told of a stream that another one goes on with ([`crate::sequel`]).
//!
//! The last event of this dialect repeats all of the output, and every event says its place in it. So the output is
//! added up as a client does. Text goes on in the message that is open; what else is open is closed as it is.

use std::collections::BTreeMap;

use modelpool_core::continuation::MAX_DELIVERED_BYTES;
use serde_json::{Value, json};

use super::encoder::ResponsesEncoder;
use super::value::{count, member, text as text_of};
use crate::json::{self, Count, lenient_object};
use crate::sequel::Told;
use crate::sse;
use crate::wire::Encoder;

/// Most that is remembered, in bytes: of text as much as is gone on with, and as much of what stands around it.
const MAX_REMEMBERED_BYTES: usize = 2 * MAX_DELIVERED_BYTES;

/// Most bytes of an event that begins a response, for its settings to be repeated at the end.
const MAX_SETTINGS_BYTES: usize = MAX_DELIVERED_BYTES;

/// What a part takes in memory besides its text.
const BYTES_OF_A_PART: usize = 512;

lenient_object! {
    /// Of an event of text.
    struct Place<'a> {
        kind: Option<&'a str> = "type",
        number: Option<Count> = "sequence_number",
        item: Option<Count> = "output_index",
        part: Option<Count> = "content_index",
    }
}

/// The response so far.
#[derive(Debug, Default)]
pub(crate) struct ToldResponse {
    /// As it was begun.
    response: Value,
    /// The number of the next event.
    next_number: u64,
    /// The items, by their places.
    items: BTreeMap<u64, ToldItem>,
    remembered_bytes: usize,
}

/// An item of the output.
#[derive(Debug)]
pub(super) struct ToldItem {
    /// As it was added up.
    pub(super) item: Value,
    /// Nothing is added to it any more.
    pub(super) is_whole: bool,
    /// Nothing is added to its last part any more.
    pub(super) part_is_whole: bool,
}

impl Told for ToldResponse {
    fn note(&mut self, raw: &[u8], text: &str) -> bool {
        let Some(data) = sse::data(raw) else { return true };
        if !text.is_empty() && self.add_text(&data, text) {
            self.remembered_bytes += text.len();
        } else if let Ok(event) = serde_json::from_slice::<Value>(&data) {
            self.remembered_bytes += self.add(&event, data.len());
        }
        self.remembered_bytes <= MAX_REMEMBERED_BYTES
    }

    fn encoder(&self) -> Box<dyn Encoder> {
        Box::new(ResponsesEncoder::standing(
            &self.response,
            self.next_number,
            &self.items,
        ))
    }
}

impl ToldResponse {
    /// Adds what nearly every event says, without reading more of it than its place. `false` where it is another.
    fn add_text(&mut self, data: &[u8], text: &str) -> bool {
        let Ok(place) = json::read_bytes::<Place<'_>>(data) else {
            return false;
        };
        if place.kind != Some("\"response.output_text.delta\"") {
            return false;
        }
        let at = |count: Option<Count>| count.map_or(0, |count| count.0);
        self.numbered(place.number.map(|number| number.0));
        let part = self.part(
            at(place.item),
            "content",
            at(place.part),
            || json!({"type": "output_text", "text": "", "annotations": [], "logprobs": []}),
        );
        grow(part, "text", text);
        true
    }

    fn numbered(&mut self, number: Option<u64>) {
        // Some servers do without.
        let next = number.map_or(self.next_number, |number| number.max(self.next_number));
        self.next_number = next.saturating_add(1);
    }

    /// Adds up an event of so many bytes; how many of them are remembered.
    fn add(&mut self, event: &Value, bytes: usize) -> usize {
        self.numbered(event.get("sequence_number").and_then(Value::as_u64));
        let kind = text_of(event, "type").unwrap_or_default();
        let at = count(&event["output_index"]);
        let delta = text_of(event, "delta").unwrap_or_default();
        match kind {
            "response.created" if bytes <= MAX_SETTINGS_BYTES => self.response = event["response"].clone(),
            "response.created" => {
                let response = &event["response"];
                self.response = json!({"id": response["id"], "created_at": response["created_at"]});
                return 0;
            }
            "response.output_item.added" => self.set(at, &event["item"], false),
            "response.output_item.done" => self.set(at, &event["item"], true),
            "response.content_part.added" => {
                let part = event["part"].clone();
                *self.part(at, "content", count(&event["content_index"]), || Value::Null) = part;
            }
            "response.content_part.done" => {
                let part = event["part"].clone();
                *self.part(at, "content", count(&event["content_index"]), || Value::Null) = part;
                if let Some(item) = self.items.get_mut(&at) {
                    item.part_is_whole = true;
                }
            }
            "response.output_text.annotation.added" => {
                let part = self.part(at, "content", count(&event["content_index"]), || Value::Null);
                if let Some(list) = part.get_mut("annotations").and_then(Value::as_array_mut) {
                    list.extend(member(event, "annotation").cloned());
                }
            }
            "response.reasoning_summary_text.delta" => {
                let part = self.part(
                    at,
                    "summary",
                    count(&event["summary_index"]),
                    || json!({"type": "summary_text", "text": ""}),
                );
                grow(part, "text", delta);
                return delta.len();
            }
            "response.reasoning_text.delta" => {
                let part = self.part(
                    at,
                    "content",
                    count(&event["content_index"]),
                    || json!({"type": "reasoning_text", "text": ""}),
                );
                grow(part, "text", delta);
                return delta.len();
            }
            _ => return 0,
        }
        bytes
    }

    fn set(&mut self, at: u64, item: &Value, is_whole: bool) {
        if !item.is_object() {
            return;
        }
        let told = ToldItem {
            item: item.clone(),
            is_whole,
            part_is_whole: is_whole,
        };
        self.items.insert(at, told);
    }

    /// A part of an item, made where it was not begun; parts follow each other, so one beyond the next is the next.
    fn part(&mut self, at: u64, list: &str, index: u64, made: impl FnOnce() -> Value) -> &mut Value {
        let told = self.items.entry(at).or_insert_with(|| ToldItem {
            item: json!({"id": format!("item_{at}"), "type": "message", "status": "in_progress", "role": "assistant"}),
            is_whole: false,
            part_is_whole: false,
        });
        if !told.item[list].is_array() {
            told.item[list] = json!([]);
        }
        let known = told.item[list].as_array().map_or(0, Vec::len);
        let index = usize::try_from(index).unwrap_or(known).min(known);
        if index == known
            && let Some(parts) = told.item[list].as_array_mut()
        {
            parts.push(made());
            told.part_is_whole = false;
            self.remembered_bytes += BYTES_OF_A_PART;
        }
        &mut told.item[list][index]
    }
}

fn grow(part: &mut Value, key: &str, delta: &str) {
    if let Some(Value::String(text)) = part.get_mut(key) {
        text.push_str(delta);
    } else if part.is_object() {
        part[key] = delta.into();
    }
}

#[cfg(test)]
#[path = "told_tests.rs"]
mod tests;
