//! Schemas: Gemini has its own, a part of OpenAPI's, and takes JSON Schema in members of another name.
//!
//! A schema that its own form can say is written there, since every model takes that; any other goes as JSON
//! Schema (`parametersJsonSchema`, `responseJsonSchema`), as it is. A caller's schema in Gemini's own form is
//! read into JSON Schema.
//!
//! <https://ai.google.dev/api/caching#Schema>.

use serde_json::{Map, Value, json};

use super::names::{camel, count};

/// What may stand beside `type` and means the same in both.
const PLAIN: [&str; 14] = [
    "title",
    "description",
    "required",
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "minProperties",
    "maxProperties",
    "minimum",
    "maximum",
    "pattern",
    "default",
    "propertyOrdering",
];

/// Whether Gemini's own form says the same.
pub(super) fn is_own_form(schema: &Value) -> bool {
    let Some(schema) = schema.as_object() else {
        return false;
    };
    let kind = schema.get("type").and_then(Value::as_str).unwrap_or_default();
    let complete = match kind {
        "string" | "number" | "integer" | "boolean" => true,
        // The wire refuses an object without properties, and a list that does not say of what.
        "object" => schema.contains_key("properties"),
        "array" => schema.contains_key("items"),
        _ => schema.contains_key("anyOf") && !schema.contains_key("type"),
    };
    complete
        && schema
            .iter()
            .all(|(name, value)| is_own_member(kind, name, value))
}

fn is_own_member(kind: &str, name: &str, value: &Value) -> bool {
    match name {
        "type" => true,
        "enum" => {
            let words = value.as_array();
            kind == "string" && words.is_some_and(|words| words.iter().all(Value::is_string))
        }
        "format" => matches!(
            (kind, value.as_str()),
            ("string", Some("date-time" | "enum"))
                | ("number", Some("float" | "double"))
                | ("integer", Some("int32" | "int64"))
        ),
        "properties" => value
            .as_object()
            .is_some_and(|each| !each.is_empty() && each.values().all(is_own_form)),
        "items" => is_own_form(value),
        "anyOf" => value.as_array().is_some_and(|each| each.iter().all(is_own_form)),
        name => PLAIN.contains(&name),
    }
}

/// Whether it describes an object without any property: no arguments at all.
pub(super) fn is_empty_object(schema: &Value) -> bool {
    let Some(schema) = schema.as_object() else {
        return schema.is_null();
    };
    let object = schema.get("type").is_none_or(|kind| kind == "object");
    let no_properties = match schema.get("properties") {
        None => true,
        Some(properties) => properties.as_object().is_some_and(Map::is_empty),
    };
    let rest_is_silent = schema.iter().all(|(name, value)| match name.as_str() {
        "type" | "properties" | "$schema" | "title" | "description" => true,
        "additionalProperties" => value == &json!(false) || value == &json!({}),
        "required" => value.as_array().is_some_and(Vec::is_empty),
        _ => false,
    });
    object && no_properties && rest_is_silent
}

/// JSON Schema of a schema in Gemini's own form, whose types may be in capitals.
pub(super) fn from_own_form(schema: &Value) -> Value {
    let Some(own) = schema.as_object() else {
        return schema.clone();
    };
    let mut read = Map::new();
    let mut nullable = false;
    for (name, value) in own.iter().filter(|(_, value)| !value.is_null()) {
        let name = camel(name).into_owned();
        let value = match name.as_str() {
            "nullable" => {
                nullable = value.as_bool().unwrap_or_default();
                continue;
            }
            // The order of the properties in the text is the only order JSON has.
            "propertyOrdering" => continue,
            "type" => match value.as_str() {
                Some("TYPE_UNSPECIFIED") => continue,
                Some(word) => word.to_ascii_lowercase().into(),
                None => value.clone(),
            },
            "example" => {
                read.insert("examples".to_owned(), json!([value]));
                continue;
            }
            "properties" => match value.as_object() {
                Some(each) => each
                    .iter()
                    .map(|(name, value)| (name.clone(), from_own_form(value)))
                    .collect::<Map<_, _>>()
                    .into(),
                None => value.clone(),
            },
            "items" | "additionalProperties" => from_own_form(value),
            "anyOf" | "prefixItems" => match value.as_array() {
                Some(each) => each.iter().map(from_own_form).collect::<Vec<_>>().into(),
                None => value.clone(),
            },
            // Numbers of 64 bits, which stand in quotation marks.
            "minItems" | "maxItems" | "minLength" | "maxLength" | "minProperties" | "maxProperties" => {
                count(value).map_or_else(|| value.clone(), Value::from)
            }
            _ => value.clone(),
        };
        read.insert(name, value);
    }
    if nullable {
        admit_null(&mut read);
    }
    Value::Object(read)
}

fn admit_null(schema: &mut Map<String, Value>) {
    if let Some(kind) = schema.get_mut("type").filter(|kind| kind.is_string()) {
        *kind = json!([kind.take(), "null"]);
    } else if let Some(each) = schema.get_mut("anyOf").and_then(Value::as_array_mut) {
        each.push(json!({"type": "null"}));
    }
    if let Some(words) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        words.push(Value::Null);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_own_form_says() {
        for (schema, own) in [
            (
                json!({"type": "object", "properties": {"a": {"type": "string", "enum": ["x"]}}, "required": ["a"]}),
                true,
            ),
            (
                json!({"type": "array", "items": {"type": "integer", "format": "int32", "minimum": 1}}),
                true,
            ),
            (json!({"anyOf": [{"type": "string"}, {"type": "number"}]}), true),
            (
                json!({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": false}),
                false,
            ),
            (json!({"$schema": "x", "type": "string"}), false),
            (json!({"type": ["string", "null"]}), false),
            (json!({"type": "integer", "enum": [1]}), false),
            (json!({"type": "string", "format": "uri"}), false),
            (
                json!({"type": "object", "properties": {"a": {"type": "object"}}}),
                false,
            ),
            (
                json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {}}),
                false,
            ),
            (json!({"type": "array"}), false),
            (json!({"type": "object", "properties": {}}), false),
            (json!({"type": "string", "const": "a"}), false),
            (json!(true), false),
            (json!({}), false),
        ] {
            assert_eq!(is_own_form(&schema), own, "{schema}");
        }
    }

    #[test]
    fn objects_without_properties() {
        for (schema, empty) in [
            (json!({}), true),
            (json!(null), true),
            (
                json!({"type": "object", "properties": {}, "required": [], "additionalProperties": false}),
                true,
            ),
            (json!({"type": "object", "additionalProperties": true}), false),
            (
                json!({"type": "object", "additionalProperties": {"type": "string"}}),
                false,
            ),
            (json!({"type": "object", "properties": {"a": {}}}), false),
            (json!({"type": "string"}), false),
            (json!({"$ref": "#"}), false),
        ] {
            assert_eq!(is_empty_object(&schema), empty, "{schema}");
        }
    }

    #[test]
    fn the_own_form_as_json_schema() {
        let own = json!({"type": "OBJECT", "property_ordering": ["type"], "properties": {
            "type": {"type": "STRING", "nullable": true, "enum": ["a"], "example": "a"},
            "list": {"type": "ARRAY", "minItems": "2", "items": {"type": "NUMBER"}},
            "any_of": {"any_of": [{"type": "STRING"}], "nullable": true}}});
        let expected = json!({"type": "object", "properties": {
            "type": {"type": ["string", "null"], "enum": ["a", null], "examples": ["a"]},
            "list": {"type": "array", "minItems": 2, "items": {"type": "number"}},
            "any_of": {"anyOf": [{"type": "string"}, {"type": "null"}]}}});
        assert_eq!(from_own_form(&own), expected);
        assert_eq!(from_own_form(&expected), expected);
    }
}
