//! Limits end a run, and say which.

use std::time::Duration;

use modelpool_agent::{Limit, Limits, Stopped};
use serde_json::json;

use crate::stage::{Does, Models, Ran, agent_of, calls, ran, says};

/// A model that calls a tool for ever, each time with something else.
fn tireless(models: &Models) {
    let forever = (0..100).map(|number| calls("read", json!({"path": number.to_string()})));
    models.next("a", forever);
}

async fn limited(limits: Limits) -> Ran {
    let models = Models::default();
    tireless(&models);
    ran(&agent_of(&models, &["a"]).limits(limits), "go").await
}

/// The run ended by that limit, after so many rounds, and said so.
fn assert_ended(ran: &Ran, limit: Limit, rounds: usize) {
    let summary = ran.summary();
    assert_eq!(summary.stopped, Stopped::Limit(limit));
    assert_eq!(summary.rounds.len(), rounds);
    assert_eq!(ran.errors().last(), Some(&("limit_reached", "run", false)));
    let words = ran.contents("error").last().copied().unwrap_or_default();
    assert!(
        words.contains(limit.word()) || limit == Limit::Cost || limit == Limit::Time,
        "{words}"
    );
    // What was said can be gone on from.
    let called: usize = summary
        .messages
        .iter()
        .map(|message| message.tool_calls().len())
        .sum();
    let results = summary
        .messages
        .iter()
        .filter(|message| message.tool_call_id().is_some())
        .count();
    assert_eq!(called, results);
}

#[tokio::test(start_paused = true)]
async fn of_rounds() {
    let ran = limited(Limits {
        rounds: 3,
        ..Limits::default()
    })
    .await;
    assert_ended(&ran, Limit::Rounds, 3);
    assert!(ran.contents("error")[0].contains("3 rounds"));
}

#[tokio::test(start_paused = true)]
async fn of_tokens() {
    // A round uses 110.
    let ran = limited(Limits {
        tokens: Some(300),
        ..Limits::default()
    })
    .await;
    assert_ended(&ran, Limit::Tokens, 3);
}

#[tokio::test(start_paused = true)]
async fn of_dollars() {
    // A round costs 0.00011; the pool calls no model that could cost more than what is left.
    let ran = limited(Limits {
        cost_usd: Some(0.0015),
        ..Limits::default()
    })
    .await;
    let spent = ran.summary().cost_usd.unwrap();
    assert_eq!(ran.summary().stopped, Stopped::Limit(Limit::Cost));
    assert!(spent <= 0.0015 && ran.summary().rounds.len() >= 2, "{spent}");
    assert_eq!(ran.errors().last(), Some(&("limit_reached", "run", false)));
}

#[tokio::test(start_paused = true)]
async fn of_time_at_any_moment() {
    let time = Some(Duration::from_secs(7));
    for does in [
        Does::Hangs,
        Does::HangsAfter("a b c".to_owned()),
        calls("wait", json!({})),
    ] {
        let models = Models::default();
        models.next("a", [does]);
        let agent = agent_of(&models, &["a"]).limits(Limits {
            time,
            ..Limits::default()
        });
        let began = tokio::time::Instant::now();
        let ran = ran(&agent, "go").await;
        assert_eq!(began.elapsed().as_secs(), 7);
        assert_eq!(ran.summary().stopped, Stopped::Limit(Limit::Time));
        assert_eq!(ran.summary().elapsed_ms, 7000);
        assert_eq!(ran.errors(), [("limit_reached", "run", false)]);
        assert_eq!(models.under_way(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn of_recoveries() {
    let models = Models::default();
    let failing = (0..10).map(|_| calls("fail", json!({})));
    models.next("a", failing);
    let limits = Limits {
        recoveries: 2,
        failures_of_a_tool: 9,
        ..Limits::default()
    };
    let ran = ran(&agent_of(&models, &["a"]).limits(limits), "go").await;
    assert_ended(&ran, Limit::Recoveries, 3);
}

#[tokio::test(start_paused = true)]
async fn a_turn_within_its_limits_is_done() {
    let models = Models::default();
    models.next("a", [calls("read", json!({"path": "x"})), says("done")]);
    let limits = Limits {
        rounds: 2,
        tokens: Some(221),
        cost_usd: Some(1.0),
        time: Some(Duration::from_secs(1)),
        ..Limits::default()
    };
    let ran = ran(&agent_of(&models, &["a"]).limits(limits), "go").await;
    assert_eq!((ran.summary().stopped, ran.answer()), (Stopped::Done, "done"));
    assert!(ran.errors().is_empty());
}
