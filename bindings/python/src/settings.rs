//! What is given besides alias, provider, name, key, address and capabilities.
//!
//! Some names are settings of the pool; everything else is kept for providers and selectors of the user's own. What
//! looks like a slip of the pen is an error, so that no setting is lost in silence.

use std::num::{NonZeroU64, NonZeroUsize};
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use modelpool::parts::core::nearest::did_you_mean;
use modelpool::{ModelConfig, ModelLimits, Timeouts};
use pyo3::prelude::*;
use serde_json::{Map, Value, json};

use crate::errors;

/// Settings of the pool.
const NAMES: [&str; 8] = [
    "fallbacks",
    "timeouts",
    "limits",
    "quota_group",
    "headers",
    "body",
    "warmup",
    "catalog",
];

/// Reads the settings into `config`.
pub(crate) fn apply(py: Python<'_>, config: &mut ModelConfig, extra: &Map<String, Value>) -> PyResult<()> {
    for (key, value) in extra {
        one(config, key, value).map_err(|problem| errors::value(py, format!("{key}: {problem}")))?;
    }
    Ok(())
}

fn one(config: &mut ModelConfig, key: &str, value: &Value) -> Result<(), String> {
    match key {
        "fallbacks" => config.fallbacks = strings(value)?.into_iter().map(Into::into).collect(),
        "timeouts" => config.timeouts = timeouts(value)?,
        "limits" => config.limits = limits(value)?,
        "quota_group" => config.quota_group = Some(text(value)?.into()),
        "headers" => config.extra.headers = headers(value)?,
        "body" => config.extra.body = object(value)?.clone(),
        "warmup" => config.warm_up = truth(value)?,
        "catalog" => config.catalog = truth(value)?,
        own => {
            let near = did_you_mean(own, NAMES);
            if !near.is_empty() {
                return Err(format!("no setting of the pool{near}"));
            }
            config.extra.settings.insert(own.to_owned(), value.clone());
        }
    }
    Ok(())
}

/// The settings of an entry, as they would be written.
pub(crate) fn written(config: &ModelConfig) -> Map<String, Value> {
    let mut extra = config.extra.settings.clone();
    let mut put = |key: &str, value: Value| {
        let is_empty = match &value {
            Value::Array(items) => items.is_empty(),
            Value::Object(members) => members.is_empty(),
            other => other.is_null(),
        };
        if !is_empty {
            extra.insert(key.to_owned(), value);
        }
    };
    let fallbacks: Vec<&str> = config.fallbacks.iter().map(AsRef::as_ref).collect();
    put("fallbacks", json!(fallbacks));
    let mut times = Map::new();
    for (key, time) in times_of(&config.timeouts) {
        if let Some(time) = time {
            let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
            times.insert(key.to_owned(), milliseconds.into());
        }
    }
    put("timeouts", times.into());
    let ModelLimits {
        requests_per_minute,
        tokens_per_minute,
        max_concurrent,
    } = config.limits;
    let mut limits = Map::new();
    for (key, limit) in [
        ("rpm", requests_per_minute.map(NonZeroU64::get)),
        ("tpm", tokens_per_minute.map(NonZeroU64::get)),
        ("max_concurrent", max_concurrent.map(|most| most.get() as u64)),
    ] {
        limits.extend(limit.map(|limit| (key.to_owned(), limit.into())));
    }
    put("limits", limits.into());
    put("quota_group", json!(config.quota_group.as_deref()));
    let headers = config.extra.headers.iter();
    let headers = headers.map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.to_string(), Value::from(value))
    });
    put("headers", headers.collect::<Map<_, _>>().into());
    put("body", config.extra.body.clone().into());
    if config.warm_up {
        put("warmup", true.into());
    }
    extra
}

fn times_of(timeouts: &Timeouts) -> [(&'static str, Option<Duration>); 5] {
    [
        ("connect_ms", timeouts.connect),
        ("first_token_ms", timeouts.first_token),
        ("response_ms", timeouts.response),
        ("idle_ms", timeouts.idle),
        ("total_ms", timeouts.total),
    ]
}

fn timeouts(value: &Value) -> Result<Timeouts, String> {
    let mut timeouts = Timeouts::default();
    for (key, value) in object(value)? {
        let place = match key.as_str() {
            "connect_ms" => &mut timeouts.connect,
            "first_token_ms" => &mut timeouts.first_token,
            "response_ms" => &mut timeouts.response,
            "idle_ms" => &mut timeouts.idle,
            "total_ms" => &mut timeouts.total,
            other => {
                return Err(unknown(
                    other,
                    &[
                        "connect_ms",
                        "first_token_ms",
                        "response_ms",
                        "idle_ms",
                        "total_ms",
                    ],
                ));
            }
        };
        *place = Some(Duration::from_millis(above_zero(key, value)?.get()));
    }
    Ok(timeouts)
}

fn limits(value: &Value) -> Result<ModelLimits, String> {
    let mut limits = ModelLimits::default();
    for (key, value) in object(value)? {
        match key.as_str() {
            "rpm" => limits.requests_per_minute = Some(above_zero(key, value)?),
            "tpm" => limits.tokens_per_minute = Some(above_zero(key, value)?),
            "max_concurrent" => {
                let most = above_zero(key, value)?;
                limits.max_concurrent = Some(NonZeroUsize::try_from(most).unwrap_or(NonZeroUsize::MAX));
            }
            other => return Err(unknown(other, &["rpm", "tpm", "max_concurrent"])),
        }
    }
    Ok(limits)
}

fn headers(value: &Value) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
    let read = |(name, value): (&String, &Value)| {
        let wrong = || format!("`{name}` is no header");
        let mut held = value
            .as_str()
            .and_then(|text| HeaderValue::from_str(text).ok())
            .ok_or_else(wrong)?;
        held.set_sensitive(true);
        Ok((name.parse().map_err(|_| wrong())?, held))
    };
    object(value)?.iter().map(read).collect()
}

fn unknown(key: &str, known: &[&str]) -> String {
    let near = did_you_mean(key, known.iter().copied());
    format!("unknown key `{key}`{near} (known: {})", known.join(", "))
}

fn above_zero(key: &str, value: &Value) -> Result<NonZeroU64, String> {
    let number = value.as_u64().and_then(NonZeroU64::new);
    number.ok_or_else(|| format!("{key}: expected a whole number above 0, got {value}"))
}

fn object(value: &Value) -> Result<&Map<String, Value>, String> {
    value
        .as_object()
        .ok_or_else(|| format!("expected a dict, got {value}"))
}

fn text(value: &Value) -> Result<&str, String> {
    value
        .as_str()
        .ok_or_else(|| format!("expected a string, got {value}"))
}

fn truth(value: &Value) -> Result<bool, String> {
    value
        .as_bool()
        .ok_or_else(|| format!("expected True or False, got {value}"))
}

fn strings(value: &Value) -> Result<Vec<&str>, String> {
    let wrong = || format!("expected a list of strings, got {value}");
    let items = value.as_array().ok_or_else(wrong)?;
    items.iter().map(|item| item.as_str().ok_or_else(wrong)).collect()
}
