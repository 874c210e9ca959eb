//! Reading a section's values by name, with the defaults of its table.
//!
//! A view gives `None` where a value is missing or wrong; that it is wrong was then reported by the
//! walker. So the semantic checks can run over a file that has other mistakes, and say what there
//! is to say about the rest of it.

use std::num::NonZeroU64;
use std::time::Duration;

use super::fields::{Default, Field, Kind, Presence, Section};
use super::node::{Entry, Node, Span, Value, decimal, integer};
use super::path::Path;

/// A section of the file.
#[derive(Clone)]
pub(super) struct View<'a> {
    section: &'static Section,
    /// `None` for a section that was left out: all its values are the defaults.
    node: Option<&'a Node>,
    pub(super) path: Path,
}

/// A string of the file and its place.
#[derive(Clone)]
pub(super) struct Word<'a> {
    pub(super) text: &'a str,
    pub(super) from_variable: bool,
    pub(super) span: Span,
    pub(super) path: Path,
}

impl<'a> View<'a> {
    pub(super) fn new(section: &'static Section, node: Option<&'a Node>, path: Path) -> Self {
        Self { section, node, path }
    }

    /// Where the section begins.
    pub(super) fn span(&self) -> Option<Span> {
        self.node.map(|node| node.span)
    }

    pub(super) fn whole(&self) -> Option<&'a Node> {
        self.node
    }

    /// The value of a key, and its path.
    pub(super) fn node(&self, name: &str) -> Option<(&'a Node, Path)> {
        debug_assert!(self.section.field(name).is_some(), "no such key: {name}");
        let entry = self.node?.get(name)?;
        Some((&entry.value, self.path.key(name)))
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.node(name).is_some()
    }

    pub(super) fn word(&self, name: &str) -> Option<Word<'a>> {
        let (node, path) = self.node(name)?;
        word(node, path)
    }

    /// The string, or the table's default for it.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        let written = self.word(name).map(|word| word.text);
        written.or_else(|| match self.default(name)? {
            Default::Text(text) => Some(text),
            _ => None,
        })
    }

    pub(super) fn boolean(&self, name: &str) -> Option<bool> {
        match (self.node(name), self.default(name)) {
            (Some((node, _)), _) => match node.value {
                Value::Boolean(boolean) => Some(boolean),
                _ => None,
            },
            (None, Some(Default::Boolean(boolean))) => Some(boolean),
            (None, _) => None,
        }
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        match (self.node(name), self.default(name)) {
            (Some((node, _)), _) => match &node.value {
                Value::Integer(text) => integer(text)?.try_into().ok(),
                _ => None,
            },
            (None, Some(Default::Number(number))) => Some(number),
            (None, _) => None,
        }
    }

    /// A number that is not 0.
    pub(super) fn nonzero(&self, name: &str) -> Option<NonZeroU64> {
        self.number(name).and_then(NonZeroU64::new)
    }

    /// A number with fractions.
    pub(super) fn decimal(&self, name: &str) -> Option<f64> {
        let (node, _) = self.node(name)?;
        decimal(&node.value)
    }

    /// A time of either unit, or the table's default for it.
    pub(super) fn time(&self, name: &str) -> Option<Duration> {
        let kind = self.section.field(name)?.kind.as_ref()?;
        match (self.node(name), self.default(name)) {
            (Some((node, _)), _) => time(kind, node),
            (None, Some(Default::Number(number))) => Some(whole_time(kind, number)),
            (None, _) => None,
        }
    }

    /// Where a time begins and where its growth ends, or the table's default for both.
    pub(super) fn first_and_cap(&self, name: &str) -> Option<(Duration, Duration)> {
        let Some(Kind::FirstAndCap { of, .. }) = self.section.field(name)?.kind else {
            return None;
        };
        match (self.node(name), self.default(name)) {
            (Some((node, _)), _) => match &node.value {
                Value::Sequence(items) => match items.as_slice() {
                    [first, cap] => Some((time(of, first)?, time(of, cap)?)),
                    _ => None,
                },
                _ => time(of, node).map(|fixed| (fixed, fixed)),
            },
            (None, Some(Default::FirstAndCap(first, cap))) => {
                Some((whole_time(of, first), whole_time(of, cap)))
            }
            (None, _) => None,
        }
    }

    /// The strings of a list; empty if there is none.
    pub(super) fn words(&self, name: &str) -> Vec<Word<'a>> {
        let items = self.items(name).into_iter();
        items.filter_map(|(node, path)| word(node, path)).collect()
    }

    /// The sections of a list; empty if there is none.
    pub(super) fn list(&self, name: &str, section: &'static Section) -> Vec<Self> {
        let items = self.items(name).into_iter();
        items
            .map(|(node, path)| Self::new(section, Some(node), path))
            .collect()
    }

    /// The entries of a map; empty if there is none.
    pub(super) fn map(&self, name: &str) -> impl Iterator<Item = (&'a Entry, Path)> {
        let found = self.node(name);
        let entries = match &found {
            Some((node, _)) => match &node.value {
                Value::Mapping(entries) => entries.as_slice(),
                _ => &[],
            },
            None => &[],
        };
        let path = found.map(|(_, path)| path).unwrap_or_default();
        entries.iter().map(move |entry| (entry, path.key(&entry.key)))
    }

    /// A section below this one; one that was left out has the defaults.
    pub(super) fn below(&self, name: &str, section: &'static Section) -> Self {
        let node = self.node(name).map(|(node, _)| node);
        Self::new(section, node, self.path.key(name))
    }

    fn items(&self, name: &str) -> Vec<(&'a Node, Path)> {
        match self.node(name) {
            Some((node, path)) => match &node.value {
                Value::Sequence(items) => {
                    let items = items.iter().enumerate();
                    items.map(|(index, item)| (item, path.index(index))).collect()
                }
                _ => Vec::new(),
            },
            None => Vec::new(),
        }
    }

    fn default(&self, name: &str) -> Option<Default> {
        match self.section.field(name) {
            Some(Field {
                presence: Presence::Default(default),
                ..
            }) => Some(*default),
            _ => None,
        }
    }
}

/// A time in the unit of its kind.
fn time(kind: &Kind, node: &Node) -> Option<Duration> {
    match (kind, &node.value) {
        (Kind::Seconds { .. }, value) => Duration::try_from_secs_f64(decimal(value)?).ok(),
        (_, Value::Integer(text)) => Some(Duration::from_millis(integer(text)?.try_into().ok()?)),
        _ => None,
    }
}

fn whole_time(kind: &Kind, number: u64) -> Duration {
    match kind {
        Kind::Seconds { .. } => Duration::from_secs(number),
        _ => Duration::from_millis(number),
    }
}

fn word(node: &Node, path: Path) -> Option<Word<'_>> {
    let text = node.text()?;
    Some(Word {
        text: &text.text,
        from_variable: text.from_variable,
        span: node.span,
        path,
    })
}
