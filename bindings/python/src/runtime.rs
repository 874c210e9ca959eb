//! Where calls run: tokio's workers, made when the first call waits.
//!
//! A call is first polled on the caller's own thread, with the interpreter lock released: that is where a selector
//! written in Python is asked, and a call that is answered without waiting costs no change of threads. One that has to
//! wait goes on with tokio, and the event loop is told when it is done. Threads do not survive a fork, so a process
//! forked after they were made is told so in place of waiting for ever.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::FutureExt as _;
use pyo3::exceptions::PyStopIteration;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::AbortHandle;

use crate::{errors, interpreter};

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
    static CALLERS_LOOP: Option<EventLoop>;
}

/// An event loop of asyncio.
pub(crate) type EventLoop = Arc<Py<PyAny>>;

/// The event loop of the caller at whose bidding this runs.
pub(crate) fn callers_loop() -> Option<EventLoop> {
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
    let event_loop = Arc::new(running_loop(py)?.unbind());
    let callers = Some(Arc::clone(&event_loop));
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
    let future = event_loop.call_method0(py, pyo3::intern!(py, "create_future"))?;
    let told = future.clone_ref(py);
    let task = runtime.spawn(async move {
        let outcome = AssertUnwindSafe(work).catch_unwind().await;
        interpreter::attached(|py| {
            let outcome = match outcome {
                Ok(outcome) => finish(py, outcome),
                // Or whoever awaits it would wait for ever.
                Err(_) => Err(errors::of_code(
                    py,
                    "error",
                    "modelpool panicked, which is a mistake in it",
                )),
            };
            // Fails where the loop is closed: then nobody waits.
            let _told = tell(py, &event_loop, told, outcome);
        });
    });
    let canceller = Canceller {
        task: task.abort_handle(),
    };
    future.call_method1(py, pyo3::intern!(py, "add_done_callback"), (canceller,))?;
    Ok(future.into_bound(py))
}

fn running_loop(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    static GET: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    GET.import(py, "asyncio", "get_running_loop")?.call0()
}

/// Has the event loop settle a future, from another thread.
fn tell(
    py: Python<'_>,
    event_loop: &Py<PyAny>,
    future: Py<PyAny>,
    outcome: PyResult<Py<PyAny>>,
) -> PyResult<()> {
    static SETTLE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let settle = SETTLE.import(py, "modelpool._bridge", "settle")?;
    let (value, error) = match outcome {
        Ok(value) => (value, None),
        Err(error) => (py.None(), Some(error.into_value(py))),
    };
    let call = (settle, future, value, error);
    event_loop.call_method1(py, pyo3::intern!(py, "call_soon_threadsafe"), call)?;
    Ok(())
}

/// Ends the work when the future that stands for it is cancelled.
#[pyclass(frozen, module = "modelpool._native")]
struct Canceller {
    task: AbortHandle,
}

#[pymethods]
impl Canceller {
    fn __call__(&self, future: &Bound<'_, PyAny>) -> PyResult<()> {
        if future
            .call_method0(pyo3::intern!(future.py(), "cancelled"))?
            .is_truthy()?
        {
            self.task.abort();
        }
        Ok(())
    }
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
        let outcome = runtime.block_on(async {
            loop {
                match tokio::time::timeout(SIGNALS, &mut work).await {
                    Ok(outcome) => return Ok(outcome),
                    Err(_) => interpreter::attached(|py| py.check_signals()).transpose()?,
                };
            }
        });
        released(work);
        interpreter::stay_out_of_the_end();
        outcome
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
pub(crate) fn released<T>(held: T) {
    let started = STARTED.get().and_then(Option::as_ref);
    let started = started.filter(|started| started.process == std::process::id());
    let _entered = started.map(|started| started.runtime.enter());
    drop(held);
}

/// The same, with the interpreter lock released.
pub(crate) fn release<T: Send>(py: Python<'_>, held: T) {
    py.detach(|| released(held));
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
