//! An answer, piece by piece.

use modelpool_core::stream::{Delta, Part};
use modelpool_core::{FinishReason, Usage};
use serde_json::Value;
use smallvec::SmallVec;

use super::{Head, Signature};

/// What one frame of a wire says.
pub(crate) type Events = SmallVec<[Event; 2]>;

/// Something that happens in a stream, in this order: one `Begin` (it may be missing), pieces, a `Finish` for
/// each answer, usage at any time, the last of which holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Event {
    /// The answer begins.
    Begin(Head),
    /// An answer grows.
    Piece {
        /// Which of the answers asked for.
        choice: u32,
        piece: Piece,
    },
    /// An answer is complete.
    Finish {
        /// Which of the answers asked for.
        choice: u32,
        reason: FinishReason,
        /// The text at which it stopped, where the wire tells.
        stop_sequence: Option<String>,
    },
    /// What was used so far.
    Usage(Usage),
}

/// What an answer grows by.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Piece {
    Text(String),
    Refusal(String),
    Reasoning(String),
    /// The signature of the reasoning before it.
    Signature(Signature),
    /// Reasoning that only its issuer can read, whole.
    EncryptedReasoning(Signature),
    ToolCall(ToolCallPiece),
    /// Where the text before it is from, in the issuer's shape.
    Citation(Value),
    /// Of the text in the same event, in OpenAI's shape.
    Logprobs(Value),
}

/// A piece of a tool call.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ToolCallPiece {
    /// Which call of this answer, from 0.
    pub(crate) index: u32,
    /// In the first piece of the call, and only there.
    pub(crate) id: Option<String>,
    /// In the first piece of the call, and only there.
    pub(crate) name: Option<String>,
    /// A fragment of the arguments' JSON.
    pub(crate) arguments: String,
    /// What Gemini wants back with the call.
    pub(crate) signature: Option<Signature>,
}

impl Event {
    /// A piece of the first answer.
    pub(crate) fn piece(piece: Piece) -> Self {
        Event::Piece { choice: 0, piece }
    }

    /// What the engine reads of it; `None` for what it does not look at.
    pub(crate) fn delta(&self) -> Option<Delta> {
        let Event::Piece { choice, piece } = self else {
            return None;
        };
        let part = match piece {
            Piece::Text(text) => Part::Text(text.clone()),
            Piece::Refusal(text) => Part::Refusal(text.clone()),
            Piece::Reasoning(text) => Part::Reasoning(text.clone()),
            Piece::ToolCall(call) => Part::ToolCall {
                index: call.index,
                id: call.id.clone(),
                name: call.name.clone(),
                arguments: call.arguments.clone(),
            },
            Piece::Signature(_) | Piece::EncryptedReasoning(_) | Piece::Citation(_) | Piece::Logprobs(_) => {
                return None;
            }
        };
        Some(Delta {
            choice: *choice,
            part,
        })
    }

    /// It carries a piece of text, refusal, reasoning or tool call, or a finish reason.
    pub(crate) fn is_meaningful(&self) -> bool {
        match self {
            Event::Finish { .. } => true,
            Event::Piece { piece, .. } => match piece {
                Piece::Text(text) | Piece::Refusal(text) | Piece::Reasoning(text) => !text.is_empty(),
                Piece::ToolCall(_) | Piece::EncryptedReasoning(_) => true,
                Piece::Signature(_) | Piece::Citation(_) | Piece::Logprobs(_) => false,
            },
            Event::Begin(_) | Event::Usage(_) => false,
        }
    }
}
