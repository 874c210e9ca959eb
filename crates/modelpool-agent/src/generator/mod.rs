//! Phase 3: a model answers.
//!
//! A [`Generator`] answers one round, chunk by chunk. The default, [`StreamingGenerator`], asks a
//! pool: what the round needs is inferred, the pool picks, and the first chunk says whom.

mod gather;
mod pooled;
mod provider;
mod single;
mod streaming;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_core::Stream;
use modelpool::{Error, FinishReason, Requirements, Usage};
use serde_json::Value;

use crate::tool::ToolDefinition;
use crate::{Message, ToolCall};

pub use gather::Gathered;
pub use provider::{LlmProvider, ProviderChunk, ProviderStream};
pub use streaming::StreamingGenerator;

/// What is asked of a model in one round.
#[derive(Clone, Debug, Default)]
pub struct GenerationRequest {
    /// What the user says, whose words count for what is needed.
    pub user_message: Message,
    /// All messages, as they are sent.
    pub messages: Vec<Message>,
    /// Tools it may call.
    pub tools: Vec<ToolDefinition>,
    /// They are named because earlier messages speak of them, and none of them may be called.
    pub calls_forbidden: bool,
    /// What the user requires; overrides what is inferred, key by key.
    pub requirements: Requirements,
    /// Which models may answer.
    pub among: Among,
    /// The user's name of the session.
    pub session_id: Option<String>,
    /// US dollars that the round may cost at most.
    pub max_cost_usd: Option<f64>,
}

/// Which models may answer a round.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Among {
    /// The model that called the tools whose results are sent, while it answers; else any that fits.
    #[default]
    Staying,
    /// Any that fits, whoever called the tools.
    All,
    /// Those of these aliases that fit.
    These(Vec<String>),
}

/// A piece of an answer.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Chunk {
    /// This model answers from here on. The first chunk; another one follows where another model goes on, or begins
    /// [anew](Picked::anew).
    Picked(Picked),
    /// What the model thinks.
    Thinking(String),
    /// Text of the answer.
    Text(String),
    /// The answer is whole. The last chunk.
    Done(Box<Generation>),
}

/// The model that answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picked {
    /// The user's name of it.
    pub alias: Arc<str>,
    /// The vendor's.
    pub model_name: Arc<str>,
    /// What was asked of it, the inferred included: a JSON object.
    pub requirements: Value,
    /// What was noticed on the way, such as a requirement that was dropped.
    pub notes: Vec<String>,
    /// It goes on with nothing: what was streamed before is void.
    pub anew: bool,
}

/// A whole answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Generation {
    /// The model that gave it, the last one where several did.
    pub picked: Picked,
    /// What it said, as it is sent back.
    pub message: Message,
    /// Why it stopped.
    pub finish: Option<FinishReason>,
    /// What was used.
    pub usage: Usage,
    /// What it cost in US dollars; `None` where no price is known.
    pub cost_usd: Option<f64>,
    /// Calls that were made for it.
    pub attempts: u32,
    /// How often a stream was lost and another call went on.
    pub continued: u32,
    /// From the request to the end.
    pub elapsed: Duration,
}

impl Generation {
    /// The tools it calls.
    #[must_use]
    pub fn calls(&self) -> Vec<ToolCall> {
        self.message.tool_calls()
    }
}

/// Chunks of one answer. An `Err` is the last item. Dropping it ends the call.
pub type GenerationStream = Pin<Box<dyn Stream<Item = Result<Chunk, Error>> + Send>>;

/// What is known of the model that would answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// It, or the nearest to it where none fits.
    pub picked: Picked,
    /// Tokens of its context window, where that is known.
    pub window: Option<u64>,
    /// Tokens of its longest answer, where that is known.
    pub max_output: Option<u64>,
    /// Characters of text beyond which a larger window would be asked for, whatever their tokens.
    pub most_characters: Option<u64>,
    /// What it is not known to take.
    pub lacks: Senses,
}

/// What a message may hold besides text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Senses {
    /// Pictures.
    pub pictures: bool,
    /// Recordings.
    pub recordings: bool,
    /// Files.
    pub files: bool,
}

/// Models that may answer, with what they cost, cheapest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ladder(pub Vec<Rung>);

/// A model of a [`Ladder`].
#[derive(Clone, Debug, PartialEq)]
pub struct Rung {
    /// Its alias.
    pub alias: Arc<str>,
    /// US dollars per thousand tokens, as models are ranked by: (3 × input + output) / 4.
    pub cost_per_1k_tokens: f64,
}

/// Phase 3: answers a round.
pub trait Generator: Send + Sync + fmt::Debug {
    /// Answers. Nothing happens before the stream is polled.
    fn generate(&self, request: GenerationRequest) -> GenerationStream;

    /// Who would answer that, without asking anybody; `None` where that cannot be known.
    fn expected(&self, request: &GenerationRequest) -> Option<Expected>;

    /// All who might answer that, cheapest first; empty where there is no choice.
    fn ladder(&self, _request: &GenerationRequest) -> Ladder {
        Ladder::default()
    }
}

/// Tools in OpenAI's shape.
fn tools_of(definitions: &[ToolDefinition]) -> Vec<Value> {
    let tool = |definition: &ToolDefinition| {
        serde_json::json!({"type": "function", "function": {
            "name": definition.name,
            "description": definition.description,
            "parameters": definition.parameters,
        }})
    };
    definitions.iter().map(tool).collect()
}
