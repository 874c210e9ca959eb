//! Going on with an answer whose stream was lost.
//!
//! After a stream has been committed, what was delivered cannot be taken back. When it then
//! breaks, another call is asked to go on from there, in one of three [`Way`]s, and a [`Joiner`]
//! takes out of the new stream what the caller has read already, so that both read as one answer.
//!
//! Nothing here knows a wire: a wire writes the [`Continuation`] of a request into its body.

mod joiner;
mod joint;
mod repetition;

use std::sync::Arc;

use crate::facts::{Operation, RequestFacts};

pub use joiner::{Diverged, Joiner};

/// Most bytes of text that may have been delivered for an answer to be continued. They are kept
/// for every stream, and sent once more with every continuation.
pub const MAX_DELIVERED_BYTES: usize = 1024 * 1024;

/// How a model is asked to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// The delivered text is the beginning of the model's own answer.
    Prefill,
    /// The delivered text is an assistant message, and a user turn asks to go on.
    AskToGoOn,
    /// The request as it was: the model answers anew.
    Restart,
}

/// What a call goes on from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Continuation {
    /// The text of the answer that was delivered, over all calls before this one.
    pub delivered: Arc<str>,
    /// How the model is asked to go on.
    pub way: Way,
}

impl Continuation {
    /// The text as it is sent: without white space at its end, which some vendors refuse (Anthropic
    /// does for the last message) and the templates of others cut off. The [`Joiner`] knows.
    #[must_use]
    pub fn sent_text(&self) -> &str {
        self.delivered.trim_end()
    }

    /// The user turn of [`Way::AskToGoOn`].
    ///
    /// It asks for the last words once more. A model that begins a message begins it without
    /// white space, so after `The quick` nobody could tell `brown` from the rest of a word; the
    /// repeated words say where a new one begins.
    #[must_use]
    pub fn user_turn(&self) -> String {
        let last_words = repetition::asked_words(self.sent_text());
        format!(
            "Your answer above was cut off. Go on with it from exactly there: begin with its last words, \
             given below, as they stand, and continue right after them. No introduction, no comment, and \
             nothing else of what is above.\n\n{last_words}"
        )
    }

    /// What takes the repetitions out of the new stream.
    #[must_use]
    pub fn joiner(&self) -> Joiner {
        Joiner::new(Arc::clone(&self.delivered), self.way)
    }
}

/// Whether an answer to such a request can be continued after so many bytes of text, for which it
/// must be plain text and one choice. That no tool call has begun is seen in the stream, not here.
///
/// # Errors
/// What stands in the way, in words.
///
/// ```
/// use modelpool_core::RequestFacts;
/// use modelpool_core::continuation::may_continue;
/// let mut facts = RequestFacts { stream: true, choices: 1, ..RequestFacts::default() };
/// assert_eq!(may_continue(&facts, 12), Ok(()));
/// facts.logprobs = true;
/// assert!(may_continue(&facts, 12).is_err());
/// ```
pub fn may_continue(facts: &RequestFacts, delivered_bytes: usize) -> Result<(), &'static str> {
    let obstacles = [
        (
            facts.operation != Operation::Chat || !facts.stream,
            "the answer is not a streamed message",
        ),
        (facts.choices != 1, "more than one answer was asked for"),
        (
            facts.json_mode || facts.json_schema || facts.output_format,
            "the form of the answer is prescribed",
        ),
        (facts.logprobs, "log-probabilities were asked for"),
        (
            delivered_bytes > MAX_DELIVERED_BYTES,
            "more than 1 MiB of text was delivered",
        ),
    ];
    match obstacles.into_iter().find(|(stands, _)| *stands) {
        Some((_, words)) => Err(words),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
