//! Active health checks: whether a server that could not be reached can be reached again.
//!
//! Traffic itself is the first measure of health, and mostly enough: breakers let one request through
//! from time to time. A pool that serves little traffic can have its servers asked beforehand, so that no
//! request has to be the one that finds out. Only what is free is asked (the list of models), only servers that
//! are shut off at the moment, and one after the other.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use modelpool_core::breaker::BreakerState;
use modelpool_core::{Error, ErrorKind, ModelEntry, TimeoutKind, Warmth};
use tokio::time::Instant;

use crate::pool::ModelPool;

/// Longest time a server has to answer a check.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a check found.
#[derive(Clone, Debug)]
pub struct HealthCheck {
    /// An entry whose server was asked.
    pub alias: Arc<str>,
    /// Why it cannot be reached; `None` where it can.
    pub error: Option<Error>,
}

impl ModelPool {
    /// Asks each server that is shut off because it could not be reached, and may be tried again by now, for
    /// its list of models. One that answers, whatever it says, gets requests again.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let pool = modelpool_engine::ModelPool::new();
    /// assert!(pool.check_health().await.is_empty(), "nothing is shut off");
    /// # }
    /// ```
    pub async fn check_health(&self) -> Vec<HealthCheck> {
        let snapshot = self.snapshot();
        let mut asked = HashSet::new();
        let mut found = Vec::new();
        for (_, entry) in snapshot.entries() {
            let config = entry.config();
            if asked.insert((config.provider.as_str(), config.base_url.as_deref()))
                && let Some(check) = self.check(entry).await
            {
                found.push(check);
            }
        }
        for (_, entry) in snapshot.entries().filter(|(_, entry)| entry.config().warm_up) {
            found.extend(self.ready(entry).await);
        }
        found
    }

    /// Makes a model ready that is shut off, marked to be kept warm, and may be tried again by now, so that no request
    /// waits for its load. If that loads the model it works again; if it only connects, a request has to find out.
    async fn ready(&self, entry: &Arc<ModelEntry>) -> Option<HealthCheck> {
        let now = Instant::now().into_std();
        let breaker = entry.live().breaker(&entry.config().model_name, now);
        if breaker.state(now) == BreakerState::Closed {
            return None;
        }
        let probe = breaker.admit(now).ok()?;
        let outcome = self.warm(entry).await;
        let now = Instant::now().into_std();
        match &outcome {
            Ok(Warmth::Model) => probe.succeeded(now),
            Ok(Warmth::Connection | Warmth::Nothing) => drop(probe),
            Err(_) => probe.failed(now),
        }
        Some(HealthCheck {
            alias: Arc::clone(&entry.config().alias),
            error: outcome.err(),
        })
    }

    /// Checks again and again, with that pause between, until it is dropped.
    pub async fn watch_health(&self, pause: Duration) -> Infallible {
        loop {
            tokio::time::sleep(pause).await;
            self.check_health().await;
        }
    }

    /// `None` where there is nothing to find out, or somebody else is doing so.
    async fn check(&self, entry: &Arc<ModelEntry>) -> Option<HealthCheck> {
        let endpoint = entry.live().endpoint();
        let now = Instant::now().into_std();
        if endpoint.state(now) == BreakerState::Closed {
            return None;
        }
        let probe = endpoint.admit(now).ok()?;
        let outcome = match self.provider_of(entry) {
            Ok(provider) => tokio::time::timeout(PATIENCE, provider.list_models())
                .await
                .unwrap_or_else(|_| Err(silent())),
            Err(error) => Err(error),
        };
        let error = outcome.err().filter(|error| {
            matches!(
                error.kind(),
                ErrorKind::Connect | ErrorKind::Timeout(_) | ErrorKind::Configuration
            )
        });
        let now = Instant::now().into_std();
        match &error {
            Some(_) => probe.failed(now),
            None => probe.succeeded(now),
        }
        Some(HealthCheck {
            alias: Arc::clone(&entry.config().alias),
            error,
        })
    }
}

fn silent() -> Error {
    Error::new(
        ErrorKind::Timeout(TimeoutKind::Response),
        "no answer to a health check",
    )
}
