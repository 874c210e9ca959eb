use std::time::Duration;

use super::*;

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

fn limits(requests: u64, tokens: u64) -> Arc<CallerLimits> {
    let limits = CallerLimits::per_minute(NonZeroU64::new(requests), NonZeroU64::new(tokens));
    Arc::new(limits)
}

fn asks(input_tokens: u64, output_tokens: u64) -> RequestFacts {
    RequestFacts {
        input_tokens,
        output_tokens: Some(output_tokens),
        ..RequestFacts::default()
    }
}

fn wait(refused: &Error) -> Duration {
    refused.retry_after().expect("the time to wait is known")
}

#[test]
fn a_request_beyond_the_limit_is_told_when_it_fits() {
    let limits = limits(2, 0);
    let now = now();
    for _ in 0..2 {
        assert!(limits.admit(&asks(1_000_000, 0), now).is_ok());
    }
    let refused = limits.admit(&asks(1, 0), now).unwrap_err();
    assert_eq!(
        refused.message(),
        "the limit of this key is used up (requests per minute: 2); there is room again in 61 s"
    );
    assert!(limits.admit(&asks(1, 0), now + wait(&refused)).is_ok());
}

#[test]
fn a_request_refused_for_its_tokens_costs_no_request() {
    let limits = limits(2, 100);
    let now = now();
    assert!(limits.admit(&asks(40, 50), now).is_ok());
    for _ in 0..5 {
        assert!(limits.admit(&asks(11, 0), now).is_err());
    }
    assert!(limits.admit(&asks(10, 0), now).is_ok(), "one request is left");
}

#[test]
fn a_request_refused_for_its_number_costs_no_tokens() {
    let limits = limits(1, 100);
    let now = now();
    let admitted = limits.admit(&asks(10, 0), now).unwrap();
    admitted.settle(0, now);
    for _ in 0..5 {
        assert!(limits.admit(&asks(90, 0), now).is_err());
    }
    assert_eq!(limits.tokens.as_ref().unwrap().remaining(now), 100);
}

#[test]
fn the_longer_wait_holds() {
    let limits = limits(1, 100);
    let now = now();
    let request = limits.admit(&asks(100, 0), now).unwrap();
    // Half a minute later it turns out that twice as much was used.
    let later = now + Duration::from_secs(30);
    request.settle(200, later);
    let refused = limits.admit(&asks(100, 0), later).unwrap_err();
    assert!(
        refused
            .message()
            .contains("(requests per minute: 1, tokens per minute: 100)")
    );
    assert_eq!(wait(&refused), Duration::from_secs(61));
    assert!(limits.admit(&asks(100, 0), later + wait(&refused)).is_ok());
}

#[test]
fn tokens_that_were_not_used_are_given_back() {
    let limits = limits(0, 100);
    let now = now();
    let failed = limits.admit(&asks(10, 90), now).unwrap();
    assert!(limits.admit(&asks(1, 0), now).is_err());
    failed.settle(0, now);
    let answered = limits.admit(&asks(10, 90), now).unwrap();
    answered.settle(30, now);
    assert!(limits.admit(&asks(70, 0), now).is_ok());
    assert!(limits.admit(&asks(1, 0), now).is_err());
}

#[test]
fn every_answer_that_is_asked_for_counts() {
    let limits = limits(0, 100);
    let now = now();
    assert!(limits.admit(&asks(1, 0), now).is_ok());
    let facts = RequestFacts {
        choices: 3,
        ..asks(10, 30)
    };
    assert!(limits.admit(&facts, now).is_err());
    assert!(limits.admit(&RequestFacts { choices: 2, ..facts }, now).is_ok());
}

#[test]
fn without_limits_everything_passes() {
    let limits = limits(0, 0);
    let now = now();
    for _ in 0..1000 {
        limits
            .admit(&asks(u64::MAX, u64::MAX), now)
            .unwrap()
            .settle(u64::MAX, now);
    }
}
