//! Spans as OTLP in JSON: <https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>. Names and attributes
//! are those of the conventions for generative AI, <https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/>,
//! and what they have no word for begins with `modelpool.`.

use std::hash::BuildHasher;
use std::time::Duration;

use modelpool::{Operation, UnixMillis, Usage};
use serde_json::{Value, json};

use super::finished::{CANCELLED, Fault, Finished, MadeCall};

/// Kinds of spans: an answer to somebody, and a call of somebody.
const SERVER: u8 = 2;
const CLIENT: u8 = 3;

/// The status of a span that failed.
const ERROR: u8 = 2;

/// The body that carries the spans of these requests. `provider` says who serves an alias; `ids` is what the ids
/// are made of, so that a batch that is sent again has the same.
pub(super) fn request(
    batch: &[Finished],
    service: &str,
    provider: impl Fn(&str) -> Option<String>,
    ids: &impl BuildHasher,
) -> Value {
    let spans: Vec<Value> = batch
        .iter()
        .flat_map(|finished| spans(finished, &provider, ids))
        .collect();
    let version = env!("CARGO_PKG_VERSION");
    let mut resource = Attributes::default();
    resource.text("service.name", service);
    resource.text("service.version", version);
    json!({"resourceSpans": [{
        "resource": {"attributes": resource.0},
        "scopeSpans": [{"scope": {"name": "modelpool", "version": version}, "spans": spans}],
    }]})
}

fn spans(
    finished: &Finished,
    provider: &impl Fn(&str) -> Option<String>,
    ids: &impl BuildHasher,
) -> Vec<Value> {
    // Callers choose ids of requests, so the time makes them differ.
    let key = (&*finished.request_id, finished.ended, finished.total);
    let trace = format!("{:016x}{:016x}", ids.hash_one((0, key)), ids.hash_one((1, key)));
    let span = |place: usize| format!("{:016x}", ids.hash_one((2, key, place)));
    let end = nanoseconds(finished.ended);
    let began = end.saturating_sub(finished.total.as_nanos());
    let root = span(0);
    let mut all = vec![
        Span {
            ids: [&trace, &root, ""],
            name: format!("{} {}", operation(finished.operation), finished.requested_model),
            kind: SERVER,
            time: [began, end],
            attributes: of_request(finished),
            fault: finished.fault.as_ref(),
        }
        .into_json(),
    ];
    for (place, call) in finished.calls.iter().enumerate() {
        let began = began + call.began_after.as_nanos();
        let call_span = Span {
            ids: [&trace, &span(place + 1), &root],
            name: format!("{} {}", operation(finished.operation), call.model_name),
            kind: CLIENT,
            time: [began, began + call.latency.as_nanos()],
            attributes: of_call(finished, call, provider),
            fault: call.fault.as_ref(),
        };
        all.push(call_span.into_json());
    }
    all
}

fn of_request(finished: &Finished) -> Attributes {
    let mut attributes = Attributes::default();
    attributes.text("gen_ai.operation.name", operation(finished.operation));
    attributes.text("gen_ai.request.model", &finished.requested_model);
    if let Some(answered) = finished.calls.last().filter(|call| call.fault.is_none()) {
        attributes.text("gen_ai.response.model", &answered.model_name);
        attributes.text("modelpool.alias", &answered.alias);
    }
    let usage = finished.calls.iter().filter_map(|call| call.usage);
    let costs = finished.calls.iter().filter_map(|call| call.cost_usd);
    attributes.used(
        usage.reduce(|sum, usage| sum.plus(&usage)),
        costs.reduce(|sum, cost| sum + cost),
    );
    attributes.first_chunk(finished.first_output.filter(|_| finished.stream));
    attributes.text("modelpool.request_id", &finished.request_id);
    if let Some(caller) = &finished.caller {
        attributes.text("modelpool.caller", caller);
    }
    attributes.whole("modelpool.attempts", finished.calls.len() as u64);
    attributes.fault(finished.fault.as_ref());
    attributes
}

fn of_call(finished: &Finished, call: &MadeCall, provider: &impl Fn(&str) -> Option<String>) -> Attributes {
    let mut attributes = Attributes::default();
    attributes.text("gen_ai.operation.name", operation(finished.operation));
    if let Some(provider) = provider(&call.alias) {
        attributes.text("gen_ai.provider.name", conventional(&provider));
    }
    attributes.text("gen_ai.request.model", &call.model_name);
    attributes.used(call.usage, call.cost_usd);
    attributes.first_chunk(call.first_output.filter(|_| finished.stream));
    attributes.text("modelpool.alias", &call.alias);
    attributes.text("modelpool.purpose", call.purpose);
    attributes.fault(call.fault.as_ref());
    attributes
}

fn operation(operation: Operation) -> &'static str {
    match operation {
        Operation::Chat => "chat",
        Operation::Embeddings => "embeddings",
        Operation::Completions => "text_completion",
        Operation::Images => "generate_content",
        // The conventions have no names for the others.
        other => other.name(),
    }
}

/// The conventions' name of a provider, where it is another than ours.
fn conventional(provider: &str) -> &str {
    match provider {
        "mistral" => "mistral_ai",
        "xai" => "x_ai",
        other => other,
    }
}

fn nanoseconds(time: UnixMillis) -> u128 {
    u128::from(time.0) * 1_000_000
}

/// One span.
struct Span<'a> {
    /// Of the trace, of the span, and of the span above it; empty where there is none.
    ids: [&'a str; 3],
    name: String,
    kind: u8,
    /// From when to when, in nanoseconds since the Unix epoch.
    time: [u128; 2],
    attributes: Attributes,
    fault: Option<&'a Fault>,
}

impl Span<'_> {
    fn into_json(self) -> Value {
        let [trace, span, parent] = self.ids;
        let [began, ended] = self.time;
        // A caller who goes away is no error of anybody's.
        let status = match self.fault.filter(|fault| fault.code != CANCELLED) {
            Some(fault) => json!({"code": ERROR, "message": fault.message}),
            None => json!({}),
        };
        json!({
            "traceId": trace, "spanId": span, "parentSpanId": parent, "name": self.name, "kind": self.kind,
            "startTimeUnixNano": began.to_string(), "endTimeUnixNano": ended.to_string(),
            "attributes": self.attributes.0, "status": status,
        })
    }
}

/// Attributes in the shape of the JSON. Whole numbers of 64 bits are strings in it.
#[derive(Default)]
struct Attributes(Vec<Value>);

impl Attributes {
    fn text(&mut self, key: &'static str, value: &str) {
        self.0.push(json!({"key": key, "value": {"stringValue": value}}));
    }

    fn whole(&mut self, key: &'static str, value: u64) {
        let value = value.to_string();
        self.0.push(json!({"key": key, "value": {"intValue": value}}));
    }

    fn number(&mut self, key: &'static str, value: f64) {
        self.0.push(json!({"key": key, "value": {"doubleValue": value}}));
    }

    fn used(&mut self, usage: Option<Usage>, cost_usd: Option<f64>) {
        if let Some(usage) = usage {
            self.whole("gen_ai.usage.input_tokens", usage.input_tokens);
            self.whole("gen_ai.usage.cache_read.input_tokens", usage.cached_input_tokens);
            self.whole("gen_ai.usage.output_tokens", usage.output_tokens);
        }
        if let Some(cost_usd) = cost_usd {
            self.number("modelpool.cost_usd", cost_usd);
        }
    }

    fn first_chunk(&mut self, after: Option<Duration>) {
        if let Some(after) = after {
            self.number("gen_ai.response.time_to_first_chunk", after.as_secs_f64());
        }
    }

    fn fault(&mut self, fault: Option<&Fault>) {
        let Some(fault) = fault else { return };
        self.text("error.type", fault.code);
        if let Some(status) = fault.status {
            self.whole("http.response.status_code", u64::from(status));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasherDefault, DefaultHasher};

    use super::*;

    fn call(alias: &str, began_ms: u64, fault: Option<Fault>) -> MadeCall {
        MadeCall {
            alias: alias.into(),
            model_name: format!("{alias}-name"),
            purpose: "answer",
            began_after: Duration::from_millis(began_ms),
            latency: Duration::from_millis(100),
            first_output: Some(Duration::from_millis(40)),
            usage: fault.is_none().then_some(Usage {
                input_tokens: 8,
                output_tokens: 2,
                ..Usage::default()
            }),
            cost_usd: fault.is_none().then_some(0.5),
            fault,
        }
    }

    fn finished(code: Option<&'static str>) -> Finished {
        let fault = |code| Fault {
            code,
            status: Some(503),
            message: "down".to_owned(),
        };
        Finished {
            request_id: "id-1".into(),
            caller: Some("team".into()),
            operation: Operation::Chat,
            requested_model: "auto".to_owned(),
            stream: true,
            ended: UnixMillis(1_000),
            total: Duration::from_millis(250),
            first_output: Some(Duration::from_millis(145)),
            fault: code.map(fault),
            calls: vec![call("a", 5, Some(fault("overloaded"))), call("b", 105, None)],
        }
    }

    fn spans_of(finished: Finished) -> Vec<Value> {
        let ids = BuildHasherDefault::<DefaultHasher>::new();
        let body = request(
            &[finished],
            "s",
            |alias| (alias == "b").then(|| "xai".to_owned()),
            &ids,
        );
        let service = &body["resourceSpans"][0]["resource"]["attributes"][0];
        assert_eq!(
            *service,
            json!({"key": "service.name", "value": {"stringValue": "s"}})
        );
        let spans = &body["resourceSpans"][0]["scopeSpans"][0]["spans"];
        spans.as_array().unwrap().clone()
    }

    fn attribute<'a>(span: &'a Value, key: &str) -> &'a Value {
        let attributes = span["attributes"].as_array().unwrap();
        let found = attributes.iter().find(|attribute| attribute["key"] == key);
        found.map_or(&Value::Null, |attribute| &attribute["value"])
    }

    #[test]
    fn a_failover_is_a_span_over_two_calls_with_their_times() {
        let spans = spans_of(finished(None));
        let [request, failed, answered] = spans.as_slice() else {
            panic!("{spans:?}")
        };
        assert_eq!(request["traceId"].as_str().unwrap().len(), 32);
        assert_eq!(request["spanId"].as_str().unwrap().len(), 16);
        assert_eq!(
            (&request["kind"], &request["parentSpanId"]),
            (&json!(2), &json!(""))
        );
        assert_eq!(request["name"], "chat auto");
        assert_eq!(request["startTimeUnixNano"], "750000000");
        assert_eq!(request["endTimeUnixNano"], "1000000000");
        assert_eq!(answered["startTimeUnixNano"], "855000000");
        assert_eq!(answered["endTimeUnixNano"], "955000000");
        for call in [failed, answered] {
            assert_eq!(
                (&call["kind"], &call["traceId"]),
                (&json!(3), &request["traceId"])
            );
            assert_eq!(call["parentSpanId"], request["spanId"]);
        }
        assert_ne!(failed["spanId"], answered["spanId"]);
        assert_eq!(
            (&request["status"], &answered["status"]),
            (&json!({}), &json!({}))
        );
        assert_eq!(failed["status"], json!({"code": 2, "message": "down"}));
    }

    #[test]
    fn attributes_are_those_of_the_conventions() {
        let spans = spans_of(finished(None));
        for (span, key, expected) in [
            (0, "gen_ai.operation.name", json!({"stringValue": "chat"})),
            (0, "gen_ai.response.model", json!({"stringValue": "b-name"})),
            (
                0,
                "gen_ai.response.time_to_first_chunk",
                json!({"doubleValue": 0.145}),
            ),
            (0, "modelpool.attempts", json!({"intValue": "2"})),
            (0, "error.type", Value::Null),
            (1, "error.type", json!({"stringValue": "overloaded"})),
            (1, "http.response.status_code", json!({"intValue": "503"})),
            (1, "gen_ai.provider.name", Value::Null),
            (2, "gen_ai.provider.name", json!({"stringValue": "x_ai"})),
            (2, "gen_ai.request.model", json!({"stringValue": "b-name"})),
            (2, "gen_ai.usage.input_tokens", json!({"intValue": "8"})),
            (2, "modelpool.cost_usd", json!({"doubleValue": 0.5})),
        ] {
            assert_eq!(*attribute(&spans[span], key), expected, "{span} {key}");
        }
    }

    #[test]
    fn a_caller_who_went_away_is_told_but_is_no_error() {
        let cancelled = spans_of(finished(Some("cancelled")));
        assert_eq!(cancelled[0]["status"], json!({}));
        assert_eq!(
            *attribute(&cancelled[0], "error.type"),
            json!({"stringValue": "cancelled"})
        );
        assert_eq!(spans_of(finished(Some("server")))[0]["status"]["code"], 2);
    }
}
