//! Phases 1 and 2: what the turn is told, and how much of it.

use std::sync::Arc;

use super::run::{End, Run};
use crate::context::demand::{Capacity, Needs, demand};
use crate::context::tokens::Counter;
use crate::context::{ContextItem, ManagedContext, PhaseError, Query, Retrieved, Source, TokenDemand};
use crate::event::{AgentEvent, ContextFacts, ErrorFacts, source_value};
use crate::generator::{Among, Expected};
use crate::recovery::shorten;
use crate::{Generation, GenerationRequest, Message};

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
        let found = self.in_words(found, expected.as_ref());
        let model_name = expected
            .as_ref()
            .map(|expected| Arc::clone(&expected.picked.model_name));
        let counter = self.parts.tokenizers.of(model_name.as_deref());
        let mut prepared = Prepared {
            demand: self.demand(expected.as_ref(), &found, &counter),
            found,
            managed: ManagedContext::default(),
            model_name,
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

    /// The model that would answer; the largest of those that lack nothing else where none takes all of it. What was
    /// said before counts for nothing here, unless the user says so: it follows what the turn needs.
    fn expected(&self, found: &Retrieved) -> Option<Expected> {
        let counts =
            |item: &&ContextItem| self.parts.history_decides || !matches!(item.source, Source::History(_));
        let instructions = self.session.instructions.as_ref().map(Message::system);
        let context = found.items.iter().filter(counts).map(|item| item.message.clone());
        let messages = instructions
            .into_iter()
            .chain(context)
            .chain([self.user_message.clone()]);
        self.parts.generator.expected(&GenerationRequest {
            user_message: self.user_message.clone(),
            messages: messages.collect(),
            tools: self.tools.iter().map(|tool| tool.definition().clone()).collect(),
            requirements: self.requirements.clone(),
            among: Among::All,
            session_id: self.session.session_id.clone(),
            ..GenerationRequest::default()
        })
    }

    /// What was shown before, told in words to a model that does not see. If pictures of earlier turns counted, every
    /// turn after a picture would go to a model that sees.
    fn in_words(&self, mut found: Retrieved, expected: Option<&Expected>) -> Retrieved {
        let Some(expected) = expected.filter(|_| !self.parts.history_decides) else {
            return found;
        };
        for item in &mut found.items {
            if matches!(item.source, Source::History(_))
                && let Some(message) = item.message.in_words(expected.lacks)
            {
                item.message = message;
            }
        }
        found
    }

    /// What the context may have of the expected model's window.
    fn demand(&self, expected: Option<&Expected>, found: &Retrieved, counter: &Counter) -> TokenDemand {
        let fixed = self.fixed_tokens(counter);
        let longest = expected.and_then(|expected| expected.max_output);
        let max_output = longest.unwrap_or(USUAL_OUTPUT_TOKENS);
        // Of a window that nobody knows it is hoped that it takes all; where it does not, less is sent.
        let all = found
            .tokens
            .saturating_add(fixed)
            .saturating_mul(2)
            .saturating_add(max_output);
        let window = expected.and_then(|expected| expected.window).unwrap_or(all);
        let needs = Needs {
            fixed,
            output: None,
            margin: counter.margin(),
        };
        let mut demand = demand(Capacity { window, max_output }, needs);
        if let Some(most) = expected.and_then(|expected| expected.most_characters)
            && !self.parts.history_decides
        {
            // More text would ask for a larger window than the turn itself does. By the characters of a token here.
            let per_token = found.characters.max(1) as f64 / found.tokens.max(1) as f64;
            let most = (most as f64 / per_token * 0.9) as u64;
            demand.output = demand.output.max(window.saturating_sub(most.max(fixed)));
        }
        demand
    }

    /// Tokens of what cannot be left out.
    fn fixed_tokens(&self, counter: &Counter) -> u64 {
        let tools = self.tools.definitions();
        let fixed = counter.fixed(self.session.instructions.as_deref(), &self.user_message, &tools);
        let turn = self
            .turn
            .messages
            .iter()
            .map(|spoken| counter.message(&spoken.message));
        fixed + turn.sum::<u64>()
    }

    /// Less is sent from here on: at most three quarters of what was sent, or of the window where that is smaller. The
    /// context goes first, then what tools gave. False where nothing can go.
    pub(super) async fn trim(&mut self, prepared: &mut Prepared, window: Option<u64>) -> Result<bool, End> {
        let counter = self.counter(prepared);
        let before = self.sent_tokens(prepared, &counter);
        let most = window.map_or(before, |window| before.min(window)) / 4 * 3;
        let fixed = self.fixed_tokens(&counter);
        prepared.demand = TokenDemand {
            window: most.max(fixed),
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
        let after = self.sent_tokens(prepared, &counter);
        if after > most {
            shorten(&mut self.turn.messages, after - most, |message| {
                counter.message(message)
            });
        }
        Ok(self.sent_tokens(prepared, &counter) < before)
    }

    /// Tokens of all that is sent.
    fn sent_tokens(&self, prepared: &Prepared, counter: &Counter) -> u64 {
        counter.messages(&self.messages(prepared, None)) + counter.tools(&self.offered().definitions())
    }

    /// What counts the tokens of the expected model.
    pub(super) fn counter(&self, prepared: &Prepared) -> Counter {
        self.parts.tokenizers.of(prepared.model_name.as_deref())
    }

    /// Learns from an answer how many tokens the model really read.
    pub(super) fn learn(&self, prepared: &Prepared, generation: &Generation) {
        let name = &generation.picked.model_name;
        if generation.usage.estimated || generation.attempts > 1 || name.is_empty() {
            return;
        }
        let counter = self.parts.tokenizers.of(Some(name));
        let counted = self.sent_tokens(prepared, &counter);
        self.parts
            .tokenizers
            .learn(name, counted, generation.usage.input_tokens);
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

    pub(super) async fn tell_phase_error(&self, error: &PhaseError, recovered: bool) {
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
