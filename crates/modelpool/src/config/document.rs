//! What the tables say, as a JSON Schema for editors and as a reference page for people.
//!
//! Both are shipped in `docs/` and compared with what is made here by a test.

use std::fmt::Write as _;

use serde_json::{Map, Value as Json, json};

use super::fields::{Default, Field, Kind, MIN_SECONDS, Presence, Section, Unit};
use super::tables;

/// Every section, in the order of the reference page.
static SECTIONS: [&Section; 13] = [
    &tables::FILE,
    &tables::MODEL,
    &tables::LIMITS,
    &tables::EXTRA,
    &tables::POOL,
    &tables::TIMEOUTS,
    &tables::RETRY,
    &tables::BREAKER,
    &tables::HEDGING,
    &tables::HEALTH,
    &tables::STREAMING,
    &tables::STATE,
    &tables::KEY,
];

/// The JSON Schema (draft 2020-12) of a configuration: keys, types, ranges and words.
///
/// What needs more than one value (names that exist, limits that fit together) and what stands in
/// the free parts is beyond it; `modelpool check` finds all of it.
#[must_use]
pub fn json_schema() -> Json {
    let mut schema = Map::new();
    let dialect = "https://json-schema.org/draft/2020-12/schema";
    schema.insert("$schema".to_owned(), dialect.into());
    schema.insert("title".to_owned(), "modelpool configuration".into());
    if let Json::Object(file) = section_schema(&tables::FILE) {
        schema.extend(file);
    }
    let below = SECTIONS.iter().skip(1);
    let definitions = below.map(|section| (section.name.to_owned(), section_schema(section)));
    schema.insert("$defs".to_owned(), Json::Object(definitions.collect()));
    Json::Object(schema)
}

fn section_schema(section: &Section) -> Json {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for field in section.fields {
        let Some(kind) = &field.kind else {
            continue;
        };
        let mut schema = kind_schema(kind);
        schema.insert("description".to_owned(), field.doc.into());
        match field.presence {
            Presence::Required => required.push(field.name),
            Presence::Optional => {}
            Presence::Default(default) => {
                schema.insert("default".to_owned(), default_json(default));
            }
        }
        properties.insert(field.name.to_owned(), Json::Object(schema));
    }
    let mut schema = Map::new();
    schema.insert("description".to_owned(), section.doc.into());
    schema.insert("type".to_owned(), "object".into());
    schema.insert("additionalProperties".to_owned(), false.into());
    if !required.is_empty() {
        schema.insert("required".to_owned(), required.into());
    }
    schema.insert("properties".to_owned(), Json::Object(properties));
    Json::Object(schema)
}

fn kind_schema(kind: &Kind) -> Map<String, Json> {
    let schema = match kind {
        Kind::Text => json!({"type": "string", "minLength": 1}),
        Kind::Secret => json!({"type": "string", "minLength": 1, "writeOnly": true}),
        Kind::Boolean => json!({"type": "boolean"}),
        Kind::Integer { min, max, .. } => {
            json!({"type": "integer", "minimum": min, "maximum": max})
        }
        Kind::Seconds { max } => json!({"type": "number", "minimum": MIN_SECONDS, "maximum": max}),
        Kind::Share => json!({"type": "number", "exclusiveMinimum": 0, "maximum": 1}),
        Kind::FirstAndCap { of, or_fixed } => {
            let item = kind_schema(of);
            let list = json!({"type": "array", "minItems": 2, "maxItems": 2, "items": item});
            match or_fixed {
                true => json!({"anyOf": [item, list]}),
                false => list,
            }
        }
        Kind::Word(words) => {
            let available = words.iter().filter(|word| word.available);
            let words: Vec<_> = available.map(|word| word.word).collect();
            json!({"enum": words})
        }
        Kind::List { item, min } => {
            json!({"type": "array", "minItems": min, "items": kind_schema(item)})
        }
        Kind::Map(item) => json!({"type": "object", "additionalProperties": kind_schema(item)}),
        Kind::Section(section) => json!({"$ref": format!("#/$defs/{}", section.name)}),
        Kind::Free | Kind::Body => json!({"type": "object"}),
        Kind::Selector => json!({"type": ["string", "object"]}),
    };
    match schema {
        Json::Object(schema) => schema,
        _ => Map::new(),
    }
}

fn default_json(default: Default) -> Json {
    match default {
        Default::Boolean(boolean) => boolean.into(),
        Default::Number(number) => number.into(),
        Default::FirstAndCap(first, cap) => json!([first, cap]),
        Default::Text(text) => text.into(),
    }
}

/// The reference of all keys, as Markdown: a heading and a table for each section.
#[must_use]
pub fn reference_markdown() -> String {
    let mut text = String::new();
    for section in SECTIONS {
        section_markdown(section, &mut text);
    }
    text
}

fn section_markdown(section: &Section, text: &mut String) {
    let _infallible = write!(
        text,
        "### {}\n\n{}\n\n| key | value | default | meaning |\n|---|---|---|---|\n",
        section.name, section.doc
    );
    for field in section.fields {
        let Field {
            name,
            doc,
            kind,
            presence,
        } = field;
        let Some(kind) = kind else {
            continue;
        };
        let default = match presence {
            Presence::Required => "required".to_owned(),
            Presence::Optional => String::new(),
            Presence::Default(default) => format!("`{}`", default_text(*default)),
        };
        let value = kind_markdown(kind);
        let _infallible = writeln!(text, "| `{name}` | {value} | {default} | {doc} |");
    }
    let later = section.fields.iter().filter(|field| field.kind.is_none());
    let later: Vec<_> = later.map(|field| format!("`{}`", field.name)).collect();
    if !later.is_empty() {
        let _infallible = write!(
            text,
            "\nNot available in this version, and refused: {}.\n",
            later.join(", ")
        );
    }
    text.push('\n');
}

fn default_text(default: Default) -> String {
    match default {
        Default::Boolean(boolean) => boolean.to_string(),
        Default::Number(number) => number.to_string(),
        Default::FirstAndCap(first, cap) => format!("[{first}, {cap}]"),
        Default::Text(text) => text.to_owned(),
    }
}

fn kind_markdown(kind: &Kind) -> String {
    match kind {
        Kind::Text => "string".to_owned(),
        Kind::Secret => "string, secret".to_owned(),
        Kind::Boolean => "`true` or `false`".to_owned(),
        Kind::Integer { min, max, unit } => {
            let unit = match unit {
                Unit::None => "",
                Unit::Milliseconds => " ms",
                Unit::Bytes => " bytes",
            };
            format!("{min} to {max}{unit}")
        }
        Kind::Seconds { max } => format!("{MIN_SECONDS} to {max} s"),
        Kind::Share => "above 0, up to 1".to_owned(),
        Kind::FirstAndCap { of, or_fixed } => {
            let of = kind_markdown(of);
            match or_fixed {
                true => format!("{of}, or a list of two: first, longest"),
                false => format!("list of two, {of}: first, longest"),
            }
        }
        Kind::Word(words) => {
            let shown = words.iter().map(|word| {
                let later = if word.available { "" } else { " (later)" };
                format!("`{}`{later}", word.word)
            });
            shown.collect::<Vec<_>>().join(", ")
        }
        Kind::List { item, .. } => format!("list of {}", plural(item)),
        Kind::Map(item) => format!("mapping of names to {}", plural(item)),
        Kind::Section(section) => format!("[{0}](#{0})", section.name),
        Kind::Free | Kind::Body => "mapping".to_owned(),
        Kind::Selector => "string or mapping".to_owned(),
    }
}

/// What a list or a map holds.
fn plural(kind: &Kind) -> String {
    match kind {
        Kind::Section(_) => kind_markdown(kind),
        Kind::Secret => "strings, secret".to_owned(),
        _ => "strings".to_owned(),
    }
}
