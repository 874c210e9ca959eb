//! Metrics as OTLP in JSON: <https://opentelemetry.io/docs/specs/otel/metrics/data-model/>. All are cumulative, from
//! the start of the program to the moment they are sent, so one that is lost is made up for by the next.

use modelpool::UnixMillis;
use serde_json::{Value, json};

use super::super::attributes::Attributes;
use super::super::names::{self, Metric, Sized};
use super::super::resource::{Resource, scope};
use super::histogram::Histogram;
use super::sink::SUCCESS;
use super::table::{Counted, Row};

/// Of a metric: from a beginning that stays.
const CUMULATIVE: u8 = 2;

/// From when to when was counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Period {
    pub(super) began: UnixMillis,
    pub(super) now: UnixMillis,
}

impl Period {
    /// A point of a metric: its time and its attributes, to which its value is added.
    fn point(self, attributes: Attributes, value: Value) -> Value {
        let mut point = json!({
            "startTimeUnixNano": nanoseconds(self.began),
            "timeUnixNano": nanoseconds(self.now),
            "attributes": attributes.0,
        });
        if let (Some(point), Value::Object(value)) = (point.as_object_mut(), value) {
            point.extend(value);
        }
        point
    }
}

/// The body that carries what these rows say, and how many requests have no spans where spans are sent.
pub(super) fn request(rows: &[Row], left_out: Option<u64>, resource: &Resource, period: Period) -> Value {
    let mut metrics: Vec<Value> = vec![
        sized(&names::TOKEN_USAGE, tokens(rows, period)),
        sized(&names::OPERATION_DURATION, durations(rows, period)),
        sized(
            &names::TIME_TO_FIRST_TOKEN,
            of_answers(rows, period, &names::TIME_TO_FIRST_TOKEN, |row| &row.first_token),
        ),
        sized(
            &names::TIME_PER_OUTPUT_TOKEN,
            of_answers(rows, period, &names::TIME_PER_OUTPUT_TOKEN, |row| {
                &row.per_output_token
            }),
        ),
        sum(
            &names::REQUESTS,
            counts(rows, period, |counted| counted == Counted::Request),
        ),
        sum(
            &names::ATTEMPTS,
            counts(rows, period, |counted| matches!(counted, Counted::Attempt(_))),
        ),
        sum(
            &names::FAILOVERS,
            counts(rows, period, |counted| counted == Counted::Failover),
        ),
        sum(
            &names::CONTINUATIONS,
            counts(rows, period, |counted| counted == Counted::Continuation),
        ),
        sum(&names::COST, costs(rows, period)),
    ];
    if let Some(left_out) = left_out {
        let point = period.point(Attributes::default(), json!({"asInt": left_out.to_string()}));
        metrics.push(sum(&names::SPANS_LEFT_OUT, vec![point]));
    }
    // A metric without a point says nothing.
    metrics.retain(|metric| !metric.is_null());
    json!({"resourceMetrics": [{
        "resource": resource.json(),
        "scopeMetrics": [{"scope": scope(), "metrics": metrics}],
    }]})
}

fn sized(sized: &Sized, points: Vec<Value>) -> Value {
    let data = json!({"aggregationTemporality": CUMULATIVE, "dataPoints": points});
    metric(&sized.metric, "histogram", data)
}

fn sum(of: &Metric, points: Vec<Value>) -> Value {
    let data = json!({"aggregationTemporality": CUMULATIVE, "isMonotonic": true, "dataPoints": points});
    metric(of, "sum", data)
}

fn metric(of: &Metric, kind: &str, data: Value) -> Value {
    if data["dataPoints"].as_array().is_none_or(Vec::is_empty) {
        return Value::Null;
    }
    json!({"name": of.name, "unit": of.unit, "description": of.about, kind: data})
}

fn tokens(rows: &[Row], period: Period) -> Vec<Value> {
    let mut points = Vec::new();
    for row in rows {
        for (kind, histogram) in [("input", &row.input_tokens), ("output", &row.output_tokens)] {
            let mut attributes = of_model(row);
            attributes.text(names::TOKEN_TYPE, kind);
            points.extend(distribution(period, attributes, &names::TOKEN_USAGE, histogram));
        }
    }
    points
}

fn durations(rows: &[Row], period: Period) -> Vec<Value> {
    let mut points = Vec::new();
    for row in rows {
        for (code, histogram) in &row.durations {
            let mut attributes = of_model(row);
            if !code.is_empty() {
                attributes.text(names::ERROR_TYPE, code);
            }
            points.extend(distribution(
                period,
                attributes,
                &names::OPERATION_DURATION,
                histogram,
            ));
        }
    }
    points
}

/// What is measured of whole answers, by the model that gave them.
fn of_answers(rows: &[Row], period: Period, of: &Sized, histogram: fn(&Row) -> &Histogram) -> Vec<Value> {
    let points = rows.iter().filter_map(|row| {
        let mut attributes = of_model(row);
        if !row.model.is_empty() {
            attributes.text(names::RESPONSE_MODEL, &row.model);
        }
        distribution(period, attributes, of, histogram(row))
    });
    points.collect()
}

fn counts(rows: &[Row], period: Period, wanted: fn(Counted) -> bool) -> Vec<Value> {
    let mut points = Vec::new();
    for row in rows {
        for (counted, outcome, count) in row.counts.iter().filter(|(counted, ..)| wanted(*counted)) {
            let mut attributes = of_model(row);
            if let Counted::Attempt(purpose) = counted {
                attributes.text(names::PURPOSE, purpose);
            }
            if *counted != Counted::Failover {
                attributes.text(names::OUTCOME, outcome);
            }
            if *outcome != SUCCESS {
                attributes.text(names::ERROR_TYPE, outcome);
            }
            points.push(period.point(attributes, json!({"asInt": count.to_string()})));
        }
    }
    points
}

fn costs(rows: &[Row], period: Period) -> Vec<Value> {
    let costs = rows.iter().filter_map(|row| Some((row, row.cost_usd?)));
    costs
        .map(|(row, cost)| period.point(of_model(row), json!({"asDouble": cost})))
        .collect()
}

/// What all points of a row have in common. Requests that called no model have no model.
fn of_model(row: &Row) -> Attributes {
    let mut attributes = Attributes::default();
    attributes.text(names::OPERATION, names::operation(row.operation));
    for (key, value) in [
        (names::PROVIDER, &row.provider),
        (names::REQUEST_MODEL, &row.model),
        (names::ALIAS, &row.alias),
    ] {
        if !value.is_empty() {
            attributes.text(key, value);
        }
    }
    attributes
}

/// A point of a histogram that has counted anything.
fn distribution(period: Period, attributes: Attributes, of: &Sized, histogram: &Histogram) -> Option<Value> {
    if histogram.count == 0 {
        return None;
    }
    let buckets: Vec<String> = histogram.buckets(of.bounds).iter().map(u64::to_string).collect();
    let value = json!({
        "count": histogram.count.to_string(),
        "sum": histogram.sum,
        "min": histogram.min,
        "max": histogram.max,
        "bucketCounts": buckets,
        "explicitBounds": of.bounds,
    });
    Some(period.point(attributes, value))
}

fn nanoseconds(time: UnixMillis) -> String {
    (u128::from(time.0) * 1_000_000).to_string()
}
