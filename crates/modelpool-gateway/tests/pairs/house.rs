//! A gateway in front of upstreams of several wires, each model under the name of its wire.

use std::time::Duration;

use modelpool::{Capabilities, Flag, ModelConfig, ModelPool, OnLoss};
use modelpool_testkit::wires::{Upstream, Wire};
use serde_json::Value;

use crate::common::{Answer, House, Open, Plan, UPSTREAM_KEY};
use crate::dialect::Dialect;

/// A gateway, and the upstreams behind it.
pub(crate) struct Pairs {
    pub(crate) house: House,
    upstreams: Vec<(String, Upstream)>,
}

/// What every model can do, so that no pair is left out for what a model lacks.
fn able() -> Capabilities {
    let all = Flag::ALL.into_iter().filter(|flag| *flag != Flag::Prefill);
    let able = all.fold(Capabilities::new(), Capabilities::supports);
    able.context_window(20_000_000).max_tokens(1_000_000)
}

/// One call of each model, no pauses, and breakers that stay closed: these are others' promises.
fn patient(on_loss: OnLoss) -> modelpool::ModelPoolBuilder {
    let retry = modelpool::RetryPolicy {
        same_model: 0,
        backoff_first: Duration::ZERO,
        max_wait: Duration::ZERO,
        ..modelpool::RetryPolicy::default()
    };
    let breakers = modelpool::BreakerSettings {
        failures: u32::MAX,
        ..modelpool::BreakerSettings::default()
    };
    ModelPool::builder()
        .retry(retry)
        .breakers(breakers)
        .on_loss(on_loss)
}

impl Pairs {
    /// With a model of each of these wires.
    pub(crate) async fn of(wires: &[Wire], on_loss: OnLoss) -> Self {
        Self::built(patient(on_loss), wires).await
    }

    async fn built(builder: modelpool::ModelPoolBuilder, wires: &[Wire]) -> Self {
        let plan = Plan {
            builder,
            ..Plan::default()
        };
        Self::in_front_of(House::empty(plan).await, wires).await
    }

    /// With a model of each of these wires in a house that was built otherwise.
    pub(crate) async fn in_front_of(house: House, wires: &[Wire]) -> Self {
        let mut pairs = Self {
            house,
            upstreams: Vec::new(),
        };
        for wire in wires {
            pairs.add(wire.provider(), *wire).await;
        }
        pairs
    }

    /// With a model of a wire, which is not waited for: after 300 ms of silence a stream is lost.
    pub(crate) async fn impatient(wire: Wire) -> Self {
        let timeouts = modelpool::Timeouts {
            idle: Some(Duration::from_millis(300)),
            ..modelpool::Timeouts::default()
        };
        Self::built(patient(OnLoss::Error).timeouts(timeouts), &[wire]).await
    }

    /// With a model of every wire; a stream that is lost is an error.
    pub(crate) async fn all() -> Self {
        Self::of(&Wire::ALL, OnLoss::Error).await
    }

    /// Adds a model with an upstream of its own.
    pub(crate) async fn add(&mut self, alias: &str, wire: Wire) {
        self.add_with(alias, wire, able()).await;
    }

    /// The same, where the model goes on from a prefill.
    pub(crate) async fn add_prefilled(&mut self, alias: &str, wire: Wire) {
        self.add_with(alias, wire, able().supports(Flag::Prefill)).await;
    }

    /// The same, at a price.
    pub(crate) async fn add_priced(&mut self, alias: &str, wire: Wire, price: modelpool::Price) {
        self.add_with(alias, wire, able().price(price)).await;
    }

    /// The same, with these capabilities.
    pub(crate) async fn add_with(&mut self, alias: &str, wire: Wire, capabilities: Capabilities) {
        let upstream = Upstream::start(wire).await.unwrap();
        let config = ModelConfig::new(alias, wire.provider(), wire.model_name())
            .base_url(upstream.base_url())
            .api_key(UPSTREAM_KEY)
            .capabilities(capabilities);
        self.house.pool.add(config).unwrap();
        self.upstreams.push((alias.to_owned(), upstream));
    }

    /// The upstream of a model.
    pub(crate) fn upstream(&self, alias: &str) -> &Upstream {
        let found = self.upstreams.iter().find(|(known, _)| known == alias);
        found.map_or_else(|| panic!("no upstream of {alias}"), |(_, upstream)| upstream)
    }

    /// Asks as a caller of a dialect does.
    pub(crate) async fn ask(&self, dialect: Dialect, model: &str, stream: bool, body: &Value) -> Answer {
        self.open(dialect, model, stream, body).await.read().await
    }

    /// The same, and reads no more than the head.
    pub(crate) async fn open(&self, dialect: Dialect, model: &str, stream: bool, body: &Value) -> Open {
        let body = dialect.addressed(body, model, stream).to_string();
        let request = self.house.request("POST", &dialect.path(model, stream), body);
        self.house.open(request).await
    }
}

/// Lets a promise run over every pair, all at once, and says which pairs break it.
pub(crate) async fn each_pair<F, Work>(promise: F)
where
    F: Fn(Dialect, Wire) -> Work,
    Work: Future<Output = ()> + Send + 'static,
{
    let mut running = Vec::new();
    for dialect in Dialect::ALL {
        for wire in Wire::ALL {
            running.push((dialect, wire, tokio::spawn(promise(dialect, wire))));
        }
    }
    let mut broken = Vec::new();
    for (dialect, wire, pair) in running {
        if let Err(error) = pair.await {
            broken.push(format!("{dialect:?} to {wire:?}: {}", words_of(error)));
        }
    }
    assert!(
        broken.is_empty(),
        "{} pairs break it:\n{}",
        broken.len(),
        broken.join("\n")
    );
}

fn words_of(error: tokio::task::JoinError) -> String {
    let Ok(panic) = error.try_into_panic() else {
        return "cancelled".to_owned();
    };
    let formatted = panic.downcast_ref::<String>().cloned();
    formatted.unwrap_or_else(|| {
        panic
            .downcast_ref::<&str>()
            .copied()
            .unwrap_or("panicked")
            .to_owned()
    })
}
