//! What is recorded of one call.

use std::time::Duration;

use super::sketch::Bucket;

/// The class of calls whose caller went away.
pub(super) const CANCELLED: &str = "cancelled";

/// One call to one model, ended.
///
/// ```
/// # use std::time::Duration;
/// use modelpool_core::statistics::CallRecord;
/// let answered = CallRecord {
///     latency: Duration::from_millis(1_200),
///     first_token: Some(Duration::from_millis(200)),
///     input_tokens: 1_000,
///     output_tokens: 80,
///     streamed: true,
///     ..CallRecord::default()
/// };
/// let refused = CallRecord { class: Some("rate_limited"), ..CallRecord::default() };
/// # let _ = (answered, refused);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CallRecord {
    /// `None` where it succeeded; else the [code](crate::Error::code) of the failure. `cancelled` is no failure:
    /// the caller went away, which says nothing of the model.
    pub class: Option<&'static str>,
    /// From the beginning of the call to its end.
    pub latency: Duration,
    /// From the beginning of the call to the first meaningful output, where there was any.
    pub first_token: Option<Duration>,
    /// All input tokens, cached ones included.
    pub input_tokens: u64,
    /// All output tokens, reasoning included.
    pub output_tokens: u64,
    /// Input tokens the vendor read from its cache.
    pub cached_input_tokens: u64,
    /// Input tokens the vendor wrote to its cache.
    pub cache_write_tokens: u64,
    /// Images made.
    pub images: u64,
    /// What it cost in US dollars, where usage and price are known.
    pub cost_usd: Option<f64>,
    /// Whether the answer came as a stream.
    pub streamed: bool,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Ending {
    Succeeded,
    Failed(&'static str),
    Cancelled,
}

/// A value with its bucket, which is found once and counted in several sketches.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measured {
    pub(super) bucket: Option<Bucket>,
    pub(super) value: f64,
}

impl Measured {
    fn new(value: f64) -> Self {
        Self {
            bucket: Bucket::of(value),
            value,
        }
    }

    fn milliseconds(duration: Duration) -> Self {
        Self::new(duration.as_secs_f64() * 1000.0)
    }
}

impl CallRecord {
    pub(super) fn ending(&self) -> Ending {
        match self.class {
            None => Ending::Succeeded,
            Some(CANCELLED) => Ending::Cancelled,
            Some(class) => Ending::Failed(class),
        }
    }

    pub(super) fn latency_ms(&self) -> Measured {
        Measured::milliseconds(self.latency)
    }

    /// Of streams only: the other answers come at once, whenever their first token was made.
    pub(super) fn first_token_ms(&self) -> Option<Measured> {
        let first_token = self.first_token.filter(|_| self.streamed)?;
        Some(Measured::milliseconds(first_token))
    }

    pub(super) fn output_length(&self) -> Measured {
        Measured::new(self.output_tokens as f64)
    }

    /// The time in which the output was made: of a stream from its first token on, unless everything came at
    /// once; else the whole latency.
    pub(super) fn generating_seconds(&self) -> f64 {
        let first_token = self.first_token.filter(|_| self.streamed).unwrap_or_default();
        let after_first = self.latency.saturating_sub(first_token);
        let generating = if after_first.is_zero() {
            self.latency
        } else {
            after_first
        };
        generating.as_secs_f64()
    }

    /// What it cost, where that is known; not a number is not known.
    pub(super) fn known_cost_usd(&self) -> Option<f64> {
        self.cost_usd.filter(|cost| cost.is_finite())
    }

    /// Whether it cost something that nobody knows. A call that failed without using a token cost nothing.
    pub(super) fn is_unpriced(&self) -> bool {
        let used_something =
            self.class.is_none() || self.input_tokens > 0 || self.output_tokens > 0 || self.images > 0;
        self.known_cost_usd().is_none() && used_something
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_of_cancelled_calls_is_the_code_of_the_error() {
        assert_eq!(CANCELLED, crate::ErrorKind::Cancelled.code());
    }

    #[test]
    fn output_is_made_after_the_first_token_of_a_stream_and_in_all_of_the_time_otherwise() {
        let record = CallRecord {
            latency: Duration::from_millis(1_500),
            first_token: Some(Duration::from_millis(500)),
            streamed: true,
            ..CallRecord::default()
        };
        let at_once = CallRecord {
            first_token: Some(record.latency),
            ..record
        };
        let plain = CallRecord {
            streamed: false,
            ..record
        };
        assert_eq!(record.generating_seconds(), 1.0);
        assert_eq!(at_once.generating_seconds(), 1.5);
        assert_eq!(plain.generating_seconds(), 1.5);
    }

    #[test]
    fn only_what_used_something_can_lack_a_price() {
        let success = CallRecord::default();
        let refused = CallRecord {
            class: Some("connect"),
            ..success
        };
        let broken_off = CallRecord {
            output_tokens: 3,
            ..refused
        };
        let priced = CallRecord {
            cost_usd: Some(0.0),
            ..success
        };
        let absurd = CallRecord {
            cost_usd: Some(f64::NAN),
            ..success
        };
        let unpriced = [success, refused, broken_off, priced, absurd].map(|record| record.is_unpriced());
        assert_eq!(unpriced, [true, false, true, false, true]);
    }
}
