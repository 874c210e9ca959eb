//! The agent: six phases, again and again until the turn is done.
//!
//! ```text
//! 1 retrieve ─▶ 2 process ─▶ 3 stream ─▶ 4 tools ─▶ 5 aggregate ─▶ 6 decide
//!                              ▲                                     │
//!                              └──────────── another round ──────────┘
//! ```
//!
//! A run is one future, polled by the stream of its events: nothing is spawned, so dropping the stream ends the
//! call of the model and all tools at that moment.

mod context;
mod round;
mod run;
mod stream;
mod tools;

use std::fmt;
use std::sync::Arc;

use modelpool::Requirements;
use tokio_util::sync::CancellationToken;

use crate::aggregate::{Aggregator, Ledger};
use crate::context::tokens::Tokenizers;
use crate::context::{
    ContextEngine, ContextManager, ContextProcessor, PromptManager, SearchEngine, SessionContext,
    TrimmingProcessor,
};
use crate::decide::{Decider, UntilDone};
use crate::emitting::Emitting;
use crate::tool::ToolSet;
use crate::{Generator, Limits, Message};

pub use stream::AgentStream;
pub use tools::{SafeRunner, ToolEvents, ToolRunner};

use run::Run;

/// An agent: answers what the user says in a turn of one or more rounds, each on the model that fits it.
///
/// ```
/// use modelpool::{ModelConfig, ModelPool};
/// use modelpool_agent::{AgentController, StreamingGenerator};
/// use modelpool_agent::context::SessionContext;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// # let upstream = modelpool_testkit::Simulator::builder().start().await?;
/// # let pool = ModelPool::new();
/// # pool.add(ModelConfig::new("fast", "custom", "small").base_url(upstream.base_url()))?;
/// let agent = AgentController::new(StreamingGenerator::of_pool(pool));
/// let mut events = agent.stream_run("hello", SessionContext::default(), None);
/// while let Some(event) = events.next().await {
///     println!("{event}");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct AgentController {
    parts: Arc<Parts>,
}

/// The phases and their bounds.
#[derive(Clone)]
struct Parts {
    engine: Arc<dyn ContextEngine>,
    processor: Arc<dyn ContextProcessor>,
    manager: Arc<dyn ContextManager>,
    tokenizers: Arc<Tokenizers>,
    generator: Arc<dyn Generator>,
    tools: ToolSet,
    runner: Arc<dyn ToolRunner>,
    aggregator: Arc<dyn Aggregator>,
    decider: Arc<dyn Decider>,
    limits: Limits,
    strength: Vec<Arc<str>>,
    goes_on_without_context: bool,
    history_decides: bool,
}

impl fmt::Debug for AgentController {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentController")
            .field("generator", &self.parts.generator)
            .field("tools", &self.parts.tools.names())
            .field("limits", &self.parts.limits)
            .finish_non_exhaustive()
    }
}

impl AgentController {
    /// An agent with the phases that come with the crate, and no tools.
    #[must_use]
    pub fn new(generator: impl Generator + 'static) -> Self {
        let tokenizers = Arc::new(Tokenizers::default());
        let parts = Parts {
            engine: Arc::new(SearchEngine::new(Arc::clone(&tokenizers))),
            processor: Arc::new(TrimmingProcessor::new(Arc::clone(&tokenizers))),
            manager: Arc::new(PromptManager::new(Arc::clone(&tokenizers))),
            tokenizers,
            generator: Arc::new(generator),
            tools: ToolSet::new(),
            runner: Arc::new(SafeRunner::default()),
            aggregator: Arc::new(Ledger),
            decider: Arc::new(UntilDone::new()),
            limits: Limits::default(),
            strength: Vec::new(),
            goes_on_without_context: false,
            history_decides: false,
        };
        Self {
            parts: Arc::new(parts),
        }
    }

    fn with(mut self, change: impl FnOnce(&mut Parts)) -> Self {
        change(Arc::make_mut(&mut self.parts));
        self
    }

    /// Phase 1: finds what may be of use.
    #[must_use]
    pub fn context_engine(self, engine: impl ContextEngine + 'static) -> Self {
        self.with(|parts| parts.engine = Arc::new(engine))
    }

    /// Phase 2: ranks and trims it.
    #[must_use]
    pub fn context_processor(self, processor: impl ContextProcessor + 'static) -> Self {
        self.with(|parts| parts.processor = Arc::new(processor))
    }

    /// The end of phase 2: makes messages of it.
    #[must_use]
    pub fn context_manager(self, manager: impl ContextManager + 'static) -> Self {
        self.with(|parts| parts.manager = Arc::new(manager))
    }

    /// What counts tokens for the room of the context, and learns from answers. Phases that were put in place of the
    /// default ones are to have the same.
    #[must_use]
    pub fn tokenizers(self, tokenizers: Arc<Tokenizers>) -> Self {
        self.with(|parts| parts.tokenizers = tokenizers)
    }

    /// The tools that models may call. Default: none.
    #[must_use]
    pub fn tools(self, tools: ToolSet) -> Self {
        self.with(|parts| parts.tools = tools)
    }

    /// Phase 4: runs the tools.
    #[must_use]
    pub fn tool_runner(self, runner: impl ToolRunner + 'static) -> Self {
        self.with(|parts| parts.runner = Arc::new(runner))
    }

    /// Phase 5: keeps the record of the turn.
    #[must_use]
    pub fn aggregator(self, aggregator: impl Aggregator + 'static) -> Self {
        self.with(|parts| parts.aggregator = Arc::new(aggregator))
    }

    /// Phase 6: decides on another round.
    #[must_use]
    pub fn decider(self, decider: impl Decider + 'static) -> Self {
        self.with(|parts| parts.decider = Arc::new(decider))
    }

    /// How far a run may go.
    #[must_use]
    pub fn limits(self, limits: Limits) -> Self {
        self.with(|parts| parts.limits = limits)
    }

    /// The models by their strength, the weakest first, for when a model is stuck. Default: what costs more is
    /// stronger. Models that are not named are never asked for their strength.
    #[must_use]
    pub fn strength<A: Into<Arc<str>>>(self, aliases: impl IntoIterator<Item = A>) -> Self {
        self.with(|parts| parts.strength = aliases.into_iter().map(Into::into).collect())
    }

    /// What was said before counts for what a turn needs, as its message does: after a picture only models that see
    /// are asked, after a long document only those with a large window. Default: the message, the tools and what was
    /// retrieved for them decide, the history is trimmed to the model that this needs, and what that model does not
    /// take of it (pictures, recordings, files) is told in words.
    #[must_use]
    pub fn history_decides(self) -> Self {
        self.with(|parts| parts.history_decides = true)
    }

    /// A turn whose context cannot be retrieved or processed goes on with the user's message and the instructions
    /// alone. Default: it ends with an error.
    #[must_use]
    pub fn goes_on_without_context(self) -> Self {
        self.with(|parts| parts.goes_on_without_context = true)
    }

    /// Answers the user's message: a turn. The events come as the stream is polled; dropping it ends the run.
    ///
    /// `model_requirements` hold in every round, and override what is inferred, key by key.
    pub fn stream_run(
        &self,
        user_message: impl Into<Message>,
        session_context: SessionContext,
        model_requirements: Option<Requirements>,
    ) -> AgentStream {
        let cancelled = CancellationToken::new();
        let (parts, token) = (Arc::clone(&self.parts), cancelled.clone());
        let user_message = user_message.into();
        let requirements = model_requirements.unwrap_or_default();
        let events = Emitting::new(|tell| async move {
            let run = Run::new(parts, tell, token, user_message, session_context, requirements);
            Box::pin(run.run()).await;
        });
        AgentStream::new(events, cancelled)
    }
}
