//! Phase 5 in Python: the record of a turn.

use std::sync::Arc;
use std::time::Duration;

use modelpool::Usage;
use modelpool_agent::aggregate::{Aggregator, Answered, Ledger, Spoken, TurnRecord};
use modelpool_agent::context::PhaseError;
use modelpool_agent::event::{ModelShare, RoundSummary, finish_word};
use modelpool_agent::generator::Picked;
use modelpool_agent::{BoxFuture, Generation, Message};
use pyo3::prelude::*;
use serde_json::{Value, json};

use super::phases::{NativeDefaults, Phase, failed};
use super::provider::finish;
use super::{host, shapes};
use crate::{interpreter, json};

const PHASE: &str = "aggregate";

impl Aggregator for Phase {
    fn answered<'a>(
        &'a self,
        turn: &'a mut TurnRecord,
        round: Answered<'a>,
    ) -> BoxFuture<'a, Result<(), PhaseError>> {
        if !self.in_python {
            return Ledger.answered(turn, round);
        }
        let answer = answer_value(round);
        Box::pin(async move { self.note("answered", turn, answer).await })
    }

    fn tools_ran<'a>(
        &'a self,
        turn: &'a mut TurnRecord,
        results: Vec<Message>,
    ) -> BoxFuture<'a, Result<(), PhaseError>> {
        if !self.in_python {
            return Ledger.tools_ran(turn, results);
        }
        Box::pin(async move { self.note("tools_ran", turn, json!(results)).await })
    }
}

impl Phase {
    /// Has a method of that name note something in the record.
    async fn note(&self, method: &str, turn: &mut TurnRecord, what: Value) -> Result<(), PhaseError> {
        let before = turn_value(turn);
        let defaults = Arc::clone(&self.defaults);
        let answer = host::ask(method, move |py| {
            let known = Bound::new(py, NativeDefaults::new(defaults))?;
            let turn = (json::to_python(py, &before)?, known);
            let module = py.import("modelpool._aggregating")?;
            let turn = module.call_method1("turn", turn)?;
            let what = module.call_method1("record", (json::to_python(py, &what)?,))?;
            (turn, what).into_pyobject(py)
        });
        let answer = answer.await.map_err(failed(PHASE))?;
        let given = interpreter::attempted(|py| json::from_python(answer.bind(py), "the record of the turn"));
        let given = given.map_err(failed(PHASE))?;
        *turn = read_turn(given).map_err(|message| PhaseError {
            phase: PHASE,
            message,
        })?;
        Ok(())
    }
}

/// What the default makes of a record that a model's answer is added to.
pub(super) async fn answered(turn: Value, answer: &Value) -> Result<Value, PhaseError> {
    let mut turn = read_turn(turn).map_err(wrong)?;
    let generation = read_generation(answer).map_err(wrong)?;
    let moved = answer["moved"].as_str().map(Arc::from);
    let round = Answered {
        round: small(&answer["round"]),
        moved: moved.as_ref(),
        generation: &generation,
    };
    Ledger.answered(&mut turn, round).await?;
    Ok(turn_value(&turn))
}

/// What it makes of one that results of tools are added to.
pub(super) async fn tools_ran(turn: Value, results: Value) -> Result<Value, PhaseError> {
    let mut turn = read_turn(turn).map_err(wrong)?;
    let results = shapes::messages(results, "results").map_err(wrong)?;
    Ledger.tools_ran(&mut turn, results).await?;
    Ok(turn_value(&turn))
}

fn wrong(message: String) -> PhaseError {
    PhaseError {
        phase: PHASE,
        message,
    }
}

fn turn_value(turn: &TurnRecord) -> Value {
    let spoken =
        |spoken: &Spoken| json!({"message": spoken.message, "model_alias": spoken.model_alias.as_deref()});
    json!({
        "messages": turn.messages.iter().map(spoken).collect::<Vec<_>>(),
        "rounds": turn.rounds,
        "models": turn.models,
        "usage": turn.usage,
        "cost_usd": turn.cost_usd,
        "cost_is_partial": turn.cost_is_partial,
        "tool_calls": turn.tool_calls,
        "answer": turn.answer,
    })
}

fn read_turn(value: Value) -> Result<TurnRecord, String> {
    let Value::Object(mut members) = value else {
        return Err(format!("expected the record of the turn, a dict, got {value}"));
    };
    let mut take = |key: &str| members.remove(key).unwrap_or_default();
    let spoken = |value: &Value| {
        Ok(Spoken {
            message: shapes::message(value["message"].clone(), "turn.messages")?,
            model_alias: value["model_alias"].as_str().map(Arc::from),
        })
    };
    let messages = take("messages");
    let rounds = take("rounds");
    let models = take("models");
    Ok(TurnRecord {
        messages: items(&messages)
            .iter()
            .map(spoken)
            .collect::<Result<_, String>>()?,
        rounds: items(&rounds).iter().map(read_round).collect(),
        models: items(&models).iter().map(read_share).collect(),
        usage: read_usage(&take("usage")),
        cost_usd: take("cost_usd").as_f64(),
        cost_is_partial: take("cost_is_partial").as_bool().unwrap_or_default(),
        tool_calls: small(&take("tool_calls")),
        answer: match take("answer") {
            Value::String(answer) => answer,
            other => return Err(format!("turn.answer: expected a string, got {other}")),
        },
    })
}

fn read_round(value: &Value) -> RoundSummary {
    RoundSummary {
        round: small(&value["round"]),
        model_alias: text(&value["model_alias"]).into(),
        model_name: text(&value["model_name"]).into(),
        purpose: match value["purpose"].as_str() {
            Some("tool_results") => "tool_results",
            _ => "answer",
        },
        moved: value["moved"].as_str().map(Arc::from),
        finish_reason: value["finish_reason"].as_str().map(str::to_owned),
        usage: read_usage(&value["usage"]),
        cost_usd: value["cost_usd"].as_f64(),
        elapsed_ms: value["elapsed_ms"].as_u64().unwrap_or_default(),
        attempts: small(&value["attempts"]),
        tools: items(&value["tools"]).iter().map(text).collect(),
    }
}

fn read_share(value: &Value) -> ModelShare {
    ModelShare {
        model_alias: text(&value["model_alias"]).into(),
        rounds: items(&value["rounds"]).iter().map(small).collect(),
        usage: read_usage(&value["usage"]),
        cost_usd: value["cost_usd"].as_f64(),
    }
}

fn answer_value(round: Answered<'_>) -> Value {
    let generation = round.generation;
    json!({
        "round": round.round,
        "moved": round.moved.map(|why| &**why),
        "model_alias": &*generation.picked.alias,
        "model_name": &*generation.picked.model_name,
        "message": generation.message,
        "finish_reason": generation.finish.as_ref().map(finish_word),
        "usage": generation.usage,
        "cost_usd": generation.cost_usd,
        "attempts": generation.attempts,
        "elapsed_ms": u64::try_from(generation.elapsed.as_millis()).unwrap_or(u64::MAX),
    })
}

fn read_generation(value: &Value) -> Result<Generation, String> {
    Ok(Generation {
        picked: Picked {
            alias: text(&value["model_alias"]).into(),
            model_name: text(&value["model_name"]).into(),
            ..Picked::default()
        },
        message: shapes::message(value["message"].clone(), "answer.message")?,
        finish: value["finish_reason"].as_str().map(finish),
        usage: read_usage(&value["usage"]),
        cost_usd: value["cost_usd"].as_f64(),
        attempts: small(&value["attempts"]),
        continued: 0,
        elapsed: Duration::from_millis(value["elapsed_ms"].as_u64().unwrap_or_default()),
    })
}

/// Usage as events carry it.
pub(super) fn read_usage(value: &Value) -> Usage {
    let count = |key: &str| value[key].as_u64().unwrap_or_default();
    Usage {
        input_tokens: count("input_tokens"),
        cached_input_tokens: count("cached_input_tokens"),
        cache_write_tokens: count("cache_write_tokens"),
        cache_write_1h_tokens: count("cache_write_1h_tokens"),
        output_tokens: count("output_tokens"),
        reasoning_tokens: count("reasoning_tokens"),
        unbilled_input_tokens: count("unbilled_input_tokens"),
        unbilled_output_tokens: count("unbilled_output_tokens"),
        images: count("images"),
        told_nano_usd: value["told_nano_usd"].as_u64(),
        estimated: value["estimated"].as_bool().unwrap_or_default(),
    }
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn small(value: &Value) -> u32 {
    let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
    number.unwrap_or_default()
}
