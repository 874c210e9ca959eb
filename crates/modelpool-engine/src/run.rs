//! A request's life, in one straight line: plan, attempt, commit, settle.

use std::sync::Arc;
use std::time::Duration;

use modelpool_core::plan::{Acceptance, Plan, Target};
use modelpool_core::requirement::Bound;
use modelpool_core::{
    Error, ErrorKind, ModelEntry, ModelIndex, Numeric, Operation, ProviderRequest, Requirements, Timeouts,
    Verdict,
};
use tokio::time::Instant;

use crate::answer::{Answer, AnswerBody, AnswerStream, Committed, WholeAnswer};
use crate::attempt::{Accepted, AcceptedBody, AttemptCall, call_limits};
use crate::call::Call;
use crate::limits::{self, Limits};
use crate::planning::selector_failed;
use crate::pool::ModelPool;
use crate::settle::{Ending, Settlement, Settling};

/// Makes a call.
pub(crate) async fn run(pool: &ModelPool, mut call: Call) -> Result<Answer, Error> {
    if call.request_id.is_empty() {
        call.request_id = pool.new_request_id();
    }
    let began = Instant::now();
    let mut settling = Settling::new(Arc::clone(&pool.inner.sinks), unsettled(&call));
    let outcome = match pool.plan(&call) {
        Ok(plan) => attempt_all(pool, &call, &plan, began, &mut settling).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok((alias, limits, deadline, accepted)) => {
            Ok(answer(call, alias, limits, deadline, accepted, settling))
        }
        Err(error) => {
            let error = error.after_attempts(settling.calls());
            settling.end(Ending::Failed(error.clone()));
            Err(error)
        }
    }
}

fn unsettled(call: &Call) -> Settlement {
    Settlement {
        request_id: Arc::clone(&call.request_id),
        caller: call.scope.caller.clone(),
        operation: call.facts.operation,
        requested_model: call.model.clone(),
        stream: call.facts.stream,
        outcomes: Vec::new(),
        total: Duration::ZERO,
        first_output: None,
        ending: Ending::Cancelled,
        values: Arc::clone(&call.options.values),
    }
}

type Success = (Arc<str>, Limits, Instant, Accepted);

/// Walks the ranking until a model answers, nothing more may be tried, or trying is no use.
async fn attempt_all(
    pool: &ModelPool,
    call: &Call,
    plan: &Plan,
    began: Instant,
    settling: &mut Settling,
) -> Result<Success, Error> {
    let Some(first) = plan.first() else {
        return Err(Error::no_model_fits(plan.no_model_fits()));
    };
    let outer = outer_timeouts(plan);
    let deadline = began + deadline_of(call, limits::total(outer));
    let mut failures = Failures::default();
    let mut next = Some(first);
    while let Some(index) = next {
        let entry = plan.snapshot().entry(index);
        let limits = limits::settle(entry.config().timeouts.or(outer), &entry.config().capabilities);
        match attempt(pool, call, plan, index, &limits, deadline, settling).await {
            Ok(accepted) => match plan.acceptance() {
                Acceptance::FirstSuccess => {
                    return Ok((Arc::clone(&entry.config().alias), limits, deadline, accepted));
                }
            },
            Err(error) => {
                settling.call_failed(&error);
                let stop = error.verdict() == Verdict::Stop;
                failures.add(index, error, entry);
                // Vectors of another model live in another space: nobody could compare them.
                if stop || call.facts.operation == Operation::Embeddings {
                    break;
                }
            }
        }
        let may_go_on = settling.calls() < pool.inner.retry.max_models && Instant::now() < deadline;
        next = if may_go_on {
            plan.next(&failures.tried, &failures.learned)
                .map_err(|error| selector_failed(&error))?
        } else {
            None
        };
    }
    Err(failures.into_error())
}

async fn attempt(
    pool: &ModelPool,
    call: &Call,
    plan: &Plan,
    index: ModelIndex,
    limits: &Limits,
    deadline: Instant,
    settling: &mut Settling,
) -> Result<Accepted, Error> {
    let entry: &ModelEntry = plan.snapshot().entry(index);
    let model_name = plan.model_name(index);
    settling.begin(entry, Arc::clone(&model_name), call.facts.input_tokens);
    let provider = pool.provider_of(entry)?;
    let request = ProviderRequest {
        body: call.body.clone(),
        facts: Arc::clone(plan.facts()),
        model_name,
        limits: call_limits(limits),
        continuation: None,
    };
    AttemptCall {
        entry,
        provider,
        request,
        limits: *limits,
        deadline,
    }
    .run()
    .await
}

fn answer(
    call: Call,
    alias: Arc<str>,
    limits: Limits,
    deadline: Instant,
    accepted: Accepted,
    settling: Settling,
) -> Answer {
    let attempts = settling.calls();
    let body = match accepted.body {
        AcceptedBody::Whole(reply) => AnswerBody::Whole(WholeAnswer::settle(reply, settling)),
        AcceptedBody::Stream { held, events } => {
            let committed = Committed {
                events,
                held,
                alias: Arc::clone(&alias),
                withhold_usage: !call.body.wants_usage,
                idle: limits.idle,
                deadline,
            };
            AnswerBody::Stream(Box::new(AnswerStream::new(committed, settling)))
        }
    };
    Answer {
        request_id: call.request_id,
        alias,
        attempts,
        head: accepted.head,
        body,
    }
}

/// Limits of the pool the request goes to, then those of the pool of all models.
fn outer_timeouts(plan: &Plan) -> Timeouts {
    let all = plan.snapshot().auto().definition.timeouts;
    match plan.target() {
        Target::Pool(pool) => pool.definition.timeouts.or(all),
        Target::Named { order, .. } => {
            let named = order
                .first()
                .map(|index| plan.snapshot().entry(*index).config().timeouts);
            named.unwrap_or_default().or(all)
        }
    }
}

/// A caller may shorten the time for its request, not extend it.
fn deadline_of(call: &Call, total: Duration) -> Duration {
    call.options.deadline.map_or(total, |wanted| wanted.min(total))
}

/// What failed, and what was learned from it for the next hop.
#[derive(Default)]
struct Failures {
    tried: Vec<ModelIndex>,
    errors: Vec<Error>,
    learned: Requirements,
}

impl Failures {
    fn add(&mut self, index: ModelIndex, error: Error, entry: &ModelEntry) {
        let learned = std::mem::take(&mut self.learned);
        self.learned = match error.kind() {
            // Never again to a window as small.
            ErrorKind::ContextLength { window } => {
                let declared = entry.config().capabilities.number(Numeric::ContextWindow).value;
                let too_small = window.map_or(declared, |window| (window as f64).max(declared));
                learned.bound(Numeric::ContextWindow, Bound::AtLeast(too_small + 1.0))
            }
            ErrorKind::Unsupported {
                capability: Some(flag),
            } => learned.and(&Requirements::new().supports(*flag).into_inferred()),
            _ => learned,
        };
        self.tried.push(index);
        self.errors.push(error);
    }

    /// What the caller is told when every model failed: the rate limit with the shortest wait if
    /// all were rate limits, else the last error.
    fn into_error(mut self) -> Error {
        let all_limited = self
            .errors
            .iter()
            .all(|error| matches!(error.kind(), ErrorKind::RateLimited { .. }));
        let shortest = self
            .errors
            .iter()
            .enumerate()
            .filter_map(|(at, error)| Some((error.retry_after()?, at)))
            .min();
        match (all_limited, shortest) {
            (true, Some((_, at))) => self.errors.swap_remove(at),
            _ => self
                .errors
                .pop()
                .unwrap_or_else(|| Error::new(ErrorKind::Cancelled, "no model was tried")),
        }
    }
}
