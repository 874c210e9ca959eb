//! Phases 1 and 2: what the turn is told, and how much of it.

use std::sync::Arc;

use modelpool::parts::core::facts::estimate_tokens;

use super::run::{End, Run};
use crate::context::{ManagedContext, PhaseError, Query, Retrieved, TokenDemand};
use crate::event::{AgentEvent, ContextFacts, ErrorFacts, source_value};
use crate::generator::{Among, Expected};
use crate::recovery::shorten;
use crate::{GenerationRequest, Message};

/// What the turn is told.
#[derive(Clone, Debug)]
pub(super) struct Prepared {
    /// All that was found, for when less of it has to do.
    found: Retrieved,
    demand: TokenDemand,
    managed: ManagedContext,
    model_name: Option<Arc<str>>,
}

impl Run {
    /// Phases 1 and 2.
    pub(super) async fn prepare(&mut self) -> Result<Prepared, End> {
        self.think("retrieve", "looking for context").await;
        let query = Query::new(&self.user_message, &self.session);
        let found = self.parts.engine.retrieve(query).await;
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                self.context_failed(&error).await?;
                Retrieved::default()
            }
        };
        for part in &found.failed {
            self.tell_phase_error(part, true).await;
        }
        self.think("process", "choosing what fits").await;
        let expected = self.expected(&found);
        let mut prepared = Prepared {
            demand: self.demand(&expected, &found),
            found,
            managed: ManagedContext::default(),
            model_name: expected
                .as_ref()
                .map(|expected| Arc::clone(&expected.picked.model_name)),
        };
        let kept = match self.process(&prepared).await {
            Ok(kept) => kept,
            Err(error) => {
                self.context_failed(&error).await?;
                Retrieved::default()
            }
        };
        self.assemble(&mut prepared, kept.clone()).await?;
        let metadata = ContextFacts {
            round: self.round,
            model_alias: expected.map(|expected| expected.picked.alias),
            found: prepared.found.items.len(),
            found_tokens: prepared.found.tokens,
            found_characters: prepared.found.characters,
            kept: kept.items.iter().map(|item| source_value(&item.source)).collect(),
            tokens: prepared.managed.tokens,
            left_out: prepared.managed.left_out,
            allowed_tokens: prepared.demand.for_context(),
        };
        self.tell(AgentEvent::Context {
            content: String::new(),
            metadata: Box::new(metadata),
        })
        .await;
        Ok(prepared)
    }

    async fn process(&self, prepared: &Prepared) -> Result<Retrieved, PhaseError> {
        let query = self.query(prepared);
        self.parts
            .processor
            .process(query, prepared.found.clone(), prepared.demand)
            .await
    }

    async fn assemble(&self, prepared: &mut Prepared, kept: Retrieved) -> Result<(), End> {
        let managed = self.parts.manager.assemble(self.query(prepared), kept).await;
        match managed {
            Ok(managed) => {
                prepared.managed = managed;
                Ok(())
            }
            Err(error) => {
                self.tell_phase_error(&error, false).await;
                Err(End::Failed)
            }
        }
    }

    fn query<'a>(&'a self, prepared: &'a Prepared) -> Query<'a> {
        let query = Query::new(&self.user_message, &self.session);
        match &prepared.model_name {
            Some(name) => query.answered_by(name),
            None => query,
        }
    }

    /// The model that would answer if all that was found were sent; the largest where none takes all of it.
    fn expected(&self, found: &Retrieved) -> Option<Expected> {
        let mut messages: Vec<Message> = found.items.iter().map(|item| item.message.clone()).collect();
        messages.push(self.user_message.clone());
        self.parts.generator.expected(&GenerationRequest {
            user_message: self.user_message.clone(),
            messages,
            tools: self.tools.iter().map(|tool| tool.definition().clone()).collect(),
            requirements: self.requirements.clone(),
            among: Among::All,
            session_id: self.session.session_id.clone(),
            ..GenerationRequest::default()
        })
    }

    fn demand(&self, expected: &Option<Expected>, found: &Retrieved) -> TokenDemand {
        let fixed = self.fixed_tokens();
        let window = expected.as_ref().and_then(|expected| expected.window);
        let longest = expected.as_ref().and_then(|expected| expected.max_output);
        // Of a window that nobody knows it is hoped that it takes all.
        let window = window.unwrap_or_else(|| found.tokens.saturating_add(fixed).saturating_mul(2));
        TokenDemand {
            window,
            output: longest.unwrap_or(USUAL_OUTPUT_TOKENS).min(window / 4),
            fixed,
        }
    }

    /// Tokens of what cannot be left out.
    fn fixed_tokens(&self) -> u64 {
        let tools: u64 = self
            .tools
            .iter()
            .map(|tool| {
                let definition = tool.definition();
                estimate_tokens(&definition.parameters.to_string())
                    + estimate_tokens(&definition.description)
                    + 8
            })
            .sum();
        let instructions = self.session.instructions.as_deref().map_or(0, estimate_tokens);
        let turn: u64 = self
            .turn
            .messages
            .iter()
            .map(|spoken| tokens_of(&spoken.message))
            .sum();
        instructions + tools + tokens_of(&self.user_message) + turn
    }

    /// Less is sent from here on: at most three quarters of what was sent, or of the window where it is smaller. The
    /// context goes first, then what tools gave. False where nothing can go.
    pub(super) async fn trim(&mut self, prepared: &mut Prepared, window: Option<u64>) -> Result<bool, End> {
        let sent = |run: &Run, prepared: &Prepared| -> u64 {
            let messages = run.messages(prepared, None);
            messages.iter().map(tokens_of).sum()
        };
        let before = sent(self, prepared);
        let most = window.map_or(before, |window| before.min(window)) / 4 * 3;
        let fixed = self.fixed_tokens();
        prepared.demand = TokenDemand {
            window: most,
            output: 0,
            fixed,
        };
        match self.process(prepared).await {
            Ok(kept) => self.assemble(prepared, kept).await?,
            Err(error) => {
                self.tell_phase_error(&error, false).await;
                return Err(End::Failed);
            }
        }
        let after = sent(self, prepared);
        if after > most {
            shorten(&mut self.turn.messages, after - most, tokens_of);
        }
        Ok(sent(self, prepared) < before)
    }

    /// All messages of the next request; with an alias, without what others than that model reasoned.
    pub(super) fn messages(&self, prepared: &Prepared, alias: Option<&str>) -> Vec<Message> {
        let spoken = self
            .turn
            .messages
            .iter()
            .map(|spoken| match (&spoken.model_alias, alias) {
                (Some(by), Some(alias)) if **by != *alias => spoken.message.clone().without_reasoning(),
                _ => spoken.message.clone(),
            });
        prepared.managed.messages.iter().cloned().chain(spoken).collect()
    }

    /// A phase failed: the turn goes on without its part where the user said so.
    async fn context_failed(&self, error: &PhaseError) -> Result<(), End> {
        let goes_on = self.parts.goes_on_without_context;
        self.tell_phase_error(error, goes_on).await;
        match goes_on {
            true => Ok(()),
            false => Err(End::Failed),
        }
    }

    async fn tell_phase_error(&self, error: &PhaseError, recovered: bool) {
        let facts = ErrorFacts {
            round: self.round,
            phase: error.phase,
            code: "phase_failed",
            recovered,
            ..ErrorFacts::default()
        };
        self.tell_error(error.to_string(), facts).await;
    }
}

/// Kept free for an answer where nobody knows how long it becomes.
const USUAL_OUTPUT_TOKENS: u64 = 4096;

/// Tokens of a message, estimated.
pub(super) fn tokens_of(message: &Message) -> u64 {
    let calls: u64 = message
        .tool_calls()
        .iter()
        .map(|call| estimate_tokens(&call.name) + estimate_tokens(&call.arguments) + 8)
        .sum();
    estimate_tokens(&message.text()) + calls + 4
}
