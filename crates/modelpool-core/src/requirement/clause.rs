//! One key of the requirements: how it is compared, and what a model lacks that does not meet it.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::check::Check;
use super::{Fit, Packed};
use crate::capability::{Capabilities, Flag, Numeric, Provenance, Support, number_json};

/// Which side of a bound a number must lie on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// At least this much.
    AtLeast(f64),
    /// At most this much.
    AtMost(f64),
}

impl Bound {
    pub(super) fn holds(self, value: f64) -> bool {
        match self {
            Bound::AtLeast(least) => value >= least,
            Bound::AtMost(most) => value <= most,
        }
    }
}

/// One requirement, ready to be checked.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// Always holds (`supports_x: false`).
    Nothing,
    /// The flag is a known yes.
    Flag(Flag),
    /// An operator form on a flag.
    FlagCheck(Flag, Box<Check>),
    /// A bound on a built-in number.
    Number(Numeric, Bound),
    /// An operator form on a built-in number.
    NumberCheck(Numeric, Box<Check>),
    /// A custom key.
    Custom(Box<CustomTest>),
    /// `min_K` or `max_K` of a custom number.
    CustomBound(Box<CustomBound>),
}

/// A requirement on a custom key. Apart, like all that is rare, so that what most requests ask for is small.
#[derive(Clone, Debug, PartialEq)]
pub struct CustomTest {
    /// The key as written.
    pub key: Key,
    /// How it is compared.
    pub check: Check,
}

/// A bound on a custom number: on the exact key if the model has it, else on the key without its prefix.
#[derive(Clone, Debug, PartialEq)]
pub struct CustomBound {
    /// The key as written, with its prefix.
    pub exact: Key,
    /// How the exact key is compared.
    pub check: Check,
    /// The key without its prefix.
    pub base: Key,
    /// How the base key is compared.
    pub bound: Bound,
}

/// The name of a custom capability, with its bit in a model's [`key_mask`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    pub(super) name: Box<str>,
    mask: u64,
}

impl Key {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            mask: key_mask(name),
        }
    }
}

/// One of 64 bits for a custom key: a model whose bits lack it does not have the key, so most
/// models are passed over without looking at their custom values (FNV-1a, top six bits).
#[must_use]
pub fn key_mask(name: &str) -> u64 {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    1 << (hash >> 58)
}

/// Whether a model that is not known to meet a requirement stays a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnUnknown {
    /// Explicit requirements: what is unknown does not meet them.
    Reject,
    /// Inferred requirements, or `unknown: allow`: it stays, ranked last.
    Accept,
}

/// A value as it was written.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    Yes,
    Number(f64),
    Json(Box<Value>),
}

/// One key of the requirements.
#[derive(Clone, Debug)]
pub struct Clause {
    pub(super) key: Cow<'static, str>,
    pub(super) wanted: Wanted,
    pub(super) test: Test,
    pub(super) on_unknown: OnUnknown,
    pub(super) inferred: bool,
}

impl Clause {
    /// The key as written.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The value as written.
    #[must_use]
    pub fn wanted(&self) -> Cow<'_, Value> {
        match &self.wanted {
            Wanted::Yes => Cow::Owned(Value::Bool(true)),
            Wanted::Number(number) => Cow::Owned(number_json(*number)),
            Wanted::Json(value) => Cow::Borrowed(value),
        }
    }

    /// The capability that is looked at: the key without a `min_`/`max_` that stands for a bound.
    #[must_use]
    pub fn subject(&self) -> &str {
        match &self.test {
            Test::Flag(flag) | Test::FlagCheck(flag, _) => flag.key(),
            Test::Number(numeric, _) | Test::NumberCheck(numeric, _) => numeric.key(),
            Test::CustomBound(custom) => &custom.base.name,
            Test::Nothing | Test::Custom(_) => self.key(),
        }
    }
}

/// What a model lacks: one unmet key.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Missing {
    /// The key as written.
    pub key: String,
    /// What was asked for, as written.
    pub wanted: Value,
    /// What the model has; null where unknown or absent.
    pub has: Value,
    /// How that is known; absent keys are `default`.
    pub provenance: Provenance,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, wanted, has, .. } = self;
        if has.is_null() {
            write!(f, "{key}: wanted {wanted}, unknown")
        } else {
            write!(f, "{key}: wanted {wanted}, has {has}")
        }
    }
}

impl Clause {
    /// For clauses that are not settled by masks and bounds alone.
    pub(super) fn fit(&self, packed: &Packed, capabilities: &Capabilities) -> Fit {
        if self.holds(packed, capabilities) {
            return Fit::Yes;
        }
        if self.acceptable(packed, capabilities) {
            Fit::Unknown
        } else {
            Fit::No
        }
    }

    /// Known to be met.
    pub(super) fn holds(&self, packed: &Packed, capabilities: &Capabilities) -> bool {
        match &self.test {
            Test::Nothing => true,
            Test::Flag(flag) => packed.yes & flag.bit() != 0,
            Test::FlagCheck(flag, check) => match capabilities.flag(*flag).value {
                Support::Unknown => false,
                known => check.holds(&Value::Bool(known == Support::Yes)),
            },
            Test::Number(numeric, bound) => bound.holds(packed.numbers[*numeric as usize]),
            Test::NumberCheck(numeric, check) => check.holds(&number_json(packed.numbers[*numeric as usize])),
            Test::Custom(test) => {
                custom(packed, capabilities, &test.key).is_some_and(|value| test.check.holds(value))
            }
            Test::CustomBound(test) => match custom(packed, capabilities, &test.exact) {
                Some(value) => test.check.holds(value),
                None => custom(packed, capabilities, &test.base)
                    .and_then(Value::as_f64)
                    .is_some_and(|value| test.bound.holds(value)),
            },
        }
    }

    /// Met, or not known to be missed where that is enough.
    pub(super) fn acceptable(&self, packed: &Packed, capabilities: &Capabilities) -> bool {
        if self.holds(packed, capabilities) {
            return true;
        }
        if self.on_unknown == OnUnknown::Reject {
            return false;
        }
        match &self.test {
            Test::Flag(flag) | Test::FlagCheck(flag, _) => capabilities.flag(*flag).value == Support::Unknown,
            // An explicit requirement takes a default number as known, an inferred one does not.
            Test::Number(numeric, _) | Test::NumberCheck(numeric, _) => {
                self.inferred && packed.default_numbers & (1 << *numeric as u8) != 0
            }
            _ => false,
        }
    }

    pub(super) fn missing(&self, capabilities: &Capabilities) -> Missing {
        let exact = match &self.test {
            Test::CustomBound(test) => capabilities.lookup(&test.exact.name),
            _ => None,
        };
        let (has, provenance) = exact
            .or_else(|| capabilities.lookup(self.subject()))
            .unwrap_or((Value::Null, Provenance::Default));
        Missing {
            key: self.key.to_string(),
            wanted: self.wanted().into_owned(),
            has,
            provenance,
        }
    }
}

fn custom<'a>(packed: &Packed, capabilities: &'a Capabilities, key: &Key) -> Option<&'a Value> {
    if packed.custom_keys & key.mask == 0 {
        return None;
    }
    capabilities.custom_value(&key.name).map(|fact| &fact.value)
}
