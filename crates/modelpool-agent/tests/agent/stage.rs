//! A pool over a transport in memory whose models answer what a test wrote down, in tokio's time.

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use modelpool::parts::core::BoxFuture;
use modelpool::parts::core::transport::{BodyStream, TransportError, TransportErrorKind};
use modelpool::{Capabilities, Flag, ModelConfig, ModelPool, ModelPoolBuilder, RetryPolicy, Transport};
use modelpool_agent::context::SessionContext;
use modelpool_agent::tool::{FunctionTool, Safety, ToolError, ToolOutput, ToolSet};
use modelpool_agent::{AgentController, AgentEvent, AgentStream, Message, StreamingGenerator, TurnSummary};
use serde_json::{Value, json};

/// What a model does with one request.
#[derive(Clone, Debug)]
pub(crate) enum Does {
    /// Says this, in pieces.
    Says(String),
    /// Calls these tools: names and arguments.
    Calls(Vec<(String, String)>),
    /// Refuses: status, code, words.
    Refuses(u16, &'static str, String),
    /// Never answers.
    Hangs,
    /// Says this and never ends.
    HangsAfter(String),
    /// Says this, and the connection breaks.
    BreaksAfter(String),
    /// Begins a call of a tool, and the connection breaks.
    BreaksInCall,
}

pub(crate) fn says(text: impl Into<String>) -> Does {
    Does::Says(text.into())
}

pub(crate) fn calls(name: &str, arguments: Value) -> Does {
    Does::Calls(vec![(name.to_owned(), arguments.to_string())])
}

/// The words of OpenAI for an input that is too long.
pub(crate) fn too_long(window: u64) -> Does {
    let words = format!(
        "This model's maximum context length is {window} tokens. However, your messages resulted in 99999 tokens."
    );
    Does::Refuses(400, "context_length_exceeded", words)
}

#[derive(Debug, Default)]
struct Upstream {
    scripts: Mutex<HashMap<String, VecDeque<Does>>>,
    asked: Mutex<Vec<(String, Value)>>,
    under_way: Arc<AtomicUsize>,
    calls: AtomicUsize,
}

/// A handle on the models.
#[derive(Clone, Debug, Default)]
pub(crate) struct Models(Arc<Upstream>);

impl Models {
    /// What a model does with its next requests. Without a script it says its name.
    pub(crate) fn next(&self, alias: &str, does: impl IntoIterator<Item = Does>) -> &Self {
        let mut scripts = self.0.scripts.lock().unwrap();
        scripts.entry(alias.to_owned()).or_default().extend(does);
        self
    }

    /// What was asked of whom, in order.
    pub(crate) fn asked(&self) -> Vec<(String, Value)> {
        self.0.asked.lock().unwrap().clone()
    }

    /// Calls that somebody waits for.
    pub(crate) fn under_way(&self) -> usize {
        self.0.under_way.load(Ordering::SeqCst)
    }
}

struct Guard(Arc<AtomicUsize>);

impl Guard {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A body that is under way until it is dropped.
struct Body {
    parts: VecDeque<Result<Bytes, TransportError>>,
    hangs: bool,
    _guard: Guard,
}

impl Stream for Body {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.parts.pop_front() {
            Some(part) => Poll::Ready(Some(part)),
            None if self.hangs => Poll::Pending,
            None => Poll::Ready(None),
        }
    }
}

impl Transport for Models {
    fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'_, Result<http::Response<BodyStream>, TransportError>> {
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        let model = body["model"].as_str().unwrap().to_owned();
        let guard = Guard::new(&self.0.under_way);
        self.0.asked.lock().unwrap().push((model.clone(), body));
        let number = self.0.calls.fetch_add(1, Ordering::SeqCst);
        let scripted = self
            .0
            .scripts
            .lock()
            .unwrap()
            .get_mut(&model)
            .and_then(VecDeque::pop_front);
        let does = scripted.unwrap_or_else(|| says(format!("I am {model}")));
        Box::pin(async move {
            let (status, text, broken, hangs) = match does {
                Does::Hangs => {
                    let _held = guard;
                    return std::future::pending().await;
                }
                Does::Refuses(status, code, words) => {
                    let error =
                        json!({"error": {"message": words, "type": "invalid_request_error", "code": code}});
                    (status, error.to_string(), false, false)
                }
                Does::Says(text) => (200, said(number, &text) + &end(number, "stop"), false, false),
                Does::HangsAfter(text) => (200, said(number, &text), false, true),
                Does::Calls(calls) => (
                    200,
                    called(number, &calls) + &end(number, "tool_calls"),
                    false,
                    false,
                ),
                Does::BreaksAfter(text) => (200, said(number, &text), true, false),
                Does::BreaksInCall => {
                    let call = [("read".to_owned(), "{".to_owned())];
                    (200, called(number, &call), true, false)
                }
            };
            // In parts, so that a test may stop anywhere.
            let bytes = text.into_bytes();
            let mut parts: VecDeque<_> = bytes
                .chunks(120)
                .map(|part| Ok(Bytes::copy_from_slice(part)))
                .collect();
            if broken {
                let message = "the connection was reset".to_owned();
                parts.push_back(Err(TransportError {
                    kind: TransportErrorKind::Broken,
                    message,
                }));
            }
            let body = Body {
                parts,
                hangs,
                _guard: guard,
            };
            let kind = if status == 200 {
                "text/event-stream"
            } else {
                "application/json"
            };
            let response = http::Response::builder()
                .status(status)
                .header("content-type", kind);
            Ok(response.body(Box::pin(body) as BodyStream).unwrap())
        })
    }
}

fn chunk(number: usize, delta: Value, finish: Option<&str>) -> String {
    let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
    let chunk = json!({"id": format!("chatcmpl-{number}"), "object": "chat.completion.chunk", "created": 1,
        "model": "scripted", "choices": [choice]});
    format!("data: {chunk}\n\n")
}

fn said(number: usize, text: &str) -> String {
    let pieces = text
        .split_inclusive(' ')
        .map(|piece| chunk(number, json!({"content": piece}), None));
    chunk(number, json!({"role": "assistant", "content": ""}), None) + &pieces.collect::<String>()
}

fn called(number: usize, calls: &[(String, String)]) -> String {
    let call = |(place, (name, arguments)): (usize, &(String, String))| {
        let first = json!({"index": place, "id": format!("call_{number}_{place}"), "type": "function",
            "function": {"name": name, "arguments": ""}});
        let second = json!({"index": place, "function": {"arguments": arguments}});
        chunk(number, json!({"tool_calls": [first]}), None)
            + &chunk(number, json!({"tool_calls": [second]}), None)
    };
    let reasons = chunk(
        number,
        json!({"role": "assistant", "content": null, "reasoning_content": "hm"}),
        None,
    );
    reasons + &calls.iter().enumerate().map(call).collect::<String>()
}

fn end(number: usize, finish: &str) -> String {
    let usage = json!({"id": format!("chatcmpl-{number}"), "object": "chat.completion.chunk", "created": 1,
        "model": "scripted", "choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}});
    chunk(number, json!({}), Some(finish)) + &format!("data: {usage}\n\ndata: [DONE]\n\n")
}

/// A pool of these models, the first the cheapest: a tenth of a cent per thousand tokens, two tenths, …
pub(crate) fn pool_of(models: &Models, aliases: &[&str]) -> ModelPool {
    let all = aliases.iter().map(|alias| (*alias, able()));
    pool_with(models, all.collect(), ModelPool::builder())
}

/// All that a model can do.
pub(crate) fn able() -> Capabilities {
    Capabilities::new()
        .supports(Flag::Tools)
        .supports(Flag::Vision)
        .context_window(100_000)
}

pub(crate) fn pool_with(
    models: &Models,
    all: Vec<(&str, Capabilities)>,
    builder: ModelPoolBuilder,
) -> ModelPool {
    let retry = RetryPolicy {
        backoff_first: Duration::from_millis(1),
        ..RetryPolicy::default()
    };
    let pool = builder
        .transport(Arc::new(models.clone()))
        .environment(Arc::new(|_| None))
        .retry(retry)
        .seed(7)
        .build();
    for (place, (alias, capabilities)) in all.into_iter().enumerate() {
        let capabilities = capabilities.cost_per_1k_tokens(0.001 * (place + 1) as f64);
        let config = ModelConfig::new(alias, "custom", alias).base_url(format!("http://{alias}.test"));
        pool.add(config.capabilities(capabilities)).unwrap();
    }
    pool
}

/// An agent over such a pool, with the tools of [`tools`].
pub(crate) fn agent_of(models: &Models, aliases: &[&str]) -> AgentController {
    AgentController::new(StreamingGenerator::of_pool(pool_of(models, aliases))).tools(tools())
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Path {
    path: String,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Nothing {}

/// `read` gives back what it is told to read, `long` a long text, `fail` fails, `wait` never ends.
pub(crate) fn tools() -> ToolSet {
    let read = FunctionTool::new("read", "Reads.", |path: Path, _| async move {
        Ok(ToolOutput::from(format!("text of {}", path.path)))
    });
    let long = FunctionTool::new("long", "Gives a long text.", |_: Nothing, _| async move {
        Ok(ToolOutput::from("a long text ".repeat(1_000)))
    });
    let fail = FunctionTool::new("fail", "Fails.", |_: Nothing, _| async move {
        Err::<ToolOutput, _>(ToolError::from("the disk is on fire"))
    });
    let wait = FunctionTool::new("wait", "Waits.", |_: Nothing, _| async move {
        std::future::pending::<()>().await;
        Ok(ToolOutput::default())
    });
    let set = ToolSet::new().with(read.safety(Safety::Safe)).unwrap();
    let set = set.with(long.safety(Safety::Safe)).unwrap();
    set.with(fail.safety(Safety::Safe)).unwrap().with(wait).unwrap()
}

/// A run, read to its end.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) events: Vec<AgentEvent>,
}

impl Ran {
    pub(crate) async fn of(mut stream: AgentStream) -> Self {
        let mut events = Vec::new();
        let all = async {
            while let Some(event) = stream.next().await {
                events.push(event);
            }
        };
        tokio::time::timeout(Duration::from_secs(3600), all)
            .await
            .expect("the run does not end");
        Self { events }
    }

    pub(crate) fn summary(&self) -> &TurnSummary {
        self.events
            .last()
            .and_then(AgentEvent::summary)
            .expect("the last event is `turn_complete`")
    }

    pub(crate) fn answer(&self) -> &str {
        self.events.last().unwrap().content()
    }

    /// The aliases that streamed, in order.
    pub(crate) fn aliases(&self) -> Vec<String> {
        let alias = |event: &AgentEvent| match event {
            AgentEvent::LlmStreaming { metadata, .. } => Some(metadata.model_alias.to_string()),
            _ => None,
        };
        self.events.iter().filter_map(alias).collect()
    }

    /// The errors: code, phase, whether it was got over.
    pub(crate) fn errors(&self) -> Vec<(&str, &str, bool)> {
        let errors = self.events.iter().filter_map(|event| match event {
            AgentEvent::Error { metadata, .. } => Some((metadata.code, metadata.phase, metadata.recovered)),
            _ => None,
        });
        errors.collect()
    }

    pub(crate) fn kinds(&self) -> Vec<&'static str> {
        self.events.iter().map(AgentEvent::kind).collect()
    }

    /// The contents of the events of one type.
    pub(crate) fn contents(&self, kind: &str) -> Vec<&str> {
        let events = self.events.iter().filter(|event| event.kind() == kind);
        events.map(AgentEvent::content).collect()
    }
}

/// A turn without history.
pub(crate) async fn ran(agent: &AgentController, message: impl Into<Message>) -> Ran {
    Ran::of(agent.stream_run(message, SessionContext::default(), None)).await
}
