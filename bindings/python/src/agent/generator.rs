//! The streaming generator: answers of the models of a pool, or of one provider.

use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use modelpool::Error;
use modelpool_agent::event::{
    CallFacts, DeltaFacts, ErrorFacts, RoundSummary, Stopped, StreamingFacts, ThinkingFacts, TurnSummary,
    finish_word,
};
use modelpool_agent::tool::{DEFAULT_TIMEOUT, Safety, ToolDefinition};
use modelpool_agent::{AgentEvent, Chunk, Generation, GenerationRequest, Generator as _, StreamingGenerator};
use pyo3::prelude::*;
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use super::events::{NativeEvents, Told};
use super::provider::PythonProvider;
use super::{generating, shapes};
use crate::capabilities::read_requirements;
use crate::pool::NativePool;
use crate::{errors, json};

/// Streams answers.
#[pyclass(frozen, module = "modelpool._native")]
pub(crate) struct NativeGenerator {
    pub(super) inner: StreamingGenerator,
}

#[pymethods]
impl NativeGenerator {
    /// Of the models of a pool; `members` go into every request.
    #[staticmethod]
    fn of_pool(
        pool: &Bound<'_, NativePool>,
        model: &str,
        members: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let generator = StreamingGenerator::of_pool(pool.get().held.pool.clone()).model(model);
        Ok(Self::with(generator, json::members(members, "members")?))
    }

    /// Of an object with `generate_stream`, without selection. It goes by `provider`.
    #[staticmethod]
    fn of_provider(
        name: String,
        context_window: Option<u64>,
        members: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let provider = PythonProvider::new(name, context_window);
        let generator = StreamingGenerator::of_provider(Arc::new(provider));
        Ok(Self::with(generator, json::members(members, "members")?))
    }

    /// One answer. `messages` is the context; `tools` have OpenAI's shape.
    /// `rules` is what a round of an agent has to keep to.
    #[pyo3(signature = (user_message, messages, tools, requirements=None, rules=None))]
    fn stream(
        &self,
        user_message: &Bound<'_, PyAny>,
        messages: &Bound<'_, PyAny>,
        tools: &Bound<'_, PyAny>,
        requirements: Option<&Bound<'_, PyAny>>,
        rules: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<NativeEvents> {
        let py = user_message.py();
        let message = json::from_python(user_message, "user_message")?;
        let message = shapes::message(message, "user_message").map_err(|wrong| errors::value(py, wrong))?;
        let messages = json::from_python(messages, "context")?;
        let mut messages = shapes::messages(messages, "context").map_err(|wrong| errors::value(py, wrong))?;
        if !messages.contains(&message) {
            messages.push(message.clone());
        }
        let tools = json::from_python(tools, "available_tools")?;
        let tools = definitions(&tools).map_err(|wrong| errors::value(py, wrong))?;
        let mut request = GenerationRequest {
            user_message: message,
            messages,
            tools,
            requirements: read_requirements(requirements)?,
            ..GenerationRequest::default()
        };
        if let Some(rules) = rules {
            let rules = json::from_python(rules, "context")?;
            generating::keep_to(&mut request, rules).map_err(|wrong| errors::value(py, wrong))?;
        }
        let chunks = self.inner.generate(request);
        let cancelled = CancellationToken::new();
        let told = chunks.scan(Arc::from(""), |alias, chunk| {
            std::future::ready(Some(stream::iter(told(chunk, alias))))
        });
        let until = told.flatten().take_until(cancelled.clone().cancelled_owned());
        Ok(NativeEvents::new(Box::pin(until), cancelled))
    }
}

impl NativeGenerator {
    fn with(generator: StreamingGenerator, members: Map<String, Value>) -> Self {
        let with =
            |generator: StreamingGenerator, (name, value): (String, Value)| generator.with(name, value);
        Self {
            inner: members.into_iter().fold(generator, with),
        }
    }
}

/// A chunk as the events that an agent would tell of it; its round is the first and only one.
fn told(chunk: Result<Chunk, Error>, alias: &mut Arc<str>) -> Vec<Told> {
    let event = match chunk {
        Ok(Chunk::Picked(picked)) => {
            let continues = !alias.is_empty() && !picked.anew;
            *alias = Arc::clone(&picked.alias);
            let metadata = StreamingFacts {
                round: 1,
                model_alias: picked.alias,
                model_name: picked.model_name,
                requirements: picked.requirements,
                notes: picked.notes,
                moved: None,
                continues,
            };
            AgentEvent::LlmStreaming {
                content: String::new(),
                metadata: Box::new(metadata),
            }
        }
        Ok(Chunk::Thinking(content)) => AgentEvent::Thinking {
            content,
            metadata: ThinkingFacts {
                round: 1,
                model_alias: Some(Arc::clone(alias)),
                phase: "stream",
            },
        },
        Ok(Chunk::Text(content)) => AgentEvent::ResponseDelta {
            content,
            metadata: DeltaFacts {
                round: 1,
                model_alias: Arc::clone(alias),
            },
        },
        Ok(Chunk::Done(generation)) => return done(*generation),
        // A kind of chunk that this version does not know says nothing to its readers.
        Ok(_) => return Vec::new(),
        Err(error) => return vec![failed(&error)],
    };
    vec![Told::event(&event)]
}

/// The tools it calls, and the end.
fn done(generation: Generation) -> Vec<Told> {
    let call = |call: modelpool_agent::ToolCall| AgentEvent::ToolCall {
        content: String::new(),
        metadata: Box::new(CallFacts {
            round: 1,
            model_alias: Arc::clone(&generation.picked.alias),
            call_id: call.id,
            name: call.name,
            arguments: call.arguments,
        }),
    };
    let calls = generation.calls();
    let tool_calls = u32::try_from(calls.len()).unwrap_or(u32::MAX);
    let mut events: Vec<Told> = calls.into_iter().map(|one| Told::event(&call(one))).collect();
    let content = generation.message.text();
    let round = RoundSummary {
        round: 1,
        model_alias: Arc::clone(&generation.picked.alias),
        model_name: Arc::clone(&generation.picked.model_name),
        purpose: "answer",
        moved: None,
        finish_reason: generation.finish.as_ref().map(finish_word),
        usage: generation.usage,
        cost_usd: generation.cost_usd,
        elapsed_ms: u64::try_from(generation.elapsed.as_millis()).unwrap_or(u64::MAX),
        attempts: generation.attempts,
        tools: generation.calls().into_iter().map(|call| call.name).collect(),
    };
    let summary = TurnSummary {
        stopped: Stopped::Done,
        model_alias: Some(Arc::clone(&generation.picked.alias)),
        usage: generation.usage,
        cost_usd: generation.cost_usd,
        elapsed_ms: round.elapsed_ms,
        rounds: vec![round],
        tool_calls,
        messages: vec![generation.message],
        ..TurnSummary::default()
    };
    let metadata = Box::new(summary);
    events.push(Told::event(&AgentEvent::TurnComplete { content, metadata }));
    events
}

/// An error, with what each model lacks where none fits.
fn failed(error: &Error) -> Told {
    Told::event(&AgentEvent::Error {
        content: error.to_string(),
        metadata: Box::new(ErrorFacts::of_call(error, 1, false)),
    })
}

/// Tools in OpenAI's shape.
fn definitions(tools: &Value) -> Result<Vec<ToolDefinition>, String> {
    let tools = tools.as_array().map(Vec::as_slice).unwrap_or_default();
    let read = |tool: &Value| {
        let function = &tool["function"];
        let name = function["name"].as_str();
        let name =
            name.ok_or_else(|| format!("available_tools: expected a function with a name, got {tool}"))?;
        Ok(ToolDefinition {
            name: name.to_owned(),
            description: function["description"].as_str().unwrap_or_default().to_owned(),
            parameters: function["parameters"].clone(),
            safety: Safety::default(),
            timeout: DEFAULT_TIMEOUT,
        })
    };
    tools.iter().map(read).collect()
}
