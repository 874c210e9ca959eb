//! Editing events of a stream: the row of this dialect in [`crate::edit`].
//!
//! A message is continued in the block of text that is open. So what begins and ends blocks in the later
//! stream is left out, its text goes to the block of the first, and the event that tells the reason ends that
//! block before it. Which block that is stands in [`Identity::created`], since messages here have no time:
//! [`identity`] tells it of every event that shows it; where none did it is the first.
//!
//! An event may be several server-sent events, as the encoder writes them: what opens or closes something stands
//! before what says something.

use std::borrow::Cow;

use bytes::Bytes;
use modelpool_core::stream::{Delta, Part};
use modelpool_core::{StreamEvent, Usage};
use serde_json::{Value, json};

use super::{encoder, filled, text_of, type_of, usage};
use crate::edit::{EventEdits, Identity};
use crate::sse;

/// Events of <https://platform.claude.com/docs/en/build-with-claude/streaming>.
pub(crate) static EDITS: EventEdits = EventEdits {
    text_has_a_place: true,
    identity,
    with_identity,
    with_text,
    with_usage,
    text_event: |_, text| text_event(text),
};

/// A server-sent event, with its data where they are an object.
struct Frame {
    raw: Bytes,
    data: Option<Value>,
}

/// The server-sent events of an event.
fn frames(raw: &Bytes) -> Vec<Frame> {
    let mut splitter = sse::Splitter::default();
    splitter.push(raw.clone());
    let mut frames = Vec::new();
    while let Ok(Some(raw)) = splitter.next() {
        frames.push(Frame::of(raw));
    }
    let rest = splitter.rest();
    if !rest.is_empty() {
        frames.push(Frame::of(rest));
    }
    frames
}

impl Frame {
    fn of(raw: Bytes) -> Self {
        let data = sse::data(&raw);
        let data: Option<Value> = data.and_then(|data| serde_json::from_slice(&data).ok());
        Self {
            data: data.filter(Value::is_object),
            raw,
        }
    }

    fn kind(&self) -> &str {
        self.data.as_ref().map(type_of).unwrap_or_default()
    }

    /// The delta it carries, if it is one of text.
    fn text_delta(&self) -> Option<&Value> {
        let delta = self.data.as_ref()?.get("delta")?;
        (type_of(delta) == "text_delta").then_some(delta)
    }

    fn text(&self) -> Option<&str> {
        text_of(self.text_delta()?, "text")
    }

    fn tells_reason(&self) -> bool {
        let delta = self.data.as_ref().and_then(|data| data.get("delta"));
        self.kind() == "message_delta" && delta.is_some_and(|delta| filled(delta, "stop_reason").is_some())
    }

    /// The block of text it belongs to.
    fn block_of_text(&self) -> Option<&Value> {
        let data = self.data.as_ref()?;
        let begins = data
            .get("content_block")
            .is_some_and(|block| type_of(block) == "text");
        (begins || self.text_delta().is_some()).then(|| data.get("index"))?
    }

    /// The same with other data.
    fn with(&self, key: &str, value: Value) -> Bytes {
        let mut data = self.data.clone().unwrap_or_default();
        if let Some(members) = data.as_object_mut() {
            members.insert(key.to_owned(), value);
        }
        encoder::event(self.kind(), &data)
    }
}

fn identity(event: &StreamEvent) -> Option<Identity> {
    let mut identity = Identity::default();
    for frame in frames(&event.raw) {
        let message = frame.data.as_ref().and_then(|data| data.get("message"));
        if let Some(id) = message.and_then(|message| message.get("id")) {
            identity.id = Some(id.to_string().into());
        }
        if let Some(index) = frame.block_of_text() {
            identity.created = Some(index.to_string().into());
        }
    }
    (identity != Identity::default()).then_some(identity)
}

fn with_identity(event: StreamEvent, identity: &Identity) -> StreamEvent {
    let block = identity
        .created
        .as_deref()
        .and_then(|index| index.parse::<u64>().ok());
    let block = block.unwrap_or_default();
    let mut raw = Vec::new();
    for frame in frames(&event.raw) {
        match frame.kind() {
            "message_start" | "content_block_start" | "content_block_stop" => {}
            "content_block_delta" => raw.push(frame.with("index", block.into())),
            "message_delta" if frame.tells_reason() => {
                let stop = json!({"type": "content_block_stop", "index": block});
                raw.push(encoder::event("content_block_stop", &stop));
                raw.push(frame.raw);
            }
            _ => raw.push(frame.raw),
        }
    }
    if raw.is_empty() {
        // What it said of usage is counted, and there is nothing else in it for the caller.
        raw.push(encoder::event("ping", &json!({"type": "ping"})));
    }
    edited(event, &raw)
}

/// All the text stands in the first of the deltas then.
fn with_text(event: StreamEvent, text: &str) -> StreamEvent {
    let frames = frames(&event.raw);
    if !frames.iter().any(|frame| frame.text_delta().is_some()) {
        return event;
    }
    let mut text = Some(text);
    let mut raw = Vec::with_capacity(frames.len());
    for frame in frames {
        if frame.text_delta().is_none() {
            raw.push(frame.raw);
        } else if let Some(text) = text.take() {
            raw.push(frame.with("delta", json!({"type": "text_delta", "text": text})));
        }
    }
    let event = edited(event, &raw);
    StreamEvent {
        meaningful: event.finish.is_some() || event.other_output || !deltas(&event.raw).is_empty(),
        ..event
    }
}

fn with_usage(event: StreamEvent, used: &Usage) -> StreamEvent {
    if event.usage.is_none() {
        return event;
    }
    let frames = frames(&event.raw);
    let raw: Vec<Bytes> = frames
        .into_iter()
        .map(|frame| match frame.kind() {
            "message_delta" => frame.with("usage", usage::value(used)),
            _ => frame.raw,
        })
        .collect();
    StreamEvent {
        usage: Some(*used),
        ..edited(event, &raw)
    }
}

fn text_event(text: &str) -> StreamEvent {
    let delta = json!({"type": "text_delta", "text": text});
    let data = json!({"type": "content_block_delta", "index": 0, "delta": delta});
    StreamEvent {
        meaningful: !text.is_empty(),
        decode: deltas,
        ..StreamEvent::opaque(encoder::event("content_block_delta", &data))
    }
}

fn edited(event: StreamEvent, raw: &[Bytes]) -> StreamEvent {
    StreamEvent {
        raw: raw.concat().into(),
        // It stands elsewhere now.
        plain_text: None,
        ..event
    }
}

/// The texts of an event.
fn deltas(raw: &[u8]) -> Vec<Delta> {
    let frames = frames(&Bytes::copy_from_slice(raw));
    let texts = frames.iter().filter_map(|frame| frame.text().map(Cow::from));
    let texts = texts.filter(|text| !text.is_empty());
    texts
        .map(|text| Delta {
            choice: 0,
            part: Part::Text(text.into_owned()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use modelpool_core::FinishReason;
    use proptest::prelude::*;

    fn raw(frames: &[Value]) -> Bytes {
        let frames: Vec<Bytes> = frames
            .iter()
            .map(|data| encoder::event(type_of(data), data))
            .collect();
        frames.concat().into()
    }

    fn event(frames: &[Value]) -> StreamEvent {
        StreamEvent {
            meaningful: true,
            decode: deltas,
            ..StreamEvent::opaque(raw(frames))
        }
    }

    fn start(id: &str) -> Value {
        json!({"type": "message_start", "message": {"id": id, "usage": {"input_tokens": 3}}})
    }

    fn open(index: u64) -> Value {
        json!({"type": "content_block_start", "index": index, "content_block": {"type": "text", "text": ""}})
    }

    fn text(index: u64, text: &str) -> Value {
        json!({"type": "content_block_delta", "index": index, "delta": {"type": "text_delta", "text": text}})
    }

    fn stop(index: u64) -> Value {
        json!({"type": "content_block_stop", "index": index})
    }

    fn reason(output: u64) -> Value {
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null},
            "usage": usage::value(&Usage { output_tokens: output, ..Usage::default() })})
    }

    fn in_block(index: &str) -> Identity {
        Identity {
            id: Some("\"msg_1\"".into()),
            created: Some(index.into()),
        }
    }

    #[test]
    fn what_events_tell_of_their_message() {
        let of = |frames: &[Value]| identity(&event(frames));
        assert_eq!(of(&[start("msg_1"), open(1), text(1, "a")]), Some(in_block("1")));
        let alone = of(&[start("msg_1")]).unwrap();
        assert_eq!((alone.id.as_deref(), alone.created), (Some("\"msg_1\""), None));
        assert_eq!(of(&[text(2, "a")]).unwrap().created.as_deref(), Some("2"));
        assert_eq!(of(&[stop(2)]), None);
        assert_eq!(
            identity(&StreamEvent::opaque(Bytes::from_static(b": comment\n\n"))),
            None
        );
    }

    #[test]
    fn events_of_a_later_message_go_on_in_the_block_of_the_first() {
        let ping = json!({"type": "ping"});
        for (own, expected) in [
            (vec![start("msg_2")], vec![ping.clone()]),
            (vec![start("msg_2"), open(0), text(0, "a")], vec![text(1, "a")]),
            (vec![text(0, "a")], vec![text(1, "a")]),
            (vec![stop(0)], vec![ping.clone()]),
            (vec![stop(0), reason(7)], vec![stop(1), reason(7)]),
            (vec![reason(7)], vec![stop(1), reason(7)]),
            (
                vec![json!({"type": "message_stop"})],
                vec![json!({"type": "message_stop"})],
            ),
            (vec![ping.clone()], vec![ping]),
        ] {
            let edited = with_identity(event(&own), &in_block("1"));
            assert_eq!(edited.raw, raw(&expected), "{own:?}");
        }
        let comment = StreamEvent::opaque(Bytes::from_static(b": still here\n\n"));
        assert_eq!(with_identity(comment, &in_block("1")).raw, ": still here\n\n");
        let unknown = with_identity(event(&[text(4, "a")]), &Identity::default());
        assert_eq!(unknown.raw, raw(&[text(0, "a")]));
    }

    #[test]
    fn other_text_leaves_the_rest_of_an_event() {
        let edited = with_text(event(&[open(0), text(0, "brown"), text(0, " fox")]), "w\"n");
        assert_eq!(
            (edited.raw.clone(), edited.text().as_ref()),
            (raw(&[open(0), text(0, "w\"n")]), "w\"n")
        );
        assert!(!with_text(event(&[text(0, "brown")]), "").meaningful);
        let mut last = event(&[text(0, "brown"), stop(0), reason(7)]);
        last.finish = Some(FinishReason::Stop);
        let edited = with_text(last, "");
        assert!(edited.meaningful && edited.text().is_empty());
        assert_eq!(with_text(event(&[stop(0)]), "x").raw, raw(&[stop(0)]));
    }

    #[test]
    fn other_usage_is_that_of_the_reason() {
        let used = Usage {
            input_tokens: 10,
            cached_input_tokens: 4,
            output_tokens: 9,
            ..Usage::default()
        };
        let mut last = event(&[stop(0), reason(7)]);
        assert_eq!(with_usage(last.clone(), &used).raw, last.raw);
        last.usage = Some(Usage::default());
        let edited = with_usage(last, &used);
        assert_eq!(edited.usage, Some(used));
        let data = frames(&edited.raw).pop().and_then(|frame| frame.data).unwrap();
        assert_eq!(
            (&data["usage"], &data["delta"]),
            (&usage::value(&used), &reason(7)["delta"])
        );
    }

    #[test]
    fn an_event_of_text_alone() {
        let made = with_identity((EDITS.text_event)("m", "hello"), &in_block("3"));
        assert_eq!((made.text().as_ref(), made.meaningful), ("hello", true));
        assert_eq!(made.raw, raw(&[text(3, "hello")]));
    }

    proptest! {
        /// Whatever stands in an event, its editing ends.
        #[test]
        fn any_event_is_taken(lines in prop::collection::vec("(data: ?)?([{}\\[\\]\":,]|type|index|delta|text_delta|1){0,12}", 0..4)) {
            let own = StreamEvent {
                usage: Some(Usage::default()),
                ..StreamEvent::opaque(Bytes::from(format!("{}\n\n", lines.join("\n"))))
            };
            let edited = with_usage(with_text(with_identity(own, &in_block("1")), "x"), &Usage::default());
            prop_assert!(edited.raw.ends_with(b"\n"));
        }
    }
}
