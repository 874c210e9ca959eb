//! What a gateway sends to a collector of OpenTelemetry's.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use serde_json::Value;

use crate::collector::Collector;
use crate::run::{Program, Running};

const TRACES: &str = "/v1/traces";
const METRICS: &str = "/v1/metrics";
const CALLERS: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// A gateway before an upstream.
struct House {
    upstream: String,
    _upstream: Running,
    gateway: Running,
    address: String,
}

impl House {
    fn new(program: Program) -> Self {
        let mut upstream = program.start(&["simulate-upstream", "--json"]);
        let base_url = upstream.document()["base_url"].as_str().unwrap().to_owned();
        let program = program.with_file(
            "modelpool.yaml",
            format!(
                "admin_key: admin-key-of-this-test\n\
                 models: [{{alias: a, provider: openai_compatible, base_url: '{base_url}', model_name: m}}]\n"
            ),
        );
        let mut gateway = program.start(&["serve", "--listen", "127.0.0.1:0", "--json"]);
        let address = gateway.document()["url"].as_str().unwrap().replace("http://", "");
        let upstream_address = base_url.replace("http://", "").replace("/v1", "");
        Self {
            upstream: upstream_address,
            _upstream: upstream,
            gateway,
            address,
        }
    }

    /// Chats, with more lines in the head.
    fn chat(&self, headers: &str) {
        let body = r#"{"model": "auto", "stream": true, "messages": [{"role": "user", "content": "what-was-said"}]}"#;
        let head = format!("x-request-id: req-7\r\n{headers}");
        let answer = exchange(&self.address, "POST /v1/chat/completions", &head, body);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    /// The value of a header of the last request that the upstream got.
    fn told_upstream(&self, name: &str) -> Option<String> {
        let answer = exchange(&self.upstream, "GET /simulator/requests", "", "");
        let requests = json(&answer);
        let requests = requests["requests"].as_array().or(requests.as_array()).unwrap();
        let headers = requests.last().unwrap()["headers"].as_array().unwrap();
        let found = headers.iter().find(|header| header[0] == name);
        found.map(|header| header[1].as_str().unwrap().to_owned())
    }

    fn trace(&self) -> Value {
        let admin = "authorization: Bearer admin-key-of-this-test\r\n";
        json(&exchange(
            &self.address,
            "GET /admin/v1/requests/req-7",
            admin,
            "",
        ))
    }
}

fn exchange(address: &str, line: &str, headers: &str, body: &str) -> String {
    let mut connection = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(
        connection,
        "{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    answer
}

fn json(answer: &str) -> Value {
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let document = &body[body.find(['{', '[']).unwrap()..=body.rfind(['}', ']']).unwrap()];
    serde_json::from_str(document).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

fn with_collector(collector: &Collector) -> Program {
    Program::new().with_variable("OTEL_EXPORTER_OTLP_ENDPOINT", &*collector.url)
}

fn attributes(of: &Value) -> Vec<(&str, &str)> {
    let pairs = of["attributes"].as_array().unwrap().iter();
    let strings = pairs.map(|pair| {
        (
            pair["key"].as_str().unwrap(),
            pair["value"]["stringValue"].as_str(),
        )
    });
    strings
        .map(|(key, value)| (key, value.unwrap_or_default()))
        .collect()
}

#[test]
fn a_request_is_sent_as_spans_at_the_end_at_the_latest() {
    let mut collector = Collector::start(&[]);
    let program = with_collector(&collector)
        .with_variable("OTEL_EXPORTER_OTLP_HEADERS", "x-collector-key=a%20key")
        .with_variable("OTEL_SERVICE_NAME", "the-service")
        .with_variable("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test");
    let house = House::new(program);
    house.chat("");
    house.gateway.signal();
    let batch = collector.next(TRACES);
    assert!(batch.head.contains("x-collector-key: a key"), "{batch:?}");
    assert!(batch.head.contains("content-type: application/json"), "{batch:?}");
    let resource = attributes(&batch.body["resourceSpans"][0]["resource"]);
    assert!(
        resource.contains(&("service.name", "the-service")),
        "{resource:?}"
    );
    assert!(
        resource.contains(&("deployment.environment.name", "test")),
        "{resource:?}"
    );
    let spans = batch.body["resourceSpans"][0]["scopeSpans"][0]["spans"]
        .as_array()
        .unwrap();
    let names: Vec<_> = spans.iter().map(|span| span["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["chat auto", "chat m"]);
    assert_eq!(spans[1]["parentSpanId"], spans[0]["spanId"]);
    assert!(!batch.body.to_string().contains("what-was-said"));
    assert_eq!(house.gateway.stop(), 0);
}

#[test]
fn a_callers_trace_goes_on_through_the_gateway_to_the_upstream() {
    let mut collector = Collector::start(&[]);
    let house = House::new(with_collector(&collector));
    house.chat(&format!("traceparent: {CALLERS}\r\ntracestate: vendor=1\r\n"));
    let batch = collector.next(TRACES);
    let spans = batch.body["resourceSpans"][0]["scopeSpans"][0]["spans"]
        .as_array()
        .unwrap();
    assert_eq!(spans[0]["parentSpanId"], "00f067aa0ba902b7");
    for span in spans {
        assert_eq!(span["traceId"], "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(span["traceState"], "vendor=1");
    }
    let call = spans[1]["spanId"].as_str().unwrap();
    assert_eq!(
        house.told_upstream("traceparent").unwrap(),
        format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{call}-01")
    );
    assert_eq!(house.told_upstream("tracestate"), None);
    assert_eq!(house.trace()["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
}

#[test]
fn what_a_caller_does_not_record_is_sent_to_nobody_and_a_malformed_header_begins_a_trace() {
    let mut collector = Collector::start(&[]);
    let house = House::new(with_collector(&collector));
    house.chat("traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00\r\n");
    let told = house.told_upstream("traceparent").unwrap();
    assert!(told.starts_with("00-4bf92f35") && told.ends_with("-00"), "{told}");
    house.chat(&format!("traceparent: {}\r\n", CALLERS.to_uppercase()));
    let batch = collector.next(TRACES);
    let spans = batch.body["resourceSpans"][0]["scopeSpans"][0]["spans"]
        .as_array()
        .unwrap();
    assert_eq!(spans.len(), 2, "{spans:?}");
    assert_eq!(spans[0]["parentSpanId"], "");
    assert_ne!(spans[0]["traceId"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(house.gateway.stop(), 0);
}

#[test]
fn metrics_are_sent_from_time_to_time_and_each_sending_says_all() {
    let mut collector = Collector::start(&[]);
    let program = Program::new()
        .with_variable(
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
            format!("{}{METRICS}", collector.url),
        )
        .with_variable("OTEL_METRIC_EXPORT_INTERVAL", "100");
    let house = House::new(program);
    house.chat(&format!("traceparent: {CALLERS}\r\n"));
    let first = count(&collector.next(METRICS).body, "modelpool.requests");
    assert_eq!(first, "1");
    house.chat("");
    while count(&collector.next(METRICS).body, "modelpool.requests") != "2" {}
    house.gateway.signal();
    let last = collector.next(METRICS).body;
    let usage = metric(&last, "gen_ai.client.token.usage")["histogram"]["dataPoints"][0].clone();
    let attributes = attributes(&usage);
    for expected in [
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "openai_compatible"),
        ("gen_ai.request.model", "m"),
        ("gen_ai.token.type", "input"),
        ("modelpool.alias", "a"),
    ] {
        assert!(attributes.contains(&expected), "{attributes:?}");
    }
    for name in [
        "gen_ai.client.operation.duration",
        "gen_ai.server.time_to_first_token",
        "gen_ai.server.time_per_output_token",
        "modelpool.attempts",
    ] {
        assert!(!metric(&last, name).is_null(), "{name} in {last}");
    }
    assert!(!last.to_string().contains("what-was-said"));
    // Where no spans are sent upstreams are told of none.
    assert_eq!(house.told_upstream("traceparent"), None);
    assert!(collector.has_nothing_for(TRACES));
    assert_eq!(house.gateway.stop(), 0);
}

fn metric<'a>(body: &'a Value, name: &str) -> &'a Value {
    let metrics = body["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]
        .as_array()
        .unwrap();
    metrics
        .iter()
        .find(|metric| metric["name"] == name)
        .unwrap_or(&Value::Null)
}

fn count(body: &Value, name: &str) -> String {
    let point = &metric(body, name)["sum"]["dataPoints"][0]["asInt"];
    point.as_str().unwrap_or_default().to_owned()
}

#[test]
fn what_a_collector_cannot_take_now_it_gets_again() {
    let mut collector = Collector::start(&[503]);
    let program = with_collector(&collector).with_variable("OTEL_METRICS_EXPORTER", "none");
    let house = House::new(program);
    house.chat("");
    let refused = collector.next(TRACES);
    let taken = collector.next(TRACES);
    assert_eq!(refused.body, taken.body);
    house.gateway.signal();
    assert_eq!(house.gateway.stop(), 0);
    assert!(collector.has_nothing_for(METRICS));
}

#[test]
fn a_collector_that_is_not_there_holds_nothing_up() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let program = Program::new().with_variable("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{gone}"));
    let house = House::new(program);
    house.chat("");
    assert_eq!(house.gateway.stop(), 0);
}

#[test]
fn a_collector_that_never_answers_holds_nothing_up() {
    // Connections are made by the system, and nobody ever reads of them.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let program = Program::new()
        .with_variable(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            format!("http://{}", silent.local_addr().unwrap()),
        )
        .with_variable("OTEL_METRIC_EXPORT_INTERVAL", "50")
        .with_variable("OTEL_EXPORTER_OTLP_TIMEOUT", "600000");
    let house = House::new(program);
    for _ in 0..20 {
        house.chat("");
    }
    assert_eq!(house.gateway.stop(), 0);
}

#[test]
fn what_is_not_understood_is_3_and_names_its_variable() {
    for (name, value) in [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_METRICS_EXPORTER", "prometheus"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "often"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "0"),
        ("OTEL_RESOURCE_ATTRIBUTES", "nothing"),
    ] {
        let program = Program::configured("models: [{alias: a, provider: vllm, model_name: m}]\n")
            .with_variable("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317")
            .with_variable(name, value);
        let ended = program.run(&["serve", "--listen", "127.0.0.1:0"]).exits(3);
        assert!(
            ended.stderr.contains(name) && ended.stderr.contains(value),
            "{ended:?}"
        );
    }
}
