//! A pool over a network in memory, for time that is paused. Every model has a server of its own.

use std::sync::Arc;
use std::time::Duration;

use modelpool_core::{Capabilities, Error, ModelConfig, StreamEvent};
use modelpool_engine::{
    AnswerStream, ChatRequest, ModelPool, ModelPoolBuilder, SettlementSink, StreamSummary,
};
use modelpool_testkit::network::{CallEnd, CallRecord, End, Fate, Head, SimulatedNetwork, answer_to};

use super::Settled;

pub const MS: Duration = Duration::from_millis(1);
pub const SECOND: Duration = Duration::from_secs(1);

/// A pool, and the network it calls.
pub struct Stage {
    pub network: SimulatedNetwork,
    pub pool: ModelPool,
    pub settled: Arc<Settled>,
    aliases: Vec<String>,
}

impl Stage {
    /// These models, the first the cheapest.
    pub fn new(aliases: &[&str]) -> Self {
        Self::with(aliases, ModelPool::builder())
    }

    pub fn with(aliases: &[&str], builder: ModelPoolBuilder) -> Self {
        Self::of(aliases, builder, |config| config)
    }

    /// Models that are changed further as wished.
    pub fn of(
        aliases: &[&str],
        builder: ModelPoolBuilder,
        further: impl Fn(ModelConfig) -> ModelConfig,
    ) -> Self {
        let network = SimulatedNetwork::new(7);
        let settled = Arc::new(Settled::default());
        let pool = builder
            .transport(Arc::new(network.clone()))
            .sink(Arc::clone(&settled) as Arc<dyn SettlementSink>)
            .environment(Arc::new(|_| None))
            .seed(7)
            .build();
        for (place, alias) in aliases.iter().enumerate() {
            network.serve(&server(alias), modelpool_testkit::network::Server::default());
            let capabilities = Capabilities::new()
                .context_window(100_000)
                .cost_per_1k_tokens(0.001 * (place + 1) as f64);
            let config = ModelConfig::new(*alias, "custom", *alias)
                .base_url(format!("http://{}", server(alias)))
                .capabilities(capabilities);
            pool.add(further(config)).unwrap();
        }
        Self {
            network,
            pool,
            settled,
            aliases: aliases.iter().map(|alias| (*alias).to_owned()).collect(),
        }
    }

    /// What becomes of the model's next calls, one after the other.
    pub fn next(&self, alias: &str, fates: impl IntoIterator<Item = Fate>) -> &Self {
        for fate in fates {
            self.network.next(&server(alias), fate);
        }
        self
    }

    /// What becomes of all calls of the model in a test of common length.
    pub fn always(&self, alias: &str, fate: &Fate) -> &Self {
        self.next(alias, std::iter::repeat_n(fate.clone(), 1_000))
    }

    /// The text of a whole answer.
    pub async fn chat(&self, request: ChatRequest) -> Result<String, Error> {
        Ok(self.pool.chat(request).await?.text())
    }

    /// A streamed chat, read to its end.
    pub async fn stream(&self, request: ChatRequest) -> Result<Read, Error> {
        Ok(Read::all(self.pool.chat_stream(request).await?).await)
    }

    /// Spawns a caller of a whole answer.
    pub fn spawn(&self, request: ChatRequest) -> tokio::task::JoinHandle<Result<String, Error>> {
        let pool = self.pool.clone();
        tokio::spawn(async move { Ok(pool.chat(request).await?.text()) })
    }

    pub fn calls(&self) -> Vec<CallRecord> {
        self.network.calls()
    }

    pub fn calls_of(&self, alias: &str) -> usize {
        let calls = self.calls();
        calls.iter().filter(|call| call.model == alias).count()
    }

    /// The models called, in order: `a a b`.
    pub fn order(&self) -> String {
        let calls = self.calls();
        let models: Vec<&str> = calls.iter().map(|call| call.model.as_str()).collect();
        models.join(" ")
    }

    /// When the calls began, in milliseconds.
    pub fn times(&self) -> Vec<u128> {
        let calls = self.calls();
        calls.iter().map(|call| call.began.as_millis()).collect()
    }

    /// Fails if a call is still under way, at a server or in the pool's books.
    pub fn is_at_rest(&self) {
        let calls = self.calls();
        let left: Vec<_> = calls
            .iter()
            .filter(|call| call.end == CallEnd::UnderWay)
            .collect();
        assert!(left.is_empty(), "{left:?}");
        for alias in &self.aliases {
            assert_eq!(self.pool.get(alias).unwrap().live().in_flight(), 0, "{alias}");
        }
    }
}

fn server(alias: &str) -> String {
    format!("{alias}.test")
}

/// A stream, read to its end.
#[derive(Debug)]
pub struct Read {
    pub alias: String,
    pub text: String,
    pub events: Vec<StreamEvent>,
    pub end: Result<(), Error>,
    pub summary: StreamSummary,
}

impl Read {
    pub async fn all(mut stream: AnswerStream) -> Self {
        let (mut text, mut events, mut end) = (String::new(), Vec::new(), Ok(()));
        while let Some(item) = stream.next().await {
            match item {
                Ok(event) => {
                    text.push_str(&event.text());
                    events.push(event);
                }
                Err(error) => end = Err(error),
            }
        }
        Self {
            alias: stream.alias().to_owned(),
            text,
            events,
            end,
            summary: stream.summary(),
        }
    }

    /// The caller was told that this is all of it.
    pub fn is_whole(&self) -> bool {
        self.end.is_ok() && self.events.iter().any(|event| event.finish.is_some())
    }
}

/// A good answer, at once.
pub fn good() -> Fate {
    Fate::default()
}

/// A good answer whose head comes after a while.
pub fn slow(time: Duration) -> Fate {
    Fate {
        head: Head::After(time),
        ..good()
    }
}

/// An answer that never comes.
pub fn silent() -> Fate {
    Fate {
        head: Head::Never,
        ..good()
    }
}

/// A stream that ends after so many bytes, as if that were all.
pub fn cut(bytes: usize) -> Fate {
    Fate {
        end: End::Cut(bytes),
        ..good()
    }
}

pub fn server_error() -> Fate {
    Fate::refusal(500, "server_error", "The server had an error")
}

pub fn overloaded() -> Fate {
    Fate::refusal(503, "overloaded", "The engine is currently overloaded")
}

/// The prompt of every test, and what all servers answer to it.
pub const PROMPT: &str = "write about the sea";

pub fn ask() -> ChatRequest {
    ChatRequest::new().user(PROMPT)
}

pub fn answer() -> String {
    answer_to(PROMPT, 0)
}
