//! A whole answer.

use modelpool_core::{FinishReason, Usage};
use serde_json::Value;

use super::Content;

/// A whole answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Answer {
    pub(crate) head: Head,
    /// One for each answer asked for.
    pub(crate) choices: Vec<Choice>,
    /// `None` where the vendor sent none.
    pub(crate) usage: Option<Usage>,
}

/// What an answer says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Head {
    /// The vendor's id of it.
    pub(crate) id: Option<String>,
    /// The model that answers, in the vendor's words.
    pub(crate) model: Option<String>,
    /// Seconds since 1970.
    pub(crate) created: Option<u64>,
}

/// One of the answers.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Choice {
    /// Texts, reasoning, refusals and tool calls, in order.
    pub(crate) content: Vec<Content>,
    /// `None` where the vendor did not say: the answer is not known to be whole.
    pub(crate) finish: Option<FinishReason>,
    /// The text at which it stopped, where the wire tells.
    pub(crate) stop_sequence: Option<String>,
    /// In OpenAI's shape.
    pub(crate) logprobs: Option<Value>,
}
