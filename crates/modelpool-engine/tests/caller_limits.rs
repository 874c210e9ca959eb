//! What a caller may use in a minute, however its requests end.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod common;

use std::num::NonZeroU64;
use std::sync::Arc;

use modelpool_core::{Error, ErrorKind};
use modelpool_engine::{Answer, AnswerBody, CallerLimits, ChatRequest, ModelPool, Scope};
use modelpool_testkit::simulator::Fault;

use common::{Bench, hello, no_retries, soon, told};

fn caller(requests: u64, tokens: u64) -> Scope {
    let limits = CallerLimits::per_minute(NonZeroU64::new(requests), NonZeroU64::new(tokens));
    Scope {
        caller: Some("team".into()),
        limits: Some(Arc::new(limits)),
        ..Scope::default()
    }
}

async fn call(bench: &Bench, request: ChatRequest, stream: bool, scope: &Scope) -> Result<Answer, Error> {
    let mut call = request.into_call(stream).unwrap();
    call.scope = scope.clone();
    soon(bench.pool.call(call)).await
}

#[tokio::test]
async fn requests_beyond_the_limit_are_refused_before_anyone_is_called() {
    let bench = Bench::new(&["a"]).await;
    let scope = caller(2, 0);
    for _ in 0..2 {
        assert!(call(&bench, hello(), false, &scope).await.is_ok());
    }
    let refused = call(&bench, hello(), false, &scope).await.unwrap_err();
    assert!(matches!(
        refused.kind(),
        ErrorKind::RateLimited { retry_after: Some(_) }
    ));
    assert_eq!((refused.alias(), refused.attempts()), (None, 0));
    assert_eq!(bench.calls(), "a: 2");
    assert!(
        call(&bench, hello(), false, &caller(2, 0)).await.is_ok(),
        "another caller"
    );
    assert!(bench.chat(hello()).await.is_ok(), "nobody's limits");
    let settled: Vec<String> = bench.settled.all().iter().map(told).collect();
    assert!(
        settled[2].starts_with("failed"),
        "it is settled as well: {settled:?}"
    );
}

/// The output asked for is taken, and what was not used is there again at the end.
#[tokio::test]
async fn tokens_are_those_that_were_used() {
    let bench = Bench::new(&["a"]).await;
    let scope = caller(0, 1000);
    let long = || hello().with("max_tokens", 900);
    let answer = call(&bench, long(), false, &scope).await.unwrap();
    let AnswerBody::Whole(whole) = answer.body else {
        panic!("a whole answer");
    };
    assert!(whole.usage.total_tokens() < 50, "{:?}", whole.usage);
    let answer = call(&bench, long(), true, &scope).await.unwrap();
    let refused = call(&bench, long(), false, &scope).await.unwrap_err();
    assert!(refused.message().contains("tokens per minute: 1000"), "{refused}");
    let AnswerBody::Stream(mut stream) = answer.body else {
        panic!("a stream");
    };
    soon(stream.text()).await.unwrap();
    assert!(
        call(&bench, long(), false, &scope).await.is_ok(),
        "the stream has ended"
    );
}

#[tokio::test]
async fn a_request_that_got_nothing_gives_its_tokens_back() {
    let bench = Bench::with(&["a"], ModelPool::builder().retry(no_retries())).await;
    bench.fails("a", Fault::status(400));
    let scope = caller(0, 1000);
    let long = || hello().with("max_tokens", 900);
    for _ in 0..5 {
        let error = call(&bench, long(), false, &scope).await.unwrap_err();
        assert!(!matches!(error.kind(), ErrorKind::RateLimited { .. }), "{error}");
    }
}
