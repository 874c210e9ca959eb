//! A gateway without a socket answers as one with a socket does.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod common;

use bytes::Bytes;
use common::House;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use modelpool_gateway::{Gateway, GatewayOptions, InProcess};
use modelpool_testkit::simulator::Fault;
use serde_json::Value;

fn request(method: &str, path: &str, body: &'static str) -> Request<Bytes> {
    let request = Request::builder().method(method).uri(path);
    request.body(Bytes::from_static(body.as_bytes())).unwrap()
}

/// Status, alias, body.
async fn ask(house: &House, request: Request<Bytes>) -> (StatusCode, Option<String>, String) {
    let gateway = InProcess::new(Gateway::new(house.pool.clone(), GatewayOptions::default()));
    let (head, body) = gateway.ask(request).await.into_parts();
    let alias = head.headers.get("x-modelpool-model");
    let alias = alias.map(|alias| alias.to_str().unwrap().to_owned());
    let body = body.collect().await.unwrap().to_bytes();
    (head.status, alias, String::from_utf8(body.to_vec()).unwrap())
}

const CHAT: &str = r#"{"model":"auto","messages":[{"role":"user","content":"hi"}]}"#;

#[tokio::test]
async fn calls_streams_lists_and_errors() {
    let house = House::new().await;
    let (status, alias, body) = ask(&house, request("POST", "/v1/chat/completions", CHAT)).await;
    assert_eq!((status, alias.as_deref()), (StatusCode::OK, Some("a")));
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert!(answer["choices"][0]["message"]["content"].is_string(), "{body}");

    let streamed = r#"{"model":"b","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
    let (status, alias, body) = ask(&house, request("POST", "/v1/chat/completions", streamed)).await;
    assert_eq!((status, alias.as_deref()), (StatusCode::OK, Some("b")));
    assert!(body.trim_end().ends_with("data: [DONE]"), "{body}");

    let (status, _, body) = ask(&house, request("GET", "/v1/models", "")).await;
    assert_eq!(status, StatusCode::OK);
    assert!(body.contains(r#""id":"b""#), "{body}");

    let nobody = r#"{"model":"nobody","messages":[{"role":"user","content":"hi"}]}"#;
    let (status, _, body) = ask(&house, request("POST", "/v1/chat/completions", nobody)).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(body.contains("model_not_found"), "{body}");
    let (status, ..) = ask(&house, request("GET", "/nothing/here", "")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_failure_goes_to_the_next_model() {
    let house = House::new().await;
    house.fails("a", Fault::status(503));
    let (status, alias, _) = ask(&house, request("POST", "/v1/chat/completions", CHAT)).await;
    assert_eq!((status, alias.as_deref()), (StatusCode::OK, Some("b")));
}
