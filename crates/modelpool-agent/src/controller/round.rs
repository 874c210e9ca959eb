//! Phase 3: a model answers, and what is done when none does.

use std::sync::Arc;

use futures_util::StreamExt as _;
use modelpool::{Error, ErrorKind};

use super::context::Prepared;
use super::run::{End, Run};
use crate::budget::Limit;
use crate::decide::Move;
use crate::event::{AgentEvent, DeltaFacts, ErrorFacts, StreamingFacts, ThinkingFacts};
use crate::generator::{Among, Picked};
use crate::recovery::{Remedy, remedy};
use crate::{Chunk, Generation, GenerationRequest};

/// How often one round is asked again for answers that were lost: the pool has done what it can already.
const MOST_AGAIN: u32 = 2;

/// What became of an answer that did not come to its end.
struct Lost {
    error: Error,
    /// It had begun.
    began: bool,
}

impl Run {
    /// Has a model answer; recovers from what can be got over. Tells with which move it came about in the end.
    pub(super) async fn answer(&mut self, prepared: &mut Prepared) -> Result<(Generation, Move), End> {
        let mut by = self.next.0.clone();
        let mut asked_again = 0;
        self.think("stream", "asking a model").await;
        loop {
            let among = self.among(&by, prepared);
            // A move that leads nowhere is none.
            if among == Among::Staying {
                (by, self.next.1) = (Move::Stay, None);
            }
            let narrowed = matches!(among, Among::These(_));
            let request = self.request(prepared, among);
            let lost = match self.streamed(request).await {
                Ok(generation) => return Ok((generation, by)),
                Err(lost) => lost,
            };
            let has_budget = self.parts.limits.cost_usd.is_some();
            if has_budget && matches!(lost.error.kind(), ErrorKind::BudgetExceeded) && !narrowed {
                return Err(End::Limit(Limit::Cost));
            }
            let remedy = remedy(&lost.error, narrowed, lost.began);
            let possible = match remedy {
                Some(Remedy::Trim { window }) => self.trim(prepared, window).await?,
                Some(Remedy::Widen) => {
                    (by, self.next.1) = (Move::Anew, None);
                    true
                }
                Some(Remedy::Again) => {
                    asked_again += 1;
                    asked_again <= MOST_AGAIN
                }
                None => false,
            };
            self.partial.clear();
            self.tell_failure(&lost.error, possible).await;
            if !possible {
                return Err(End::Failed);
            }
            self.recovered(1)?;
            if matches!(remedy, Some(Remedy::Trim { .. })) {
                self.tell_update("trimmed", "the context was too long and was trimmed", prepared)
                    .await;
            }
        }
    }

    /// The request of this round.
    fn request(&self, prepared: &Prepared, among: Among) -> GenerationRequest {
        let offered = self.offered();
        // A conversation that speaks of tools has to name them, though the last of them was taken away.
        let calls_forbidden = offered.is_empty() && !self.turn.messages.is_empty();
        let named = if calls_forbidden { &self.tools } else { &offered };
        let mut request = GenerationRequest {
            user_message: self.user_message.clone(),
            messages: self.messages(prepared, None),
            tools: named.iter().map(|tool| tool.definition().clone()).collect(),
            calls_forbidden,
            requirements: self.requirements.clone(),
            among,
            session_id: self.session.session_id.clone(),
            max_cost_usd: self.parts.limits.cost_left(&self.spent()),
        };
        if !self.turn.messages.is_empty() {
            // What a model reasoned goes back to it and to nobody else.
            let expected = self.parts.generator.expected(&request);
            let alias = expected.map(|expected| expected.picked.alias);
            request.messages = self.messages(prepared, alias.as_deref());
        }
        request
    }

    /// The models that a move leads to.
    fn among(&self, by: &Move, prepared: &Prepared) -> Among {
        let these = |aliases: Vec<String>| match aliases.is_empty() {
            true => Among::Staying,
            false => Among::These(aliases),
        };
        match by {
            Move::Stay => Among::Staying,
            Move::Anew => Among::All,
            Move::Stronger => these(self.stronger(prepared)),
            Move::Cheaper => these(self.cheaper(prepared)),
            Move::Back(alias) => Among::These(vec![alias.to_string()]),
        }
    }

    /// Models that are stronger than the last one.
    pub(super) fn stronger(&self, prepared: &Prepared) -> Vec<String> {
        self.beyond_the_last(prepared, |rank, last| rank > last)
    }

    /// Models that are cheaper than the last one.
    fn cheaper(&self, prepared: &Prepared) -> Vec<String> {
        self.beyond_the_last(prepared, |rank, last| rank < last)
    }

    /// Models whose rank stands so to the last model's: by the user's order, else by what they cost.
    fn beyond_the_last(&self, prepared: &Prepared, stands: impl Fn(f64, f64) -> bool) -> Vec<String> {
        let Some(last) = &self.last else {
            return Vec::new();
        };
        let ranks: Vec<(Arc<str>, f64)> = if self.parts.strength.is_empty() {
            let request = self.request(prepared, Among::All);
            let rungs = self.parts.generator.ladder(&request).0;
            rungs
                .into_iter()
                .map(|rung| (rung.alias, rung.cost_per_1k_tokens))
                .collect()
        } else {
            let named = self.parts.strength.iter().enumerate();
            named
                .map(|(place, alias)| (Arc::clone(alias), place as f64))
                .collect()
        };
        let rank_of_last = ranks
            .iter()
            .find(|(alias, _)| *alias == last.alias)
            .map(|(_, rank)| *rank);
        let others = ranks.iter().filter(|(alias, _)| *alias != last.alias);
        let beyond = others.filter(|(_, rank)| rank_of_last.is_none_or(|last| stands(*rank, last)));
        beyond.map(|(alias, _)| alias.to_string()).collect()
    }

    /// Streams one answer.
    async fn streamed(&mut self, request: GenerationRequest) -> Result<Generation, Lost> {
        let mut chunks = self.parts.generator.generate(request);
        let mut began = false;
        let mut picked = Picked::default();
        while let Some(chunk) = chunks.next().await {
            match chunk {
                Ok(Chunk::Picked(by)) => {
                    let continues = began && !by.anew;
                    if !continues {
                        self.partial.clear();
                    }
                    self.tell_streaming(&by, continues).await;
                    picked = by;
                    began = true;
                }
                Ok(Chunk::Text(text)) => {
                    self.partial.push_str(&text);
                    let metadata = DeltaFacts {
                        round: self.round,
                        model_alias: Arc::clone(&picked.alias),
                    };
                    self.tell(AgentEvent::ResponseDelta {
                        content: text,
                        metadata,
                    })
                    .await;
                }
                Ok(Chunk::Thinking(text)) => {
                    let metadata = ThinkingFacts {
                        round: self.round,
                        model_alias: Some(Arc::clone(&picked.alias)),
                        phase: "stream",
                    };
                    self.tell(AgentEvent::Thinking {
                        content: text,
                        metadata,
                    })
                    .await;
                }
                Ok(Chunk::Done(generation)) => return Ok(*generation),
                Err(error) => return Err(Lost { error, began }),
            }
        }
        let error = Error::new(
            ErrorKind::StreamLost,
            "the generator's stream ended before its answer was done",
        );
        Err(Lost { error, began })
    }

    async fn tell_streaming(&self, picked: &Picked, continues: bool) {
        let metadata = StreamingFacts {
            round: self.round,
            model_alias: Arc::clone(&picked.alias),
            model_name: Arc::clone(&picked.model_name),
            requirements: picked.requirements.clone(),
            notes: picked.notes.clone(),
            moved: self.next.1.clone(),
            continues,
        };
        self.tell(AgentEvent::LlmStreaming {
            content: String::new(),
            metadata: Box::new(metadata),
        })
        .await;
    }

    async fn tell_failure(&self, error: &Error, recovered: bool) {
        let facts = ErrorFacts::of_call(error, self.round, recovered);
        self.tell_error(error.to_string(), facts).await;
    }
}
