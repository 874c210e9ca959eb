//! A run, from the user's message to the end of the turn.

use std::collections::HashMap;
use std::sync::Arc;

use modelpool::Requirements;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::Parts;
use super::context::Prepared;
use super::tools::result_of;
use crate::aggregate::{Answered, TurnRecord};
use crate::budget::{Limit, Spent};
use crate::context::{PhaseError, SessionContext};
use crate::decide::{CallReport, Decision, Move, RoundReport};
use crate::emitting::Emitter;
use crate::event::{AgentEvent, ErrorFacts, Stopped, ThinkingFacts, TurnSummary, UpdateFacts};
use crate::generator::Picked;
use crate::tool::ToolSet;
use crate::{Generation, Message};

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Done,
    Limit(Limit),
    Cancelled,
    /// What failed was told.
    Failed,
}

/// A run.
pub(super) struct Run {
    pub(super) parts: Arc<Parts>,
    events: Emitter<AgentEvent>,
    pub(super) cancelled: CancellationToken,
    pub(super) user_message: Message,
    pub(super) session: SessionContext,
    pub(super) requirements: Requirements,
    /// The tools of this turn.
    pub(super) tools: ToolSet,
    /// 0 before the first.
    pub(super) round: u32,
    pub(super) turn: TurnRecord,
    pub(super) reports: Vec<RoundReport>,
    /// Who answers the next round, and why.
    pub(super) next: (Move, Option<Arc<str>>),
    /// Text of the answer under way.
    pub(super) partial: String,
    /// Results of the tools under way.
    pub(super) finished: Vec<Message>,
    /// Failures in a row, by tool.
    pub(super) failures: HashMap<String, u32>,
    pub(super) taken_away: Vec<String>,
    pub(super) recoveries: u32,
    /// The model of the last answer.
    pub(super) last: Option<Picked>,
}

impl Run {
    pub(super) fn new(
        parts: Arc<Parts>,
        events: Emitter<AgentEvent>,
        cancelled: CancellationToken,
        user_message: Message,
        session: SessionContext,
        requirements: Requirements,
    ) -> Self {
        Self {
            parts,
            events,
            cancelled,
            user_message,
            session,
            requirements,
            tools: ToolSet::new(),
            round: 0,
            turn: TurnRecord::default(),
            reports: Vec::new(),
            next: (Move::Stay, None),
            partial: String::new(),
            finished: Vec::new(),
            failures: HashMap::new(),
            taken_away: Vec::new(),
            recoveries: 0,
            last: None,
        }
    }

    /// Runs to the end, whatever ends it.
    pub(super) async fn run(mut self) {
        let began = Instant::now();
        // Whoever was told of the run, and outlives its future, hears of its end.
        let cancelled = self.cancelled.clone();
        let _ended = cancelled.clone().drop_guard();
        let time = self.parts.limits.time;
        let out_of_time = async move {
            match time {
                Some(time) => sleep(time).await,
                None => std::future::pending().await,
            }
        };
        let end = tokio::select! {
            biased;
            () = cancelled.cancelled() => End::Cancelled,
            () = out_of_time => End::Limit(Limit::Time),
            end = self.turn() => end,
        };
        if let End::Limit(limit) = end {
            let facts = ErrorFacts {
                round: self.round,
                phase: "run",
                code: "limit_reached",
                ..ErrorFacts::default()
            };
            self.tell_error(limit.told(&self.parts.limits), facts).await;
        }
        let summary = self.summary(end, began);
        let content = std::mem::take(&mut self.turn.answer);
        self.tell(AgentEvent::TurnComplete {
            content,
            metadata: Box::new(summary),
        })
        .await;
    }

    /// All rounds.
    async fn turn(&mut self) -> End {
        self.gather_tools().await;
        let mut prepared = match self.prepare().await {
            Ok(prepared) => prepared,
            Err(end) => return end,
        };
        loop {
            match self.one_round(&mut prepared).await {
                Ok(true) => {}
                Ok(false) => return End::Done,
                Err(end) => return end,
            }
        }
    }

    /// Phases 3 to 6; whether there is another round.
    async fn one_round(&mut self, prepared: &mut Prepared) -> Result<bool, End> {
        if let Some(limit) = self.parts.limits.reached(&self.spent()) {
            return Err(End::Limit(limit));
        }
        self.round += 1;
        let (generation, by) = self.answer(prepared).await?;
        let moved = self.next.1.clone();
        self.last = Some(generation.picked.clone());
        self.learn(prepared, &generation);
        let answered = Answered {
            round: self.round,
            moved: moved.as_ref(),
            generation: &generation,
        };
        let aggregator = Arc::clone(&self.parts.aggregator);
        let noted = aggregator.answered(&mut self.turn, answered).await;
        self.noted(noted).await?;
        self.partial.clear();
        let calls = self.run_tools(&generation).await?;
        if !calls.is_empty() {
            self.tell_update("tool_results", "the results of the tools were added", prepared)
                .await;
        }
        self.decide(prepared, &generation, by, calls).await
    }

    /// Ends the turn where phase 5 has failed.
    pub(super) async fn noted(&self, outcome: Result<(), PhaseError>) -> Result<(), End> {
        if let Err(error) = outcome {
            self.tell_phase_error(&error, false).await;
            return Err(End::Failed);
        }
        Ok(())
    }

    /// Phase 6.
    async fn decide(
        &mut self,
        prepared: &Prepared,
        generation: &Generation,
        by: Move,
        calls: Vec<CallReport>,
    ) -> Result<bool, End> {
        self.reports.push(RoundReport {
            round: self.round,
            model_alias: Arc::clone(&generation.picked.alias),
            by,
            has_text: !generation.message.text().trim().is_empty(),
            finish: generation.finish.clone(),
            calls,
        });
        let (by, because) = match self.parts.decider.decide(&self.reports).await {
            Ok(Decision::Next { by, because }) => (by, because),
            Ok(Decision::Stop) => return Ok(false),
            Err(error) => {
                self.tell_phase_error(&error, false).await;
                return Err(End::Failed);
            }
        };
        let is_empty = self
            .reports
            .last()
            .is_some_and(|last| !last.has_text && last.calls.is_empty());
        if is_empty && by == Move::Stronger && self.stronger(prepared).is_empty() {
            let facts = ErrorFacts {
                round: self.round,
                phase: "decide",
                code: "empty_answer",
                model_alias: Some(Arc::clone(&generation.picked.alias)),
                ..ErrorFacts::default()
            };
            let words = format!(
                "`{}` gave an empty answer, and no stronger model fits",
                generation.picked.alias
            );
            self.tell_error(words, facts).await;
            return Err(End::Failed);
        }
        self.next = (by, because);
        Ok(true)
    }

    pub(super) fn spent(&self) -> Spent {
        Spent {
            rounds: self.round,
            usage: self.turn.usage,
            cost_usd: self.turn.cost_usd.unwrap_or(0.0),
            recoveries: self.recoveries,
        }
    }

    /// Counts mishaps that were got over.
    pub(super) fn recovered(&mut self, mishaps: u32) -> Result<(), End> {
        self.recoveries = self.recoveries.saturating_add(mishaps);
        match self.recoveries > self.parts.limits.recoveries {
            true => Err(End::Limit(Limit::Recoveries)),
            false => Ok(()),
        }
    }

    pub(super) async fn tell(&self, event: AgentEvent) {
        self.events.emit(event).await;
    }

    /// Says what the agent is about to do.
    pub(super) async fn think(&self, phase: &'static str, content: &str) {
        let metadata = ThinkingFacts {
            round: self.round,
            model_alias: None,
            phase,
        };
        self.tell(AgentEvent::Thinking {
            content: content.to_owned(),
            metadata,
        })
        .await;
    }

    pub(super) async fn tell_error(&self, content: String, facts: ErrorFacts) {
        self.tell(AgentEvent::Error {
            content,
            metadata: Box::new(facts),
        })
        .await;
    }

    pub(super) async fn tell_update(&self, reason: &'static str, words: &str, prepared: &Prepared) {
        let messages = self.messages(prepared, None);
        let metadata = UpdateFacts {
            round: self.round,
            reason,
            tokens: self.counter(prepared).messages(&messages),
            messages: messages.len(),
        };
        self.tell(AgentEvent::ContextUpdate {
            content: words.to_owned(),
            metadata,
        })
        .await;
    }

    fn summary(&mut self, end: End, began: Instant) -> TurnSummary {
        let stopped = match end {
            End::Done => Stopped::Done,
            End::Limit(limit) => Stopped::Limit(limit),
            End::Cancelled => Stopped::Cancelled,
            End::Failed => Stopped::Failed,
        };
        let messages = self.said();
        TurnSummary {
            stopped,
            model_alias: self.last.as_ref().map(|picked| Arc::clone(&picked.alias)),
            rounds: std::mem::take(&mut self.turn.rounds),
            models: std::mem::take(&mut self.turn.models),
            usage: self.turn.usage,
            cost_usd: self.turn.cost_usd,
            cost_is_partial: self.turn.cost_is_partial,
            elapsed_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            tool_calls: self.turn.tool_calls,
            recoveries: self.recoveries,
            messages,
        }
    }

    /// What was said, as the history of the next turn: every call has its result, an answer under way is kept as far
    /// as it came, and what models reasoned has ended with the turn.
    fn said(&mut self) -> Vec<Message> {
        let spoken = std::mem::take(&mut self.turn.messages);
        let mut said: Vec<Message> = spoken
            .into_iter()
            .map(|spoken| spoken.message.without_reasoning())
            .collect();
        let open: Vec<_> = said.last().map(Message::tool_calls).unwrap_or_default();
        said.extend(open.iter().map(|call| result_of(&self.finished, call)));
        if !self.partial.is_empty() {
            said.push(Message::assistant(std::mem::take(&mut self.partial)));
        }
        if !said.is_empty() {
            said.insert(0, self.user_message.clone());
        }
        said
    }
}
