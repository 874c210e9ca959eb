//! What a run tells while it goes.
//!
//! Every event has a `type`, a `content` (the words of it, where it has some) and `metadata`; serialised, that is a
//! JSON object of these three. In `metadata` stand the round it belongs to, `model_alias` where a model is concerned,
//! and what its type has besides.
//!
//! | type | content | when |
//! |---|---|---|
//! | `thinking` | what the model thinks, or what the agent is about to do | at any time |
//! | `context` | | phases 1 and 2 are done: what was found, what was kept |
//! | `llm_streaming` | | a model begins to answer; what was streamed in this round before is void, unless it `continues` |
//! | `response_delta` | a piece of the answer | phase 3 |
//! | `tool_call` | | a tool begins |
//! | `tool_progress` | the tool's word of how far it is | phase 4 |
//! | `tool_result` | the result, as the model reads it | a tool has ended |
//! | `context_update` | why | the messages of the next round are others than before |
//! | `error` | what went wrong | something did; `recovered` says whether the run goes on |
//! | `turn_complete` | the answer | the last event of every run that is not dropped |

mod shared;
mod summary;

use std::fmt;
use std::sync::Arc;

use modelpool::parts::core::plan::{Rejected, UnknownKey};
use modelpool::{Error, ErrorKind, FinishReason};
use serde::Serialize;
use serde_json::{Value, json};

use crate::context::Source;

pub use summary::{ModelShare, RoundSummary, Stopped, TurnSummary};

/// An event of a run.
///
/// ```
/// use modelpool_agent::AgentEvent;
/// use modelpool_agent::event::DeltaFacts;
/// let event = AgentEvent::ResponseDelta {
///     content: "Hel".to_owned(),
///     metadata: DeltaFacts { round: 1, model_alias: "fast".into() },
/// };
/// assert_eq!(event.kind(), "response_delta");
/// assert_eq!(
///     event.to_json(),
///     serde_json::json!({"type": "response_delta", "content": "Hel", "metadata": {"round": 1, "model_alias": "fast"}})
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum AgentEvent {
    /// The model thinks, or the agent says what it is about to do.
    Thinking {
        /// The thought.
        content: String,
        /// Whose it is.
        metadata: ThinkingFacts,
    },
    /// Phases 1 and 2 are done.
    Context {
        /// Nothing.
        content: String,
        /// What was found and kept.
        metadata: Box<ContextFacts>,
    },
    /// A model begins to answer. What was streamed in this round before is void, unless it `continues`.
    LlmStreaming {
        /// Nothing.
        content: String,
        /// Which model, and what it was picked for.
        metadata: Box<StreamingFacts>,
    },
    /// A piece of the answer.
    ResponseDelta {
        /// The piece.
        content: String,
        /// Whose it is.
        metadata: DeltaFacts,
    },
    /// A tool begins.
    ToolCall {
        /// Nothing.
        content: String,
        /// Which, with what.
        metadata: Box<CallFacts>,
    },
    /// A tool says how far it is.
    ToolProgress {
        /// Its word.
        content: String,
        /// Which tool.
        metadata: ProgressFacts,
    },
    /// A tool has ended.
    ToolResult {
        /// The result, as the model reads it.
        content: String,
        /// Which tool, and how it went.
        metadata: Box<ResultFacts>,
    },
    /// The messages of the next round are others than before.
    ContextUpdate {
        /// Why, in words.
        content: String,
        /// What changed.
        metadata: UpdateFacts,
    },
    /// The turn is over. The last event of every run that is not dropped.
    TurnComplete {
        /// The answer; empty where there is none.
        content: String,
        /// How it ended, and what it took.
        metadata: Box<TurnSummary>,
    },
    /// Something went wrong.
    Error {
        /// What, in words.
        content: String,
        /// Where, and whether the run goes on.
        metadata: Box<ErrorFacts>,
    },
}

/// Whose thought it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ThinkingFacts {
    /// The round; 0 before the first.
    pub round: u32,
    /// The model that thinks; null where it is the agent.
    #[serde(serialize_with = "shared::optional_text")]
    pub model_alias: Option<Arc<str>>,
    /// The phase the agent is in: `retrieve`, `process`, `stream`, `tools`, `aggregate`, `decide`.
    pub phase: &'static str,
}

/// What was found and kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ContextFacts {
    /// The round; 0 before the first.
    pub round: u32,
    /// The model that is expected to answer.
    #[serde(serialize_with = "shared::optional_text")]
    pub model_alias: Option<Arc<str>>,
    /// Pieces that were found.
    pub found: usize,
    /// Tokens of all that was found.
    pub found_tokens: u64,
    /// Characters of all that was found.
    pub found_characters: u64,
    /// Where the pieces that were kept come from: `{"history": 3}`, `{"document": "a.md"}`.
    pub kept: Vec<Value>,
    /// Tokens of all messages that are sent.
    pub tokens: u64,
    /// Pieces that were left out for their size.
    pub left_out: usize,
    /// Tokens of the model's window that the context may take.
    pub allowed_tokens: u64,
}

/// Which model begins to answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct StreamingFacts {
    /// The round, from 1.
    pub round: u32,
    /// The user's name of the model.
    #[serde(serialize_with = "shared::text")]
    pub model_alias: Arc<str>,
    /// The vendor's name of it.
    #[serde(serialize_with = "shared::text")]
    pub model_name: Arc<str>,
    /// What was asked of it, the inferred included.
    pub requirements: Value,
    /// What was noticed on the way, such as a requirement that was dropped.
    pub notes: Vec<String>,
    /// Why another model than that of the round before was asked for; null where the pool picked, or the loop stays.
    #[serde(serialize_with = "shared::optional_text")]
    pub moved: Option<Arc<str>>,
    /// It goes on with an answer that another model began, and what was streamed before stands.
    pub continues: bool,
}

/// Whose piece of text it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DeltaFacts {
    /// The round, from 1.
    pub round: u32,
    /// The model that said it.
    #[serde(serialize_with = "shared::text")]
    pub model_alias: Arc<str>,
}

/// A tool that begins.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CallFacts {
    /// The round, from 1.
    pub round: u32,
    /// The model that called it.
    #[serde(serialize_with = "shared::text")]
    pub model_alias: Arc<str>,
    /// The id of the call.
    pub call_id: String,
    /// The tool's name.
    pub name: String,
    /// What it is called with, as the model wrote it.
    pub arguments: String,
}

/// A tool that is under way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ProgressFacts {
    /// The round, from 1.
    pub round: u32,
    /// The id of the call.
    pub call_id: String,
    /// The tool's name.
    pub name: String,
}

/// A tool that has ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ResultFacts {
    /// The round, from 1.
    pub round: u32,
    /// The model that called it.
    #[serde(serialize_with = "shared::text")]
    pub model_alias: Arc<str>,
    /// The id of the call.
    pub call_id: String,
    /// The tool's name.
    pub name: String,
    /// It failed, or was refused before it ran.
    pub failed: bool,
    /// The result was cut for its size.
    pub truncated: bool,
    /// How long it ran.
    pub elapsed_ms: u64,
    /// It failed so often that it is no longer offered in this run.
    pub taken_away: bool,
}

/// What changed in the messages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UpdateFacts {
    /// The round, from 1.
    pub round: u32,
    /// What happened: `tool_results` were added, the context was `trimmed`.
    pub reason: &'static str,
    /// Messages there are now.
    pub messages: usize,
    /// Their tokens, estimated.
    pub tokens: u64,
}

/// What went wrong.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ErrorFacts {
    /// The round; 0 before the first.
    pub round: u32,
    /// The phase it happened in: `retrieve`, `process`, `assemble`, `stream`, `tools`, `aggregate`, `decide`, `run`.
    pub phase: &'static str,
    /// A short, fixed name of it: that of the pool's error, or `phase_failed`, `limit_reached`, `cancelled`.
    pub code: &'static str,
    /// The model at which it happened.
    #[serde(serialize_with = "shared::optional_text")]
    pub model_alias: Option<Arc<str>>,
    /// Whether the run goes on all the same.
    pub recovered: bool,
    /// What each model lacks, where none fits, as the pool explains it; else empty.
    pub missing: Vec<Rejected>,
    /// Requirements that no model knows, with the nearest that one does.
    pub unknown_keys: Vec<UnknownKey>,
    /// The length of what is sent is all that stands in the way.
    pub input_too_long: bool,
}

impl ErrorFacts {
    /// What is known of an error of phase 3.
    #[must_use]
    pub fn of_call(error: &Error, round: u32, recovered: bool) -> Self {
        let mut facts = Self {
            round,
            phase: "stream",
            code: error.code(),
            model_alias: error.alias().map(Into::into),
            recovered,
            ..Self::default()
        };
        if let ErrorKind::NoModelFits(reason) = error.kind() {
            facts.missing.clone_from(&reason.rejected);
            facts.unknown_keys.clone_from(&reason.unknown_keys);
            facts.input_too_long = reason.input_too_long;
        }
        facts
    }
}

impl AgentEvent {
    /// Its type, as it is serialised.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            AgentEvent::Thinking { .. } => "thinking",
            AgentEvent::Context { .. } => "context",
            AgentEvent::LlmStreaming { .. } => "llm_streaming",
            AgentEvent::ResponseDelta { .. } => "response_delta",
            AgentEvent::ToolCall { .. } => "tool_call",
            AgentEvent::ToolProgress { .. } => "tool_progress",
            AgentEvent::ToolResult { .. } => "tool_result",
            AgentEvent::ContextUpdate { .. } => "context_update",
            AgentEvent::TurnComplete { .. } => "turn_complete",
            AgentEvent::Error { .. } => "error",
        }
    }

    /// The words of it.
    #[must_use]
    pub fn content(&self) -> &str {
        match self {
            AgentEvent::Thinking { content, .. }
            | AgentEvent::Context { content, .. }
            | AgentEvent::LlmStreaming { content, .. }
            | AgentEvent::ResponseDelta { content, .. }
            | AgentEvent::ToolCall { content, .. }
            | AgentEvent::ToolProgress { content, .. }
            | AgentEvent::ToolResult { content, .. }
            | AgentEvent::ContextUpdate { content, .. }
            | AgentEvent::TurnComplete { content, .. }
            | AgentEvent::Error { content, .. } => content,
        }
    }

    /// The summary, if it is the last event.
    #[must_use]
    pub fn summary(&self) -> Option<&TurnSummary> {
        match self {
            AgentEvent::TurnComplete { metadata, .. } => Some(metadata),
            _ => None,
        }
    }

    /// It as JSON: `type`, `content`, `metadata`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        // Its members are texts, numbers and JSON; none of them can fail.
        serde_json::to_value(self).unwrap_or_else(|_| json!({"type": self.kind()}))
    }
}

/// For a log: the type, the model, the words.
impl fmt::Display for AgentEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())?;
        match self {
            AgentEvent::LlmStreaming { metadata, .. } => write!(f, " {}", metadata.model_alias),
            AgentEvent::ToolCall { metadata, .. } => write!(f, " {} {}", metadata.name, metadata.arguments),
            AgentEvent::TurnComplete { content, metadata } => write!(f, " ({}) {content}", metadata.stopped),
            _ if self.content().is_empty() => Ok(()),
            _ => write!(f, " {}", self.content()),
        }
    }
}

/// A place context comes from, as events carry it.
pub(crate) fn source_value(source: &Source) -> Value {
    match source {
        Source::History(place) => json!({"history": place}),
        Source::Document(name) => json!({"document": name}),
        Source::Note(name) => json!({"note": name}),
        Source::Store(word) => json!({"store": word}),
    }
}

/// A finish reason in one word, as events carry it.
#[must_use]
pub fn finish_word(finish: &FinishReason) -> String {
    match serde_json::to_value(finish) {
        Ok(Value::String(word)) => word,
        Ok(Value::Object(other)) => other
            .values()
            .next()
            .and_then(Value::as_str)
            .unwrap_or("other")
            .to_owned(),
        _ => "other".to_owned(),
    }
}
