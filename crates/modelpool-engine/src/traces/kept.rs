//! What is kept of a request: a copy of what was settled, with every text cut to a length.

use std::sync::Arc;
use std::time::Duration;

use modelpool_core::{Error, Operation, Plan, TraceId, UnixMillis, Usage};

use smallvec::SmallVec;

use super::report::{FailureTrace, TraceEnding};
use super::weight;
use crate::settle::{Ending, Outcome, Purpose, Settlement};

/// The longest text that is kept of what came from outside, in bytes.
const LONGEST_TEXT: usize = 1024;

/// A request that was settled.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) request_id: Arc<str>,
    pub(super) began: UnixMillis,
    pub(super) caller: Option<Arc<str>>,
    pub(super) trace_id: Option<TraceId>,
    pub(super) operation: Operation,
    pub(super) requested_model: Arc<str>,
    pub(super) stream: bool,
    pub(super) calls: SmallVec<[KeptCall; 1]>,
    pub(super) total: Duration,
    pub(super) first_output: Option<Duration>,
    pub(super) skipped_events: u32,
    pub(super) ending: TraceEnding,
    pub(super) error: Option<FailureTrace>,
    pub(super) plan: Option<Arc<Plan>>,
    /// What all of it takes, without the plan's snapshot.
    pub(super) bytes: usize,
}

/// A call that was made for it.
#[derive(Debug)]
pub(super) struct KeptCall {
    pub(super) purpose: Purpose,
    pub(super) alias: Arc<str>,
    pub(super) model_name: Arc<str>,
    pub(super) began_after: Duration,
    pub(super) latency: Duration,
    pub(super) first_output: Option<Duration>,
    pub(super) error: Option<FailureTrace>,
    pub(super) usage: Option<Usage>,
    pub(super) cost_usd: Option<f64>,
}

impl Kept {
    /// A request that ended `now`. `None` where it would take more than `most_bytes` even without its plan.
    pub(super) fn new(
        settlement: &Settlement,
        plan: Option<Arc<Plan>>,
        now: UnixMillis,
        most_bytes: usize,
    ) -> Option<Self> {
        let (ending, error) = match &settlement.ending {
            Ending::Completed => (TraceEnding::Completed, None),
            Ending::Failed(error) => (TraceEnding::Failed, Some(failure(error))),
            Ending::Cancelled => (TraceEnding::Cancelled, None),
        };
        let mut kept = Self {
            request_id: Arc::clone(&settlement.request_id),
            began: before(now, settlement.total),
            caller: settlement.caller.clone(),
            trace_id: settlement.trace.as_ref().map(|span| span.trace_id),
            operation: settlement.operation,
            requested_model: kept_name(&settlement.requested_model),
            stream: settlement.stream,
            calls: settlement.outcomes.iter().map(KeptCall::new).collect(),
            total: settlement.total,
            first_output: settlement.first_output,
            skipped_events: settlement.skipped_events,
            ending,
            error,
            plan: None,
            bytes: 0,
        };
        kept.bytes = kept.own_bytes();
        if kept.bytes > most_bytes {
            return None;
        }
        if let Some(plan) = plan {
            let bytes = kept.bytes + weight::of_plan(&plan, &settlement.values);
            if bytes <= most_bytes {
                (kept.plan, kept.bytes) = (Some(plan), bytes);
            }
        }
        Some(kept)
    }

    /// Which snapshot the plan holds on to, and the bytes of it.
    pub(super) fn snapshot(&self) -> Option<(usize, usize)> {
        let snapshot = self.plan.as_ref()?.snapshot();
        Some((Arc::as_ptr(snapshot).addr(), weight::of_snapshot(snapshot)))
    }

    fn own_bytes(&self) -> usize {
        let calls: usize = self.calls.iter().map(KeptCall::bytes).sum();
        // The id stands in the index too, which shares its text.
        size_of::<Self>()
            + 3 * size_of::<Arc<str>>()
            + self.request_id.len()
            + self.requested_model.len()
            + self.error.as_ref().map_or(0, failure_bytes)
            + calls
    }
}

impl KeptCall {
    fn new(outcome: &Outcome) -> Self {
        Self {
            purpose: outcome.purpose,
            alias: Arc::clone(&outcome.alias),
            model_name: Arc::clone(&outcome.model_name),
            began_after: outcome.began_after,
            latency: outcome.latency,
            first_output: outcome.first_output,
            error: outcome.error.as_ref().map(failure),
            usage: outcome.usage,
            cost_usd: outcome.cost_usd,
        }
    }

    fn bytes(&self) -> usize {
        // The alias is the entry's own; the name may be the caller's, below a wildcard.
        size_of::<Self>() + self.model_name.len() + self.error.as_ref().map_or(0, failure_bytes)
    }
}

/// A name, whole where it is of a usual length.
fn kept_name(name: &Arc<str>) -> Arc<str> {
    match name.len() <= LONGEST_TEXT {
        true => Arc::clone(name),
        false => cut(name).into(),
    }
}

/// The words of errors are free of secrets where they are made.
fn failure(error: &Error) -> FailureTrace {
    FailureTrace {
        code: error.code(),
        status: error.status(),
        message: cut(error.message()).into(),
    }
}

fn failure_bytes(failure: &FailureTrace) -> usize {
    failure.message.len()
}

/// The beginning of a text, up to a whole character.
fn cut(text: &str) -> &str {
    let mut end = text.len().min(LONGEST_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn before(now: UnixMillis, duration: Duration) -> UnixMillis {
    let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    UnixMillis(now.0.saturating_sub(milliseconds))
}
