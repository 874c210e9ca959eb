//! Which model is called next, and when: the walk of one request along its plan.
//!
//! The best model that may be called is called. What became of each call decides where the walk goes:
//!
//! | the call | the walk |
//! |---|---|
//! | a server's failure, a reset | the same model once more, after a short random pause |
//! | no capacity, a rate limit, a stream lost before it began | the next; this one again only if nobody else is left |
//! | silent until a limit on time | the next; never again that model at that address |
//! | input too long, something not supported | the next that is larger, or that supports it |
//! | our key, our account, an unknown model | the next |
//! | a refusal for its content, a wrong request | nobody: the caller is told |
//!
//! A model that may not be called yet (see [`crate::gate`]) is passed over. If nobody else is left the
//! walk waits for it, within the policy's limit or the deadline the caller set.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use modelpool_core::live::Waiting;
use modelpool_core::plan::{Plan, Target};
use modelpool_core::requirement::Bound;
use modelpool_core::snapshot::ModelSet;
use modelpool_core::{
    Error, ErrorKind, Expected, Flag, ModelEntry, ModelIndex, Numeric, Operation, Requirements, Support,
    Timeouts, Verdict,
};
use smallvec::SmallVec;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Duration, Instant};

use crate::call::Call;
use crate::gate::{self, Closed, Gate, Grant};
use crate::planning::selector_failed;
use crate::pool::ModelPool;
use crate::settle::Settling;

/// Output tokens that are reckoned with where neither caller nor experience says how many.
const USUAL_OUTPUT_TOKENS: u64 = 1_000;

/// One request on its way.
pub(crate) struct Walk {
    pub(crate) pool: ModelPool,
    pub(crate) call: Call,
    pub(crate) plan: Arc<Plan>,
    pub(crate) settling: Settling,
    pub(crate) deadline: Instant,
    /// Limits of the pool the request goes to.
    pub(crate) outer: Timeouts,
    tried: Vec<Tried>,
    /// Models that are not asked any more.
    excluded: ModelSet,
    /// Of those, the ones whose wire lacks what is asked.
    lacking: ModelSet,
    /// What was learned from failures.
    learned: Requirements,
    /// The model that is asked once more, and when.
    again: Option<(ModelIndex, Instant)>,
    /// Errors of all calls, in order.
    errors: Vec<Error>,
    /// When it first had to wait for a model.
    waiting_since: Option<Instant>,
    /// A model was left out for what it would cost.
    too_dear: bool,
    /// Made when the first pause is: most requests need none.
    random: Option<fastrand::Rng>,
}

/// What became of one model so far.
struct Tried {
    index: ModelIndex,
    calls: u32,
    /// It is not to be asked again before, and only if nobody else may be asked.
    not_before: Option<Instant>,
    /// It refused to go on from a partial answer.
    restarts: bool,
}

/// What to do next.
enum Step {
    Call(ModelIndex, Grant),
    WaitUntil(Instant),
    WaitForTurn(ModelIndex, Waiting),
    GiveUp(Error),
}

impl Walk {
    pub(crate) fn new(
        pool: ModelPool,
        call: Call,
        plan: Arc<Plan>,
        settling: Settling,
        began: Instant,
    ) -> Self {
        let outer = outer_timeouts(&plan);
        let total = crate::limits::total(outer);
        // Vectors of another model live in another space: nobody could compare them.
        let excluded = match (call.facts.operation, plan.first()) {
            (Operation::Embeddings, Some(only)) => all_but(&plan, only),
            _ => ModelSet::default(),
        };
        Self {
            // A caller may shorten the time for its request, not extend it.
            deadline: began + call.options.deadline.map_or(total, |wanted| wanted.min(total)),
            pool,
            call,
            plan,
            settling,
            outer,
            tried: Vec::new(),
            excluded,
            lacking: ModelSet::default(),
            learned: Requirements::new(),
            again: None,
            errors: Vec::new(),
            waiting_since: None,
            too_dear: false,
            random: None,
        }
    }

    pub(crate) fn entry(&self, index: ModelIndex) -> &Arc<ModelEntry> {
        self.plan.snapshot().entry(index)
    }

    /// The next model that may be called, waited for where that is allowed.
    ///
    /// # Errors
    /// Nobody is left, or nobody may be called in time.
    pub(crate) async fn next(&mut self) -> Result<(ModelIndex, Grant), Error> {
        let mut turn: Option<(ModelIndex, OwnedSemaphorePermit)> = None;
        loop {
            match self.step(turn.take())? {
                Step::Call(index, grant) => return Ok((index, grant)),
                Step::WaitUntil(until) => tokio::time::sleep_until(until).await,
                Step::WaitForTurn(index, queued) => {
                    let slot = tokio::time::timeout_at(self.deadline, queued.slot()).await;
                    turn = match slot {
                        Ok(slot) => slot.map(|slot| (index, slot)),
                        Err(_) => return Err(self.give_up(None)),
                    };
                }
                Step::GiveUp(error) => return Err(error),
            }
        }
    }

    /// Another model that may be called at this moment, without waiting: for a hedge.
    pub(crate) fn another(&mut self, besides: ModelIndex) -> Option<(ModelIndex, Grant)> {
        let mut passed_over = self.excluded.clone();
        passed_over.insert(besides);
        loop {
            let index = self.plan.best_except(&passed_over).ok()??;
            passed_over.insert(index);
            if !self.may_go_to(index) {
                continue;
            }
            if let Gate::Open(grant) = self.ask(index, None, Instant::now()) {
                return Some((index, grant));
            }
        }
    }

    fn step(&mut self, turn: Option<(ModelIndex, OwnedSemaphorePermit)>) -> Result<Step, Error> {
        let now = Instant::now();
        if now >= self.deadline || self.settling.calls() >= self.pool.inner.retry.max_calls() {
            return Ok(Step::GiveUp(self.give_up(None)));
        }
        if let Some((index, slot)) = turn
            && let Gate::Open(grant) = self.ask(index, Some(slot), now)
        {
            return Ok(Step::Call(index, grant));
        }
        if let Some((index, at)) = self.again.take() {
            if at > now {
                self.again = Some((index, at));
                return Ok(Step::WaitUntil(at));
            }
            if let Gate::Open(grant) = self.ask(index, None, now) {
                return Ok(Step::Call(index, grant));
            }
        }
        let mut passed_over = self.excluded.clone();
        let mut last = SmallVec::<[ModelIndex; 4]>::new();
        let mut busy = None;
        let mut earliest: Option<(Instant, Closed)> = None;
        loop {
            let best = self.plan.best_except(&passed_over);
            let index = match best.map_err(|error| selector_failed(&error))? {
                Some(index) => {
                    passed_over.insert(index);
                    if self.is_left_for_last(index) {
                        last.push(index);
                        continue;
                    }
                    index
                }
                None if last.is_empty() => break,
                None => last.remove(0),
            };
            if !self.may_go_to(index) {
                continue;
            }
            match self.ask(index, None, now) {
                Gate::Open(grant) => return Ok(Step::Call(index, grant)),
                Gate::Busy => busy = busy.or(Some(index)),
                Gate::Closed { until, why } => {
                    let short = until <= now + self.pool.inner.retry.max_wait;
                    if why == Closed::Rate
                        && short
                        && self.was_named(index)
                        && self.may_wait_until(until, now)
                    {
                        return Ok(Step::WaitUntil(until));
                    }
                    if earliest.is_none_or(|(at, _)| until < at) {
                        earliest = Some((until, why));
                    }
                }
            }
        }
        if let Some(index) = busy {
            return Ok(match gate::queue(self.entry(index).live()) {
                Some(queued) => Step::WaitForTurn(index, queued),
                None => Step::GiveUp(queue_is_full()),
            });
        }
        Ok(match earliest {
            Some((until, _)) if self.may_wait_until(until, now) => Step::WaitUntil(until),
            earliest => Step::GiveUp(self.give_up(earliest.map(|(until, why)| (until - now, why)))),
        })
    }

    /// Whether a model is one to go to: it meets what was learned, is not one too many, was not asked too often,
    /// and is not too dear.
    fn may_go_to(&mut self, index: ModelIndex) -> bool {
        let policy = self.pool.inner.retry;
        let allowed = match self.tried.iter().find(|tried| tried.index == index) {
            Some(tried) => tried.calls <= policy.same_model,
            None => self.tried.len() < policy.max_models as usize,
        };
        let fits = self.learned.is_empty()
            || self
                .plan
                .snapshot()
                .capabilities(index)
                .meets(&self.learned)
                .is_ok();
        if !allowed || !fits {
            return false;
        }
        let affordable = self.is_affordable(index);
        self.too_dear |= !affordable;
        affordable
    }

    /// Whether another call fits into what the caller will pay. A model without a known price does not: nobody
    /// could promise it.
    fn is_affordable(&self, index: ModelIndex) -> bool {
        let Some(most) = self.call.options.max_cost_usd else {
            return true;
        };
        self.most_usd(index)
            .is_some_and(|dollars| self.settling.committed_usd() + dollars <= most)
    }

    /// What a call of that model is to be reckoned with, where the caller has set a bound; `None` where nobody knows.
    pub(crate) fn reserved_usd(&self, index: ModelIndex) -> Option<f64> {
        self.call.options.max_cost_usd.and_then(|_| self.most_usd(index))
    }

    /// What a call of that model may cost at most; `None` where nobody knows.
    fn most_usd(&self, index: ModelIndex) -> Option<f64> {
        let price = self.entry(index).config().capabilities.declared_price()?;
        let facts = &self.call.facts;
        let each = u64::from(facts.choices.max(1));
        Some(price.most_usd(Expected {
            input_tokens: facts.input_tokens,
            output_tokens: self.expected_output(index).saturating_mul(each),
            images: if facts.operation.makes_images() { each } else { 0 },
            keeps_for_an_hour: price.keeps_for_an_hour() && self.call.asks_to_keep_for_an_hour(),
        }))
    }

    /// Output tokens to reckon with: what the caller allows, else what this model seldom exceeds.
    fn expected_output(&self, index: ModelIndex) -> u64 {
        self.call.facts.output_tokens.unwrap_or_else(|| {
            let statistics = self.entry(index).live().known_statistics();
            statistics
                .and_then(|statistics| statistics.p95_output_tokens(Instant::now().into_std()))
                .map_or(USUAL_OUTPUT_TOKENS, |tokens| tokens as u64)
        })
    }

    fn ask(&self, index: ModelIndex, slot: Option<OwnedSemaphorePermit>, now: Instant) -> Gate {
        let not_before = self
            .tried
            .iter()
            .find(|tried| tried.index == index)
            .and_then(|tried| tried.not_before);
        if let Some(until) = not_before.filter(|until| *until > now) {
            return Gate::Closed {
                until,
                why: Closed::Failing,
            };
        }
        let live = self.entry(index).live();
        let tokens = match live.rates().tokens {
            Some(_) => self.call.facts.input_tokens + self.expected_output(index),
            None => 0,
        };
        gate::ask(live, &self.plan.model_name(index), tokens, slot, now)
    }

    /// Whether the model failed in a way that leaves it for when nobody else may be called.
    fn is_left_for_last(&self, index: ModelIndex) -> bool {
        self.tried
            .iter()
            .any(|tried| tried.index == index && tried.not_before.is_some())
    }

    /// Whether the caller asked for this very model: who did gets it rather than a fallback, if the wait
    /// is short.
    fn was_named(&self, index: ModelIndex) -> bool {
        matches!(self.plan.target(), Target::Named { order, .. } if order.first() == Some(&index))
    }

    /// A longer wait than the policy's has to be asked for: by a deadline of the caller's own.
    fn may_wait_until(&mut self, until: Instant, now: Instant) -> bool {
        let since = *self.waiting_since.get_or_insert(now);
        let patient = self.call.options.deadline.is_some();
        until < self.deadline && (patient || until <= since + self.pool.inner.retry.max_wait)
    }

    /// A call of the model begins.
    pub(crate) fn begins(&mut self, index: ModelIndex) {
        match self.tried.iter_mut().find(|tried| tried.index == index) {
            Some(tried) => tried.calls += 1,
            None => self.tried.push(Tried {
                index,
                calls: 1,
                not_before: None,
                restarts: false,
            }),
        }
    }

    /// Whether the model is asked for the whole answer anew where it should go on from a part of one.
    pub(crate) fn restarts(&self, index: ModelIndex) -> bool {
        self.tried
            .iter()
            .any(|tried| tried.index == index && tried.restarts)
    }

    /// Whether the model takes the beginning of its answer from the caller.
    pub(crate) fn takes_prefill(&self, index: ModelIndex) -> bool {
        self.plan.snapshot().capabilities(index).flag(Flag::Prefill).value == Support::Yes
    }

    /// A call failed, before its answer had begun.
    ///
    /// # Errors
    /// Trying others is no use: this is the error for the caller.
    pub(crate) fn failed(&mut self, index: ModelIndex, error: Error, continues: bool) -> Result<(), Error> {
        let now = Instant::now();
        // A model that does not go on from a part of an answer refuses in words of its own.
        let refuses_to_go_on = continues
            && !self.restarts(index)
            && matches!(
                error.kind(),
                ErrorKind::PrefillRefused | ErrorKind::InvalidRequest | ErrorKind::Unsupported { .. }
            );
        if refuses_to_go_on {
            self.restart(index);
            self.again = Some((index, now));
            self.errors.push(error);
            return Ok(());
        }
        self.learn(index, &error);
        let policy = self.pool.inner.retry;
        let refused = *error.kind() == ErrorKind::ContentFilter && policy.refusals_fail_over;
        if error.verdict() == Verdict::Stop && !continues && !refused {
            return Err(error);
        }
        let calls = self
            .tried
            .iter()
            .find(|tried| tried.index == index)
            .map_or(1, |tried| tried.calls);
        // A probe is asked once: its budget counts on that.
        let may_again = calls <= policy.same_model && self.call.probe.is_none() && !error.forbids_retry();
        match error.kind() {
            ErrorKind::Server | ErrorKind::Connect if may_again => {
                let at = now + policy.backoff(calls, self.random_share());
                if at < self.deadline {
                    self.again = Some((index, at));
                } else {
                    // There is no time for the pause, and perhaps for another model.
                    self.excluded.insert(index);
                }
            }
            // The clock of its group holds it.
            ErrorKind::RateLimited { .. } if may_again => {}
            ErrorKind::Overloaded { .. } | ErrorKind::StreamLost | ErrorKind::Protocol if may_again => {
                let wait = error
                    .retry_after()
                    .unwrap_or_else(|| policy.backoff(calls, self.random_share()));
                if let Some(tried) = self.tried.iter_mut().find(|tried| tried.index == index) {
                    tried.not_before = Some(now + wait);
                }
            }
            ErrorKind::Timeout(_) => self.exclude_route(index),
            ErrorKind::Unsupported { capability } => {
                self.cannot(index, *capability, error.status().is_none());
            }
            _ => self.excluded.insert(index),
        }
        self.errors.push(error);
        Ok(())
    }

    /// A model cannot do what is asked. Where it was not even asked (`unsent`: its wire lacks it) it counts for none of
    /// those that may be tried.
    fn cannot(&mut self, index: ModelIndex, capability: Option<Flag>, unsent: bool) {
        self.excluded.insert(index);
        if unsent {
            self.tried.retain(|tried| tried.index != index);
            self.lacking.insert(index);
        }
        // Who has no vectors at all never had any that those of the next could be mixed up with: the next that may
        // have some is the only one from now on.
        if self.call.facts.operation == Operation::Embeddings && capability == Some(Flag::Embeddings) {
            let tried = self.tried.iter().map(|tried| tried.index);
            let gone: ModelSet = tried.chain(self.lacking.iter()).chain([index]).collect();
            if let Ok(Some(only)) = self.plan.best_except(&gone) {
                self.excluded = all_but(&self.plan, only);
            }
        }
    }

    /// A random number in 0..1. It is made from the request's id, so that those that failed together do not come
    /// back together.
    fn random_share(&mut self) -> f64 {
        let random = self.random.get_or_insert_with(|| {
            let mut hasher = DefaultHasher::new();
            (self.plan.seed(), &self.call.request_id).hash(&mut hasher);
            fastrand::Rng::with_seed(hasher.finish())
        });
        random.f64()
    }

    /// The model does not go on from a part of an answer: if it is asked again, then for all of it.
    pub(crate) fn restart(&mut self, index: ModelIndex) {
        if let Some(tried) = self.tried.iter_mut().find(|tried| tried.index == index) {
            tried.restarts = true;
        }
    }

    /// A stream was lost after the caller had seen some of it.
    pub(crate) fn lost(&mut self, index: ModelIndex, error: Error) {
        match error.kind() {
            ErrorKind::Timeout(_) => self.exclude_route(index),
            _ if error.forbids_retry() => self.excluded.insert(index),
            // Asked again only where nobody else is left.
            _ => {
                let now = Instant::now();
                if let Some(tried) = self.tried.iter_mut().find(|tried| tried.index == index) {
                    tried.not_before = Some(now + Duration::from_millis(1));
                }
            }
        }
        self.errors.push(error);
    }

    /// What a failure says about those that may be tried next.
    fn learn(&mut self, index: ModelIndex, error: &Error) {
        let learned = std::mem::take(&mut self.learned);
        self.learned = match error.kind() {
            // Never again to a window as small: the one that was named, whatever was declared.
            ErrorKind::ContextLength { window } => {
                let capabilities = &self.entry(index).config().capabilities;
                let declared = capabilities.number(Numeric::ContextWindow).value;
                let too_small = window.map_or(declared, |window| window as f64);
                learned.bound(Numeric::ContextWindow, Bound::AtLeast(too_small + 1.0))
            }
            ErrorKind::Unsupported {
                capability: Some(flag),
            } => learned.and(&Requirements::new().supports(*flag).into_inferred()),
            _ => learned,
        };
    }

    /// Not again that model at that address, under whatever alias.
    fn exclude_route(&mut self, silent: ModelIndex) {
        let snapshot = Arc::clone(self.plan.snapshot());
        let route = |index: ModelIndex| {
            let config = snapshot.entry(index).config();
            (
                config.provider.clone(),
                config.base_url.clone(),
                self.plan.model_name(index),
            )
        };
        let gone = route(silent);
        let same = snapshot.entries().filter(|(index, _)| route(*index) == gone);
        for (index, _) in same {
            self.excluded.insert(index);
        }
    }

    /// The error for the caller when nobody is left, or may be called in time: `wait` is how long until
    /// somebody may.
    fn give_up(&mut self, wait: Option<(Duration, Closed)>) -> Error {
        let of_rates = |error: &Error| matches!(error.kind(), ErrorKind::RateLimited { .. });
        let only_rates = self.errors.iter().all(of_rates);
        let shortest = self.errors.iter().filter_map(Error::retry_after).min();
        match wait {
            Some((wait, Closed::Rate)) if only_rates => {
                let retry_after = Some(wait);
                match self.errors.pop() {
                    Some(last) => last.with_kind(ErrorKind::RateLimited { retry_after }),
                    None => Error::new(
                        ErrorKind::RateLimited { retry_after },
                        "every model that fits is at its rate limit",
                    ),
                }
            }
            Some((wait, _)) if self.errors.is_empty() => Error::new(
                ErrorKind::Overloaded {
                    retry_after: Some(wait),
                },
                "every model that fits has failed too often and is left alone for a moment",
            ),
            _ if self.errors.is_empty() && self.too_dear => Error::new(
                ErrorKind::BudgetExceeded,
                "no model that fits is known to stay within `modelpool.max_cost_usd`",
            ),
            _ if self.errors.is_empty() => crate::attempt::late(modelpool_core::TimeoutKind::Total),
            _ if only_rates && shortest.is_some() => {
                let at = self
                    .errors
                    .iter()
                    .position(|error| error.retry_after() == shortest);
                self.errors.swap_remove(at.unwrap_or(0))
            }
            _ => self
                .errors
                .pop()
                .unwrap_or_else(|| Error::new(ErrorKind::Cancelled, "no model was tried")),
        }
    }
}

fn all_but(plan: &Plan, only: ModelIndex) -> ModelSet {
    let entries = plan.snapshot().entries();
    entries
        .map(|(index, _)| index)
        .filter(|index| *index != only)
        .collect()
}

fn queue_is_full() -> Error {
    Error::new(
        ErrorKind::Overloaded {
            retry_after: Some(Duration::from_secs(1)),
        },
        "too many requests wait for this model already",
    )
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
