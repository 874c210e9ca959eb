//! Whether a model may be called at this moment, and what is held while it is.
//!
//! | asked of | closed when | opens |
//! |---|---|---|
//! | the quota group's clock | a vendor said to wait, or that nothing is left | when it said |
//! | the breakers of model and endpoint | it failed too often | for one probe, after a while |
//! | the user's limits per minute | they are used up | when enough has left the last minute |
//! | the user's limit of calls at a time | that many are under way | by turns, first come first served |
//!
//! A [`Grant`] holds what was taken. It is settled with how the call ended; dropped before, the call
//! says nothing about the model.

use std::sync::Arc;

use modelpool_core::breaker::{Breaker, Pass};
use modelpool_core::live::Waiting;
use modelpool_core::rate::{RateLimit, Taken};
use modelpool_core::{Error, ErrorKind, LiveState, TimeoutKind};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Duration, Instant};

/// How long a group is left alone whose vendor refused for its rate without saying how long.
const UNSTATED_HOLD: Duration = Duration::from_secs(1);

/// Whether a model may be called.
pub(crate) enum Gate {
    /// It may.
    Open(Grant),
    /// Not before `until`.
    Closed { until: Instant, why: Closed },
    /// As many calls as are allowed are under way. Waiting one's turn is possible.
    Busy,
}

/// Why a model may not be called yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closed {
    /// A rate limit: the vendor's or the user's.
    Rate,
    /// It failed too often, or a moment ago.
    Failing,
}

/// Leave to call a model.
#[derive(Debug, Default)]
pub(crate) struct Grant {
    breaker: Option<Breaker>,
    model: Option<Pass>,
    endpoint: Option<Pass>,
    tokens: Option<Taken>,
    slot: Option<OwnedSemaphorePermit>,
}

/// A place in the queue of a model that is busy, or none where the queue is full.
pub(crate) fn queue(live: &LiveState) -> Option<Waiting> {
    live.rates().slots.as_ref()?.wait()
}

/// Asks for leave to call a model, with about that many tokens. `slot` is one that was waited for.
pub(crate) fn ask(
    live: &LiveState,
    model_name: &Arc<str>,
    tokens: u64,
    slot: Option<OwnedSemaphorePermit>,
    now: Instant,
) -> Gate {
    let at = now.into_std();
    let closed = |until: std::time::Instant, why| Gate::Closed {
        until: Instant::from_std(until),
        why,
    };
    if let Some(until) = live.quota(at).free_at(at) {
        return closed(until, Closed::Rate);
    }
    let breaker = live.breaker(model_name, at);
    let shut = [breaker.open_until(at), live.endpoint().open_until(at)];
    if let Some(until) = shut.into_iter().flatten().max() {
        return closed(until, Closed::Failing);
    }
    let rates = live.rates();
    let slot = match (&rates.slots, slot) {
        (Some(slots), None) => match slots.try_take() {
            Some(slot) => Some(slot),
            None => return Gate::Busy,
        },
        (_, slot) => slot,
    };
    let request = match take(rates.requests.as_ref(), 1, at) {
        Ok(taken) => taken,
        Err(until) => return closed(until, Closed::Rate),
    };
    let give_back = |request: Option<Taken>| {
        if let (Some(limit), Some(taken)) = (&rates.requests, request) {
            limit.correct(taken, 0, at);
        }
    };
    let tokens = match take(rates.tokens.as_ref(), tokens, at) {
        Ok(taken) => taken,
        Err(until) => {
            give_back(request);
            return closed(until, Closed::Rate);
        }
    };
    // Another call may have become the probe since the breakers were looked at.
    let passes = breaker
        .admit(at)
        .and_then(|model| Ok((model, live.endpoint().admit(at)?)));
    match passes {
        Ok((model, endpoint)) => Gate::Open(Grant {
            breaker: Some(breaker),
            model: Some(model),
            endpoint: Some(endpoint),
            tokens,
            slot,
        }),
        Err(until) => {
            give_back(request);
            if let (Some(limit), Some(taken)) = (&rates.tokens, tokens) {
                limit.correct(taken, 0, at);
            }
            closed(until, Closed::Failing)
        }
    }
}

fn take(
    limit: Option<&RateLimit>,
    units: u64,
    now: std::time::Instant,
) -> Result<Option<Taken>, std::time::Instant> {
    limit.map(|limit| limit.try_take(units, now)).transpose()
}

impl Grant {
    /// The model says something: a probe has succeeded, and the others may come.
    pub(crate) fn answers(&mut self, now: Instant) {
        if let Some(pass) = self.endpoint.take() {
            pass.succeeded(now.into_std());
        }
        if let Some(pass) = self.model.take_if(|pass| pass.is_probe()) {
            pass.succeeded(now.into_std());
        }
    }

    /// The call ended, well or with that error, and used so many tokens.
    pub(crate) fn settle(mut self, live: &LiveState, error: Option<&Error>, tokens: u64, now: Instant) {
        let at = now.into_std();
        if let (Some(limit), Some(taken)) = (&live.rates().tokens, self.tokens.take()) {
            limit.correct(taken, tokens, at);
        }
        if let Some(error) = error {
            let clock = live.quota(at);
            clock.learn(error.quota(), at);
            let wait = match error.kind() {
                ErrorKind::RateLimited { retry_after } => Some(retry_after.unwrap_or(UNSTATED_HOLD)),
                _ => error.retry_after(),
            };
            if let Some(until) = wait.and_then(|wait| at.checked_add(wait)) {
                clock.hold_until(until, at);
            }
        }
        let verdict = error.map_or(Verdict::Up, Verdict::of);
        // A probe that had answered and was lost later is a failure of the time after it.
        let admit_again = || self.breaker.as_ref()?.admit(at).ok();
        match verdict {
            Verdict::Up => {
                if let Some(pass) = self.model.take() {
                    pass.succeeded(at);
                }
            }
            Verdict::Down | Verdict::Unreachable => {
                if let Some(pass) = self.model.take().or_else(admit_again) {
                    pass.failed(at);
                }
            }
            Verdict::Nothing => {}
        }
        match (verdict, self.endpoint.take()) {
            (Verdict::Unreachable, Some(pass)) => pass.failed(at),
            (Verdict::Up | Verdict::Down, Some(pass)) => pass.succeeded(at),
            (Verdict::Nothing, _) | (_, None) => {}
        }
        drop(self.slot);
    }
}

/// What the end of a call says about the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// It works: it answered, or blamed the request.
    Up,
    /// It does not.
    Down,
    /// Its server cannot be reached.
    Unreachable,
    /// Neither.
    Nothing,
}

impl Verdict {
    fn of(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::Connect if error.reached() => Self::Down,
            ErrorKind::Connect | ErrorKind::Timeout(TimeoutKind::Connect) => Self::Unreachable,
            ErrorKind::Server
            | ErrorKind::Overloaded { .. }
            | ErrorKind::Timeout(TimeoutKind::Response | TimeoutKind::FirstToken | TimeoutKind::Idle)
            | ErrorKind::Protocol
            | ErrorKind::StreamLost
            // Every caller would be refused in the same way.
            | ErrorKind::Auth
            | ErrorKind::Billing
            | ErrorKind::ModelNotFound
            | ErrorKind::Configuration => Self::Down,
            // A rate limit moves the quota clock; the deadline is the caller's.
            ErrorKind::RateLimited { .. }
            | ErrorKind::Timeout(TimeoutKind::Total)
            | ErrorKind::BudgetExceeded
            | ErrorKind::Cancelled => Self::Nothing,
            _ => Self::Up,
        }
    }
}
