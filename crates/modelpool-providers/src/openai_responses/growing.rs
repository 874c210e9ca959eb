//! Items of a stream's output while they grow: each says when it begins, what it grows by, and at its end once more
//! what it has become.

use serde_json::{Value, json};

use super::events::Events;
use super::object::{self, Status};
use super::reasoning;

/// Where an item stands, and its id.
#[derive(Debug)]
pub(super) struct Spot {
    pub(super) index: usize,
    pub(super) id: String,
}

impl Spot {
    fn added(&self, item: &Value, events: &mut Events) {
        let members = json!({"output_index": self.index, "item": item});
        events.write("response.output_item.added", members);
    }

    fn done(&self, item: &Value, events: &mut Events) {
        let members = json!({"output_index": self.index, "item": item});
        events.write("response.output_item.done", members);
    }
}

/// A message.
#[derive(Debug)]
pub(super) struct Message {
    spot: Spot,
    /// The parts that are whole.
    parts: Vec<Value>,
    part: Option<Part>,
}

/// The part of a message that grows.
#[derive(Debug, Default)]
struct Part {
    is_refusal: bool,
    text: String,
    annotations: Vec<Value>,
    logprobs: Vec<Value>,
}

impl Part {
    fn object(&self) -> Value {
        if self.is_refusal {
            object::refusal_part(&self.text)
        } else {
            object::text_part(&self.text, &self.annotations, &self.logprobs)
        }
    }
}

impl Message {
    pub(super) fn open(spot: Spot, events: &mut Events) -> Self {
        spot.added(
            &object::message(&spot.id, &Status::InProgress, Vec::new()),
            events,
        );
        Self {
            spot,
            parts: Vec::new(),
            part: None,
        }
    }

    /// In the middle of a message of these parts, of which the last may be open.
    pub(super) fn standing(spot: Spot, mut parts: Vec<Value>, last_is_open: bool) -> Self {
        let open = parts.last().is_some_and(|part| part["type"] == "output_text") && last_is_open;
        let part = open.then(|| parts.pop()).flatten();
        let list = |part: &Value, name: &str| part[name].as_array().cloned().unwrap_or_default();
        Self {
            spot,
            parts,
            part: part.map(|part| Part {
                is_refusal: false,
                text: part["text"].as_str().unwrap_or_default().to_owned(),
                annotations: list(&part, "annotations"),
                logprobs: list(&part, "logprobs"),
            }),
        }
    }

    pub(super) fn add(&mut self, is_refusal: bool, delta: &str, events: &mut Events) {
        let goes_on = |part: &Part| part.is_refusal == is_refusal;
        if !self.part.as_ref().is_some_and(goes_on) {
            self.close_part(events);
            let part = Part {
                is_refusal,
                ..Part::default()
            };
            let mut members = self.place();
            members["part"] = part.object();
            events.write("response.content_part.added", members);
            self.part = Some(part);
        }
        let mut members = self.place();
        members["delta"] = delta.into();
        if is_refusal {
            events.write("response.refusal.delta", members);
        } else {
            members["logprobs"] = json!([]);
            events.write("response.output_text.delta", members);
        }
        if let Some(part) = &mut self.part {
            part.text.push_str(delta);
        }
    }

    /// Says where the text before is from, if the dialect can say it.
    pub(super) fn cite(&mut self, citation: &Value, events: &mut Events) {
        let mut members = self.place();
        let Some(part) = self.part.as_mut().filter(|part| !part.is_refusal) else {
            return;
        };
        let Some(annotation) = object::annotation(citation, part.text.chars().count()) else {
            return;
        };
        members["annotation_index"] = part.annotations.len().into();
        members["annotation"] = annotation.clone();
        part.annotations.push(annotation);
        events.write("response.output_text.annotation.added", members);
    }

    /// They come after their text, so that only the whole part can tell them.
    pub(super) fn add_logprobs(&mut self, logprobs: impl Iterator<Item = Value>) {
        if let Some(part) = self.part.as_mut().filter(|part| !part.is_refusal) {
            part.logprobs.extend(logprobs);
        }
    }

    /// The item as it has become.
    pub(super) fn close(mut self, status: &Status, events: &mut Events) -> Value {
        self.close_part(events);
        let item = object::message(&self.spot.id, status, self.parts);
        self.spot.done(&item, events);
        item
    }

    fn close_part(&mut self, events: &mut Events) {
        let mut members = self.place();
        let Some(part) = self.part.take() else { return };
        let object = part.object();
        if part.is_refusal {
            members["refusal"] = part.text.into();
            events.write("response.refusal.done", members);
        } else {
            members["text"] = part.text.into();
            members["logprobs"] = part.logprobs.into();
            events.write("response.output_text.done", members);
        }
        let mut members = self.place();
        members["part"] = object.clone();
        events.write("response.content_part.done", members);
        self.parts.push(object);
    }

    /// Of the part that grows.
    fn place(&self) -> Value {
        json!({"item_id": self.spot.id, "output_index": self.spot.index, "content_index": self.parts.len()})
    }
}

/// Reasoning that can be read.
#[derive(Debug)]
pub(super) struct Reasoning {
    spot: Spot,
    text: String,
}

impl Reasoning {
    pub(super) fn open(spot: Spot, events: &mut Events) -> Self {
        spot.added(&reasoning::item(&spot.id, "", None), events);
        let reasoning = Self {
            spot,
            text: String::new(),
        };
        let mut members = reasoning.place();
        members["part"] = reasoning::summary_part("");
        events.write("response.reasoning_summary_part.added", members);
        reasoning
    }

    pub(super) fn add(&mut self, delta: &str, events: &mut Events) {
        self.text.push_str(delta);
        let mut members = self.place();
        members["delta"] = delta.into();
        events.write("response.reasoning_summary_text.delta", members);
    }

    pub(super) fn close(self, encrypted: Option<&str>, events: &mut Events) -> Value {
        let mut members = self.place();
        members["text"] = self.text.as_str().into();
        events.write("response.reasoning_summary_text.done", members);
        let mut members = self.place();
        members["part"] = reasoning::summary_part(&self.text);
        events.write("response.reasoning_summary_part.done", members);
        let item = reasoning::item(&self.spot.id, &self.text, encrypted);
        self.spot.done(&item, events);
        item
    }

    fn place(&self) -> Value {
        json!({"item_id": self.spot.id, "output_index": self.spot.index, "summary_index": 0})
    }
}

/// Reasoning that cannot be read comes whole.
pub(super) fn sealed_reasoning(spot: &Spot, encrypted: &str, events: &mut Events) -> Value {
    let item = reasoning::item(&spot.id, "", Some(encrypted));
    spot.added(&item, events);
    spot.done(&item, events);
    item
}

/// What closes the text and the part of reasoning, by the list the part stands in.
const ENDS_OF_REASONING: [[&str; 4]; 2] = [
    [
        "summary",
        "summary_index",
        "response.reasoning_summary_text.done",
        "response.reasoning_summary_part.done",
    ],
    [
        "content",
        "content_index",
        "response.reasoning_text.done",
        "response.content_part.done",
    ],
];

/// Closes an item of any kind as it stands; the item as it has become.
pub(super) fn close_as_it_is(
    spot: &Spot,
    mut item: Value,
    part_is_whole: bool,
    events: &mut Events,
) -> Value {
    let has_open_part = item["type"] == "reasoning" && !part_is_whole;
    for [list, index_name, text_done, part_done] in ENDS_OF_REASONING {
        let parts = item[list].as_array().filter(|_| has_open_part);
        let Some((part, before)) = parts.and_then(|parts| parts.split_last()) else {
            continue;
        };
        let place = json!({"item_id": spot.id, "output_index": spot.index, index_name: before.len()});
        let mut members = place.clone();
        members["text"] = part["text"].clone();
        events.write(text_done, members);
        let mut members = place;
        members["part"] = part.clone();
        events.write(part_done, members);
        break;
    }
    if item.get("status").is_some() {
        item["status"] = Status::Incomplete(None).word().into();
    }
    spot.done(&item, events);
    item
}

/// A call of a function.
#[derive(Debug)]
pub(super) struct Call {
    spot: Spot,
    call_id: String,
    name: String,
    arguments: String,
}

impl Call {
    pub(super) fn open(spot: Spot, call_id: String, name: String, events: &mut Events) -> Self {
        let item = object::function_call(&spot.id, &Status::InProgress, &call_id, &name, "");
        spot.added(&item, events);
        Self {
            spot,
            call_id,
            name,
            arguments: String::new(),
        }
    }

    pub(super) fn add(&mut self, arguments: &str, events: &mut Events) {
        self.arguments.push_str(arguments);
        let mut members = self.place();
        members["delta"] = arguments.into();
        events.write("response.function_call_arguments.delta", members);
    }

    /// Where it stands.
    pub(super) fn index(&self) -> usize {
        self.spot.index
    }

    pub(super) fn close(mut self, status: &Status, events: &mut Events) -> Value {
        if self.arguments.is_empty() {
            // Those who add up deltas are to read JSON too.
            self.add("{}", events);
        }
        let mut members = self.place();
        members["name"] = self.name.as_str().into();
        members["arguments"] = self.arguments.as_str().into();
        events.write("response.function_call_arguments.done", members);
        let item = object::function_call(&self.spot.id, status, &self.call_id, &self.name, &self.arguments);
        self.spot.done(&item, events);
        item
    }

    fn place(&self) -> Value {
        json!({"item_id": self.spot.id, "output_index": self.spot.index})
    }
}
