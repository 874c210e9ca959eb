//! The tree every format is read into: plain values that know where they stand in the file.
//!
//! YAML, TOML and JSON each have a builder beside this file; all that comes after them (variables,
//! tables, semantic checks) sees only this tree, so a mistake is found and worded the same way in
//! all three. Numbers keep their source text, because a message that quotes a number back has to
//! show what the user wrote, and because `1e400` must not become infinity on the way. Mappings keep
//! their order and their duplicates: the walker reports the latter with both positions.

use serde::Serialize;

use super::path::Path;

/// How deep lists and mappings may nest; a configuration needs about six levels, free JSON a few more.
pub(super) const MAX_DEPTH: usize = 64;

/// A place in the file, as editors count: both from one, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters (not bytes), from 1.
    pub column: usize,
}

impl Position {
    /// The first character of the file.
    pub(super) const START: Self = Self { line: 1, column: 1 };
}

/// Where a value or a key begins, and where it ends (exclusive).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: Position,
    pub(super) end: Position,
}

/// A value and its place.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) span: Span,
}

/// What a value is, before anybody says what it should be.
#[derive(Clone)]
pub(super) enum Value {
    Null,
    Boolean(bool),
    /// The text as written, sign and radix prefix (`0x`, `0o`, `0b`) included.
    Integer(String),
    /// The text as written.
    Float(String),
    String(Text),
    /// A string whose variable could not be read. The mistake is already reported, so that nothing
    /// after it may complain about the content; the type is still a string.
    Unresolved,
    Sequence(Vec<Node>),
    Mapping(Vec<Entry>),
}

/// A string, and whether any of it came out of a variable: then no message may show it.
#[derive(Clone)]
pub(super) struct Text {
    pub(super) text: String,
    pub(super) from_variable: bool,
}

/// One key and its value.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Span,
    pub(super) value: Node,
}

impl Value {
    /// A string as it stands in the file.
    pub(super) fn string(text: impl Into<String>) -> Self {
        Self::String(Text {
            text: text.into(),
            from_variable: false,
        })
    }
}

impl Node {
    /// The first entry of that name, where this is a mapping that has one.
    pub(super) fn get(&self, key: &str) -> Option<&Entry> {
        match &self.value {
            Value::Mapping(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }

    /// The string, where this is one that could be read.
    pub(super) fn text(&self) -> Option<&Text> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// Calls `visit` with every scalar at or below this node.
    pub(super) fn for_each_scalar<'a>(&'a self, visit: &mut impl FnMut(&'a Self)) {
        match &self.value {
            Value::Sequence(items) => {
                for item in items {
                    item.for_each_scalar(visit);
                }
            }
            Value::Mapping(entries) => {
                for entry in entries {
                    entry.value.for_each_scalar(visit);
                }
            }
            _ => visit(self),
        }
    }

    /// The value as JSON. A number JSON cannot hold (not finite, or beyond 64 bits) goes to `refuse`
    /// and becomes null. `None` if a variable below is missing: the value is then not known.
    pub(super) fn to_json(
        &self,
        path: &Path,
        refuse: &mut impl FnMut(&Path, &Self, &'static str),
    ) -> Option<serde_json::Value> {
        use serde_json::Value as Json;
        Some(match &self.value {
            Value::Null => Json::Null,
            Value::Boolean(boolean) => Json::Bool(*boolean),
            Value::Integer(text) => json_integer(text).unwrap_or_else(|| {
                refuse(path, self, "the number does not fit in 64 bits");
                Json::Null
            }),
            Value::Float(text) => json_float(text).unwrap_or_else(|| {
                refuse(
                    path,
                    self,
                    "the number is not finite, and JSON has no such number",
                );
                Json::Null
            }),
            Value::String(text) => Json::String(text.text.clone()),
            Value::Unresolved => return None,
            Value::Sequence(items) => {
                let items = items.iter().enumerate();
                let items = items.map(|(index, item)| item.to_json(&path.index(index), refuse));
                Json::Array(items.collect::<Option<_>>()?)
            }
            Value::Mapping(entries) => {
                let entries = entries.iter().map(|entry| {
                    let value = entry.value.to_json(&path.key(&entry.key), refuse)?;
                    Some((entry.key.clone(), value))
                });
                Json::Object(entries.collect::<Option<_>>()?)
            }
        })
    }
}

/// The value of an integer's text in any of the radixes the formats write; `None` beyond 128 bits.
pub(super) fn integer(text: &str) -> Option<i128> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (digits, radix) = match digits.get(..2) {
        Some("0x") => (&digits[2..], 16),
        Some("0o") => (&digits[2..], 8),
        Some("0b") => (&digits[2..], 2),
        _ => (digits, 10),
    };
    let magnitude = i128::from_str_radix(digits, radix).ok()?;
    Some(if negative { -magnitude } else { magnitude })
}

/// The value of a number, fractions included; `None` for what is no number, or not finite.
pub(super) fn decimal(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Integer(text) => integer(text)? as f64,
        Value::Float(text) => text.parse().ok()?,
        _ => return None,
    };
    number.is_finite().then_some(number)
}

fn json_integer(text: &str) -> Option<serde_json::Value> {
    let value = integer(text)?;
    u64::try_from(value)
        .map(serde_json::Value::from)
        .or_else(|_| i64::try_from(value).map(serde_json::Value::from))
        .ok()
}

fn json_float(text: &str) -> Option<serde_json::Value> {
    let value: f64 = text.parse().ok()?; // YAML's `.inf` and `.nan` fail here, and are not finite either
    serde_json::Number::from_f64(value).map(serde_json::Value::Number)
}
