//! Calls: one request, one answer. Streams are in `stream`.
//!
//! A request comes as a dict of OpenAI's shape, with the member `modelpool` for the pool itself, and is read by the
//! engine as one that came over HTTP would be. Answers go back as the bytes the model sent: `json` of Python makes
//! objects of them faster than we would.

use std::sync::Arc;

use bytes::Bytes;
use modelpool::{Answer, AnswerBody, Call, Error, ErrorKind, Operation, Usage};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::pool::{Held, NativePool};
use crate::{errors, json, runtime, selectors};

/// Makes a call, and gives what is to be awaited for its answer.
#[pyfunction]
pub(crate) fn call<'py>(
    pool: &Bound<'py, NativePool>,
    operation: &str,
    request: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let held = Arc::clone(&pool.get().held);
    let call = read(&held, operation, request)?;
    let request_id = Arc::clone(&call.request_id);
    let work = held.pool.call(call);
    runtime::start(pool.py(), work, move |py, outcome| {
        answered(py, &held, outcome, &request_id)
    })
}

/// The same while the caller's thread waits.
#[pyfunction]
pub(crate) fn call_blocking(
    pool: &Bound<'_, NativePool>,
    operation: &str,
    request: &Bound<'_, PyAny>,
) -> PyResult<Py<PyAny>> {
    let held = &pool.get().held;
    let call = read(held, operation, request)?;
    let request_id = Arc::clone(&call.request_id);
    let outcome = runtime::block(pool.py(), held.pool.call(call))?;
    answered(pool.py(), held, outcome, &request_id)
}

/// Reads a request, and gives it its id so that an error can name it.
pub(crate) fn read(held: &Held, operation: &str, request: &Bound<'_, PyAny>) -> PyResult<Call> {
    let py = request.py();
    let operation = match operation {
        "chat" => Operation::Chat,
        "embeddings" => Operation::Embeddings,
        other => {
            return Err(errors::value(
                py,
                format!("operation: expected chat or embeddings, got {other}"),
            ));
        }
    };
    let body = Bytes::copy_from_slice(json::written(request, "request")?.as_bytes());
    let mut call = Call::read(operation, body).map_err(|error| errors::of_call(py, &error, None))?;
    call.request_id = held.pool.new_request_id();
    Ok(call)
}

/// `(bytes, {"alias": …, "request_id": …, …})`.
fn answered(
    py: Python<'_>,
    held: &Held,
    outcome: Result<Answer, Error>,
    request_id: &str,
) -> PyResult<Py<PyAny>> {
    let failed = |error: &Error| selectors::call_failed(py, held.selector.as_deref(), error, request_id);
    let answer = outcome.map_err(|error| failed(&error))?;
    let AnswerBody::Whole(whole) = answer.body else {
        let error = Error::new(
            ErrorKind::Protocol,
            "a whole answer was asked for, and a stream came",
        );
        return Err(failed(&error.at(&answer.alias)));
    };
    let about = PyDict::new(py);
    about.set_item("alias", &*answer.alias)?;
    about.set_item("request_id", &*answer.request_id)?;
    about.set_item("attempts", answer.attempts)?;
    about.set_item("cost_usd", whole.cost_usd)?;
    about.set_item("tokens", tokens(py, &whole.usage)?)?;
    about.set_item("dropped", &answer.head.dropped)?;
    let pair = (PyBytes::new(py, &whole.bytes), about).into_pyobject(py)?;
    Ok(pair.into_any().unbind())
}

/// What was used, in OpenAI's words.
pub(crate) fn tokens<'py>(py: Python<'py>, usage: &Usage) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("prompt_tokens", usage.input_tokens)?;
    dict.set_item("completion_tokens", usage.output_tokens)?;
    dict.set_item("total_tokens", usage.total_tokens())?;
    dict.set_item("cached_tokens", usage.cached_input_tokens)?;
    dict.set_item("cache_write_tokens", usage.cache_write_tokens)?;
    dict.set_item("reasoning_tokens", usage.reasoning_tokens)?;
    dict.set_item("images", usage.images)?;
    dict.set_item("estimated", usage.estimated)?;
    Ok(dict)
}
