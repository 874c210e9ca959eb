//! Phase 4: the tools run.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use futures_core::Stream;
use futures_util::StreamExt as _;
use tokio_util::sync::CancellationToken;

use super::run::{End, Run};
use crate::context::PhaseError;
use crate::decide::CallReport;
use crate::event::{AgentEvent, CallFacts, ErrorFacts, ProgressFacts, ResultFacts};
use crate::tool::{ToolEvent, ToolLimits, ToolResult, ToolSet, run};
use crate::{Generation, Message, ToolCall};

/// What happens while tools run. An `Err` is the last item, and ends the turn. Dropping it ends them.
pub type ToolEvents = Pin<Box<dyn Stream<Item = Result<ToolEvent, PhaseError>> + Send>>;

/// Phase 4: runs the calls of one round.
pub trait ToolRunner: Send + Sync + fmt::Debug {
    /// Runs them. Every call finishes exactly once; what goes wrong is a result that the model is told.
    fn run(&self, calls: Vec<ToolCall>, tools: &ToolSet, cancelled: CancellationToken) -> ToolEvents;
}

/// The runner that comes with the crate: safe tools side by side, cautious ones two at a time, exclusive ones alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SafeRunner {
    /// Its bounds.
    pub limits: ToolLimits,
}

impl ToolRunner for SafeRunner {
    fn run(&self, calls: Vec<ToolCall>, tools: &ToolSet, cancelled: CancellationToken) -> ToolEvents {
        Box::pin(run(calls, tools, self.limits, cancelled).map(Ok))
    }
}

impl Run {
    /// Runs what a model calls, and tells of each call.
    pub(super) async fn run_tools(&mut self, generation: &Generation) -> Result<Vec<CallReport>, End> {
        let calls = generation.calls();
        if calls.is_empty() {
            return Ok(Vec::new());
        }
        let tools = self.offered();
        self.think("tools", "running tools").await;
        let mut events = self
            .parts
            .runner
            .run(calls.clone(), &tools, self.cancelled.clone());
        let mut reports: Vec<Option<CallReport>> = vec![None; calls.len()];
        while let Some(event) = events.next().await {
            let event = match event {
                Ok(event) => event,
                Err(error) => {
                    self.tell_phase_error(&error, false).await;
                    return Err(End::Failed);
                }
            };
            match event {
                ToolEvent::Started { call } => self.tell_started(&generation.picked.alias, call).await,
                ToolEvent::Progress { call_id, text } => self.tell_progress(&calls, call_id, text).await,
                ToolEvent::Finished { call_id, result } => {
                    let open =
                        |(place, call): (usize, &ToolCall)| call.id == call_id && reports[place].is_none();
                    let Some(place) = calls.iter().enumerate().position(open) else {
                        continue;
                    };
                    let report = self.finished(&tools, &calls[place], &result, generation).await;
                    reports[place] = Some(report);
                }
            }
        }
        drop(events);
        let missing = |call: &ToolCall| CallReport {
            name: call.name.clone(),
            arguments: call.arguments.clone(),
            failed: true,
            result: UNFINISHED.into(),
            ..CallReport::default()
        };
        let reports = reports.into_iter().zip(&calls);
        let reports: Vec<CallReport> = reports
            .map(|(report, call)| report.unwrap_or_else(|| missing(call)))
            .collect();
        let messages = calls.iter().map(|call| result_of(&self.finished, call)).collect();
        let aggregator = Arc::clone(&self.parts.aggregator);
        let noted = aggregator.tools_ran(&mut self.turn, messages).await;
        self.noted(noted).await?;
        self.finished.clear();
        // One mishap, however many calls had a part in it.
        self.recovered(u32::from(reports.iter().any(|report| report.failed)))?;
        Ok(reports)
    }

    async fn tell_started(&mut self, alias: &Arc<str>, call: ToolCall) {
        let metadata = CallFacts {
            round: self.round,
            model_alias: Arc::clone(alias),
            call_id: call.id,
            name: call.name,
            arguments: call.arguments,
        };
        self.tell(AgentEvent::ToolCall {
            content: String::new(),
            metadata: Box::new(metadata),
        })
        .await;
    }

    async fn tell_progress(&mut self, calls: &[ToolCall], call_id: String, text: String) {
        let name = calls
            .iter()
            .find(|call| call.id == call_id)
            .map(|call| call.name.clone());
        let metadata = ProgressFacts {
            round: self.round,
            call_id,
            name: name.unwrap_or_default(),
        };
        self.tell(AgentEvent::ToolProgress {
            content: text,
            metadata,
        })
        .await;
    }

    /// A call has ended: its failures are counted, and it is told.
    async fn finished(
        &mut self,
        tools: &ToolSet,
        call: &ToolCall,
        result: &ToolResult,
        generation: &Generation,
    ) -> CallReport {
        let tool = tools.get(&call.name);
        let refused = result.failed && tool.is_none_or(|tool| tool.arguments(&call.arguments).is_err());
        let taken_away = tool.is_some() && !refused && self.count_failure(&call.name, result.failed);
        let mut result = result.clone();
        if taken_away {
            let times = self.parts.limits.failures_of_a_tool;
            let note = format!(
                "\n[`{}` failed {times} times in a row and is not offered any more]",
                call.name
            );
            result.text.push_str(&note);
        }
        let message = result.message(&call.id);
        let text: Arc<str> = message.text().into();
        self.finished.push(message);
        let metadata = ResultFacts {
            round: self.round,
            model_alias: Arc::clone(&generation.picked.alias),
            call_id: call.id.clone(),
            name: call.name.clone(),
            failed: result.failed,
            truncated: result.truncated,
            elapsed_ms: u64::try_from(result.elapsed.as_millis()).unwrap_or(u64::MAX),
            taken_away,
        };
        self.tell(AgentEvent::ToolResult {
            content: text.to_string(),
            metadata: Box::new(metadata),
        })
        .await;
        CallReport {
            name: call.name.clone(),
            arguments: call.arguments.clone(),
            refused,
            failed: result.failed,
            result: text,
        }
    }

    /// Counts the failures of a tool in a row; whether it is taken away by this one.
    fn count_failure(&mut self, name: &str, failed: bool) -> bool {
        if !failed {
            self.failures.remove(name);
            return false;
        }
        let failures = self.failures.entry(name.to_owned()).or_default();
        *failures += 1;
        let is_enough = *failures >= self.parts.limits.failures_of_a_tool;
        if is_enough && !self.taken_away.iter().any(|taken| taken == name) {
            self.taken_away.push(name.to_owned());
            return true;
        }
        false
    }

    /// The tools without those that were taken away.
    pub(super) fn offered(&self) -> ToolSet {
        if self.taken_away.is_empty() {
            return self.tools.clone();
        }
        let is_left = |name: &&str| !self.taken_away.iter().any(|taken| taken == name);
        let names: Vec<&str> = self.tools.names().into_iter().filter(is_left).collect();
        self.tools.subset(names).unwrap_or_default()
    }

    /// The tools of this turn: those there are now. A source that cannot say is told of.
    pub(super) async fn gather_tools(&mut self) {
        let (tools, problems) = self.parts.tools.current().await;
        self.tools = tools;
        for problem in problems {
            let facts = ErrorFacts {
                phase: "tools",
                code: "tools_missing",
                recovered: true,
                ..ErrorFacts::default()
            };
            self.tell_error(problem.to_string(), facts).await;
        }
    }
}

/// What is said of a call that did not come to its end.
pub(super) const UNFINISHED: &str = "error: the run ended before this tool did";

/// The message of a call among those of all.
pub(super) fn result_of(messages: &[Message], call: &ToolCall) -> Message {
    let result = messages
        .iter()
        .find(|message| message.tool_call_id() == Some(&call.id));
    result
        .cloned()
        .unwrap_or_else(|| Message::tool(&call.id, UNFINISHED))
}
