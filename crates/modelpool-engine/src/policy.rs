//! What the pool does when something fails: how often it asks again, how long it waits, what becomes
//! of a stream that is lost.

use std::time::Duration;

/// How far a request goes to get an answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryPolicy {
    /// Most models tried for one request; at least 1.
    pub max_models: u32,
    /// Calls of one model beyond its first, within one request.
    pub same_model: u32,
    /// The pause before the first such call, of which a random part is waited (full jitter:
    /// <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>); it doubles with each.
    pub backoff_first: Duration,
    /// The longest that pause becomes.
    pub backoff_cap: Duration,
    /// The longest a request waits for a model that may not be called yet (a rate limit, an open
    /// breaker) when no other can take it. A deadline the caller set allows all of its time.
    pub max_wait: Duration,
    /// Whether a request that one vendor refused for its content is shown to the next. Else the caller is told
    /// of the refusal.
    pub refusals_fail_over: bool,
}

impl Default for RetryPolicy {
    /// 4 models, 1 further call of each, 250 ms doubling to 4 s, 3 s, refusals are passed on.
    fn default() -> Self {
        Self {
            max_models: 4,
            same_model: 1,
            backoff_first: Duration::from_millis(250),
            backoff_cap: Duration::from_secs(4),
            max_wait: Duration::from_secs(3),
            refusals_fail_over: false,
        }
    }
}

impl RetryPolicy {
    /// Most calls for one request, continuations included.
    pub(crate) fn max_calls(&self) -> u32 {
        self.max_models.saturating_mul(self.same_model.saturating_add(1))
    }

    /// The pause before the call after `failures` of one model, 1 at least; `share` is random, 0..1.
    pub(crate) fn backoff(&self, failures: u32, share: f64) -> Duration {
        let doubled = self
            .backoff_first
            .saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1)));
        doubled.min(self.backoff_cap).mul_f64(share.clamp(0.0, 1.0))
    }
}

/// What becomes of a stream that is lost after the caller has seen some of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnLoss {
    /// Another call goes on from the delivered text where that is possible (one answer of plain text),
    /// and the caller reads one whole answer; otherwise as [`OnLoss::Error`].
    #[default]
    Continue,
    /// It ends with an error.
    Error,
    /// Nothing is delivered before all of the answer is there, so every loss can be made good by asking
    /// anew. The caller waits longer for the first token.
    Buffer,
}

/// A second call where the first is slow to begin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hedging {
    /// Most further calls, as a share of all calls, 0..=1.
    pub max_share: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_cap() {
        let policy = RetryPolicy::default();
        let pauses = [1, 2, 5, 6, 60].map(|failures| policy.backoff(failures, 1.0).as_millis());
        assert_eq!(pauses, [250, 500, 4000, 4000, 4000]);
        assert_eq!(policy.backoff(3, 0.5), Duration::from_millis(500));
        assert_eq!(policy.max_calls(), 8);
    }
}
