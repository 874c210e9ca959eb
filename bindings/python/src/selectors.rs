//! Selectors that are written in Python, and the shipped ones asked from Python.
//!
//! A selector in Python is asked for one model: once where a request is planned, on the thread of its caller, and
//! again without those that failed where it is taken elsewhere. What it raises becomes the cause of the error that the
//! caller sees; the pool goes on.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use modelpool::parts::core::ModelIndex;
use modelpool::parts::core::selector::Ticket;
use modelpool::parts::core::snapshot::{Draft, ModelSet};
use modelpool::{
    Candidate, Candidates, Clock, Error, ModelEntry, Ranking, RequestFacts, SelectContext, Selector,
    SelectorError, Snapshot, SystemClock, selectors,
};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use serde_json::Map;

use crate::capabilities::read_requirements;
use crate::config::ModelConfig;
use crate::entries::Entries;
use crate::{errors, interpreter, json};

/// Exceptions that are kept until whoever asked has seen them.
const MOST_CAUSES: usize = 64;

/// Places of a ranking that a selector in Python is asked for.
const MOST_PLACES: usize = 100;

thread_local! {
    /// What the caller of `select` handed over for selectors to look at.
    static CONTEXT: RefCell<Option<Py<PyAny>>> = const { RefCell::new(None) };
}

/// Asks the engine with the caller's own context at hand.
pub(crate) fn with_context<T>(context: Option<Py<PyAny>>, ask: impl FnOnce() -> T) -> T {
    let before = CONTEXT.replace(context);
    let answer = ask();
    drop(CONTEXT.replace(before));
    answer
}

/// A selector written in Python.
pub(crate) struct PythonSelector {
    /// Taken away where it is garbage together with its pool.
    object: Mutex<Option<Py<PyAny>>>,
    name: String,
    entries: Arc<Entries>,
    /// What it raised, with the words by which it is found again.
    causes: Mutex<VecDeque<(String, PyErr)>>,
}

impl fmt::Debug for PythonSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PythonSelector")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl PythonSelector {
    pub(crate) fn new(object: &Bound<'_, PyAny>, entries: Arc<Entries>) -> PyResult<Self> {
        if !object.hasattr("select_model")? {
            return Err(errors::value(
                object.py(),
                format!(
                    "selector: expected a ModelSelector, the name of a selector or a dict, got {}",
                    object.repr()?
                ),
            ));
        }
        Ok(Self {
            name: object.get_type().name()?.to_string(),
            object: Mutex::new(Some(object.clone().unbind())),
            entries,
            causes: Mutex::default(),
        })
    }

    /// Shows the garbage collector what it holds.
    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        // Whoever has the lock is using it, and it is no garbage.
        match self.object.try_lock() {
            Ok(object) => visit.call(&*object),
            Err(_) => Ok(()),
        }
    }

    /// Lets go of what is garbage.
    pub(crate) fn clear(&self) {
        let object = self.object.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(object);
    }

    /// The exception behind an error of this selector, as far as `message` shows it.
    pub(crate) fn cause(&self, message: &str) -> Option<PyErr> {
        let mut causes = self.causes.lock().unwrap_or_else(PoisonError::into_inner);
        let at = causes
            .iter()
            .rposition(|(words, _)| message.contains(words.as_str()))?;
        causes.remove(at).map(|(_, cause)| cause)
    }

    fn raised(&self, py: Python<'_>, cause: PyErr) -> SelectorError {
        let kind = cause.get_type(py);
        let kind = kind
            .name()
            .map_or_else(|_| "an exception".to_owned(), |name| name.to_string());
        let words = format!("raised {kind}: {}", cause.value(py));
        let mut causes = self.causes.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = if causes.len() >= MOST_CAUSES {
            causes.pop_front()
        } else {
            None
        };
        causes.push_back((words.clone(), cause));
        drop(causes);
        drop(oldest);
        SelectorError::new(&self.name, words)
    }

    fn in_python<T>(
        &self,
        work: impl FnOnce(Python<'_>) -> Result<T, SelectorError>,
    ) -> Result<T, SelectorError> {
        let gone = || SelectorError::new(&self.name, interpreter::ENDING);
        interpreter::attached(work).unwrap_or_else(|| Err(gone()))
    }

    fn ask<'a>(
        &self,
        py: Python<'_>,
        candidates: &[Candidate<'a>],
        context: &SelectContext<'_>,
    ) -> Result<Option<Candidate<'a>>, SelectorError> {
        let chosen = self
            .select_model(py, candidates, context)
            .map_err(|cause| self.raised(py, cause))?;
        if chosen.is_none() {
            return Ok(None);
        }
        let Ok(model) = chosen.cast::<ModelConfig>() else {
            let got = chosen
                .repr()
                .map_or_else(|_| "something else".to_owned(), |repr| repr.to_string());
            let message = format!("expected one of the models it was given, or None, got {got}");
            return Err(SelectorError::new(&self.name, message));
        };
        let alias = &model.get().inner().alias;
        let named = candidates.iter().find(|candidate| candidate.alias() == &**alias);
        let stranger = || {
            let message = format!("named `{alias}`, which is not among the models it was given");
            SelectorError::new(&self.name, message)
        };
        named.copied().map(Some).ok_or_else(stranger)
    }

    fn select_model<'py>(
        &self,
        py: Python<'py>,
        candidates: &[Candidate<'_>],
        context: &SelectContext<'_>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let models = candidates
            .iter()
            .map(|candidate| self.entries.show(py, candidate.entry()));
        let models = PyList::new(py, models.collect::<PyResult<Vec<_>>>()?)?;
        let requirements = json::to_python(py, &context.requirements.to_json())?;
        let given = CONTEXT.with_borrow(|held| held.as_ref().map(|context| context.clone_ref(py)));
        let context = match given {
            Some(given) => given.into_bound(py),
            None => request_context(py, context)?.into_any(),
        };
        let object = {
            let held = self.object.lock().unwrap_or_else(PoisonError::into_inner);
            held.as_ref().map(|object| object.clone_ref(py))
        };
        let Some(object) = object else {
            return Err(errors::of_code(py, "pool", "the selector is gone with its pool"));
        };
        object
            .bind(py)
            .call_method1(pyo3::intern!(py, "select_model"), (models, requirements, context))
    }
}

/// What a selector may look at of a request that was not made by `select`.
fn request_context<'py>(py: Python<'py>, context: &SelectContext<'_>) -> PyResult<Bound<'py, PyDict>> {
    let dict = json::dict(py, context.values)?;
    let RequestFacts {
        operation,
        stream,
        input_tokens,
        ..
    } = context.facts;
    dict.set_item("operation", operation.name())?;
    dict.set_item("stream", stream)?;
    dict.set_item("input_tokens", input_tokens)?;
    Ok(dict)
}

impl Selector for PythonSelector {
    fn name(&self) -> &str {
        &self.name
    }

    /// Asks for one model after the other.
    fn rank(
        &self,
        candidates: &Candidates<'_>,
        context: &SelectContext<'_>,
    ) -> Result<Ranking, SelectorError> {
        let mut left: Vec<Candidate<'_>> = candidates.iter().collect();
        let mut ranking = Ranking::new();
        self.in_python(|py| {
            while !left.is_empty() && ranking.len() < MOST_PLACES {
                let Some(next) = self.ask(py, &left, context)? else {
                    break;
                };
                left.retain(|candidate| candidate.index() != next.index());
                let place = ranking.len() + 1;
                ranking.push(next, -(place as f64), format!("choice {place} of {}", self.name));
            }
            Ok(ranking)
        })
    }

    fn best(
        &self,
        candidates: &Candidates<'_>,
        context: &SelectContext<'_>,
    ) -> Result<Option<ModelIndex>, SelectorError> {
        let all: Vec<Candidate<'_>> = candidates.iter().collect();
        self.in_python(|py| Ok(self.ask(py, &all, context)?.map(|chosen| chosen.index())))
    }
}

/// The error of a call or a selection whose selector failed, with what the selector raised as its cause.
pub(crate) fn failed(py: Python<'_>, selector: Option<&PythonSelector>, message: &str) -> PyErr {
    let error = errors::of_code(py, "selector", message);
    match selector.and_then(|selector| selector.cause(message)) {
        Some(cause) => errors::caused_by(py, error, cause),
        None => error,
    }
}

/// The same for a call, which may have failed for any other reason.
pub(crate) fn call_failed(
    py: Python<'_>,
    selector: Option<&PythonSelector>,
    error: &Error,
    request_id: &str,
) -> PyErr {
    let message = error.message();
    let by_selector = selector
        .filter(|selector| message.starts_with(&format!("selector `{}`: ", selector.name)))
        .is_some();
    if by_selector {
        return failed(py, selector, message);
    }
    errors::of_call(py, error, Some(request_id))
}

/// What a shipped selector would choose among these models: the `super().select_model(…)` of selectors that extend it.
#[pyfunction]
#[pyo3(signature = (kind, available_models, requirements=None))]
pub(crate) fn shipped_choice(
    py: Python<'_>,
    kind: &str,
    available_models: Vec<Bound<'_, ModelConfig>>,
    requirements: Option<&Bound<'_, PyAny>>,
) -> PyResult<Option<Py<ModelConfig>>> {
    let requirements = read_requirements(requirements)?;
    let selector = named(py, &kind.into())?;
    let models: Vec<&ModelConfig> = available_models.iter().map(|model| model.get()).collect();
    let (snapshot, set) = match of_one_pool(&models) {
        Some(found) => found,
        None => of_their_own(py, &models, &selector)?,
    };
    let order: Vec<ModelIndex> = set.iter().collect();
    let ticket = Ticket::fixed(0, 0);
    let context = SelectContext {
        default: snapshot.default_model(),
        order: &order,
        requirements: &requirements,
        preferences: &modelpool::Requirements::new(),
        facts: &RequestFacts::default(),
        values: &Map::new(),
        now: SystemClock.now(),
        ticket: &ticket,
    };
    let best = snapshot
        .best_among(&set, &*selector, &context)
        .map_err(|error| errors::of_code(py, "selector", error.to_string()))?;
    let Some(best) = best else { return Ok(None) };
    let alias = &snapshot.entry(best).config().alias;
    let chosen = available_models
        .iter()
        .find(|model| model.get().inner().alias == *alias);
    Ok(chosen.map(|model| model.clone().unbind()))
}

/// The snapshot all of the models are of, as they are; so that what is measured of them counts.
fn of_one_pool(models: &[&ModelConfig]) -> Option<(Arc<Snapshot>, ModelSet)> {
    let pool = models.first()?.origin()?.pool.upgrade()?;
    let snapshot = pool.pool.snapshot();
    let mut set = ModelSet::default();
    for model in models {
        let index = snapshot.index_of(&model.inner().alias)?;
        let shown: &Arc<ModelEntry> = &model.origin()?.entry;
        if !Arc::ptr_eq(shown, snapshot.entry(index)) {
            return None;
        }
        set.insert(index);
    }
    Some((snapshot, set))
}

/// A snapshot of these models alone, where they are of no pool.
fn of_their_own(
    py: Python<'_>,
    models: &[&ModelConfig],
    selector: &Arc<dyn Selector>,
) -> PyResult<(Arc<Snapshot>, ModelSet)> {
    let mut draft = Draft::new(Arc::clone(selector));
    for model in models {
        draft
            .add(model.inner().clone())
            .map_err(|error| errors::value(py, format!("available_models: {error}")))?;
    }
    let snapshot = draft.build();
    let set = snapshot.entries().map(|(index, _)| index).collect();
    Ok((Arc::new(snapshot), set))
}

/// A shipped selector, by its name or by its description.
pub(crate) fn named(py: Python<'_>, description: &serde_json::Value) -> PyResult<Arc<dyn Selector>> {
    selectors::from_json(description, None).map_err(|mistakes| {
        let all: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        errors::value(py, format!("selector: {}", all.join("; ")))
    })
}
