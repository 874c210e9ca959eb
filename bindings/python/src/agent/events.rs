//! Events, handed over in batches.
//!
//! Pieces of text that have come together go together. Any other event ends its batch, so that the run is no further
//! than its reader knows.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_core::Stream;
use futures_util::{FutureExt as _, StreamExt as _};
use modelpool_agent::AgentEvent;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use tokio_util::sync::CancellationToken;

use super::host;
use crate::{errors, runtime};

/// Events of one batch at most.
const MOST_EVENTS: usize = 64;

/// An event, as JSON.
pub(super) struct Told {
    json: Vec<u8>,
    /// It is a piece of an answer, and the next may go along.
    is_piece: bool,
}

impl Told {
    pub(super) fn event(event: &AgentEvent) -> Self {
        let is_piece = match event {
            AgentEvent::ResponseDelta { .. } => true,
            AgentEvent::Thinking { metadata, .. } => metadata.model_alias.is_some(),
            _ => false,
        };
        Self {
            json: event.to_json().to_string().into_bytes(),
            is_piece,
        }
    }

    pub(super) fn json(value: &serde_json::Value) -> Self {
        Self {
            json: value.to_string().into_bytes(),
            is_piece: false,
        }
    }
}

/// All events of a run. Dropping it ends the run.
pub(super) type Telling = Pin<Box<dyn Stream<Item = Told> + Send>>;

/// The events of a run, or of one answer.
#[pyclass(frozen, module = "modelpool._native")]
pub(crate) struct NativeEvents {
    state: Mutex<State>,
    cancelled: CancellationToken,
}

enum State {
    /// Between two batches.
    Open(Telling),
    /// A batch is waited for.
    Busy,
    /// Its reader was cancelled while it waited, and a batch may be lost.
    Abandoned,
    /// It ended, or was closed.
    Done,
}

/// What came, and what comes next.
type Batch = (Vec<Vec<u8>>, Option<Telling>);

impl NativeEvents {
    /// `cancelled` ends the run while somebody reads it.
    pub(super) fn new(telling: Telling, cancelled: CancellationToken) -> Self {
        Self {
            state: Mutex::new(State::Open(telling)),
            cancelled,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, py: Python<'_>) -> PyResult<Option<Telling>> {
        let mut state = self.lock();
        match std::mem::replace(&mut *state, State::Busy) {
            State::Open(telling) => Ok(Some(telling)),
            State::Done => {
                *state = State::Done;
                Ok(None)
            }
            State::Busy => Err(errors::of_code(
                py,
                "cancelled",
                "the events are being read already",
            )),
            State::Abandoned => {
                *state = State::Abandoned;
                Err(errors::of_code(
                    py,
                    "cancelled",
                    "the reader of the events was cancelled, and the run ended with that",
                ))
            }
        }
    }

    fn handed_over(&self, py: Python<'_>, (events, rest): Batch) -> PyResult<Py<PyAny>> {
        let next = rest.map_or(State::Done, State::Open);
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
        if let Some(rest) = closed_meanwhile {
            runtime::release(py, rest);
        }
        if events.is_empty() {
            return Ok(py.None());
        }
        let events = events.iter().map(|event| PyBytes::new(py, event));
        Ok(PyList::new(py, events)?.into_any().unbind())
    }
}

#[pymethods]
impl NativeEvents {
    /// What is to be awaited for the next batch: a list of events as JSON, or `None` at the end.
    fn next<'py>(slf: &Bound<'py, Self>, host: Py<PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let work = host::scope(Arc::new(host), batch(slf.get().take(py)?));
        let events = slf.clone().unbind();
        runtime::start(py, work, move |py, batch| events.get().handed_over(py, batch))
    }

    /// The same while the caller's thread waits.
    fn next_blocking(&self, py: Python<'_>, host: Py<PyAny>) -> PyResult<Py<PyAny>> {
        let work = host::scope(Arc::new(host), batch(self.take(py)?));
        let batch = runtime::block(py, work)?;
        self.handed_over(py, batch)
    }

    /// Has the run end: what is under way is dropped, and the last events come.
    fn cancel(&self, py: Python<'_>) {
        py.detach(|| self.cancelled.cancel());
    }

    /// Ends the run, because its reader was cancelled.
    fn abandon(&self, py: Python<'_>) {
        let state = std::mem::replace(&mut *self.lock(), State::Abandoned);
        runtime::release(py, state);
    }

    /// Ends the run. Harmless where it has ended.
    fn close(&self, py: Python<'_>) {
        let state = std::mem::replace(&mut *self.lock(), State::Done);
        if matches!(state, State::Busy) {
            // Whoever reads it holds it.
            self.cancel(py);
        }
        runtime::release(py, state);
    }
}

impl Drop for NativeEvents {
    fn drop(&mut self) {
        let state = std::mem::replace(&mut *self.lock(), State::Done);
        runtime::released(state);
    }
}

/// Waits for the next event, and takes along the pieces that are there already.
async fn batch(telling: Option<Telling>) -> Batch {
    let mut events = Vec::new();
    let Some(mut telling) = telling else {
        return (events, None);
    };
    while events.len() < MOST_EVENTS {
        let next = if events.is_empty() {
            Some(telling.next().await)
        } else {
            telling.next().now_or_never()
        };
        match next {
            None => break,
            Some(None) => return (events, None),
            Some(Some(told)) => {
                events.push(told.json);
                if !told.is_piece {
                    break;
                }
            }
        }
    }
    (events, Some(telling))
}
