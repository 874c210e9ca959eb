//! The pool: what programs hold.
//!
//! A [`ModelPool`] is a handle, cheap to clone. Reading it takes no lock: every request loads the
//! present snapshot and keeps it to its end. A change makes the next snapshot under a mutex and
//! swaps it in; it is seen by the next request and by none under way.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, Guard};
use modelpool_core::selector::Ticket;
use modelpool_core::snapshot::{AUTO, Draft, Pool};
use modelpool_core::trace_context::TraceIds;
use modelpool_core::{
    BoxFuture, BreakerSettings, Clock, Error, ErrorKind, Explanation, ModelConfig, ModelEntry, NoModelFits,
    Operation, PoolDefinition, PoolError, RequestFacts, RequestSpan, Requirements, Resolved, SelectContext,
    Selector, SelectorError, Snapshot, SpanId, SystemClock, Timeouts, Transport, UnixMillis,
};
use modelpool_providers::{Environment, HttpTransport, ProviderContext, ProviderRegistry, catalog};
use serde_json::{Map, Value};

use crate::answer::{Answer, AnswerBody, AnswerStream, WholeAnswer};
use crate::call::{Call, ChatRequest};
use crate::hedge::HedgeCount;
use crate::planning;
use crate::policy::{Hedging, OnLoss, RetryPolicy};
use crate::request_id::RequestIds;
use crate::selectors::Capability;
use crate::settle::SettlementSink;
use crate::stays::Stays;
use crate::traces::Traces;

/// Why no model was selected.
#[derive(Clone, Debug)]
pub enum SelectError {
    /// No model meets the requirements.
    NoModelFits(Box<NoModelFits>),
    /// The selector could not decide.
    Selector(SelectorError),
}

impl fmt::Display for SelectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SelectError::NoModelFits(reason) => reason.fmt(f),
            SelectError::Selector(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SelectError {}

/// A pool of models.
///
/// ```
/// use modelpool_core::{Capabilities, Flag, ModelConfig, Requirements};
/// use modelpool_engine::ModelPool;
/// use serde_json::json;
///
/// let pool = ModelPool::new();
/// pool.add(ModelConfig::new("default", "openai", "gpt-3.5-turbo")
///         .capabilities(Capabilities::new().supports(Flag::Tools).cost_per_1k_tokens(0.002)))?
///     .add(ModelConfig::new("vision", "openai", "gpt-4-vision")
///         .capabilities(Capabilities::new().supports(Flag::Vision).cost_per_1k_tokens(0.04)))?;
///
/// let cheapest = pool.select(&Requirements::new()).unwrap();
/// assert_eq!(cheapest.alias(), "default");
/// let sees = pool.select(&Requirements::from_json(&json!({"supports_vision": true})).unwrap()).unwrap();
/// assert_eq!(sees.alias(), "vision");
/// # Ok::<(), modelpool_core::PoolError>(())
/// ```
#[derive(Clone)]
pub struct ModelPool {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    snapshot: ArcSwap<Snapshot>,
    /// Held while the next snapshot is made, never across an await.
    changing: Mutex<()>,
    registry: ProviderRegistry,
    context: ProviderContext,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) sinks: Arc<[Arc<dyn SettlementSink>]>,
    pub(crate) retry: RetryPolicy,
    pub(crate) on_loss: OnLoss,
    pub(crate) hedging: Option<Hedging>,
    pub(crate) hedges: HedgeCount,
    pub(crate) traces: Arc<Traces>,
    pub(crate) stays: Stays,
    counter: AtomicU64,
    request_ids: RequestIds,
    trace_ids: TraceIds,
    traced: bool,
    seed: u64,
}

impl fmt::Debug for ModelPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let snapshot = self.snapshot();
        f.debug_struct("ModelPool")
            .field("models", &snapshot.names().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl Default for ModelPool {
    fn default() -> Self {
        Self::new()
    }
}

impl ModelPool {
    /// An empty pool that picks the cheapest model that fits.
    #[must_use]
    pub fn new() -> Self {
        ModelPoolBuilder::default().build()
    }

    /// A pool with a selector, providers, a transport or limits of the user's own.
    #[must_use]
    pub fn builder() -> ModelPoolBuilder {
        ModelPoolBuilder::default()
    }

    /// Adds a model; chains. The first becomes the default.
    ///
    /// Without capabilities passed, it has those the [catalog] knows.
    /// Selection works at once. Whether the model can be called (provider, address, key) shows at
    /// its first call.
    ///
    /// # Errors
    /// A name that is taken or is none, capabilities no model can have; the pool is as it was.
    pub fn add(&self, mut model: ModelConfig) -> Result<&Self, PoolError> {
        catalog::fill_undeclared(&mut model);
        self.change(|draft| draft.add(model).map(|_| ()))?;
        Ok(self)
    }

    /// Adds a named pool over models that are there; chains.
    ///
    /// # Errors
    /// A name that is taken, or a member that is not there; the pool is as it was.
    pub fn add_pool(&self, pool: PoolDefinition) -> Result<&Self, PoolError> {
        self.change(|draft| draft.add_pool(pool).map(|_| ()))?;
        Ok(self)
    }

    /// The model of that alias.
    #[must_use]
    pub fn get(&self, alias: &str) -> Option<Arc<ModelEntry>> {
        let snapshot = self.snapshot();
        snapshot
            .index_of(alias)
            .map(|index| Arc::clone(snapshot.entry(index)))
    }

    /// Whether a model has that alias.
    #[must_use]
    pub fn contains(&self, alias: &str) -> bool {
        self.inner.snapshot.load().index_of(alias).is_some()
    }

    /// Removes a model; returns whether it was there. If it was the default there is none until
    /// [`set_default`](ModelPool::set_default) chooses the next. Requests under way go on.
    pub fn remove(&self, alias: &str) -> bool {
        let mut removed = false;
        // Removing cannot fail.
        let _ = self.change(|draft| {
            removed = draft.remove(alias);
            Ok(())
        });
        removed
    }

    /// Chooses the default model: the one that wins ties.
    ///
    /// # Errors
    /// No model has that alias.
    pub fn set_default(&self, alias: &str) -> Result<&Self, PoolError> {
        self.change(|draft| draft.set_default(alias).map(|_| ()))?;
        Ok(self)
    }

    /// The default model: the first added unless another was chosen, none after it was removed.
    #[must_use]
    pub fn get_default(&self) -> Option<Arc<ModelEntry>> {
        let snapshot = self.snapshot();
        snapshot
            .default_model()
            .map(|index| Arc::clone(snapshot.entry(index)))
    }

    /// Number of models.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.snapshot.load().len()
    }

    /// Whether there is no model.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Every model as a JSON object, in the order of adding; no secrets.
    #[must_use]
    pub fn list_models(&self) -> Vec<Value> {
        self.snapshot().list_models()
    }

    /// The pool at this moment.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.present(self.inner.clock.now()))
    }

    /// The pool at this moment, made anew first where something that was found has stopped counting.
    fn present(&self, now: UnixMillis) -> Guard<Arc<Snapshot>> {
        let snapshot = self.inner.snapshot.load();
        if !snapshot.is_outdated(now) {
            return snapshot;
        }
        drop(snapshot);
        self.renew(now);
        self.inner.snapshot.load()
    }

    /// Makes the snapshot anew if it is outdated; one of those who notice does it.
    #[cold]
    fn renew(&self, now: UnixMillis) {
        let _changing = self.inner.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let snapshot = self.inner.snapshot.load();
        if snapshot.is_outdated(now) {
            let mut draft = snapshot.edit();
            draft.renew(now);
            self.inner.snapshot.store(Arc::new(draft.build()));
        }
    }

    /// Makes any change to the pool, as one step.
    ///
    /// # Errors
    /// Those of `edit`; the pool is then as it was.
    pub fn change(&self, edit: impl FnOnce(&mut Draft) -> Result<(), PoolError>) -> Result<(), PoolError> {
        let _changing = self.inner.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut draft = self.inner.snapshot.load().edit();
        edit(&mut draft)?;
        draft.renew(self.inner.clock.now());
        self.inner.snapshot.store(Arc::new(draft.build()));
        Ok(())
    }

    /// The best model that meets `requirements`.
    ///
    /// # Errors
    /// No model fits (with what each lacks), or the selector failed.
    pub fn select(&self, requirements: &Requirements) -> Result<Arc<ModelEntry>, SelectError> {
        let now = self.inner.clock.now();
        let snapshot = self.present(now);
        let pool = snapshot.auto();
        let (facts, values) = (RequestFacts::default(), Map::new());
        let ticket = Ticket::from_counter(&self.inner.counter, self.inner.seed);
        let context = SelectContext {
            default: snapshot.default_model(),
            order: pool.order(),
            requirements,
            preferences: &pool.definition.preferences,
            facts: &facts,
            values: &values,
            now,
            ticket: &ticket,
        };
        // The pool of all models asks for nothing more unless it was configured to.
        let all;
        let requirements = if pool.definition.requirements.is_empty() {
            requirements
        } else {
            all = requirements.clone().and(&pool.definition.requirements);
            &all
        };
        match snapshot
            .select(pool, requirements, &context)
            .map_err(SelectError::Selector)?
        {
            Some(index) => Ok(Arc::clone(snapshot.entry(index))),
            None => Err(self.why_none(requirements)),
        }
    }

    fn why_none(&self, requirements: &Requirements) -> SelectError {
        match self.plan_for(AUTO, requirements, &Requirements::new()) {
            Ok(plan) => SelectError::NoModelFits(Box::new(plan.no_model_fits())),
            Err(error) => SelectError::Selector(error),
        }
    }

    /// For every model of the pool its rank, score and reason, or what it lacks. Does not move
    /// the selectors' sequence, so that looking changes nothing.
    ///
    /// # Errors
    /// The selector failed.
    pub fn explain(&self, requirements: &Requirements) -> Result<Explanation, SelectorError> {
        self.explain_in(AUTO, requirements, &Requirements::new())
    }

    /// The same for a named pool, with preferences. A name that is no pool explains `auto`.
    ///
    /// # Errors
    /// The selector failed.
    pub fn explain_in(
        &self,
        pool: &str,
        requirements: &Requirements,
        preferences: &Requirements,
    ) -> Result<Explanation, SelectorError> {
        self.plan_for(pool, requirements, preferences)?.explain()
    }

    fn plan_for(
        &self,
        pool: &str,
        requirements: &Requirements,
        preferences: &Requirements,
    ) -> Result<modelpool_core::Plan, SelectorError> {
        let snapshot = self.snapshot();
        let pool: Arc<Pool> = match snapshot.resolve(pool) {
            Ok(Resolved::Pool(pool)) => pool,
            _ => Arc::clone(snapshot.auto()),
        };
        let peek = AtomicU64::new(self.inner.counter.load(Ordering::Relaxed));
        planning::plan_for_requirements(
            &snapshot,
            pool,
            requirements,
            preferences,
            self.inner.clock.now(),
            &peek,
            self.inner.seed,
        )
    }

    /// Where a call would go, without calling anyone.
    ///
    /// # Errors
    /// Nothing of that name, a name the key may not use, or a selector that failed. That no model
    /// fits is told in the explanation.
    pub fn explain_call(&self, call: &Call) -> Result<Explanation, Error> {
        let peek = AtomicU64::new(self.inner.counter.load(Ordering::Relaxed));
        let mut plan = planning::plan(
            &self.snapshot(),
            call,
            self.inner.clock.now(),
            &peek,
            self.inner.seed,
        )?;
        self.stay(call, &mut plan);
        plan.explain().map_err(|error| planning::selector_failed(&error))
    }

    pub(crate) fn plan(&self, call: &Call) -> Result<modelpool_core::Plan, Error> {
        let inner = &self.inner;
        let now = inner.clock.now();
        let snapshot = self.present(now);
        let mut plan = planning::plan(&snapshot, call, now, &inner.counter, inner.seed)?;
        self.stay(call, &mut plan);
        Ok(plan)
    }

    /// A request that goes on from what a model gave stays with that model, unless it is to leave it.
    fn stay(&self, call: &Call, plan: &mut modelpool_core::Plan) {
        if call.options.leaves_tool_loop {
            return;
        }
        let gave = |id: &str| self.inner.stays.alias_of(id);
        let alias = plan.facts().goes_on_from.as_deref().and_then(gave);
        let index = alias.and_then(|alias| plan.snapshot().index_of(&alias));
        if let Some(index) = index {
            plan.stay_at(index);
        }
    }

    pub(crate) fn provider_of(&self, entry: &ModelEntry) -> Result<Arc<dyn modelpool_core::Provider>, Error> {
        entry
            .provider(|config| self.inner.registry.create(config, &self.inner.context))
            .cloned()
    }

    /// A new id for a request, unique within the process and random between processes. Calls
    /// without an id get one by themselves; faces that answer before there is a call ask for it.
    #[must_use]
    pub fn new_request_id(&self) -> Arc<str> {
        self.inner.request_ids.next()
    }

    /// The span of a call's request, where the caller traces or the pool does.
    pub(crate) fn span_of(&self, call: &Call) -> Option<RequestSpan> {
        let caller = call.trace.as_ref();
        (self.inner.traced || caller.is_some()).then(|| RequestSpan::begin(caller, &self.inner.trace_ids))
    }

    /// A span for a call of a model, where the pool traces.
    pub(crate) fn new_span(&self) -> Option<SpanId> {
        self.inner.traced.then(|| self.inner.trace_ids.span())
    }

    /// Makes a call of any operation. This is where the faces come in.
    ///
    /// # Errors
    /// The request is wrong, no model fits, or every model it may go to failed.
    pub fn call(&self, call: Call) -> BoxFuture<'static, Result<Answer, Error>> {
        // Boxed here once, so that the futures of all callers stay small.
        Box::pin(crate::run::run(self.clone(), call))
    }

    /// Chats, and waits for the whole answer.
    ///
    /// # Errors
    /// As [`ModelPool::call`].
    pub async fn chat(&self, request: ChatRequest) -> Result<ChatAnswer, Error> {
        let answer = self.call(request.into_call(false)?).await?;
        let AnswerBody::Whole(whole) = answer.body else {
            return Err(wrong_shape("a whole answer"));
        };
        Ok(ChatAnswer {
            request_id: answer.request_id,
            alias: answer.alias,
            attempts: answer.attempts,
            whole,
        })
    }

    /// Chats, event by event. The stream is committed: it has something to say.
    ///
    /// # Errors
    /// As [`ModelPool::call`]; failures after that are the stream's last item.
    pub async fn chat_stream(&self, request: ChatRequest) -> Result<AnswerStream, Error> {
        match self.call(request.into_call(true)?).await?.body {
            AnswerBody::Stream(stream) => Ok(*stream),
            AnswerBody::Whole(_) => Err(wrong_shape("a stream")),
        }
    }

    /// Embeds texts with a model or a pool: one vector per text, in order.
    ///
    /// # Errors
    /// As [`ModelPool::call`], or an answer without vectors of numbers.
    pub async fn embed(&self, model: &str, texts: &[&str]) -> Result<Vec<Vec<f32>>, Error> {
        let body = serde_json::json!({"model": model, "input": texts, "encoding_format": "float"});
        let answer = self
            .call(Call::read(Operation::Embeddings, body.to_string().into())?)
            .await?;
        let AnswerBody::Whole(whole) = answer.body else {
            return Err(wrong_shape("a whole answer"));
        };
        let no_vectors =
            || Error::new(ErrorKind::Protocol, "the answer holds no vectors of numbers").at(&answer.alias);
        let body = whole.json().map_err(|_| no_vectors())?;
        let vectors = body["data"].as_array().ok_or_else(no_vectors)?;
        vectors
            .iter()
            .map(|item| serde_json::from_value(item["embedding"].clone()).map_err(|_| no_vectors()))
            .collect()
    }
}

fn wrong_shape(expected: &str) -> Error {
    Error::new(
        ErrorKind::Protocol,
        format!("{expected} was asked for, and something else came"),
    )
}

/// A whole answer to a chat.
#[derive(Clone, Debug)]
pub struct ChatAnswer {
    /// The id of the request.
    pub request_id: Arc<str>,
    /// The model that answered.
    pub alias: Arc<str>,
    /// Calls made.
    pub attempts: u32,
    /// The answer.
    pub whole: WholeAnswer,
}

impl ChatAnswer {
    /// The text of the first choice.
    #[must_use]
    pub fn text(&self) -> String {
        self.whole.text()
    }
}

/// Makes a pool.
pub struct ModelPoolBuilder {
    selector: Arc<dyn Selector>,
    registry: ProviderRegistry,
    environment: Environment,
    transport: Option<Arc<dyn Transport>>,
    clock: Arc<dyn Clock>,
    sinks: Vec<Arc<dyn SettlementSink>>,
    timeouts: Timeouts,
    infer_words: bool,
    retry: RetryPolicy,
    breakers: BreakerSettings,
    on_loss: OnLoss,
    hedging: Option<Hedging>,
    traced: bool,
    seed: Option<u64>,
}

impl Default for ModelPoolBuilder {
    fn default() -> Self {
        Self {
            selector: Arc::new(Capability),
            registry: ProviderRegistry::new(),
            environment: Arc::new(|name| std::env::var(name).ok().filter(|value| !value.is_empty())),
            transport: None,
            clock: Arc::new(SystemClock),
            sinks: Vec::new(),
            timeouts: Timeouts::default(),
            infer_words: false,
            retry: RetryPolicy::default(),
            breakers: BreakerSettings::default(),
            on_loss: OnLoss::default(),
            hedging: None,
            traced: false,
            seed: None,
        }
    }
}

impl fmt::Debug for ModelPoolBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelPoolBuilder")
            .field("selector", &self.selector)
            .finish_non_exhaustive()
    }
}

impl ModelPoolBuilder {
    /// How models are ranked. Default: `capability`, the cheapest that fits.
    #[must_use]
    pub fn selector(mut self, selector: Arc<dyn Selector>) -> Self {
        self.selector = selector;
        self
    }

    /// The providers that are known. Default: the vendors of the table.
    #[must_use]
    pub fn registry(mut self, registry: ProviderRegistry) -> Self {
        self.registry = registry;
        self
    }

    /// Where variables such as `OPENAI_API_KEY` are looked up. Default: the process's environment.
    #[must_use]
    pub fn environment(mut self, environment: Environment) -> Self {
        self.environment = environment;
        self
    }

    /// The way out for all calls. Default: HTTP over TCP and TLS.
    #[must_use]
    pub fn transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.transport = Some(transport);
        self
    }

    /// The wall clock. Default: the machine's.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Adds a receiver of settled requests.
    #[must_use]
    pub fn sink(mut self, sink: Arc<dyn SettlementSink>) -> Self {
        self.sinks.push(sink);
        self
    }

    /// Limits on time, where models and pools have none of their own.
    #[must_use]
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// Infer from plain text too, as an agent's pool does (see [`crate::infer`]). Default: no.
    #[must_use]
    pub fn infer_words(mut self, infer_words: bool) -> Self {
        self.infer_words = infer_words;
        self
    }

    /// Most models tried for one request. Default 4.
    #[must_use]
    pub fn max_models(mut self, max_models: u32) -> Self {
        self.retry.max_models = max_models.max(1);
        self
    }

    /// How far a request goes to get an answer.
    #[must_use]
    pub fn retry(mut self, retry: RetryPolicy) -> Self {
        self.retry = RetryPolicy {
            max_models: retry.max_models.max(1),
            ..retry
        };
        self
    }

    /// When breakers open, and for how long.
    #[must_use]
    pub fn breakers(mut self, settings: BreakerSettings) -> Self {
        self.breakers = settings;
        self
    }

    /// What becomes of a stream that is lost half-way. Default: another model goes on.
    #[must_use]
    pub fn on_loss(mut self, on_loss: OnLoss) -> Self {
        self.on_loss = on_loss;
        self
    }

    /// Calls a second model where the first is slower to begin than it usually is. Default: never.
    #[must_use]
    pub fn hedging(mut self, hedging: Option<Hedging>) -> Self {
        self.hedging = hedging;
        self
    }

    /// Gives every request and every call of a model a span, and tells upstreams of it in the header `traceparent`:
    /// for pools whose settled requests are sent on as spans. Default: no.
    #[must_use]
    pub fn traced(mut self, traced: bool) -> Self {
        self.traced = traced;
        self
    }

    /// Makes the choices of randomised selectors repeatable, and the ids of spans. Default: random.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The pool, without models yet.
    #[must_use]
    pub fn build(self) -> ModelPool {
        let mut draft = Draft::new(self.selector);
        draft.set_breakers(self.breakers);
        draft.edit_auto(|auto| {
            auto.timeouts = self.timeouts;
            auto.infer_words = self.infer_words;
        });
        let seed = self.seed.unwrap_or_else(|| fastrand::u64(..));
        let traces = Arc::new(Traces::new(Arc::clone(&self.clock)));
        let mut sinks = self.sinks;
        sinks.push(Arc::clone(&traces) as Arc<dyn SettlementSink>);
        ModelPool {
            inner: Arc::new(Inner {
                snapshot: ArcSwap::from_pointee(draft.build()),
                changing: Mutex::new(()),
                registry: self.registry,
                context: ProviderContext {
                    transport: self.transport.unwrap_or_else(|| Arc::new(HttpTransport::new())),
                    environment: self.environment,
                    clock: Arc::clone(&self.clock),
                },
                clock: self.clock,
                sinks: sinks.into(),
                retry: self.retry,
                on_loss: self.on_loss,
                hedging: self.hedging,
                counter: AtomicU64::new(0),
                hedges: HedgeCount::default(),
                traces,
                stays: Stays::default(),
                request_ids: RequestIds::new(seed),
                trace_ids: TraceIds::new(seed),
                traced: self.traced,
                seed,
            }),
        }
    }
}
