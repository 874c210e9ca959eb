//! What a detection would ask, and what it found.

use std::sync::Arc;

use modelpool_core::{Finding, Found, ModelEntry, Price};
use serde::Serialize;
use serde_json::{Value, json};

use super::asking::{GREETING_CALLS, GREETING_INPUT, Spent, output_of};
use super::judge::Verdict;
use super::table::ProbeRow;

/// What a detection would ask.
#[derive(Clone, Debug, Serialize)]
pub struct ProbePlan {
    /// The model.
    pub alias: String,
    /// Tokens that may be used at most.
    pub token_budget: u64,
    /// The probes, in the order in which they are made.
    pub probes: Vec<PlannedProbe>,
    /// Tokens of all of them at most, the greeting that comes first included; within the budget.
    pub tokens: u64,
    /// What that costs at most, in US dollars; null where no price is known.
    pub cost_usd: Option<f64>,
}

/// One probe of a plan.
#[derive(Clone, Debug, Serialize)]
pub struct PlannedProbe {
    /// Its name.
    pub probe: &'static str,
    /// What it asks for.
    pub asks: &'static str,
    /// Calls at most.
    pub calls: u32,
    /// Input and output tokens at most.
    pub tokens: u64,
}

impl ProbePlan {
    pub(super) fn of(entry: &ModelEntry, rows: &[&'static ProbeRow], budget: u64) -> Self {
        let output = output_of(entry);
        let mut left = budget.saturating_sub(GREETING_INPUT + GREETING_CALLS * output);
        let mut probes = Vec::new();
        for row in rows {
            // One that uses what is left is as large as that.
            let input = row
                .input_tokens
                .map(|input| input + u64::from(row.calls) * output);
            let tokens = input.unwrap_or(left).min(left);
            left -= tokens;
            probes.push(PlannedProbe {
                probe: row.name,
                asks: row.asks,
                calls: row.calls,
                tokens,
            });
        }
        let tokens = budget - left;
        // All of it at the dearer of the two prices, so that it is not more. No call is longer than all together, so
        // none is in a higher tier, and where a tier is cheaper the shortest call counts.
        let price = entry.config().capabilities.declared_price();
        let calls: u64 = probes.iter().map(|probe| u64::from(probe.calls)).sum();
        let cost_usd = price.map(|price| most_usd(price, tokens, calls));
        Self {
            alias: entry.alias().to_owned(),
            token_budget: budget,
            probes,
            tokens,
            cost_usd,
        }
    }
}

/// The most that so many tokens can cost in so many calls.
fn most_usd(price: &Price, tokens: u64, calls: u64) -> f64 {
    let reachable = price.tiers.iter().filter(|tier| tier.above_input_tokens < tokens);
    let sizes = reachable.map(|tier| tier.above_input_tokens.saturating_add(1));
    let dearest_per_token = [0]
        .into_iter()
        .chain(sizes)
        .map(|input_tokens| price.dearest_rate_at(input_tokens))
        .fold(0.0, f64::max);
    tokens as f64 * dearest_per_token / 1e6 + calls as f64 * price.request.unwrap_or(0.0)
}

/// What a detection found.
#[derive(Clone, Debug)]
pub struct Detection {
    /// The model.
    pub alias: Arc<str>,
    /// The vendor's name of it.
    pub model_name: Arc<str>,
    /// What each probe said.
    pub probes: Vec<ProbeResult>,
    /// What is kept, from the probes and from the server's own list.
    pub findings: Vec<Finding>,
    /// What of that is not as it was declared: the key, and what was declared.
    pub contradictions: Vec<(&'static str, Value)>,
    /// Calls made.
    pub calls: u32,
    /// Tokens used: as the vendor counted them, else as estimated.
    pub tokens: u64,
    /// What the calls cost in US dollars, where the price is known.
    pub cost_usd: Option<f64>,
}

/// What one probe said.
#[derive(Clone, Debug, Serialize)]
pub struct ProbeResult {
    /// Its name.
    pub probe: &'static str,
    /// What it says.
    pub verdict: Verdict,
    /// What shows it.
    pub evidence: String,
    /// What is kept of it.
    #[serde(skip)]
    pub found: Option<Found>,
}

impl Detection {
    pub(super) fn new(
        entry: &ModelEntry,
        findings: Vec<Finding>,
        probes: Vec<ProbeResult>,
        spent: Spent,
    ) -> Self {
        let contradictions = findings
            .iter()
            .filter_map(|finding| Some((finding.found.key(), finding.contradicts(entry.said())?)))
            .collect();
        Self {
            alias: Arc::clone(&entry.config().alias),
            model_name: Arc::clone(&entry.config().model_name),
            probes,
            findings,
            contradictions,
            calls: spent.calls,
            tokens: spent.tokens,
            cost_usd: spent.cost_usd,
        }
    }

    /// As a JSON object.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let found = self.findings.iter().map(|finding| {
            let key = finding.found.key();
            let declared = self.contradictions.iter().find(|(other, _)| *other == key);
            json!({
                "key": key,
                "value": finding.found.json(),
                "at_ms": finding.at.0,
                "evidence": finding.evidence,
                "contradicts": declared.map(|(_, declared)| declared),
            })
        });
        json!({
            "alias": *self.alias,
            "model_name": *self.model_name,
            "probes": self.probes,
            "found": found.collect::<Vec<_>>(),
            "calls": self.calls,
            "tokens": self.tokens,
            "cost_usd": self.cost_usd,
        })
    }
}
