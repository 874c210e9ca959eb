//! What a name stands for, and who may use it.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod common;

use std::sync::Arc;

use modelpool_core::{Error, ErrorKind, Flag, ModelConfig, PoolDefinition, Requirements};
use modelpool_engine::selectors::Capability;
use modelpool_engine::{ChatRequest, ModelPool, Scope};
use modelpool_testkit::simulator::Fault;
use serde_json::json;

use common::{Bench, able, hello, soon};

/// Models `fast`, `sees` and `groq/*`, and a pool `support` of `fast` and `sees` that asks for
/// vision.
async fn bench() -> Bench {
    let models = vec![
        ("fast", able().lacks(Flag::Vision)),
        ("sees", able()),
        ("groq/*", able()),
    ];
    let bench = Bench::of(models, ModelPool::builder(), |mut config| {
        if config.is_wildcard() {
            config.model_name = "".into();
        }
        config
    })
    .await;
    let mut support = PoolDefinition::new("support", ["fast", "sees"], Arc::new(Capability));
    support.requirements = Requirements::new().supports(Flag::Vision);
    bench.pool.add_pool(support).unwrap();
    bench
}

async fn call(bench: &Bench, request: ChatRequest, scope: Scope) -> Result<String, Error> {
    let mut call = request.into_call(false).unwrap();
    call.scope = scope;
    Ok(soon(bench.pool.call(call)).await?.alias.to_string())
}

fn scope(models: &[&str]) -> Scope {
    Scope {
        caller: Some("team".into()),
        models: Some(models.iter().map(|name| Arc::from(*name)).collect()),
        ..Scope::default()
    }
}

#[tokio::test]
async fn pools_aliases_and_wildcards() {
    let bench = bench().await;
    for (name, alias, upstream) in [
        ("auto", "fast", "fast"),
        ("fast", "fast", "fast"),
        ("support", "sees", "sees"),
        ("groq/llama", "groq/*", "llama"),
        ("groq/meta/llama", "groq/*", "meta/llama"),
    ] {
        let answered = call(&bench, hello().model(name), Scope::default()).await;
        assert_eq!(answered.unwrap(), alias, "{name}");
        assert_eq!(
            bench.upstream.last_request().unwrap().model.as_deref(),
            Some(upstream)
        );
    }
    for (name, hint) in [
        ("fats", ", did you mean `fast`?"),
        ("suport", ", did you mean `support`?"),
        ("groq/", ""),
        ("xyzzy", ""),
    ] {
        let error = call(&bench, hello().model(name), Scope::default())
            .await
            .unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::ModelNotFound, "{name}");
        if !hint.is_empty() {
            assert_eq!(
                error.message(),
                format!("no model or pool is called `{name}`{hint}")
            );
        }
    }
}

#[tokio::test]
async fn the_longest_wildcard_wins_and_a_bare_one_takes_names_without_a_slash() {
    let bench = bench().await;
    for alias in ["*", "groq/meta/*"] {
        let config = ModelConfig::new(alias, "custom", "").base_url(bench.upstream.base_url());
        bench.pool.add(config).unwrap();
    }
    for (name, alias) in [
        ("anything", "*"),
        ("groq/meta/llama", "groq/meta/*"),
        ("groq/other", "groq/*"),
    ] {
        let answered = call(&bench, hello().model(name), Scope::default()).await;
        assert_eq!(answered.unwrap(), alias, "{name}");
    }
    let error = call(&bench, hello().model("other/llama"), Scope::default())
        .await
        .unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::ModelNotFound);
    assert_eq!(
        call(&bench, hello(), Scope::default()).await.unwrap(),
        "fast",
        "auto leaves wildcards out"
    );
}

#[tokio::test]
async fn a_key_may_use_what_it_lists_and_nothing_else() {
    let bench = bench().await;
    for (models, may, may_not) in [
        (
            vec!["fast"],
            vec![("fast", "fast"), ("auto", "fast")],
            vec!["sees", "groq/llama", "support"],
        ),
        // A pool is not a way to its members: it has requirements of its own.
        (
            vec!["support"],
            vec![("support", "sees")],
            vec!["fast", "sees", "auto", "groq/llama"],
        ),
        (
            vec!["sees"],
            vec![("sees", "sees"), ("auto", "sees"), ("support", "sees")],
            vec!["fast"],
        ),
        (
            vec!["groq/*"],
            vec![("groq/llama", "groq/*"), ("groq/other", "groq/*")],
            vec!["fast", "auto"],
        ),
        // One name of a wildcard is not all of them.
        (
            vec!["groq/llama"],
            vec![("groq/llama", "groq/*")],
            vec!["groq/other", "auto"],
        ),
        (vec![], vec![], vec!["fast", "auto", "support"]),
    ] {
        for (name, alias) in may {
            let answered = call(&bench, hello().model(name), scope(&models)).await;
            assert_eq!(
                answered.as_deref().ok(),
                Some(alias),
                "{models:?} {name}: {answered:?}"
            );
        }
        let before = bench.upstream.counts().requests;
        for name in may_not {
            let answered = call(&bench, hello().model(name), scope(&models)).await;
            let kind = answered.as_ref().map_err(|error| error.kind().clone());
            // Where no model is left that fits, that is said.
            let refused = matches!(kind, Err(ErrorKind::Forbidden | ErrorKind::NoModelFits(_)));
            assert!(refused, "{models:?} {name}: {answered:?}");
        }
        assert_eq!(bench.upstream.counts().requests, before);
    }
}

#[tokio::test]
async fn fallbacks_of_a_request_are_bound_by_the_key_too() {
    let bench = bench().await;
    bench.fails("fast", Fault::status(500));
    let request = || hello().model("fast").option("fallbacks", json!(["sees"]));
    assert_eq!(
        call(&bench, request(), scope(&["fast", "sees"])).await.unwrap(),
        "sees"
    );
    let error = call(&bench, request(), scope(&["fast"])).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Server);
}

#[tokio::test]
async fn requirements_of_the_key_are_added() {
    let bench = bench().await;
    let sighted = Scope {
        requirements: Requirements::new().supports(Flag::Vision),
        ..Scope::default()
    };
    assert_eq!(call(&bench, hello(), sighted.clone()).await.unwrap(), "sees");
    let cannot_be_lifted = hello().require(json!({"supports_vision": false}));
    assert_eq!(
        call(&bench, cannot_be_lifted, sighted.clone()).await.unwrap(),
        "sees"
    );
    let named = call(&bench, hello().model("fast"), sighted).await.unwrap_err();
    assert!(matches!(named.kind(), ErrorKind::NoModelFits(_)), "{named}");
}

#[tokio::test]
async fn models_of_the_request_restrict_the_candidates() {
    let bench = bench().await;
    let only = |models: serde_json::Value| hello().option("models", models);
    assert_eq!(
        call(&bench, only(json!(["sees"])), Scope::default())
            .await
            .unwrap(),
        "sees"
    );
    for (request, message) in [
        (
            only(json!(["seas"])),
            "modelpool.models: no model has the alias `seas`, did you mean `sees`?",
        ),
        (
            only(json!(["support"])),
            "modelpool.models: `support` is a pool; expected aliases of models",
        ),
        (
            hello().model("fast").option("fallbacks", json!(["groq/llama"])),
            "modelpool.fallbacks: `groq/llama` is one of `groq/*`; expected aliases of models",
        ),
    ] {
        let error = call(&bench, request, Scope::default()).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.message()),
            (&ErrorKind::InvalidRequest, message)
        );
    }
}
