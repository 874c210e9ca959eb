//! `GET /metrics`: what Prometheus reads, without a key.
//!
//! Every label has few values: aliases of the configuration (a wildcard's is its own, whatever names callers ask
//! for), codes of errors, and words of this folder. What is counted belongs to the models, so a model that is
//! removed takes its samples with it, and one that is replaced goes on with them.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use modelpool::Snapshot;
use modelpool::parts::core::statistics::{Distribution, PeriodReport, StatisticsReport};
use tokio::time::Instant;

use crate::Gateway;

mod answered;
mod exposition;

pub(crate) use answered::{Answered, Asked};
use exposition::{Exposition, Kind};

pub(crate) async fn metrics(State(gateway): State<Arc<Gateway>>) -> Response {
    let mut response = Response::new(Body::from(text(&gateway)));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(exposition::CONTENT_TYPE));
    response
}

fn text(gateway: &Gateway) -> String {
    let now = Instant::now().into_std();
    let snapshot = gateway.pool.snapshot();
    let called: Vec<Called<'_>> = snapshot
        .entries()
        .filter_map(|(_, entry)| {
            let report = entry.live().known_statistics()?.report(now);
            Some(Called {
                alias: entry.alias(),
                report,
            })
        })
        .collect();
    let mut text = Exposition::default();
    requests(&mut text, &called);
    tokens_and_cost(&mut text, &called);
    durations(&mut text, &called);
    at_this_moment(&mut text, &snapshot, now);
    of_the_gateway(&mut text, &gateway.answered);
    text.into_text()
}

/// A model that was called, and what is known of it.
struct Called<'a> {
    alias: &'a str,
    report: StatisticsReport,
}

fn requests(text: &mut Exposition, called: &[Called<'_>]) {
    text.metric(
        "modelpool_requests_total",
        Kind::Counter,
        "Calls to a model that ended, by outcome: success, cancelled (the caller went away), or the code of the error.",
    );
    for Called { alias, report } in called {
        let ever = &report.ever;
        let counts = [("success", ever.successes), ("cancelled", ever.cancelled)];
        let failures = ever.failures.iter().map(|(code, count)| (*code, *count));
        for (outcome, count) in counts.into_iter().chain(failures) {
            text.sample(&[("model", alias), ("outcome", outcome)], count as f64);
        }
    }
}

fn tokens_and_cost(text: &mut Exposition, called: &[Called<'_>]) {
    text.metric(
        "modelpool_tokens_total",
        Kind::Counter,
        "Tokens of calls to a model. Those of kinds cached_input and cache_write are parts of those of kind input.",
    );
    for Called { alias, report } in called {
        let ever = &report.ever;
        for (kind, count) in [
            ("input", ever.input_tokens),
            ("cached_input", ever.cached_input_tokens),
            ("cache_write", ever.cache_write_tokens),
            ("output", ever.output_tokens),
        ] {
            text.sample(&[("model", alias), ("kind", kind)], count as f64);
        }
    }
    let mut counter = |name, help, value: fn(&PeriodReport) -> Option<f64>| {
        text.metric(name, Kind::Counter, help);
        for Called { alias, report } in called {
            if let Some(value) = value(&report.ever) {
                text.sample(&[("model", alias)], value);
            }
        }
    };
    counter(
        "modelpool_cost_usd_total",
        "What calls to a model cost in US dollars, as far as it is known.",
        |ever| ever.total_cost_usd,
    );
    counter(
        "modelpool_unpriced_requests_total",
        "Calls to a model that used something of which the cost is not known.",
        |ever| Some(ever.unpriced_requests as f64),
    );
}

fn durations(text: &mut Exposition, called: &[Called<'_>]) {
    let mut summary = |name, help, of: fn(&PeriodReport) -> Option<Distribution>| {
        text.metric(name, Kind::Summary, help);
        for Called { alias, report } in called {
            if let Some(recent) = of(&report.last_hour) {
                for (quantile, milliseconds) in
                    [("0.5", recent.p50), ("0.95", recent.p95), ("0.99", recent.p99)]
                {
                    text.sample(&[("model", alias), ("quantile", quantile)], milliseconds / 1000.0);
                }
            }
            let (sum, count) = of(&report.ever).map_or((0.0, 0.0), |ever| {
                let count = ever.count as f64;
                (ever.mean * count / 1000.0, count)
            });
            text.part("_sum", &[("model", alias)], sum);
            text.part("_count", &[("model", alias)], count);
        }
    };
    summary(
        "modelpool_request_duration_seconds",
        "How long successful calls to a model took; quantiles of the last hour, sum and count of all time.",
        |period| period.latency_ms,
    );
    summary(
        "modelpool_time_to_first_token_seconds",
        "When the first token of successful streams came; quantiles of the last hour, sum and count of all time.",
        |period| period.first_token_ms,
    );
}

fn at_this_moment(text: &mut Exposition, snapshot: &Snapshot, now: std::time::Instant) {
    text.metric("modelpool_in_flight", Kind::Gauge, "Calls to a model under way.");
    for (_, entry) in snapshot.entries() {
        text.sample(&[("model", entry.alias())], f64::from(entry.live().in_flight()));
    }
    text.metric(
        "modelpool_breaker_open",
        Kind::Gauge,
        "Whether a model is shut off, 0 or 1; of a wildcard how many of its names are.",
    );
    for (_, entry) in snapshot.entries() {
        let endpoint_is_open = entry.live().endpoint().open_until(now).is_some();
        let breakers = entry.live().breakers();
        let open = breakers
            .iter()
            .filter(|(_, breaker)| endpoint_is_open || breaker.open_until(now).is_some());
        text.sample(&[("model", entry.alias())], open.count() as f64);
    }
}

fn of_the_gateway(text: &mut Exposition, answered: &Answered) {
    text.metric(
        "modelpool_gateway_requests_total",
        Kind::Counter,
        "HTTP requests the gateway answered, by what was asked (call or other) and the class of the status.",
    );
    for (asked, class, count) in answered.counts() {
        text.sample(&[("asked", asked), ("status", class)], count as f64);
    }
    text.metric("modelpool_build_info", Kind::Gauge, "The version that runs.");
    text.sample(&[("version", env!("CARGO_PKG_VERSION"))], 1.0);
}
