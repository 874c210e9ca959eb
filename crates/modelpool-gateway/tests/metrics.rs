//! What Prometheus reads, read back.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod common;

use std::collections::{BTreeMap, BTreeSet};

use modelpool::{ModelPool, RetryPolicy};
use modelpool_testkit::simulator::Fault;
use serde_json::{Value, json};

use common::{House, Plan, UPSTREAM_KEY, able, caller};

const ADMIN_KEY: &str = "admin-secret-0123456789";
const CALLER_KEY: &str = "caller-secret-0123456789";

/// Samples by name and labels, as written.
struct Scraped {
    samples: BTreeMap<String, f64>,
    types: BTreeMap<String, String>,
    text: String,
}

impl Scraped {
    /// Reads the text as <https://prometheus.io/docs/instrumenting/exposition_formats/> describes it, and fails
    /// where it is something else.
    async fn of(house: &House) -> Scraped {
        let answer = house.get("/metrics").await;
        assert_eq!(answer.status, 200);
        assert_eq!(
            answer.header("content-type"),
            Some("text/plain; version=0.0.4; charset=utf-8")
        );
        let mut scraped = Scraped {
            samples: BTreeMap::new(),
            types: BTreeMap::new(),
            text: answer.text().to_owned(),
        };
        let (mut helped, mut metric) = (String::new(), String::new());
        assert!(scraped.text.ends_with('\n'));
        for line in scraped.text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').unwrap();
                assert!(help.ends_with('.') && !help.contains('\\'), "{help}");
                helped = name.to_owned();
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap();
                assert_eq!(name, helped);
                assert!(["counter", "gauge", "summary"].contains(&kind), "{line}");
                assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
                let before = scraped.types.insert(name.to_owned(), kind.to_owned());
                assert!(before.is_none(), "a metric stands in one place: {name}");
                metric = name.to_owned();
            } else {
                let (series, value) = line.rsplit_once(' ').unwrap();
                let name = series.split('{').next().unwrap();
                let bare = name.trim_end_matches("_sum").trim_end_matches("_count");
                assert!(name == metric || bare == metric, "{line} stands under {metric}");
                let value: f64 = value.parse().unwrap();
                assert!(value.is_finite() && value >= 0.0, "{line}");
                let before = scraped.samples.insert(series.to_owned(), value);
                assert!(before.is_none(), "{series} stands twice");
            }
        }
        scraped
    }

    #[track_caller]
    fn value(&self, series: &str) -> f64 {
        let value = self.samples.get(series);
        *value.unwrap_or_else(|| panic!("no {series} in\n{}", self.text))
    }
}

fn hello(model: &str, stream: bool) -> Value {
    json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": "hello"}]})
}

fn plan() -> Plan {
    let retry = RetryPolicy {
        same_model: 0,
        ..RetryPolicy::default()
    };
    Plan {
        builder: ModelPool::builder().retry(retry),
        ..Plan::default()
    }
}

#[tokio::test]
async fn calls_are_counted_by_model_and_outcome_with_their_tokens_cost_and_time() {
    let house = House::of(plan()).await;
    house.fails("a", Fault::status(503));
    let plain = house.chat(hello("auto", false)).await;
    assert_eq!(plain.status, 200);
    assert_eq!(house.chat(hello("b", true)).await.status, 200);
    let scraped = Scraped::of(&house).await;
    for (series, expected) in [
        (r#"modelpool_requests_total{model="a",outcome="success"}"#, 0.0),
        (r#"modelpool_requests_total{model="a",outcome="overloaded"}"#, 1.0),
        (r#"modelpool_requests_total{model="b",outcome="success"}"#, 2.0),
        (r#"modelpool_requests_total{model="b",outcome="cancelled"}"#, 0.0),
        (r#"modelpool_request_duration_seconds_count{model="b"}"#, 2.0),
        (r#"modelpool_time_to_first_token_seconds_count{model="b"}"#, 1.0),
        (r#"modelpool_unpriced_requests_total{model="b"}"#, 0.0),
        (r#"modelpool_in_flight{model="b"}"#, 0.0),
        (r#"modelpool_breaker_open{model="a"}"#, 0.0),
        (
            r#"modelpool_gateway_requests_total{asked="call",status="2xx"}"#,
            2.0,
        ),
    ] {
        assert_eq!(scraped.value(series), expected, "{series}");
    }
    let usage = plain.json()["usage"].clone();
    let input = scraped.value(r#"modelpool_tokens_total{model="b",kind="input"}"#);
    assert_eq!(input, 2.0 * usage["prompt_tokens"].as_f64().unwrap());
    let cost = scraped.value(r#"modelpool_cost_usd_total{model="b"}"#);
    let each: f64 = plain.header("x-modelpool-cost-usd").unwrap().parse().unwrap();
    assert!((cost - 2.0 * each).abs() < 1e-12, "{cost} {each}");
    for quantile in ["0.5", "0.95", "0.99"] {
        let series = format!(r#"modelpool_request_duration_seconds{{model="b",quantile="{quantile}"}}"#);
        assert!(scraped.value(&series) > 0.0);
    }
    assert!(scraped.value(r#"modelpool_request_duration_seconds_sum{model="b"}"#) > 0.0);
}

#[tokio::test]
async fn a_model_that_is_shut_off_is_told() {
    let house = House::of(plan()).await;
    house.fails("a", Fault::status(500));
    for _ in 0..5 {
        house.chat(hello("auto", false)).await;
    }
    let scraped = Scraped::of(&house).await;
    assert_eq!(scraped.value(r#"modelpool_breaker_open{model="a"}"#), 1.0);
    assert_eq!(scraped.value(r#"modelpool_breaker_open{model="b"}"#), 0.0);
}

#[tokio::test]
async fn a_pool_without_calls_has_its_heads_and_its_gauges() {
    let scraped = Scraped::of(&House::new().await).await;
    assert_eq!(scraped.types["modelpool_requests_total"], "counter");
    assert_eq!(scraped.types["modelpool_request_duration_seconds"], "summary");
    assert_eq!(scraped.value(r#"modelpool_in_flight{model="a"}"#), 0.0);
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        scraped.value(&format!("modelpool_build_info{{version=\"{version}\"}}")),
        1.0
    );
}

#[tokio::test]
async fn labels_do_not_grow_with_what_callers_say_and_are_escaped() {
    let house = House::empty(plan()).await;
    house.add("sim/*", able()).add("a\"b\\c", able());
    for number in 0..20 {
        house.chat(hello(&format!("sim/model-{number}"), false)).await;
        house.chat(hello(&format!("nobody-{number}"), false)).await;
        house.get(&format!("/nothing/{number}")).await;
    }
    house.chat(hello("a\"b\\c", false)).await;
    let scraped = Scraped::of(&house).await;
    let models: BTreeSet<&str> = scraped
        .samples
        .keys()
        .filter_map(|series| Some(series.split_once("model=\"")?.1))
        .map(|rest| &rest[..rest.find(['"', '\\']).unwrap()])
        .collect();
    assert_eq!(models, BTreeSet::from(["a", "sim/*"]));
    assert_eq!(
        scraped.value(r#"modelpool_requests_total{model="a\"b\\c",outcome="success"}"#),
        1.0
    );
    assert!(scraped.samples.len() < 60, "{}", scraped.text);
}

#[tokio::test]
async fn no_key_is_asked_for_and_none_is_told() {
    let house = House::of(Plan {
        keys: vec![caller("team", CALLER_KEY, None)],
        admin_key: Some(ADMIN_KEY),
        ..plan()
    })
    .await;
    let body = hello("auto", false).to_string();
    let bearer = format!("Bearer {CALLER_KEY}");
    let answer = house
        .with("authorization", &bearer, "POST", "/v1/chat/completions", &body)
        .await;
    assert_eq!(answer.status, 200);
    let scraped = Scraped::of(&house).await;
    for secret in [ADMIN_KEY, CALLER_KEY, UPSTREAM_KEY] {
        assert!(!scraped.text.contains(secret));
    }
}
