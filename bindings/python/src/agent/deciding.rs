//! Phase 6 in Python: whether there is another round.

use std::sync::Arc;

use modelpool_agent::BoxFuture;
use modelpool_agent::context::PhaseError;
use modelpool_agent::decide::{CallReport, Decider, Decision, Move, RoundReport};
use modelpool_agent::event::finish_word;
use pyo3::prelude::*;
use serde_json::{Value, json};

use super::phases::{Phase, failed};
use super::provider::finish;
use super::{host, phases};
use crate::{interpreter, json};

impl Decider for Phase {
    fn decide<'a>(&'a self, rounds: &'a [RoundReport]) -> BoxFuture<'a, Result<Decision, PhaseError>> {
        if !self.in_python {
            return self.defaults.decider.decide(rounds);
        }
        Box::pin(async move {
            let rounds = rounds_value(rounds);
            let defaults = Arc::clone(&self.defaults);
            let answer = host::ask("decide", move |py| {
                let known = Bound::new(py, phases::NativeDefaults::new(defaults))?;
                let module = py.import("modelpool._deciding")?;
                let rounds = module.call_method1("rounds", (json::to_python(py, &rounds)?, known))?;
                (rounds,).into_pyobject(py)
            });
            let given = answer.await.and_then(|answer| {
                interpreter::attempted(|py| {
                    let decision = py
                        .import("modelpool._deciding")?
                        .call_method1("decision", (answer,))?;
                    json::from_python(&decision, "what decide gives")
                })
            });
            Ok(decision(&given.map_err(failed("decide"))?))
        })
    }
}

/// A decision, of which Python has made sure.
fn decision(given: &Value) -> Decision {
    let text = |key: &str| given[key].as_str().map(Arc::from);
    let by = match given["by"].as_str() {
        Some("stay") => Move::Stay,
        Some("anew") => Move::Anew,
        Some("stronger") => Move::Stronger,
        Some("cheaper") => Move::Cheaper,
        Some(_) => Move::Back(text("model").unwrap_or_default()),
        None => return Decision::Stop,
    };
    Decision::Next {
        by,
        because: text("because"),
    }
}

pub(super) fn decision_value(decision: &Decision) -> Value {
    match decision {
        Decision::Stop => Value::Null,
        Decision::Next { by, because } => {
            let model = match by {
                Move::Back(alias) => Some(&**alias),
                _ => None,
            };
            json!({"by": word(by), "model": model, "because": because.as_deref()})
        }
    }
}

fn word(by: &Move) -> &'static str {
    match by {
        Move::Anew => "anew",
        Move::Stronger => "stronger",
        Move::Cheaper => "cheaper",
        Move::Back(_) => "back",
        _ => "stay",
    }
}

fn rounds_value(rounds: &[RoundReport]) -> Value {
    let call = |call: &CallReport| {
        json!({
            "name": call.name,
            "arguments": call.arguments,
            "refused": call.refused,
            "failed": call.failed,
            "result": &*call.result,
        })
    };
    let round = |round: &RoundReport| {
        json!({
            "round": round.round,
            "model_alias": &*round.model_alias,
            "by": word(&round.by),
            "has_text": round.has_text,
            "finish": round.finish.as_ref().map(finish_word),
            "calls": round.calls.iter().map(call).collect::<Vec<_>>(),
        })
    };
    rounds.iter().map(round).collect()
}

/// Rounds that come back from Python.
pub(super) fn rounds(value: &Value) -> Vec<RoundReport> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let is = |value: &Value| value.as_bool().unwrap_or_default();
    let items = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let call = |call: &Value| CallReport {
        name: text(&call["name"]),
        arguments: text(&call["arguments"]),
        refused: is(&call["refused"]),
        failed: is(&call["failed"]),
        result: text(&call["result"]).into(),
    };
    let round = |round: &Value| {
        let alias: Arc<str> = text(&round["model_alias"]).into();
        RoundReport {
            round: round["round"]
                .as_u64()
                .and_then(|number| u32::try_from(number).ok())
                .unwrap_or_default(),
            by: match round["by"].as_str() {
                Some("anew") => Move::Anew,
                Some("stronger") => Move::Stronger,
                Some("cheaper") => Move::Cheaper,
                Some("back") => Move::Back(Arc::clone(&alias)),
                _ => Move::Stay,
            },
            model_alias: alias,
            has_text: is(&round["has_text"]),
            finish: round["finish"].as_str().map(finish),
            calls: items(&round["calls"]).iter().map(call).collect(),
        }
    };
    items(value).iter().map(round).collect()
}
