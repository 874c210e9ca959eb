//! How much one caller may use in any minute.
//!
//! | when | a request | its tokens |
//! |---|---|---|
//! | it comes | is taken | are taken by estimate: the input, and the output asked for |
//! | it is refused for either | is given back | are given back |
//! | it is settled | stays taken | become those that were used |
//!
//! A call whose tokens are above the whole limit passes when nothing else was used within the minute, as
//! everywhere in [`RateLimit`]. What calls under way use beyond their estimates counts against those that
//! come after, so within a minute a caller gets the limit, and at most what its calls under way had not
//! announced.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Instant;

use modelpool_core::rate::{RateLimit, Taken};
use modelpool_core::{Error, ErrorKind, RequestFacts};

#[cfg(test)]
mod tests;

/// Requests and tokens of one caller, shared by all its calls.
#[derive(Debug)]
pub struct CallerLimits {
    requests: Option<RateLimit>,
    tokens: Option<RateLimit>,
}

/// A request that was let in.
#[derive(Debug)]
pub(crate) struct Admitted {
    limits: Arc<CallerLimits>,
    tokens: Option<Taken>,
}

impl CallerLimits {
    /// So many requests, and so many tokens (input and output), in any minute; `None` is no limit.
    #[must_use]
    pub fn per_minute(requests: Option<NonZeroU64>, tokens: Option<NonZeroU64>) -> Self {
        Self {
            requests: requests.map(RateLimit::per_minute),
            tokens: tokens.map(RateLimit::per_minute),
        }
    }

    /// Lets a request in.
    ///
    /// # Errors
    /// [`ErrorKind::RateLimited`] with the time after which it would be let in, if the caller asks for
    /// nothing else until then.
    pub(crate) fn admit(self: &Arc<Self>, facts: &RequestFacts, now: Instant) -> Result<Admitted, Error> {
        // Both are asked, even if the first refuses: the time to wait is the longer one.
        let request = take(self.requests.as_ref(), 1, now);
        let tokens = take(self.tokens.as_ref(), estimate(facts), now);
        let (request, tokens) = match (request, tokens) {
            (Ok(_), Ok(tokens)) => {
                let limits = Arc::clone(self);
                return Ok(Admitted { limits, tokens });
            }
            refused => refused,
        };
        let mut used_up = Vec::with_capacity(2);
        let mut until = now;
        for (limit, taken, unit) in [
            (&self.requests, request, "requests"),
            (&self.tokens, tokens, "tokens"),
        ] {
            match (limit, taken) {
                (Some(limit), Ok(Some(taken))) => limit.correct(taken, 0, now),
                (Some(limit), Err(fits_at)) => {
                    until = until.max(fits_at);
                    used_up.push(format!("{unit} per minute: {}", limit.limit()));
                }
                _ => {}
            }
        }
        let wait = until.saturating_duration_since(now);
        let message = format!(
            "the limit of this key is used up ({}); there is room again in {} s",
            used_up.join(", "),
            wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
        );
        let retry_after = Some(wait);
        Err(Error::new(ErrorKind::RateLimited { retry_after }, message))
    }
}

impl Admitted {
    /// The request ended, and its calls used so many tokens together.
    pub(crate) fn settle(self, tokens: u64, now: Instant) {
        if let (Some(limit), Some(taken)) = (&self.limits.tokens, self.tokens) {
            limit.correct(taken, tokens, now);
        }
    }
}

fn take(limit: Option<&RateLimit>, units: u64, now: Instant) -> Result<Option<Taken>, Instant> {
    limit.map(|limit| limit.try_take(units, now)).transpose()
}

/// What a request will use, as far as it says so itself.
fn estimate(facts: &RequestFacts) -> u64 {
    let answers = u64::from(facts.choices.max(1));
    let output = facts.output_tokens.unwrap_or(0).saturating_mul(answers);
    facts.input_tokens.saturating_add(output)
}
