//! A task that has used up its share of time is put off by tokio, anywhere it waits. The transport has to come
//! back from that at every point of a call.

#![allow(clippy::unwrap_used)] // a test fails by panicking

use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use bytes::Bytes;
use modelpool_core::Transport as _;
use modelpool_providers::HttpTransport;
use modelpool_testkit::Simulator;
use tokio::task::coop::consume_budget;
use tokio::time::{Instant, timeout};

/// The operations tokio allows a task before it puts it off
/// (<https://docs.rs/tokio/latest/tokio/task/coop/index.html>).
const BUDGET: usize = 128;

/// A call that takes this long has lost a wake-up: each is answered at once.
const HANGS: Duration = Duration::from_secs(5);

/// Does the work with only a part of the budget left, whenever it is polled.
async fn after_operations<T>(used: usize, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    poll_fn(|context| {
        for _ in 0..used {
            let _ = pin!(consume_budget()).poll(&mut Context::from_waker(Waker::noop()));
        }
        work.as_mut().poll(context)
    })
    .await
}

async fn chat(transport: &HttpTransport, url: &str, stream: bool) -> usize {
    let body =
        format!(r#"{{"model":"m","stream":{stream},"messages":[{{"role":"user","content":"hello"}}]}}"#);
    let request = http::Request::post(url)
        .header("content-type", "application/json")
        .body(Bytes::from(body))
        .unwrap();
    let answer = transport.send(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    let mut parts = answer.into_body();
    let mut bytes = 0;
    while let Some(part) = poll_fn(|context| parts.as_mut().poll_next(context)).await {
        bytes += part.unwrap().len();
    }
    bytes
}

#[tokio::test]
async fn a_call_that_is_put_off_goes_on() {
    let upstream = Simulator::builder().start().await.unwrap();
    let url = format!("{}/chat/completions", upstream.base_url());
    let transport = HttpTransport::new();
    for stream in [false, true] {
        let whole = chat(&transport, &url, stream).await;
        for used in 0..BUDGET {
            let call = after_operations(used, chat(&transport, &url, stream));
            let began = Instant::now();
            // The limit wakes a task that hangs, which then goes on as if nothing had been.
            let bytes = timeout(HANGS, call).await.unwrap_or_default();
            assert!(began.elapsed() < HANGS, "hangs after {used} operations");
            assert!(bytes >= whole / 2, "{bytes} of {whole}");
        }
    }
}
