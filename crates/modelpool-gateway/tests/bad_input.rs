//! Whatever is wrong with a request or an upstream's answer has its status and OpenAI's shape,
//! and the process goes on.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod common;

use std::collections::BTreeMap;

use modelpool::Flag;
use modelpool_testkit::simulator::Fault;
use serde_json::json;

use common::{House, Plan, able, caller};

const CHAT: &str = "/v1/chat/completions";

#[tokio::test]
async fn bodies_that_are_none() {
    let house = House::new().await;
    let messages = r#""messages":[{"role":"user","content":"x"}]"#;
    for (body, param, said) in [
        ("".to_owned(), None, "the body is empty"),
        ("{".to_owned(), None, "the body is not valid JSON: EOF"),
        (
            r#"{"model": "auto",}"#.to_owned(),
            None,
            "the body is not valid JSON: trailing comma",
        ),
        (
            format!(r#"{{"model":"auto",{messages}}} x"#),
            None,
            "the body is not valid JSON: trailing characters",
        ),
        ("[]".to_owned(), None, "the body is not a JSON object"),
        ("\"auto\"".to_owned(), None, "the body is not a JSON object"),
        ("null".to_owned(), None, "the body is not a JSON object"),
        (format!("{{{messages}}}"), Some("model"), "`model` is missing"),
        (
            format!(r#"{{"model":7,{messages}}}"#),
            Some("model"),
            "`model` is not a string: 7",
        ),
        (
            format!(r#"{{"model":null,{messages}}}"#),
            Some("model"),
            "`model` is not a string: null",
        ),
        (
            r#"{"model":"auto"}"#.to_owned(),
            Some("messages"),
            "`messages` is missing",
        ),
        (
            r#"{"model":"auto","messages":[]}"#.to_owned(),
            Some("messages"),
            "`messages` is empty",
        ),
        (
            r#"{"model":"auto","messages":"x"}"#.to_owned(),
            Some("messages"),
            "`messages` is not a list",
        ),
        (
            r#"{"model":"auto","messages":{}}"#.to_owned(),
            Some("messages"),
            "`messages` is not a list",
        ),
        (
            r#"{"model":"auto","messages":["x"]}"#.to_owned(),
            Some("messages"),
            "`messages` holds something",
        ),
        (
            format!(r#"{{"model":"auto","stream":"yes",{messages}}}"#),
            Some("stream"),
            "`stream` is not true or false",
        ),
        (
            format!(r#"{{"model":"a","model":"b",{messages}}}"#),
            Some("model"),
            "`model` stands twice",
        ),
        (
            format!(r#"{{"model":"a","stream":true,"stream":false,{messages}}}"#),
            Some("stream"),
            "`stream` stands twice",
        ),
        (
            format!(r#"{{"model":"a","modelpool":{{}},"modelpool":{{}},{messages}}}"#),
            Some("modelpool"),
            "`modelpool` stands twice",
        ),
        (
            format!(r#"{{"model":"a","modelpool":[],{messages}}}"#),
            Some("modelpool"),
            "modelpool: `modelpool` is not an object",
        ),
        (
            format!(r#"{{"model":"a","modelpool":{{"fallback":[]}},{messages}}}"#),
            Some("modelpool.fallback"),
            "did you mean `fallbacks`?",
        ),
        (
            format!(r#"{{"model":"a","modelpool":{{"requirements":{{"model":"x"}}}},{messages}}}"#),
            Some("modelpool.requirements.model"),
            "modelpool.requirements.model",
        ),
        (
            format!(r#"{{"model":"a","modelpool":{{"deadline_ms":-1}},{messages}}}"#),
            Some("modelpool.deadline_ms"),
            "got -1",
        ),
        (
            format!(r#"{{"model":"a","modelpool":{{"max_cost_usd":-1}},{messages}}}"#),
            Some("modelpool.max_cost_usd"),
            "expected US dollars, a number above 0, got -1",
        ),
    ] {
        let answer = house.post(CHAT, body.clone()).await;
        let error = answer.error();
        assert_eq!(answer.status, 400, "{body}");
        assert_eq!(error["type"], "invalid_request_error", "{body}");
        assert_eq!(error["param"].as_str(), param, "{body}: {error}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(said), "{body}: {message}");
    }
    let answer = house.post(CHAT, b"{\"model\":\"\xff\"}".to_vec()).await;
    assert_eq!(
        answer.error()["message"],
        "the body is not UTF-8: byte 10 is not part of a character"
    );
    for (path, param) in [("/v1/embeddings", "input"), ("/v1/images/generations", "prompt")] {
        let answer = house.post(path, r#"{"model":"auto"}"#).await;
        assert_eq!(
            (answer.failure().0, answer.error()["param"].as_str()),
            (400, Some(param))
        );
    }
    assert_eq!(house.upstream.counts().requests, 0);
    assert_eq!(
        house.get("/health/ready").await.status,
        200,
        "the process goes on"
    );
}

fn ask(model: &str) -> serde_json::Value {
    json!({"model": model, "messages": [{"role": "user", "content": "x"}]})
}

#[tokio::test]
async fn names_that_nobody_has() {
    let house = House::new().await;
    let mut answer = house.chat(ask("autoo")).await;
    assert_eq!(answer.failure(), (404, "model_not_found".into()));
    assert_eq!(
        answer.error()["message"],
        "no model or pool is called `autoo`, did you mean `auto`?"
    );
    assert_eq!(answer.error()["param"], "model");
    answer = house.get("/v1/models/autoo").await;
    assert_eq!(answer.failure(), (404, "model_not_found".into()));
    for (method, path, status) in [
        ("GET", "/v1/nothing", 404),
        ("GET", "/", 404),
        ("POST", "/v1/models", 405),
        ("GET", CHAT, 405),
    ] {
        let answer = house.send(house.request(method, path, "")).await;
        assert_eq!(answer.failure().0, status, "{method} {path}");
    }
}

#[tokio::test]
async fn pools_without_a_model_that_fits() {
    let house = House::empty(Plan::default()).await;
    let answer = house.chat(ask("auto")).await;
    assert_eq!(answer.failure(), (422, "no_model_fits".into()));
    assert_eq!(answer.error()["no_model_fits"]["pool_is_empty"], true);

    house
        .add("blind", able().lacks(Flag::Vision))
        .add("short", able().context_window(1000));
    let mut body = ask("auto");
    body["modelpool"] = json!({"requirements": {"supports_vision": true, "min_context_window": 5000}});
    let answer = house.chat(body).await;
    assert_eq!(answer.failure(), (422, "no_model_fits".into()));
    let error = answer.error();
    assert_eq!(
        error["no_model_fits"]["rejected"],
        json!([
            {"alias": "blind", "missing": [
                {"key": "supports_vision", "wanted": true, "has": false, "provenance": "declared"},
            ]},
            {"alias": "short", "missing": [
                {"key": "min_context_window", "wanted": 5000, "has": 1000, "provenance": "declared"},
            ]},
        ])
    );
    let message = error["message"].as_str().unwrap();
    assert!(message.starts_with("no model fits: blind lacks "), "{message}");

    let mut body = ask("auto");
    body["modelpool"] = json!({"requirements": {"supports_visoin": true}});
    let answer = house.chat(body).await;
    assert_eq!(answer.failure(), (422, "no_model_fits".into()));
    let unknown = &answer.error()["no_model_fits"]["unknown_keys"];
    assert_eq!(
        *unknown,
        json!([{"key": "supports_visoin", "nearest": "supports_vision"}])
    );
    assert_eq!(house.upstream.counts().requests, 0);
}

#[tokio::test]
async fn an_input_longer_than_every_window() {
    let house = House::empty(Plan::default()).await;
    house.add("short", able().context_window(1000));
    let long = json!({"model": "auto", "messages": [{"role": "user", "content": "word ".repeat(2000)}]});
    let answer = house.chat(long).await;
    assert_eq!(answer.failure(), (400, "context_length_exceeded".into()));
    let mut explicit = ask("auto");
    explicit["modelpool"] = json!({"requirements": {"min_context_window": 2000}});
    assert_eq!(
        house.chat(explicit).await.failure(),
        (422, "no_model_fits".into())
    );
}

#[tokio::test]
async fn keys_that_are_wrong_or_missing() {
    let keys = vec![caller("team", "team-key", None)];
    let house = House::of(Plan {
        keys,
        ..Plan::default()
    })
    .await;
    let body = ask("auto").to_string();
    for (header, value) in [
        ("x-nothing", "x"),
        ("authorization", "Bearer wrong"),
        ("authorization", "Bearer "),
        ("authorization", "team-key"),
        ("authorization", "Basic team-key"),
        ("x-api-key", "wrong"),
    ] {
        for (method, path) in [
            ("POST", CHAT),
            ("POST", "/v1/route"),
            ("POST", "/v1/embeddings"),
            ("GET", "/v1/models"),
        ] {
            let answer = house.with(header, value, method, path, &body).await;
            assert_eq!(
                answer.failure(),
                (401, "invalid_api_key".into()),
                "{header}: {value} {path}"
            );
            assert_eq!(answer.error()["type"], "authentication_error");
        }
    }
    for (header, value) in [("authorization", "Bearer team-key"), ("x-api-key", "team-key")] {
        assert_eq!(house.with(header, value, "POST", CHAT, &body).await.status, 200);
    }
    assert_eq!(house.get("/health/live").await.status, 200, "health needs no key");
}

#[tokio::test]
async fn answers_of_upstreams_that_are_none() {
    for (fault, expected) in [
        (Fault::Html, (502, "upstream_error")),
        (Fault::EmptyBody, (502, "upstream_error")),
        (Fault::InvalidUtf8, (502, "upstream_error")),
        (Fault::CutBeforeHead { reset: true }, (502, "upstream_error")),
        (Fault::status(500), (502, "upstream_error")),
        (Fault::status(502), (502, "upstream_error")),
        (Fault::status(401), (502, "upstream_auth")),
        (Fault::status(403), (502, "upstream_auth")),
        (Fault::status(404), (404, "model_not_found")),
        (Fault::status(402), (429, "insufficient_quota")),
        (Fault::status(503), (503, "overloaded")),
        (Fault::rate_limited(7), (429, "rate_limit_exceeded")),
        (Fault::status(422), (422, "")),
        (coded(400, "content_filter"), (400, "content_filter")),
        (
            coded(400, "context_length_exceeded"),
            (400, "context_length_exceeded"),
        ),
        (coded(400, "whatever"), (400, "whatever")),
    ] {
        for stream in [false, true] {
            let house = House::new().await;
            house.fails("a", fault.clone()).fails("b", fault.clone());
            let mut body = ask("auto");
            body["stream"] = stream.into();
            let answer = house.chat(body).await;
            let expected = (expected.0, expected.1.to_owned());
            assert_eq!(answer.failure(), expected, "{fault:?} {stream}");
            let waits = matches!(&fault, Fault::Status { status: 429, .. });
            assert_eq!(answer.header("retry-after"), waits.then_some("7"), "{fault:?}");
            assert_eq!(house.get("/health/live").await.status, 200);
        }
    }
}

fn coded(status: u16, code: &str) -> Fault {
    Fault::Status {
        status,
        headers: BTreeMap::new(),
        code: Some(code.to_owned()),
        body: None,
    }
}

#[tokio::test]
async fn an_answer_of_ten_megabytes_arrives() {
    let house = House::new().await;
    house.fails(
        "a",
        Fault::OversizedBody {
            bytes: 10 << 20,
            json: true,
        },
    );
    let answer = house.chat(ask("a")).await;
    assert_eq!(answer.status, 200);
    assert!(answer.body.len() > 10 << 20);
}

#[tokio::test]
async fn a_deadline_that_is_over() {
    let house = House::new().await;
    house.fails("a", Fault::StallBeforeHead);
    let mut body = ask("auto");
    body["modelpool"] = json!({"deadline_ms": 100});
    let answer = house.chat(body).await;
    assert_eq!(answer.failure(), (504, "timeout".into()));
}
