//! Counts that vendors of one wire mean differently, and what they say a call cost.

use crate::json::{self, lenient_object};

/// Output tokens with the reasoning among them. OpenAI counts reasoning within the output; xAI counts it beside, as
/// its total shows, and bills it: <https://docs.x.ai/docs/key-information/consumption-and-rate-limits>.
pub(crate) fn output_with_reasoning(input: u64, output: u64, reasoning: u64, total: u64) -> u64 {
    let with_reasoning = output.saturating_add(reasoning);
    if reasoning > 0 && total == input.saturating_add(with_reasoning) {
        with_reasoning
    } else {
        output
    }
}

/// What a vendor says the call cost, as it stands in the usage.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ToldCost<'a> {
    /// xAI's `cost_in_usd_ticks`, ten thousand millions of which are a dollar:
    /// <https://docs.x.ai/developers/cost-tracking>.
    pub(crate) ticks: Option<&'a str>,
    /// A number of dollars for OpenRouter, <https://openrouter.ai/docs/use-cases/usage-accounting>; an object with
    /// `total_cost` for Perplexity.
    pub(crate) cost: Option<&'a str>,
    /// OpenRouter's: false where the call was made with a key of its own, so that the cost is all there is.
    pub(crate) is_byok: Option<&'a str>,
}

lenient_object! {
    struct CostInParts<'a> {
        total: Option<&'a str> = "total_cost",
    }
}

impl ToldCost<'_> {
    /// In billionths of a US dollar. A number of which nobody says that it is dollars is none.
    pub(crate) fn nano_usd(self) -> Option<u64> {
        let ticks = self.ticks.and_then(|ticks| ticks.parse::<u64>().ok());
        ticks.map(|ticks| ticks.div_ceil(10)).or_else(|| {
            let cost = self.cost?;
            let in_parts = cost.starts_with('{');
            let dollars = match in_parts {
                true => json::read::<CostInParts<'_>>(cost).ok()?.total?.parse().ok()?,
                false if self.is_byok == Some("false") => cost.parse::<f64>().ok()?,
                false => return None,
            };
            // A cast saturates.
            (dollars.is_finite() && dollars >= 0.0).then(|| (dollars * 1e9).round() as u64)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_says_where_reasoning_is_counted() {
        for (input, output, reasoning, total, expected) in [
            // The example of xAI's guide to reasoning.
            (32, 9, 94, 135, 103),
            // OpenAI's: reasoning is within the output.
            (75, 1186, 1024, 1261, 1186),
            (10, 5, 0, 15, 5),
            // Without a total nothing is known.
            (10, 5, 7, 0, 5),
            (0, u64::MAX, 1, u64::MAX, u64::MAX),
        ] {
            assert_eq!(output_with_reasoning(input, output, reasoning, total), expected);
        }
    }

    #[test]
    fn what_a_call_cost_is_told_in_three_ways() {
        for (ticks, cost, is_byok, expected) in [
            (Some("37756000"), None, None, Some(3_775_600)),
            (Some("1"), Some("9"), Some("false"), Some(1)),
            (None, Some("0.0021"), Some("false"), Some(2_100_000)),
            // The vendor behind bills the rest.
            (None, Some("0.0021"), Some("true"), None),
            // Dollars or not, nobody knows.
            (None, Some("0.0021"), None, None),
            (
                None,
                Some(r#"{"input_tokens_cost":0.1,"request_cost":0.005,"total_cost":0.006}"#),
                None,
                Some(6_000_000),
            ),
            (None, Some(r#"{"total_cost":null}"#), None, None),
            (None, Some("-1"), Some("false"), None),
            (None, Some("1e300"), Some("false"), Some(u64::MAX)),
            (Some("\"x\""), Some("0"), Some("false"), Some(0)),
            (None, None, None, None),
        ] {
            let told = ToldCost { ticks, cost, is_byok };
            assert_eq!(told.nano_usd(), expected, "{told:?}");
        }
    }
}
