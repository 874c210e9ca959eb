//! The limits a user set for a model: requests and tokens per minute, calls at a time.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod common;

use std::num::{NonZeroU64, NonZeroUsize};
use std::time::Duration;

use modelpool_core::model::ModelLimits;
use modelpool_core::{ErrorKind, TimeoutKind};
use modelpool_engine::{ChatRequest, ModelPool};

use common::simulated::{MS, SECOND, Stage, ask, good, server_error, slow};
use common::told;

fn limited(aliases: &[&str], limits: ModelLimits) -> Stage {
    Stage::of(aliases, ModelPool::builder(), |config| match &*config.alias {
        "a" => config.limits(limits),
        _ => config,
    })
}

fn requests_per_minute(most: u64) -> ModelLimits {
    ModelLimits {
        requests_per_minute: NonZeroU64::new(most),
        ..ModelLimits::default()
    }
}

fn tokens_per_minute(most: u64) -> ModelLimits {
    ModelLimits {
        tokens_per_minute: NonZeroU64::new(most),
        ..ModelLimits::default()
    }
}

fn at_a_time(most: usize) -> ModelLimits {
    ModelLimits {
        max_concurrent: NonZeroUsize::new(most),
        ..ModelLimits::default()
    }
}

/// What was taken counts to the end of its second, plus a minute.
const UNTIL_FREE: Duration = Duration::from_secs(61);

fn rate_limited() -> ErrorKind {
    ErrorKind::RateLimited {
        retry_after: Some(UNTIL_FREE),
    }
}

#[tokio::test(start_paused = true)]
async fn no_minute_has_more_requests_than_allowed() {
    let stage = limited(&["a"], requests_per_minute(3));
    stage.always("a", &good());
    for _ in 0..3 {
        stage.chat(ask()).await.unwrap();
    }
    let error = stage.chat(ask()).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (&rate_limited(), 0));
    assert_eq!(stage.network.elapsed(), Duration::ZERO);
    // Who has the time gets through when the minute is over.
    stage.chat(ask().option("deadline_ms", 90_000)).await.unwrap();
    assert_eq!(stage.network.elapsed(), UNTIL_FREE);
}

#[tokio::test(start_paused = true)]
async fn a_retry_is_a_request_too() {
    let stage = limited(&["a"], requests_per_minute(3));
    stage.next("a", [server_error(), good()]).always("a", &good());
    stage.chat(ask()).await.unwrap();
    stage.chat(ask()).await.unwrap();
    assert_eq!(stage.order(), "a a a");
    let error = stage.chat(ask()).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::RateLimited { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_goes_to_the_next() {
    let ask_for = |tokens: u64| ask().with("max_tokens", tokens);
    let stage = limited(&["a", "b"], requests_per_minute(2));
    stage.always("a", &good()).always("b", &good());
    for _ in 0..4 {
        stage.chat(ask()).await.unwrap();
    }
    assert_eq!(stage.order(), "a a b b");

    let stage = limited(&["a", "b"], tokens_per_minute(1_000));
    stage.always("a", &slow(SECOND)).always("b", &good());
    let callers: Vec<_> = (0..4).map(|_| stage.spawn(ask_for(400))).collect();
    for caller in callers {
        caller.await.unwrap().unwrap();
    }
    assert_eq!(stage.order(), "a a b b");
}

#[tokio::test(start_paused = true)]
async fn tokens_that_were_reserved_and_not_used_are_given_back() {
    let stage = limited(&["a"], tokens_per_minute(1_000));
    // A failure has used nothing, an answer a few.
    stage.next("a", [server_error()]).always("a", &good());
    for _ in 0..5 {
        stage.chat(ask().with("max_tokens", 900)).await.unwrap();
    }
    assert_eq!(stage.calls().len(), 6);
    assert!(stage.network.elapsed() <= 250 * MS, "nobody waited for tokens");
    let error = stage.chat(ask().with("max_tokens", 990)).await.unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::RateLimited { .. }),
        "what was used is gone: {error}"
    );
}

/// Prompts in the order in which they reached the server.
fn prompts(stage: &Stage) -> Vec<String> {
    stage.calls().into_iter().map(|call| call.prompt).collect()
}

fn caller(number: usize) -> ChatRequest {
    ChatRequest::new().user(number.to_string())
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_slot_is_served_in_turn() {
    let stage = limited(&["a"], at_a_time(2));
    stage.always("a", &slow(SECOND));
    let mut callers = Vec::new();
    for number in 0..12 {
        callers.push(stage.spawn(caller(number)));
        tokio::time::sleep(MS).await;
    }
    for caller in callers {
        caller.await.unwrap().unwrap();
    }
    let expected: Vec<String> = (0..12).map(|number| number.to_string()).collect();
    assert_eq!(prompts(&stage), expected);
    let times = stage.times();
    let at_once = |at: &u128| {
        let began = times.iter().zip(stage.calls());
        began
            .filter(|(began, call)| **began <= *at && call.ended.unwrap().as_millis() > *at)
            .count()
    };
    assert!(times.iter().all(|at| at_once(at) <= 2), "{times:?}");
    assert_eq!(times.last(), Some(&5_001), "no slot stands empty");
    stage.is_at_rest();
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_turns_callers_away() {
    let stage = limited(&["a"], at_a_time(1));
    stage.always("a", &slow(SECOND));
    let callers: Vec<_> = (0..18).map(|number| stage.spawn(caller(number))).collect();
    let mut turned_away = 0;
    for caller in callers {
        if let Err(error) = caller.await.unwrap() {
            assert!(matches!(error.kind(), ErrorKind::Overloaded { .. }), "{error}");
            assert!(error.retry_after().is_some());
            turned_away += 1;
        }
    }
    // One is called, sixteen wait.
    assert_eq!((turned_away, stage.calls().len()), (1, 17));
    stage.is_at_rest();
}

#[tokio::test(start_paused = true)]
async fn who_leaves_the_queue_makes_room_in_it() {
    let stage = limited(&["a"], at_a_time(1));
    stage.always("a", &slow(SECOND));
    let callers: Vec<_> = (0..17).map(|number| stage.spawn(caller(number))).collect();
    tokio::time::sleep(MS).await;
    assert!(
        stage.spawn(caller(99)).await.unwrap().is_err(),
        "the queue is full"
    );
    callers[1].abort();
    tokio::time::sleep(MS).await;
    let late = stage.spawn(caller(17));
    for (number, caller) in callers.into_iter().enumerate() {
        assert_eq!(caller.await.is_ok(), number != 1);
    }
    late.await.unwrap().unwrap();
    let expected = (0..18)
        .filter(|number| *number != 1)
        .map(|number| number.to_string());
    assert_eq!(prompts(&stage), expected.collect::<Vec<_>>());
    assert_eq!(
        stage.times().last(),
        Some(&16_000),
        "nobody waits for who has left"
    );
}

#[tokio::test(start_paused = true)]
async fn who_goes_on_to_another_does_not_queue() {
    let stage = limited(&["a", "b"], at_a_time(1));
    stage.always("a", &slow(SECOND)).always("b", &good());
    let first = stage.spawn(caller(0));
    tokio::time::sleep(MS).await;
    stage.chat(caller(1)).await.unwrap();
    assert_eq!((stage.order().as_str(), stage.times()), ("a b", vec![0, 1]));
    first.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_queue_is_left_at_the_deadline() {
    let stage = limited(&["a"], at_a_time(1));
    stage.always("a", &slow(10 * SECOND));
    let first = stage.spawn(caller(0));
    tokio::time::sleep(MS).await;
    let error = stage
        .chat(caller(1).option("deadline_ms", 500))
        .await
        .unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Timeout(TimeoutKind::Total));
    assert_eq!((error.attempts(), stage.network.elapsed()), (0, 501 * MS));
    first.await.unwrap().unwrap();
    assert_eq!(stage.order(), "a");
}

#[tokio::test(start_paused = true)]
async fn a_slot_is_held_until_the_stream_has_ended() {
    let stage = limited(&["a"], at_a_time(1));
    stage.always("a", &good());
    let mut stream = stage.pool.chat_stream(caller(0)).await.unwrap();
    stream.next().await.unwrap().unwrap();
    let second = stage.spawn(caller(1));
    tokio::time::sleep(SECOND).await;
    assert_eq!(stage.order(), "a", "the stream is still read");
    stream.text().await.unwrap();
    second.await.unwrap().unwrap();
    assert_eq!(stage.times(), [0, 1_000]);
    let settled = stage.settled.all();
    assert_eq!(
        settled.iter().map(told).collect::<Vec<_>>(),
        ["completed; a: ok"; 2]
    );
}
