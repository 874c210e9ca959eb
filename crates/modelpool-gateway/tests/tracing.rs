//! A caller's trace: what of it goes on, and what of the bytes changes.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod common;

use modelpool::ModelPool;
use serde_json::Value;

use common::{House, Plan};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const ADMIN_KEY: &str = "admin-secret-0123456789";

async fn house(traced: bool) -> House {
    House::of(Plan {
        admin_key: Some(ADMIN_KEY),
        builder: ModelPool::builder().traced(traced),
        ..Plan::default()
    })
    .await
}

/// Sends a chat with these headers; its id is `t-1`.
async fn chat(house: &House, body: &str, headers: &[(&'static str, &str)]) {
    let mut request = house.request("POST", "/v1/chat/completions", body.to_owned());
    request
        .headers_mut()
        .insert("x-request-id", "t-1".parse().unwrap());
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    assert_eq!(house.send(request).await.status, 200);
}

async fn trace_id(house: &House) -> Value {
    let bearer = format!("Bearer {ADMIN_KEY}");
    let answer = house.with("authorization", &bearer, "GET", "/admin/v1/requests/t-1", "");
    answer.await.json()["trace_id"].clone()
}

#[tokio::test]
async fn the_body_stays_and_of_the_headers_only_a_fresh_parent_goes_on() {
    let house = house(true).await;
    let body =
        "{\t\"model\" : \"a\",\"x\":1.50 , \"messages\":[{\"role\":\"user\",\"content\":\"\\u56fe\"}] }\n";
    let headers = [
        ("traceparent", PARENT),
        ("tracestate", "vendor=secret"),
        ("baggage", "user=secret"),
        ("b3", "0"),
    ];
    chat(&house, body, &headers).await;
    let sent = house.upstream.last_request().unwrap();
    let expected = body.replace("\"model\" : \"a\"", "\"model\" : \"a-name\"");
    assert_eq!(std::str::from_utf8(&sent.body).unwrap(), expected);
    let told = sent.headers["traceparent"].to_str().unwrap();
    assert!(
        told.starts_with(&format!("00-{TRACE}-")) && told.ends_with("-01"),
        "{told}"
    );
    assert_ne!(told, PARENT);
    for name in ["tracestate", "baggage", "b3"] {
        assert!(!sent.headers.contains_key(name), "{name}");
    }
    assert_eq!(trace_id(&house).await, TRACE);
}

#[tokio::test]
async fn two_parents_are_none() {
    let house = house(true).await;
    let body = r#"{"model":"a","messages":[{"role":"user","content":"hi"}]}"#;
    chat(&house, body, &[("traceparent", PARENT), ("traceparent", PARENT)]).await;
    let sent = house.upstream.last_request().unwrap();
    assert!(!sent.headers["traceparent"].to_str().unwrap().contains(TRACE));
    let own = trace_id(&house).await;
    assert_ne!(own, TRACE);
    assert!(
        sent.headers["traceparent"]
            .to_str()
            .unwrap()
            .contains(own.as_str().unwrap())
    );
}

#[tokio::test]
async fn where_nothing_is_traced_upstreams_are_told_nothing_and_the_callers_trace_is_still_known() {
    let house = house(false).await;
    let body = r#"{"model":"a","messages":[{"role":"user","content":"hi"}]}"#;
    chat(&house, body, &[("traceparent", PARENT)]).await;
    assert!(
        !house
            .upstream
            .last_request()
            .unwrap()
            .headers
            .contains_key("traceparent")
    );
    assert_eq!(trace_id(&house).await, TRACE);
    chat(&house, body, &[]).await;
    assert_eq!(trace_id(&house).await, Value::Null);
}
