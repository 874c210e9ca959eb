//! The generator that comes with the crate.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use modelpool::{Error, ModelPool, Requirements};
use serde_json::{Map, Value};

use super::pooled::Asking;
use super::provider::LlmProvider;
use super::{Chunk, Expected, GenerationRequest, GenerationStream, Generator, Ladder, single};
use crate::Message;
use crate::context::ManagedContext;
use crate::emitting::Emitting;
use crate::tool::ToolDefinition;

/// Streams answers: of the models of a pool, which picks for each, or of one provider.
///
/// ```
/// use modelpool::{ModelConfig, ModelPool};
/// use modelpool_agent::{Chunk, Message, StreamingGenerator};
/// use modelpool_agent::context::ManagedContext;
/// use futures_util::StreamExt as _;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let upstream = modelpool_testkit::Simulator::builder().start().await?; // your provider
/// let pool = ModelPool::new();
/// pool.add(ModelConfig::new("fast", "custom", "small").base_url(upstream.base_url()))?;
///
/// let generator = StreamingGenerator::of_pool(pool);
/// let hello = Message::user("hello");
/// let mut chunks = generator.stream_response(&hello, &ManagedContext::default(), &[], None);
/// while let Some(chunk) = chunks.next().await {
///     match chunk? {
///         Chunk::Picked(picked) => assert_eq!(&*picked.alias, "fast"),
///         Chunk::Text(text) => print!("{text}"),
///         _ => {}
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct StreamingGenerator {
    from: From,
    /// Answers so far, which ids of calls are made of where a provider gives none.
    answers: Arc<AtomicU64>,
}

#[derive(Clone, Debug)]
enum From {
    Pool(Asking),
    Provider(Arc<dyn LlmProvider>, Map<String, Value>),
}

impl fmt::Debug for StreamingGenerator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamingGenerator")
            .field("from", &self.from)
            .finish_non_exhaustive()
    }
}

impl StreamingGenerator {
    /// Of the models of a pool, which picks one for every answer.
    #[must_use]
    pub fn of_pool(pool: ModelPool) -> Self {
        Self::from(From::Pool(Asking {
            pool,
            model: "auto".to_owned(),
            options: Map::new(),
        }))
    }

    /// Of that provider, without selection.
    #[must_use]
    pub fn of_provider(provider: Arc<dyn LlmProvider>) -> Self {
        Self::from(From::Provider(provider, Map::new()))
    }

    fn from(from: From) -> Self {
        Self {
            from,
            answers: Arc::default(),
        }
    }

    /// Names a pool or an alias in place of all models. Nothing to a provider.
    #[must_use]
    pub fn model(mut self, name: impl Into<String>) -> Self {
        if let From::Pool(asking) = &mut self.from {
            asking.model = name.into();
        }
        self
    }

    /// Sets a member of every request's body: `temperature`, `max_tokens`, `reasoning_effort`, …
    #[must_use]
    pub fn with(mut self, member: impl Into<String>, value: impl Into<Value>) -> Self {
        let options = match &mut self.from {
            From::Pool(asking) => &mut asking.options,
            From::Provider(_, options) => options,
        };
        options.insert(member.into(), value.into());
        self
    }

    /// Answers a message in its context, with the model that this needs.
    ///
    /// The user's message is added to the context's where it does not stand there already. What is needed is inferred
    /// from all of it; `model_requirements` override that key by key.
    pub fn stream_response(
        &self,
        user_message: &Message,
        context: &ManagedContext,
        available_tools: &[ToolDefinition],
        model_requirements: Option<&Requirements>,
    ) -> GenerationStream {
        let mut messages = context.messages.clone();
        if !messages.contains(user_message) {
            messages.push(user_message.clone());
        }
        self.generate(GenerationRequest {
            user_message: user_message.clone(),
            messages,
            tools: available_tools.to_vec(),
            requirements: model_requirements.cloned().unwrap_or_default(),
            ..GenerationRequest::default()
        })
    }
}

impl Generator for StreamingGenerator {
    fn generate(&self, request: GenerationRequest) -> GenerationStream {
        match &self.from {
            From::Pool(asking) => {
                let asking = asking.clone();
                Box::pin(Emitting::<Result<Chunk, Error>>::new(|emitter| {
                    asking.generate(request, emitter)
                }))
            }
            From::Provider(provider, options) => {
                let (provider, options) = (Arc::clone(provider), options.clone());
                let number = self.answers.fetch_add(1, Ordering::Relaxed);
                Box::pin(Emitting::<Result<Chunk, Error>>::new(|emitter| {
                    single::generate(provider, options, request, number, emitter)
                }))
            }
        }
    }

    fn expected(&self, request: &GenerationRequest) -> Option<Expected> {
        match &self.from {
            From::Pool(asking) => asking.expected(request),
            From::Provider(provider, _) => Some(Expected {
                picked: single::picked(&**provider),
                window: provider.context_window(),
                ..Expected::default()
            }),
        }
    }

    fn ladder(&self, request: &GenerationRequest) -> Ladder {
        match &self.from {
            From::Pool(asking) => asking.ladder(request),
            From::Provider(..) => Ladder::default(),
        }
    }
}
