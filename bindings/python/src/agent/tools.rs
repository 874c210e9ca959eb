//! Tools that are functions of Python.
//!
//! What of a function is told to models, and how arguments become its types, is found out in Python
//! (`modelpool._tools`); here it is a tool like any other: checked, run by its safety, bounded.

use std::sync::Arc;
use std::time::Duration;

use modelpool_agent::BoxFuture;
use modelpool_agent::tool::{CheckedTool, Safety, Tool, ToolContext, ToolDefinition, ToolError, ToolOutput};
use pyo3::prelude::*;
use serde_json::Value;
use tokio::sync::mpsc;

use super::host;
use crate::{errors, interpreter, json};

/// A function of Python that models may call.
#[pyclass(frozen, module = "modelpool._native")]
pub(crate) struct NativeTool {
    pub(super) checked: CheckedTool,
}

#[pymethods]
impl NativeTool {
    /// The function goes by `tool NAME`; it is called with the arguments as a dict, and a function that takes word of how
    /// far it is.
    #[new]
    fn new(
        py: Python<'_>,
        name: String,
        description: String,
        parameters: &Bound<'_, PyAny>,
        safety: &str,
        timeout_s: f64,
    ) -> PyResult<Self> {
        let definition = ToolDefinition {
            parameters: json::from_python(parameters, "parameters")?,
            safety: read_safety(py, safety)?,
            timeout: read_seconds(py, "timeout", timeout_s)?,
            name,
            description,
        };
        let tool = PythonTool {
            function: format!("tool {}", definition.name),
            definition,
        };
        let checked = CheckedTool::new(Arc::new(tool));
        let checked = checked.map_err(|wrong| errors::value(py, wrong.to_string()))?;
        Ok(Self { checked })
    }
}

/// How a tool may run beside others, in the word of Python.
pub(super) fn read_safety(py: Python<'_>, word: &str) -> PyResult<Safety> {
    match word {
        "safe" => Ok(Safety::Safe),
        "cautious" => Ok(Safety::Cautious),
        "exclusive" => Ok(Safety::Exclusive),
        other => Err(errors::value(
            py,
            format!("safety: expected safe, cautious or exclusive, got {other}"),
        )),
    }
}

/// Seconds above 0.
pub(super) fn read_seconds(py: Python<'_>, what: &str, seconds: f64) -> PyResult<Duration> {
    let read = Duration::try_from_secs_f64(seconds).ok();
    let wrong = || format!("{what}: expected seconds above 0, got {seconds}");
    read.filter(|time| !time.is_zero())
        .ok_or_else(|| errors::value(py, wrong()))
}

#[derive(Debug)]
struct PythonTool {
    definition: ToolDefinition,
    /// The name that its function goes by.
    function: String,
}

impl Tool for PythonTool {
    fn definition(&self) -> &ToolDefinition {
        &self.definition
    }

    fn call(&self, arguments: Value, context: ToolContext) -> BoxFuture<'_, Result<ToolOutput, ToolError>> {
        Box::pin(async move {
            let answer = host::ask(&self.function, move |py| {
                let progress = Progress {
                    words: context.progress,
                };
                let given = (json::to_python(py, &arguments)?, Bound::new(py, progress)?);
                given.into_pyobject(py)
            });
            let told = |error: &PyErr| ToolError(host::words(error));
            let answer = answer.await.map_err(|error| told(&error))?;
            let text = interpreter::attempted(|py| answer.extract::<String>(py));
            text.map(ToolOutput::from).map_err(|error| told(&error))
        })
    }
}

/// Takes word of how far a tool is.
#[pyclass(frozen, module = "modelpool._native")]
struct Progress {
    words: mpsc::Sender<String>,
}

#[pymethods]
impl Progress {
    /// Whether there was room for it.
    fn __call__(&self, words: String) -> bool {
        self.words.try_send(words).is_ok()
    }
}
