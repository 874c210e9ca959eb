//! What traffic shows about a model by the way.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod common;

use std::sync::Arc;

use modelpool_core::{
    Capabilities, ErrorKind, Flag, ManualClock, ModelConfig, Numeric, Provenance, UnixMillis,
};
use modelpool_engine::{ChatRequest, ModelPool};
use modelpool_testkit::Simulator;
use modelpool_testkit::simulator::ModelBehaviour;
use serde_json::json;

use common::soon;

const HOUR: u64 = 3_600_000;

struct Stage {
    upstream: Simulator,
    pool: ModelPool,
    clock: Arc<ManualClock>,
}

/// Two models that are declared to do everything; the cheaper one does not.
async fn stage(cheap: ModelBehaviour) -> Stage {
    let upstream = Simulator::builder()
        .model("cheap", cheap)
        .model("dear", ModelBehaviour::answering("I am dear"));
    let upstream = upstream.start().await.unwrap();
    let clock = Arc::new(ManualClock::at(UnixMillis(0)));
    let pool = ModelPool::builder()
        .clock(Arc::clone(&clock) as Arc<dyn modelpool_core::Clock>)
        .build();
    for (alias, cost) in [("cheap", 0.001), ("dear", 0.1)] {
        let capabilities = Capabilities::new()
            .supports(Flag::Vision)
            .supports(Flag::Tools)
            .context_window(100_000)
            .cost_per_1k_tokens(cost);
        let config = ModelConfig::new(alias, "custom", alias).base_url(upstream.base_url());
        pool.add(config.capabilities(capabilities)).unwrap();
    }
    Stage {
        upstream,
        pool,
        clock,
    }
}

impl Stage {
    fn calls_of(&self, model: &str) -> u64 {
        self.upstream.counts().by_model.get(model).copied().unwrap_or(0)
    }

    async fn answered_by(&self, request: ChatRequest) -> String {
        soon(self.pool.chat(request)).await.unwrap().alias.to_string()
    }
}

fn with_an_image() -> ChatRequest {
    let url = "data:image/png;base64,iVBORw0KGgo=";
    ChatRequest::new().message(json!({"role": "user", "content": [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": url}},
    ]}))
}

#[tokio::test]
async fn a_refusal_sends_the_next_request_elsewhere_for_an_hour() {
    let blind = ModelBehaviour {
        reject_images: true,
        ..ModelBehaviour::answering("I am cheap")
    };
    let stage = stage(blind).await;
    assert_eq!(stage.answered_by(with_an_image()).await, "dear", "it failed over");
    assert_eq!(stage.calls_of("cheap"), 1);
    for _ in 0..3 {
        assert_eq!(stage.answered_by(with_an_image()).await, "dear");
    }
    assert_eq!(stage.calls_of("cheap"), 1, "it is not asked again");
    let plain = ChatRequest::new().user("hello");
    assert_eq!(
        stage.answered_by(plain).await,
        "cheap",
        "for what it can do it is"
    );

    let listed = stage.pool.list_models().remove(0);
    assert_eq!(listed["capabilities"]["supports_vision"], json!(false));
    assert_eq!(listed["provenance"]["supports_vision"], "observed");
    assert_eq!(listed["found"][0]["contradicts"], json!(true));
    let named = with_an_image().model("cheap");
    let error = soon(stage.pool.chat(named)).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NoModelFits(_)), "{error}");

    stage.clock.set(UnixMillis(HOUR));
    assert_eq!(stage.answered_by(with_an_image()).await, "dear");
    assert_eq!(
        stage.calls_of("cheap"),
        3,
        "after an hour it is asked anew, and refuses anew"
    );
    assert_eq!(stage.answered_by(with_an_image()).await, "dear");
    assert_eq!(stage.calls_of("cheap"), 3);
}

#[tokio::test]
async fn a_window_that_is_named_is_believed() {
    let small = ModelBehaviour {
        context_window: Some(500),
        ..ModelBehaviour::answering("I am cheap")
    };
    let stage = stage(small).await;
    let long = || ChatRequest::new().user("word ".repeat(1_000));
    assert_eq!(stage.answered_by(long()).await, "dear");
    let fact = stage
        .pool
        .get("cheap")
        .unwrap()
        .config()
        .capabilities
        .number(Numeric::ContextWindow);
    assert_eq!((fact.value, fact.provenance), (500.0, Provenance::Observed));
    assert_eq!(stage.answered_by(long()).await, "dear");
    assert_eq!(stage.calls_of("cheap"), 1);
    let short = ChatRequest::new().user("hello");
    assert_eq!(stage.answered_by(short).await, "cheap");
}

#[tokio::test]
async fn of_a_wildcard_nothing_is_kept() {
    let blind = ModelBehaviour {
        reject_images: true,
        ..ModelBehaviour::default()
    };
    let upstream = Simulator::builder().model("blind", blind).start().await.unwrap();
    let pool = ModelPool::new();
    pool.add(ModelConfig::new("any/*", "custom", "").base_url(upstream.base_url()))
        .unwrap();
    let error = soon(pool.chat(with_an_image().model("any/blind")))
        .await
        .unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unsupported { .. }), "{error}");
    assert!(soon(pool.chat(with_an_image().model("any/other"))).await.is_ok());
}
