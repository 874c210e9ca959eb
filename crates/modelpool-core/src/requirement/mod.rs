//! What a request needs, and whether a model meets it.
//!
//! Requirements are a map; all its keys must hold. A key is read once, when the requirements are
//! built, into a [`Test`]; checking a model is then a mask comparison for the flags and a few
//! comparisons for the rest, without allocation.
//!
//! | written | holds when |
//! |---|---|
//! | `supports_x: true` | the model is known to support it (`false` asks nothing) |
//! | `min_K: n`, `max_K: n` | the number K is at least / at most n |
//! | `max_tokens: n`, `context_window: n` | at least n |
//! | `cost_per_1k_tokens: n`, `avg_latency_ms: n` | at most n |
//! | `key: scalar` | the custom value equals it, or is a list that contains it |
//! | `key: [items]` | the custom value has all of the items |
//! | `key: {">=": 0.9, …}` | every operator holds: `==` `!=` `>` `>=` `<` `<=` `in` `not` `contains` |
//!
//! A custom key that a model lacks matches nothing, and where a model has a custom key whose
//! name begins with `min_` or `max_`, that exact key is meant. `model`, `model_name` and `alias`
//! are refused: asking for one model is what its alias is for.

mod check;
mod form;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};
use smallvec::SmallVec;

use crate::capability::{Capabilities, Flag, Numeric, Provenance, Support, number_json};
use crate::nearest::nearest;
use crate::price::Price;
pub use check::Check;
pub use form::RequirementError;

/// Which side of a bound a number must lie on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// At least this much.
    AtLeast(f64),
    /// At most this much.
    AtMost(f64),
}

impl Bound {
    fn holds(self, value: f64) -> bool {
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
    name: Box<str>,
    mask: u64,
}

impl Key {
    fn new(name: &str) -> Self {
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
enum Wanted {
    Yes,
    Number(f64),
    Json(Box<Value>),
}

/// One key of the requirements.
#[derive(Clone, Debug)]
pub struct Clause {
    key: Cow<'static, str>,
    wanted: Wanted,
    test: Test,
    on_unknown: OnUnknown,
    inferred: bool,
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

/// How well a model meets requirements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fit {
    /// It misses at least one.
    No,
    /// It misses none, but is not known to meet all.
    Unknown,
    /// It is known to meet all.
    Yes,
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

/// What a request needs: a conjunction of keys.
///
/// ```
/// use modelpool_core::{Capabilities, Flag, Requirements};
/// use serde_json::json;
/// let wanted = Requirements::from_json(&json!({
///     "supports_tools": true, "min_context_window": 8000, "languages": ["zh", "en"],
///     "accuracy": {">=": 0.9}
/// })).unwrap();
/// let model = Capabilities::new()
///     .supports(Flag::Tools).context_window(16_000)
///     .custom("languages", json!(["en", "zh", "fr"])).custom("accuracy", 0.95);
/// assert!(model.meets(&wanted).is_ok());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Requirements {
    /// Shared: a pool's requirements go into every request, and most requests ask for nothing of their own.
    asked: Option<Arc<Asked>>,
}

/// What is asked, where something is.
#[derive(Clone, Debug)]
struct Asked {
    clauses: SmallVec<[Clause; 4]>,
    // What follows is the same again, in the form in which a thousand models are scanned.
    /// Flags that must be a known yes.
    yes: u16,
    /// Flags that must not be a known no.
    not_no: u16,
    /// What the built-in numbers must lie between, for explicit requirements.
    least: [f64; Numeric::ALL.len()],
    most: [f64; Numeric::ALL.len()],
    /// The places of all other clauses.
    others: SmallVec<[usize; 4]>,
}

static NOTHING: Asked = Asked::nothing();

impl Asked {
    const fn nothing() -> Self {
        Self {
            clauses: SmallVec::new_const(),
            yes: 0,
            not_no: 0,
            least: [f64::NEG_INFINITY; Numeric::ALL.len()],
            most: [f64::INFINITY; Numeric::ALL.len()],
            others: SmallVec::new_const(),
        }
    }

    fn push(&mut self, clause: Clause) {
        self.index(self.clauses.len(), &clause);
        self.clauses.push(clause);
    }

    /// Enters the clause at that place into what is looked at first.
    fn index(&mut self, at: usize, clause: &Clause) {
        match (&clause.test, clause.on_unknown) {
            (Test::Nothing, _) => {}
            (Test::Flag(flag), OnUnknown::Reject) => self.yes |= flag.bit(),
            (Test::Flag(flag), OnUnknown::Accept) => self.not_no |= flag.bit(),
            (Test::Number(numeric, bound), OnUnknown::Reject) => {
                let (least, most) = (
                    &mut self.least[*numeric as usize],
                    &mut self.most[*numeric as usize],
                );
                match bound {
                    Bound::AtLeast(value) => *least = least.max(*value),
                    Bound::AtMost(value) => *most = most.min(*value),
                }
            }
            _ => self.others.push(at),
        }
    }
}

/// What of a model the requirements look at, packed so that a thousand models are scanned in
/// microseconds. Kept beside the capabilities it was made from.
#[derive(Clone, Debug)]
pub(crate) struct Packed {
    yes: u16,
    no: u16,
    /// Bit per [`Numeric`] whose value is only a default.
    default_numbers: u8,
    pub(crate) numbers: [f64; Numeric::ALL.len()],
    /// With more input tokens than this the price is another one.
    pub(crate) first_tier_above: u64,
    custom_keys: u64,
}

impl Packed {
    pub(crate) fn new(capabilities: &Capabilities) -> Self {
        let mut packed = Self {
            yes: 0,
            no: 0,
            default_numbers: 0,
            numbers: [0.0; 4],
            first_tier_above: capabilities
                .declared_price()
                .and_then(Price::first_tier_above)
                .unwrap_or(u64::MAX),
            custom_keys: 0,
        };
        for flag in Flag::ALL {
            match capabilities.flag(flag).value {
                Support::Yes => packed.yes |= flag.bit(),
                Support::No => packed.no |= flag.bit(),
                Support::Unknown => {}
            }
        }
        for numeric in Numeric::ALL {
            let fact = capabilities.number(numeric);
            packed.numbers[numeric as usize] = fact.value;
            if fact.provenance == Provenance::Default {
                packed.default_numbers |= 1 << numeric as u8;
            }
        }
        for (key, _) in capabilities.custom_values() {
            packed.custom_keys |= key_mask(key);
        }
        packed
    }
}

impl Requirements {
    /// Nothing asked: every model meets it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a requirement that a flag be a known yes.
    #[must_use]
    pub fn supports(mut self, flag: Flag) -> Self {
        self.push(Clause {
            key: flag.key().into(),
            wanted: Wanted::Yes,
            test: Test::Flag(flag),
            on_unknown: OnUnknown::Reject,
            inferred: false,
        });
        self
    }

    /// Adds a bound on a built-in number, as `min_K` or `max_K`.
    #[must_use]
    pub fn bound(mut self, numeric: Numeric, bound: Bound) -> Self {
        let (key, value) = match bound {
            Bound::AtLeast(value) => (numeric.min_key(), value),
            Bound::AtMost(value) => (numeric.max_key(), value),
        };
        self.push(Clause {
            key: key.into(),
            wanted: Wanted::Number(value),
            test: Test::Number(numeric, bound),
            on_unknown: OnUnknown::Reject,
            inferred: false,
        });
        self
    }

    /// Adds a bound on a built-in number under its bare key: at least this much of a window, at
    /// most this much of cost or latency.
    #[must_use]
    pub fn number(mut self, numeric: Numeric, value: f64) -> Self {
        let bound = if numeric.more_is_better() {
            Bound::AtLeast(value)
        } else {
            Bound::AtMost(value)
        };
        self.push(Clause {
            key: numeric.key().into(),
            wanted: Wanted::Number(value),
            test: Test::Number(numeric, bound),
            on_unknown: OnUnknown::Reject,
            inferred: false,
        });
        self
    }

    /// Adds all of `other`, which then must hold too.
    #[must_use]
    pub fn and(mut self, other: &Requirements) -> Self {
        if self.is_empty() {
            return other.clone();
        }
        for clause in other.clauses() {
            self.push(clause.clone());
        }
        self
    }

    /// These requirements as inferred ones: they exclude only what is known not to meet them.
    #[must_use]
    pub fn into_inferred(mut self) -> Self {
        let Some(asked) = &mut self.asked else { return self };
        let asked = Arc::make_mut(asked);
        let clauses = std::mem::take(&mut asked.clauses);
        *asked = Asked::nothing();
        for clause in clauses {
            asked.push(Clause {
                on_unknown: OnUnknown::Accept,
                inferred: true,
                ..clause
            });
        }
        self
    }

    /// These (inferred) requirements without the keys that `explicit` speaks of.
    #[must_use]
    pub fn overridden_by(&self, explicit: &Requirements) -> Self {
        let mut kept = Self::new();
        for clause in self.clauses() {
            if !explicit
                .clauses()
                .any(|other| other.subject() == clause.subject())
            {
                kept.push(clause.clone());
            }
        }
        kept
    }

    /// These requirements without the key `key`.
    #[must_use]
    pub fn without(&self, key: &str) -> Self {
        let mut kept = Self::new();
        for clause in self.clauses().filter(|clause| &*clause.key != key) {
            kept.push(clause.clone());
        }
        kept
    }

    /// The keys, in order of writing.
    pub fn clauses(&self) -> impl Iterator<Item = &Clause> {
        self.asked().clauses.iter()
    }

    /// The requirement of that key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Clause> {
        self.clauses().find(|clause| &*clause.key == key)
    }

    /// Whether nothing is asked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.asked().clauses.is_empty()
    }

    /// Number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.asked().clauses.len()
    }

    /// The map as users write it. Where a key was asked for twice with different values (by a
    /// pool and by the request, say), both stand in a list.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut map: Map<String, Value> = Map::new();
        for clause in self.clauses() {
            match map.get_mut(&*clause.key) {
                None => {
                    map.insert(clause.key.to_string(), clause.wanted().into_owned());
                }
                Some(present) if *present == *clause.wanted() => {}
                Some(present) => *present = Value::Array(vec![present.take(), clause.wanted().into_owned()]),
            }
        }
        Value::Object(map)
    }

    /// The same, of the inferred keys only.
    #[must_use]
    pub fn inferred(&self) -> Requirements {
        self.filtered(true)
    }

    /// The same, of the explicit keys only.
    #[must_use]
    pub fn explicit(&self) -> Requirements {
        self.filtered(false)
    }

    fn filtered(&self, inferred: bool) -> Requirements {
        let mut kept = Self::new();
        for clause in self.clauses().filter(|clause| clause.inferred == inferred) {
            kept.push(clause.clone());
        }
        kept
    }

    fn push(&mut self, clause: Clause) {
        Arc::make_mut(self.asked.get_or_insert_with(|| Arc::new(Asked::nothing()))).push(clause);
    }

    fn asked(&self) -> &Asked {
        self.asked.as_deref().unwrap_or(&NOTHING)
    }

    /// How well a model meets these requirements.
    #[inline]
    pub(crate) fn fit(&self, packed: &Packed, capabilities: &Capabilities) -> Fit {
        let asked = self.asked();
        if packed.yes & asked.yes != asked.yes || packed.no & asked.not_no != 0 {
            return Fit::No;
        }
        let mut fit = if packed.yes & asked.not_no == asked.not_no {
            Fit::Yes
        } else {
            Fit::Unknown
        };
        let within =
            |at: usize| asked.least[at] <= packed.numbers[at] && packed.numbers[at] <= asked.most[at];
        if !(0..Numeric::ALL.len()).all(within) {
            return Fit::No;
        }
        for place in &asked.others {
            match asked.clauses[*place].fit(packed, capabilities) {
                Fit::No => return Fit::No,
                Fit::Unknown => fit = Fit::Unknown,
                Fit::Yes => {}
            }
        }
        fit
    }

    /// How many keys a model meets: what preferences are ordered by.
    #[must_use]
    pub(crate) fn met(&self, packed: &Packed, capabilities: &Capabilities) -> usize {
        self.clauses()
            .filter(|clause| clause.holds(packed, capabilities))
            .count()
    }

    /// What a model lacks; empty where it stays a candidate.
    pub(crate) fn missing(&self, packed: &Packed, capabilities: &Capabilities) -> Vec<Missing> {
        self.clauses()
            .filter(|clause| !clause.acceptable(packed, capabilities))
            .map(|clause| clause.missing(capabilities))
            .collect()
    }

    /// Keys that none of `known` is, with the nearest that is. `known` are the custom keys of
    /// all models; built-in keys are known by themselves.
    #[must_use]
    pub fn unknown_keys(&self, known: &[&str]) -> Vec<(String, Option<String>)> {
        let mut all = known.to_vec();
        for built_in in Capabilities::member_keys() {
            all.push(built_in);
        }
        self.clauses()
            .filter_map(|clause| {
                let subject = match &clause.test {
                    Test::Custom(custom) => &custom.key.name,
                    Test::CustomBound(custom) if known.contains(&&*custom.exact.name) => return None,
                    Test::CustomBound(custom) => &custom.base.name,
                    _ => return None,
                };
                if known.contains(&&**subject) {
                    return None;
                }
                let near = nearest(subject, all.iter().copied());
                // `min_contxt_window` is answered with `min_context_window`.
                let prefix = clause.key.strip_suffix(&**subject).unwrap_or_default();
                Some((clause.key.to_string(), near.map(|near| format!("{prefix}{near}"))))
            })
            .collect()
    }
}

impl Clause {
    /// For clauses that are not settled by masks and bounds alone.
    fn fit(&self, packed: &Packed, capabilities: &Capabilities) -> Fit {
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
    fn holds(&self, packed: &Packed, capabilities: &Capabilities) -> bool {
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
    fn acceptable(&self, packed: &Packed, capabilities: &Capabilities) -> bool {
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

    fn missing(&self, capabilities: &Capabilities) -> Missing {
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

impl Capabilities {
    /// Whether a model with these capabilities meets `requirements`, or what it lacks.
    ///
    /// # Errors
    /// Every key that is not met, with what was wanted and what is there.
    pub fn meets(&self, requirements: &Requirements) -> Result<(), Vec<Missing>> {
        let missing = requirements.missing(&Packed::new(self), self);
        if missing.is_empty() { Ok(()) } else { Err(missing) }
    }
}
