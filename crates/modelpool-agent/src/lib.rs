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

pub mod context;
mod emitting;
pub mod generator;
pub mod message;
pub mod tool;

pub use generator::{
    Chunk, Generation, GenerationRequest, GenerationStream, Generator, LlmProvider, ProviderChunk, ProviderStream,
    StreamingGenerator,
};
pub use message::{Message, Role, ToolCall};

/// A boxed future, as the phases' traits return it.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
