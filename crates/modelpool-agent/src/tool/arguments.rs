//! What a model wrote as arguments becomes JSON that fits a tool's schema, or words that help it do
//! better: what is wrong, where, and what would be accepted there.
//!
//! A schema is compiled once, when a tool is put into a set. It may not lead out of itself: a `$ref`
//! to another document is refused then, and nothing is ever fetched.

use std::fmt;

use jsonschema::{ValidationError, Validator};
use serde_json::{Map, Value};

use super::text::{clip, nearest};

/// The most mistakes a model is told of at once.
const MOST_MISTAKES: usize = 5;
/// The longest a mistake is told, in bytes: values of the model's own can be long.
const MISTAKE_BYTES: usize = 300;
/// The longest piece of a schema that is quoted, in bytes.
const SCHEMA_BYTES: usize = 600;
/// How much is quoted around the place where JSON is broken, in characters to each side.
const QUOTED_CHARACTERS: usize = 20;

/// A compiled schema of arguments.
pub(super) struct ArgumentSchema {
    schema: Value,
    validator: Validator,
}

impl fmt::Debug for ArgumentSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.schema.fmt(f)
    }
}

impl ArgumentSchema {
    /// Compiles it; the error is why it is no schema of arguments.
    pub(super) fn compile(schema: &Value) -> Result<Self, String> {
        let Value::Object(members) = schema else {
            return Err(format!(
                "it is {}, not an object such as {{\"type\": \"object\", \"properties\": {{…}}}}",
                kind_of(schema)
            ));
        };
        match members.get("type") {
            None => {}
            Some(Value::String(kind)) if kind == "object" => {}
            Some(other) => {
                return Err(format!(
                    "its `type` is {}, not \"object\": arguments are an object",
                    clip(&other.to_string(), MISTAKE_BYTES)
                ));
            }
        }
        let validator = jsonschema::options()
            .offline()
            .build(schema)
            .map_err(|mistake| clip(&mistake.to_string(), MISTAKE_BYTES))?;
        Ok(Self {
            schema: schema.clone(),
            validator,
        })
    }

    /// Reads arguments; the error is in words for the model. No text at all means no arguments, as some
    /// models say it.
    pub(super) fn read(&self, text: &str) -> Result<Value, String> {
        let value = if text.trim().is_empty() {
            Value::Object(Map::new())
        } else {
            serde_json::from_str(text).map_err(|mistake| broken(text, &mistake))?
        };
        if !value.is_object() {
            return Err(format!(
                "the arguments are {}; write one JSON object that fits {}",
                kind_of(&value),
                self.quote(&self.schema)
            ));
        }
        match self.mistakes(&value) {
            None => Ok(value),
            Some(told) => Err(told),
        }
    }

    /// What does not fit, if anything does not.
    fn mistakes(&self, value: &Value) -> Option<String> {
        let mut mistakes = self.validator.iter_errors(value);
        let told: Vec<String> = mistakes
            .by_ref()
            .take(MOST_MISTAKES)
            .map(|mistake| self.tell(&mistake))
            .collect();
        if told.is_empty() {
            return None;
        }
        let more = if mistakes.next().is_some() {
            "\n- and more"
        } else {
            ""
        };
        Some(format!(
            "the arguments do not fit:\n- {}{more}",
            told.join("\n- ")
        ))
    }

    fn tell(&self, mistake: &ValidationError<'_>) -> String {
        let place = mistake.instance_path().as_str();
        let place = if place.is_empty() {
            "at the top".to_owned()
        } else {
            format!("at `{place}`")
        };
        let words = clip(&mistake.to_string(), MISTAKE_BYTES);
        let there = self.around(mistake.schema_path().as_str());
        let mut told = format!("{place}: {words}");
        if let Some(near) = near_property(mistake, there) {
            told.push_str(&format!("; did you mean `{near}`?"));
        }
        if let Some(there) = there {
            told.push_str(&format!("; accepted there: {}", self.quote(there)));
        }
        told
    }

    /// The schema that holds the keyword at a path such as `/properties/n/minimum`.
    fn around(&self, keyword: &str) -> Option<&Value> {
        let (path, _) = keyword.rsplit_once('/')?;
        self.schema.pointer(path)
    }

    fn quote(&self, schema: &Value) -> String {
        clip(&schema.to_string(), SCHEMA_BYTES)
    }
}

/// The known property that looks like the one that was not expected.
fn near_property<'a>(mistake: &ValidationError<'_>, there: Option<&'a Value>) -> Option<&'a str> {
    use jsonschema::error::ValidationErrorKind as Kind;
    let (Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected }) =
        mistake.kind()
    else {
        return None;
    };
    let known = there?.get("properties")?.as_object()?;
    nearest(unexpected.first()?, known.keys().map(String::as_str))
}

/// What is wrong with text that is no JSON, and the text around that place.
fn broken(text: &str, mistake: &serde_json::Error) -> String {
    let line = text.split('\n').nth(mistake.line().saturating_sub(1));
    let line = line.unwrap_or_default();
    // Columns count bytes, and may lie within a character.
    let at = (0..=mistake.column().min(line.len()))
        .rev()
        .find(|place| line.is_char_boundary(*place))
        .unwrap_or_default();
    let before: Vec<char> = line[..at].chars().rev().take(QUOTED_CHARACTERS).collect();
    let before: String = before.into_iter().rev().collect();
    let after: String = line[at..].chars().take(QUOTED_CHARACTERS).collect();
    format!(
        "the arguments are not valid JSON: {mistake}, here: `{before}⟨here⟩{after}`; write one JSON object"
    )
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn schema() -> ArgumentSchema {
        let schema = json!({
            "type": "object",
            "properties": {
                "path": {"type": "string", "minLength": 1},
                "lines": {"$ref": "#/$defs/range"},
                "mode": {"enum": ["read", "write"]},
            },
            "required": ["path"],
            "additionalProperties": false,
            "$defs": {"range": {"type": "object", "properties": {"from": {"type": "integer", "minimum": 1}}}},
        });
        ArgumentSchema::compile(&schema).expect("a schema")
    }

    fn refused(text: &str) -> String {
        schema().read(text).expect_err(text)
    }

    fn says(text: &str, words: &[&str]) {
        let told = refused(text);
        for word in words {
            assert!(told.contains(word), "`{word}` is missing: {told}");
        }
    }

    #[test]
    fn arguments_that_fit_come_through() {
        let text = r#"{"path": "a", "lines": {"from": 2}}"#;
        assert_eq!(
            schema().read(text),
            Ok(json!({"path": "a", "lines": {"from": 2}}))
        );
        let empty = ArgumentSchema::compile(&json!({"type": "object"})).expect("a schema");
        assert_eq!(empty.read(" "), Ok(json!({})));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place_and_what_fits() {
        says(
            r#"{}"#,
            &["at the top", "\"path\" is a required property", "accepted there"],
        );
        says("", &["\"path\" is a required property"]);
        says(
            r#"{"path": "a", "mode": "append"}"#,
            &["at `/mode`", "\"append\"", r#"{"enum":["read","write"]}"#],
        );
        says(
            r#"{"path": "a", "lines": {"from": 0}}"#,
            &["at `/lines/from`", "minimum of 1", r#""type":"integer""#],
        );
        says(
            r#"{"path": "a", "mod": "read"}"#,
            &["'mod'", "did you mean `mode`?"],
        );
        says("[1]", &["are a list", "one JSON object"]);
    }

    #[test]
    fn broken_json_is_quoted_where_it_breaks() {
        says(
            r#"{"path": "a" "mode": "read"}"#,
            &["not valid JSON", "line 1 column 14", "⟨here⟩"],
        );
        says("{\"path\": \"文件\n\"}", &["control character"]);
        says(r#"{"path": "a"#, &["EOF"]);
    }

    #[test]
    fn only_the_first_mistakes_are_told() {
        let numbers: Vec<String> = (0..9).map(|number| format!("\"x{number}\"")).collect();
        let schema =
            json!({"type": "object", "properties": {"n": {"type": "array", "items": {"type": "integer"}}}});
        let schema = ArgumentSchema::compile(&schema).expect("a schema");
        let told = schema
            .read(&format!("{{\"n\": [{}]}}", numbers.join(",")))
            .expect_err("strings");
        assert_eq!(told.lines().count(), 1 + MOST_MISTAKES + 1, "{told}");
        assert!(told.ends_with("- and more"), "{told}");
    }

    #[test]
    fn a_long_value_is_clipped() {
        let text = json!({"path": "a", "mode": "x".repeat(100_000)}).to_string();
        assert!(refused(&text).len() < 2_000);
    }

    #[test]
    fn what_is_no_schema_of_arguments_is_refused_when_it_is_defined() {
        for (schema, words) in [
            (json!("object"), "a string"),
            (json!({"type": "array"}), "\"array\""),
            (
                json!({"type": "object", "properties": {"n": {"type": "intger"}}}),
                "intger",
            ),
            (
                json!({"properties": {"n": {"$ref": "https://example.com/schema.json"}}}),
                "example.com",
            ),
            (
                json!({"properties": {"n": {"$ref": "file:///etc/passwd"}}}),
                "file:///etc/passwd",
            ),
            (json!({"properties": {"n": {"$ref": "#/$defs/none"}}}), "none"),
        ] {
            let mistake = ArgumentSchema::compile(&schema).map(drop);
            let mistake = mistake.expect_err(words);
            assert!(mistake.contains(words), "{mistake}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let text = String::from_utf8_lossy(&bytes);
            if let Ok(value) = schema().read(&text) {
                prop_assert!(value.is_object());
            }
        }

        #[test]
        fn nearly_right_arguments_are_read_or_refused_with_words(
            text in r#"\{"path": ?("[a-z文]*"|[0-9]{1,3}|null)(, ?"(lines|mode|x)": ?("read"|\{"from": ?-?[0-9]\}|\[\]))?\}?"#,
        ) {
            match schema().read(&text) {
                Ok(value) => prop_assert!(value["path"].is_string()),
                Err(told) => prop_assert!(!told.is_empty() && told.len() < 6_000),
            }
        }
    }
}
