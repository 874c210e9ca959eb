//! Reading what a provider answers.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::Pin;

use futures_core::Stream as _;
use modelpool_core::stream::Part;
use modelpool_core::{
    Error, ErrorKind, EventStream, FinishReason, Reply, ReplyBody, StreamEvent, Usage, WholeReply,
};
use serde_json::Value;

use super::soon;

/// The whole answer, which was asked for.
pub(super) fn whole(reply: Reply) -> WholeReply {
    match reply.body {
        ReplyBody::Whole(whole) => whole,
        ReplyBody::Stream(_) => panic!("a whole answer was asked for, a stream came"),
    }
}

/// The answer as JSON.
pub(super) fn json(whole: &WholeReply) -> Value {
    serde_json::from_slice(&whole.bytes).expect("the answer is JSON")
}

/// The stream, which was asked for.
pub(super) fn stream(reply: Reply) -> EventStream {
    match reply.body {
        ReplyBody::Stream(stream) => stream,
        ReplyBody::Whole(_) => panic!("a stream was asked for, a whole answer came"),
    }
}

pub(super) async fn next(stream: &mut EventStream) -> Option<Result<StreamEvent, Error>> {
    soon(poll_fn(|context| Pin::new(&mut *stream).poll_next(context))).await
}

/// A stream, read to its end.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) events: Vec<StreamEvent>,
    /// The last item, where it was an error.
    pub(super) error: Option<Error>,
}

/// A tool call, put together from its pieces.
#[derive(Debug, Default, PartialEq)]
pub(super) struct ToolCall {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) arguments: String,
}

impl Told {
    pub(super) async fn read(mut stream: EventStream) -> Told {
        let mut told = Told::default();
        while let Some(item) = next(&mut stream).await {
            assert!(told.error.is_none(), "something came after an error: {item:?}");
            match item {
                Ok(event) => told.events.push(event),
                Err(error) => told.error = Some(error),
            }
        }
        told
    }

    pub(super) fn text(&self) -> String {
        self.events.iter().map(StreamEvent::text).collect()
    }

    /// The text of one choice, and of its reasoning.
    pub(super) fn texts_of(&self, choice: u32) -> (String, String) {
        let (mut text, mut reasoning) = (String::new(), String::new());
        let deltas = self.events.iter().flat_map(StreamEvent::deltas);
        for delta in deltas.filter(|delta| delta.choice == choice) {
            match delta.part {
                Part::Text(piece) => text.push_str(&piece),
                Part::Reasoning(piece) => reasoning.push_str(&piece),
                Part::Refusal(_) | Part::ToolCall { .. } => {}
            }
        }
        (text, reasoning)
    }

    pub(super) fn tool_calls(&self) -> Vec<ToolCall> {
        let mut calls: BTreeMap<u32, ToolCall> = BTreeMap::new();
        for delta in self.events.iter().flat_map(StreamEvent::deltas) {
            if let Part::ToolCall {
                index,
                id,
                name,
                arguments,
            } = delta.part
            {
                let call = calls.entry(index).or_default();
                call.id.extend(id);
                call.name.extend(name);
                call.arguments.push_str(&arguments);
            }
        }
        calls.into_values().collect()
    }

    /// Of a malformed event, which the engine counts as a failure or skips, as it is told.
    pub(super) fn malformed(&self) -> Option<Error> {
        let malformed = self.events.iter().any(|event| event.malformed);
        malformed.then(|| Error::new(ErrorKind::Protocol, "an event is malformed"))
    }

    pub(super) fn finishes(&self) -> Vec<FinishReason> {
        self.events
            .iter()
            .filter_map(|event| event.finish.clone())
            .collect()
    }

    pub(super) fn usage(&self) -> Option<Usage> {
        self.events.iter().filter_map(|event| event.usage).next_back()
    }
}
