//! Doing beforehand what the first call of a model would wait for.
//!
//! A cold call pays for the connection, for TLS, and on servers that load models when they are asked for (Ollama)
//! for the load, which takes seconds or minutes. A warm-up pays for it without a request: when the user says so,
//! at the start for models marked `warmup: true`, and before a breaker that is open closes (see
//! [`crate::health`]). It is free of charge, generates nothing, and never fails a request.

use std::sync::Arc;
use std::time::Duration;

use modelpool_core::provider::CallLimits;
use modelpool_core::{Error, ErrorKind, ModelEntry, TimeoutKind, Warmth};
use tokio::time::Instant;

use crate::attempt::call_limits;
use crate::limits;
use crate::pool::ModelPool;

/// A model that was made ready.
#[derive(Clone, Debug)]
pub struct Warmed {
    /// The model.
    pub alias: Arc<str>,
    /// What was made ready.
    pub warmth: Warmth,
    /// How long that took.
    pub took: Duration,
}

impl ModelPool {
    /// Makes a model ready, so that its next call need not wait for a connection or for its load.
    ///
    /// # Errors
    /// Nothing has that alias, a wildcard has no model to load, or the server cannot be reached, refuses the key or
    /// cannot load the model.
    pub async fn warmup(&self, alias: &str) -> Result<Warmed, Error> {
        let entry = self.one_model(alias, "warmed up")?;
        let began = Instant::now();
        let warmth = self.warm(&entry).await?;
        Ok(Warmed {
            alias: Arc::clone(&entry.config().alias),
            warmth,
            took: began.elapsed(),
        })
    }

    /// Makes ready the models that are marked so, one after the other: a server that loads two models at a time
    /// loads both slowly. What fails is logged, and fails nothing else.
    pub async fn warm_up_marked(&self) -> Vec<Result<Warmed, Error>> {
        let snapshot = self.snapshot();
        let marked = snapshot.entries().filter(|(_, entry)| entry.config().warm_up);
        let mut outcomes = Vec::new();
        for (_, entry) in marked {
            let outcome = self.warmup(entry.alias()).await;
            match &outcome {
                Ok(warmed) => tracing::info!(
                    model = entry.alias(),
                    took_ms = u64::try_from(warmed.took.as_millis()).unwrap_or(u64::MAX),
                    "a model is warm",
                ),
                Err(error) => tracing::warn!(
                    model = entry.alias(),
                    error = error.message(),
                    "a model could not be warmed up",
                ),
            }
            outcomes.push(outcome);
        }
        outcomes
    }

    pub(crate) async fn warm(&self, entry: &ModelEntry) -> Result<Warmth, Error> {
        let alias = &entry.config().alias;
        let (limits, whole) = self.warm_up_limits(entry);
        let provider = self.provider_of(entry).map_err(|error| error.at(alias))?;
        let warming = provider.warm_up(Arc::clone(&entry.config().model_name), limits);
        tokio::time::timeout(whole, warming)
            .await
            .unwrap_or_else(|_| Err(late()))
            .map_err(|error| error.at(alias))
    }

    /// Limits as those of a call: loading a model takes as long as its first answer may.
    fn warm_up_limits(&self, entry: &ModelEntry) -> (CallLimits, Duration) {
        let outer = self.snapshot().auto().definition.timeouts;
        let config = entry.config();
        let limits = limits::settle(config.timeouts.or(outer), &config.capabilities);
        (call_limits(&limits), limits.total)
    }

    /// The one model of an alias.
    pub(crate) fn one_model(&self, alias: &str, done: &str) -> Result<Arc<ModelEntry>, Error> {
        let snapshot = self.snapshot();
        let Some(index) = snapshot.index_of(alias) else {
            let aliases = snapshot.entries().map(|(_, entry)| entry.alias());
            let near = modelpool_core::nearest::did_you_mean(alias, aliases);
            let message = format!("no model has the alias `{alias}`{near}");
            return Err(Error::new(ErrorKind::ModelNotFound, message).with_param("model"));
        };
        let entry = snapshot.entry(index);
        if entry.config().is_wildcard() {
            let message = format!("`{alias}` stands for many models, of which none can be {done} by itself");
            return Err(Error::new(ErrorKind::InvalidRequest, message).with_param("model"));
        }
        Ok(Arc::clone(entry))
    }
}

fn late() -> Error {
    Error::new(
        ErrorKind::Timeout(TimeoutKind::Total),
        "the model is not ready in time",
    )
}
