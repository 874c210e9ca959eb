//! How a turn ended, and what it took.

use std::fmt;
use std::sync::Arc;

use modelpool::Usage;
use serde::{Serialize, Serializer};

use crate::Message;
use crate::budget::Limit;
use crate::context::SessionContext;

/// Why a run is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stopped {
    /// The model was done.
    #[default]
    Done,
    /// A limit was reached.
    Limit(Limit),
    /// It was cancelled.
    Cancelled,
    /// It failed; the error event before says how.
    Failed,
}

impl Stopped {
    /// In one word: `done`, `rounds`, `tokens`, `cost`, `time`, `recoveries`, `cancelled`, `failed`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Stopped::Done => "done",
            Stopped::Limit(limit) => limit.word(),
            Stopped::Cancelled => "cancelled",
            Stopped::Failed => "failed",
        }
    }
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl Serialize for Stopped {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

/// What a turn was, at its end.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TurnSummary {
    /// Why it is over.
    pub stopped: Stopped,
    /// The model that answered last.
    #[serde(serialize_with = "super::shared::optional_text")]
    pub model_alias: Option<Arc<str>>,
    /// Every round, in order.
    pub rounds: Vec<RoundSummary>,
    /// What each model did, in the order of their coming.
    pub models: Vec<ModelShare>,
    /// Tokens of all rounds.
    pub usage: Usage,
    /// US dollars of all rounds together, where the price of at least one is known.
    pub cost_usd: Option<f64>,
    /// The price of a round is not known, so the sum is too low.
    pub cost_is_partial: bool,
    /// From the beginning of the run to its end.
    pub elapsed_ms: u64,
    /// Tools that were called.
    pub tool_calls: u32,
    /// Mishaps that were got over.
    pub recoveries: u32,
    /// What was said in this turn, the user's message first: to be added to the history. Every tool that is called in
    /// it has its result.
    pub messages: Vec<Message>,
}

impl TurnSummary {
    /// Adds what was said to a session, for its next turn.
    pub fn add_to(&self, session: &mut SessionContext) {
        session.history.extend(self.messages.iter().cloned());
    }
}

/// A round.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RoundSummary {
    /// Its number, from 1.
    pub round: u32,
    /// The model that answered.
    #[serde(serialize_with = "super::shared::text")]
    pub model_alias: Arc<str>,
    /// The vendor's name of it.
    #[serde(serialize_with = "super::shared::text")]
    pub model_name: Arc<str>,
    /// What it was used for: `answer` what the user said, or read `tool_results`.
    pub purpose: &'static str,
    /// Why it was another model than before; null where the pool picked, or the loop stayed.
    #[serde(serialize_with = "super::shared::optional_text")]
    pub moved: Option<Arc<str>>,
    /// Why it stopped.
    pub finish_reason: Option<String>,
    /// Tokens.
    pub usage: Usage,
    /// US dollars; null where no price is known.
    pub cost_usd: Option<f64>,
    /// From the request to the end of the answer.
    pub elapsed_ms: u64,
    /// Calls of models that were made for it, failovers included.
    pub attempts: u32,
    /// Tools that it called.
    pub tools: Vec<String>,
}

/// What one model did in a turn.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ModelShare {
    /// The model.
    #[serde(serialize_with = "super::shared::text")]
    pub model_alias: Arc<str>,
    /// Its rounds.
    pub rounds: Vec<u32>,
    /// Its tokens.
    pub usage: Usage,
    /// US dollars; null where no price is known.
    pub cost_usd: Option<f64>,
}
