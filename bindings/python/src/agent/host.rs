//! Asking functions of Python from within a run.
//!
//! They run on the event loop of whoever reads the run's events, in its context variables; a run whose reader blocks
//! its thread has an event loop of another thread. Dropping the future that waits cancels what it waits for.
//!
//! Functions go by name, and the run's reader brings them along. Nothing that outlives a run holds objects of Python,
//! so that an object and the agent it has made of its own methods are garbage together.

use std::sync::Arc;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use tokio::sync::oneshot;

use crate::bridge::Pull;
use crate::interpreter;

/// The object of `modelpool._host` that a run has its functions run by.
pub(super) type Host = Arc<Py<PyAny>>;

tokio::task_local! {
    static HOST: Host;
}

/// Does work whose functions of Python that host runs.
pub(super) fn scope<F: Future>(host: Host, work: F) -> impl Future<Output = F::Output> {
    HOST.scope(host, work)
}

/// The host of the run that this is part of.
pub(super) fn current() -> PyResult<Host> {
    let host = HOST.try_with(Arc::clone);
    host.map_err(|_| PyRuntimeError::new_err("nobody reads the events of this run"))
}

/// Has the function of that name run with the arguments that are made, and waits for what it gives or raises.
pub(super) async fn ask<M>(name: &str, make: M) -> PyResult<Py<PyAny>>
where
    M: for<'py> FnOnce(Python<'py>) -> PyResult<Bound<'py, PyTuple>> + Send,
{
    let host = current()?;
    let (sender, receiver) = oneshot::channel();
    let mut call = interpreter::attempted(|py| {
        let arguments = make(py)?;
        let reply = Bound::new(py, Reply { sender: Some(sender) })?;
        let call = host.bind(py).call_method1("begin", (name, arguments, reply))?;
        Ok(UnderWay(Some(call.unbind())))
    })?;
    let answer = receiver.await;
    call.0 = None;
    answer.unwrap_or_else(|_| Err(PyRuntimeError::new_err("the event loop was closed")))
}

/// What the asynchronous generator of that name gives for the arguments that are made.
pub(super) fn feed<M>(name: &str, make: M) -> PyResult<Pull>
where
    M: for<'py> FnOnce(Python<'py>, &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>>,
{
    let host = current()?;
    interpreter::attempted(|py| {
        let host = host.bind(py);
        let arguments = make(py, host)?;
        let driver = host.call_method1("feed", (name, arguments))?;
        Ok(Pull::driven_by(driver.unbind()))
    })
}

/// An exception in words for whoever is told of it.
pub(super) fn words(error: &PyErr) -> String {
    let told = interpreter::attached(|py| {
        let kind = error.get_type(py);
        let kind = kind
            .name()
            .map_or_else(|_| "an exception".to_owned(), |name| name.to_string());
        let value = error.value(py).to_string();
        if value.is_empty() {
            kind
        } else {
            format!("{kind}: {value}")
        }
    });
    told.unwrap_or_else(|| interpreter::ENDING.to_owned())
}

/// A call that nobody has an answer of yet. Dropping it cancels it.
struct UnderWay(Option<Py<PyAny>>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        if let Some(call) = self.0.take() {
            // Where the event loop is closed it never runs again.
            let _closed = interpreter::attached(|py| call.call_method0(py, "cancel").map(|_| ()));
        }
    }
}

/// Where the host puts what came of a call.
#[pyclass(module = "modelpool._native")]
struct Reply {
    sender: Option<oneshot::Sender<PyResult<Py<PyAny>>>>,
}

#[pymethods]
impl Reply {
    #[pyo3(signature = (value, error=None))]
    fn __call__(&mut self, value: Py<PyAny>, error: Option<Bound<'_, PyAny>>) {
        let answer = match error {
            Some(error) => Err(PyErr::from_value(error)),
            None => Ok(value),
        };
        if let Some(sender) = self.sender.take() {
            // Nobody waits any more where the call was cancelled.
            let _unsent = sender.send(answer);
        }
    }
}
