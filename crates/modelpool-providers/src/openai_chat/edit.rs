//! Going on with a stream in this dialect, by splicing the chunks of the later one: a row of [`crate::sequel`].

use std::borrow::Cow;

use bytes::Bytes;
use modelpool_core::{StreamEvent, Usage};
use serde_json::Value;
use smallvec::smallvec;

use super::answer::usage_value;
use super::read::{member_range, range_in};
use super::stream::{Reader, text_event};
use crate::json::{self, lenient_object};
use crate::sequel::{Sequel, Sequels};
use crate::splice::apply;
use crate::sse;

/// What every chunk of one answer repeats. The values are kept as they were written, so that the caller reads the same
/// bytes again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Identity {
    /// The id of the answer, as JSON.
    id: Option<Box<str>>,
    /// When it was begun, as JSON.
    created: Option<Box<str>>,
}

/// Chunks of <https://platform.openai.com/docs/api-reference/chat/streaming>.
#[derive(Debug, Default)]
pub(crate) struct ChatSequel {
    begun: bool,
    /// Of the first chunk, where it has one.
    identity: Option<Identity>,
    /// The reason was told: what comes now ends the answer.
    finished: bool,
}

impl Sequel for ChatSequel {
    fn told(&mut self, event: &StreamEvent, _: &str) -> bool {
        if !std::mem::replace(&mut self.begun, true) {
            self.identity = identity(event);
        }
        true
    }

    fn take_over(&mut self) {
        self.finished = false;
    }

    fn go_on(&mut self, event: StreamEvent, text: &str, total: &Usage) -> Sequels {
        self.finished |= event.finish.is_some();
        let says_something = self.finished || event.usage.is_some() || event.end_mark || !text.is_empty();
        // What only begins an answer is left out: the caller's has begun long ago.
        if !says_something {
            return Sequels::new();
        }
        let event = with_usage(event, total);
        let own = event.text();
        if own == text {
            return smallvec![self.identified(event)];
        }
        if own.is_empty() {
            // It has no text that could be replaced.
            let before = text_event("", text, None);
            return smallvec![self.identified(before), self.identified(event)];
        }
        smallvec![self.identified(with_text(event, text))]
    }
}

impl ChatSequel {
    fn identified(&self, event: StreamEvent) -> StreamEvent {
        match &self.identity {
            Some(identity) => with_identity(event, identity),
            None => event,
        }
    }
}

lenient_object! {
    struct Delta<'a> {
        role: Option<&'a str> = "role",
        content: Option<&'a str> = "content",
    }
}

lenient_object! {
    struct Choice<'a> {
        delta: Delta<'a> = "delta",
    }
}

lenient_object! {
    struct Chunk<'a> {
        id: Option<&'a str> = "id",
        created: Option<&'a str> = "created",
        choices: Option<Vec<Choice<'a>>> = "choices",
        usage: Option<&'a str> = "usage",
    }
}

impl<'a> Chunk<'a> {
    fn delta(&self) -> Option<&Delta<'a>> {
        Some(&self.choices.as_deref()?.first()?.delta)
    }
}

fn identity(event: &StreamEvent) -> Option<Identity> {
    let data = sse::data(&event.raw)?;
    let chunk: Chunk<'_> = json::read_bytes(&data).ok()?;
    let of = |value: Option<&str>| value.map(Into::into);
    let identity = Identity {
        id: of(chunk.id),
        created: of(chunk.created),
    };
    (identity != Identity::default()).then_some(identity)
}

fn with_identity(event: StreamEvent, identity: &Identity) -> StreamEvent {
    let raw = in_one_line(&event.raw);
    let Some((whole, chunk)) = chunk(&raw) else {
        return event;
    };
    let members = [(chunk.id, &identity.id), (chunk.created, &identity.created)];
    let mut edits: Vec<_> = members
        .into_iter()
        .filter_map(|(own, kept)| Some((own?, kept.as_deref()?)))
        .filter(|(own, kept)| own != kept)
        .map(|(own, kept)| (range_in(whole, own), kept.to_owned()))
        .collect();
    // Clients that add up deltas would otherwise read `assistantassistant`.
    if let Some(role) = chunk.delta().and_then(|delta| delta.role) {
        edits.push((member_range(whole, range_in(whole, role)), String::new()));
    }
    if edits.is_empty() {
        return event;
    }
    StreamEvent {
        raw: apply(&raw, &mut edits),
        // It stands elsewhere now.
        plain_text: None,
        ..event
    }
}

fn with_text(event: StreamEvent, text: &str) -> StreamEvent {
    let raw = in_one_line(&event.raw);
    let Some((whole, chunk)) = chunk(&raw) else {
        return event;
    };
    let Some(content) = chunk.delta().and_then(|delta| delta.content) else {
        return event;
    };
    let edit = (range_in(whole, content), Value::from(text).to_string());
    let raw = apply(&raw, &mut [edit]);
    // Read once more, since without its text an event may mean nothing.
    Reader::default().read(raw.clone(), &[]).unwrap_or(StreamEvent {
        raw,
        plain_text: None,
        ..event
    })
}

fn with_usage(event: StreamEvent, usage: &Usage) -> StreamEvent {
    let raw = in_one_line(&event.raw);
    let Some((whole, chunk)) = chunk(&raw) else {
        return event;
    };
    let Some(own) = chunk.usage else { return event };
    let edit = (range_in(whole, own), usage_value(usage).to_string());
    StreamEvent {
        raw: apply(&raw, &mut [edit]),
        plain_text: None,
        usage: Some(*usage),
        ..event
    }
}

/// The event with its JSON in one line. It may be spread over several, and their ends are white
/// space to JSON.
fn in_one_line(raw: &Bytes) -> Bytes {
    match sse::data(raw) {
        Some(Cow::Owned(data)) => {
            let line: Vec<u8> = data
                .iter()
                .map(|byte| if *byte == b'\n' { b' ' } else { *byte })
                .collect();
            Bytes::from([b"data: ", line.as_slice(), b"\n\n"].concat())
        }
        _ => raw.clone(),
    }
}

/// An event whose JSON is in one line, as text, and the chunk in it.
fn chunk(raw: &Bytes) -> Option<(&str, Chunk<'_>)> {
    let Cow::Borrowed(data) = sse::data(raw)? else {
        return None;
    };
    Some((std::str::from_utf8(raw).ok()?, json::read_bytes(data).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use modelpool_core::FinishReason;
    use proptest::prelude::*;

    fn event(raw: &str) -> StreamEvent {
        Reader::default()
            .read(Bytes::copy_from_slice(raw.as_bytes()), &[])
            .unwrap()
    }

    const FIRST: &str =
        "data: {\"id\":\"a\\u0031\",\"object\":\"chat.completion.chunk\",\"created\":17,\"choices\":[]}\n\n";

    #[test]
    fn an_event_of_another_answer_takes_the_identity_of_the_first() {
        let identity = identity(&event(FIRST)).unwrap();
        for (own, expected) in [
            (
                r#"{"id": "b", "created":18.5,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"x"}}],"z":1.0}"#,
                r#"{"id": "a\u0031", "created":17,"model":"m","choices":[{"index":0,"delta":{"content":"x"}}],"z":1.0}"#,
            ),
            (
                r#"{"choices":[{"delta":{"role":"assistant"}}],"id":null}"#,
                r#"{"choices":[{"delta":{}}],"id":null}"#,
            ),
            (r#"{"choices":[]}"#, r#"{"choices":[]}"#),
            ("[DONE]", "[DONE]"),
        ] {
            let (own, expected) = (
                format!("id: 7\ndata: {own}\r\n\r\n"),
                format!("id: 7\ndata: {expected}\r\n\r\n"),
            );
            let before = event(&own);
            let after = with_identity(before.clone(), &identity);
            assert_eq!(String::from_utf8_lossy(&after.raw), expected);
            assert_eq!(
                (after.meaningful, after.end_mark),
                (before.meaningful, before.end_mark)
            );
        }
        let comment = StreamEvent::opaque(Bytes::from_static(b": still here\n\n"));
        assert_eq!(with_identity(comment, &identity).raw, ": still here\n\n");
        assert_eq!(super::identity(&event("data: {\"choices\":[]}\n\n")), None);
    }

    #[test]
    fn json_over_several_lines_is_edited_too() {
        let spread =
            event("data: {\"id\":\"b\",\ndata: \"choices\":[{\"delta\":{\"content\":\ndata: \"x\"}}]}\n\n");
        let edited = with_text(with_identity(spread, &identity(&event(FIRST)).unwrap()), "y");
        assert_eq!(
            edited.raw,
            "data: {\"id\":\"a\\u0031\", \"choices\":[{\"delta\":{\"content\": \"y\"}}]}\n\n"
        );
    }

    #[test]
    fn other_text_leaves_the_rest_of_an_event() {
        let last = event(
            "data: {\"choices\":[{\"delta\":{\"content\":\"brown\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}\n\n",
        );
        let edited = with_text(last, "w\"n\u{1F600}");
        assert_eq!(edited.text(), "w\"n\u{1F600}");
        assert_eq!(edited.finish, Some(FinishReason::Stop));
        assert_eq!(edited.usage.unwrap().total_tokens(), 7);

        let delta = "data: {\"choices\":[{\"delta\":{\"content\":\"brown\"}}]}\n\n";
        assert!(!with_text(event(delta), "").meaningful);
        let parts =
            "data: {\"choices\":[{\"delta\":{\"content\":[{\"type\":\"text\",\"text\":\"brown\"}]}}]}\n\n";
        assert_eq!(with_text(event(parts), "wn").text(), "wn");
        let textless = "data: {\"choices\":[{\"delta\":{\"reasoning\":\"hm\"}}]}\n\n";
        assert_eq!(with_text(event(textless), "x").raw, textless);
    }

    #[test]
    fn an_event_of_text_alone_belongs_to_the_answer() {
        let identity = identity(&event(FIRST)).unwrap();
        let made = with_identity(text_event("m", "hello", None), &identity);
        assert_eq!(made.text(), "hello");
        assert_eq!(super::identity(&made), Some(identity));
    }

    proptest! {
        #[test]
        fn any_text_is_carried(text in any::<String>(), other in any::<String>()) {
            let edited = with_text(text_event("m", &text, None), &other);
            prop_assert_eq!(edited.text(), if text.is_empty() { "" } else { &other });
        }

        /// Whatever stands in an event, its editing ends, and it stays one event.
        #[test]
        fn any_event_is_taken(lines in prop::collection::vec("(data: ?)?([{}\\[\\]\":,]|id|created|choices|delta|role|content|1){0,12}", 0..4)) {
            let raw = Bytes::from(format!("{}\n\n", lines.join("\n")));
            let identity = identity(&event(FIRST)).unwrap();
            let edited = with_text(with_identity(StreamEvent::opaque(raw), &identity), "x").raw;
            prop_assert!(edited.ends_with(b"\n\n"));
        }
    }
}
