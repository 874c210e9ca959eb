//! Spans as OTLP in JSON: <https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>. Names and attributes
//! are those of the conventions for generative AI, <https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/>,
//! and what they have no word for begins with `modelpool.`.

use std::time::Duration;

use modelpool::{RequestSpan, SpanId, UnixMillis, Usage};
use serde_json::{Value, json};

use super::super::attributes::Attributes;
use super::super::names::{self, operation};
use super::super::resource::{Resource, scope};
use super::finished::{CANCELLED, Fault, Finished, MadeCall};

/// Kinds of spans: an answer to somebody, and a call of somebody.
const SERVER: u8 = 2;
const CLIENT: u8 = 3;

/// The status of a span that failed.
const ERROR: u8 = 2;

/// Flags of a span: it is recorded; it is known whether the span above it is of another process; and it is.
const SAMPLED: u16 = 0x001;
const PARENT_IS_KNOWN: u16 = 0x100;
const PARENT_IS_REMOTE: u16 = 0x200;

/// The body that carries these spans.
pub(super) fn request(spans: Vec<Value>, resource: &Resource) -> Value {
    json!({"resourceSpans": [{
        "resource": resource.json(),
        "scopeSpans": [{"scope": scope(), "spans": spans}],
    }]})
}

/// The spans of a request. `provider` says who serves an alias.
pub(super) fn spans(finished: &Finished, provider: &impl Fn(&str) -> Option<String>) -> Vec<Value> {
    let end = nanoseconds(finished.ended);
    let began = end.saturating_sub(finished.total.as_nanos());
    let mut all = vec![
        Span {
            trace: &finished.span,
            id: finished.span.span_id,
            parent: finished.span.parent,
            flags: match finished.span.parent {
                Some(_) => SAMPLED | PARENT_IS_KNOWN | PARENT_IS_REMOTE,
                None => SAMPLED | PARENT_IS_KNOWN,
            },
            name: format!("{} {}", operation(finished.operation), finished.requested_model),
            kind: SERVER,
            time: [began, end],
            attributes: of_request(finished),
            fault: finished.fault.as_ref(),
        }
        .into_json(),
    ];
    let calls = finished.calls.iter().filter_map(|call| Some((call, call.span?)));
    for (call, id) in calls {
        let began = began + call.began_after.as_nanos();
        let call_span = Span {
            trace: &finished.span,
            id,
            parent: Some(finished.span.span_id),
            flags: SAMPLED | PARENT_IS_KNOWN,
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
        attributes.text("gen_ai.provider.name", names::provider(&provider));
    }
    attributes.text("gen_ai.request.model", &call.model_name);
    attributes.used(call.usage, call.cost_usd);
    attributes.first_chunk(call.first_output.filter(|_| finished.stream));
    attributes.text("modelpool.alias", &call.alias);
    attributes.text("modelpool.purpose", call.purpose);
    attributes.fault(call.fault.as_ref());
    attributes
}

fn nanoseconds(time: UnixMillis) -> u128 {
    u128::from(time.0) * 1_000_000
}

/// One span.
struct Span<'a> {
    trace: &'a RequestSpan,
    id: SpanId,
    /// The span above it.
    parent: Option<SpanId>,
    flags: u16,
    name: String,
    kind: u8,
    /// From when to when, in nanoseconds since the Unix epoch.
    time: [u128; 2],
    attributes: Attributes,
    fault: Option<&'a Fault>,
}

impl Span<'_> {
    fn into_json(self) -> Value {
        let [began, ended] = self.time;
        // A caller who goes away is no error of anybody's.
        let status = match self.fault.filter(|fault| fault.code != CANCELLED) {
            Some(fault) => json!({"code": ERROR, "message": fault.message}),
            None => json!({}),
        };
        json!({
            "traceId": self.trace.trace_id.to_string(), "spanId": self.id.to_string(),
            "parentSpanId": self.parent.map_or_else(String::new, |parent| parent.to_string()),
            "traceState": self.trace.state.as_deref().unwrap_or_default(), "flags": self.flags,
            "name": self.name, "kind": self.kind,
            "startTimeUnixNano": began.to_string(), "endTimeUnixNano": ended.to_string(),
            "attributes": self.attributes.0, "status": status,
        })
    }
}

/// What several spans say in the same words.
impl Attributes {
    fn used(&mut self, usage: Option<Usage>, cost_usd: Option<f64>) {
        if let Some(usage) = usage {
            self.whole("gen_ai.usage.input_tokens", usage.input_tokens);
            self.whole("gen_ai.usage.cache_read.input_tokens", usage.cached_input_tokens);
            self.whole(
                "gen_ai.usage.cache_creation.input_tokens",
                usage.cache_write_tokens,
            );
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
    use modelpool::{Operation, TraceId};

    use super::*;

    fn call(alias: &str, began_ms: u64, fault: Option<Fault>) -> MadeCall {
        MadeCall {
            span: SpanId::new(began_ms),
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
            span: RequestSpan {
                trace_id: TraceId::new(1, 2).unwrap(),
                span_id: SpanId::new(3).unwrap(),
                parent: None,
                sampled: true,
                state: None,
            },
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
        let resource = Resource::read(&|name: &str| (name == "OTEL_SERVICE_NAME").then(|| "s".to_owned()));
        let provider = |alias: &str| (alias == "b").then(|| "xai".to_owned());
        let body = request(spans(&finished, &provider), &resource.unwrap());
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
        assert_eq!(request["traceId"], "00000000000000010000000000000002");
        assert_eq!(request["spanId"], "0000000000000003");
        assert_eq!(
            (&request["flags"], &answered["flags"]),
            (&json!(0x101), &json!(0x101))
        );
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
    fn a_callers_span_is_above_that_of_the_request() {
        let mut traced = finished(None);
        traced.span.parent = SpanId::new(0xab);
        traced.span.state = Some("vendor=1".into());
        let spans = spans_of(traced);
        assert_eq!(spans[0]["parentSpanId"], "00000000000000ab");
        assert_eq!(
            (&spans[0]["flags"], &spans[1]["flags"]),
            (&json!(0x301), &json!(0x101))
        );
        assert!(spans.iter().all(|span| span["traceState"] == "vendor=1"));
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
