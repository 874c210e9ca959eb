//! Failures of code of the user's, and failures that come back as events, as the errors they are.

use std::sync::Arc;
use std::time::Duration;

use modelpool::parts::core::plan::{Rejected, UnknownKey};
use modelpool::parts::core::requirement::Missing;
use modelpool::{Error, ErrorKind, NoModelFits, Provenance, TimeoutKind};
use pyo3::prelude::*;
use serde_json::Value;

use crate::{interpreter, json};

/// What was raised by `who`, of the kind that its class says. A mistake in the code that raised it is not to be met with the same
/// call again.
pub(super) fn raised(who: &str, error: &PyErr) -> Error {
    let told = interpreter::attempted(|py| {
        let module = py.import("modelpool._failures")?;
        json::from_python(
            &module.call_method1("failure", (error.value(py),))?,
            "what was raised",
        )
    });
    let facts = told.unwrap_or_default();
    let words = facts["message"].as_str().unwrap_or(interpreter::ENDING);
    let error = of_facts(&facts, format!("{who} raised {words}"));
    match facts["mistake"] {
        Value::Bool(false) => error,
        _ => error.without_retry(),
    }
}

/// The error that an event of type `error` tells of.
pub(super) fn of_event(event: &Value) -> Error {
    let facts = &event["metadata"];
    let content = event["content"].as_str().unwrap_or_default();
    let Some(alias) = facts["model_alias"].as_str() else {
        return of_facts(facts, content.to_owned());
    };
    let words = content
        .strip_prefix(&format!("model `{alias}`: "))
        .unwrap_or(content);
    of_facts(facts, words.to_owned()).at(&alias.into())
}

fn of_facts(facts: &Value, words: String) -> Error {
    match kind(facts) {
        Some(kind) => Error::new(kind, words),
        // Whoever made up a code of its own means no failure of a server.
        None => Error::new(ErrorKind::Server, words).without_retry(),
    }
}

fn kind(facts: &Value) -> Option<ErrorKind> {
    let retry_after = facts["retry_after_s"].as_f64();
    let retry_after = retry_after.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    Some(match facts["code"].as_str()? {
        "rate_limited" => ErrorKind::RateLimited { retry_after },
        "overloaded" => ErrorKind::Overloaded { retry_after },
        "server" => ErrorKind::Server,
        "connect" => ErrorKind::Connect,
        "timeout" => ErrorKind::Timeout(match facts["limit"].as_str() {
            Some("total_ms") => TimeoutKind::Total,
            _ => TimeoutKind::Idle,
        }),
        "context_length" => ErrorKind::ContextLength {
            window: facts["window"].as_u64(),
        },
        "content_filter" => ErrorKind::ContentFilter,
        "unsupported" => ErrorKind::Unsupported { capability: None },
        "prefill_refused" => ErrorKind::PrefillRefused,
        "invalid_request" => ErrorKind::InvalidRequest,
        "auth" => ErrorKind::Auth,
        "billing" => ErrorKind::Billing,
        "model_not_found" => ErrorKind::ModelNotFound,
        "protocol" => ErrorKind::Protocol,
        "stream_lost" => ErrorKind::StreamLost,
        "budget_exceeded" => ErrorKind::BudgetExceeded,
        "no_model_fits" => ErrorKind::NoModelFits(Arc::new(no_model_fits(facts))),
        "configuration" => ErrorKind::Configuration,
        "forbidden" => ErrorKind::Forbidden,
        "cancelled" => ErrorKind::Cancelled,
        _ => return None,
    })
}

fn no_model_fits(facts: &Value) -> NoModelFits {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let missing = |value: &Value| {
        Some(Missing {
            key: text(&value["key"])?,
            wanted: value["wanted"].clone(),
            has: value["has"].clone(),
            provenance: provenance(&value["provenance"]),
        })
    };
    let rejected = |value: &Value| {
        Some(Rejected {
            alias: text(&value["alias"])?,
            missing: items(&value["missing"]).iter().filter_map(missing).collect(),
        })
    };
    let unknown = |value: &Value| {
        Some(UnknownKey {
            key: text(&value["key"])?,
            nearest: text(&value["nearest"]),
        })
    };
    let rejected: Vec<Rejected> = items(&facts["missing"]).iter().filter_map(rejected).collect();
    NoModelFits {
        pool_is_empty: rejected.is_empty(),
        rejected,
        unknown_keys: items(&facts["unknown_keys"]).iter().filter_map(unknown).collect(),
        input_too_long: facts["input_too_long"].as_bool().unwrap_or_default(),
    }
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn provenance(word: &Value) -> Provenance {
    let known = [
        Provenance::Declared,
        Provenance::Catalog,
        Provenance::Probed,
        Provenance::Observed,
    ];
    let named = |known: &Provenance| serde_json::to_value(known).is_ok_and(|known| known == *word);
    known.into_iter().find(named).unwrap_or_default()
}
