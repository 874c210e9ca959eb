//! The words in which reasons speak of a model's figures.

use modelpool_core::{Candidate, Numeric, Provenance, SelectContext};

/// `$0.002 per 1k tokens`, with a mark where nobody said so, and with the tier the request is in.
pub(super) fn cost(candidate: Candidate<'_>, context: &SelectContext<'_>) -> String {
    let mark = assumed(candidate, Numeric::CostPer1kTokens);
    let input_tokens = context.facts.input_tokens;
    let cost = rounded(candidate.cost_per_1k_at(input_tokens));
    let price = candidate.capabilities().declared_price();
    match price.and_then(|price| price.tier_at(input_tokens)) {
        Some(tier) => format!(
            "${cost} per 1k tokens above {} input tokens",
            tier.above_input_tokens
        ),
        None => format!("${cost} per 1k tokens{mark}"),
    }
}

/// To six significant digits: what is left of a price behind them is what binary fractions make of it.
fn rounded(number: f64) -> f64 {
    format!("{number:.5e}").parse().unwrap_or(number)
}

/// `measured 812 ms`, `declared 900 ms` or `assumed 1000 ms`.
pub(super) fn latency(candidate: Candidate<'_>) -> String {
    match candidate.live().latency_ms() {
        Some(measured) => format!("measured {measured:.0} ms"),
        None => {
            let known = if assumed(candidate, Numeric::AvgLatencyMs).is_empty() {
                "declared"
            } else {
                "assumed"
            };
            format!("{known} {} ms", candidate.number(Numeric::AvgLatencyMs))
        }
    }
}

fn assumed(candidate: Candidate<'_>, numeric: Numeric) -> &'static str {
    if candidate.capabilities().number(numeric).provenance == Provenance::Default {
        " (assumed)"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::rounded;

    #[test]
    fn prices_read_as_people_write_them() {
        for (number, read) in [
            (0.000_262_499_999_999_999_93, "0.0002625"),
            (0.002, "0.002"),
            (0.0, "0"),
            (12.5, "12.5"),
            (1e-9, "0.000000001"),
        ] {
            assert_eq!(rounded(number).to_string(), read);
        }
    }
}
