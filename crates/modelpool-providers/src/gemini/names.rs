//! Names of members: Google reads both `maxOutputTokens` and `max_output_tokens`, and so do we.

use std::borrow::Cow;

use serde_json::Value;

/// A name in the form of the reference, `maxOutputTokens`.
pub(super) fn camel(name: &str) -> Cow<'_, str> {
    // A leading underline belongs to the name.
    if !name.trim_start_matches('_').contains('_') {
        return Cow::Borrowed(name);
    }
    let mut written = String::with_capacity(name.len());
    let mut after_line = false;
    for letter in name.chars() {
        if letter == '_' && !written.is_empty() {
            after_line = true;
        } else if std::mem::take(&mut after_line) {
            written.extend(letter.to_uppercase());
        } else {
            written.push(letter);
        }
    }
    Cow::Owned(written)
}

/// The member of an object in either form of its name; null is as good as absent.
pub(super) fn member<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    let object = object.as_object()?;
    let found = object.get(name).filter(|value| !value.is_null());
    found.or_else(|| {
        let mut others = object.iter().filter(|(_, value)| !value.is_null());
        others
            .find(|(key, _)| key.contains('_') && camel(key) == name)
            .map(|(_, value)| value)
    })
}

/// The member, where it is a text.
pub(super) fn text<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    member(object, name)?.as_str()
}

/// A count of at least 0; numbers of 64 bits may stand in quotation marks.
pub(super) fn count(value: &Value) -> Option<u64> {
    match value {
        // Some write `12.0`. The cast saturates, and the fraction is nothing to count.
        Value::Number(number) => number.as_u64().or_else(|| {
            number
                .as_f64()
                .filter(|number| *number >= 0.0)
                .map(|number| number as u64)
        }),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// A number, which may stand in quotation marks.
pub(super) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok().filter(|number: &f64| number.is_finite()),
        _ => None,
    }
}

/// A value as it may stand in a message: not longer than a line.
pub(super) fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_forms_of_a_name_are_one() {
        for (name, expected) in [
            ("max_output_tokens", "maxOutputTokens"),
            ("maxOutputTokens", "maxOutputTokens"),
            ("_responseJsonSchema", "_responseJsonSchema"),
            ("_response_json_schema", "_responseJsonSchema"),
            ("", ""),
            ("a__b_", "aB"),
        ] {
            assert_eq!(camel(name), expected);
        }
        let object = json!({"inline_data": 1, "fileData": null, "file_data": 2});
        assert_eq!(member(&object, "inlineData"), Some(&json!(1)));
        assert_eq!(member(&object, "fileData"), Some(&json!(2)));
        assert_eq!(member(&object, "text"), None);
        assert_eq!(member(&json!([]), "text"), None);
    }

    #[test]
    fn numbers_in_quotation_marks() {
        for (value, expected) in [
            (json!(7), Some(7)),
            (json!("7"), Some(7)),
            (json!(7.0), Some(7)),
            (json!(-1), None),
            (json!("x"), None),
            (json!(true), None),
        ] {
            assert_eq!(count(&value), expected, "{value}");
        }
        assert_eq!(number(&json!("0.5")), Some(0.5));
        assert_eq!(number(&json!("NaN")), None);
    }
}
