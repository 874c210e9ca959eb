//! Events of a streamed answer, neutral to the wire they came over.
//!
//! The unit is one whole event of the wire. It keeps its own bytes, so that a caller who speaks
//! the same wire reads exactly what the model sent, and it carries the few facts the engine
//! decides by ([`StreamEvent::meaningful`], [`finish`](StreamEvent::finish),
//! [`usage`](StreamEvent::usage)). What it says is decoded only when somebody asks
//! ([`StreamEvent::deltas`]).

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::pin::Pin;

use bytes::Bytes;
use futures_core::Stream;
use serde::Serialize;

use crate::error::Error;
use crate::usage::Usage;

/// Events of one answer, in order. An `Err` is the last item. Dropping it ends the call.
pub type EventStream = Pin<Box<dyn Stream<Item = Result<StreamEvent, Error>> + Send>>;

/// Why a model stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// It was done, or met a stop sequence.
    Stop,
    /// The output limit was reached.
    Length,
    /// It calls tools.
    ToolCalls,
    /// The vendor cut the answer for its content.
    ContentFilter,
    /// Another reason, in the vendor's word.
    Other(String),
}

/// A piece of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Delta {
    /// Which of the answers asked for.
    pub choice: u32,
    /// What it adds.
    pub part: Part,
}

/// What a piece adds to an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Text of the answer.
    Text(String),
    /// Text of a refusal.
    Refusal(String),
    /// Text of the reasoning.
    Reasoning(String),
    /// A piece of a tool call.
    ToolCall {
        /// Which call of this answer.
        index: u32,
        /// The id, in the first piece.
        id: Option<String>,
        /// The tool's name, in the first piece.
        name: Option<String>,
        /// A fragment of the arguments' JSON.
        arguments: String,
    },
}

/// Decodes the bytes of one event of a wire.
pub type DecodeDeltas = fn(&[u8]) -> Vec<Delta>;

/// One event of a stream.
#[derive(Clone)]
pub struct StreamEvent {
    /// The event as it came, with its line ends.
    pub raw: Bytes,
    /// It carries a piece of text, refusal, reasoning or tool call, or a finish reason.
    pub meaningful: bool,
    /// The answer is complete with this event (all its choices are).
    pub finish: Option<FinishReason>,
    /// Usage the vendor sent with this event.
    pub usage: Option<Usage>,
    /// It carries usage and nothing else.
    pub usage_only: bool,
    /// It says that an answer begins, which is said once.
    pub opens: bool,
    /// The wire's own mark of the end, such as `[DONE]`; nothing follows it.
    pub end_mark: bool,
    /// It is no event of the wire: its data cannot be read. Whether the answer is whole without it only
    /// the rest of the stream can tell.
    pub malformed: bool,
    /// It carries output other than text and reasoning: a tool call, a refusal, audio.
    pub other_output: bool,
    /// Where its text stands in `raw`, if that is all it says, in the first answer, and as it reads: for
    /// those who collect the text of every event.
    pub plain_text: Option<Range<usize>>,
    /// How to decode what it says.
    pub decode: DecodeDeltas,
}

impl StreamEvent {
    /// An event without facts: a comment, or one whose meaning does not matter here.
    #[must_use]
    pub fn opaque(raw: Bytes) -> Self {
        Self {
            raw,
            meaningful: false,
            finish: None,
            usage: None,
            usage_only: false,
            opens: false,
            end_mark: false,
            malformed: false,
            other_output: false,
            plain_text: None,
            decode: |_| Vec::new(),
        }
    }

    /// What the event says, decoded now.
    #[must_use]
    pub fn deltas(&self) -> Vec<Delta> {
        if self.meaningful {
            (self.decode)(&self.raw)
        } else {
            Vec::new()
        }
    }

    /// The text this event adds to the first answer; empty for other events.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        let plain = self.plain_text.clone().and_then(|range| self.raw.get(range));
        if let Some(text) = plain.and_then(|bytes| std::str::from_utf8(bytes).ok()) {
            return Cow::Borrowed(text);
        }
        let texts = self.deltas().into_iter().filter(|delta| delta.choice == 0);
        let texts = texts.filter_map(|delta| match delta.part {
            Part::Text(text) => Some(text),
            _ => None,
        });
        Cow::Owned(texts.collect())
    }
}

impl fmt::Debug for StreamEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamEvent")
            .field("raw", &String::from_utf8_lossy(&self.raw))
            .field("meaningful", &self.meaningful)
            .field("finish", &self.finish)
            .field("usage", &self.usage)
            .finish_non_exhaustive()
    }
}
