//! Being in Python on threads that are not Python's, and being gone before the interpreter is.
//!
//! A thread that asks for the interpreter while it is taken down never returns, or brings the process down. So
//! threads of ours pass a door on their way in. Before the interpreter goes (`atexit`) it is shut: who is inside
//! finishes, and nobody else enters. What was to be told then has nobody left to be told to.

use std::sync::{Condvar, Mutex, PoisonError};
use std::thread::ThreadId;
use std::time::Duration;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

/// How long the end of the program waits for those inside: code of the user's, which may be slow.
const PATIENCE: Duration = Duration::from_secs(2);

struct Door {
    state: Mutex<State>,
    left: Condvar,
}

struct State {
    inside: usize,
    /// The thread that takes the interpreter down, once it does.
    shut_by: Option<ThreadId>,
}

static DOOR: Door = Door {
    state: Mutex::new(State {
        inside: 0,
        shut_by: None,
    }),
    left: Condvar::new(),
};

/// Stands for a thread that is inside.
struct Inside;

impl Inside {
    fn enter() -> Option<Self> {
        let mut state = DOOR.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.shut_by.is_some() {
            return None;
        }
        state.inside += 1;
        Some(Self)
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let mut state = DOOR.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.inside -= 1;
        if state.inside == 0 {
            DOOR.left.notify_all();
        }
    }
}

/// Does something in Python; `None` where the interpreter is on its way out.
///
/// This may be in the middle of an exception: an object is let go of while one passes, and what ends with the object
/// calls Python. The exception goes on afterwards as if nothing had been done.
pub(crate) fn attached<T>(work: impl FnOnce(Python<'_>) -> T) -> Option<T> {
    let _inside = Inside::enter()?;
    Some(Python::attach(|py| {
        let passing = PyErr::take(py);
        let done = work(py);
        if let Some(passing) = passing {
            passing.restore(py);
        }
        done
    }))
}

/// The same for what may raise.
pub(crate) fn attempted<T>(work: impl FnOnce(Python<'_>) -> PyResult<T>) -> PyResult<T> {
    attached(work).unwrap_or_else(|| Err(PyRuntimeError::new_err(ENDING)))
}

/// What stands in the errors of those who came too late.
pub(crate) const ENDING: &str = "the interpreter is on its way out";

/// Holds a thread for ever if the interpreter it would return to is on its way out. The thread that takes it down
/// goes on.
pub(crate) fn stay_out_of_the_end() {
    let state = || DOOR.state.lock().unwrap_or_else(PoisonError::into_inner);
    let this = std::thread::current().id();
    while state().shut_by.is_some_and(|thread| thread != this) {
        std::thread::park();
    }
}

/// Shuts the door, and waits for those inside.
#[pyfunction]
pub(crate) fn shut_door(py: Python<'_>) {
    py.detach(|| {
        let mut state = DOOR.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.shut_by = Some(std::thread::current().id());
        let waiting = DOOR
            .left
            .wait_timeout_while(state, PATIENCE, |state| state.inside > 0);
        drop(waiting);
    });
}

/// Forgets who was inside, in a process that was forked: threads do not come along.
#[pyfunction]
pub(crate) fn forked() {
    // The lock may have been held by a thread that is not here.
    if let Ok(mut state) = DOOR.state.try_lock() {
        state.inside = 0;
    }
}
