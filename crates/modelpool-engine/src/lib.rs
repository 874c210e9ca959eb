//! A request's life in modelpool.
//!
//! ```text
//! face ── Call ──▶ infer ──▶ plan ──▶ attempt ──▶ commit ──▶ Answer ──▶ settle
//!                 facts to   filter   call the     first      to the    exactly once:
//!                 needs      & rank   best, fail   output     caller    usage, cost, log
//!                                     over         seen
//! ```
//!
//! [`ModelPool`] is what programs hold and where every face comes in ([`ModelPool::call`]).
//! [`infer`] turns facts of a request into requirements; the snapshot plans; the run walks the
//! plan under one deadline; [`AnswerStream`] watches a committed stream to its end; and
//! [`settle`] closes the books. Selectors live in [`selectors`].

pub mod answer;
mod attempt;
pub mod call;
mod caller_limits;
mod continuing;
pub mod detect;
mod gate;
pub mod health;
mod hedge;
pub mod infer;
mod limits;
mod observe;
pub mod options;
mod planning;
pub mod policy;
pub mod pool;
pub mod reports;
mod request_id;
mod run;
pub mod selectors;
pub mod settle;
mod stays;
pub mod traces;
mod walk;
pub mod warmup;

pub use answer::{Answer, AnswerBody, AnswerStream, StreamSummary, WholeAnswer};
pub use call::{Call, ChatRequest, Scope};
pub use caller_limits::CallerLimits;
pub use detect::{DetectOptions, Detection, ProbePlan};
pub use health::HealthCheck;
pub use options::RequestOptions;
pub use policy::{Hedging, OnLoss, RetryPolicy};
pub use pool::{ChatAnswer, ModelPool, ModelPoolBuilder, SelectError};
pub use reports::{BreakerReport, BreakerStatus, BreakerWord};
pub use settle::{Ending, Outcome, Purpose, Settlement, SettlementSink};
pub use traces::{AttemptTrace, FailureTrace, RequestTrace, TraceEnding, Traces};
pub use warmup::Warmed;
