//! How long a vendor asks to wait.

use std::time::Duration;

use http::HeaderMap;
use http::header::RETRY_AFTER;
use modelpool_core::quota::QuotaReport;

use super::Signals;
use super::quota::quota_report;
use super::time::{between, http_date, made_at, seconds, span};

/// What stands before a span in a message.
static BEFORE_A_SPAN: [&str; 7] = [
    "try again in ",
    "try again after ",
    "retry after ",
    "retry in ",
    "retrying in ",
    "reset after ",
    "please wait ",
];

/// How long the vendor asks to wait before the next request; at most a day.
///
/// The first of these that is there, the most deliberate first:
///
/// | where | form |
/// |---|---|
/// | `retry-after-ms` | milliseconds |
/// | `Retry-After` | seconds, also with a fraction, or a date, measured against the answer's `Date` |
/// | the body's own value | Google's `retryDelay`, `estimated_time` of a model that loads |
/// | the message | "Please try again in 1.2s", "retry after 86400 seconds" |
/// | resets of limits that are used up | see [`quota_report`]; the longest |
///
/// The reset of a limit that is not used up is not waited for: it says when all of it is back.
#[must_use]
pub fn waiting(headers: &HeaderMap, signals: &Signals) -> Option<Duration> {
    from_headers(headers)
        .or(signals.retry_after)
        .or_else(|| from_message(&signals.message))
        .or_else(|| until_reset(&quota_report(headers)))
}

fn from_headers(headers: &HeaderMap) -> Option<Duration> {
    let number = |text: &str| text.trim().parse::<f64>().ok();
    let milliseconds = headers
        .get("retry-after-ms")
        .and_then(|value| number(value.to_str().ok()?))
        .and_then(|milliseconds| seconds(milliseconds / 1000.0));
    milliseconds.or_else(|| {
        let text = headers.get(RETRY_AFTER)?.to_str().ok()?;
        match number(text) {
            Some(number) => seconds(number),
            None => Some(between(made_at(headers)?, http_date(text)?)),
        }
    })
}

fn from_message(message: &str) -> Option<Duration> {
    BEFORE_A_SPAN
        .iter()
        .find_map(|words| span(message.split_once(words)?.1))
}

/// The time until every limit that is used up is back.
pub(super) fn until_reset(quota: &QuotaReport) -> Option<Duration> {
    [quota.requests, quota.tokens]
        .into_iter()
        .filter(|allowance| allowance.remaining.is_none_or(|remaining| remaining == 0))
        .filter_map(|allowance| allowance.resets_in)
        .max()
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn wait(headers: &[(&'static str, &'static str)], message: &str) -> Option<Duration> {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        let signals = Signals {
            message: message.to_owned(),
            ..Signals::default()
        };
        waiting(&headers, &signals)
    }

    #[test]
    fn retry_after_in_seconds_and_milliseconds() {
        let header = |name, value| wait(&[(name, value)], "");
        assert_eq!(header("retry-after", "20"), Some(Duration::from_secs(20)));
        assert_eq!(header("retry-after", "0.5"), Some(Duration::from_millis(500)));
        assert_eq!(header("retry-after-ms", "250"), Some(Duration::from_millis(250)));
        assert_eq!(
            header("retry-after", "999999999"),
            Some(Duration::from_secs(86_400))
        );
        for nonsense in ["-1", "soon", "NaN", ""] {
            assert_eq!(header("retry-after", nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn retry_after_as_a_date_needs_the_date_of_the_answer() {
        let until = ("retry-after", "Thu, 21 Aug 2025 12:41:30 GMT");
        let date = ("date", "Thu, 21 Aug 2025 12:41:00 GMT");
        assert_eq!(wait(&[until], ""), None);
        assert_eq!(wait(&[until, date], ""), Some(Duration::from_secs(30)));
        let passed = ("retry-after", "Thu, 21 Aug 2025 12:40:00 GMT");
        assert_eq!(wait(&[passed, date], ""), Some(Duration::ZERO));
    }

    #[test]
    fn the_message_says_it_where_no_header_does() {
        let message = "rate limit reached. please try again in 1.2s. visit the page";
        assert_eq!(wait(&[], message), Some(Duration::from_millis(1200)));
        assert_eq!(
            wait(&[("retry-after", "2")], message),
            Some(Duration::from_secs(2))
        );
        assert_eq!(wait(&[], "try again in a while"), None);
    }

    #[test]
    fn only_limits_that_are_used_up_are_waited_for() {
        let tokens = [
            ("x-ratelimit-remaining-requests", "12"),
            ("x-ratelimit-reset-requests", "1h0m0s"),
            ("x-ratelimit-remaining-tokens", "0"),
            ("x-ratelimit-reset-tokens", "1m30s"),
        ];
        assert_eq!(wait(&tokens, ""), Some(Duration::from_secs(90)));
        assert_eq!(wait(&tokens[..2], ""), None);
    }
}
