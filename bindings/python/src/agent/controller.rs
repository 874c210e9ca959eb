//! The agent: what Python says of it becomes the crate's controller.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use modelpool_agent::controller::SafeRunner;
use modelpool_agent::decide::{Reading, UntilDone};
use modelpool_agent::tool::ToolSet;
use modelpool_agent::{AgentController, Limits};
use pyo3::prelude::*;
use serde_json::{Map, Value};

use super::events::{NativeEvents, Told};
use super::generating::PythonGenerator;
use super::generator::NativeGenerator;
use super::mcp::NativeMcpServer;
use super::phases::{Defaults, Phase};
use super::running::PythonRunner;
use super::shapes;
use super::tools::{NativeTool, read_seconds};
use crate::capabilities::read_requirements;
use crate::{errors, json};

/// An agent.
#[pyclass(frozen, module = "modelpool._native")]
pub(crate) struct NativeAgent {
    controller: AgentController,
}

#[pymethods]
impl NativeAgent {
    /// `replaced` says which phases functions of Python take the place of: `retrieve`, `process`, `assemble`, `generate`,
    /// `run_tools`, `answered` (with `tools_ran`), `decide`. `named` are the name and the window of a generator without a `NativeGenerator`; `tools` are
    /// `NativeTool`s and `NativeMcpServer`s.
    #[new]
    #[pyo3(signature = (generator, named, replaced, tools, options))]
    fn new(
        py: Python<'_>,
        generator: Option<&Bound<'_, NativeGenerator>>,
        named: (String, Option<u64>),
        replaced: Vec<String>,
        tools: Vec<Bound<'_, PyAny>>,
        options: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let options = json::members(Some(options), "options")?;
        let configured = configured(py, &options)?;
        let defaults = Arc::new(Defaults::new(configured.decider));
        let is_replaced = |name: &str| replaced.iter().any(|replaced| replaced == name);
        let phase = |name: &str| Phase::new(is_replaced(name), &defaults);
        let native = generator.map(|generator| generator.get().inner.clone());
        let controller = match native {
            Some(native) if !is_replaced("generate") => AgentController::new(native),
            extended => AgentController::new(PythonGenerator::new(extended, &named.0, named.1)),
        };
        let controller = match is_replaced("run_tools") {
            true => controller.tool_runner(PythonRunner {
                beside: configured.runner,
            }),
            false => controller.tool_runner(configured.runner),
        };
        let mut controller = controller
            .tokenizers(Arc::clone(&defaults.tokenizers))
            .context_engine(phase("retrieve"))
            .context_processor(phase("process"))
            .context_manager(phase("assemble"))
            .aggregator(phase("answered"))
            .decider(phase("decide"))
            .tools(tool_set(py, &tools)?)
            .limits(configured.limits)
            .strength(configured.strength);
        if configured.history_decides {
            controller = controller.history_decides();
        }
        if configured.goes_on_without_context {
            controller = controller.goes_on_without_context();
        }
        Ok(Self { controller })
    }

    /// The events of a turn, which begins when they are asked for.
    #[pyo3(signature = (user_message, session_context, requirements=None))]
    fn run(
        &self,
        user_message: &Bound<'_, PyAny>,
        session_context: &Bound<'_, PyAny>,
        requirements: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<NativeEvents> {
        let py = user_message.py();
        let wrong = |wrong: String| errors::value(py, wrong);
        let message = json::from_python(user_message, "user_message")?;
        let message = shapes::message(message, "user_message").map_err(wrong)?;
        let session = json::from_python(session_context, "session_context")?;
        let session = shapes::session(session).map_err(wrong)?;
        let requirements = read_requirements(requirements)?;
        let events = self.controller.stream_run(message, session, Some(requirements));
        let cancelled = events.cancellation();
        let told = events.map(|event| Told::event(&event));
        Ok(NativeEvents::new(Box::pin(told), cancelled))
    }
}

fn tool_set(py: Python<'_>, tools: &[Bound<'_, PyAny>]) -> PyResult<ToolSet> {
    let mut set = ToolSet::new();
    for tool in tools {
        if let Ok(tool) = tool.cast::<NativeTool>() {
            let added = set.add_checked(tool.get().checked.clone());
            added.map_err(|wrong| errors::value(py, wrong.to_string()))?;
        } else {
            let server = tool.cast::<NativeMcpServer>()?;
            set.add_source(Arc::clone(&server.get().server) as Arc<_>);
        }
    }
    Ok(set)
}

/// Limits, and how another round is decided on.
#[derive(Default)]
struct Configured {
    limits: Limits,
    decider: UntilDone,
    runner: SafeRunner,
    strength: Vec<String>,
    history_decides: bool,
    goes_on_without_context: bool,
}

fn configured(py: Python<'_>, options: &Map<String, Value>) -> PyResult<Configured> {
    let mut configured = Configured::default();
    let limits = &mut configured.limits;
    for (key, value) in options {
        let wrong = |wanted: &str| errors::value(py, format!("{key}: expected {wanted}, got {value}"));
        let count = || value.as_u64().ok_or_else(|| wrong("a whole number from 0"));
        let yes_or_no = || value.as_bool().ok_or_else(|| wrong("True or False"));
        let few = || u32::try_from(count()?).map_err(|_| wrong("a smaller number"));
        match key.as_str() {
            _ if value.is_null() => {}
            "rounds" => limits.rounds = few()?,
            "tokens" => limits.tokens = Some(count()?),
            "cost_usd" => {
                let dollars = value.as_f64().filter(|dollars| *dollars >= 0.0);
                limits.cost_usd = Some(dollars.ok_or_else(|| wrong("dollars from 0"))?);
            }
            "time_s" => {
                let seconds = value.as_f64().ok_or_else(|| wrong("seconds"))?;
                let time: Duration = read_seconds(py, key, seconds)?;
                limits.time = Some(time);
            }
            "recoveries" => limits.recoveries = few()?,
            "failures_of_a_tool" => limits.failures_of_a_tool = few()?,
            "tool_result_bytes" => {
                configured.runner.limits.result_bytes = usize::try_from(count()?).unwrap_or(usize::MAX);
            }
            "reading" => {
                configured.decider = configured.decider.reading(match value.as_str() {
                    Some("same") => Reading::Same,
                    Some("cheaper") => Reading::Cheaper,
                    Some("anew") => Reading::Anew,
                    _ => return Err(wrong("same, cheaper or anew")),
                });
            }
            "leaves_stuck_models" => {
                if !yes_or_no()? {
                    configured.decider = configured.decider.stays_when_stuck();
                }
            }
            "strength" => {
                let aliases = value.as_array().ok_or_else(|| wrong("a list of aliases"))?;
                let alias = |alias: &Value| alias.as_str().map(str::to_owned);
                let aliases: Option<Vec<String>> = aliases.iter().map(alias).collect();
                configured.strength = aliases.ok_or_else(|| wrong("a list of aliases"))?;
            }
            "history_decides" => configured.history_decides = yes_or_no()?,
            "goes_on_without_context" => configured.goes_on_without_context = yes_or_no()?,
            other => return Err(errors::value(py, format!("unknown option `{other}`"))),
        }
    }
    Ok(configured)
}
