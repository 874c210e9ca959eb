//! Spans and moments as vendors write them.

use std::time::Duration;

use http::HeaderMap;
use http::header::DATE;
use jiff::Timestamp;
use jiff::fmt::rfc2822;

/// No wait is longer; what says so is cut to it. The longest that is meant is a quota per day.
pub(super) const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// A number above this is a moment in seconds since 1970, not a span.
const EPOCH_SECONDS: f64 = 1e9;
/// A number above this is a moment in milliseconds since 1970.
const EPOCH_MILLISECONDS: f64 = 1e12;

/// A span of that many seconds: `None` where it is negative or no number, at most a day.
pub(super) fn seconds(value: f64) -> Option<Duration> {
    if value.is_nan() || value < 0.0 {
        return None;
    }
    Some(Duration::try_from_secs_f64(value).map_or(LONGEST, |span| span.min(LONGEST)))
}

/// A span with units at the beginning of a text: `20ms`, `1.2s`, `6m0s`, `1 minute 30 seconds`.
/// What follows it does not matter.
pub(super) fn span(text: &str) -> Option<Duration> {
    let mut rest = text.trim_start();
    let mut total = None;
    loop {
        let digits = rest
            .find(|character: char| !character.is_ascii_digit() && character != '.')
            .unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let after = after.trim_start();
        let letters = after
            .find(|character: char| !character.is_alphabetic())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let (Ok(number), Some(unit)) = (number.parse::<f64>(), unit_seconds(unit)) else {
            break;
        };
        total = Some(total.unwrap_or(0.0) + number * unit);
        rest = after.trim_start();
    }
    seconds(total?)
}

fn unit_seconds(unit: &str) -> Option<f64> {
    Some(match unit {
        "ns" => 1e-9,
        "us" | "µs" | "μs" => 1e-6,
        "ms" | "millisecond" | "milliseconds" => 1e-3,
        "s" | "sec" | "secs" | "second" | "seconds" | "秒" => 1.0,
        "m" | "min" | "mins" | "minute" | "minutes" | "分钟" => 60.0,
        "h" | "hr" | "hrs" | "hour" | "hours" | "小时" => 3600.0,
        "d" | "day" | "days" | "天" => 86_400.0,
        _ => return None,
    })
}

/// The moment an answer was made, by its own `Date`. What moments in other headers are measured
/// against: no clock of ours, which may differ from the vendor's.
pub(super) fn made_at(headers: &HeaderMap) -> Option<Timestamp> {
    http_date(headers.get(DATE)?.to_str().ok()?)
}

/// A date of HTTP: `Sun, 06 Nov 1994 08:49:37 GMT`
/// (<https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7>).
pub(super) fn http_date(text: &str) -> Option<Timestamp> {
    rfc2822::DateTimeParser::new()
        .relaxed_weekday(true)
        .parse_timestamp(text.trim())
        .ok()
}

/// The time from one moment to another, which is none where it has passed.
pub(super) fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).map_or(Duration::ZERO, |span| span.min(LONGEST))
}

/// When a limit is reset, as a span with units, in seconds, as a moment since 1970 in seconds or
/// milliseconds, or as a moment of RFC 3339. Only moments need to know when the answer was made.
pub(super) fn reset(text: &str, made_at: impl FnOnce() -> Option<Timestamp>) -> Option<Duration> {
    let text = text.trim();
    if let Ok(number) = text.parse::<f64>() {
        let moment = if number >= EPOCH_MILLISECONDS {
            Timestamp::from_millisecond(number as i64)
        } else if number >= EPOCH_SECONDS {
            Timestamp::from_second(number as i64)
        } else {
            return seconds(number);
        };
        return Some(between(made_at()?, moment.ok()?));
    }
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(between(made_at()?, moment));
    }
    span(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spans() {
        for (text, milliseconds) in [
            ("6ms", 6),
            ("1s", 1000),
            ("1.2s. visit", 1200),
            ("6m0s", 360_000),
            ("1m30s", 90_000),
            ("2m59.56s", 179_560),
            ("1h2m3s", 3_723_000),
            ("34.074824224s", 34_074),
            ("86400 seconds", 86_400_000),
            ("1 minute 30 seconds", 90_000),
            ("20 秒", 20_000),
            ("3 days", 86_400_000),
        ] {
            let read = span(text).map(|span| span.as_millis());
            assert_eq!(read, Some(milliseconds), "{text}");
        }
        for text in ["", "5", "soon", "-3s", "1.2.3s", "5 tokens"] {
            assert_eq!(span(text), None, "{text}");
        }
    }

    #[test]
    fn resets_are_measured_against_the_answers_own_date() {
        let made_at = http_date("Thu, 21 Aug 2025 12:41:00 GMT");
        let in_seconds = |text| reset(text, || made_at).map(|span| span.as_secs());
        assert_eq!(in_seconds("2025-08-21T12:42:30Z"), Some(90));
        assert_eq!(in_seconds("2025-08-21T12:40:59Z"), Some(0));
        assert_eq!(in_seconds("1755780120"), Some(60));
        assert_eq!(in_seconds("1755780120000"), Some(60));
        assert_eq!(in_seconds("2m0s"), Some(120));
        assert_eq!(in_seconds("33011.382867097855"), Some(33_011));
        assert_eq!(in_seconds("-1"), None);
        assert_eq!(in_seconds("NaN"), None);
        assert_eq!(in_seconds("2035-01-01T00:00:00Z"), Some(86_400));
        assert_eq!(reset("2025-08-21T12:42:30Z", || None), None);
        assert_eq!(reset("1755780120000", || None), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic_and_within_a_day(text in ".{0,40}", date in ".{0,40}") {
            let moment = http_date(&date);
            for read in [span(&text), reset(&text, || moment), reset(&text, || Timestamp::from_second(0).ok())] {
                prop_assert!(read.is_none_or(|span| span <= LONGEST));
            }
        }

        #[test]
        fn any_number_is_read_within_a_day(number in any::<f64>()) {
            let read = [seconds(number), reset(&number.to_string(), || Timestamp::from_second(0).ok())];
            prop_assert!(read.into_iter().flatten().all(|span| span <= LONGEST));
        }
    }
}
