//! Where calls run: tokio's workers, made when the first call waits.
//!
//! A call is first polled on the caller's own thread, with the interpreter lock released: that is where a selector
//! written in Python is asked, and a call that is answered without waiting costs no change of threads. One that has to
//! wait goes on with tokio; asyncio is told when it is done. Threads do not survive a fork, so a process forked after
//! they were made is told so in place of waiting for ever.

use std::future::Future;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use pyo3::exceptions::PyStopIteration;
use pyo3::prelude::*;
use pyo3_async_runtimes::TaskLocals;
use tokio::runtime::{Builder, Handle, Runtime};

use crate::errors;

/// Polls and conversions are short; more workers would wait for the interpreter lock.
const MOST_WORKERS: usize = 4;

/// How often a call that blocks its thread looks whether the user has interrupted it.
const SIGNALS: Duration = Duration::from_millis(100);

struct Started {
    process: u32,
    runtime: Runtime,
}

static STARTED: OnceLock<Option<Started>> = OnceLock::new();

tokio::task_local! {
    /// The event loop of the caller that waits; none where it blocks its thread.
    static CALLERS_LOOP: Option<TaskLocals>;
}

/// The event loop of the caller at whose bidding this runs.
pub(crate) fn callers_loop() -> Option<TaskLocals> {
    let found = CALLERS_LOOP.try_with(Clone::clone);
    found.ok().flatten()
}

/// The workers.
pub(crate) fn runtime(py: Python<'_>) -> PyResult<&'static Runtime> {
    let make = || {
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        let runtime = Builder::new_multi_thread()
            .worker_threads(workers.min(MOST_WORKERS))
            .thread_name("modelpool")
            .enable_all()
            .build()
            .ok()?;
        let process = std::process::id();
        Some(Started { process, runtime })
    };
    let Some(started) = STARTED.get_or_init(make) else {
        return Err(errors::of_code(
            py,
            "pool",
            "the threads of the pool could not be started",
        ));
    };
    if started.process != std::process::id() {
        return Err(errors::of_code(
            py,
            "pool",
            "this process was forked from one whose pool had made calls, and threads do not survive a fork: \
             make the first call after the fork, or use the start method `spawn`",
        ));
    }
    // What pyo3-async-runtimes starts runs here, too. It refuses a second one, which is the same.
    let _same = pyo3_async_runtimes::tokio::init_with_runtime(&started.runtime);
    Ok(&started.runtime)
}

/// Work that is under way.
type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Does work for a coroutine: what comes back is to be awaited, and gives what `finish` makes of the outcome.
/// Cancelling what awaits it drops the work.
pub(crate) fn start<'py, T, F>(
    py: Python<'py>,
    work: impl Future<Output = T> + Send + 'static,
    finish: F,
) -> PyResult<Bound<'py, PyAny>>
where
    T: Send + 'static,
    F: FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
{
    let runtime = runtime(py)?;
    let locals = TaskLocals::with_running_loop(py)?;
    let callers = Some(locals.clone());
    let mut work: Work<T> = Box::pin(CALLERS_LOOP.scope(callers, work));
    if let Poll::Ready(outcome) = poll_once(py, runtime, &mut work) {
        // Raised where it is awaited, as everything else is.
        let outcome = finish(py, outcome);
        return Ok(Bound::new(
            py,
            Ready {
                outcome: Some(outcome),
            },
        )?
        .into_any());
    }
    let rest = async move {
        let outcome = work.await;
        Python::attach(|py| finish(py, outcome))
    };
    pyo3_async_runtimes::tokio::future_into_py_with_locals(py, locals.copy_context(py)?, rest)
}

/// Does work while the caller's thread waits, with the interpreter lock released.
pub(crate) fn block<T: Send + 'static>(
    py: Python<'_>,
    work: impl Future<Output = T> + Send + 'static,
) -> PyResult<T> {
    let runtime = runtime(py)?;
    if Handle::try_current().is_ok() {
        return Err(errors::of_code(
            py,
            "pool",
            "a call that blocks its thread cannot be made from within another call, as in a selector",
        ));
    }
    let mut work: Work<T> = Box::pin(CALLERS_LOOP.scope(None, work));
    if let Poll::Ready(outcome) = poll_once(py, runtime, &mut work) {
        return Ok(outcome);
    }
    py.detach(|| {
        runtime.block_on(async {
            loop {
                match tokio::time::timeout(SIGNALS, &mut work).await {
                    Ok(outcome) => return Ok(outcome),
                    Err(_) => Python::attach(|py| py.check_signals())?,
                }
            }
        })
    })
}

fn poll_once<T: Send>(py: Python<'_>, runtime: &Runtime, work: &mut Work<T>) -> Poll<T> {
    py.detach(|| {
        let _entered = runtime.enter();
        // Nobody is woken by this poll: whoever goes on polls anew.
        work.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    })
}

/// Lets go of something whose drop may end a call, where tokio's timers and sockets are at hand.
pub(crate) fn release<T: Send>(py: Python<'_>, held: T) {
    match STARTED.get() {
        Some(Some(started)) if started.process == std::process::id() => {
            py.detach(|| {
                let _entered = started.runtime.enter();
                drop(held);
            });
        }
        _ => drop(held),
    }
}

/// What was there at once, for `await`.
#[pyclass(module = "modelpool._native")]
struct Ready {
    outcome: Option<PyResult<Py<PyAny>>>,
}

#[pymethods]
impl Ready {
    fn __await__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&mut self) -> PyResult<Option<Py<PyAny>>> {
        match self.outcome.take() {
            Some(Ok(value)) => Err(PyStopIteration::new_err((value,))),
            Some(Err(error)) => Err(error),
            None => Ok(None),
        }
    }
}
