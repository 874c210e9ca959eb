//! Reading the forms in which requirements are written.

use std::fmt;

use serde_json::{Map, Value};

use super::{Bound, Check, Clause, CustomBound, CustomTest, Key, OnUnknown, Requirements, Test, Wanted};
use crate::capability::{Flag, Numeric};
use crate::nearest::did_you_mean;

const OPERATORS: [&str; 9] = ["==", "!=", ">", ">=", "<", "<=", "in", "not", "contains"];

/// Keys that would pin one model.
const PINNING_KEYS: [&str; 3] = ["model", "model_name", "alias"];

/// A mistake in the requirements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequirementError {
    /// The key; empty for the map itself.
    pub key: String,
    /// What is wrong, and what would be accepted.
    pub message: String,
}

impl RequirementError {
    fn new(key: &str, message: impl Into<String>) -> Self {
        Self {
            key: key.to_owned(),
            message: message.into(),
        }
    }
}

impl fmt::Display for RequirementError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.key.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.key, self.message)
        }
    }
}

impl std::error::Error for RequirementError {}

impl Requirements {
    /// Reads the map users write. `unknown: allow` among the keys lets models through of which
    /// it is not known whether they support what is asked.
    ///
    /// # Errors
    /// The first key that pins a model, has the wrong type, or holds an operator that does not
    /// exist. [`Requirements::mistakes_in`] lists all.
    pub fn from_json(value: &Value) -> Result<Self, RequirementError> {
        let mut requirements = Self::new();
        let members = members_of(value)?;
        let on_unknown = read_unknown(members)?;
        for (key, wanted) in members.iter().filter(|(key, _)| *key != "unknown") {
            requirements.push(read_clause(key, wanted, on_unknown)?);
        }
        Ok(requirements)
    }

    /// Every mistake in the map, for reports on whole files.
    #[must_use]
    pub fn mistakes_in(value: &Value) -> Vec<RequirementError> {
        let members = match members_of(value) {
            Ok(members) => members,
            Err(mistake) => return vec![mistake],
        };
        let clauses = members.iter().filter(|(key, _)| *key != "unknown");
        read_unknown(members)
            .err()
            .into_iter()
            .chain(clauses.filter_map(|(key, wanted)| read_clause(key, wanted, OnUnknown::Reject).err()))
            .collect()
    }

    /// Adds one requirement in the form users write.
    ///
    /// # Errors
    /// As [`Requirements::from_json`].
    ///
    /// ```
    /// use modelpool_core::Requirements;
    /// let error = Requirements::new().require("alias", "fast").unwrap_err();
    /// assert!(error.to_string().contains("not a requirement"));
    /// ```
    pub fn require(mut self, key: &str, wanted: impl Into<Value>) -> Result<Self, RequirementError> {
        self.push(read_clause(key, &wanted.into(), OnUnknown::Reject)?);
        Ok(self)
    }
}

fn members_of(value: &Value) -> Result<&Map<String, Value>, RequirementError> {
    value.as_object().ok_or_else(|| {
        RequirementError::new(
            "",
            format!("expected an object such as {{\"supports_vision\": true}}, got {value}"),
        )
    })
}

fn read_unknown(members: &Map<String, Value>) -> Result<OnUnknown, RequirementError> {
    match members.get("unknown") {
        None => Ok(OnUnknown::Reject),
        Some(Value::String(word)) if word == "allow" => Ok(OnUnknown::Accept),
        Some(Value::String(word)) if word == "reject" => Ok(OnUnknown::Reject),
        Some(other) => Err(RequirementError::new(
            "unknown",
            format!("expected \"allow\" or \"reject\", got {other}"),
        )),
    }
}

fn read_clause(key: &str, wanted: &Value, on_unknown: OnUnknown) -> Result<Clause, RequirementError> {
    if PINNING_KEYS.contains(&key) {
        return Err(RequirementError::new(
            key,
            "not a requirement: say what the model must be able to do; to have one model, name its alias",
        ));
    }
    if key.is_empty() || key == "prefer" {
        return Err(RequirementError::new(key, "not the name of a capability"));
    }
    let test = read_test(key, wanted)?;
    Ok(Clause {
        key: key.to_owned().into(),
        wanted: Wanted::Json(Box::new(wanted.clone())),
        test,
        on_unknown,
        inferred: false,
    })
}

fn read_test(key: &str, wanted: &Value) -> Result<Test, RequirementError> {
    if let Some(flag) = Flag::from_key(key) {
        return match wanted {
            Value::Bool(true) => Ok(Test::Flag(flag)),
            Value::Bool(false) => Ok(Test::Nothing),
            Value::Object(operators) => Ok(Test::FlagCheck(flag, Box::new(read_operators(key, operators)?))),
            other => Err(RequirementError::new(
                key,
                format!("expected true or false, got {other}"),
            )),
        };
    }
    if let Some(numeric) = Numeric::from_key(key) {
        let bound = if numeric.more_is_better() {
            Bound::AtLeast
        } else {
            Bound::AtMost
        };
        return read_number(key, numeric, bound, wanted);
    }
    let prefixed = [
        ("min_", Bound::AtLeast as fn(f64) -> Bound),
        ("max_", Bound::AtMost),
    ]
    .into_iter()
    .find_map(|(prefix, bound)| Some((key.strip_prefix(prefix).filter(|base| !base.is_empty())?, bound)));
    if let Some((base, bound)) = prefixed {
        if let Some(numeric) = Numeric::from_key(base) {
            return read_number(key, numeric, bound, wanted);
        }
        if let Some(number) = wanted.as_f64() {
            return Ok(Test::CustomBound(Box::new(CustomBound {
                exact: Key::new(key),
                check: Check::Matches(wanted.clone()),
                base: Key::new(base),
                bound: bound(number),
            })));
        }
    }
    if key.starts_with("supports_") && *wanted == Value::Bool(false) {
        return Ok(Test::Nothing);
    }
    Ok(Test::Custom(Box::new(CustomTest {
        key: Key::new(key),
        check: read_check(key, wanted)?,
    })))
}

fn read_number(
    key: &str,
    numeric: Numeric,
    bound: fn(f64) -> Bound,
    wanted: &Value,
) -> Result<Test, RequirementError> {
    match wanted {
        Value::Object(operators) => Ok(Test::NumberCheck(
            numeric,
            Box::new(read_operators(key, operators)?),
        )),
        _ => wanted
            .as_f64()
            .map(|number| Test::Number(numeric, bound(number)))
            .ok_or_else(|| RequirementError::new(key, format!("expected a number, got {wanted}"))),
    }
}

fn read_check(key: &str, wanted: &Value) -> Result<Check, RequirementError> {
    match wanted {
        Value::Array(items) => Ok(Check::HasAll(items.clone())),
        Value::Object(operators) => read_operators(key, operators),
        scalar => Ok(Check::Matches(scalar.clone())),
    }
}

fn read_operators(key: &str, operators: &Map<String, Value>) -> Result<Check, RequirementError> {
    if operators.is_empty() {
        return Err(RequirementError::new(
            key,
            format!("expected at least one operator of {}", OPERATORS.join(" ")),
        ));
    }
    let mut checks = operators
        .iter()
        .map(|(operator, operand)| read_operator(key, operator, operand))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(if checks.len() == 1 {
        checks.remove(0)
    } else {
        Check::All(checks)
    })
}

fn read_operator(key: &str, operator: &str, operand: &Value) -> Result<Check, RequirementError> {
    let number = || {
        operand.as_f64().ok_or_else(|| {
            RequirementError::new(
                key,
                format!("the operator `{operator}` compares with a number, got {operand}"),
            )
        })
    };
    Ok(match operator {
        "==" => Check::Equal(operand.clone()),
        "!=" => Check::NotEqual(operand.clone()),
        ">" => Check::Greater(number()?),
        ">=" => Check::AtLeast(number()?),
        "<" => Check::Less(number()?),
        "<=" => Check::AtMost(number()?),
        "in" => match operand {
            Value::Array(items) => Check::In(items.clone()),
            other => {
                return Err(RequirementError::new(
                    key,
                    format!("the operator `in` takes a list, got {other}"),
                ));
            }
        },
        "not" => Check::Not(Box::new(read_check(key, operand)?)),
        "contains" => Check::Contains(operand.clone()),
        unknown => {
            let hint = did_you_mean(unknown, OPERATORS);
            return Err(RequirementError::new(
                key,
                format!(
                    "unknown operator `{unknown}`{hint} (known: {})",
                    OPERATORS.join(" ")
                ),
            ));
        }
    })
}
