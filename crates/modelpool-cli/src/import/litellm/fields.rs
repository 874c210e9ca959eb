//! Reading a mapping key by key, and reporting every key nobody asked for.

use std::ops::RangeInclusive;

use serde_json::{Number, Value as Json};

use super::NotCarried;
use super::tree::{Entry, Node, NotYaml, Place, Value};

/// What could not be carried over, while it is collected.
#[derive(Debug, Default)]
pub(super) struct Report(Vec<NotCarried>);

impl Report {
    /// Notes one place.
    pub(super) fn add(&mut self, place: Place, path: impl Into<String>, reason: impl Into<String>) {
        self.0.push(NotCarried {
            line: place.line,
            column: place.column,
            path: path.into(),
            reason: reason.into(),
        });
    }

    /// Notes an item.
    pub(super) fn item(&mut self, item: &Item<'_>, reason: impl Into<String>) {
        self.add(item.place, item.path.clone(), reason);
    }

    /// Notes an item and every line below it.
    pub(super) fn lines(&mut self, item: &Item<'_>, reason: &str) {
        let before = self.0.len();
        self.item(item, reason);
        self.below(item.node, &item.path, reason, before);
    }

    fn below(&mut self, node: &Node, path: &str, reason: &str, first: usize) {
        match &node.value {
            Value::Mapping(entries) => {
                for entry in entries {
                    let path = format!("{path}.{}", entry.key);
                    self.once_per_line(entry.place, &path, reason, first);
                    self.below(&entry.value, &path, reason, first);
                }
            }
            Value::Sequence(items) => {
                for (index, item) in items.iter().enumerate() {
                    let path = format!("{path}[{index}]");
                    self.once_per_line(item.place, &path, reason, first);
                    self.below(item, &path, reason, first);
                }
            }
            _ => {}
        }
    }

    fn once_per_line(&mut self, place: Place, path: &str, reason: &str, first: usize) {
        if !self.0[first..].iter().any(|noted| noted.line == place.line) {
            self.add(place, path, reason);
        }
    }

    /// All of it, in the order of the file.
    pub(super) fn finish(mut self) -> Vec<NotCarried> {
        self.0.sort_by_key(|noted| (noted.line, noted.column));
        self.0
    }
}

/// A value that was asked for: where it stands, and what it is called in a report.
#[derive(Clone, Debug)]
pub(super) struct Item<'a> {
    pub(super) node: &'a Node,
    /// The place of its key, or of itself in a list.
    pub(super) place: Place,
    pub(super) path: String,
}

impl<'a> Item<'a> {
    /// The items of a list; reports and answers nothing if it is no list.
    pub(super) fn list(&self, report: &mut Report) -> Vec<Item<'a>> {
        let Value::Sequence(items) = &self.node.value else {
            report.item(self, "expected a list");
            return Vec::new();
        };
        let items = items.iter().enumerate();
        items
            .map(|(index, node)| Item {
                node,
                place: node.place,
                path: format!("{}[{index}]", self.path),
            })
            .collect()
    }

    /// The keys of a mapping; reports and answers nothing if it is none.
    pub(super) fn fields(&self, report: &mut Report) -> Option<Fields<'a>> {
        let Value::Mapping(entries) = &self.node.value else {
            report.item(self, "expected a mapping");
            return None;
        };
        Some(Fields::new(entries, self.path.clone()))
    }

    /// The text, with references to the environment in our form.
    pub(super) fn text(&self, report: &mut Report) -> Option<String> {
        match &self.node.value {
            Value::String(text) => Some(with_our_variables(text)),
            Value::Number(number) => Some(number.to_string()),
            _ => {
                report.item(self, "expected a string");
                None
            }
        }
    }

    /// The text as it stands.
    pub(super) fn plain_text(&self, report: &mut Report) -> Option<&'a str> {
        match &self.node.value {
            Value::String(text) => Some(text),
            _ => {
                report.item(self, "expected a string");
                None
            }
        }
    }

    pub(super) fn boolean(&self, report: &mut Report) -> Option<bool> {
        match self.node.value {
            Value::Boolean(boolean) => Some(boolean),
            _ => {
                report.item(self, "expected true or false");
                None
            }
        }
    }

    /// A number that is not negative.
    pub(super) fn number(&self, report: &mut Report) -> Option<f64> {
        let number = match &self.node.value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => super::tree::number(text).and_then(|number| number.as_f64()),
            _ => None,
        };
        let number = number.filter(|number| number.is_finite() && *number >= 0.0);
        if number.is_none() {
            report.item(self, "expected a number, 0 or more");
        }
        number
    }

    /// A whole number within a range.
    pub(super) fn whole(&self, range: RangeInclusive<u64>, report: &mut Report) -> Option<u64> {
        let number = self.number(report)?;
        // Casting cuts off what is too large, which then is outside of the range.
        let whole = (number.fract() == 0.0).then_some(number as u64);
        let whole = whole.filter(|whole| range.contains(whole));
        if whole.is_none() {
            let (from, to) = range.into_inner();
            report.item(
                self,
                format!("here it has to be a whole number from {from} to {to}"),
            );
        }
        whole
    }

    /// The value as JSON, with references to the environment in our form.
    pub(super) fn json(&self) -> Json {
        json(self.node)
    }

    /// Seconds, as a number our file takes for a time.
    pub(super) fn seconds(&self, report: &mut Report) -> Option<Number> {
        let seconds = self.number(report)?;
        if (0.001..=86_400.0).contains(&seconds) {
            return Some(number(seconds));
        }
        report.item(self, "here it has to lie between a millisecond and a day");
        None
    }

    /// Seconds, as whole milliseconds within what our limits take.
    pub(super) fn milliseconds(&self, report: &mut Report) -> Option<u64> {
        let milliseconds = (self.number(report)? * 1000.0).round();
        if (1.0..=86_400_000.0).contains(&milliseconds) {
            return Some(milliseconds as u64);
        }
        report.item(self, "a limit on time has to lie between a millisecond and a day");
        None
    }
}

/// A mapping, and which of its keys nobody has asked for yet.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    entries: Vec<&'a Entry>,
    path: String,
}

impl<'a> Fields<'a> {
    fn new(entries: &'a [Entry], path: String) -> Self {
        Self {
            entries: entries.iter().collect(),
            path,
        }
    }

    /// The top of the file, which has to be a mapping.
    pub(super) fn of_file(tree: &'a Node) -> Result<Self, NotYaml> {
        match &tree.value {
            Value::Mapping(entries) => Ok(Self::new(entries, String::new())),
            _ => Err(NotYaml::at(tree.place, "expected a mapping with `model_list`")),
        }
    }

    /// The value of a key, which is then done with. A null is as good as nothing.
    pub(super) fn take(&mut self, key: &str) -> Option<Item<'a>> {
        let at = self.entries.iter().position(|entry| entry.key == key)?;
        let entry = self.entries.remove(at);
        let item = self.item(entry);
        (!matches!(item.node.value, Value::Null)).then_some(item)
    }

    /// The keys that are left.
    pub(super) fn keys(&self) -> Vec<&'a str> {
        self.entries.iter().map(|entry| entry.key.as_str()).collect()
    }

    /// All keys that are left, with their values.
    pub(super) fn take_rest(&mut self) -> Vec<(&'a str, Item<'a>)> {
        let entries = std::mem::take(&mut self.entries);
        entries
            .into_iter()
            .map(|entry| (entry.key.as_str(), self.item(entry)))
            .collect()
    }

    /// Reports all keys that are left, and every line below them.
    pub(super) fn report_rest(mut self, report: &mut Report, reason: impl Fn(&str) -> &'static str) {
        for (key, item) in self.take_rest() {
            report.lines(&item, reason(key));
        }
    }

    fn item(&self, entry: &'a Entry) -> Item<'a> {
        let path = match self.path.as_str() {
            "" => entry.key.clone(),
            path => format!("{path}.{}", entry.key),
        };
        Item {
            node: &entry.value,
            place: entry.place,
            path,
        }
    }
}

/// A whole number without a point: `9`, not `9.0`.
pub(super) fn number(number: f64) -> Number {
    if number.fract() == 0.0 && number.abs() < 1e15 {
        return (number as i64).into();
    }
    Number::from_f64(number).unwrap_or_else(|| 0.into())
}

fn json(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Boolean(boolean) => Json::Bool(*boolean),
        Value::Number(number) => Json::Number(number.clone()),
        Value::String(text) => Json::String(with_our_variables(text)),
        Value::Sequence(items) => Json::Array(items.iter().map(json).collect()),
        Value::Mapping(entries) => {
            let entries = entries.iter();
            Json::Object(
                entries
                    .map(|entry| (entry.key.clone(), json(&entry.value)))
                    .collect(),
            )
        }
    }
}

/// `os.environ/NAME` as `${NAME}`, and our own sign for a variable made harmless.
fn with_our_variables(text: &str) -> String {
    let name = text.strip_prefix("os.environ/").map(str::trim);
    match name.filter(|name| is_variable(name)) {
        Some(name) => format!("${{{name}}}"),
        None => text.replace("${", "$${"),
    }
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
