//! A trace as it is shown: JSON of the HTTP face, text of the command line.

use std::time::Duration;

use modelpool_core::plan::Target;
use modelpool_core::{Explanation, Operation, Plan, Usage};
use serde::Serialize;

use super::kept::{Kept, KeptCall};
use crate::settle::Purpose;

/// What became of a request.
#[derive(Clone, Debug, Serialize)]
pub struct RequestTrace {
    /// Its id.
    pub request_id: String,
    /// When it began, in milliseconds since the Unix epoch.
    pub began_unix_ms: u64,
    /// The name of the caller's key.
    pub caller: Option<String>,
    /// The trace it belongs to, as tracing systems know it; null where neither the caller nor the pool traces.
    pub trace_id: Option<String>,
    /// What was asked for.
    pub operation: Operation,
    /// The model the caller named.
    pub requested_model: String,
    /// The pool that picked; null where the caller named a model, and where there was no plan.
    pub pool: Option<String>,
    /// Whether the answer was streamed.
    pub stream: bool,
    /// How it ended.
    pub ending: TraceEnding,
    /// Why, where it failed.
    pub error: Option<FailureTrace>,
    /// From its beginning to its end, in milliseconds.
    pub total_ms: f64,
    /// From its beginning to the first meaningful output, in milliseconds.
    pub first_token_ms: Option<f64>,
    /// The calls made, in order; the last one gave the answer, if there was one.
    pub attempts: Vec<AttemptTrace>,
    /// What all calls used, where that is known or can be estimated.
    pub usage: Option<Usage>,
    /// What all calls cost in US dollars, where that is known of any.
    pub cost_usd: Option<f64>,
    /// Malformed events that were left out of the stream.
    pub skipped_events: u32,
    /// Ranking, scores and reasons, worked out now from the snapshot that was used then; what a selector measures
    /// is as it is now. Null where the request never came to a plan, or asked for too much to be remembered.
    pub plan: Option<Explanation>,
}

/// One call.
#[derive(Clone, Debug, Serialize)]
pub struct AttemptTrace {
    /// The model called.
    pub alias: String,
    /// The vendor's name of it.
    pub model_name: String,
    /// Why it was made.
    pub purpose: Purpose,
    /// When it began, in milliseconds after the request did.
    pub began_after_ms: f64,
    /// How long it took, in milliseconds.
    pub latency_ms: f64,
    /// When its first meaningful output came, in milliseconds after it began.
    pub first_token_ms: Option<f64>,
    /// The failure; null where it succeeded.
    pub error: Option<FailureTrace>,
    /// What it used, where that is known or can be estimated.
    pub usage: Option<Usage>,
    /// What it cost in US dollars, where usage and price are known.
    pub cost_usd: Option<f64>,
}

/// A failure in a trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailureTrace {
    /// The [code](modelpool_core::Error::code) of the error.
    pub code: &'static str,
    /// The HTTP status of the upstream's answer.
    pub status: Option<u16>,
    /// What happened, redacted and cut.
    pub message: String,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TraceEnding {
    /// With a whole answer.
    Completed,
    /// With an error.
    Failed,
    /// The caller went away.
    Cancelled,
}

impl Kept {
    pub(super) fn report(&self) -> RequestTrace {
        let usage = self.calls.iter().filter_map(|call| call.usage);
        let costs = self.calls.iter().filter_map(|call| call.cost_usd);
        RequestTrace {
            request_id: self.request_id.to_string(),
            began_unix_ms: self.began.0,
            caller: self.caller.as_deref().map(str::to_owned),
            trace_id: self.trace_id.map(|id| id.to_string()),
            operation: self.operation,
            requested_model: self.requested_model.to_string(),
            pool: self.plan.as_deref().and_then(pool_of),
            stream: self.stream,
            ending: self.ending,
            error: self.error.clone(),
            total_ms: milliseconds(self.total),
            first_token_ms: self.first_output.map(milliseconds),
            attempts: self.calls.iter().map(KeptCall::report).collect(),
            usage: usage.reduce(|sum, usage| sum.plus(&usage)),
            cost_usd: costs.reduce(|sum, cost| sum + cost),
            skipped_events: self.skipped_events,
            plan: self.plan.as_ref().and_then(|plan| plan.explain().ok()),
        }
    }
}

impl KeptCall {
    fn report(&self) -> AttemptTrace {
        AttemptTrace {
            alias: self.alias.to_string(),
            model_name: self.model_name.to_string(),
            purpose: self.purpose,
            began_after_ms: milliseconds(self.began_after),
            latency_ms: milliseconds(self.latency),
            first_token_ms: self.first_output.map(milliseconds),
            error: self.error.clone(),
            usage: self.usage,
            cost_usd: self.cost_usd,
        }
    }
}

fn pool_of(plan: &Plan) -> Option<String> {
    match plan.target() {
        Target::Pool(pool) => Some(pool.definition.name.to_string()),
        Target::Named { .. } => None,
    }
}

/// To the microsecond.
fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
