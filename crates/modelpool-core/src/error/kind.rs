//! The kinds of failure, and the verdict on each.

use std::sync::Arc;
use std::time::Duration;

use crate::capability::Flag;
use crate::plan::NoModelFits;

/// What happened.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The vendor's rate limit; with the time it asked to wait, where it said so.
    RateLimited {
        /// How long the vendor asked to wait.
        retry_after: Option<Duration>,
    },
    /// The vendor has no capacity at the moment.
    Overloaded {
        /// How long the vendor asked to wait.
        retry_after: Option<Duration>,
    },
    /// The upstream failed (status 5xx).
    Server,
    /// No connection: refused, unreachable, name not found, TLS failed, or reset before an answer.
    Connect,
    /// It took too long.
    Timeout(TimeoutKind),
    /// The input does not fit the model's context window.
    ContextLength {
        /// The window in tokens, where the upstream said so.
        window: Option<u64>,
    },
    /// The vendor refused the content.
    ContentFilter,
    /// The model does not support something the request needs.
    Unsupported {
        /// What it lacks, where that is one of the built-in capabilities.
        capability: Option<Flag>,
    },
    /// The model does not go on from a partial answer of the assistant, or has no template for the
    /// order of the roles that this makes.
    PrefillRefused,
    /// The request is wrong, and would be wrong for every model.
    InvalidRequest,
    /// The upstream refused our key, or what the key may do.
    Auth,
    /// The vendor's account has no money or no quota left.
    Billing,
    /// The vendor does not know the model, or no longer has it.
    ModelNotFound,
    /// The answer is not what the wire protocol says it should be.
    Protocol,
    /// The stream ended before the answer was complete.
    StreamLost,
    /// The caller's budget is used up.
    BudgetExceeded,
    /// No model of the pool meets the requirements.
    NoModelFits(Arc<NoModelFits>),
    /// The entry cannot be called as it is configured: provider unknown, address or key missing.
    Configuration,
    /// The caller may not use the model.
    Forbidden,
    /// The caller went away.
    Cancelled,
}

/// Which limit a timeout ran into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeoutKind {
    /// Connecting.
    Connect,
    /// The head of a plain answer.
    Response,
    /// The first meaningful event of a stream.
    FirstToken,
    /// The pause between two events of a stream, or two parts of a plain answer.
    Idle,
    /// The deadline of the whole request.
    Total,
}

impl TimeoutKind {
    /// The key of the limit in the configuration.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            TimeoutKind::Connect => "connect_ms",
            TimeoutKind::Response => "response_ms",
            TimeoutKind::FirstToken => "first_token_ms",
            TimeoutKind::Idle => "idle_ms",
            TimeoutKind::Total => "total_ms",
        }
    }
}

/// What to do about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The same model may well succeed at once.
    RetrySame,
    /// Another model may succeed.
    FailOver,
    /// Nothing would help: tell the caller.
    Stop,
}

impl ErrorKind {
    /// What to do about a failure of this kind.
    ///
    /// | kind | verdict | why |
    /// |---|---|---|
    /// | `server` | retry the same | often gone a moment later |
    /// | `connect` | retry the same | often gone a moment later |
    /// | `rate_limited` | fail over | asking again at once makes it worse |
    /// | `overloaded` | fail over | asking again at once makes it worse |
    /// | `timeout` | fail over | the next may be faster |
    /// | `timeout` of `total_ms` | stop | there is no time left for anything |
    /// | `context_length` | fail over | to a model that is larger |
    /// | `unsupported` | fail over | to a model that supports it |
    /// | `prefill_refused` | fail over | to a model that goes on, or to a restart |
    /// | `auth` | fail over | of this entry alone |
    /// | `billing` | fail over | of this entry alone |
    /// | `model_not_found` | fail over | of this entry alone |
    /// | `configuration` | fail over | of this entry alone |
    /// | `protocol` | fail over | the next may answer properly |
    /// | `stream_lost` | fail over | the next may answer properly |
    /// | `content_filter` | stop | a refusal is not shopped around |
    /// | `invalid_request` | stop | the same everywhere |
    /// | `forbidden` | stop | the same everywhere |
    /// | `budget_exceeded` | stop | the same everywhere |
    /// | `no_model_fits` | stop | the same everywhere |
    /// | `cancelled` | stop | nobody waits for an answer |
    #[must_use]
    pub const fn verdict(&self) -> Verdict {
        self.row().1
    }

    /// A short, fixed name of the kind, for logs and labels.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.row().0
    }

    /// The table of the kinds: code and verdict of each. The one above is tested against it.
    const fn row(&self) -> (&'static str, Verdict) {
        use Verdict::{FailOver, RetrySame, Stop};
        match self {
            ErrorKind::Server => ("server", RetrySame),
            ErrorKind::Connect => ("connect", RetrySame),
            ErrorKind::RateLimited { .. } => ("rate_limited", FailOver),
            ErrorKind::Overloaded { .. } => ("overloaded", FailOver),
            ErrorKind::Timeout(TimeoutKind::Total) => ("timeout", Stop),
            ErrorKind::Timeout(
                TimeoutKind::Connect | TimeoutKind::Response | TimeoutKind::FirstToken | TimeoutKind::Idle,
            ) => ("timeout", FailOver),
            ErrorKind::ContextLength { .. } => ("context_length", FailOver),
            ErrorKind::Unsupported { .. } => ("unsupported", FailOver),
            ErrorKind::PrefillRefused => ("prefill_refused", FailOver),
            ErrorKind::Auth => ("auth", FailOver),
            ErrorKind::Billing => ("billing", FailOver),
            ErrorKind::ModelNotFound => ("model_not_found", FailOver),
            ErrorKind::Configuration => ("configuration", FailOver),
            ErrorKind::Protocol => ("protocol", FailOver),
            ErrorKind::StreamLost => ("stream_lost", FailOver),
            ErrorKind::ContentFilter => ("content_filter", Stop),
            ErrorKind::InvalidRequest => ("invalid_request", Stop),
            ErrorKind::Forbidden => ("forbidden", Stop),
            ErrorKind::BudgetExceeded => ("budget_exceeded", Stop),
            ErrorKind::NoModelFits(_) => ("no_model_fits", Stop),
            ErrorKind::Cancelled => ("cancelled", Stop),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of each kind, with its name in the table of the documentation.
    fn kinds() -> Vec<(String, ErrorKind)> {
        let retry_after = None;
        let no_model_fits = Arc::new(NoModelFits {
            unknown_keys: Vec::new(),
            rejected: Vec::new(),
            pool_is_empty: true,
            input_too_long: false,
        });
        let mut named: Vec<_> = [
            ErrorKind::Server,
            ErrorKind::Connect,
            ErrorKind::RateLimited { retry_after },
            ErrorKind::Overloaded { retry_after },
            ErrorKind::Timeout(TimeoutKind::Idle),
            ErrorKind::ContextLength { window: None },
            ErrorKind::Unsupported { capability: None },
            ErrorKind::PrefillRefused,
            ErrorKind::Auth,
            ErrorKind::Billing,
            ErrorKind::ModelNotFound,
            ErrorKind::Configuration,
            ErrorKind::Protocol,
            ErrorKind::StreamLost,
            ErrorKind::ContentFilter,
            ErrorKind::InvalidRequest,
            ErrorKind::Forbidden,
            ErrorKind::BudgetExceeded,
            ErrorKind::NoModelFits(no_model_fits),
            ErrorKind::Cancelled,
        ]
        .into_iter()
        .map(|kind| (format!("`{}`", kind.code()), kind))
        .collect();
        named.push((
            "`timeout` of `total_ms`".to_owned(),
            ErrorKind::Timeout(TimeoutKind::Total),
        ));
        named
    }

    #[test]
    fn the_documented_table_is_the_one_the_code_reads() {
        let mut documented: Vec<(String, &str)> = include_str!("kind.rs")
            .lines()
            .filter_map(|line| line.trim().strip_prefix("/// | ")?.split_once(" | "))
            .filter(|(name, _)| name.starts_with('`'))
            .map(|(name, rest)| (name.to_owned(), rest.split(" | ").next().unwrap()))
            .collect();
        let mut held: Vec<(String, &str)> = kinds()
            .into_iter()
            .map(|(name, kind)| match kind.verdict() {
                Verdict::RetrySame => (name, "retry the same"),
                Verdict::FailOver => (name, "fail over"),
                Verdict::Stop => (name, "stop"),
            })
            .collect();
        documented.sort();
        held.sort();
        assert_eq!(documented, held);
    }
}
