//! Making models ready, and finding out what they can do.

use std::sync::Arc;

use modelpool::{DetectOptions, Detection, Error, Warmed};
use pyo3::prelude::*;
use serde_json::{Value, json};

use crate::pool::{Held, NativePool};
use crate::{errors, json as plain, runtime};

/// Makes a model ready; what comes back is to be awaited.
#[pyfunction]
pub(crate) fn warmup<'py>(pool: &Bound<'py, NativePool>, alias: String) -> PyResult<Bound<'py, PyAny>> {
    runtime::start(pool.py(), warm(Arc::clone(&pool.get().held), alias), warmed)
}

/// The same while the caller's thread waits.
#[pyfunction]
pub(crate) fn warmup_blocking(pool: &Bound<'_, NativePool>, alias: String) -> PyResult<Py<PyAny>> {
    let outcome = runtime::block(pool.py(), warm(Arc::clone(&pool.get().held), alias))?;
    warmed(pool.py(), outcome)
}

/// Makes ready the models that are marked `warmup`; what comes back is to be awaited.
#[pyfunction]
pub(crate) fn warmup_marked<'py>(pool: &Bound<'py, NativePool>) -> PyResult<Bound<'py, PyAny>> {
    runtime::start(pool.py(), warm_marked(Arc::clone(&pool.get().held)), all_warmed)
}

/// The same while the caller's thread waits.
#[pyfunction]
pub(crate) fn warmup_marked_blocking(pool: &Bound<'_, NativePool>) -> PyResult<Py<PyAny>> {
    let outcomes = runtime::block(pool.py(), warm_marked(Arc::clone(&pool.get().held)))?;
    all_warmed(pool.py(), outcomes)
}

/// Finds out what a model can do; what comes back is to be awaited.
#[pyfunction]
#[pyo3(signature = (pool, alias, token_budget=None, probes=None))]
pub(crate) fn detect<'py>(
    pool: &Bound<'py, NativePool>,
    alias: String,
    token_budget: Option<u64>,
    probes: Option<Vec<String>>,
) -> PyResult<Bound<'py, PyAny>> {
    let work = probe(Arc::clone(&pool.get().held), alias, options(token_budget, probes));
    runtime::start(pool.py(), work, detected)
}

/// The same while the caller's thread waits.
#[pyfunction]
#[pyo3(signature = (pool, alias, token_budget=None, probes=None))]
pub(crate) fn detect_blocking(
    pool: &Bound<'_, NativePool>,
    alias: String,
    token_budget: Option<u64>,
    probes: Option<Vec<String>>,
) -> PyResult<Py<PyAny>> {
    let work = probe(Arc::clone(&pool.get().held), alias, options(token_budget, probes));
    let outcome = runtime::block(pool.py(), work)?;
    detected(pool.py(), outcome)
}

fn options(token_budget: Option<u64>, probes: Option<Vec<String>>) -> DetectOptions {
    let usual = DetectOptions::default();
    DetectOptions {
        token_budget: token_budget.unwrap_or(usual.token_budget),
        probes: probes.unwrap_or_default(),
    }
}

async fn warm(held: Arc<Held>, alias: String) -> Result<Warmed, Error> {
    held.pool.warmup(&alias).await
}

async fn warm_marked(held: Arc<Held>) -> Vec<Result<Warmed, Error>> {
    held.pool.warm_up_marked().await
}

async fn probe(held: Arc<Held>, alias: String, options: DetectOptions) -> Result<Detection, Error> {
    held.pool.detect(&alias, &options).await
}

fn warmed(py: Python<'_>, outcome: Result<Warmed, Error>) -> PyResult<Py<PyAny>> {
    let warmed = outcome.map_err(|error| errors::of_call(py, &error, None))?;
    Ok(plain::to_python(py, &told(&warmed))?.unbind())
}

/// What fails, fails nothing else: it is told among the others.
fn all_warmed(py: Python<'_>, outcomes: Vec<Result<Warmed, Error>>) -> PyResult<Py<PyAny>> {
    let all: Vec<Value> = outcomes
        .iter()
        .map(|outcome| match outcome {
            Ok(warmed) => told(warmed),
            Err(error) => json!({"alias": error.alias(), "error": error.to_string()}),
        })
        .collect();
    Ok(plain::to_python(py, &all)?.unbind())
}

fn told(warmed: &Warmed) -> Value {
    json!({
        "alias": *warmed.alias,
        "warmth": warmed.warmth,
        "took_ms": warmed.took.as_secs_f64() * 1000.0,
    })
}

fn detected(py: Python<'_>, outcome: Result<Detection, Error>) -> PyResult<Py<PyAny>> {
    let detection = outcome.map_err(|error| errors::of_call(py, &error, None))?;
    Ok(plain::to_python(py, &detection.to_json())?.unbind())
}
