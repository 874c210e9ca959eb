//! What a pool can be asked about its work: statistics, breakers, traces.

use std::time::Instant;

use modelpool_core::breaker::{Breaker, BreakerState};
use modelpool_core::statistics::{Statistics, StatisticsReport};
use serde::Serialize;

use crate::pool::ModelPool;
use crate::traces::RequestTrace;

/// The breaker of one model, and that of the server behind it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BreakerReport {
    /// The model.
    pub alias: String,
    /// The vendor's name of it; below a wildcard the name that callers asked for.
    pub model_name: String,
    /// The model's own.
    #[serde(flatten)]
    pub breaker: BreakerStatus,
    /// That of the server, which counts connections that could not be made.
    pub endpoint: BreakerStatus,
}

/// What a breaker does at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct BreakerStatus {
    /// Whether calls pass.
    pub state: BreakerWord,
    /// Milliseconds until a probe may pass; null unless it is open.
    pub open_for_ms: Option<u64>,
    /// How often it has opened again without being healthy in between; 0 unless it is open.
    pub relapses: u32,
}

/// The states of a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerWord {
    /// Calls pass.
    Closed,
    /// No call passes.
    Open,
    /// One probe may pass, or is under way.
    HalfOpen,
}

impl BreakerStatus {
    fn of(breaker: &Breaker, now: Instant) -> Self {
        let (state, open_for_ms, relapses) = match breaker.state(now) {
            BreakerState::Closed => (BreakerWord::Closed, None, 0),
            BreakerState::HalfOpen => (BreakerWord::HalfOpen, None, 0),
            BreakerState::Open { until, relapses } => {
                let left = until.saturating_duration_since(now);
                let left = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
                (BreakerWord::Open, Some(left), relapses)
            }
        };
        Self {
            state,
            open_for_ms,
            relapses,
        }
    }
}

impl ModelPool {
    /// How a model performed: in the last minute, in the last hour, and ever. `None` where no model has that alias.
    #[must_use]
    pub fn performance_stats(&self, alias: &str) -> Option<StatisticsReport> {
        let now = tokio::time::Instant::now().into_std();
        let entry = self.get(alias)?;
        let known = entry.live().known_statistics();
        Some(known.map_or_else(StatisticsReport::default, |known| Statistics::report(known, now)))
    }

    /// The breakers of all models, in the order of adding. Of a wildcard those of the names that were called.
    #[must_use]
    pub fn breakers(&self) -> Vec<BreakerReport> {
        let now = tokio::time::Instant::now().into_std();
        let snapshot = self.snapshot();
        let mut reports = Vec::new();
        for (_, entry) in snapshot.entries() {
            let (config, live) = (entry.config(), entry.live());
            let endpoint = BreakerStatus::of(live.endpoint(), now);
            let breakers = live.breakers();
            reports.extend(breakers.into_iter().map(|(name, breaker)| BreakerReport {
                alias: config.alias.to_string(),
                model_name: name.as_ref().unwrap_or(&config.model_name).to_string(),
                breaker: BreakerStatus::of(&breaker, now),
                endpoint,
            }));
        }
        reports
    }

    /// What became of a request, by its id: one of the last
    /// [`MOST_TRACES`](crate::traces::MOST_TRACES) that were settled, the newest where several had that id.
    #[must_use]
    pub fn trace(&self, request_id: &str) -> Option<RequestTrace> {
        self.inner.traces.get(request_id)
    }
}
