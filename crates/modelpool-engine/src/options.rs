//! What a caller says to the pool itself: the member `modelpool` of a body, or the same by name.

use std::sync::Arc;
use std::time::Duration;

use modelpool_core::nearest::did_you_mean;
use modelpool_core::{Error, ErrorKind, Requirements};
use serde_json::{Map, Value};

/// Keys of the member `modelpool`.
const KEYS: [&str; 8] = [
    "requirements",
    "prefer",
    "models",
    "fallbacks",
    "deadline_ms",
    "max_cost_usd",
    "session",
    "tags",
];

/// What a caller says to the pool.
#[derive(Clone, Debug, Default)]
pub struct RequestOptions {
    /// What the model must be able to do.
    pub requirements: Requirements,
    /// What is wished for; changes only the order.
    pub preferences: Requirements,
    /// Aliases to which the candidates are restricted.
    pub models: Option<Vec<String>>,
    /// Aliases to fail over to, in place of the named model's own.
    pub fallbacks: Option<Vec<String>>,
    /// Time for the whole request, failovers included.
    pub deadline: Option<Duration>,
    /// US dollars for the whole request, failovers included.
    pub max_cost_usd: Option<f64>,
    /// `session` and `tags`, and values of the caller's own: selectors can look at them.
    pub values: Arc<Map<String, Value>>,
    /// Infers from the words and the length of plain text too, whatever the pool says (see [`crate::infer`]), as an
    /// agent's requests do. Not for a model that is named. No key of a body: set in code.
    pub infer_words: bool,
    /// A tool loop under way need not stay with its model: the selector chooses as for any request. What only that
    /// model understands is left out where another answers. No key of a body: set in code.
    pub leaves_tool_loop: bool,
}

impl RequestOptions {
    /// Reads the member `modelpool`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`] with the path of the member at fault: unknown keys (nothing
    /// is ignored), wrong types, wrong requirements.
    pub fn from_json(value: &Value) -> Result<Self, Error> {
        let members = value.as_object().ok_or_else(|| {
            invalid(
                "",
                format!("`modelpool` is not an object; its keys are {}", KEYS.join(", ")),
            )
        })?;
        let mut options = Self::default();
        for (key, value) in members {
            match key.as_str() {
                "requirements" => options.requirements = requirements(value, "requirements")?,
                "prefer" => options.preferences = requirements(value, "prefer")?,
                "models" => options.models = Some(aliases(value, key)?),
                "fallbacks" => options.fallbacks = Some(aliases(value, key)?),
                "deadline_ms" => {
                    let milliseconds = value
                        .as_u64()
                        .filter(|milliseconds| *milliseconds > 0)
                        .ok_or_else(|| {
                            invalid(
                                key,
                                format!("expected a whole number of milliseconds above 0, got {value}"),
                            )
                        })?;
                    options.deadline = Some(Duration::from_millis(milliseconds));
                }
                "session" if value.is_string() => {
                    Arc::make_mut(&mut options.values).insert(key.clone(), value.clone());
                }
                "session" => return Err(invalid(key, format!("expected a string, got {value}"))),
                "tags" if value.is_object() || value.is_array() => {
                    Arc::make_mut(&mut options.values).insert(key.clone(), value.clone());
                }
                "tags" => return Err(invalid(key, format!("expected an object or a list, got {value}"))),
                "max_cost_usd" => {
                    let dollars = value.as_f64().filter(|dollars| *dollars > 0.0);
                    let dollars = dollars.ok_or_else(|| {
                        invalid(key, format!("expected US dollars, a number above 0, got {value}"))
                    })?;
                    options.max_cost_usd = Some(dollars);
                }
                _ => {
                    let hint = did_you_mean(key, KEYS);
                    return Err(invalid(
                        key,
                        format!("unknown key{hint} (known: {})", KEYS.join(", ")),
                    ));
                }
            }
        }
        Ok(options)
    }

    /// Adds requirements in the form users write, from a header say; keys that are there already
    /// must hold too.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`] with the key at fault.
    pub fn require(&mut self, value: &Value) -> Result<(), Error> {
        let further = requirements(value, "requirements")?;
        self.requirements = std::mem::take(&mut self.requirements).and(&further);
        Ok(())
    }
}

fn requirements(value: &Value, key: &str) -> Result<Requirements, Error> {
    Requirements::from_json(value).map_err(|mistake| {
        let path = if mistake.key.is_empty() {
            key.to_owned()
        } else {
            format!("{key}.{}", mistake.key)
        };
        invalid(&path, mistake.message)
    })
}

fn aliases(value: &Value, key: &str) -> Result<Vec<String>, Error> {
    let wrong = || invalid(key, format!("expected a list of aliases, got {value}"));
    let items = value.as_array().ok_or_else(wrong)?;
    items
        .iter()
        .map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong))
        .collect()
}

fn invalid(path: &str, message: impl std::fmt::Display) -> Error {
    let path = if path.is_empty() {
        "modelpool".to_owned()
    } else {
        format!("modelpool.{path}")
    };
    Error::new(ErrorKind::InvalidRequest, format!("{path}: {message}")).with_param(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn all_keys_are_read() {
        let options = RequestOptions::from_json(&json!({
            "requirements": {"supports_tools": true}, "prefer": {"tier": "gold"}, "models": ["a"],
            "fallbacks": ["b"], "deadline_ms": 1500, "max_cost_usd": 0.5, "session": "s", "tags": {"team": "x"},
        }))
        .unwrap();
        assert_eq!((options.requirements.len(), options.preferences.len()), (1, 1));
        assert_eq!(options.deadline, Some(Duration::from_millis(1500)));
        assert_eq!(options.max_cost_usd, Some(0.5));
        assert_eq!(
            Value::Object((*options.values).clone()),
            json!({"session": "s", "tags": {"team": "x"}})
        );
    }

    #[test]
    fn nothing_is_ignored() {
        for (value, message) in [
            (
                json!(1),
                "modelpool: `modelpool` is not an object; its keys are requirements, prefer, models, fallbacks, deadline_ms, max_cost_usd, session, tags",
            ),
            (
                json!({"requirement": {}}),
                "modelpool.requirement: unknown key, did you mean `requirements`? (known: requirements, prefer, models, fallbacks, deadline_ms, max_cost_usd, session, tags)",
            ),
            (
                json!({"max_cost_usd": "1"}),
                "modelpool.max_cost_usd: expected US dollars, a number above 0, got \"1\"",
            ),
            (
                json!({"deadline_ms": 0}),
                "modelpool.deadline_ms: expected a whole number of milliseconds above 0, got 0",
            ),
            (
                json!({"models": "a"}),
                "modelpool.models: expected a list of aliases, got \"a\"",
            ),
            (
                json!({"requirements": {"supports_tools": 1}}),
                "modelpool.requirements.supports_tools: expected true or false, got 1",
            ),
        ] {
            assert_eq!(RequestOptions::from_json(&value).unwrap_err().message(), message);
        }
    }
}
