//! A second call where the first is slower to begin than it usually is; the first answer is taken.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod common;

use std::time::Duration;

use modelpool_engine::{Hedging, ModelPool, Purpose};
use modelpool_testkit::network::{CallEnd, Fate};

use common::simulated::{MS, SECOND, Stage, answer, ask, good, overloaded, server_error, silent, slow};
use common::told;

/// Calls with which `a` is known to begin within 100 ms.
const KNOWN: usize = 30;

fn hedging(max_share: f64) -> Stage {
    let builder = ModelPool::builder().hedging(Some(Hedging { max_share }));
    Stage::with(&["a", "b"], builder)
}

async fn warm(stage: &Stage, calls: usize) {
    for _ in 0..calls {
        stage.next("a", [slow(100 * MS)]);
        stage.stream(ask()).await.unwrap();
    }
    // What was measured is looked at every now and then.
    tokio::time::advance(10 * SECOND).await;
}

/// The calls after those that made it known, with when they began after the request did, and ended.
fn race(stage: &Stage, began: Duration) -> Vec<(String, Duration, Option<Duration>, CallEnd)> {
    let calls = stage.calls().into_iter().filter(|call| call.began >= began);
    let after = |at: Duration| at - began;
    calls
        .map(|call| {
            (
                call.model.clone(),
                after(call.began),
                call.ended.map(after),
                call.end,
            )
        })
        .collect()
}

/// Whether a time is about the p95 of 100 ms: sketches round.
fn is_patience(time: Duration) -> bool {
    (98 * MS..=103 * MS).contains(&time)
}

/// The last settled request, with the purpose of each call.
fn last(stage: &Stage) -> (String, Vec<Purpose>) {
    let settled = stage.settled.all();
    let last = settled.last().unwrap();
    let purposes = last.outcomes.iter().map(|outcome| outcome.purpose);
    (told(last), purposes.collect())
}

#[tokio::test(start_paused = true)]
async fn a_slow_call_is_hedged_and_the_slower_ends_in_the_same_instant() {
    let stage = hedging(0.1);
    warm(&stage, KNOWN).await;
    let began = stage.network.elapsed();
    stage.next("a", [slow(5 * SECOND)]).next("b", [slow(50 * MS)]);
    let read = stage.stream(ask()).await.unwrap();
    assert_eq!(
        (read.alias.as_str(), read.text.as_str()),
        ("b", answer().as_str())
    );
    assert_eq!((read.summary.attempts, read.summary.continued), (2, 0));
    let race = race(&stage, began);
    let [(first, at_once, slower_ended, how), (second, patience, _, _)] = &race[..] else {
        panic!("{race:?}");
    };
    assert_eq!(
        (first.as_str(), second.as_str(), *at_once),
        ("a", "b", Duration::ZERO)
    );
    assert!(is_patience(*patience), "{patience:?}");
    assert_eq!(
        (*slower_ended, *how),
        (Some(*patience + 50 * MS), CallEnd::Dropped)
    );
    let expected = (
        "completed; a: cancelled, b: ok".to_owned(),
        vec![Purpose::Answer, Purpose::Hedge],
    );
    assert_eq!(last(&stage), expected);
    stage.is_at_rest();
}

#[tokio::test(start_paused = true)]
async fn the_first_may_still_win() {
    let stage = hedging(0.1);
    warm(&stage, KNOWN).await;
    let began = stage.network.elapsed();
    stage.next("a", [slow(300 * MS)]).next("b", [slow(5 * SECOND)]);
    assert_eq!(stage.stream(ask()).await.unwrap().alias, "a");
    let race = race(&stage, began);
    assert_eq!(
        (race[1].2, race[1].3),
        (Some(300 * MS), CallEnd::Dropped),
        "{race:?}"
    );
    let expected = (
        "completed; b: cancelled, a: ok".to_owned(),
        vec![Purpose::Hedge, Purpose::Answer],
    );
    assert_eq!(last(&stage), expected);
    stage.is_at_rest();
}

#[tokio::test(start_paused = true)]
async fn the_cancelled_says_nothing_about_its_model() {
    let stage = hedging(1.0);
    warm(&stage, KNOWN).await;
    for _ in 0..20 {
        stage.next("a", [silent()]).next("b", [good()]);
        assert_eq!(stage.stream(ask()).await.unwrap().alias, "b");
    }
    assert_eq!(stage.calls_of("a"), KNOWN + 20, "its breaker stays closed");
    stage.is_at_rest();
}

#[tokio::test(start_paused = true)]
async fn a_failure_of_one_leaves_the_other() {
    for (a, b, winner) in [
        (slow(300 * MS), overloaded(), "a"),
        (failing_after(200 * MS), slow(500 * MS), "b"),
    ] {
        let stage = hedging(0.1);
        warm(&stage, KNOWN).await;
        stage.next("a", [a]).next("b", [b]);
        let read = stage.stream(ask()).await.unwrap();
        assert_eq!(
            (read.alias.as_str(), read.text.as_str()),
            (winner, answer().as_str())
        );
        assert_eq!(read.summary.attempts, 2, "nobody else is called");
        stage.is_at_rest();
    }
}

fn failing_after(time: Duration) -> Fate {
    Fate {
        reply: server_error().reply,
        ..slow(time)
    }
}

#[tokio::test(start_paused = true)]
async fn where_both_fail_the_walk_goes_on() {
    let builder = ModelPool::builder().hedging(Some(Hedging { max_share: 0.1 }));
    let stage = Stage::with(&["a", "b", "c"], builder);
    warm(&stage, KNOWN).await;
    let gone = Fate {
        reply: Fate::refusal(404, "model_not_found", "The model does not exist").reply,
        ..slow(200 * MS)
    };
    stage
        .next("a", [gone.clone()])
        .next("b", [gone])
        .next("c", [good()]);
    assert_eq!(stage.stream(ask()).await.unwrap().alias, "c");
    assert_eq!(
        last(&stage).0,
        "completed; a: model_not_found, b: model_not_found, c: ok"
    );
}

#[tokio::test(start_paused = true)]
async fn hedges_stay_within_their_share_of_all_calls() {
    for share in [0.0, 0.05, 0.25] {
        let stage = hedging(share);
        warm(&stage, KNOWN).await;
        let mut hedges = 0;
        for _ in 0..100 {
            stage.next("a", [slow(150 * MS)]).next("b", [good()]);
            stage.stream(ask()).await.unwrap();
            hedges = stage.calls_of("b");
            let most = stage.calls().len() as f64 * share;
            assert!(hedges as f64 <= most, "{hedges} of {most}");
        }
        assert_eq!(hedges > 0, share > 0.0);
    }
}

#[tokio::test(start_paused = true)]
async fn there_is_no_hedge_without_enough_samples() {
    let stage = hedging(1.0);
    warm(&stage, 19).await;
    stage.next("a", [slow(5 * SECOND)]);
    assert_eq!(stage.stream(ask()).await.unwrap().alias, "a");
    assert_eq!(stage.calls_of("b"), 0);
}

#[tokio::test(start_paused = true)]
async fn nor_for_a_whole_answer_a_quick_one_or_where_none_is_wanted() {
    let stage = hedging(1.0);
    warm(&stage, KNOWN).await;
    stage.next("a", [slow(5 * SECOND), slow(90 * MS)]);
    stage.chat(ask()).await.unwrap();
    stage.stream(ask()).await.unwrap();
    assert_eq!(stage.calls_of("b"), 0);

    let stage = Stage::new(&["a", "b"]);
    warm(&stage, KNOWN).await;
    stage.next("a", [slow(5 * SECOND)]);
    stage.stream(ask()).await.unwrap();
    assert_eq!(stage.calls_of("b"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_named_model_is_hedged_by_its_fallbacks_only() {
    let builder = || ModelPool::builder().hedging(Some(Hedging { max_share: 1.0 }));
    for (fallbacks, called) in [(&[][..], 0), (&["b"][..], 1)] {
        let stage = Stage::of(&["a", "b"], builder(), |config| match &*config.alias {
            "a" => config.fallbacks(fallbacks.iter().copied()),
            _ => config,
        });
        warm(&stage, KNOWN).await;
        stage.next("a", [slow(SECOND)]).next("b", [good()]);
        stage.stream(ask().model("a")).await.unwrap();
        assert_eq!(stage.calls_of("b"), called);
    }
}

/// Both may have to be paid for, so that both have to fit into what the caller will pay.
#[tokio::test(start_paused = true)]
async fn a_hedge_that_would_be_too_dear_is_not_made() {
    // A thousand tokens are 0.001 dollars of `a` and 0.002 of `b`, and the question is a few.
    for (dollars, alias) in [(0.0025, "a"), (0.0035, "b")] {
        let stage = hedging(0.1);
        warm(&stage, KNOWN).await;
        stage.next("a", [slow(5 * SECOND)]).next("b", [slow(50 * MS)]);
        let request = ask().with("max_tokens", 1_000).option("max_cost_usd", dollars);
        let read = stage.stream(request).await.unwrap();
        assert_eq!(read.alias, alias, "{dollars}");
    }
}
