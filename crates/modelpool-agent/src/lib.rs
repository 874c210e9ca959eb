//! An agent that picks its models.
//!
//! ```text
//! 1 retrieve ─▶ 2 process ─▶ 3 stream ─▶ 4 run tools ─▶ 5 aggregate ─▶ 6 decide
//!   history,      rank, trim    the model    side by side    history,       done, or
//!   documents     to a budget   that fits    by safety       tokens, cost   once more
//! ```
//!
//! ```
//! # use modelpool::{Capabilities, Flag, ModelConfig, ModelPool};
//! # use modelpool_agent::{AgentController, StreamingGenerator};
//! # use modelpool_agent::tool::{FunctionTool, ToolOutput, ToolSet};
//! # #[derive(serde::Deserialize, schemars::JsonSchema)]
//! # struct Place { city: String }
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # let upstream = modelpool_testkit::Simulator::builder().start().await?;
//! # let pool = ModelPool::new();
//! # let can = Capabilities::new().supports(Flag::Tools).context_window(32_000);
//! # pool.add(ModelConfig::new("fast", "custom", "small").base_url(upstream.base_url()).capabilities(can))?;
//! let weather = FunctionTool::new("weather", "The weather.", |_: Place, _| async { Ok(ToolOutput::from("sunny")) });
//! let agent = AgentController::new(StreamingGenerator::of_pool(pool)).tools(ToolSet::new().with(weather)?);
//! let mut events = agent.stream_run("What is the weather like?", Default::default(), None);
//! while let Some(event) = events.next().await {
//!     println!("{event}");
//! #   if let Some(summary) = event.summary() { assert_eq!((summary.rounds.len(), summary.tool_calls), (2, 1)); }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | to | use |
//! |---|---|
//! | run turns | [`AgentController`], [`AgentEvent`], [`Limits`] |
//! | have a model answer once | [`StreamingGenerator`], [`Generator`], [`LlmProvider`] |
//! | retrieve, rank, trim | [`context`] |
//! | define and run tools | [`tool`] |
//! | keep the record of a turn | [`aggregate`] |
//! | decide on another round | [`decide`] |
//!
//! Every phase is a trait with a default. Messages have OpenAI's shape ([`Message`]). The guide is `docs/agent.md`.

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

/// The guide, whose pieces of code are run as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/agent.md")]
struct Guide;
