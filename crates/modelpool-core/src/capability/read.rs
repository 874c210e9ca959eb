//! Reads capabilities as users write them, and names what is wrong with them.

use std::fmt;

use serde_json::Value;

use super::{Capabilities, Fact, Flag, Numeric, RESERVED_KEYS};
use crate::nearest::did_you_mean;
use crate::price;

impl Capabilities {
    /// Reads the JSON object users write, and names **all** its mistakes.
    ///
    /// # Errors
    /// Keys that are not built in (custom ones go under `custom`), wrong types, numbers that are
    /// negative or not finite, both `price` and `cost_per_1k_tokens`.
    ///
    /// ```
    /// use modelpool_core::Capabilities;
    /// use serde_json::json;
    /// let mistakes = Capabilities::from_json(&json!({"supports_visoin": true})).unwrap_err();
    /// assert_eq!(mistakes[0].to_string(),
    ///     "supports_visoin: not a built-in capability, did you mean `supports_vision`? \
    ///      capabilities of your own go under `custom`");
    /// ```
    pub fn from_json(value: &Value) -> Result<Self, Vec<CapabilityError>> {
        let Value::Object(members) = value else {
            return Err(vec![CapabilityError::new(
                "",
                format!("expected an object, got {value}"),
            )]);
        };
        let mut capabilities = Self::new();
        let mut mistakes = Vec::new();
        for (key, value) in members {
            if key == "price" {
                match price::read(value) {
                    Ok(price) => capabilities = capabilities.price(price),
                    Err(wrong) => mistakes.extend(wrong.into_iter().map(CapabilityError::of_price)),
                }
                continue;
            }
            match capabilities.read_member(key, value) {
                Ok(read) => capabilities = read,
                Err(mistake) => mistakes.push(mistake),
            }
        }
        if members.contains_key("price") && members.contains_key("cost_per_1k_tokens") {
            mistakes.push(CapabilityError::new(
                "price",
                "give either `price` or `cost_per_1k_tokens`, not both",
            ));
        }
        mistakes.extend(capabilities.check());
        if mistakes.is_empty() {
            Ok(capabilities)
        } else {
            Err(mistakes)
        }
    }

    fn read_member(&self, key: &str, value: &Value) -> Result<Self, CapabilityError> {
        let read = self.clone();
        let wrong = |expected: &str| CapabilityError::new(key, format!("expected {expected}, got {value}"));
        if let Some(flag) = Flag::from_key(key) {
            let value = value.as_bool().ok_or_else(|| wrong("true or false"))?;
            return Ok(read.with_flag(flag, Fact::declared(value.into())));
        }
        match key {
            "max_tokens" => value
                .as_u64()
                .map(|tokens| read.max_tokens(tokens))
                .ok_or_else(|| wrong("a whole number of tokens")),
            "context_window" => value
                .as_u64()
                .map(|tokens| read.context_window(tokens))
                .ok_or_else(|| wrong("a whole number of tokens")),
            "avg_latency_ms" => value
                .as_f64()
                .map(|milliseconds| read.avg_latency_ms(milliseconds))
                .ok_or_else(|| wrong("a number of milliseconds")),
            "cost_per_1k_tokens" => value
                .as_f64()
                .map(|dollars| read.cost_per_1k_tokens(dollars))
                .ok_or_else(|| wrong("US dollars per thousand tokens")),
            "custom" | "custom_capabilities" => {
                let members = value
                    .as_object()
                    .ok_or_else(|| wrong("an object of your own capabilities"))?;
                Ok(members.iter().fold(read, |read, (key, value)| {
                    read.custom(key.as_str(), value.clone())
                }))
            }
            _ => {
                let hint = did_you_mean(key, Self::member_keys());
                let separator = if hint.is_empty() { ";" } else { "" };
                Err(CapabilityError::new(
                    key,
                    format!(
                        "not a built-in capability{hint}{separator} capabilities of your own go under `custom`"
                    ),
                ))
            }
        }
    }

    /// Every key of the JSON object.
    pub fn member_keys() -> impl Iterator<Item = &'static str> {
        Flag::ALL
            .into_iter()
            .map(Flag::key)
            .chain(Numeric::ALL.into_iter().map(Numeric::key))
            .chain(["price", "custom", "custom_capabilities"])
    }

    /// Values that no model can have; empty where all is well.
    #[must_use]
    pub fn check(&self) -> Vec<CapabilityError> {
        let mut mistakes = Vec::new();
        let mut check_number = |key: &str, value: f64| {
            if !value.is_finite() || value < 0.0 {
                mistakes.push(CapabilityError::new(
                    key,
                    format!("expected a number of at least 0, got {value}"),
                ));
            }
        };
        for numeric in Numeric::ALL {
            // A price that is wrong is reported once, at its own members below.
            if !(numeric == Numeric::CostPer1kTokens && self.price.is_some()) {
                check_number(numeric.key(), self.number(numeric).value);
            }
        }
        if let Some(price) = self.declared_price() {
            mistakes.extend(price::check(price).into_iter().map(CapabilityError::of_price));
        }
        for (key, _) in &self.custom {
            let path = format!("custom.{key}");
            if Flag::from_key(key).is_some() || Numeric::from_key(key).is_some() {
                mistakes.push(CapabilityError::new(
                    path,
                    "a built-in capability: write it beside `custom`",
                ));
            } else if RESERVED_KEYS.contains(&&**key) || key.is_empty() {
                mistakes.push(CapabilityError::new(
                    path,
                    "a reserved name that no requirement can ask for",
                ));
            }
        }
        mistakes
    }
}

/// A mistake in a capabilities object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapabilityError {
    /// Where in the object, dotted; empty for the object itself.
    pub path: String,
    /// What is wrong, and what would be accepted.
    pub message: String,
}

impl CapabilityError {
    fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            message: message.into(),
        }
    }

    fn of_price((path, message): price::Mistake) -> Self {
        let separator = if path.is_empty() { "" } else { "." };
        Self::new(format!("price{separator}{path}"), message)
    }
}

impl fmt::Display for CapabilityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.path, self.message)
        }
    }
}

impl std::error::Error for CapabilityError {}
