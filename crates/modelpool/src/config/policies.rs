//! What the pool does when something is slow, full or fails, as the file says it.

use std::time::Duration;

use modelpool_core::{BreakerSettings, ModelLimits, Timeouts};
use modelpool_engine::{Hedging, OnLoss, RetryPolicy};

use super::tables;
use super::view::View;

pub(super) fn timeouts(view: &View<'_>) -> Timeouts {
    let view = view.below("timeouts", &tables::TIMEOUTS);
    Timeouts {
        connect: view.time("connect_ms"),
        first_token: view.time("first_token_ms"),
        response: view.time("response_ms"),
        idle: view.time("idle_ms"),
        total: view.time("total_ms"),
    }
}

pub(super) fn retry(file: &View<'_>) -> RetryPolicy {
    let view = file.below("retry", &tables::RETRY);
    let (backoff_first, backoff_cap) = view.first_and_cap("backoff_ms").unwrap_or_default();
    RetryPolicy {
        max_models: count(&view, "max_models"),
        same_model: count(&view, "same_model"),
        backoff_first,
        backoff_cap,
        max_wait: view.time("max_wait_ms").unwrap_or_default(),
        refusals_fail_over: view.text("content_filter") == Some("fail_over"),
    }
}

pub(super) fn health_check(file: &View<'_>) -> Option<Duration> {
    file.below("health", &tables::HEALTH).time("check_every_s")
}

pub(super) fn breaker(file: &View<'_>) -> BreakerSettings {
    let view = file.below("breaker", &tables::BREAKER);
    let (open_first, open_cap) = view.first_and_cap("open_s").unwrap_or_default();
    BreakerSettings {
        failures: count(&view, "failures"),
        window: view.time("window_s").unwrap_or_default(),
        open_first,
        open_cap,
    }
}

pub(super) fn hedging(file: &View<'_>) -> Option<Hedging> {
    let view = file.below("hedging", &tables::HEDGING);
    let max_share = view.decimal("max_share")?;
    Some(Hedging { max_share })
}

pub(super) fn on_loss(file: &View<'_>) -> OnLoss {
    match file.below("streaming", &tables::STREAMING).text("on_loss") {
        Some("error") => OnLoss::Error,
        Some("buffer") => OnLoss::Buffer,
        _ => OnLoss::Continue,
    }
}

pub(super) fn keepalive(file: &View<'_>) -> Duration {
    let view = file.below("streaming", &tables::STREAMING);
    view.time("keepalive_ms").unwrap_or_default()
}

pub(super) fn limits(model: &View<'_>) -> ModelLimits {
    let view = model.below("limits", &tables::LIMITS);
    ModelLimits {
        requests_per_minute: view.nonzero("rpm"),
        tokens_per_minute: view.nonzero("tpm"),
        max_concurrent: view.nonzero("max_concurrent").and_then(|n| n.try_into().ok()),
    }
}

fn count(view: &View<'_>, name: &str) -> u32 {
    let number = view.number(name).unwrap_or_default();
    u32::try_from(number).unwrap_or(u32::MAX)
}
