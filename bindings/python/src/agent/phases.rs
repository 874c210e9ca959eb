//! Phases 1 and 2: those of the crate, or objects of Python in their place. The other phases, each in a file of its own, are asked
//! likewise.
//!
//! An object of Python is handed a query that knows the defaults of its agent, so that it can ask them too.

use std::sync::Arc;

use modelpool_agent::BoxFuture;
use modelpool_agent::context::tokens::{Counter, Tokenizers};
use modelpool_agent::context::{
    ContextEngine, ContextManager, ContextProcessor, ManagedContext, PhaseError, PromptManager, Query,
    Retrieved, SearchEngine, TokenDemand, TrimmingProcessor,
};
use modelpool_agent::decide::{Decider as _, UntilDone};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use serde_json::Value;

use super::{aggregating, deciding, host, shapes};
use crate::{errors, interpreter, json, runtime};

/// The phases of the crate, which count tokens together.
#[derive(Debug)]
pub(super) struct Defaults {
    pub(super) tokenizers: Arc<Tokenizers>,
    engine: SearchEngine,
    processor: TrimmingProcessor,
    manager: PromptManager,
    pub(super) decider: UntilDone,
}

impl Defaults {
    pub(super) fn new(decider: UntilDone) -> Self {
        let tokenizers = Arc::new(Tokenizers::default());
        Self {
            engine: SearchEngine::new(Arc::clone(&tokenizers)),
            processor: TrimmingProcessor::new(Arc::clone(&tokenizers)),
            manager: PromptManager::new(Arc::clone(&tokenizers)),
            tokenizers,
            decider,
        }
    }

    fn counter(&self, query: Query<'_>) -> Counter {
        self.tokenizers.of(query.model_name)
    }
}

/// The default phases of an agent, for phases written in Python that ask them.
#[pyclass(frozen, module = "modelpool._native")]
pub(crate) struct NativeDefaults {
    inner: Arc<Defaults>,
}

#[pymethods]
impl NativeDefaults {
    /// Phase 1: what is to be awaited for what is found.
    fn retrieve<'py>(&self, query: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = query.py();
        let asked = asked(query)?;
        let defaults = Arc::clone(&self.inner);
        let work = async move {
            let found = defaults.engine.retrieve(asked.query()).await;
            found.map(|found| shapes::retrieved_value(&found))
        };
        runtime::start(py, work, given)
    }

    /// Phase 2: what is to be awaited for what is left.
    fn process<'py>(
        &self,
        query: &Bound<'py, PyAny>,
        found: &Bound<'py, PyAny>,
        demand: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = query.py();
        let wrong = |wrong: String| errors::value(py, wrong);
        let asked = asked(query)?;
        let counter = self.inner.counter(asked.query());
        let found = shapes::retrieved(json::from_python(found, "found")?, &counter).map_err(wrong)?;
        let demand = shapes::demand(&json::from_python(demand, "demand")?).map_err(wrong)?;
        let defaults = Arc::clone(&self.inner);
        let work = async move {
            let kept = defaults.processor.process(asked.query(), found, demand).await;
            kept.map(|kept| shapes::retrieved_value(&kept))
        };
        runtime::start(py, work, given)
    }

    /// The end of phase 2: what is to be awaited for the messages.
    fn assemble<'py>(
        &self,
        query: &Bound<'py, PyAny>,
        context: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = query.py();
        let asked = asked(query)?;
        let counter = self.inner.counter(asked.query());
        let context = shapes::retrieved(json::from_python(context, "context")?, &counter);
        let context = context.map_err(|wrong| errors::value(py, wrong))?;
        let defaults = Arc::clone(&self.inner);
        let work = async move {
            let managed = defaults.manager.assemble(asked.query(), context).await;
            managed.map(|managed| shapes::managed_value(&managed))
        };
        runtime::start(py, work, given)
    }

    /// Phase 5: what is to be awaited for the record with an answer.
    fn answered<'py>(
        &self,
        turn: &Bound<'py, PyAny>,
        answer: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let record = json::from_python(turn, "turn")?;
        let answer = json::from_python(answer, "answer")?;
        let work = async move { aggregating::answered(record, &answer).await };
        runtime::start(turn.py(), work, given)
    }

    /// The same with results of tools.
    fn tools_ran<'py>(
        &self,
        turn: &Bound<'py, PyAny>,
        results: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let record = json::from_python(turn, "turn")?;
        let results = json::from_python(results, "results")?;
        runtime::start(turn.py(), aggregating::tools_ran(record, results), given)
    }

    /// Phase 6: what is to be awaited for the decision.
    fn decide<'py>(&self, rounds: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let rounds_so_far = deciding::rounds(&json::from_python(rounds, "rounds")?);
        let defaults = Arc::clone(&self.inner);
        let work = async move {
            let decided = defaults.decider.decide(&rounds_so_far).await;
            decided.map(|decision| deciding::decision_value(&decision))
        };
        runtime::start(rounds.py(), work, given)
    }
}

impl NativeDefaults {
    pub(super) fn new(inner: Arc<Defaults>) -> Self {
        Self { inner }
    }
}

fn asked(query: &Bound<'_, PyAny>) -> PyResult<shapes::Asked> {
    let read = shapes::Asked::read(json::from_python(query, "query")?);
    read.map_err(|wrong| errors::value(query.py(), wrong))
}

fn given(py: Python<'_>, outcome: Result<Value, PhaseError>) -> PyResult<Py<PyAny>> {
    let value = outcome.map_err(|error| errors::of_code(py, "phase_failed", error.to_string()))?;
    json::to_python(py, &value).map(Bound::unbind)
}

/// A phase: the method of an object of Python, or the default.
#[derive(Debug)]
pub(super) struct Phase {
    pub(super) in_python: bool,
    pub(super) defaults: Arc<Defaults>,
}

impl Phase {
    pub(super) fn new(in_python: bool, defaults: &Arc<Defaults>) -> Self {
        Self {
            in_python,
            defaults: Arc::clone(defaults),
        }
    }

    /// Asks the method of that name, with a query and what else there is.
    async fn ask(&self, method: &str, query: Query<'_>, further: Vec<Value>) -> PyResult<Value> {
        let query = shapes::query_value(query);
        let defaults = Arc::clone(&self.defaults);
        let answer = host::ask(method, move |py| {
            let module = py.import("modelpool._phases")?;
            let known = Bound::new(py, NativeDefaults::new(defaults))?;
            let query = json::to_python(py, &query)?;
            let mut arguments = vec![module.call_method1("query", (query, known))?];
            for value in &further {
                arguments.push(module.call_method1("record", (json::to_python(py, value)?,))?);
            }
            PyTuple::new(py, arguments)
        });
        let answer = answer.await?;
        interpreter::attempted(|py| json::from_python(answer.bind(py), "what the phase gives"))
    }
}

/// What was raised, as the error of a phase.
pub(super) fn failed(phase: &'static str) -> impl Fn(PyErr) -> PhaseError {
    move |error| PhaseError {
        phase,
        message: host::words(&error),
    }
}

fn wrong(phase: &'static str) -> impl Fn(String) -> PhaseError {
    move |message| PhaseError { phase, message }
}

impl ContextEngine for Phase {
    fn retrieve<'a>(&'a self, query: Query<'a>) -> BoxFuture<'a, Result<Retrieved, PhaseError>> {
        if !self.in_python {
            return self.defaults.engine.retrieve(query);
        }
        Box::pin(async move {
            let given = self
                .ask("retrieve", query, Vec::new())
                .await
                .map_err(failed("retrieve"))?;
            shapes::retrieved(given, &self.defaults.counter(query)).map_err(wrong("retrieve"))
        })
    }
}

impl ContextProcessor for Phase {
    fn process<'a>(
        &'a self,
        query: Query<'a>,
        found: Retrieved,
        demand: TokenDemand,
    ) -> BoxFuture<'a, Result<Retrieved, PhaseError>> {
        if !self.in_python {
            return self.defaults.processor.process(query, found, demand);
        }
        Box::pin(async move {
            let further = vec![shapes::retrieved_value(&found), shapes::demand_value(demand)];
            let given = self
                .ask("process", query, further)
                .await
                .map_err(failed("process"))?;
            shapes::retrieved(given, &self.defaults.counter(query)).map_err(wrong("process"))
        })
    }
}

impl ContextManager for Phase {
    fn assemble<'a>(
        &'a self,
        query: Query<'a>,
        context: Retrieved,
    ) -> BoxFuture<'a, Result<ManagedContext, PhaseError>> {
        if !self.in_python {
            return self.defaults.manager.assemble(query, context);
        }
        Box::pin(async move {
            let further = vec![shapes::retrieved_value(&context)];
            let given = self
                .ask("assemble", query, further)
                .await
                .map_err(failed("assemble"))?;
            shapes::managed(given, &self.defaults.counter(query)).map_err(wrong("assemble"))
        })
    }
}
