//! Which models a request may go to, in which order, and why.
//!
//! Making a plan filters the pool and finds the best model; that is all most requests need. The
//! whole ranking, the scores and the reasons of those that lost are worked out from the same
//! snapshot, sequence number and time when somebody asks: at the first failover, or to explain.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::capability::Numeric;
use crate::clock::UnixMillis;
use crate::facts::RequestFacts;
use crate::ranking::Ranking;
use crate::requirement::{Missing, Requirements};
use crate::selector::{Candidates, SelectContext, Selector, SelectorError, Ticket};
use crate::snapshot::{KeptSet, ModelIndex, ModelSet, Pool, Resolved, Snapshot};

/// Which models a plan is made over.
#[derive(Clone, Debug)]
pub enum Target {
    /// The members of a pool, ranked by its selector.
    Pool(Arc<Pool>),
    /// A model the caller named, and then its fallbacks, in this order.
    Named {
        /// The model, then its fallbacks.
        order: Vec<ModelIndex>,
        /// The vendor's name of the model named.
        model_name: Arc<str>,
    },
}

/// When the calls of a plan are done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Acceptance {
    /// The first answer that succeeds is the answer.
    #[default]
    FirstSuccess,
}

/// What a plan is made from.
#[derive(Debug)]
pub struct PlanRequest<'a> {
    /// What the caller named.
    pub resolved: Resolved,
    /// Aliases the request gives as fallbacks, in place of the named model's own.
    pub fallbacks: Option<Vec<ModelIndex>>,
    /// Restriction of the candidates: models the caller may use and asked for.
    pub allowed: Option<ModelSet>,
    /// All that must hold: the pool's, the key's and the request's, inferred ones included.
    pub requirements: Requirements,
    /// What is wished for.
    pub preferences: Requirements,
    /// What was noticed before, such as an inferred requirement that was dropped.
    pub notes: Vec<String>,
    /// What was read from the request.
    pub facts: Arc<RequestFacts>,
    /// What the caller passed for selectors to look at.
    pub values: Arc<Map<String, Value>>,
    /// The present time.
    pub now: UnixMillis,
    /// Where selectors draw the request's number.
    pub counter: &'a AtomicU64,
    /// What randomness is made from.
    pub seed: u64,
}

/// Which models a request may go to, best first.
#[derive(Clone, Debug)]
pub struct Plan {
    snapshot: Arc<Snapshot>,
    target: Target,
    base: KeptSet,
    known: KeptSet,
    unsure: KeptSet,
    requirements: Requirements,
    preferences: Requirements,
    facts: Arc<RequestFacts>,
    values: Arc<Map<String, Value>>,
    now: UnixMillis,
    number: u64,
    seed: u64,
    first: Option<ModelIndex>,
    /// The model that comes before what the selector says.
    stays_at: Option<ModelIndex>,
    notes: Vec<String>,
    acceptance: Acceptance,
}

impl Snapshot {
    /// Plans a request: filters, and finds the best model. Where none fits the plan says so
    /// ([`Plan::no_model_fits`]).
    ///
    /// # Errors
    /// The selector failed.
    pub fn plan(self: &Arc<Self>, request: PlanRequest<'_>) -> Result<Plan, SelectorError> {
        let target = match request.resolved {
            Resolved::Pool(pool) => Target::Pool(pool),
            Resolved::Model(index, model_name) => {
                let mut order = vec![index];
                let fallbacks = request.fallbacks.unwrap_or_else(|| self.fallbacks_of(index));
                order.extend(fallbacks.into_iter().filter(|other| *other != index));
                Target::Named { order, model_name }
            }
        };
        let members = match &target {
            Target::Pool(pool) => pool.members.clone(),
            Target::Named { order, .. } => order.iter().copied().collect(),
        };
        let base = request
            .allowed
            .as_ref()
            .map_or(members.clone(), |allowed| members.intersection(allowed));
        let (known, unsure) = self.filter(&base, &request.requirements);
        let ticket = Ticket::from_counter(request.counter, request.seed);
        let mut plan = Plan {
            snapshot: Arc::clone(self),
            target,
            base: KeptSet::from(&base),
            known: KeptSet::from(&known),
            unsure: KeptSet::from(&unsure),
            requirements: request.requirements,
            preferences: request.preferences,
            facts: request.facts,
            values: request.values,
            now: request.now,
            number: 0,
            seed: request.seed,
            first: None,
            stays_at: None,
            notes: request.notes,
            acceptance: Acceptance::FirstSuccess,
        };
        plan.first = plan.find_best([&known, &unsure], &ticket)?;
        plan.number = ticket.drawn().unwrap_or_default();
        Ok(plan)
    }

    /// The best of a pool for these requirements and nothing else: the shortest way from
    /// requirements to a model. Allocates nothing for up to 1,024 models.
    ///
    /// # Errors
    /// The selector failed.
    pub fn select(
        &self,
        pool: &Pool,
        requirements: &Requirements,
        context: &SelectContext<'_>,
    ) -> Result<Option<ModelIndex>, SelectorError> {
        let (known, unsure) = self.filter(&pool.members, requirements);
        self.best_of(pool, [&known, &unsure], context)
    }

    /// The best of some models in the eyes of a selector that need not be that of any pool: for
    /// selectors that ask another one.
    ///
    /// # Errors
    /// The selector failed.
    pub fn best_among(
        &self,
        models: &ModelSet,
        selector: &dyn Selector,
        context: &SelectContext<'_>,
    ) -> Result<Option<ModelIndex>, SelectorError> {
        let (known, unsure) = self.filter(models, context.requirements);
        self.best_by(selector, [&known, &unsure], context)
    }

    fn best_of(
        &self,
        pool: &Pool,
        sets: [&ModelSet; 2],
        context: &SelectContext<'_>,
    ) -> Result<Option<ModelIndex>, SelectorError> {
        self.best_by(&*pool.definition.selector, sets, context)
    }

    fn best_by(
        &self,
        selector: &dyn Selector,
        sets: [&ModelSet; 2],
        context: &SelectContext<'_>,
    ) -> Result<Option<ModelIndex>, SelectorError> {
        for set in sets {
            let Some(candidates) = Candidates::new(self, set) else {
                continue;
            };
            let best = selector.best(&candidates, context)?;
            // A selector may have kept an index from another request's snapshot.
            if best.is_some_and(|index| !set.contains(index)) {
                return Err(stranger(selector.name()));
            }
            if best.is_some() {
                return Ok(best);
            }
        }
        Ok(None)
    }

    fn fallbacks_of(&self, index: ModelIndex) -> Vec<ModelIndex> {
        self.entry(index)
            .config()
            .fallbacks
            .iter()
            .filter_map(|alias| self.index_of(alias))
            .collect()
    }
}

impl Plan {
    /// The snapshot it was made from.
    #[must_use]
    pub fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// The best model; `None` where none fits.
    #[must_use]
    pub fn first(&self) -> Option<ModelIndex> {
        self.first
    }

    /// Puts one model before all others, whatever the selector says: the one at which a tool loop is under way.
    /// Only among the members of a pool, and only one that fits; returns whether it is one.
    pub fn stay_at(&mut self, index: ModelIndex) -> bool {
        let fits = self.known.contains(index) || self.unsure.contains(index);
        let stays = fits && matches!(self.target, Target::Pool(_));
        if stays {
            let alias = &self.snapshot.entry(index).config().alias;
            self.notes.push(format!(
                "the request goes on from what `{alias}` gave, and stays there unless it fails"
            ));
            self.first = Some(index);
            self.stays_at = Some(index);
        }
        stays
    }

    /// When its calls are done.
    #[must_use]
    pub fn acceptance(&self) -> Acceptance {
        self.acceptance
    }

    /// What the randomness of this request is made from.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed ^ self.number.rotate_left(32)
    }

    /// Which models it is made over.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// All that must hold.
    #[must_use]
    pub fn requirements(&self) -> &Requirements {
        &self.requirements
    }

    /// What is wished for.
    #[must_use]
    pub fn preferences(&self) -> &Requirements {
        &self.preferences
    }

    /// What was read from the request.
    #[must_use]
    pub fn facts(&self) -> &Arc<RequestFacts> {
        &self.facts
    }

    /// The vendor's name of a model: for a wildcard, from the part of the caller's word it matched.
    #[must_use]
    pub fn model_name(&self, index: ModelIndex) -> Arc<str> {
        match &self.target {
            Target::Named { order, model_name } if order.first() == Some(&index) => Arc::clone(model_name),
            _ => Arc::clone(&self.snapshot.entry(index).config().model_name),
        }
    }

    /// The best model without those that were tried or are to be left alone, asked of the selector
    /// anew. What a request learned meanwhile is for the caller to check.
    ///
    /// # Errors
    /// The selector failed.
    pub fn best_except(&self, excluded: &ModelSet) -> Result<Option<ModelIndex>, SelectorError> {
        if excluded.is_empty() {
            return Ok(self.first);
        }
        if let Some(index) = self.stays_at.filter(|index| !excluded.contains(*index)) {
            return Ok(Some(index));
        }
        let ticket = Ticket::fixed(self.number, self.seed);
        let left = |set: &KeptSet| set.whole().without(excluded);
        let (known, unsure) = (left(&self.known), left(&self.unsure));
        self.find_best([&known, &unsure], &ticket)
    }

    /// The whole ranking: what is known to fit, then what merely may.
    ///
    /// # Errors
    /// The selector failed.
    pub fn ranking(&self) -> Result<Ranking, SelectorError> {
        let ticket = Ticket::fixed(self.number, self.seed);
        let mut ranking = Ranking::new();
        if let Target::Named { order, .. } = &self.target {
            self.rank_named(order, &mut ranking);
            return Ok(ranking);
        }
        for (set, is_known) in [(self.known.whole(), true), (self.unsure.whole(), false)] {
            if let Some(candidates) = Candidates::new(&self.snapshot, &set) {
                let ranked = self.rank(&candidates, &ticket)?;
                ranking.append(if is_known {
                    ranked
                } else {
                    ranked.noted("not known to fit")
                });
            }
        }
        Ok(ranking)
    }

    fn find_best(
        &self,
        sets: [&ModelSet; 2],
        ticket: &Ticket<'_>,
    ) -> Result<Option<ModelIndex>, SelectorError> {
        match &self.target {
            Target::Pool(pool) => self.snapshot.best_of(pool, sets, &self.context(ticket)),
            Target::Named { order, .. } => {
                let fits = |index: &ModelIndex| sets.iter().any(|set| set.contains(*index));
                Ok(order.iter().copied().find(fits))
            }
        }
    }

    fn rank(&self, candidates: &Candidates<'_>, ticket: &Ticket<'_>) -> Result<Ranking, SelectorError> {
        let Target::Pool(pool) = &self.target else {
            return Ok(Ranking::new());
        };
        let selector = &pool.definition.selector;
        let ranking = selector.rank(candidates, &self.context(ticket))?;
        if ranking.iter().any(|ranked| candidates.at(ranked.model).is_none()) {
            return Err(stranger(selector.name()));
        }
        Ok(ranking)
    }

    /// The caller's own order: the model named, then its fallbacks.
    fn rank_named(&self, order: &[ModelIndex], ranking: &mut Ranking) {
        let sets = [self.known.whole(), self.unsure.whole()];
        for (place, index) in order.iter().enumerate() {
            let candidate = sets
                .iter()
                .find_map(|set| Candidates::new(&self.snapshot, set)?.at(*index));
            if let Some(candidate) = candidate {
                let reason = if place == 0 {
                    "named by the caller".to_owned()
                } else {
                    format!("fallback {place}")
                };
                ranking.push(candidate, -(place as f64), reason);
            }
        }
    }

    fn context<'a>(&'a self, ticket: &'a Ticket<'a>) -> SelectContext<'a> {
        SelectContext {
            default: self.snapshot.default_model(),
            order: match &self.target {
                Target::Pool(pool) => &pool.order,
                Target::Named { order, .. } => order,
            },
            requirements: &self.requirements,
            preferences: &self.preferences,
            facts: &self.facts,
            values: &self.values,
            now: self.now,
            ticket,
        }
    }

    /// What each model lacks, and the keys that none knows.
    #[must_use]
    pub fn no_model_fits(&self) -> NoModelFits {
        NoModelFits {
            unknown_keys: self.unknown_keys(),
            rejected: self.rejected(),
            pool_is_empty: self.base.is_empty(),
            input_too_long: self.lacks_only_the_inferred_window(),
        }
    }

    fn lacks_only_the_inferred_window(&self) -> bool {
        let window = Numeric::ContextWindow.key();
        let inferred = self.requirements.inferred();
        let is_inferred_window = |missing: &Missing| {
            inferred
                .get(&missing.key)
                .is_some_and(|clause| clause.subject() == window)
        };
        let rejected = self.rejected();
        !rejected.is_empty()
            && rejected
                .iter()
                .all(|model| model.missing.iter().all(is_inferred_window))
    }

    fn unknown_keys(&self) -> Vec<UnknownKey> {
        self.requirements
            .unknown_keys(&self.snapshot.custom_keys())
            .into_iter()
            .map(|(key, nearest)| UnknownKey { key, nearest })
            .collect()
    }

    fn rejected(&self) -> Vec<Rejected> {
        let lacking = |index: ModelIndex| Rejected {
            alias: self.snapshot.entry(index).config().alias.to_string(),
            missing: self
                .snapshot
                .capabilities(index)
                .meets(&self.requirements)
                .err()
                .unwrap_or_default(),
        };
        let base = self.base.whole();
        base.iter()
            .filter(|index| !self.known.contains(*index) && !self.unsure.contains(*index))
            .map(lacking)
            .collect()
    }

    /// Every model of the plan with its rank, score and reason, or what it lacks.
    ///
    /// # Errors
    /// The selector failed.
    pub fn explain(&self) -> Result<Explanation, SelectorError> {
        let ranking = self.ranking()?;
        let places = ranking.iter().enumerate().map(|(at, ranked)| RankedModel {
            alias: self.snapshot.entry(ranked.model).config().alias.to_string(),
            rank: at + 1,
            score: ranked.score,
            reason: ranked.reason.clone(),
        });
        let mut explanation = self.describe();
        explanation.selected = self
            .first
            .map(|first| self.snapshot.entry(first).config().alias.to_string());
        explanation.ranking = places.collect();
        Ok(explanation)
    }

    fn describe(&self) -> Explanation {
        let (pool, selector) = match &self.target {
            Target::Pool(pool) => (
                Some(pool.definition.name.to_string()),
                pool.definition.selector.name().to_owned(),
            ),
            Target::Named { .. } => (None, "named".to_owned()),
        };
        Explanation {
            selected: None,
            pool,
            selector,
            requirements: self.requirements.explicit().to_json(),
            inferred: self.requirements.inferred().to_json(),
            ranking: Vec::new(),
            rejected: self.rejected(),
            unknown_keys: self.unknown_keys(),
            notes: self.notes.clone(),
        }
    }
}

fn stranger(selector: &str) -> SelectorError {
    SelectorError::new(selector, "named a model that is not among the candidates")
}

/// Why a request goes where it goes: the answer of `select --json` and of the dry run.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// The model that would be called.
    pub selected: Option<String>,
    /// The pool that picked; null where the caller named a model.
    pub pool: Option<String>,
    /// The selector that ranked.
    pub selector: String,
    /// Explicit requirements.
    pub requirements: Value,
    /// Inferred requirements.
    pub inferred: Value,
    /// Models that fit, best first.
    pub ranking: Vec<RankedModel>,
    /// Models that do not, with what they lack.
    pub rejected: Vec<Rejected>,
    /// Requirements that no model knows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown_keys: Vec<UnknownKey>,
    /// What was noticed on the way, such as an inferred requirement that was dropped.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A model that fits.
#[derive(Clone, Debug, Serialize)]
pub struct RankedModel {
    /// Its alias.
    pub alias: String,
    /// Its place, from 1.
    pub rank: usize,
    /// The selector's score; higher is better.
    pub score: f64,
    /// Why it stands there.
    pub reason: String,
}

/// A model that does not fit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rejected {
    /// Its alias.
    pub alias: String,
    /// What it lacks.
    pub missing: Vec<Missing>,
}

/// A requirement that no model of the pool knows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UnknownKey {
    /// The key as written.
    pub key: String,
    /// The nearest key that is known.
    pub nearest: Option<String>,
}

/// No model of the pool meets the requirements.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NoModelFits {
    /// Keys that no model knows.
    pub unknown_keys: Vec<UnknownKey>,
    /// What each model lacks; empty lists are models the selector left out.
    pub rejected: Vec<Rejected>,
    /// There was no model to begin with.
    pub pool_is_empty: bool,
    /// The estimated length of the input is all that stands in the way.
    pub input_too_long: bool,
}

/// Models named in the message before it says "and N more".
const NAMED_IN_MESSAGE: usize = 5;

impl fmt::Display for NoModelFits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pool_is_empty {
            return f.write_str("no model fits: the pool has no model that may be used");
        }
        f.write_str("no model fits")?;
        for UnknownKey { key, nearest } in &self.unknown_keys {
            write!(f, "; no model knows `{key}`")?;
            if let Some(near) = nearest {
                write!(f, ", did you mean `{near}`?")?;
            }
        }
        for (at, Rejected { alias, missing }) in self.rejected.iter().take(NAMED_IN_MESSAGE).enumerate() {
            write!(f, "{} {alias} lacks ", if at == 0 { ":" } else { ";" })?;
            for (at, missing) in missing.iter().enumerate() {
                write!(f, "{}{missing}", if at == 0 { "" } else { " and " })?;
            }
        }
        match self.rejected.len().saturating_sub(NAMED_IN_MESSAGE) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}
