//! Going on with a stream whose caller has read a part of it.
//!
//! An answer that is continued by another call reaches its caller as one: all events carry the identity of the
//! first, their numbers and places go on from there, and only text the caller has not read yet is said. What goes on
//! is what the caller reads, so there is one row for each dialect, whatever wire the models speak.
//!
//! Chat completions repeat the same few members in every chunk, so there the events of the later stream are spliced
//! ([`openai_chat`]). In the other dialects an event says where in the answer it stands, and the last one may repeat
//! all of it; there the later stream is written anew, by an encoder that stands where the first stream was lost
//! ([`rewriting`]).

mod rewriting;

use std::fmt;

use modelpool_core::provider::Dialect;
use modelpool_core::{StreamEvent, Usage};
use smallvec::SmallVec;

use crate::dialect::deltas_of;
use crate::wire::{Decoder, Encoder, Wire};
use crate::{anthropic, gemini, openai_chat, openai_responses};
use rewriting::Rewriting;

/// Events that come of one event.
pub type Sequels = SmallVec<[StreamEvent; 2]>;

/// What was told of an answer, and how another stream goes on with it.
pub trait Sequel: fmt::Debug + Send {
    /// The caller reads this event, which adds that text to the answer. `false` where so much was told that it is not
    /// remembered: nothing can go on from here then.
    fn told(&mut self, event: &StreamEvent, text: &str) -> bool;

    /// Another stream takes over from here.
    fn take_over(&mut self);

    /// What the caller reads of an event of that stream, which is to say `text` in place of its own, where all calls
    /// together used `total`. The model's name is the stream's own.
    fn go_on(&mut self, event: StreamEvent, text: &str, total: &Usage) -> Sequels;
}

/// How answers in a dialect are gone on with.
///
/// ```
/// use modelpool_core::provider::Dialect;
/// use modelpool_core::{StreamEvent, Usage};
/// use modelpool_providers::sequel;
/// let event = |data: &'static str| StreamEvent::opaque(data.into());
/// let mut answer = sequel(Dialect::OpenAiChat);
/// answer.told(&event("data: {\"id\":\"first\",\"choices\":[{\"delta\":{\"content\":\"The quick\"}}]}\n\n"), "The quick");
/// answer.take_over();
/// let next = event("data: {\"id\":\"second\",\"choices\":[{\"delta\":{\"content\":\"quick fox\"}}]}\n\n");
/// let next = answer.go_on(next, " fox", &Usage::default());
/// assert!(next.iter().any(|event| event.text() == " fox"));
/// ```
#[must_use]
pub fn sequel(dialect: Dialect) -> Box<dyn Sequel> {
    let (decoder, told): (NewDecoder, Box<dyn Told>) = match dialect {
        Dialect::OpenAiResponses => (
            || openai_responses::ResponsesWire.decoder(),
            Box::<openai_responses::ToldResponse>::default(),
        ),
        Dialect::Anthropic => (
            || anthropic::AnthropicWire.decoder(),
            Box::<anthropic::ToldMessage>::default(),
        ),
        Dialect::Gemini => (
            || gemini::GeminiWire::default().decoder(),
            Box::<gemini::ToldChunks>::default(),
        ),
        // What later dialects bring has a row of its own.
        _ => return Box::<openai_chat::ChatSequel>::default(),
    };
    Box::new(Rewriting::new(decoder, deltas_of(dialect), told))
}

/// Makes what reads a stream of the dialect.
type NewDecoder = fn() -> Box<dyn Decoder>;

/// What a caller was told of a stream, as far as an encoder has to know that goes on with it.
pub(crate) trait Told: fmt::Debug + Send {
    /// The caller reads this event, which adds that text. `false` where that is too much to remember.
    fn note(&mut self, raw: &[u8], text: &str) -> bool;

    /// An encoder that stands where the stream stands now.
    fn encoder(&self) -> Box<dyn Encoder>;

    /// The dialect has no mark of the end: what says the reason is the last.
    fn reason_is_last(&self) -> bool {
        false
    }
}

#[cfg(test)]
pub(crate) mod tests;
