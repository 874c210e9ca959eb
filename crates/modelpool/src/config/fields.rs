//! The words in which the tables describe a section of the configuration.
//!
//! The walker, the accessors, the JSON Schema and the reference page all read these and nothing
//! else, so what is accepted and what is documented cannot drift apart.

/// The shortest time that is given in seconds: a millisecond.
pub(super) const MIN_SECONDS: f64 = 0.001;

/// A mapping with fixed keys.
#[derive(Debug)]
pub(super) struct Section {
    /// The name of its definition in the JSON Schema and its heading in the reference.
    pub(super) name: &'static str,
    pub(super) doc: &'static str,
    pub(super) fields: &'static [Field],
}

/// One key of a section.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    /// One line for the reference, without a full stop.
    pub(super) doc: &'static str,
    /// What may stand there; `None` for a key that a later version brings, refused until then.
    pub(super) kind: Option<Kind>,
    pub(super) presence: Presence,
}

/// Whether a key may be left out, and what that means.
#[derive(Clone, Copy, Debug)]
pub(super) enum Presence {
    Required,
    Optional,
    Default(Default),
}

/// What a key that is left out stands for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Default {
    Boolean(bool),
    Number(u64),
    /// Of a [`Kind::FirstAndCap`].
    FirstAndCap(u64, u64),
    Text(&'static str),
}

/// What may stand as a value.
#[derive(Debug)]
pub(super) enum Kind {
    /// A string that is not empty.
    Text,
    /// The same, never shown.
    Secret,
    Boolean,
    Integer {
        min: u64,
        max: u64,
        unit: Unit,
    },
    /// A number of seconds, fractions allowed, from [`MIN_SECONDS`] to `max`.
    Seconds {
        max: u64,
    },
    /// A number above 0 and up to 1.
    Share,
    /// What grows: a list of where it begins and where it ends, two of `of`, the first not above the second.
    FirstAndCap {
        of: &'static Kind,
        /// Whether one number alone may stand there, for what does not grow.
        or_fixed: bool,
    },
    /// One of these words.
    Word(&'static [Word]),
    List {
        item: &'static Kind,
        min: usize,
    },
    /// A mapping with keys of the user's choice.
    Map(&'static Kind),
    Section(&'static Section),
    /// A mapping of any JSON, checked by those who know it.
    Free,
    /// A selector's name, or a mapping, checked by those who know it.
    Selector,
    /// A mapping of any JSON that goes out as it is; it may hold secrets.
    Body,
}

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    None,
    Milliseconds,
    Bytes,
}

/// One of the words a key accepts.
#[derive(Debug)]
pub(super) struct Word {
    pub(super) word: &'static str,
    /// Whether this version has it; a word it does not have yet is refused by name.
    pub(super) available: bool,
}

impl Field {
    pub(super) const fn required(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self {
            name,
            doc,
            kind: Some(kind),
            presence: Presence::Required,
        }
    }

    pub(super) const fn optional(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self {
            name,
            doc,
            kind: Some(kind),
            presence: Presence::Optional,
        }
    }

    pub(super) const fn default(name: &'static str, kind: Kind, default: Default, doc: &'static str) -> Self {
        Self {
            name,
            doc,
            kind: Some(kind),
            presence: Presence::Default(default),
        }
    }

    pub(super) const fn not_yet(name: &'static str) -> Self {
        Self {
            name,
            doc: "",
            kind: None,
            presence: Presence::Optional,
        }
    }
}

impl Section {
    pub(super) fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The names of the keys this version has, in the order of the table.
    pub(super) fn accepted(&self) -> impl Iterator<Item = &'static str> {
        let fields = self.fields.iter();
        fields
            .filter(|field| field.kind.is_some())
            .map(|field| field.name)
    }
}

impl Kind {
    /// The words after "expected".
    pub(super) fn expected(&self) -> String {
        match self {
            Self::Text | Self::Secret => "a string".to_owned(),
            Self::Boolean => "true or false".to_owned(),
            Self::Integer { unit, .. } => match unit {
                Unit::None => "a whole number".to_owned(),
                Unit::Milliseconds => "a whole number of milliseconds".to_owned(),
                Unit::Bytes => "a whole number of bytes".to_owned(),
            },
            Self::Seconds { .. } => "a number of seconds".to_owned(),
            Self::Share => "a number above 0 and up to 1".to_owned(),
            Self::FirstAndCap { of, or_fixed } => {
                let fixed = if *or_fixed {
                    format!("{}, or ", of.expected())
                } else {
                    String::new()
                };
                format!("{fixed}a list of two, the first and the longest")
            }
            Self::Word(words) => {
                let words = words.iter().filter(|word| word.available);
                let words: Vec<_> = words.map(|word| format!("`{}`", word.word)).collect();
                words.join(" or ")
            }
            Self::List { .. } => "a list".to_owned(),
            Self::Map(_) | Self::Section(_) | Self::Free | Self::Body => "a mapping".to_owned(),
            Self::Selector => "a selector's name or a mapping".to_owned(),
        }
    }
}
