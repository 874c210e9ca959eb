//! Setup shared by the tests of this folder: simulated upstreams, pools over them, and what was
//! settled.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used)] // every test binary uses another part

pub mod continued;
pub mod lazy_ollama;
pub mod paced;
pub mod simulated;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use modelpool_core::{Capabilities, Error, Flag, ModelConfig};
use modelpool_engine::{
    ChatAnswer, ChatRequest, Ending, ModelPool, ModelPoolBuilder, RetryPolicy, Settlement, SettlementSink,
};
use modelpool_testkit::Simulator;
use modelpool_testkit::simulator::{Fault, FaultRule, ModelBehaviour};
use tokio::time::timeout;

/// Keeps what was settled.
#[derive(Debug, Default)]
pub struct Settled(Mutex<Vec<Settlement>>);

impl SettlementSink for Settled {
    fn settled(&self, settlement: &Settlement) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(settlement.clone());
    }
}

impl Settled {
    pub fn all(&self) -> Vec<Settlement> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The one settlement there is.
    pub fn one(&self) -> Settlement {
        let all = self.all();
        assert_eq!(all.len(), 1, "settled exactly once: {all:?}");
        all[0].clone()
    }
}

/// What a settlement says, in few words: `failed server; a: server, b: ok`.
pub fn told(settlement: &Settlement) -> String {
    let ending = match &settlement.ending {
        Ending::Completed => "completed".to_owned(),
        Ending::Failed(error) => format!("failed {}", error.code()),
        Ending::Cancelled => "cancelled".to_owned(),
    };
    let outcomes = settlement.outcomes.iter().map(|outcome| {
        let how = outcome.error.as_ref().map_or("ok", Error::code);
        format!("{}: {how}", outcome.alias)
    });
    format!("{ending}; {}", outcomes.collect::<Vec<_>>().join(", "))
}

/// A pool over one simulated upstream. Every model is named at the upstream as in the pool, and
/// answers `I am NAME`.
pub struct Bench {
    pub upstream: Simulator,
    pub pool: ModelPool,
    pub settled: Arc<Settled>,
}

/// What all models of a [`Bench`] can do unless told otherwise.
pub fn able() -> Capabilities {
    let can = [Flag::Tools, Flag::Vision, Flag::Embeddings];
    let all = can.into_iter().fold(Capabilities::new(), Capabilities::supports);
    all.context_window(100_000)
}

impl Bench {
    /// These models, the first the cheapest. They are asked again after next to no pause.
    pub async fn new(aliases: &[&str]) -> Bench {
        Bench::with(aliases, ModelPool::builder().retry(short_pauses())).await
    }

    pub async fn with(aliases: &[&str], builder: ModelPoolBuilder) -> Bench {
        let models = aliases.iter().map(|alias| (*alias, able()));
        Bench::of(models.collect(), builder, |config| config).await
    }

    /// Models with these capabilities, changed further as wished.
    pub async fn of(
        models: Vec<(&str, Capabilities)>,
        builder: ModelPoolBuilder,
        further: impl Fn(ModelConfig) -> ModelConfig,
    ) -> Bench {
        let mut upstream = Simulator::builder();
        for (alias, _) in &models {
            upstream = upstream.model(*alias, ModelBehaviour::answering(format!("I am {alias}")));
        }
        let upstream = upstream.start().await.unwrap();
        let settled = Arc::new(Settled::default());
        let pool = builder
            .sink(Arc::clone(&settled) as Arc<dyn SettlementSink>)
            .build();
        for (place, (alias, capabilities)) in models.into_iter().enumerate() {
            let capabilities = capabilities.cost_per_1k_tokens(0.001 * (place + 1) as f64);
            let config = ModelConfig::new(alias, "custom", alias).base_url(upstream.base_url());
            pool.add(further(config.capabilities(capabilities))).unwrap();
        }
        Bench {
            upstream,
            pool,
            settled,
        }
    }

    /// Lets every call of a model meet a fault.
    pub fn fails(&self, model: &str, fault: Fault) -> &Self {
        let rule = FaultRule::new(fault).for_model(model).forever();
        self.upstream.add_fault(rule).unwrap();
        self
    }

    pub async fn chat(&self, request: ChatRequest) -> Result<ChatAnswer, Error> {
        soon(self.pool.chat(request)).await
    }

    /// A streamed chat: the model that answered, the text, and how it ended.
    pub async fn stream(&self, request: ChatRequest) -> Result<Streamed, Error> {
        let mut stream = soon(self.pool.chat_stream(request)).await?;
        let mut streamed = Streamed {
            alias: stream.alias().to_owned(),
            text: String::new(),
            end: Ok(()),
        };
        while let Some(item) = soon(stream.next()).await {
            match item {
                Ok(event) => streamed.text.push_str(&event.text()),
                Err(error) => streamed.end = Err(error),
            }
        }
        Ok(streamed)
    }

    /// How many calls each model had, as `a: 1, b: 2`.
    pub fn calls(&self) -> String {
        let counts = self.upstream.counts().by_model;
        let counts = counts.iter().map(|(model, count)| format!("{model}: {count}"));
        counts.collect::<Vec<_>>().join(", ")
    }

    /// Fails unless the upstream sees within 100 ms that nobody waits for it any more.
    pub async fn upstream_is_left(&self) {
        let left = self.upstream.wait_until(|counts| counts.in_flight == 0);
        let counts = timeout(Duration::from_millis(100), left).await;
        assert_eq!(counts.expect("the upstream goes on").cancelled, 1);
    }
}

/// A stream, read to its end.
#[derive(Debug)]
pub struct Streamed {
    pub alias: String,
    pub text: String,
    pub end: Result<(), Error>,
}

/// The policy by default, for time that is real.
pub fn short_pauses() -> RetryPolicy {
    RetryPolicy {
        backoff_first: Duration::from_millis(1),
        ..RetryPolicy::default()
    }
}

/// No model is asked twice.
pub fn no_retries() -> RetryPolicy {
    RetryPolicy {
        same_model: 0,
        ..RetryPolicy::default()
    }
}

pub fn hello() -> ChatRequest {
    ChatRequest::new().user("hello")
}

/// Fails rather than waits for something that never comes.
pub async fn soon<T>(work: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), work)
        .await
        .expect("it takes too long")
}
