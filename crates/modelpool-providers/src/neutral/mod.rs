//! What is said between a caller and a model, in words that belong to no wire.
//!
//! A request in one dialect that goes to a model of another wire is read into a [`Conversation`], and written
//! from there; the answer comes back as an [`Answer`], or [`Event`] by event. So each dialect and each
//! wire is translated once, and every pair works. Where caller and model speak the same wire nothing
//! of this is used: the bytes pass through.
//!
//! Three rules hold for every translation:
//!
//! - What carries meaning and cannot be said in the target makes the model [`Untranslatable`] for this
//!   request; another one is asked, or the caller is told the field. Nothing of it is left out in silence.
//! - What is only a hint (`seed`, `user`, `store`, …) is left out and named, see [`Written::dropped`].
//! - What only its issuer understands (signatures of reasoning) carries its [`Issuer`], goes back to
//!   it, and is left out for everybody else.

mod answer;
mod conversation;
pub(crate) mod embeddings;
mod event;
mod facts;
mod signature;

pub(crate) use answer::{Answer, Choice, Head};
pub(crate) use conversation::{
    Content, Conversation, Effort, Media, Message, OutputForm, Reasoning, ReasoningPart, Role, Sampling,
    Source, Text, Tool, ToolCall, ToolChoice, ToolResult,
};
pub(crate) use event::{Event, Events, Piece, ToolCallPiece};
pub(crate) use facts::{facts_of, last_message_speaks_of_images};
pub(crate) use signature::{Issuer, Signature};

use bytes::Bytes;

/// A request, written for a model.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Written {
    /// The body.
    pub(crate) body: Bytes,
    /// Hints of the caller that the wire has no place for, by the names the caller used.
    pub(crate) dropped: Vec<String>,
}

/// Why a request cannot be said in a wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Untranslatable {
    /// The member at fault, as the caller names it: `n`, `messages[2].content[0]`.
    pub(crate) field: String,
    /// What stands in the way, in words that go on from the field's name: `is not known to Anthropic's wire`.
    pub(crate) reason: String,
}

impl Untranslatable {
    pub(crate) fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            reason: reason.into(),
        }
    }
}

/// An id for what a wire leaves without one, such as Gemini's and Ollama's tool calls: the same for the
/// same bytes, another for each `index`.
pub(crate) fn made_up_id(prefix: &str, of: &[u8], index: usize) -> String {
    // FNV-1a, 64 bits: stable across builds, and nobody's secret.
    let hash = of.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{prefix}{hash:016x}{index:x}")
}
