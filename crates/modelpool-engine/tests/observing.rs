//! What a pool tells of its work: statistics and breakers of its models, traces of its requests.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod common;

use modelpool_core::statistics::{Statistics, StatisticsReport};
use modelpool_engine::{BreakerWord, ModelPool, RetryPolicy, TraceEnding};
use modelpool_testkit::simulator::Fault;
use serde_json::json;
use tokio::time::Instant;

use common::{Bench, hello};

async fn without_retries(aliases: &[&str]) -> Bench {
    let retry = RetryPolicy {
        same_model: 0,
        ..RetryPolicy::default()
    };
    Bench::with(aliases, ModelPool::builder().retry(retry)).await
}

#[tokio::test]
async fn the_trace_of_a_failover_has_both_attempts() {
    let bench = without_retries(&["a", "b"]).await;
    bench.fails("a", Fault::status(503));
    let answer = bench.chat(hello()).await.unwrap();
    let trace = bench.pool.trace(&answer.request_id).unwrap();
    assert_eq!(trace.ending, TraceEnding::Completed);
    let [failed, answered] = trace.attempts.as_slice() else {
        panic!("{trace:?}")
    };
    let failure = failed.error.as_ref().unwrap();
    assert_eq!((&*failed.alias, failure.status), ("a", Some(503)));
    assert_eq!((&*answered.alias, &answered.error), ("b", &None));
    assert!(answered.began_after_ms >= failed.began_after_ms + failed.latency_ms);
    assert_eq!(trace.usage, Some(answer.whole.usage));
    assert_eq!(trace.cost_usd, answer.whole.cost_usd);
    let plan = trace.plan.unwrap();
    assert_eq!((plan.selected.as_deref(), plan.ranking.len()), (Some("a"), 2));
}

#[tokio::test]
async fn requests_that_never_became_a_call_have_a_trace_too() {
    let bench = Bench::new(&["a"]).await;
    bench
        .chat(hello().require(json!({"supports_audio": true})))
        .await
        .unwrap_err();
    let trace = bench.pool.trace(&bench.settled.one().request_id).unwrap();
    assert_eq!(trace.ending, TraceEnding::Failed);
    assert_eq!(trace.error.unwrap().code, "no_model_fits");
    assert!(trace.attempts.is_empty());
    assert_eq!(trace.plan.unwrap().rejected[0].missing[0].key, "supports_audio");
}

#[tokio::test]
async fn statistics_of_a_model_that_was_called_one_that_was_not_and_one_that_is_not_there() {
    let bench = without_retries(&["a", "b", "c"]).await;
    bench.fails("a", Fault::status(401));
    let whole = bench.chat(hello()).await.unwrap().whole;
    let stats = |alias| bench.pool.performance_stats(alias);
    let failed = stats("a").unwrap().ever;
    assert_eq!((failed.requests, failed.failures["auth"]), (1, 1));
    let flat = stats("b").unwrap().flat_ever();
    assert_eq!(flat.success_rate, Some(1.0));
    assert_eq!(flat.total_tokens, whole.usage.total_tokens());
    assert_eq!(flat.total_cost, whole.cost_usd);
    assert_eq!(stats("c"), Some(StatisticsReport::default()));
    assert_eq!(stats("d"), None);
}

#[test]
fn nothing_is_known_of_a_model_that_was_never_called() {
    let now = Instant::now().into_std();
    assert_eq!(Statistics::new(now).report(now), StatisticsReport::default());
}

#[tokio::test]
async fn breakers_tell_which_models_are_shut_off_and_for_how_long() {
    let bench = without_retries(&["a", "b"]).await;
    bench.fails("a", Fault::status(500));
    for _ in 0..5 {
        bench.chat(hello()).await.unwrap();
    }
    let breakers = bench.pool.breakers();
    let told: Vec<_> = breakers
        .iter()
        .map(|report| (&*report.alias, &*report.model_name, report.breaker.state))
        .collect();
    assert_eq!(
        told,
        [("a", "a", BreakerWord::Open), ("b", "b", BreakerWord::Closed)]
    );
    assert!(breakers[0].breaker.open_for_ms.is_some_and(|left| left <= 1_000));
    assert_eq!(breakers[0].endpoint.state, BreakerWord::Closed, "it did answer");
    let json = serde_json::to_value(&breakers[1]).unwrap();
    assert_eq!(
        json,
        json!({
            "alias": "b", "model_name": "b", "state": "closed", "open_for_ms": null, "relapses": 0,
            "endpoint": {"state": "closed", "open_for_ms": null, "relapses": 0},
        })
    );
}
