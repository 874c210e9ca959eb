//! An agent that picks its models.
//!
//! ```text
//! 1 retrieve ─▶ 2 process ─▶ 3 stream ─▶ 4 run tools ─▶ 5 aggregate ─▶ 6 decide
//!   history,      rank, trim    the model    side by side    history,       done, or
//!   documents     to a budget   that fits    by safety       tokens, cost   once more
//! ```
//!
//! Every phase is a trait with a default: [`context`] holds the first two and how their results
//! become messages, [`tool`] the fourth. Messages have OpenAI's shape ([`Message`]).

pub mod aggregate;
pub mod budget;
pub mod context;
pub mod controller;
pub mod decide;
mod emitting;
pub mod event;
pub mod generator;
pub mod message;
mod recovery;
pub mod tool;

pub use budget::{Limit, Limits};
pub use controller::{AgentController, AgentStream};
pub use event::{AgentEvent, Stopped, TurnSummary};
pub use generator::{
    Chunk, Generation, GenerationRequest, GenerationStream, Generator, LlmProvider, ProviderChunk,
    ProviderStream, StreamingGenerator,
};
pub use message::{Message, Role, ToolCall};

/// A boxed future, as the phases' traits return it.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
