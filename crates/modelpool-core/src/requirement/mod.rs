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
mod clause;
mod form;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde_json::{Map, Value};
use smallvec::SmallVec;

use crate::capability::{Capabilities, Flag, Numeric, Provenance, Support};
use crate::nearest::nearest;
use crate::price::Price;
pub use check::Check;
use clause::Wanted;
pub use clause::{Bound, Clause, CustomBound, CustomTest, Key, Missing, OnUnknown, Test, key_mask};
pub use form::RequirementError;

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
