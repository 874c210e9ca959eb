//! Spans that a gateway sends to a collector of OpenTelemetry's.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::run::Program;

/// Takes one batch: its head in lower case, and its body.
fn collect(listener: &TcpListener) -> (String, Value) {
    let (mut connection, _) = listener.accept().unwrap();
    connection
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let mut read = Vec::new();
    loop {
        let mut part = [0; 4096];
        let length = connection.read(&mut part).unwrap();
        assert_ne!(length, 0, "it ends too soon: {read:?}");
        read.extend_from_slice(&part[..length]);
        let text = String::from_utf8_lossy(&read);
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && let Ok(body) = serde_json::from_str(body)
        {
            connection
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
                .unwrap();
            return (head.to_lowercase(), body);
        }
    }
}

fn chat(address: &str) {
    let mut connection = TcpStream::connect(address).unwrap();
    let body = r#"{"model": "auto", "messages": [{"role": "user", "content": "what-was-said"}]}"#;
    let length = body.len();
    write!(
        connection,
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn a_request_is_sent_as_spans_at_the_end_at_the_latest() {
    let collector = TcpListener::bind("127.0.0.1:0").unwrap();
    let program = Program::new()
        .with_variable(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            format!("http://{}", collector.local_addr().unwrap()),
        )
        .with_variable("OTEL_EXPORTER_OTLP_HEADERS", "x-collector-key=a%20key");
    let mut upstream = program.start(&["simulate-upstream", "--json"]);
    let base_url = upstream.document()["base_url"].as_str().unwrap().to_owned();
    let program = program.with_file(
        "modelpool.yaml",
        format!(
            "models: [{{alias: a, provider: openai_compatible, base_url: '{base_url}', model_name: m}}]\n"
        ),
    );
    let mut gateway = program.start(&["serve", "--listen", "127.0.0.1:0", "--json"]);
    let address = gateway.document()["url"].as_str().unwrap().replace("http://", "");
    chat(&address);
    gateway.signal();
    let (head, body) = collect(&collector);
    assert!(head.starts_with("post /v1/traces http/1.1"), "{head}");
    assert!(head.contains("x-collector-key: a key"), "{head}");
    assert!(head.contains("content-type: application/json"), "{head}");
    let spans = body["resourceSpans"][0]["scopeSpans"][0]["spans"]
        .as_array()
        .unwrap();
    let names: Vec<_> = spans.iter().map(|span| span["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["chat auto", "chat m"]);
    assert_eq!(spans[1]["parentSpanId"], spans[0]["spanId"]);
    assert!(!body.to_string().contains("what-was-said"));
    assert_eq!(gateway.stop(), 0);
}

#[test]
fn a_collector_that_is_not_there_holds_nothing_up() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let program = Program::new().with_variable("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{gone}"));
    let mut upstream = program.start(&["simulate-upstream", "--json"]);
    let base_url = upstream.document()["base_url"].as_str().unwrap().to_owned();
    let program = program.with_file(
        "modelpool.yaml",
        format!(
            "models: [{{alias: a, provider: openai_compatible, base_url: '{base_url}', model_name: m}}]\n"
        ),
    );
    let mut gateway = program.start(&["serve", "--listen", "127.0.0.1:0", "--json"]);
    let address = gateway.document()["url"].as_str().unwrap().replace("http://", "");
    chat(&address);
    assert_eq!(gateway.stop(), 0);
}

#[test]
fn a_protocol_that_is_not_spoken_is_3() {
    let program = Program::configured("models: [{alias: a, provider: vllm, model_name: m}]\n")
        .with_variable("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317")
        .with_variable("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    let ended = program.run(&["serve", "--listen", "127.0.0.1:0"]).exits(3);
    assert!(ended.stderr.contains("http/json"), "{ended:?}");
}
