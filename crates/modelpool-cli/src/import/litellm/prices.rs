//! What a deployment costs: prices of tokens, of long inputs, of images and of calls.
//!
//! LiteLLM bills a whole call by the highest tier its input reaches, as is done here. What a tier does not say costs
//! what it costs below it there, so that is written out.

use std::collections::BTreeMap;

use serde_json::{Map, Number, Value as Json, json};

use super::fields::{Fields, Item, Report, number};

/// LiteLLM's prices in US dollars per token, and ours per million. The names of tiers end in `_above_200k_tokens`.
const RATES: [(&str, &str); 6] = [
    ("input_cost_per_token", "input"),
    ("output_cost_per_token", "output"),
    ("cache_read_input_token_cost", "cached_input"),
    ("cache_creation_input_token_cost", "cache_write"),
    ("cache_creation_input_token_cost_above_1hr", "cache_write_1h"),
    ("output_cost_per_reasoning_token", "reasoning"),
];

/// US dollars each, in both.
const PIECES: [(&str, &str); 2] = [
    ("output_cost_per_image", "image"),
    ("input_cost_per_request", "request"),
];

const TIERED: &str = "tiered_pricing";

/// A price as it is read.
#[derive(Default)]
struct Found<'a> {
    price: Map<String, Json>,
    tiers: BTreeMap<u64, Map<String, Json>>,
    /// Where the first part of it stands.
    first: Option<Item<'a>>,
}

/// Reads the price. It may stand in either place; what is with the parameters holds.
pub(super) fn read<'a>(
    params: &mut Fields<'a>,
    info: Option<&mut Fields<'a>>,
    puts_nothing_out: bool,
    report: &mut Report,
) -> Option<Json> {
    let mut found = Found::default();
    // The second place first, so that the first overwrites it.
    for fields in info.into_iter().chain([params]) {
        found.read(fields, report);
    }
    found.finish(puts_nothing_out, report)
}

impl<'a> Found<'a> {
    fn read(&mut self, fields: &mut Fields<'a>, report: &mut Report) {
        if let Some(item) = fields.take(TIERED) {
            self.read_list(&item, report);
        }
        for key in fields.keys() {
            let Some((name, above)) = rate_of(key) else {
                continue;
            };
            let Some(item) = fields.take(key) else { continue };
            let Some(dollars) = item.number(report) else {
                continue;
            };
            let rates = match above {
                None => &mut self.price,
                Some(above) => self.tiers.entry(above).or_default(),
            };
            rates.insert(name.to_owned(), Json::Number(per_million(dollars)));
            self.first.get_or_insert(item);
        }
        for (theirs, ours) in PIECES {
            let Some(item) = fields.take(theirs) else { continue };
            let Some(dollars) = item.number(report) else {
                continue;
            };
            self.price.insert(ours.to_owned(), Json::Number(number(dollars)));
            self.first.get_or_insert(item);
        }
    }

    /// A list of ranges, each with its prices; that which begins at 0 is the price.
    fn read_list(&mut self, item: &Item<'a>, report: &mut Report) {
        for tier in item.list(report) {
            let Some(mut fields) = tier.fields(report) else {
                continue;
            };
            let range = fields.take("range");
            let from = range.map(|range| range.list(report)).unwrap_or_default();
            let Some(from) = from.first().and_then(|from| from.number(report)) else {
                report.item(&tier, "a tier needs its `range`, such as [32000, 128000]");
                continue;
            };
            let mut within = Found::default();
            within.read(&mut fields, report);
            // A tier of more than two to the 63 tokens is one that no call reaches.
            let rates = match from as u64 {
                0 => &mut self.price,
                from => self.tiers.entry(from).or_default(),
            };
            rates.extend(within.price);
            if let Some(first) = within.first {
                self.first.get_or_insert(first);
            }
            fields.report_rest(report, |_| "it has no counterpart here");
        }
    }

    fn finish(mut self, puts_nothing_out: bool, report: &mut Report) -> Option<Json> {
        let item = self.first?;
        let is_sold_by_the_piece = PIECES.iter().any(|(_, ours)| self.price.contains_key(*ours));
        for (name, free) in [
            ("input", is_sold_by_the_piece),
            (
                "output",
                is_sold_by_the_piece || (puts_nothing_out && self.price.contains_key("input")),
            ),
        ] {
            if free {
                self.price.entry(name).or_insert(json!(0));
            }
        }
        if !(self.price.contains_key("input") && self.price.contains_key("output")) {
            report.item(
                &item,
                "a price needs both `input_cost_per_token` and `output_cost_per_token`",
            );
            return None;
        }
        let is_rate = |name: &str| RATES.iter().any(|(_, ours)| *ours == name);
        let mut tiers = Vec::new();
        for (above, rates) in self.tiers {
            let mut tier = Map::new();
            tier.insert("above_input_tokens".to_owned(), above.into());
            tier.extend(self.price.clone().into_iter().filter(|(name, _)| is_rate(name)));
            tier.extend(rates);
            tiers.push(Json::Object(tier));
        }
        if !tiers.is_empty() {
            self.price.insert("tiers".to_owned(), tiers.into());
        }
        Some(Json::Object(self.price))
    }
}

/// What a key says the price of, and above how many input tokens.
fn rate_of(key: &str) -> Option<(&'static str, Option<u64>)> {
    let (name, above) = match key.strip_suffix("k_tokens") {
        None => (key, None),
        Some(rest) => {
            let (name, thousands) = rest.rsplit_once("_above_")?;
            (name, Some(thousands.parse::<u64>().ok()?.checked_mul(1_000)?))
        }
    };
    let (_, ours) = RATES.into_iter().find(|(theirs, _)| *theirs == name)?;
    Some((ours, above))
}

/// US dollars per token as US dollars per million tokens, without what binary fractions add:
/// 0.0000025 per token is 2.5, not 2.4999999999999996.
fn per_million(dollars: f64) -> Number {
    let per_million = dollars * 1e6;
    number(format!("{per_million:.6}").parse().unwrap_or(per_million))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_as_round_as_they_were() {
        for (per_token, expected) in [
            (0.0000025, "2.5"),
            (1e-5, "10"),
            (1.5e-7, "0.15"),
            (0.0, "0"),
            (2.75e-8, "0.0275"),
        ] {
            assert_eq!(per_million(per_token).to_string(), expected);
        }
    }

    #[test]
    fn keys_say_what_they_are_the_price_of() {
        for (key, expected) in [
            ("input_cost_per_token", Some(("input", None))),
            (
                "cache_creation_input_token_cost_above_1hr_above_200k_tokens",
                Some(("cache_write_1h", Some(200_000))),
            ),
            (
                "output_cost_per_token_above_128k_tokens",
                Some(("output", Some(128_000))),
            ),
            ("output_cost_per_token_above_k_tokens", None),
            ("input_cost_per_token_above_200k_tokens_priority", None),
            ("input_cost_per_token_batches", None),
            ("input_cost_per_token_above_99999999999999999k_tokens", None),
        ] {
            assert_eq!(rate_of(key), expected, "{key}");
        }
    }
}
