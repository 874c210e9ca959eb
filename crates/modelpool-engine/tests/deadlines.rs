//! One deadline spans everything a request does, and every limit on time has its own error.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod common;

use std::time::Duration;

use modelpool_core::{Capabilities, ErrorKind, Flag, ModelConfig, TimeoutKind, Timeouts};
use modelpool_engine::{ChatRequest, ModelPool, ModelPoolBuilder, RetryPolicy};
use modelpool_testkit::simulator::Fault;
use tokio::time::Instant;

use common::paced::{Paced, Step, registry};
use common::{Bench, hello, no_retries, told};

const MS: Duration = Duration::from_millis(1);

/// A pool over models that do as their scripts say, in paused time.
fn pool(scripts: &[(&str, Paced)], builder: ModelPoolBuilder) -> ModelPool {
    let pool = builder.registry(registry(scripts)).build();
    for (alias, _) in scripts {
        let capabilities = Capabilities::new().cost_per_1k_tokens(0.01);
        pool.add(ModelConfig::new(*alias, *alias, "m").capabilities(capabilities))
            .unwrap();
    }
    pool
}

fn within(milliseconds: u64) -> ChatRequest {
    hello().option("deadline_ms", milliseconds)
}

fn timeout(kind: TimeoutKind) -> ErrorKind {
    ErrorKind::Timeout(kind)
}

#[tokio::test(start_paused = true)]
async fn the_deadline_spans_all_hops_and_retries() {
    let slow_failure = Paced::fails_after(600 * MS);
    for (stream, retry, last) in [
        (false, no_retries(), "b"),
        (true, no_retries(), "b"),
        (false, RetryPolicy::default(), "a"),
        (true, RetryPolicy::default(), "a"),
    ] {
        let pool = pool(
            &[
                ("a", slow_failure.clone()),
                ("b", Paced::never()),
                ("c", Paced::says("c")),
            ],
            ModelPool::builder().retry(retry),
        );
        let began = Instant::now();
        let call = within(1000).into_call(stream).unwrap();
        let error = pool.call(call).await.unwrap_err();
        assert_eq!(*error.kind(), timeout(TimeoutKind::Total));
        assert_eq!((error.alias(), error.attempts()), (Some(last), 2));
        assert_eq!(began.elapsed(), 1000 * MS, "neither earlier nor later");
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_may_shorten_the_time_and_not_extend_it() {
    let timeouts = Timeouts {
        total: Some(500 * MS),
        ..Timeouts::default()
    };
    for (asked, took) in [(200, 200), (9000, 500)] {
        let pool = pool(&[("a", Paced::never())], ModelPool::builder().timeouts(timeouts));
        let began = Instant::now();
        let error = pool.chat(within(asked)).await.unwrap_err();
        assert_eq!(*error.kind(), timeout(TimeoutKind::Total));
        assert_eq!(began.elapsed(), took * MS);
    }
}

#[tokio::test(start_paused = true)]
async fn no_model_is_asked_once_the_time_is_over() {
    let pool = pool(
        &[("a", Paced::fails_after(500 * MS)), ("b", Paced::says("late"))],
        ModelPool::builder(),
    );
    let error = pool.chat(within(500)).await.unwrap_err();
    assert_eq!(error.attempts(), 1, "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_with_an_error_at_its_deadline_and_at_too_long_a_pause() {
    let words = |pause: Duration| {
        let word = Step::Text(pause, "word ");
        Paced::streams(std::iter::repeat_n(word, 1000).collect())
    };
    for (script, kind, took) in [
        (words(300 * MS), TimeoutKind::Total, 1000 * MS),
        (words(29_000 * MS), TimeoutKind::Total, 60_000 * MS),
        (words(31_000 * MS), TimeoutKind::Idle, (31_000 + 30_000) * MS),
    ] {
        let pool = pool(&[("a", script)], ModelPool::builder());
        let deadline = if kind == TimeoutKind::Total {
            took
        } else {
            took * 2
        };
        let request = within(u64::try_from(deadline.as_millis()).unwrap());
        let began = Instant::now();
        let mut stream = pool.chat_stream(request).await.unwrap();
        let error = stream.text().await.unwrap_err();
        assert_eq!(*error.kind(), timeout(kind));
        assert_eq!((began.elapsed(), error.alias()), (took, Some("a")));
        assert!(stream.next().await.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_after_the_finish_reason_loses_nothing() {
    let script = Paced::streams(vec![
        Step::Text(MS, "all"),
        Step::Finish(MS),
        Step::Text(Duration::from_secs(3600), "never"),
    ]);
    let pool = pool(&[("a", script)], ModelPool::builder());
    let mut stream = pool.chat_stream(hello()).await.unwrap();
    assert_eq!(stream.text().await.unwrap(), "all");
}

#[tokio::test(start_paused = true)]
async fn models_that_reason_have_longer_to_begin() {
    for (reasons, waited) in [(false, 60), (true, 300)] {
        let pool = ModelPool::builder()
            .registry(registry(&[("a", Paced::never())]))
            .build();
        let capabilities = match reasons {
            true => Capabilities::new().supports(Flag::Reasoning),
            false => Capabilities::new(),
        };
        pool.add(ModelConfig::new("a", "a", "m").capabilities(capabilities))
            .unwrap();
        let began = Instant::now();
        let error = pool.chat_stream(hello()).await.unwrap_err();
        assert_eq!(*error.kind(), timeout(TimeoutKind::FirstToken));
        assert_eq!(began.elapsed(), Duration::from_secs(waited));
    }
}

#[tokio::test(start_paused = true)]
async fn comments_are_no_first_token() {
    let comment = Step::Comment(Duration::from_secs(10));
    let script = Paced::streams(std::iter::repeat_n(comment, 1000).collect());
    let pool = pool(&[("a", script), ("b", Paced::says("b"))], ModelPool::builder());
    let began = Instant::now();
    let mut stream = pool.chat_stream(hello()).await.unwrap();
    assert_eq!(began.elapsed(), Duration::from_secs(60));
    assert_eq!(stream.alias(), "b");
    assert_eq!(stream.text().await.unwrap(), "b");
}

#[tokio::test(start_paused = true)]
async fn any_number_of_comments_may_come_before_the_first_word() {
    let mut steps = vec![Step::Comment(MS); 1000];
    steps.extend([Step::Text(MS, "at last"), Step::Finish(MS)]);
    let pool = pool(
        &[("a", Paced::streams(steps)), ("b", Paced::says("b"))],
        ModelPool::builder(),
    );
    let mut stream = pool.chat_stream(hello()).await.unwrap();
    assert_eq!(stream.text().await.unwrap(), "at last");
}

/// Over the real wire, where the provider itself watches over whole answers.
#[tokio::test]
async fn the_deadline_of_a_whole_answer_is_not_taken_for_the_limit_of_one_model() {
    for fault in [Fault::StallBeforeHead, Fault::StallAfterHead] {
        let bench = Bench::new(&["a", "b"]).await;
        bench.fails("a", fault);
        let error = bench.chat(within(150)).await.unwrap_err();
        assert_eq!(*error.kind(), timeout(TimeoutKind::Total));
        assert_eq!(told(&bench.settled.one()), "failed timeout; a: timeout");
        assert_eq!(bench.calls(), "a: 1");
        bench.upstream_is_left().await;
    }
}

#[tokio::test]
async fn a_model_that_does_not_answer_in_its_time_is_left_for_the_next() {
    for (fault, timeouts) in [
        (
            Fault::StallBeforeHead,
            Timeouts {
                response: Some(250 * MS),
                ..Timeouts::default()
            },
        ),
        (
            Fault::StallAfterHead,
            Timeouts {
                idle: Some(250 * MS),
                ..Timeouts::default()
            },
        ),
    ] {
        let bench = Bench::with(&["a", "b"], ModelPool::builder().timeouts(timeouts)).await;
        bench.fails("a", fault);
        assert_eq!(&*bench.chat(hello()).await.unwrap().alias, "b");
        assert_eq!(told(&bench.settled.one()), "completed; a: timeout, b: ok");
    }
}
