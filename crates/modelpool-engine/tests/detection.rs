//! Finding out what a model can do, by asking it.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod common;

use std::sync::Arc;

use modelpool_core::{
    Capabilities, ErrorKind, Flag, ManualClock, ModelConfig, Numeric, Provenance, Requirements, Support,
    UnixMillis,
};
use modelpool_engine::detect::Verdict;
use modelpool_engine::{DetectOptions, Detection, ModelPool};
use modelpool_testkit::Simulator;
use modelpool_testkit::simulator::{Fault, FaultRule, ModelBehaviour};
use serde_json::json;

use common::lazy_ollama::{ANSWER, LazyOllama, pool_over};
use common::{hello, soon};

const HOUR: u64 = 3_600_000;

/// A model that does all that is asked.
fn able() -> ModelBehaviour {
    ModelBehaviour {
        context_window: Some(8_192),
        ..ModelBehaviour::answering(ANSWER)
    }
}

/// One that does nothing of it, and answers as real ones do.
fn unable() -> ModelBehaviour {
    ModelBehaviour {
        reject_tools: true,
        reject_images: true,
        reject_json_schema: true,
        reject_prefill: true,
        context_window: Some(3_000),
        ..ModelBehaviour::answering("one two")
    }
}

struct Stage {
    upstream: Simulator,
    pool: ModelPool,
    clock: Arc<ManualClock>,
}

/// A pool of one model at one simulated upstream, for which these capabilities are declared.
async fn stage(behaviour: ModelBehaviour, declared: Capabilities) -> Stage {
    let upstream = Simulator::builder().model("m", behaviour).start().await.unwrap();
    let clock = Arc::new(ManualClock::at(UnixMillis(1_000)));
    let pool = ModelPool::builder()
        .clock(Arc::clone(&clock) as Arc<dyn modelpool_core::Clock>)
        .build();
    pool.add(
        ModelConfig::new("m", "custom", "m")
            .base_url(upstream.base_url())
            .capabilities(declared),
    )
    .unwrap();
    Stage {
        upstream,
        pool,
        clock,
    }
}

async fn detect(pool: &ModelPool, tokens: u64) -> Detection {
    let options = DetectOptions {
        token_budget: tokens,
        ..DetectOptions::default()
    };
    soon(pool.detect("m", &options)).await.unwrap()
}

/// The probes with a verdict.
fn with(detection: &Detection, verdict: Verdict) -> Vec<&'static str> {
    let probes = detection.probes.iter();
    probes
        .filter(|probe| probe.verdict == verdict)
        .map(|probe| probe.probe)
        .collect()
}

fn window(pool: &ModelPool) -> (f64, Provenance) {
    let fact = pool
        .get("m")
        .unwrap()
        .config()
        .capabilities
        .number(Numeric::ContextWindow);
    (fact.value, fact.provenance)
}

#[tokio::test]
async fn what_a_model_can_do_is_found_kept_and_shown() {
    let stage = stage(able(), Capabilities::new()).await;
    let tools = Requirements::from_json(&json!({"supports_tools": true})).unwrap();
    assert!(stage.pool.select(&tools).is_err(), "nobody knows yet");

    let detection = detect(&stage.pool, 40_000).await;
    let all = [
        "streaming",
        "system_message",
        "embeddings",
        "prefill",
        "json_schema",
        "tools",
        "vision",
        "context",
    ];
    assert_eq!(with(&detection, Verdict::Yes), all, "{detection:#?}");
    assert_eq!(stage.pool.select(&tools).unwrap().alias(), "m");
    let known = stage.pool.get("m").unwrap();
    let vision = known.config().capabilities.flag(Flag::Vision);
    assert_eq!(
        (vision.value, vision.provenance),
        (Support::Yes, Provenance::Probed)
    );
    assert_eq!(vision.at, Some(UnixMillis(1_000)));
    assert_eq!(window(&stage.pool), (8_192.0, Provenance::Probed));

    let listed = stage.pool.list_models().remove(0);
    assert_eq!(listed["provenance"]["supports_tools"], "probed");
    let found = listed["found"].as_array().unwrap();
    let tools = found
        .iter()
        .find(|found| found["key"] == "supports_tools")
        .unwrap();
    assert_eq!(
        (&tools["value"], &tools["contradicts"]),
        (&json!(true), &json!(null))
    );
    let evidence = tools["evidence"].as_str().unwrap();
    assert!(evidence.starts_with("called look_up_code({"), "{evidence}");
    assert_eq!(
        u64::from(detection.calls),
        stage.upstream.counts().requests - 1,
        "and the list"
    );
}

#[tokio::test]
async fn what_a_model_lacks_masks_what_was_declared_for_an_hour() {
    let declared = Capabilities::new()
        .supports(Flag::Tools)
        .supports(Flag::Vision)
        .context_window(8_192);
    let stage = stage(unable(), declared).await;
    let detection = detect(&stage.pool, 40_000).await;
    assert_eq!(
        with(&detection, Verdict::No),
        ["prefill", "json_schema", "tools", "vision"],
        "{detection:#?}"
    );
    assert_eq!(
        detection.contradictions,
        [
            ("supports_tools", json!(true)),
            ("supports_vision", json!(true)),
            ("context_window", json!(8_192)),
        ]
    );
    assert_eq!(window(&stage.pool), (3_000.0, Provenance::Probed));
    let sees = Requirements::from_json(&json!({"supports_vision": true})).unwrap();
    let error = stage.pool.select(&sees).unwrap_err().to_string();
    assert!(error.contains("supports_vision"), "{error}");
    let listed = stage.pool.list_models().remove(0);
    let found = listed["found"].as_array().unwrap();
    assert!(
        found.iter().any(|found| found["contradicts"] == json!(8_192)),
        "{listed}"
    );

    stage.clock.set(UnixMillis(1_000 + HOUR));
    assert_eq!(
        stage.pool.select(&sees).unwrap().alias(),
        "m",
        "the user's word again"
    );
    assert_eq!(window(&stage.pool), (8_192.0, Provenance::Declared));
}

#[tokio::test]
async fn what_was_found_survives_a_reload() {
    let stage = stage(unable(), Capabilities::new().supports(Flag::Tools)).await;
    detect(&stage.pool, 5_000).await;
    let config = ModelConfig::new("m", "custom", "m")
        .base_url(stage.upstream.base_url())
        .capabilities(Capabilities::new().supports(Flag::Tools).cost_per_1k_tokens(1.0));
    stage
        .pool
        .change(|draft| {
            draft.remove("m");
            draft.add(config).map(|_| ())
        })
        .unwrap();
    let known = stage.pool.get("m").unwrap();
    assert_eq!(known.config().capabilities.flag(Flag::Tools).value, Support::No);
    assert_eq!(known.said().flag(Flag::Tools).value, Support::Yes);
}

#[tokio::test]
async fn the_budget_is_told_and_kept_to() {
    let stage = stage(
        able(),
        Capabilities::new()
            .context_window(200_000)
            .cost_per_1k_tokens(0.001),
    )
    .await;
    for budget in [0, 100, 700, 3_000, 12_000] {
        let options = DetectOptions {
            token_budget: budget,
            ..DetectOptions::default()
        };
        let plan = stage.pool.plan_detection("m", &options).unwrap();
        assert!(plan.tokens <= budget, "{plan:?}");
        assert_eq!(plan.probes.len(), 8);
        let cost = plan.cost_usd.unwrap();
        let before = stage.upstream.counts().requests;
        match stage.pool.detect("m", &options).await {
            Ok(detection) => {
                assert!(detection.tokens <= budget, "{budget}: {detection:#?}");
                assert!(detection.cost_usd.unwrap() <= cost, "{budget}: {detection:#?}");
            }
            Err(error) => {
                assert_eq!((error.kind(), budget), (&ErrorKind::BudgetExceeded, 0), "{error}");
                assert_eq!(stage.upstream.counts().requests, before + 1, "the list is free");
            }
        }
    }
    let few = detect(&stage.pool, 700).await;
    assert!(with(&few, Verdict::NotAsked).contains(&"vision"), "{few:#?}");
}

#[tokio::test]
async fn a_dry_run_calls_nobody() {
    let stage = stage(able(), Capabilities::new()).await;
    let options = DetectOptions {
        probes: vec!["tools".to_owned()],
        ..DetectOptions::default()
    };
    let plan = stage.pool.plan_detection("m", &options).unwrap();
    assert_eq!(
        (plan.probes.len(), plan.probes[0].calls, plan.cost_usd),
        (1, 3, None)
    );
    assert_eq!(stage.upstream.counts().requests, 0);
    let unknown = DetectOptions {
        probes: vec!["tool".to_owned()],
        ..DetectOptions::default()
    };
    let error = stage.pool.plan_detection("m", &unknown).unwrap_err();
    assert!(
        error
            .message()
            .starts_with("no probe is called `tool`, did you mean `tools`?"),
        "{error}"
    );
}

#[tokio::test]
async fn a_window_that_is_cut_without_a_word_is_found() {
    let silent = ModelBehaviour {
        reads_tokens: Some(2_000),
        ..ModelBehaviour::answering("I do not know")
    };
    let stage = stage(silent, Capabilities::new().context_window(8_192)).await;
    let detection = detect(&stage.pool, 60_000).await;
    let (tokens, provenance) = window(&stage.pool);
    assert_eq!(provenance, Provenance::Probed, "{detection:#?}");
    assert!((1_000.0..3_000.0).contains(&tokens), "{tokens}: {detection:#?}");
}

#[tokio::test]
async fn a_failure_says_nothing_of_a_capability() {
    let stage = stage(able(), Capabilities::new()).await;
    // The greeting is answered, the stream after it is not.
    let fault = FaultRule::new(Fault::status(500))
        .for_model("m")
        .after(1)
        .times(1);
    stage.upstream.add_fault(fault).unwrap();
    let detection = detect(&stage.pool, 5_000).await;
    assert_eq!(with(&detection, Verdict::Unclear), ["streaming", "context"]);
    let fact = stage
        .pool
        .get("m")
        .unwrap()
        .config()
        .capabilities
        .flag(Flag::Streaming);
    assert_eq!(fact.provenance, Provenance::Default);
}

#[tokio::test]
async fn a_model_that_cannot_be_called_is_not_probed() {
    let stage = stage(able(), Capabilities::new()).await;
    let fault = FaultRule::new(Fault::status(401)).for_model("m").forever();
    stage.upstream.add_fault(fault).unwrap();
    let error = stage
        .pool
        .detect("m", &DetectOptions::default())
        .await
        .unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Auth);
    assert_eq!(stage.pool.list_models()[0].get("found"), None);
    let error = stage
        .pool
        .detect("n", &DetectOptions::default())
        .await
        .unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::ModelNotFound);
}

#[tokio::test(start_paused = true)]
async fn probes_work_over_another_wire() {
    let server = Arc::<LazyOllama>::default();
    let declared = Capabilities::new().supports(Flag::Tools).context_window(4_096);
    let pool = pool_over(
        &server,
        ModelConfig::new("m", "ollama", "m").capabilities(declared),
    );
    let detection = pool.detect("m", &DetectOptions::default()).await.unwrap();
    assert_eq!(
        with(&detection, Verdict::No),
        ["embeddings", "json_schema", "tools"],
        "{detection:#?}"
    );
    let yes = ["streaming", "system_message", "prefill", "vision", "context"];
    assert_eq!(with(&detection, Verdict::Yes), yes, "{detection:#?}");
    assert_eq!(detection.contradictions, [("supports_tools", json!(true))]);
    assert_eq!(pool.chat(hello()).await.unwrap().text(), ANSWER);
}
