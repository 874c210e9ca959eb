use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// Where time begins; it only moves on by what a test adds.
#[allow(clippy::disallowed_methods)]
fn start() -> Instant {
    Instant::now()
}

fn success(latency_ms: u64) -> CallRecord {
    CallRecord {
        latency: Duration::from_millis(latency_ms),
        ..CallRecord::default()
    }
}

fn stream(first_token_ms: u64, latency_ms: u64, output_tokens: u64) -> CallRecord {
    CallRecord {
        first_token: Some(Duration::from_millis(first_token_ms)),
        output_tokens,
        streamed: true,
        ..success(latency_ms)
    }
}

fn failure(class: &'static str) -> CallRecord {
    CallRecord {
        class: Some(class),
        ..success(50)
    }
}

fn ever(records: &[CallRecord]) -> PeriodReport {
    let now = start();
    let statistics = Statistics::new(now);
    for record in records {
        statistics.record(record, now);
    }
    statistics.report(now).ever
}

fn assert_close(estimate: f64, exact: f64) {
    let error = (estimate - exact).abs();
    assert!(error <= RELATIVE_ERROR * exact, "{estimate} stands for {exact}");
}

#[test]
fn without_calls_rates_and_times_are_null_and_the_cost_is_zero() {
    assert_eq!(
        serde_json::to_value(ever(&[])).unwrap(),
        json!({
            "requests": 0, "successes": 0, "cancelled": 0, "success_rate": null, "failures": {},
            "latency_ms": null, "first_token_ms": null, "tokens_per_second": null,
            "input_tokens": 0, "output_tokens": 0, "cached_input_tokens": 0, "cache_write_tokens": 0, "images": 0,
            "total_tokens": 0,
            "total_cost_usd": 0.0, "unpriced_requests": 0,
        })
    );
}

#[test]
fn a_cancelled_call_is_a_request_but_no_failure() {
    let report = ever(&[success(10), failure("server"), failure("cancelled"), success(10)]);
    assert_eq!((report.requests, report.successes, report.cancelled), (4, 2, 1));
    assert_eq!(report.success_rate, Some(2.0 / 3.0));
    assert_eq!(report.failures, [("server", 1)].into());
    assert_eq!(ever(&[failure("cancelled")]).success_rate, None);
}

#[test]
fn latency_is_that_of_successes() {
    let slow_failure = CallRecord {
        latency: Duration::from_secs(60),
        ..failure("timeout")
    };
    let latency_ms = ever(&[success(100), slow_failure, success(300)])
        .latency_ms
        .unwrap();
    assert_eq!(latency_ms.count, 2);
    assert_eq!(latency_ms.mean, 200.0);
    assert_close(latency_ms.p50, 100.0);
}

#[test]
fn the_first_token_is_that_of_successful_streams() {
    let plain = CallRecord {
        streamed: false,
        ..stream(5, 1_000, 10)
    };
    let lost = CallRecord {
        class: Some("stream_lost"),
        ..stream(7, 1_000, 10)
    };
    let first_token_ms = ever(&[plain, lost, stream(200, 1_000, 10)])
        .first_token_ms
        .unwrap();
    assert_eq!((first_token_ms.count, first_token_ms.mean), (1, 200.0));
}

#[test]
fn tokens_per_second_weighs_calls_by_their_time() {
    // 100 tokens in one second and 800 in two.
    let report = ever(&[
        stream(500, 1_500, 100),
        CallRecord {
            output_tokens: 800,
            ..success(2_000)
        },
    ]);
    assert_eq!(report.tokens_per_second, Some(300.0));
    assert_eq!(ever(&[success(1_000)]).tokens_per_second, None);
}

#[test]
fn tokens_are_counted_of_every_call_and_cached_ones_are_part_of_the_input() {
    let used = CallRecord {
        input_tokens: 100,
        cached_input_tokens: 60,
        cache_write_tokens: 30,
        output_tokens: 10,
        images: 1,
        ..success(10)
    };
    let lost = CallRecord {
        class: Some("stream_lost"),
        ..used
    };
    let report = ever(&[used, lost]);
    assert_eq!(report.input_tokens, 200);
    assert_eq!(report.cached_input_tokens, 120);
    assert_eq!((report.cache_write_tokens, report.images), (60, 2));
    assert_eq!(report.total_tokens, 220);
}

#[test]
fn the_cost_is_null_where_no_price_is_known_and_a_sum_where_some_are() {
    let priced = CallRecord {
        cost_usd: Some(0.25),
        ..success(10)
    };
    let unknown = ever(&[success(10), success(10)]);
    assert_eq!((unknown.total_cost_usd, unknown.unpriced_requests), (None, 2));
    let mixed = ever(&[priced, success(10), priced]);
    assert_eq!((mixed.total_cost_usd, mixed.unpriced_requests), (Some(0.5), 1));
    let refused = ever(&[failure("connect")]);
    assert_eq!(
        (refused.total_cost_usd, refused.unpriced_requests),
        (Some(0.0), 0)
    );
}

#[test]
fn absurd_figures_do_no_harm() {
    let absurd = CallRecord {
        latency: Duration::MAX,
        input_tokens: u64::MAX,
        output_tokens: u64::MAX,
        cached_input_tokens: u64::MAX,
        cost_usd: Some(f64::INFINITY),
        ..stream(u64::MAX, 0, 0)
    };
    let report = ever(&[absurd, absurd]);
    assert_eq!(report.total_tokens, u64::MAX);
    assert_eq!((report.total_cost_usd, report.unpriced_requests), (None, 2));
    assert!(serde_json::to_string(&report).is_ok());
}

#[test]
fn the_flat_object_has_the_four_names_that_programs_ask_for() {
    let now = start();
    let statistics = Statistics::new(now);
    let call = CallRecord {
        input_tokens: 90,
        output_tokens: 10,
        cost_usd: Some(0.5),
        ..success(250)
    };
    statistics.record(&call, now);
    assert_eq!(
        serde_json::to_value(statistics.report(now).flat_ever()).unwrap(),
        json!({"avg_latency": 250.0, "success_rate": 1.0, "total_tokens": 100, "total_cost": 0.5})
    );
}

#[test]
fn each_period_forgets_in_its_own_time() {
    let start = start();
    let statistics = Statistics::new(start);
    statistics.record(&success(10), start);
    let requests_after = |seconds| {
        let report = statistics.report(start + Duration::from_secs(seconds));
        [report.last_minute, report.last_hour, report.ever].map(|period| period.requests)
    };
    assert_eq!(requests_after(59), [1, 1, 1]);
    assert_eq!(requests_after(60), [0, 1, 1]);
    assert_eq!(requests_after(3_599), [0, 1, 1]);
    assert_eq!(requests_after(3_600), [0, 0, 1]);
}

#[test]
fn a_p95_is_given_from_twenty_values_on_and_forgotten_after_an_hour() {
    let start = start();
    let statistics = Statistics::new(start);
    for number in 1..20 {
        statistics.record(&stream(number * 10, 1_000, number), start);
        statistics.record(&failure("server"), start);
    }
    assert_eq!(statistics.p95_first_token_ms(start), None);
    assert_eq!(statistics.p95_output_tokens(start), None);

    statistics.record(&stream(200, 1_000, 20), start);
    assert_close(statistics.p95_first_token_ms(start).unwrap(), 190.0);
    assert_close(statistics.p95_output_tokens(start).unwrap(), 19.0);

    let an_hour_later = start + Duration::from_secs(3_600);
    assert_eq!(statistics.p95_first_token_ms(an_hour_later), None);
    assert_eq!(statistics.p95_output_tokens(an_hour_later), None);
}

#[test]
fn a_p95_follows_what_is_recorded_within_a_second() {
    let start = start();
    let statistics = Statistics::new(start);
    for _ in 0..20 {
        statistics.record(&stream(100, 1_000, 1), start);
    }
    assert_close(statistics.p95_first_token_ms(start).unwrap(), 100.0);
    for _ in 0..20 {
        statistics.record(&stream(400, 1_000, 1), start);
    }
    let a_second_later = start + Duration::from_secs(1);
    assert_close(statistics.p95_first_token_ms(a_second_later).unwrap(), 400.0);
}

#[test]
fn statistics_may_be_merged_into_themselves() {
    let now = start();
    let statistics = Statistics::new(now);
    statistics.record(&success(10), now);
    statistics.merge_from(&statistics);
    assert_eq!(statistics.report(now).last_minute.requests, 2);
}

fn call() -> impl Strategy<Value = CallRecord> {
    let class = prop::sample::select(vec![
        None,
        None,
        Some("server"),
        Some("timeout"),
        Some("cancelled"),
    ]);
    // Whole milliseconds and whole dollars, so that sums are the same in any order.
    (
        class,
        0..200_000u64,
        prop::option::of(0..5_000u64),
        (0..10_000u64, 0..3_000u64),
        prop::option::of(0..9u8),
    )
        .prop_map(
            |(class, latency_ms, first_token_ms, (input_tokens, output_tokens), cost)| CallRecord {
                class,
                latency: Duration::from_millis(latency_ms),
                first_token: first_token_ms.map(Duration::from_millis),
                input_tokens,
                output_tokens,
                cached_input_tokens: input_tokens / 2,
                cache_write_tokens: input_tokens / 4,
                images: output_tokens / 1_000,
                cost_usd: cost.map(f64::from),
                streamed: first_token_ms.is_some(),
            },
        )
}

/// Equal but for the rounding of sums, which depends on the order.
fn assert_equal(one: &StatisticsReport, other: &StatisticsReport) {
    let rounded = |report: &StatisticsReport| {
        [&report.last_minute, &report.last_hour, &report.ever].map(|period| {
            let mut period = period.clone();
            let round = |figure: f64| (figure * 1e6).round() / 1e6;
            period.tokens_per_second = period.tokens_per_second.map(round);
            let distributions = [&mut period.latency_ms, &mut period.first_token_ms];
            for distribution in distributions.into_iter().flatten() {
                distribution.mean = round(distribution.mean);
            }
            period
        })
    };
    assert_eq!(rounded(one), rounded(other));
}

proptest! {
    #[test]
    fn merging_is_recording_everything_in_one_place(
        mut calls in prop::collection::vec((any::<bool>(), 0..5_000u64, call()), 0..80),
    ) {
        calls.sort_by_key(|(_, second, _)| *second);
        let start = start();
        let [one, other, union] = [(); 3].map(|()| Statistics::new(start));
        let mut now = start;
        for (here, second, call) in &calls {
            now = start + Duration::from_secs(*second);
            if *here { one.record(call, now) } else { other.record(call, now) }
            union.record(call, now);
        }
        one.merge_from(&other);
        assert_equal(&one.report(now), &union.report(now));
        prop_assert_eq!(one.p95_first_token_ms(now), union.p95_first_token_ms(now));
        prop_assert_eq!(one.p95_output_tokens(now), union.p95_output_tokens(now));
    }

    #[test]
    fn every_request_is_a_success_a_failure_or_cancelled(calls in prop::collection::vec(call(), 0..50)) {
        let report = ever(&calls);
        let failed: u64 = report.failures.values().sum();
        prop_assert_eq!(report.requests, calls.len() as u64);
        prop_assert_eq!(report.requests, report.successes + failed + report.cancelled);
        prop_assert!(report.success_rate.is_none_or(|rate| (0.0..=1.0).contains(&rate)));
    }
}
