//! What an answer's headers say of the account's limits.

use std::cell::LazyCell;

use http::HeaderMap;
use jiff::Timestamp;
use modelpool_core::quota::{Allowance, QuotaReport};

use super::time::{made_at, reset};

/// What all names of such headers begin with, so that an answer without them costs one pass over
/// its names.
const FAMILIES: [&str; 3] = ["x-ratelimit-", "anthropic-ratelimit-", "ratelimit-"];

#[derive(Clone, Copy)]
enum Of {
    Requests,
    Tokens,
}

/// The names of one limit: the most, what is left, when it is back.
struct Names {
    of: Of,
    limit: &'static str,
    remaining: &'static str,
    reset: &'static str,
}

const fn names(of: Of, limit: &'static str, remaining: &'static str, reset: &'static str) -> Names {
    Names {
        of,
        limit,
        remaining,
        reset,
    }
}

/// The names vendors use; of several for the same limit, the first that is there counts.
///
/// OpenAI's, which most vendors have taken over: <https://platform.openai.com/docs/guides/rate-limits>.
/// Anthropic's: <https://docs.anthropic.com/en/api/rate-limits>; its `tokens` are those of the
/// limit that is closest. Mistral's as seen in <https://github.com/mistralai/client-ts/issues/169>,
/// OpenRouter's in <https://github.com/Gitlawb/openclaude/issues/936>. Cerebras' (per day and per
/// minute) and the draft of the IETF from memory.
static NAMES: [Names; 11] = [
    names(
        Of::Requests,
        "x-ratelimit-limit-requests",
        "x-ratelimit-remaining-requests",
        "x-ratelimit-reset-requests",
    ),
    names(
        Of::Tokens,
        "x-ratelimit-limit-tokens",
        "x-ratelimit-remaining-tokens",
        "x-ratelimit-reset-tokens",
    ),
    names(
        Of::Requests,
        "anthropic-ratelimit-requests-limit",
        "anthropic-ratelimit-requests-remaining",
        "anthropic-ratelimit-requests-reset",
    ),
    names(
        Of::Tokens,
        "anthropic-ratelimit-tokens-limit",
        "anthropic-ratelimit-tokens-remaining",
        "anthropic-ratelimit-tokens-reset",
    ),
    names(
        Of::Tokens,
        "anthropic-ratelimit-input-tokens-limit",
        "anthropic-ratelimit-input-tokens-remaining",
        "anthropic-ratelimit-input-tokens-reset",
    ),
    names(
        Of::Requests,
        "x-ratelimit-limit-req-minute",
        "x-ratelimit-remaining-req-minute",
        "x-ratelimit-reset-req-minute",
    ),
    names(
        Of::Tokens,
        "x-ratelimit-limit-tokens-minute",
        "x-ratelimit-remaining-tokens-minute",
        "x-ratelimit-reset-tokens-minute",
    ),
    names(
        Of::Requests,
        "x-ratelimit-limit-requests-minute",
        "x-ratelimit-remaining-requests-minute",
        "x-ratelimit-reset-requests-minute",
    ),
    names(
        Of::Requests,
        "x-ratelimit-limit-requests-day",
        "x-ratelimit-remaining-requests-day",
        "x-ratelimit-reset-requests-day",
    ),
    names(
        Of::Requests,
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
    ),
    names(
        Of::Requests,
        "ratelimit-limit",
        "ratelimit-remaining",
        "ratelimit-reset",
    ),
];

/// What the headers of an answer say of the account's limits; empty where they say nothing.
///
/// A reset that is given as a moment is measured against the answer's own `Date`, and left out
/// without one.
#[must_use]
pub fn quota_report(headers: &HeaderMap) -> QuotaReport {
    read(headers, || made_at(headers))
}

pub(super) fn read(headers: &HeaderMap, made_at: impl FnOnce() -> Option<Timestamp>) -> QuotaReport {
    let mut report = QuotaReport::default();
    let speaks_of_limits = headers
        .keys()
        .any(|name| FAMILIES.iter().any(|family| name.as_str().starts_with(family)));
    if !speaks_of_limits {
        return report;
    }
    let made_at = LazyCell::new(made_at);
    for names in &NAMES {
        let allowance = match names.of {
            Of::Requests => &mut report.requests,
            Of::Tokens => &mut report.tokens,
        };
        // Parts of two limits do not make one.
        if *allowance != Allowance::default() {
            continue;
        }
        let text = |name: &str| headers.get(name)?.to_str().ok();
        let count = |name: &str| text(name)?.trim().parse::<u64>().ok();
        *allowance = Allowance {
            limit: count(names.limit),
            remaining: count(names.remaining),
            resets_in: text(names.reset).and_then(|text| reset(text, || *made_at)),
        };
    }
    report
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::{HeaderName, HeaderValue};

    use super::*;

    fn report(headers: &[(&'static str, &'static str)]) -> QuotaReport {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        quota_report(&headers)
    }

    #[test]
    fn openais_family() {
        let read = report(&[
            ("x-ratelimit-limit-requests", "5000"),
            ("x-ratelimit-remaining-requests", "4999"),
            ("x-ratelimit-reset-requests", "12ms"),
            ("x-ratelimit-limit-tokens", "160000"),
            ("x-ratelimit-remaining-tokens", "159976"),
            ("x-ratelimit-reset-tokens", "6m0s"),
        ]);
        let requests = Allowance {
            limit: Some(5000),
            remaining: Some(4999),
            resets_in: Some(Duration::from_millis(12)),
        };
        assert_eq!(read.requests, requests);
        assert_eq!(read.tokens.remaining, Some(159_976));
        assert_eq!(read.tokens.resets_in, Some(Duration::from_secs(360)));
    }

    #[test]
    fn anthropics_family_is_measured_against_the_date() {
        let headers = [
            ("anthropic-ratelimit-input-tokens-limit", "80000"),
            ("anthropic-ratelimit-input-tokens-remaining", "80000"),
            ("anthropic-ratelimit-requests-limit", "1000"),
            ("anthropic-ratelimit-requests-remaining", "999"),
            ("anthropic-ratelimit-requests-reset", "2025-08-21T12:41:05Z"),
            ("anthropic-ratelimit-tokens-limit", "96000"),
            ("anthropic-ratelimit-tokens-remaining", "96000"),
        ];
        let read = report(&headers);
        assert_eq!((read.tokens.limit, read.requests.resets_in), (Some(96_000), None));
        let dated = [&headers[..], &[("date", "Thu, 21 Aug 2025 12:41:00 GMT")]].concat();
        let read = report(&dated);
        assert_eq!(read.requests.resets_in, Some(Duration::from_secs(5)));
    }

    #[test]
    fn other_families_and_none() {
        let mistral = report(&[
            ("x-ratelimit-limit-req-minute", "720"),
            ("x-ratelimit-remaining-tokens-minute", "4999911"),
        ]);
        assert_eq!(mistral.requests.limit, Some(720));
        assert_eq!(mistral.tokens.remaining, Some(4_999_911));
        let openrouter = report(&[
            ("date", "Thu, 21 Aug 2025 12:41:00 GMT"),
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "1755780120000"),
        ]);
        assert_eq!(openrouter.requests.resets_in, Some(Duration::from_secs(60)));
        let nothing = [("content-type", "application/json"), ("retry-after", "3")];
        assert_eq!(report(&nothing), QuotaReport::default());
        let nonsense = [("x-ratelimit-limit-requests", "many")];
        assert_eq!(report(&nonsense), QuotaReport::default());
    }
}
