//! A caller that asks for more than its key allows is told how long to wait.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod common;

use std::num::NonZeroU64;
use std::time::Duration;

use modelpool_gateway::CallerKey;
use serde_json::json;

use common::{Answer, House, Plan, caller};

async fn house() -> House {
    let busy = CallerKey {
        requests_per_minute: NonZeroU64::new(2),
        ..caller("busy", "key-busy", None)
    };
    let wordy = CallerKey {
        tokens_per_minute: NonZeroU64::new(1000),
        ..caller("wordy", "key-wordy", None)
    };
    House::of(Plan {
        keys: vec![busy, wordy, caller("free", "key-free", None)],
        ..Plan::default()
    })
    .await
}

async fn ask(house: &House, key: &str, max_tokens: u32) -> Answer {
    let messages = json!([{"role": "user", "content": "x"}]);
    let body = json!({"model": "a", "messages": messages, "max_tokens": max_tokens});
    let key = format!("Bearer {key}");
    let path = "/v1/chat/completions";
    house
        .with("authorization", &key, "POST", path, &body.to_string())
        .await
}

/// Lets time pass on the clock of the test; sockets need the real one.
async fn wait(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_refused_request_fits_after_the_wait_it_was_told() {
    let house = house().await;
    for _ in 0..2 {
        assert_eq!(ask(&house, "key-busy", 5).await.status, 200);
    }
    let refused = ask(&house, "key-busy", 5).await;
    assert_eq!(refused.failure(), (429, "rate_limit_exceeded".into()));
    assert_eq!(refused.error()["type"], "rate_limit_error");
    let number = |name| refused.header(name).unwrap().parse::<u64>().unwrap();
    let (seconds, milliseconds) = (number("retry-after"), number("retry-after-ms"));
    assert!((1..=61).contains(&seconds), "{seconds} s");
    assert_eq!(milliseconds.div_ceil(1000), seconds);
    assert_eq!(house.upstream.counts().requests, 2, "nobody was called");
    assert_eq!(ask(&house, "key-free", 5).await.status, 200, "another caller");

    wait(Duration::from_millis(milliseconds)).await;
    assert_eq!(ask(&house, "key-busy", 5).await.status, 200);
}

#[tokio::test]
async fn tokens_count_as_they_were_used() {
    let house = house().await;
    for _ in 0..5 {
        let answer = ask(&house, "key-wordy", 900).await;
        assert_eq!(answer.status, 200, "few of the 900 are used: {}", answer.text());
    }
    // More than all that is allowed: only as the first of a minute.
    let refused = ask(&house, "key-wordy", 5000).await;
    assert_eq!(refused.failure(), (429, "rate_limit_exceeded".into()));
    wait(Duration::from_secs(62)).await;
    assert_eq!(ask(&house, "key-wordy", 5000).await.status, 200);
}

#[tokio::test]
async fn looking_costs_nothing() {
    let house = house().await;
    for _ in 0..5 {
        let key = "Bearer key-busy";
        let list = house.with("authorization", key, "GET", "/v1/models", "").await;
        assert_eq!(list.status, 200);
        let body = r#"{"model":"auto","messages":[{"role":"user","content":"x"}]}"#;
        let route = house.with("authorization", key, "POST", "/v1/route", body).await;
        assert_eq!(route.status, 200, "{}", route.text());
        let wrong = house
            .with("authorization", key, "POST", "/v1/chat/completions", "{")
            .await;
        assert_eq!(wrong.status, 400);
    }
    assert_eq!(ask(&house, "key-busy", 5).await.status, 200);
}
