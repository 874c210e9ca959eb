//! Words, traits and pure logic of modelpool.
//!
//! A **pool** holds models under aliases. Each model declares what it can do
//! ([`Capabilities`]); each request says what it needs ([`Requirements`]). The pool filters its
//! [`Snapshot`] by the requirements, a [`Selector`] ranks what passed, and a [`Provider`] makes
//! the call. This crate holds those words and the logic between them, and nothing that waits:
//! it does no network or file access, never sleeps, and reads the time only from a [`Clock`]
//! that is passed in.
//!
//! | module | subject |
//! |---|---|
//! | [`capability`] | what a model can do, and how that is known |
//! | [`finding`] | what probes and answers showed of it |
//! | [`requirement`] | what a request needs, and whether a model meets it |
//! | [`price`], [`usage`] | prices, token counts, what a call costs |
//! | [`model`] | one entry of the pool |
//! | [`facts`] | what was read from a request |
//! | [`snapshot`] | the pool at one moment: models, named pools, names |
//! | [`selector`], [`ranking`] | ordering the candidates |
//! | [`plan`] | which models a request may go to, in which order, and why |
//! | [`live`] | what is remembered of a model while it works |
//! | [`breaker`], [`quota`], [`rate`] | when a model is to be left alone |
//! | [`statistics`] | how models did, by minute, hour and ever |
//! | [`continuation`] | going on with an answer whose stream was lost |
//! | [`provider`], [`stream`], [`transport`] | calling a model |
//! | [`alarm`] | waking a task, and not waking it for nothing |
//! | [`error`] | why a call failed, and what to do about it |

pub mod alarm;
pub mod breaker;
pub mod capability;
pub mod clock;
pub mod continuation;
pub mod error;
pub mod facts;
pub mod finding;
pub mod live;
pub mod model;
pub mod nearest;
pub mod plan;
pub mod price;
pub mod provider;
pub mod quota;
pub mod ranking;
pub mod rate;
pub mod requirement;
pub mod selector;
pub mod snapshot;
pub mod statistics;
pub mod stream;
pub mod trace_context;
pub mod transport;
pub mod usage;

pub use breaker::{BreakerSettings, BreakerState};
pub use capability::{Capabilities, CapabilityError, Fact, Flag, Numeric, Provenance, Support};
pub use clock::{Clock, ManualClock, SystemClock, UnixMillis};
pub use error::{Error, ErrorKind, TimeoutKind, VendorError, Verdict};
pub use facts::{Operation, RequestFacts};
pub use finding::{Finding, Findings, Found};
pub use live::LiveState;
pub use model::{Extra, ModelConfig, ModelLimits, Timeouts};
pub use plan::{Explanation, NoModelFits, Plan, PlanRequest};
pub use price::{Expected, Price, PriceTier};
pub use provider::{ListedModel, Provider, ProviderRequest, Reply, ReplyBody, ReplyHead, Warmth, WholeReply};
pub use ranking::{Ranked, Ranking};
pub use requirement::{Missing, RequirementError, Requirements};
pub use selector::{Candidate, Candidates, SelectContext, Selector, SelectorError};
pub use snapshot::{ModelEntry, ModelIndex, PoolDefinition, PoolError, Resolved, Snapshot};
pub use stream::{Delta, EventStream, FinishReason, StreamEvent};
pub use trace_context::{CallerTrace, RequestSpan, SpanId, TraceId, TraceParent};
pub use transport::{BoxFuture, Transport};
pub use usage::Usage;
