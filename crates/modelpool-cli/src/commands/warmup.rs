//! `modelpool warmup ALIAS`.

use std::path::PathBuf;
use std::time::Duration;

use modelpool::{ChatRequest, ModelPool, Warmth};
use serde_json::json;
use tokio::time::Instant;

use crate::arguments::WarmupArguments;
use crate::configuration::load;
use crate::exit::{Exit, Failure};
use crate::output::{GOOD, Output};
use crate::runtime;

pub(crate) fn run(
    arguments: &WarmupArguments,
    config: Option<PathBuf>,
    output: Output,
) -> Result<Exit, Failure> {
    let alias = arguments.alias.as_str();
    // Each pool has connections of its own, and none to begin with.
    let (_, cold) = load(config.clone(), ModelPool::builder())?;
    let (_, pool) = load(config, ModelPool::builder())?;
    runtime::simple()?.block_on(async {
        let without = first_call(&cold, alias).await?;
        let warmed = Box::pin(pool.warmup(alias)).await?;
        let with = first_call(&pool, alias).await?;
        if output.is_json() {
            output.document(&json!({
                "alias": alias,
                "ready": warmed.warmth,
                "warmup_ms": milliseconds(warmed.took),
                "first_call_ms": {"without": milliseconds(without), "with": milliseconds(with)},
            }))?;
            return Ok(Exit::Success);
        }
        let ready = match warmed.warmth {
            Warmth::Nothing => "nothing to prepare",
            Warmth::Connection => "a connection stands",
            Warmth::Model => "the model is loaded",
        };
        output.line(&format!(
            "{GOOD}{alias} is warm{GOOD:#}: {ready}, after {:.1} ms",
            milliseconds(warmed.took)
        ))?;
        output.line(&format!(
            "first call without a warm-up: {:.1} ms",
            milliseconds(without)
        ))?;
        output.line(&format!(
            "first call with a warm-up:    {:.1} ms",
            milliseconds(with)
        ))?;
        Ok(Exit::Success)
    })
}

async fn first_call(pool: &ModelPool, alias: &str) -> Result<Duration, Failure> {
    let request = ChatRequest::new()
        .model(alias)
        .user("Answer with the one word: ready")
        .option("fallbacks", json!([]));
    let began = Instant::now();
    Box::pin(pool.chat(request)).await?;
    Ok(began.elapsed())
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
