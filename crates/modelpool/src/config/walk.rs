//! Checks any tree against the tables, and collects every mistake.
//!
//! It asks of each value only what its table says: unknown keys, missing keys, keys of a later
//! version, types, ranges and words. What several values mean together is for `semantics`. Beside
//! the mistakes it notes which scalars must not be shown: keys and headers, and everything below
//! what it does not know.

use modelpool_core::nearest::nearest;

use super::fields::{Field, Kind, MIN_SECONDS, Presence, Section, Unit, Word};
use super::node::{Entry, Node, Value, decimal, integer};
use super::path::Path;
use super::problem::Collector;

/// Strings quoted in a message are cut to this many characters.
const MAX_QUOTED: usize = 40;

/// Words longer than this are not compared with the known ones.
const MAX_COMPARED: usize = 64;

/// Checks a value against a section's table.
pub(super) fn section(section: &Section, node: &Node, path: &Path, problems: &mut Collector) {
    let Some(entries) = mapping(&Kind::Map(&Kind::Text), node, path, problems) else {
        return;
    };
    for entry in entries {
        if problems.is_full() {
            return;
        }
        let path = path.key(&entry.key);
        match section.field(&entry.key) {
            Some(Field { kind: Some(kind), .. }) => value(kind, &entry.value, &path, problems),
            Some(Field { kind: None, .. }) => {
                problems.hide(&entry.value);
                let hint = Some("remove the key".to_owned());
                problems.report(&path, entry.key_span, "not available in this version", hint);
            }
            None => {
                problems.hide(&entry.value);
                let accepted: Vec<_> = section.accepted().collect();
                let hint = format!(
                    "{}accepted: {}",
                    did_you_mean(&entry.key, section.accepted()),
                    accepted.join(", ")
                );
                problems.report(&path, entry.key_span, "unknown key", Some(hint));
            }
        }
    }
    for field in section.fields {
        if matches!(field.presence, Presence::Required) && node.get(field.name).is_none() {
            let message = format!("missing the key `{}`", field.name);
            problems.report(path, node.span, message, None);
        }
    }
}

/// Reports keys given twice, at any depth. TOML's parser finds its own.
pub(super) fn duplicates(node: &Node, path: &Path, problems: &mut Collector) {
    match &node.value {
        Value::Sequence(items) => {
            for (index, item) in items.iter().enumerate() {
                duplicates(item, &path.index(index), problems);
            }
        }
        Value::Mapping(entries) => {
            let mut first = std::collections::HashMap::with_capacity(entries.len());
            for entry in entries {
                if problems.is_full() {
                    return;
                }
                let path = path.key(&entry.key);
                let earlier = *first.entry(entry.key.as_str()).or_insert(entry.key_span.start);
                if earlier != entry.key_span.start {
                    super::toml::report_duplicate(problems, &path, entry.key_span, Some(earlier));
                }
                duplicates(&entry.value, &path, problems);
            }
        }
        _ => {}
    }
}

/// `did you mean …? ` where a known word is near, else nothing.
pub(super) fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    if word.len() > MAX_COMPARED {
        return String::new();
    }
    let known: Vec<&str> = known.into_iter().collect();
    let near = nearest(word, known.iter().copied());
    // `base-url` is further from `base_url` than a word of three letters may be, and often written.
    let near = near.or_else(|| nearest(&word.replace('-', "_"), known));
    near.map_or_else(String::new, |near| format!("did you mean `{near}`? "))
}

fn value(kind: &Kind, node: &Node, path: &Path, problems: &mut Collector) {
    match kind {
        Kind::Secret => {
            problems.hide(node);
            text(kind, node, path, problems);
        }
        Kind::Text => text(kind, node, path, problems),
        Kind::Boolean => {
            if !matches!(node.value, Value::Boolean(_)) {
                wrong_type(kind, node, path, problems);
            }
        }
        Kind::Integer { min, max, .. } => number(kind, *min, *max, node, path, problems),
        Kind::Seconds { max } => seconds(kind, *max, node, path, problems),
        Kind::Share => match decimal(&node.value) {
            Some(share) if share > 0.0 && share <= 1.0 => {}
            _ => wrong_type(kind, node, path, problems),
        },
        Kind::FirstAndCap { of, or_fixed } => first_and_cap(kind, of, *or_fixed, node, path, problems),
        Kind::Word(words) => word(kind, words, node, path, problems),
        Kind::List { item, min } => {
            if let Some(items) = list(kind, node, path, problems) {
                if items.len() < *min {
                    problems.report(path, node.span, "the list is empty", None);
                }
                for (index, node) in items.iter().enumerate() {
                    if problems.is_full() {
                        return;
                    }
                    value(item, node, &path.index(index), problems);
                }
            }
        }
        Kind::Map(item) => {
            for entry in mapping(kind, node, path, problems).unwrap_or_default() {
                value(item, &entry.value, &path.key(&entry.key), problems);
            }
        }
        Kind::Section(table) => section(table, node, path, problems),
        Kind::Selector if matches!(node.value, Value::String(_) | Value::Unresolved) => {
            text(kind, node, path, problems);
        }
        Kind::Body => {
            problems.hide(node);
            free(kind, node, path, problems);
        }
        Kind::Free | Kind::Selector => free(kind, node, path, problems),
    }
}

fn text(kind: &Kind, node: &Node, path: &Path, problems: &mut Collector) {
    match &node.value {
        Value::Unresolved => {}
        Value::String(text) if text.text.is_empty() => {
            let hint = text
                .from_variable
                .then(|| "the variable is set, but to nothing".to_owned());
            problems.report(path, node.span, "the string is empty", hint);
        }
        Value::String(_) => {}
        _ => wrong_type(kind, node, path, problems),
    }
}

fn number(kind: &Kind, min: u64, max: u64, node: &Node, path: &Path, problems: &mut Collector) {
    let Value::Integer(text) = &node.value else {
        return wrong_type(kind, node, path, problems);
    };
    let range = i128::from(min)..=i128::from(max);
    if !integer(text).is_some_and(|number| range.contains(&number)) {
        let expected = kind.expected();
        let got = quoted(text);
        let message = format!("expected {expected} from {min} to {max}, got {got}");
        problems.report(path, node.span, message, None);
    }
}

fn seconds(kind: &Kind, max: u64, node: &Node, path: &Path, problems: &mut Collector) {
    let (Value::Integer(text) | Value::Float(text)) = &node.value else {
        return wrong_type(kind, node, path, problems);
    };
    if !decimal(&node.value).is_some_and(|number| (MIN_SECONDS..=max as f64).contains(&number)) {
        let expected = kind.expected();
        let got = quoted(text);
        let message = format!("expected {expected} from {MIN_SECONDS} to {max}, got {got}");
        problems.report(path, node.span, message, None);
    }
}

fn first_and_cap(kind: &Kind, of: &Kind, or_fixed: bool, node: &Node, path: &Path, problems: &mut Collector) {
    match &node.value {
        Value::Integer(_) | Value::Float(_) if or_fixed => value(of, node, path, problems),
        Value::Sequence(items) => {
            let [first, cap] = items.as_slice() else {
                let message = format!("expected {}, got a list of {}", kind.expected(), items.len());
                return problems.report(path, node.span, message, None);
            };
            for (index, item) in items.iter().enumerate() {
                value(of, item, &path.index(index), problems);
            }
            if let (Some(begins), Some(ends)) = (decimal(&first.value), decimal(&cap.value))
                && begins > ends
                && !problems.any_under(path)
            {
                let message = format!("the first, {begins}, is above the longest, {ends}");
                problems.report(&path.index(0), first.span, message, None);
            }
        }
        _ => wrong_type(kind, node, path, problems),
    }
}

fn word(kind: &Kind, words: &[Word], node: &Node, path: &Path, problems: &mut Collector) {
    let text = match &node.value {
        Value::Unresolved => return,
        Value::String(text) => text,
        _ => return wrong_type(kind, node, path, problems),
    };
    let Some(word) = words.iter().find(|word| word.word == text.text) else {
        let hint = if text.from_variable {
            String::new()
        } else {
            did_you_mean(&text.text, words.iter().filter(|w| w.available).map(|w| w.word))
        };
        let hint = (!hint.is_empty()).then(|| hint.trim_end().to_owned());
        let message = format!("expected {}, got {}", kind.expected(), describe(node));
        return problems.report(path, node.span, message, hint);
    };
    if !word.available {
        // The word is one of ours, so it may be shown wherever it came from.
        let message = format!("`{}` is not available in this version", word.word);
        let hint = Some(format!("write {}", kind.expected()));
        problems.report(path, node.span, message, hint);
    }
}

fn free(kind: &Kind, node: &Node, path: &Path, problems: &mut Collector) {
    if mapping(kind, node, path, problems).is_some() {
        node.to_json(path, &mut |path, node, message| {
            problems.report(path, node.span, message, None);
        });
    }
}

fn mapping<'a>(kind: &Kind, node: &'a Node, path: &Path, problems: &mut Collector) -> Option<&'a [Entry]> {
    match &node.value {
        Value::Mapping(entries) => Some(entries),
        _ => {
            wrong_type(kind, node, path, problems);
            None
        }
    }
}

fn list<'a>(kind: &Kind, node: &'a Node, path: &Path, problems: &mut Collector) -> Option<&'a [Node]> {
    match &node.value {
        Value::Sequence(items) => Some(items),
        _ => {
            wrong_type(kind, node, path, problems);
            None
        }
    }
}

fn wrong_type(kind: &Kind, node: &Node, path: &Path, problems: &mut Collector) {
    if matches!(node.value, Value::Sequence(_) | Value::Mapping(_)) {
        problems.hide(node); // nothing says what stands below it
    }
    let got = match kind {
        Kind::Secret => type_of(node).to_owned(),
        _ => describe(node),
    };
    let message = format!("expected {}, got {got}", kind.expected());
    problems.report(path, node.span, message, type_hint(kind, node));
}

/// How to write what was probably meant.
fn type_hint(kind: &Kind, node: &Node) -> Option<String> {
    let text = match &node.value {
        Value::Null => return Some("give it a value or remove the key".to_owned()),
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) => {
            let wanted = matches!(kind, Kind::Text | Kind::Secret);
            return wanted.then(|| "put it in quotes".to_owned());
        }
        Value::Unresolved => return None,
        Value::String(text) => text,
        Value::Sequence(_) | Value::Mapping(_) => return None,
    };
    if text.from_variable {
        return Some("a variable always gives a string, write the value itself".to_owned());
    }
    let lower = text.text.to_lowercase();
    match (kind, lower.as_str()) {
        (Kind::Boolean, "yes" | "on") => Some("write true, the only other word is false".to_owned()),
        (Kind::Boolean, "no" | "off") => Some("write false, `no` and `off` are plain words".to_owned()),
        (Kind::Boolean, "true" | "false") => Some(format!("write {lower} without quotes")),
        (Kind::Integer { .. }, digits) if integer(digits).is_some() => {
            Some(format!("write {digits} without quotes"))
        }
        (Kind::Seconds { .. } | Kind::Share | Kind::FirstAndCap { or_fixed: true, .. }, digits)
            if digits.parse::<f64>().is_ok_and(f64::is_finite) =>
        {
            Some(format!("write {digits} without quotes"))
        }
        (Kind::List { item, .. }, _) if matches!(**item, Kind::Text) => {
            Some("put it in a list: [ … ]".to_owned())
        }
        (
            Kind::Integer {
                unit: Unit::Milliseconds,
                ..
            },
            _,
        ) => Some("write 3000 for three seconds".to_owned()),
        _ => None,
    }
}

/// A value as a message names it; what came out of a variable is not shown.
fn describe(node: &Node) -> String {
    match &node.value {
        Value::Boolean(boolean) => format!("the boolean {boolean}"),
        Value::Integer(text) | Value::Float(text) => format!("the number {}", quoted(text)),
        Value::String(text) if !text.from_variable => {
            format!("the string \"{}\"", quoted(&text.text))
        }
        _ => type_of(node).to_owned(),
    }
}

/// The kind of value alone, for what must not be shown.
fn type_of(node: &Node) -> &'static str {
    match &node.value {
        Value::Null => "nothing",
        Value::Boolean(_) => "a boolean",
        Value::Integer(_) | Value::Float(_) => "a number",
        Value::String(text) if text.from_variable => "a string from a variable",
        Value::String(_) | Value::Unresolved => "a string",
        Value::Sequence(_) => "a list",
        Value::Mapping(_) => "a mapping",
    }
}

/// A text from the file, on one line and of bounded length.
pub(super) fn quoted(text: &str) -> String {
    let shown: String = text.chars().take(MAX_QUOTED).collect();
    let cut = if shown.len() < text.len() { "…" } else { "" };
    format!("{}{cut}", shown.escape_debug())
}
