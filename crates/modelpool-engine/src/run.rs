//! A request's life, in one straight line: plan, attempt, commit, settle.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use modelpool_core::continuation::{Continuation, Way};
use modelpool_core::plan::Acceptance;
use modelpool_core::quota::QuotaReport;
use modelpool_core::{Error, ErrorKind, ModelIndex, Provider, ProviderRequest};
use smallvec::{SmallVec, smallvec};
use tokio::time::Instant;

use crate::answer::{Answer, AnswerBody, AnswerStream, WholeAnswer};
use crate::attempt::{Accepted, AcceptedBody, call_limits, committed, whole};
use crate::call::Call;
use crate::gate::Grant;
use crate::hedge;
use crate::limits::{self, Limits};
use crate::policy::OnLoss;
use crate::pool::ModelPool;
use crate::settle::{Beginning, CallNumber, Ending, Purpose, Settlement, Settling};
use crate::walk::Walk;

/// Makes a call.
///
/// Here and below, what is handed large things is no `async fn`: such a function keeps its arguments twice, as they
/// came and as they are used, and all of it is moved and touched for every request.
#[expect(clippy::manual_async_fn, reason = "an `async fn` is twice as large")]
pub(crate) fn run(pool: ModelPool, call: Call) -> impl Future<Output = Result<Answer, Error>> + Send {
    async move {
        let mut walk = planned(pool, call)?;
        let prefill = walk.call.prefill().cloned();
        match first_answer(&mut walk, prefill.as_ref()).await {
            Ok(accepted) => Ok(answer(walk, accepted)),
            Err(error) => {
                let error = error.after_attempts(walk.settling.calls());
                walk.settling.end(Ending::Failed(error.clone()));
                Err(error)
            }
        }
    }
}

/// Admits a call and plans it. Apart from what waits: what is done here takes no room in the future.
fn planned(pool: ModelPool, mut call: Call) -> Result<Box<Walk>, Error> {
    if call.request_id.is_empty() {
        call.request_id = pool.new_request_id();
    }
    let began = Instant::now();
    let mut settling = Settling::new(Arc::clone(&pool.inner.sinks), unsettled(&pool, &call), began);
    let planned = admit(&call, &mut settling, began).and_then(|()| pool.plan(&call));
    let planned = planned.and_then(|plan| {
        let plan = Arc::new(plan);
        settling.planned(&plan);
        match plan.first() {
            Some(_) => Ok(plan),
            None => Err(Error::no_model_fits(plan.no_model_fits())),
        }
    });
    match planned {
        Ok(plan) => Ok(Box::new(Walk::new(pool, call, plan, settling, began))),
        Err(error) => {
            settling.end(Ending::Failed(error.clone()));
            Err(error)
        }
    }
}

/// Takes the request out of what its caller may use.
fn admit(call: &Call, settling: &mut Settling, now: Instant) -> Result<(), Error> {
    if let Some(limits) = &call.scope.limits {
        settling.admitted(limits.admit(&call.facts, now.into_std())?);
    }
    Ok(())
}

fn unsettled(pool: &ModelPool, call: &Call) -> Settlement {
    Settlement {
        request_id: Arc::clone(&call.request_id),
        caller: call.scope.caller.clone(),
        trace: pool.span_of(call),
        operation: call.facts.operation,
        requested_model: call.model.as_str().into(),
        stream: call.facts.stream,
        plan: None,
        outcomes: Vec::new(),
        total: Duration::ZERO,
        first_output: None,
        skipped_events: 0,
        ending: Ending::Cancelled,
        values: Arc::clone(&call.options.values),
    }
}

/// Calls one model after another until one answers; where text was `delivered` already, until one goes on
/// from it.
pub(crate) async fn first_answer(walk: &mut Walk, delivered: Option<&Arc<str>>) -> Result<Accepted, Error> {
    loop {
        let (index, grant) = walk.next().await?;
        match attempt(walk, index, grant, delivered).await {
            Ok(accepted) => match walk.plan.acceptance() {
                Acceptance::FirstSuccess => return Ok(accepted),
            },
            Err(failures) => {
                // A probe wants to know of a refusal to go on, not to be answered in another way.
                let continues = delivered.is_some() && walk.call.probe.is_none();
                for (index, error) in failures {
                    walk.failed(index, error, continues)?;
                }
            }
        }
    }
}

type Failures = SmallVec<[(ModelIndex, Error); 2]>;

/// One attempt: a race of one call, or of two where the first is slow to begin.
async fn attempt(
    walk: &mut Walk,
    index: ModelIndex,
    grant: Grant,
    delivered: Option<&Arc<str>>,
) -> Result<Accepted, Failures> {
    let purpose = match delivered {
        Some(_) if walk.call.probe.is_none() => Purpose::Continue,
        _ => Purpose::Answer,
    };
    let patience = match walk.pool.inner.hedging {
        Some(_) if walk.call.facts.stream && delivered.is_none() => {
            hedge::patience(walk.entry(index), Instant::now())
        }
        _ => None,
    };
    let call = begin(walk, index, grant, purpose, delivered);
    let number = call.number;
    match patience {
        None => ended(walk, index, number, call.run().await).map_err(|failure| smallvec![failure]),
        // Boxed, so that the rare race does not make every request larger.
        Some(patience) => Box::pin(race(walk, index, number, call.run(), patience)).await,
    }
}

/// Makes a call, and another one beside it if it is slow to begin.
async fn race(
    walk: &mut Walk,
    index: ModelIndex,
    number: CallNumber,
    first: impl Future<Output = Result<Accepted, Error>>,
    patience: Duration,
) -> Result<Accepted, Failures> {
    let mut first = pin!(first);
    if let Ok(outcome) = tokio::time::timeout(patience, &mut first).await {
        return ended(walk, index, number, outcome).map_err(|failure| smallvec![failure]);
    }
    let Some((other, grant)) = take_hedge(walk, index) else {
        return ended(walk, index, number, first.await).map_err(|failure| smallvec![failure]);
    };
    let second = begin(walk, other, grant, Purpose::Hedge, None);
    let other_number = second.number;
    let mut second = pin!(second.run());
    let (outcome, first_won) = tokio::select! {
        biased;
        outcome = &mut first => (outcome, true),
        outcome = &mut second => (outcome, false),
    };
    let (winner, loser) = match first_won {
        true => ((index, number), (other, other_number)),
        false => ((other, other_number), (index, number)),
    };
    let failure = match ended(walk, winner.0, winner.1, outcome) {
        Ok(accepted) => {
            let slower = Error::new(ErrorKind::Cancelled, "another model answered first");
            walk.settling.end_call(loser.1, Some(&slower));
            return Ok(accepted);
        }
        Err(failure) => failure,
    };
    let outcome = if first_won { second.await } else { first.await };
    ended(walk, loser.0, loser.1, outcome).map_err(|later| smallvec![failure, later])
}

/// Another model to call beside a slow one, if hedging still allows one.
fn take_hedge(walk: &mut Walk, besides: ModelIndex) -> Option<(ModelIndex, Grant)> {
    let hedging = walk.pool.inner.hedging?;
    if walk.settling.calls() >= walk.pool.inner.retry.max_calls() {
        return None;
    }
    let pool = walk.pool.clone();
    if !pool.inner.hedges.try_take(hedging) {
        return None;
    }
    let other = walk.another(besides);
    if other.is_none() {
        pool.inner.hedges.give_back();
    }
    other
}

/// A call that has begun and is yet to be made.
struct Begun {
    number: CallNumber,
    index: ModelIndex,
    alias: Arc<str>,
    limits: Limits,
    continuation: Option<Continuation>,
    provider: Result<Arc<dyn Provider>, Error>,
    request: ProviderRequest,
    deadline: Instant,
    on_loss: OnLoss,
}

/// Begins a call.
fn begin(
    walk: &mut Walk,
    index: ModelIndex,
    grant: Grant,
    purpose: Purpose,
    delivered: Option<&Arc<str>>,
) -> Begun {
    walk.begins(index);
    walk.pool.inner.hedges.called();
    let entry = Arc::clone(walk.entry(index));
    let model_name = walk.plan.model_name(index);
    let span = walk.pool.new_span();
    let trace = walk.settling.trace().zip(span);
    let trace = trace.map(|(request, span)| request.parent_of_upstream(span));
    let reserved_usd = walk.reserved_usd(index);
    let number = walk.settling.begin(Beginning {
        entry: &entry,
        model_name: Arc::clone(&model_name),
        purpose,
        input_tokens: walk.call.facts.input_tokens,
        reserved_usd,
        grant,
        span,
    });
    let limits = limits::settle(
        entry.config().timeouts.or(walk.outer),
        &entry.config().capabilities,
    );
    let continuation = delivered.map(|delivered| Continuation {
        delivered: Arc::clone(delivered),
        way: if walk.call.probe.is_some() {
            Way::Prefill
        } else if walk.restarts(index) {
            Way::Restart
        } else if walk.takes_prefill(index) {
            Way::Prefill
        } else {
            Way::AskToGoOn
        },
    });
    Begun {
        number,
        index,
        alias: Arc::clone(&entry.config().alias),
        limits,
        continuation: continuation.clone(),
        provider: walk.pool.provider_of(&entry),
        request: ProviderRequest {
            body: walk.call.body.clone(),
            facts: Arc::clone(walk.plan.facts()),
            model_name,
            limits: call_limits(&limits),
            continuation,
            trace,
        },
        deadline: walk.deadline,
        on_loss: walk.pool.inner.on_loss,
    }
}

impl Begun {
    /// Makes the call.
    fn run(self) -> impl Future<Output = Result<Accepted, Error>> + Send {
        let Self {
            number,
            index,
            alias,
            limits,
            continuation,
            provider,
            request,
            deadline,
            on_loss,
        } = self;
        async move {
            let provider = provider.map_err(|error| error.at(&alias))?;
            let answered = if request.facts.stream {
                committed(provider, request, limits, deadline, on_loss).await
            } else {
                whole(&*provider, request, deadline).await
            };
            let (head, body) = answered.map_err(|error| error.at(&alias))?;
            Ok(Accepted {
                number,
                index,
                alias,
                limits,
                continuation,
                head,
                body,
            })
        }
    }
}

/// Takes note of how a call ended, or that it answers.
fn ended(
    walk: &mut Walk,
    index: ModelIndex,
    number: CallNumber,
    outcome: Result<Accepted, Error>,
) -> Result<Accepted, (ModelIndex, Error)> {
    match &outcome {
        Ok(accepted) => {
            // Most answers say nothing of limits.
            if accepted.head.quota != QuotaReport::default() {
                let now = Instant::now().into_std();
                let live = walk.entry(index).live();
                live.quota(now).learn(&accepted.head.quota, now);
            }
        }
        Err(error) => {
            walk.settling.end_call(number, Some(error));
            // What a probe shows is judged where it is made.
            if walk.call.probe.is_none() {
                walk.pool.observe(walk.entry(index), error);
            }
        }
    }
    outcome.map_err(|error| (index, error))
}

fn answer(mut walk: Box<Walk>, accepted: Accepted) -> Answer {
    let attempts = walk.settling.calls();
    let request_id = Arc::clone(&walk.call.request_id);
    let alias = Arc::clone(&accepted.alias);
    let head = accepted.head;
    let body = match accepted.body {
        AcceptedBody::Whole(reply) => {
            let issued = reply.issued.iter().map(AsRef::as_ref);
            walk.pool.inner.stays.note(issued, &alias);
            AnswerBody::Whole(WholeAnswer::settle(reply, accepted.number, &mut walk.settling))
        }
        AcceptedBody::Stream(flow) => AnswerBody::Stream(Box::new(AnswerStream::new(
            walk,
            accepted.number,
            accepted.index,
            accepted.alias,
            accepted.limits,
            flow,
        ))),
    };
    Answer {
        request_id,
        alias,
        attempts,
        head,
        body,
    }
}
#[cfg(test)]
mod tests {
    use crate::{ChatRequest, ModelPool};

    #[test]
    fn a_request_on_its_way_is_small() {
        let call = ChatRequest::new().user("hello").into_call(false).unwrap();
        let running = super::run(ModelPool::new(), call);
        let bytes = size_of_val(&running);
        assert!(
            bytes < 4096,
            "{bytes} bytes are moved and touched for every request"
        );
    }
}
