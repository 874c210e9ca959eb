//! The cheapest of the models that meet most of what the request prefers; the default selector.
//!
//! **Rule.** The first difference decides: *p* (more first), *c* (less first), the default model,
//! the alias. *p* is the number of the request's *P* preferences that the model meets, 0..=*P*;
//! *c* is what it costs for ranking, in US dollars per thousand tokens, ≥ 0, as `cost` has it. The score shown is
//! *p* + 1/(1 + *c*); the order is decided on *p* and *c* themselves, never on their sum.
//!
//! **Source.** Ours.
//!
//! **Needs.** Declared or catalog prices; where nobody said one, 0.01 is assumed.
//!
//! **Cost per decision.** One pass over the candidates that compares a number each, plus the
//! check of each preference; nothing is allocated.
//!
//! **Not for** pools whose models differ in speed or quality more than in price: it sends all
//! traffic to one model until that model fails.

use std::cmp::Ordering;
use std::sync::Arc;

use modelpool_core::ranking::tie_break;
use modelpool_core::snapshot::ModelIndex;
use modelpool_core::{Candidate, Candidates, Ranking, SelectContext, Selector, SelectorError};

use super::{Kind, cost, phrase};

pub(super) const KIND: Kind = Kind {
    name: "capability",
    prefers: "what meets most preferences, then the cheapest",
    options: &[],
    example: r#""capability""#,
    build: |_| Some(Arc::new(Capability)),
};

/// Most preferences met first, then the cheapest.
#[derive(Clone, Copy, Debug, Default)]
pub struct Capability;

impl Selector for Capability {
    fn name(&self) -> &str {
        KIND.name
    }

    fn rank(
        &self,
        candidates: &Candidates<'_>,
        context: &SelectContext<'_>,
    ) -> Result<Ranking, SelectorError> {
        let mut standings: Vec<Standing<'_>> = candidates
            .iter()
            .map(|candidate| Standing::of(candidate, context))
            .collect();
        standings.sort_by(|a, b| a.compare(b, context));
        let mut ranking = Ranking::new();
        for standing in &standings {
            let reason = standing.reason(context);
            ranking.push(standing.candidate, standing.score(), reason);
        }
        Ok(ranking)
    }

    fn best(
        &self,
        candidates: &Candidates<'_>,
        context: &SelectContext<'_>,
    ) -> Result<Option<ModelIndex>, SelectorError> {
        if context.preferences.is_empty() {
            return Ok(cost::cheapest(candidates, context).map(|candidate| candidate.index()));
        }
        let best = candidates
            .iter()
            .map(|candidate| Standing::of(candidate, context))
            .min_by(|a, b| a.compare(b, context));
        Ok(best.map(|standing| standing.candidate.index()))
    }
}

/// What a candidate is ordered by.
#[derive(Clone, Copy)]
struct Standing<'a> {
    candidate: Candidate<'a>,
    preferences_met: usize,
    cost: f64,
}

impl<'a> Standing<'a> {
    fn of(candidate: Candidate<'a>, context: &SelectContext<'_>) -> Self {
        Self {
            candidate,
            preferences_met: candidate.preferences_met(context.preferences),
            cost: candidate.cost_per_1k_at(context.facts.input_tokens),
        }
    }

    fn compare(&self, other: &Self, context: &SelectContext<'_>) -> Ordering {
        (other.preferences_met.cmp(&self.preferences_met))
            // Adding 0 makes -0 a 0, so that the two are a tie.
            .then_with(|| (self.cost + 0.0).total_cmp(&(other.cost + 0.0)))
            .then_with(|| tie_break(self.candidate, other.candidate, context))
    }

    fn score(&self) -> f64 {
        self.preferences_met as f64 + 1.0 / (1.0 + self.cost)
    }

    fn reason(&self, context: &SelectContext<'_>) -> String {
        let cost = phrase::cost(self.candidate, context);
        if context.preferences.is_empty() {
            cost
        } else {
            let (met, of) = (self.preferences_met, context.preferences.len());
            format!("meets {met} of {of} preferences, {cost}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_pool::TestPool;
    use super::*;
    use modelpool_core::{Capabilities, Flag};
    use serde_json::json;

    fn pool() -> TestPool {
        TestPool::new()
            .model(
                "strong",
                Capabilities::new()
                    .cost_per_1k_tokens(0.03)
                    .supports(Flag::Vision),
            )
            .model("fast", Capabilities::new().cost_per_1k_tokens(0.002))
            .model("silent", Capabilities::new())
            .model("also-fast", Capabilities::new().cost_per_1k_tokens(0.002))
    }

    #[test]
    fn the_cheapest_comes_first() {
        assert_eq!(
            pool().order(Capability),
            ["also-fast", "fast", "silent", "strong"]
        );
        let reasons = pool().reasons(Capability);
        assert_eq!(reasons[0], "$0.002 per 1k tokens");
        assert_eq!(reasons[2], "$0.01 per 1k tokens (assumed)");
    }

    #[test]
    fn the_default_model_wins_a_tie() {
        assert_eq!(
            pool().default_model("fast").order(Capability)[..2],
            ["fast", "also-fast"]
        );
    }

    #[test]
    fn a_preference_outweighs_any_price() {
        let pool = pool().prefer(json!({"supports_vision": true, "min_context_window": 1}));
        assert_eq!(pool.order(Capability)[0], "strong");
        assert_eq!(
            pool.reasons(Capability)[0],
            "meets 2 of 2 preferences, $0.03 per 1k tokens"
        );
    }

    #[test]
    fn prices_that_no_sum_tells_apart_still_decide() {
        let cost = |dollars: f64| Capabilities::new().cost_per_1k_tokens(dollars);
        let pool = TestPool::new()
            .model("a", cost(2e-18))
            .model("b", cost(1e-18))
            .model("c", cost(0.0))
            .model("d", cost(-0.0));
        assert_eq!(pool.order(Capability), ["c", "d", "b", "a"]);
    }
}
