//! Ordering the candidates.
//!
//! The pool filters, the selector ranks. A selector is handed only models that meet the
//! requirements, never an empty set, and answers with a [`Ranking`] of them; it cannot name a
//! model that does not fit. Selectors are pure: the time, the sequence number of the request and
//! randomness come from the [`SelectContext`], so the same context gives the same ranking, and a
//! plan can be explained after the fact.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Map, Value};

use crate::capability::{Capabilities, Numeric};
use crate::clock::UnixMillis;
use crate::facts::RequestFacts;
use crate::live::LiveState;
use crate::model::ModelConfig;
use crate::ranking::Ranking;
use crate::requirement::Requirements;
use crate::snapshot::{ModelEntry, ModelIndex, ModelSet, Snapshot};

/// Ranks candidates.
///
/// ```
/// use modelpool_core::{Candidates, Ranking, SelectContext, Selector, SelectorError};
///
/// /// Models that run at home first.
/// #[derive(Debug)]
/// struct HomeFirst;
///
/// impl Selector for HomeFirst {
///     fn name(&self) -> &str { "home_first" }
///     fn rank(&self, candidates: &Candidates<'_>, context: &SelectContext<'_>)
///         -> Result<Ranking, SelectorError>
///     {
///         let at_home = |model: modelpool_core::Candidate<'_>| {
///             model.capabilities().custom_value("runs_locally").is_some_and(|fact| fact.value == true)
///         };
///         Ok(Ranking::by_score(candidates, context,
///             |model| f64::from(u8::from(at_home(model))),
///             |model, _| format!("{} runs {}", model.alias(), if at_home(model) { "here" } else { "elsewhere" })))
///     }
/// }
/// ```
pub trait Selector: Send + Sync + fmt::Debug {
    /// The name, as in a configuration.
    fn name(&self) -> &str;

    /// Orders the candidates, best first. A candidate that is left out is not tried; an empty
    /// ranking means no model.
    ///
    /// # Errors
    /// A selector that cannot decide says why; the request then fails with that cause.
    fn rank(
        &self,
        candidates: &Candidates<'_>,
        context: &SelectContext<'_>,
    ) -> Result<Ranking, SelectorError>;

    /// The first of [`rank`](Selector::rank) for the same context. Selectors on the hot path
    /// override it to spare the allocation.
    ///
    /// # Errors
    /// As [`rank`](Selector::rank).
    fn best(
        &self,
        candidates: &Candidates<'_>,
        context: &SelectContext<'_>,
    ) -> Result<Option<ModelIndex>, SelectorError> {
        Ok(self.rank(candidates, context)?.first().map(|ranked| ranked.model))
    }

    /// Whether the selector has grounds for its order here and now: measurements there are,
    /// weights for these models, a window that is open. `first_of` passes over those that do not.
    fn applies(&self, _candidates: &Candidates<'_>, _context: &SelectContext<'_>) -> bool {
        true
    }
}

/// Why a selector could not decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectorError {
    /// The selector's name.
    pub selector: String,
    /// The cause, in words.
    pub message: String,
}

impl SelectorError {
    /// An error of the selector of that name.
    pub fn new(selector: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            selector: selector.into(),
            message: message.into(),
        }
    }
}

impl fmt::Display for SelectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "selector `{}`: {}", self.selector, self.message)
    }
}

impl std::error::Error for SelectorError {}

/// Models that meet the requirements; at least one.
#[derive(Clone, Copy, Debug)]
pub struct Candidates<'a> {
    snapshot: &'a Snapshot,
    set: &'a ModelSet,
}

impl<'a> Candidates<'a> {
    /// `None` where the set is empty.
    pub(crate) fn new(snapshot: &'a Snapshot, set: &'a ModelSet) -> Option<Self> {
        (!set.is_empty()).then_some(Self { snapshot, set })
    }

    /// The candidates, in the order in which they were added to the pool.
    pub fn iter(&self) -> impl Iterator<Item = Candidate<'a>> + 'a {
        let snapshot = self.snapshot;
        self.set.iter().map(move |index| Candidate { snapshot, index })
    }

    /// How many there are; never 0.
    #[must_use]
    #[allow(clippy::len_without_is_empty)] // never empty
    pub fn len(&self) -> usize {
        self.set.len()
    }

    /// The candidate of that alias.
    #[must_use]
    pub fn get(&self, alias: &str) -> Option<Candidate<'a>> {
        self.snapshot.index_of(alias).and_then(|index| self.at(index))
    }

    /// The candidate at that place in the pool.
    #[must_use]
    pub fn at(&self, index: ModelIndex) -> Option<Candidate<'a>> {
        self.set.contains(index).then_some(Candidate {
            snapshot: self.snapshot,
            index,
        })
    }

    /// The `n`th candidate, in the order of the pool.
    #[must_use]
    pub fn nth(&self, n: usize) -> Option<Candidate<'a>> {
        self.iter().nth(n)
    }

    /// Asks another selector about some of these candidates only; `None` where `keep` keeps none.
    pub fn only<T>(
        &self,
        keep: impl Fn(Candidate<'a>) -> bool,
        ask: impl FnOnce(&Candidates<'_>) -> T,
    ) -> Option<T> {
        let mut kept = ModelSet::default();
        for candidate in self.iter().filter(|candidate| keep(*candidate)) {
            kept.insert(candidate.index());
        }
        Candidates::new(self.snapshot, &kept).map(|candidates| ask(&candidates))
    }
}

/// One model that meets the requirements.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    snapshot: &'a Snapshot,
    index: ModelIndex,
}

impl<'a> Candidate<'a> {
    /// Its place in the pool.
    #[must_use]
    pub fn index(&self) -> ModelIndex {
        self.index
    }

    /// Its alias.
    #[must_use]
    pub fn alias(&self) -> &'a str {
        &self.config().alias
    }

    /// How it is reached.
    #[must_use]
    pub fn config(&self) -> &'a ModelConfig {
        self.snapshot.entry(self.index).config()
    }

    /// What it can do.
    #[must_use]
    pub fn capabilities(&self) -> &'a Capabilities {
        &self.config().capabilities
    }

    /// Its entry, which later snapshots share as long as it is not changed.
    #[must_use]
    pub fn entry(&self) -> &'a Arc<ModelEntry> {
        self.snapshot.entry(self.index)
    }

    /// What is measured of it.
    #[must_use]
    pub fn live(&self) -> &'a LiveState {
        self.snapshot.entry(self.index).live()
    }

    /// A built-in number, without following the pointer to the entry.
    #[must_use]
    #[inline]
    pub fn number(&self, numeric: Numeric) -> f64 {
        self.snapshot.packed(self.index).numbers[numeric as usize]
    }

    /// What it costs for ranking with so many input tokens, in US dollars per thousand tokens: the number
    /// `cost_per_1k_tokens`, or that of the tier such a call would be in.
    #[must_use]
    #[inline]
    pub fn cost_per_1k_at(&self, input_tokens: u64) -> f64 {
        // Only who is in a tier pays for following the pointer.
        if input_tokens > self.snapshot.packed(self.index).first_tier_above {
            self.capabilities().cost_per_1k_at(input_tokens)
        } else {
            self.number(Numeric::CostPer1kTokens)
        }
    }

    /// How many of `preferences` it meets.
    #[must_use]
    pub fn preferences_met(&self, preferences: &Requirements) -> usize {
        preferences.met(self.snapshot.packed(self.index), self.capabilities())
    }
}

/// What a selector may look at besides the candidates.
#[derive(Debug)]
pub struct SelectContext<'a> {
    /// The pool's default model.
    pub default: Option<ModelIndex>,
    /// Members of the pool in the order the user listed them.
    pub order: &'a [ModelIndex],
    /// What the candidates were filtered by.
    pub requirements: &'a Requirements,
    /// What is wished for.
    pub preferences: &'a Requirements,
    /// What was read from the request.
    pub facts: &'a RequestFacts,
    /// What the caller passed for selectors to look at (session, tags, values of its own).
    pub values: &'a Map<String, Value>,
    /// The present time.
    pub now: UnixMillis,
    /// The request's place in the sequence of its pool.
    pub ticket: &'a Ticket<'a>,
}

/// The number of a request, drawn from its pool's counter when a selector first asks for it, so
/// that selectors that need none leave the counter alone.
#[derive(Debug)]
pub struct Ticket<'a> {
    counter: Option<&'a AtomicU64>,
    seed: u64,
    drawn: Cell<Option<u64>>,
}

impl<'a> Ticket<'a> {
    /// A ticket that draws from `counter`; `seed` makes the randomness.
    #[must_use]
    pub fn from_counter(counter: &'a AtomicU64, seed: u64) -> Self {
        Self {
            counter: Some(counter),
            seed,
            drawn: Cell::new(None),
        }
    }

    /// A ticket of a fixed number: the same choice again, or a look without moving the counter.
    #[must_use]
    pub fn fixed(number: u64, seed: u64) -> Ticket<'static> {
        Ticket {
            counter: None,
            seed,
            drawn: Cell::new(Some(number)),
        }
    }

    /// The request's number.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.drawn.get().unwrap_or_else(|| {
            let number = self
                .counter
                .map_or(0, |counter| counter.fetch_add(1, Ordering::Relaxed));
            self.drawn.set(Some(number));
            number
        })
    }

    /// The number, if somebody drew it.
    #[must_use]
    pub fn drawn(&self) -> Option<u64> {
        self.drawn.get()
    }

    /// A random number in 0..1 that depends on the seed, the request's number and `salt` alone.
    #[must_use]
    pub fn random(&self, salt: u64) -> f64 {
        let mixed = splitmix64(splitmix64(self.seed ^ self.number()) ^ salt);
        // The upper 53 bits fill the mantissa of an f64.
        (mixed >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// SplitMix64's output function (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number
/// Generators", OOPSLA 2014, figure 17): one well-mixed number from another.
fn splitmix64(state: u64) -> u64 {
    let mut mixed = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_drawn_once_and_only_when_asked_for() {
        let counter = AtomicU64::new(7);
        let ticket = Ticket::from_counter(&counter, 1);
        assert_eq!(ticket.drawn(), None);
        assert_eq!((ticket.number(), ticket.number()), (7, 7));
        assert_eq!(counter.load(Ordering::Relaxed), 8);
        let again = Ticket::fixed(7, 1);
        assert_eq!(again.random(3), ticket.random(3));
        assert_ne!(again.random(3), again.random(4));
    }

    #[test]
    fn random_numbers_fill_the_unit_interval() {
        let mean = (0..10_000)
            .map(|number| Ticket::fixed(number, 42).random(0))
            .sum::<f64>()
            / 10_000.0;
        assert!((0.49..0.51).contains(&mean), "mean {mean}");
    }
}
