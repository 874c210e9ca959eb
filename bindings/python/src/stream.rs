//! Streamed answers, handed over in batches: what has come since the last time.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use modelpool::{AnswerBody, AnswerStream, Call, Error, ErrorKind, StreamEvent, StreamSummary};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

use crate::pool::{Held, NativePool};
use crate::{calls, errors, runtime, selectors};

/// Events of one batch at most.
const MOST_EVENTS: usize = 64;

/// A stream, which calls nobody before its first batch is asked for.
#[pyfunction]
pub(crate) fn open_stream(
    pool: &Bound<'_, NativePool>,
    request: &Bound<'_, PyAny>,
) -> PyResult<NativeStream> {
    let held = &pool.get().held;
    let call = calls::read(held, "chat", request)?;
    Ok(NativeStream {
        request_id: Arc::clone(&call.request_id),
        held: Arc::clone(held),
        state: Mutex::new(State::Waiting(Box::new(call))),
        known: Mutex::default(),
    })
}

/// One streamed answer.
#[pyclass(frozen, module = "modelpool._native")]
pub(crate) struct NativeStream {
    request_id: Arc<str>,
    held: Arc<Held>,
    state: Mutex<State>,
    known: Mutex<Known>,
}

enum State {
    /// Nobody was called yet.
    Waiting(Box<Call>),
    /// Between two batches; with the failure that comes after what was handed over.
    Open(Box<AnswerStream>, Option<Error>),
    /// A batch is waited for.
    Busy,
    /// It ended, was closed, or its reader was cancelled.
    Done,
}

/// What is told of a stream.
#[derive(Default)]
struct Known {
    alias: Option<Arc<str>>,
    summary: StreamSummary,
}

/// What came, and what comes next.
struct Batch {
    payloads: Vec<Vec<u8>>,
    alias: Option<Arc<str>>,
    summary: StreamSummary,
    rest: Rest,
}

enum Rest {
    Open(Box<AnswerStream>, Option<Error>),
    Ended,
    Failed(Error),
}

#[pymethods]
impl NativeStream {
    /// What is to be awaited for the next batch: a list of events as JSON, or `None` at the end.
    fn next<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let work = batch(&slf.get().held, slf.get().take(py)?);
        let stream = slf.clone().unbind();
        runtime::start(py, work, move |py, batch| stream.get().handed_over(py, batch))
    }

    /// The same while the caller's thread waits.
    fn next_blocking(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let work = batch(&self.held, self.take(py)?);
        let batch = runtime::block(py, work)?;
        self.handed_over(py, batch)
    }

    /// Ends the upstream call. Harmless where it has ended.
    fn close(&self, py: Python<'_>) {
        let state = std::mem::replace(&mut *self.lock(), State::Done);
        runtime::release(py, state);
    }

    /// The id of the request.
    #[getter]
    fn request_id(&self) -> &str {
        &self.request_id
    }

    /// The model that answers; `None` before the first batch.
    #[getter]
    fn alias(&self) -> Option<String> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.alias.as_deref().map(str::to_owned)
    }

    /// What was used and what it cost so far.
    fn summary<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let summary = self.known.lock().unwrap_or_else(PoisonError::into_inner).summary;
        let dict = PyDict::new(py);
        dict.set_item("usage", calls::tokens(py, &summary.usage)?)?;
        dict.set_item("cost_usd", summary.cost_usd)?;
        dict.set_item("attempts", summary.attempts)?;
        dict.set_item("continued", summary.continued)?;
        dict.set_item("skipped_events", summary.skipped_events)?;
        Ok(dict)
    }
}

impl NativeStream {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, py: Python<'_>) -> PyResult<State> {
        let mut state = self.lock();
        if matches!(*state, State::Busy) {
            // Its reader may have been cancelled, and then the call has ended.
            return Err(errors::of_code(
                py,
                "cancelled",
                "the stream is being read already, or its reader was cancelled",
            ));
        }
        let next = if matches!(*state, State::Done) {
            State::Done
        } else {
            State::Busy
        };
        Ok(std::mem::replace(&mut *state, next))
    }

    fn handed_over(&self, py: Python<'_>, batch: Option<Batch>) -> PyResult<Py<PyAny>> {
        let Some(batch) = batch else {
            return Ok(py.None());
        };
        {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.summary = batch.summary;
            known.alias = batch.alias.or(known.alias.take());
        }
        let (next, outcome) = match batch.rest {
            Rest::Open(stream, error) => (State::Open(stream, error), Ok(true)),
            Rest::Ended => (State::Done, Ok(false)),
            Rest::Failed(error) => (State::Done, Err(error)),
        };
        let closed_meanwhile = {
            let mut state = self.lock();
            match *state {
                State::Busy => {
                    *state = next;
                    None
                }
                _ => Some(next),
            }
        };
        if let Some(stream) = closed_meanwhile {
            runtime::release(py, stream);
        }
        match outcome {
            Err(error) => Err(selectors::call_failed(
                py,
                self.held.selector.as_deref(),
                &error,
                &self.request_id,
            )),
            Ok(false) if batch.payloads.is_empty() => Ok(py.None()),
            Ok(_) => {
                let payloads = batch.payloads.iter().map(|payload| PyBytes::new(py, payload));
                Ok(PyList::new(py, payloads)?.into_any().unbind())
            }
        }
    }
}

impl Drop for NativeStream {
    fn drop(&mut self) {
        let state = std::mem::replace(&mut *self.lock(), State::Done);
        runtime::released(state);
    }
}

/// Waits for the next events, and takes along those that are there already; `None` after the end.
fn batch(held: &Held, state: State) -> impl Future<Output = Option<Batch>> + Send + 'static + use<> {
    let pool = held.pool.clone();
    async move {
        let (mut stream, failed) = match state {
            State::Done | State::Busy => return None,
            State::Open(stream, failed) => (stream, failed),
            State::Waiting(call) => match pool.call(*call).await.map(|answer| (answer.alias, answer.body)) {
                Ok((_, AnswerBody::Stream(stream))) => (stream, None),
                Ok((alias, AnswerBody::Whole(_))) => {
                    let error = Error::new(
                        ErrorKind::Protocol,
                        "a stream was asked for, and a whole answer came",
                    );
                    return Some(Batch::failed(error.at(&alias)));
                }
                Err(error) => return Some(Batch::failed(error)),
            },
        };
        let mut payloads = Vec::new();
        let mut end = failed.map(Err);
        while end.is_none() && payloads.len() < MOST_EVENTS {
            let next = if payloads.is_empty() {
                Some(stream.next().await)
            } else {
                stream.next().now_or_never()
            };
            match next {
                None => break,
                Some(Some(Ok(event))) => payloads.extend(payload(&event)),
                Some(Some(Err(error))) => end = Some(Err(error)),
                Some(None) => end = Some(Ok(())),
            }
        }
        let (alias, summary) = (Some(stream.alias().into()), stream.summary());
        let rest = match end {
            // What came before a failure is handed over first.
            Some(Err(error)) if payloads.is_empty() => Rest::Failed(error),
            Some(Err(error)) => Rest::Open(stream, Some(error)),
            Some(Ok(())) => Rest::Ended,
            None => Rest::Open(stream, None),
        };
        Some(Batch {
            payloads,
            alias,
            summary,
            rest,
        })
    }
}

impl Batch {
    fn failed(error: Error) -> Self {
        Self {
            payloads: Vec::new(),
            alias: None,
            summary: StreamSummary::default(),
            rest: Rest::Failed(error),
        }
    }
}

/// The JSON of an event; `None` for comments and the mark of the end.
fn payload(event: &StreamEvent) -> Option<Vec<u8>> {
    if event.end_mark {
        return None;
    }
    let mut data: Option<Vec<u8>> = None;
    for line in event.raw.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let Some(rest) = line.strip_prefix(b"data:") else {
            continue;
        };
        let rest = rest.strip_prefix(b" ").unwrap_or(rest);
        match &mut data {
            None => data = Some(rest.to_vec()),
            Some(data) => {
                data.push(b'\n');
                data.extend_from_slice(rest);
            }
        }
    }
    data.filter(|data| !data.is_empty() && data != b"[DONE]")
}
