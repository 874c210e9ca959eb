//! Small readings of JSON values.

use serde_json::Value;

use crate::openai_chat::read::BodyError;

/// A member, where it stands and is not null.
pub(super) fn member<'a>(object: &'a Value, key: &str) -> Option<&'a Value> {
    object.get(key).filter(|value| !value.is_null())
}

/// A member that is a text.
pub(super) fn text<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.get(key).and_then(Value::as_str)
}

/// A member's items; none where it is no list.
pub(super) fn list<'a>(object: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    object.get(key).and_then(Value::as_array).into_iter().flatten()
}

/// A count of at least 0; some servers write `12.0`.
pub(super) fn count(value: &Value) -> u64 {
    // A cast saturates: negative becomes 0.
    value
        .as_u64()
        .or_else(|| value.as_f64().map(|number| number as u64))
        .unwrap_or(0)
}

/// What is wrong at `param`: what stands there, and what would be accepted.
pub(super) fn wrong(param: &str, found: &Value, expected: &str) -> BodyError {
    BodyError {
        param: Some(param.to_owned()),
        message: format!("`{param}` is {}; expected {expected}", shown(found)),
    }
}

pub(super) fn missing(param: &str, expected: &str) -> BodyError {
    BodyError {
        param: Some(param.to_owned()),
        message: format!("`{param}` is missing; expected {expected}"),
    }
}

/// The beginning of a value.
fn shown(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        scalar => {
            let whole = scalar.to_string();
            let head: String = whole.chars().take(40).collect();
            if head.len() < whole.len() {
                format!("{head}…")
            } else {
                head
            }
        }
    }
}
