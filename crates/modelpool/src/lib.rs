//! A pool of language models.
//!
//! Give every model an alias, say where it lives and what it can do; the pool picks, for each
//! request, the model that fits, calls it, and survives its failures.
//!
//! ```no_run
//! use modelpool::{Capabilities, ChatRequest, Flag, ModelConfig, ModelPool};
//! use serde_json::json;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let pool = ModelPool::new();
//! pool.add(ModelConfig::new("fast", "openai", "gpt-4o-mini"))?
//!     .add(ModelConfig::new("home", "vllm", "qwen3-vl")
//!         .capabilities(Capabilities::new().supports(Flag::Vision).custom("runs_locally", true)))?;
//!
//! let answer = pool.chat(ChatRequest::new().user("hello")).await?;
//! println!("{}: {}", answer.alias, answer.text());
//!
//! let at_home = ChatRequest::new().user("a secret").require(json!({"runs_locally": true}));
//! let mut stream = pool.chat_stream(at_home).await?;
//! while let Some(event) = stream.next().await {
//!     print!("{}", event?.text());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! | to | use |
//! |---|---|
//! | hold models and pick among them | [`ModelPool`], [`ModelConfig`], [`Capabilities`], [`Requirements`] |
//! | call them | [`ModelPool::chat`], [`ModelPool::chat_stream`], [`ModelPool::embed`], [`ModelPool::call`] |
//! | find out what they can do, make them ready | [`ModelPool::detect`], [`ModelPool::warmup`] |
//! | read a configuration file | [`config`], [`read_config`], [`pool_from_config`] |
//! | rank models your own way | [`Selector`], [`selectors`] |
//! | look up what is known of a model | [`catalog`] |
//! | add a provider | [`Provider`], [`ProviderRegistry`] |

pub mod config;
mod from_config;

pub use from_config::{BuildError, PoolChecks, pool_from_config, read_config};
pub use modelpool_core::provider::Dialect;
pub use modelpool_core::{
    BreakerSettings, BreakerState, CallerTrace, Candidate, Candidates, Capabilities, CapabilityError, Clock,
    Delta, Error, ErrorKind, EventStream, Explanation, Extra, Finding, FinishReason, Flag, Found,
    ListedModel, ManualClock, Missing, ModelConfig, ModelEntry, ModelLimits, NoModelFits, Numeric, Operation,
    PoolDefinition, PoolError, Price, PriceTier, Provenance, Provider, ProviderRequest, Ranked, Ranking,
    Reply, ReplyBody, ReplyHead, RequestFacts, RequestSpan, RequirementError, Requirements, Resolved,
    SelectContext, Selector, SelectorError, Snapshot, SpanId, StreamEvent, Support, SystemClock, TimeoutKind,
    Timeouts, TraceId, TraceParent, Transport, UnixMillis, Usage, VendorError, Verdict, Warmth, WholeReply,
};
pub use modelpool_engine::{
    Answer, AnswerBody, AnswerStream, Call, CallerLimits, ChatAnswer, ChatRequest, DetectOptions, Detection,
    Ending, Hedging, ModelPool, ModelPoolBuilder, OnLoss, Outcome, ProbePlan, Purpose, RequestOptions,
    RetryPolicy, Scope, SelectError, Settlement, SettlementSink, StreamSummary, Warmed, WholeAnswer,
    selectors,
};
pub use modelpool_providers::{
    AddressedCall, Environment, FurtherProviders, HttpTransport, ProviderContext, ProviderRegistry, Vendor,
    catalog, vendors,
};

/// The parts this crate is made of, for what is not re-exported above.
pub mod parts {
    pub use {modelpool_core as core, modelpool_engine as engine, modelpool_providers as providers};
}
