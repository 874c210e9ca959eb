use std::collections::BTreeMap;
use std::time::Duration;

use modelpool::{
    Ending, Error, ErrorKind, ModelConfig, ModelPool, Operation, Outcome, Purpose, Settlement, Usage,
};
use serde_json::{Value, json};

use super::otlp::Period;
use super::table::MOST_ROWS;
use super::*;

fn outcome(alias: &str, purpose: Purpose, error: Option<ErrorKind>) -> Outcome {
    let usage = error.is_none().then_some(Usage {
        input_tokens: 100,
        output_tokens: 11,
        ..Usage::default()
    });
    Outcome {
        purpose,
        alias: alias.into(),
        model_name: "m".into(),
        began_after: Duration::ZERO,
        latency: Duration::from_millis(300),
        first_output: error.is_none().then_some(Duration::from_millis(100)),
        error: error.map(|kind| Error::new(kind, "what-a-vendor-said")),
        usage,
        cost_usd: usage.map(|_| 0.25),
        span: None,
    }
}

fn settlement(outcomes: Vec<Outcome>, ending: Ending) -> Settlement {
    Settlement {
        request_id: "what-a-caller-said".into(),
        caller: Some("who".into()),
        trace: None,
        operation: Operation::Chat,
        requested_model: "what-a-caller-said".into(),
        stream: true,
        plan: None,
        outcomes,
        total: Duration::from_millis(1_200),
        first_output: Some(Duration::from_millis(200)),
        skipped_events: 0,
        ending,
        values: Arc::default(),
    }
}

fn body(counts: &Counts) -> Value {
    let resource = Resource::read(&|_: &str| None).unwrap();
    let period = Period {
        began: UnixMillis(1),
        now: UnixMillis(2),
    };
    otlp::request(&counts.copy(0, usize::MAX), None, &resource, period)
}

fn metric<'a>(body: &'a Value, name: &str) -> &'a Value {
    let metrics = body["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]
        .as_array()
        .unwrap();
    let found = metrics.iter().find(|metric| metric["name"] == name);
    found.unwrap_or(&Value::Null)
}

/// The points of a metric: their attributes, and the point.
fn points(body: &Value, name: &str) -> Vec<(BTreeMap<String, String>, Value)> {
    let metric = metric(body, name);
    let data = if metric["sum"].is_null() {
        &metric["histogram"]
    } else {
        &metric["sum"]
    };
    let points = data["dataPoints"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let attributes = |point: &Value| {
        let pairs = point["attributes"].as_array().unwrap().iter();
        pairs
            .map(|pair| (text(&pair["key"]), text(&pair["value"]["stringValue"])))
            .collect()
    };
    points
        .into_iter()
        .map(|point| (attributes(&point), point))
        .collect()
}

/// Sums in few words: `alias outcome: count`.
fn told(body: &Value, name: &str) -> Vec<String> {
    let points = points(body, name).into_iter();
    let word =
        |attributes: &BTreeMap<String, String>, key: &str| attributes.get(key).cloned().unwrap_or_default();
    points
        .map(|(attributes, point)| {
            let outcome = attributes
                .get(super::super::names::OUTCOME)
                .or(attributes.get("error.type"));
            format!(
                "{} {}{}: {}",
                word(&attributes, "modelpool.alias"),
                attributes
                    .get("modelpool.purpose")
                    .map_or_else(String::new, |purpose| format!("{purpose} ")),
                outcome.cloned().unwrap_or_default(),
                point["asInt"].as_str().unwrap()
            )
        })
        .collect()
}

#[test]
fn a_failover_and_a_continuation_are_counted_where_they_belong() {
    let counts = Counts::default();
    let overloaded = || Some(ErrorKind::Overloaded { retry_after: None });
    let calls = vec![
        outcome("a", Purpose::Answer, overloaded()),
        outcome("a", Purpose::Answer, overloaded()),
        outcome("b", Purpose::Answer, Some(ErrorKind::StreamLost)),
        outcome("c", Purpose::Continue, None),
    ];
    counts.settled(&settlement(calls, Ending::Completed));
    let gone = vec![outcome("a", Purpose::Answer, Some(ErrorKind::Cancelled))];
    counts.settled(&settlement(gone, Ending::Cancelled));
    let nobody = Error::new(ErrorKind::InvalidRequest, "no");
    counts.settled(&settlement(Vec::new(), Ending::Failed(nobody)));
    let body = body(&counts);
    let invalid = ErrorKind::InvalidRequest.code();
    assert_eq!(
        told(&body, "modelpool.requests"),
        [
            "a cancelled: 1".to_owned(),
            "c success: 1".to_owned(),
            format!(" {invalid}: 1")
        ]
    );
    assert_eq!(told(&body, "modelpool.failovers"), ["a overloaded: 1"]);
    assert_eq!(told(&body, "modelpool.continuations"), ["c success: 1"]);
    assert_eq!(
        told(&body, "modelpool.attempts"),
        [
            "a answer overloaded: 2",
            "a answer cancelled: 1",
            "b answer stream_lost: 1",
            "c continue success: 1"
        ]
    );
}

#[test]
fn histograms_are_cumulative_with_the_buckets_of_the_conventions() {
    let counts = Counts::default();
    for _ in 0..2 {
        counts.settled(&settlement(
            vec![outcome("a", Purpose::Answer, None)],
            Ending::Completed,
        ));
    }
    let body = body(&counts);
    for (name, unit, value, bucket) in [
        ("gen_ai.client.operation.duration", "s", 0.3, 5),
        ("gen_ai.server.time_to_first_token", "s", 0.2, 8),
        ("gen_ai.server.time_per_output_token", "s", 0.1, 4),
    ] {
        let metric = metric(&body, name);
        assert_eq!(
            (&metric["unit"], &metric["histogram"]["aggregationTemporality"]),
            (&json!(unit), &json!(2))
        );
        let [(attributes, point)] = &points(&body, name)[..] else {
            panic!("{body}")
        };
        assert_eq!(attributes["gen_ai.operation.name"], "chat");
        assert_eq!(attributes["gen_ai.request.model"], "m");
        assert_eq!(point["count"], "2");
        assert!(
            (point["sum"].as_f64().unwrap() - 2.0 * value).abs() < 1e-9,
            "{name} {point}"
        );
        assert_eq!(point["bucketCounts"][bucket], "2", "{name} {point}");
        let buckets = point["bucketCounts"].as_array().unwrap().len();
        assert_eq!(buckets, point["explicitBounds"].as_array().unwrap().len() + 1);
        assert_eq!(
            (&point["startTimeUnixNano"], &point["timeUnixNano"]),
            (&json!("1000000"), &json!("2000000"))
        );
    }
    let tokens = points(&body, "gen_ai.client.token.usage");
    let sums: Vec<_> = tokens
        .iter()
        .map(|(attributes, point)| (&*attributes["gen_ai.token.type"], point["sum"].as_f64().unwrap()))
        .collect();
    assert_eq!(sums, [("input", 200.0), ("output", 22.0)]);
    assert_eq!(points(&body, "modelpool.cost_usd")[0].1["asDouble"], 0.5);
    assert_eq!(metric(&body, "modelpool.cost_usd")["sum"]["isMonotonic"], true);
}

#[test]
fn estimates_are_no_usage_and_a_metric_without_points_is_not_sent() {
    let counts = Counts::default();
    let mut estimated = outcome("a", Purpose::Answer, None);
    estimated.usage = Some(Usage {
        output_tokens: 5,
        estimated: true,
        ..Usage::default()
    });
    counts.settled(&settlement(vec![estimated], Ending::Completed));
    let body = body(&counts);
    for name in [
        "gen_ai.client.token.usage",
        "gen_ai.server.time_per_output_token",
        "modelpool.failovers",
    ] {
        assert!(metric(&body, name).is_null(), "{name}");
    }
    assert_eq!(points(&body, "gen_ai.server.time_to_first_token").len(), 1);
}

#[test]
fn no_label_is_a_callers_and_all_are_bounded() {
    let counts = Counts::default();
    for number in 0..5_000 {
        let mut call = outcome("groq/*", Purpose::Answer, None);
        call.model_name = format!("what-a-caller-said-{number}").into();
        counts.settled(&settlement(vec![call], Ending::Completed));
    }
    let text = body(&counts).to_string();
    assert!(!text.contains("said") && !text.contains("who"), "{text}");
    assert_eq!(counts.copy(0, usize::MAX).len(), 1);
    for number in 0..MOST_ROWS * 2 {
        let call = outcome(&format!("alias-{number}"), Purpose::Answer, None);
        counts.settled(&settlement(vec![call], Ending::Completed));
    }
    let rows = counts.copy(0, usize::MAX);
    assert_eq!(rows.len(), MOST_ROWS + 1);
    assert_eq!(&*rows.last().unwrap().alias, "other");
    let all = points(&body(&counts), "modelpool.requests");
    let sum: u64 = all
        .iter()
        .map(|(_, point)| point["asInt"].as_str().unwrap().parse::<u64>().unwrap())
        .sum();
    assert_eq!(sum, 5_000 + MOST_ROWS as u64 * 2);
}

#[test]
fn the_provider_is_that_of_the_plan_by_the_name_of_the_conventions() {
    let counts = Arc::new(Counts::default());
    let pool = ModelPool::builder()
        .sink(Arc::clone(&counts) as Arc<dyn SettlementSink>)
        .build();
    pool.add(ModelConfig::new("a", "xai", "m").base_url("http://127.0.0.1:1"))
        .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime
        .block_on(pool.chat(modelpool::ChatRequest::new().user("hello")))
        .unwrap_err();
    let durations = points(&body(&counts), "gen_ai.client.operation.duration");
    assert_eq!(durations[0].0["gen_ai.provider.name"], "x_ai");
    assert!(durations[0].0.contains_key("error.type"));
}

/// Prints what counting costs; how much that may be depends on the machine and is not judged here.
#[test]
fn counting_is_cheap() {
    const TIMES: u32 = 20_000;
    let counts = Counts::default();
    let aliases: Vec<_> = (0..100)
        .map(|number| {
            settlement(
                vec![outcome(&format!("alias-{number}"), Purpose::Answer, None)],
                Ending::Completed,
            )
        })
        .collect();
    let began = Instant::now();
    for settled in aliases.iter().cycle().take(TIMES as usize) {
        counts.settled(settled);
    }
    println!("{} ns per settlement", (began.elapsed() / TIMES).as_nanos());
    let each = (TIMES / 100).to_string();
    let points = points(&body(&counts), "modelpool.attempts");
    assert!(points.iter().all(|(_, point)| point["asInt"] == *each));
}
