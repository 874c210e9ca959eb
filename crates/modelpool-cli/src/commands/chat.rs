//! `modelpool chat MESSAGE`.

use std::path::PathBuf;

use modelpool::{ChatRequest, ModelPool, Usage};
use serde_json::json;

use crate::arguments::ChatArguments;
use crate::configuration::load;
use crate::exit::{Exit, Failure};
use crate::message::{image, message};
use crate::output::{FAINT, Output, harmless};
use crate::{requirements, runtime};

pub(crate) fn run(
    arguments: &ChatArguments,
    config: Option<PathBuf>,
    output: Output,
) -> Result<Exit, Failure> {
    let request = request(arguments)?;
    let (_, pool) = load(config, ModelPool::builder())?;
    runtime::simple()?.block_on(async {
        if output.is_json() {
            whole(&pool, request, output).await
        } else if arguments.no_stream {
            let answer = Box::pin(pool.chat(request)).await?;
            output.answer(&answer.text())?;
            output.answer("\n")?;
            let whole = &answer.whole;
            output.note(&footer(
                &pool,
                &answer.alias,
                answer.attempts,
                &whole.usage,
                whole.cost_usd,
            ));
            Ok(Exit::Success)
        } else {
            streamed(&pool, request, output).await
        }
    })
}

fn request(arguments: &ChatArguments) -> Result<ChatRequest, Failure> {
    let mut request = ChatRequest::new().model(&arguments.model);
    if let Some(required) = &arguments.require {
        request = request.require(requirements::read_json("--require", required)?);
    }
    if let Some(system) = &arguments.system {
        request = request.system(system);
    }
    let text = message(&arguments.message)?;
    if text.is_empty() {
        return Err(Failure::usage("there is no message").hint("modelpool chat \"Hello\""));
    }
    if arguments.image.is_empty() {
        return Ok(request.user(text));
    }
    let mut parts = vec![json!({"type": "text", "text": text})];
    for file in &arguments.image {
        let url = image(file)?;
        parts.push(json!({"type": "image_url", "image_url": {"url": url}}));
    }
    Ok(request.message(json!({"role": "user", "content": parts})))
}

async fn whole(pool: &ModelPool, request: ChatRequest, output: Output) -> Result<Exit, Failure> {
    let answer = Box::pin(pool.chat(request)).await?;
    output.document(&json!({
        "model": *answer.alias,
        "model_name": model_name(pool, &answer.alias),
        "text": answer.text(),
        "finish_reason": answer.whole.finish,
        "usage": answer.whole.usage,
        "cost_usd": answer.whole.cost_usd,
        "attempts": answer.attempts,
        "request_id": *answer.request_id,
    }))?;
    Ok(Exit::Success)
}

async fn streamed(pool: &ModelPool, request: ChatRequest, output: Output) -> Result<Exit, Failure> {
    let mut stream = Box::pin(pool.chat_stream(request)).await?;
    let mut ends_line = true;
    let lost = loop {
        match stream.next().await {
            Some(Ok(event)) => {
                let text = event.text();
                if !text.is_empty() {
                    ends_line = text.ends_with('\n');
                    output.answer(&text)?;
                }
            }
            Some(Err(error)) => break Some(error),
            None => break None,
        }
    };
    if !ends_line {
        output.answer("\n")?;
    }
    if let Some(error) = lost {
        return Err(error.into());
    }
    let summary = stream.summary();
    output.note(&footer(
        pool,
        stream.alias(),
        summary.attempts,
        &summary.usage,
        summary.cost_usd,
    ));
    Ok(Exit::Success)
}

/// Which model it was, what it used, what it cost.
fn footer(pool: &ModelPool, alias: &str, attempts: u32, usage: &Usage, cost: Option<f64>) -> String {
    let name = model_name(pool, alias);
    let model = if name.is_empty() || name == alias {
        alias.to_owned()
    } else {
        format!("{alias} ({name})")
    };
    let about = if usage.estimated { "about " } else { "" };
    let tokens = format!(
        "{about}{} tokens in, {} out",
        usage.input_tokens, usage.output_tokens
    );
    let cost = match cost {
        Some(dollars) => format!("${dollars:.6}"),
        None => "cost unknown".to_owned(),
    };
    let tries = if attempts > 1 {
        format!(" · {attempts} attempts")
    } else {
        String::new()
    };
    format!("{FAINT}{} · {tokens} · {cost}{tries}{FAINT:#}", harmless(&model))
}

/// The vendor's name of a model; empty for a wildcard, whose name the caller gave.
fn model_name(pool: &ModelPool, alias: &str) -> String {
    pool.get(alias)
        .map(|entry| entry.config().model_name.to_string())
        .unwrap_or_default()
}
