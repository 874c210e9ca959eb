//! Hints that this wire has a place for.
//!
//! Other dialects have hints of the same name with values that OpenAI refuses (`service_tier`, `metadata`), so a
//! value is looked at before it is written: a hint must not cost a caller the answer.

use serde_json::{Map, Value};

/// Writes a hint into the body, if it has a place there.
pub(super) fn write(name: &str, value: &Value, body: &mut Map<String, Value>) -> bool {
    let word = value.as_str().unwrap_or_default();
    let (within, key, fits) = match name {
        "user" | "prompt_cache_key" | "prompt_cache_retention" | "safety_identifier" => {
            (None, name, !word.is_empty())
        }
        "store" => (None, name, value.is_boolean()),
        "metadata" => (None, name, is_metadata(value)),
        "service_tier" => {
            let known = [
                "auto",
                "default",
                "flex",
                "scale",
                "priority",
                "fast",
                "ultrafast",
            ];
            (None, name, known.contains(&word))
        }
        "truncation" => (None, name, matches!(word, "auto" | "disabled")),
        "max_tool_calls" => (None, name, value.is_u64()),
        // The name in chat completions.
        "verbosity" => (Some("text"), name, matches!(word, "low" | "medium" | "high")),
        // Members of these two come from this dialect only, so OpenAI is to judge them.
        _ => match name.split_once('.') {
            Some((within @ ("text" | "reasoning"), key)) => (Some(within), key, true),
            _ => return false,
        },
    };
    if fits {
        set(body, within, key, value.clone());
    }
    fits
}

/// Sets a member of the body, or of an object in it.
pub(super) fn set(body: &mut Map<String, Value>, within: Option<&str>, key: &str, value: Value) {
    let Some(within) = within else {
        body.insert(key.to_owned(), value);
        return;
    };
    let object = body.entry(within).or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(object) = object {
        object.insert(key.to_owned(), value);
    }
}

/// Texts by keys, as OpenAI wants them.
fn is_metadata(value: &Value) -> bool {
    value
        .as_object()
        .is_some_and(|members| members.values().all(Value::is_string))
}
