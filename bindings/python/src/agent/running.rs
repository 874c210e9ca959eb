//! Phase 4 in Python: what runs the calls of a round.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use modelpool_agent::ToolCall;
use modelpool_agent::context::PhaseError;
use modelpool_agent::controller::{SafeRunner, ToolEvents, ToolRunner};
use modelpool_agent::tool::{ToolEvent, ToolResult, ToolSet};
use pyo3::prelude::*;
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::events::{NativeEvents, Told};
use super::phases::failed;
use super::{host, shapes};
use crate::bridge::Pull;
use crate::{errors, json};

/// An object with `run`; it is handed what runs tools without it.
#[derive(Debug)]
pub(super) struct PythonRunner {
    pub(super) beside: SafeRunner,
}

impl ToolRunner for PythonRunner {
    fn run(&self, calls: Vec<ToolCall>, tools: &ToolSet, cancelled: CancellationToken) -> ToolEvents {
        let run = Run {
            state: State::Asked(NativeToolRunner {
                runner: self.beside,
                tools: tools.clone(),
                cancelled,
            }),
            calls: calls.into_iter().map(Call::new).collect(),
            most_bytes: self.beside.limits.result_bytes,
        };
        let batches = stream::unfold(run, |mut run| async {
            let batch = run.next().await?;
            Some((stream::iter(batch), run))
        });
        Box::pin(batches.flatten())
    }
}

/// A call, and how far it is.
struct Call {
    call: ToolCall,
    began: Option<Instant>,
    has_ended: bool,
}

impl Call {
    fn new(call: ToolCall) -> Self {
        Self {
            call,
            began: None,
            has_ended: false,
        }
    }
}

struct Run {
    state: State,
    calls: Vec<Call>,
    most_bytes: usize,
}

enum State {
    Asked(NativeToolRunner),
    Begun(Pull),
    Ended,
}

type Batch = Vec<Result<ToolEvent, PhaseError>>;

impl Run {
    async fn next(&mut self) -> Option<Batch> {
        match self.read().await {
            Ok(batch) => batch.map(|events| events.into_iter().map(Ok).collect()),
            Err(error) => {
                self.state = State::Ended;
                Some(vec![Err(error)])
            }
        }
    }

    async fn read(&mut self) -> Result<Option<Vec<ToolEvent>>, PhaseError> {
        if let State::Asked(runner) = &self.state {
            self.state = State::Begun(begin(&self.calls, runner).map_err(failed("tools"))?);
        }
        let State::Begun(pull) = &mut self.state else {
            return Ok(None);
        };
        let Some(item) = pull.next().await.map_err(failed("tools"))? else {
            self.state = State::Ended;
            return Ok(Some(self.unanswered()));
        };
        let event: Value = serde_json::from_slice(&item).map_err(|error| wrong(error.to_string()))?;
        self.event(&event).map(Some)
    }

    fn event(&mut self, event: &Value) -> Result<Vec<ToolEvent>, PhaseError> {
        let (facts, content) = (&event["metadata"], event["content"].as_str().unwrap_or_default());
        let id = facts["call_id"].as_str().unwrap_or_default();
        let open = |call: &&mut Call| call.call.id == id && !call.has_ended;
        let Some(call) = self.calls.iter_mut().find(open) else {
            return Err(wrong(format!(
                "`{id}` is no call of this round that has no result yet"
            )));
        };
        let mut events = Vec::new();
        if call.began.is_none() {
            call.began = Some(Instant::now());
            events.push(ToolEvent::Started {
                call: call.call.clone(),
            });
        }
        let is = |fact: &str| facts[fact].as_bool().unwrap_or_default();
        match event["type"].as_str() {
            Some("tool_progress") => events.push(ToolEvent::Progress {
                call_id: id.to_owned(),
                text: content.to_owned(),
            }),
            Some("tool_result") => {
                call.has_ended = true;
                let measured = call.began.map(|began| began.elapsed()).unwrap_or_default();
                let elapsed = facts["elapsed_ms"]
                    .as_u64()
                    .map_or(measured, Duration::from_millis);
                let mut result =
                    ToolResult::bounded(content.to_owned(), is("failed"), self.most_bytes, elapsed);
                result.truncated |= is("truncated");
                events.push(ToolEvent::Finished {
                    call_id: id.to_owned(),
                    result,
                });
            }
            _ => {}
        }
        Ok(events)
    }

    /// Calls that the runner left without a result.
    fn unanswered(&mut self) -> Vec<ToolEvent> {
        let open = self.calls.iter().filter(|call| !call.has_ended);
        open.map(|call| ToolEvent::Finished {
            call_id: call.call.id.clone(),
            result: ToolResult::bounded(NO_RESULT.to_owned(), true, usize::MAX, Duration::ZERO),
        })
        .collect()
    }
}

/// What a model is told of a call that the runner left out.
const NO_RESULT: &str = "this call was not run";

fn wrong(message: String) -> PhaseError {
    PhaseError {
        phase: "tools",
        message,
    }
}

fn begin(calls: &[Call], runner: &NativeToolRunner) -> PyResult<Pull> {
    let calls: Vec<Value> = calls.iter().map(|call| call_value(&call.call)).collect();
    let tools: Vec<Value> = runner
        .tools
        .iter()
        .map(|tool| shapes::tool_value(tool.definition()))
        .collect();
    host::feed("run_tools", |py, host| {
        let runner = Bound::new(py, runner.clone())?;
        let tools = py
            .import("modelpool._running")?
            .call_method1("offered", (json::to_python(py, &tools)?, runner, host))?;
        (json::to_python(py, &calls)?, tools).into_pyobject(py)
    })
}

fn call_value(call: &ToolCall) -> Value {
    json!({"id": call.id, "name": call.name, "arguments": call.arguments})
}

/// What runs the tools of a round without a runner of the user's own.
#[pyclass(frozen, skip_from_py_object, module = "modelpool._native")]
#[derive(Clone)]
pub(crate) struct NativeToolRunner {
    runner: SafeRunner,
    tools: ToolSet,
    cancelled: CancellationToken,
}

#[pymethods]
impl NativeToolRunner {
    /// The events of calls, which are run when they are asked for.
    fn run(&self, calls: &Bound<'_, PyAny>) -> PyResult<NativeEvents> {
        let given = json::from_python(calls, "calls")?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let call = |call: &Value| {
            Some(ToolCall {
                id: text(&call["id"])?,
                name: text(&call["name"])?,
                arguments: text(&call["arguments"])?,
            })
        };
        let read: Option<Vec<ToolCall>> = given.as_array().into_iter().flatten().map(call).collect();
        let calls = read.ok_or_else(|| {
            let wanted = "calls: expected dicts with id, name and arguments, each a string";
            errors::value(calls.py(), format!("{wanted}, got {given}"))
        })?;
        let cancelled = self.cancelled.child_token();
        let names: Vec<(String, String)> = calls
            .iter()
            .map(|call| (call.id.clone(), call.name.clone()))
            .collect();
        let events = self.runner.run(calls, &self.tools, cancelled.clone());
        let told = events.map(move |event| Told::json(&told(event, &names)));
        Ok(NativeEvents::new(Box::pin(told), cancelled))
    }
}

fn told(event: Result<ToolEvent, PhaseError>, names: &[(String, String)]) -> Value {
    let name = |id: &str| {
        let named = names.iter().find(|(known, _)| known == id);
        named.map(|(_, name)| name.clone()).unwrap_or_default()
    };
    match event {
        Ok(ToolEvent::Started { call }) => json!({
            "type": "tool_call",
            "content": "",
            "metadata": {"call_id": call.id, "name": call.name, "arguments": call.arguments},
        }),
        Ok(ToolEvent::Progress { call_id, text }) => json!({
            "type": "tool_progress",
            "content": text,
            "metadata": {"name": name(&call_id), "call_id": call_id},
        }),
        Ok(ToolEvent::Finished { call_id, result }) => json!({
            "type": "tool_result",
            "content": result.text,
            "metadata": {
                "name": name(&call_id),
                "call_id": call_id,
                "failed": result.failed,
                "truncated": result.truncated,
                "elapsed_ms": u64::try_from(result.elapsed.as_millis()).unwrap_or(u64::MAX),
            },
        }),
        Ok(_) => json!({"type": "thinking", "content": "", "metadata": {}}),
        Err(error) => {
            json!({"type": "error", "content": error.to_string(), "metadata": {"phase": error.phase}})
        }
    }
}
