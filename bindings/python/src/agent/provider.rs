//! A provider that is an object of Python, asked without a pool.
//!
//! What it gives becomes chunks of OpenAI's shape in Python, as for the providers of a pool; here they are read.

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use modelpool::{Error, ErrorKind, FinishReason, Usage};
use modelpool_agent::{LlmProvider, Message, ProviderChunk, ProviderStream};
use pyo3::prelude::*;
use serde_json::{Map, Value};

use super::failures::raised;
use super::host;
use crate::bridge::Pull;
use crate::{interpreter, json};

/// In the words of errors.
const WHO: &str = "the provider";

/// An object with `generate_stream`.
#[derive(Debug)]
pub(super) struct PythonProvider {
    name: String,
    context_window: Option<u64>,
}

impl PythonProvider {
    pub(super) fn new(name: String, context_window: Option<u64>) -> Self {
        Self { name, context_window }
    }
}

impl LlmProvider for PythonProvider {
    fn name(&self) -> &str {
        &self.name
    }

    fn generate_stream(
        &self,
        messages: Vec<Message>,
        tools: Vec<Value>,
        options: Map<String, Value>,
    ) -> ProviderStream {
        let asked = Answering::Asked(messages, tools, options);
        let chunks = stream::unfold(asked, |answering| async {
            let (chunks, next) = answering.next().await?;
            Some((stream::iter(chunks), next))
        });
        Box::pin(chunks.flatten())
    }

    fn context_window(&self) -> Option<u64> {
        self.context_window
    }
}

/// An answer that is read.
enum Answering {
    Asked(Vec<Message>, Vec<Value>, Map<String, Value>),
    Begun(Pull),
    Ended,
}

type Chunks = Vec<Result<ProviderChunk, Error>>;

impl Answering {
    async fn next(self) -> Option<(Chunks, Self)> {
        let begun = match self {
            Answering::Asked(messages, tools, options) => begin(&messages, &tools, &options),
            Answering::Begun(pull) => Ok(pull),
            Answering::Ended => return None,
        };
        let mut pull = match begun {
            Ok(pull) => pull,
            Err(error) => return Some((vec![Err(raised(WHO, &error))], Answering::Ended)),
        };
        match pull.next().await {
            Ok(Some(chunk)) => Some((read(&chunk), Answering::Begun(pull))),
            Ok(None) => None,
            Err(error) => Some((vec![Err(raised(WHO, &error))], Answering::Ended)),
        }
    }
}

fn begin(messages: &[Message], tools: &[Value], options: &Map<String, Value>) -> PyResult<Pull> {
    let host = host::current()?;
    interpreter::attempted(|py| {
        let object = host.bind(py).call_method1("function", ("provider",))?;
        let messages = json::to_python(py, messages)?;
        let tools = (!tools.is_empty())
            .then(|| json::to_python(py, tools))
            .transpose()?;
        let asked = (object, messages, tools, json::dict(py, options)?);
        let chunks = py
            .import("modelpool._providers_alone")?
            .call_method1("chunks", asked)?;
        Pull::new(py, &chunks)
    })
}

fn read(chunk: &Bytes) -> Chunks {
    match serde_json::from_slice::<Value>(chunk) {
        Ok(chunk) => pieces(chunk).into_iter().map(Ok).collect(),
        Err(_) => vec![Err(Error::new(
            ErrorKind::Protocol,
            "the provider's chunk is no JSON",
        ))],
    }
}

/// What a chunk of OpenAI's shape says, of which Python has made sure.
pub(super) fn pieces(mut chunk: Value) -> Vec<ProviderChunk> {
    let mut chunks = Vec::new();
    let delta = chunk.pointer_mut("/choices/0/delta").map(Value::take);
    if let Some(Value::Object(mut delta)) = delta {
        for member in ["reasoning_content", "reasoning"] {
            if let Some(Value::String(thought)) = delta.get(member) {
                chunks.push(ProviderChunk::Thinking(thought.clone()));
                delta.shift_remove(member);
            }
        }
        if !delta.is_empty() {
            chunks.push(ProviderChunk::Delta(Value::Object(delta)));
        }
    }
    if let Some(reason) = chunk["choices"][0]["finish_reason"].as_str() {
        chunks.push(ProviderChunk::Finish(finish(reason)));
    }
    if let Some(usage) = chunk.get("usage").filter(|usage| usage.is_object()) {
        chunks.push(ProviderChunk::Usage(used(usage)));
    }
    chunks
}

pub(super) fn finish(reason: &str) -> FinishReason {
    match reason {
        "stop" => FinishReason::Stop,
        "length" => FinishReason::Length,
        "tool_calls" => FinishReason::ToolCalls,
        "content_filter" => FinishReason::ContentFilter,
        other => FinishReason::Other(other.to_owned()),
    }
}

fn used(usage: &Value) -> Usage {
    let count = |value: &Value| value.as_u64().unwrap_or_default();
    Usage {
        input_tokens: count(&usage["prompt_tokens"]),
        cached_input_tokens: count(&usage["prompt_tokens_details"]["cached_tokens"]),
        output_tokens: count(&usage["completion_tokens"]),
        cache_write_tokens: count(&usage["prompt_tokens_details"]["cache_write_tokens"]),
        reasoning_tokens: count(&usage["completion_tokens_details"]["reasoning_tokens"]),
        ..Usage::default()
    }
}
