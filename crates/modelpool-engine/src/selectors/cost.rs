//! The cheapest model, whatever the request prefers.
//!
//! **Rule.** score = −*c*, where *c* is what the model costs for ranking, in US dollars per
//! thousand tokens, ≥ 0: (3 × input + output) / 4 of its price, in the tier that the request's
//! estimated input tokens are in.
//!
//! **Source.** Ours; the weights of input and output are the usual mix of a conversation.
//!
//! **Needs.** Declared or catalog prices; where nobody said one, 0.01 is assumed.
//!
//! **Cost per decision.** One pass over the candidates that compares a number each; nothing is
//! allocated.
//!
//! **Not for** requests whose output is far longer than their input: the mix then misjudges the
//! bill. Nor where preferences are meant to count, which is what `capability` is for.

use std::sync::Arc;

use modelpool_core::ranking::tie_break;
use modelpool_core::snapshot::ModelIndex;
use modelpool_core::{Candidate, Candidates, Ranking, SelectContext, Selector, SelectorError};

use super::{Kind, phrase};

pub(super) const KIND: Kind = Kind {
    name: "cost",
    prefers: "the cheapest",
    options: &[],
    example: r#""cost""#,
    build: |_| Some(Arc::new(Cost)),
};

/// The cheapest first.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost;

impl Selector for Cost {
    fn name(&self) -> &str {
        KIND.name
    }

    fn rank(
        &self,
        candidates: &Candidates<'_>,
        context: &SelectContext<'_>,
    ) -> Result<Ranking, SelectorError> {
        let score = |candidate: Candidate<'_>| score(candidate, context);
        Ok(Ranking::by_score(candidates, context, score, |candidate, _| {
            phrase::cost(candidate, context)
        }))
    }

    fn best(
        &self,
        candidates: &Candidates<'_>,
        context: &SelectContext<'_>,
    ) -> Result<Option<ModelIndex>, SelectorError> {
        Ok(cheapest(candidates, context).map(|candidate| candidate.index()))
    }
}

/// The cheapest candidate.
pub(super) fn cheapest<'a>(
    candidates: &Candidates<'a>,
    context: &SelectContext<'_>,
) -> Option<Candidate<'a>> {
    let input_tokens = context.facts.input_tokens;
    let mut best: Option<(Candidate<'a>, f64)> = None;
    for candidate in candidates.iter() {
        let cost = candidate.cost_per_1k_at(input_tokens);
        if let Some((leader, least)) = best {
            // Most are dearer than the leader, and done with after one comparison.
            if cost > least || (cost == least && tie_break(candidate, leader, context).is_gt()) {
                continue;
            }
        }
        best = Some((candidate, cost));
    }
    best.map(|(candidate, _)| candidate)
}

/// Subtracting, where negating would tell a cost of 0 from one of -0.
fn score(candidate: Candidate<'_>, context: &SelectContext<'_>) -> f64 {
    0.0 - candidate.cost_per_1k_at(context.facts.input_tokens)
}

#[cfg(test)]
mod tests {
    use super::super::Capability;
    use super::super::test_pool::TestPool;
    use super::*;
    use modelpool_core::{Capabilities, Flag, Price, PriceTier, RequestFacts};
    use serde_json::json;

    #[test]
    fn preferences_do_not_count() {
        let price = Price {
            input: 1.0,
            output: 5.0,
            ..Price::default()
        };
        let pool = TestPool::new()
            .model(
                "vision",
                Capabilities::new()
                    .supports(Flag::Vision)
                    .cost_per_1k_tokens(0.003),
            )
            .model("plain", Capabilities::new().price(price))
            .prefer(json!({"supports_vision": true}));
        assert_eq!(pool.order(Cost), ["plain", "vision"]);
        assert_eq!(pool.reasons(Cost)[0], "$0.002 per 1k tokens");
    }

    #[test]
    fn the_price_is_that_of_the_size_of_the_request() {
        let tier = PriceTier {
            above_input_tokens: 200_000,
            input: 4.0,
            output: 18.0,
            ..PriceTier::default()
        };
        let stepped = Price {
            input: 2.0,
            output: 12.0,
            tiers: vec![tier],
            ..Price::default()
        };
        let even = Price {
            input: 3.0,
            output: 15.0,
            ..Price::default()
        };
        let pool = |input_tokens| {
            TestPool::new()
                .model("even", Capabilities::new().price(even.clone()))
                .model("stepped", Capabilities::new().price(stepped.clone()))
                .facts(RequestFacts {
                    input_tokens,
                    ..RequestFacts::default()
                })
        };
        for (input_tokens, order, reason) in [
            (200_000, ["stepped", "even"], "$0.0045 per 1k tokens"),
            (200_001, ["even", "stepped"], "$0.006 per 1k tokens"),
        ] {
            assert_eq!(pool(input_tokens).order(Cost), order);
            assert_eq!(pool(input_tokens).order(Capability), order);
            assert_eq!(pool(input_tokens).reasons(Cost)[0], reason);
        }
        assert_eq!(
            pool(200_001).reasons(Cost)[1],
            "$0.0075 per 1k tokens above 200000 input tokens"
        );
    }
}
