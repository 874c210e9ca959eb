//! Reading an asynchronous generator of Python from Rust, one item at a time.
//!
//! It runs on the event loop of the caller whose request it answers, or on one kept for this where the caller blocks
//! its thread. It is asked for the next item only when the one before was taken, so nothing piles up; dropping this
//! closes it.

use bytes::Bytes;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use tokio::sync::oneshot;

use crate::{interpreter, runtime};

type Item = PyResult<Option<Bytes>>;

/// A generator that is being read.
pub(crate) struct Pull {
    /// The object of `modelpool._bridge` that drives it.
    driver: Py<PyAny>,
}

impl Pull {
    pub(crate) fn new(py: Python<'_>, generator: &Bound<'_, PyAny>) -> PyResult<Self> {
        let module = py.import("modelpool._bridge")?;
        let event_loop = match runtime::callers_loop() {
            Some(event_loop) => event_loop.bind(py).clone(),
            None => module.call_method0("background_loop")?,
        };
        let driver = module.call_method1("Pull", (event_loop, generator))?.unbind();
        Ok(Self::driven_by(driver))
    }

    /// What an object of `modelpool._bridge` drives already.
    pub(crate) fn driven_by(driver: Py<PyAny>) -> Self {
        Self { driver }
    }

    /// The next item; `None` at the end.
    pub(crate) async fn next(&mut self) -> Item {
        let (sender, receiver) = oneshot::channel();
        interpreter::attempted(|py| {
            let reply = Bound::new(py, Reply { sender: Some(sender) })?;
            self.driver.bind(py).call_method1("next", (reply,)).map(|_| ())
        })?;
        receiver
            .await
            .unwrap_or_else(|_| Err(PyRuntimeError::new_err("the event loop was closed")))
    }
}

impl Drop for Pull {
    fn drop(&mut self) {
        // Where the interpreter is gone, so is the generator; where the event loop is closed it never runs again.
        let _closed = interpreter::attached(|py| self.driver.bind(py).call_method0("close").map(|_| ()));
    }
}

/// Where the driver puts the item.
#[pyclass(module = "modelpool._native")]
struct Reply {
    sender: Option<oneshot::Sender<Item>>,
}

#[pymethods]
impl Reply {
    #[pyo3(signature = (item, error=None))]
    fn __call__(&mut self, item: Option<Vec<u8>>, error: Option<Bound<'_, PyAny>>) {
        let item = match error {
            Some(error) => Err(PyErr::from_value(error)),
            None => Ok(item.map(Bytes::from)),
        };
        if let Some(sender) = self.sender.take() {
            // Nobody waits any more where the call was cancelled.
            let _unsent = sender.send(item);
        }
    }
}
