//! Warming up: what the first call would wait for is done beforehand.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod common;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use modelpool_core::{Capabilities, ErrorKind, ModelConfig, Warmth};
use modelpool_engine::{BreakerWord, ModelPool};
use modelpool_testkit::Simulator;
use modelpool_testkit::simulator::{ConnectionMode, ConnectionOrder};
use tokio::time::Instant;

use common::hello;
use common::lazy_ollama::{ANSWER, LOAD, LazyOllama, pool_over};

fn lazy() -> ModelConfig {
    ModelConfig::new("lazy", "ollama", "m").capabilities(Capabilities::new().context_window(4_096))
}

async fn first_call(pool: &ModelPool) -> Duration {
    let began = Instant::now();
    assert_eq!(pool.chat(hello()).await.unwrap().text(), ANSWER);
    began.elapsed()
}

#[tokio::test(start_paused = true)]
async fn a_model_that_is_warm_answers_its_first_call_at_once() {
    let cold = pool_over(&Arc::default(), lazy());
    assert!(first_call(&cold).await >= LOAD);

    let server = Arc::<LazyOllama>::default();
    let pool = pool_over(&server, lazy());
    let warmed = pool.warmup("lazy").await.unwrap();
    assert_eq!(warmed.warmth, Warmth::Model);
    assert!(warmed.took >= LOAD, "{:?}", warmed.took);
    assert!(first_call(&pool).await < Duration::from_millis(10));
    assert_eq!(
        server.loads.load(Ordering::Relaxed),
        1,
        "the window is the same, so it is loaded once"
    );
    let asked = server.asked();
    let windows = [
        &asked[0].1["options"]["num_ctx"],
        &asked[1].1["options"]["num_ctx"],
    ];
    assert_eq!(windows, [&serde_json::json!(4_096), &serde_json::json!(4_096)]);
}

#[tokio::test(start_paused = true)]
async fn models_that_are_marked_are_warm_from_the_start() {
    let server = Arc::<LazyOllama>::default();
    let unmarked = pool_over(&server, lazy());
    assert!(unmarked.warm_up_marked().await.is_empty());
    assert!(server.asked().is_empty());
    let pool = pool_over(&server, lazy().warm_up(true));
    assert!(pool.warm_up_marked().await[0].is_ok());
    assert!(first_call(&pool).await < Duration::from_millis(10));
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_closes_on_a_model_that_is_loaded() {
    let server = Arc::<LazyOllama>::default();
    let pool = pool_over(&server, lazy().warm_up(true));
    server.fails.store(true, Ordering::Relaxed);
    while pool.breakers()[0].breaker.state == BreakerWord::Closed {
        pool.chat(hello()).await.unwrap_err();
    }
    assert!(
        pool.check_health().await.is_empty(),
        "it is left alone for a moment"
    );
    tokio::time::advance(Duration::from_secs(2)).await;
    let error = pool.check_health().await.remove(0).error.unwrap();
    assert_eq!(*error.kind(), ErrorKind::Server, "{error}");
    assert_eq!(pool.breakers()[0].breaker.state, BreakerWord::Open);

    server.fails.store(false, Ordering::Relaxed);
    tokio::time::advance(Duration::from_secs(20)).await;
    assert!(pool.check_health().await[0].error.is_none());
    assert_eq!(pool.breakers()[0].breaker.state, BreakerWord::Closed);
    assert!(first_call(&pool).await < Duration::from_millis(10));
}

#[tokio::test]
async fn a_connection_is_made_and_used() {
    let upstream = Simulator::builder().start().await.unwrap();
    let pool = ModelPool::new();
    pool.add(ModelConfig::new("a", "custom", "m").base_url(upstream.base_url()))
        .unwrap();
    assert_eq!(pool.warmup("a").await.unwrap().warmth, Warmth::Connection);
    // No other can be made, so the call goes over the one that stands.
    upstream.order_connections(&ConnectionOrder {
        mode: ConnectionMode::Refuse,
        for_ms: None,
        close_open: false,
    });
    pool.chat(hello()).await.unwrap();
    let requests = upstream.requests();
    let paths: Vec<&str> = requests.iter().map(|request| request.path.as_str()).collect();
    assert_eq!(paths, ["/v1/models", "/v1/chat/completions"]);
}

#[tokio::test]
async fn what_cannot_be_warm_says_why() {
    let pool = ModelPool::new();
    pool.add(ModelConfig::new("gone", "custom", "m").base_url("http://127.0.0.1:9"))
        .unwrap();
    pool.add(ModelConfig::new("any/*", "custom", "").base_url("http://127.0.0.1:9"))
        .unwrap();
    let error = pool.warmup("gone").await.unwrap_err();
    assert_eq!(
        (*error.kind() == ErrorKind::Connect, error.alias()),
        (true, Some("gone"))
    );
    let error = pool.warmup("gon").await.unwrap_err();
    assert_eq!(
        error.message(),
        "no model has the alias `gon`, did you mean `gone`?"
    );
    let error = pool.warmup("any/*").await.unwrap_err();
    assert!(
        error.message().starts_with("`any/*` stands for many models"),
        "{error}"
    );
}
