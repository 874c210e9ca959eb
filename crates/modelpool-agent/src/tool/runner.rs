//! Runs the tools a model calls: side by side as far as their safety allows.
//!
//! There is no task behind a run. It is driven by whoever reads its events, so a run that is dropped has ended, with all of its tools.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use futures_util::stream::SelectAll;
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::running::{RunningCall, Said};
use super::schedule::{self, Running};
use super::{CheckedTool, Safety, ToolResult, ToolSet};
use crate::{Message, ToolCall};

/// What a run of tools may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToolLimits {
    /// How many calls run side by side at most, whatever their safety; at least one does.
    pub side_by_side: usize,
    /// The longest result, in bytes of UTF-8; the rest is left out and counted.
    pub result_bytes: usize,
    /// The longest arguments, in bytes; longer ones are refused.
    pub argument_bytes: usize,
    /// How many calls are run in one turn; further ones are refused.
    pub calls: usize,
}

impl Default for ToolLimits {
    /// 8 side by side, results of 32 KiB, arguments of 1 MiB, 128 calls.
    fn default() -> Self {
        Self {
            side_by_side: 8,
            result_bytes: 32 * 1024,
            argument_bytes: 1024 * 1024,
            calls: 128,
        }
    }
}

/// What happens in a run of tools. Every call finishes exactly once; one that was cancelled while it waited finishes without
/// having started.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ToolEvent {
    /// A call begins.
    Started {
        /// It.
        call: ToolCall,
    },
    /// A tool says how far it is.
    Progress {
        /// The id of the call.
        call_id: String,
        /// What it says.
        text: String,
    },
    /// A call has ended.
    Finished {
        /// The id of the call.
        call_id: String,
        /// What came of it.
        result: ToolResult,
    },
}

/// Runs the calls of one turn: checks the arguments, runs what may run side by side, and tells the model of everything that
/// goes wrong. The stream ends when all calls have finished; they have soon after `cancel` is cancelled.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// use futures_util::StreamExt as _;
/// use modelpool_agent::ToolCall;
/// use modelpool_agent::tool::{FunctionTool, ToolLimits, ToolOutput, ToolSet, run};
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Name { name: String }
///
/// let greet = FunctionTool::new("greet", "Greets.", |who: Name, _| async move {
///     Ok(ToolOutput::from(format!("hello, {}", who.name)))
/// });
/// let tools = ToolSet::new().with(greet)?;
/// let call = |id: &str, arguments: &str| ToolCall {
///     id: id.to_owned(), name: "greet".to_owned(), arguments: arguments.to_owned(),
/// };
/// let calls = vec![call("1", r#"{"name": "Ada"}"#), call("2", "{}")];
///
/// let mut run = run(calls, &tools, ToolLimits::default(), Default::default());
/// while let Some(_event) = run.next().await {}
/// let messages = run.messages();
/// assert_eq!(messages[0].text(), "hello, Ada");
/// assert!(messages[1].text().starts_with("error: the arguments do not fit:"));
/// # Ok::<(), modelpool_agent::tool::ToolSetError>(())
/// # }).unwrap();
/// ```
pub fn run(calls: Vec<ToolCall>, tools: &ToolSet, limits: ToolLimits, cancel: CancellationToken) -> ToolRun {
    let mut run = ToolRun {
        results: vec![None; calls.len()],
        begun: vec![None; calls.len()],
        limits,
        waiting: VecDeque::new(),
        running: Running::default(),
        work: SelectAll::new(),
        ready: VecDeque::new(),
        cancelled: Box::pin(cancel.clone().cancelled_owned()),
        cancel,
        calls,
    };
    for place in 0..run.calls.len() {
        match run.prepare(place, tools) {
            Ok(waiting) => run.waiting.push_back(waiting),
            Err(why) => {
                run.ready.push_back(ToolEvent::Started {
                    call: run.calls[place].clone(),
                });
                run.finish(place, ToolResult::failure(why, Duration::ZERO));
            }
        }
    }
    run
}

/// A run of tools; a stream of its events.
pub struct ToolRun {
    calls: Vec<ToolCall>,
    /// What came of each call, once it did.
    results: Vec<Option<ToolResult>>,
    /// When each call began, and how it may run beside others.
    begun: Vec<Option<(Safety, Instant)>>,
    limits: ToolLimits,
    /// In the model's order.
    waiting: VecDeque<Waiting>,
    running: Running,
    work: SelectAll<RunningCall>,
    /// Events that are to be given out before anything else happens; at most two for each call.
    ready: VecDeque<ToolEvent>,
    cancel: CancellationToken,
    cancelled: Pin<Box<WaitForCancellationFutureOwned>>,
}

/// A call that was checked and waits until it may begin.
struct Waiting {
    place: usize,
    tool: CheckedTool,
    arguments: Value,
    safety: Safety,
}

impl ToolRun {
    /// What came of each call, in the model's order; nothing for those that have not finished.
    #[must_use]
    pub fn results(&self) -> &[Option<ToolResult>] {
        &self.results
    }

    /// The messages that tell the model, one for each call in the model's order. Of a call that has not finished they say
    /// that it was stopped: a conversation needs an answer to every call.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        let message = |(place, call): (usize, &ToolCall)| match &self.results[place] {
            Some(result) => result.message(&call.id),
            None => self.stopped(place).message(&call.id),
        };
        self.calls.iter().enumerate().map(message).collect()
    }

    /// What came of a call that has not ended and will not.
    fn stopped(&self, place: usize) -> ToolResult {
        match self.begun[place] {
            Some((_, since)) => ToolResult::failure(STOPPED, since.elapsed()),
            None => ToolResult::failure(NOT_BEGUN, Duration::ZERO),
        }
    }

    /// Finds the tool and reads the arguments; the error is in words for the model.
    fn prepare(&self, place: usize, tools: &ToolSet) -> Result<Waiting, String> {
        let call = &self.calls[place];
        if place >= self.limits.calls {
            return Err(format!(
                "{} tools were called at once; at most {} are run, so call this one again later",
                self.calls.len(),
                self.limits.calls
            ));
        }
        let Some(tool) = tools.get(&call.name) else {
            return Err(tools.unknown(&call.name).to_string());
        };
        if call.arguments.len() > self.limits.argument_bytes {
            return Err(format!(
                "the arguments are {} bytes long; at most {} are accepted",
                call.arguments.len(),
                self.limits.argument_bytes
            ));
        }
        Ok(Waiting {
            place,
            tool: tool.clone(),
            arguments: tool.arguments(&call.arguments)?,
            safety: tool.definition().safety,
        })
    }

    fn finish(&mut self, place: usize, result: ToolResult) {
        self.ready.push_back(ToolEvent::Finished {
            call_id: self.calls[place].id.clone(),
            result: result.clone(),
        });
        self.results[place] = Some(result);
    }

    /// Begins what may begin.
    fn begin(&mut self) {
        loop {
            let waiting = self.waiting.iter().map(|waiting| waiting.safety);
            let next = schedule::next(waiting, &self.running, self.limits.side_by_side);
            let Some(begun) = next.and_then(|place| self.waiting.remove(place)) else {
                return;
            };
            self.running.begin(begun.safety);
            self.begun[begun.place] = Some((begun.safety, Instant::now()));
            self.ready.push_back(ToolEvent::Started {
                call: self.calls[begun.place].clone(),
            });
            self.work.push(RunningCall::new(
                begun.place,
                begun.tool,
                begun.arguments,
                &self.cancel,
                &self.limits,
            ));
        }
    }

    /// Ends everything.
    fn stop(&mut self) {
        self.work.clear();
        self.waiting.clear();
        self.running = Running::default();
        for place in 0..self.calls.len() {
            if self.results[place].is_none() {
                self.finish(place, self.stopped(place));
            }
        }
    }
}

/// What the model is told of a call that was cancelled while it ran.
const STOPPED: &str = "it was cancelled before it ended; what it did until then may have had effects";
/// What the model is told of a call that was cancelled before.
const NOT_BEGUN: &str = "it was cancelled before it began; it did nothing";

impl Stream for ToolRun {
    type Item = ToolEvent;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<ToolEvent>> {
        let this = self.get_mut();
        loop {
            if (!this.work.is_empty() || !this.waiting.is_empty())
                && this.cancelled.as_mut().poll(context).is_ready()
            {
                this.stop();
            }
            if let Some(event) = this.ready.pop_front() {
                return Poll::Ready(Some(event));
            }
            this.begin();
            if !this.ready.is_empty() {
                continue;
            }
            let Some((place, said)) = ready!(Pin::new(&mut this.work).poll_next(context)) else {
                return Poll::Ready(None);
            };
            match said {
                Said::Progress(text) => {
                    let call_id = this.calls[place].id.clone();
                    return Poll::Ready(Some(ToolEvent::Progress { call_id, text }));
                }
                Said::Ended(result) => {
                    if let Some((safety, _)) = this.begun[place] {
                        this.running.end(safety);
                    }
                    this.finish(place, result);
                }
            }
        }
    }
}

impl std::fmt::Debug for ToolRun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ToolRun")
            .field("calls", &self.calls)
            .field("running", &self.running)
            .field("waiting", &self.waiting.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
