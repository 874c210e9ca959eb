//! The data file: one line a model, sorted, names coded by what they share with the one before.
//!
//! `catalog/snapshot.rs` of the providers' crate reads it and describes it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::facts::{Facts, Prices};
use super::{Models, Release};

/// Digits of the number of letters a name shares with the one before.
const DIGITS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The whole file.
pub(super) fn write(release: &Release, vendors: &BTreeMap<&'static str, Models>) -> String {
    let mut text = format!(
        "# source: model_prices_and_context_window_backup.json of litellm {} on PyPI, (c) 2023 Berri AI, MIT licence\n\
         # sha256 of the wheel: {}\n\
         # date: {}\n\
         # made by `cargo xtask catalog`, do not edit\n",
        release.version, release.sha256, release.date
    );
    for (vendor, models) in vendors {
        text.push_str(&format!("[{vendor}]\n"));
        let mut before = "";
        for (name, facts) in models.values() {
            text.push_str(&line(before, name, facts));
            before = name;
        }
    }
    text
}

fn line(before: &str, name: &str, facts: &Facts) -> String {
    let same = before
        .bytes()
        .zip(name.bytes())
        .take_while(|(one, other)| one == other);
    let shared = same.count().min(DIGITS.len() - 1);
    let digit = DIGITS.get(shared).copied().unwrap_or(b'0');
    let prices = facts.prices;
    let mut line = format!("{}{}", char::from(digit), name.get(shared..).unwrap_or(name));
    let fields = [
        facts.mode.to_string(),
        told(facts.context),
        told(facts.max_output),
        told(prices.input),
        told(prices.output),
        told(prices.cached_input),
        told(prices.cache_write),
        told(prices.cache_write_1h),
        told(prices.reasoning),
        facts.flags.clone(),
        facts.deprecation.clone().unwrap_or_default(),
        told(facts.image_input),
        told(facts.image_output),
        facts.tiers.iter().map(tier).collect::<Vec<_>>().join(";"),
        told(facts.request),
    ];
    for field in fields {
        // Writing to a string cannot fail.
        let _ = write!(line, "|{field}");
    }
    let end = line.trim_end_matches('|').len();
    line.truncate(end);
    line.push('\n');
    line
}

fn tier((above, prices): &(u64, Prices)) -> String {
    let all = [
        prices.input,
        prices.output,
        prices.cached_input,
        prices.cache_write,
        prices.cache_write_1h,
        prices.reasoning,
    ];
    let all = all.map(told).join(":");
    format!("{above}:{}", all.trim_end_matches(':'))
}

fn told<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_share_their_beginning_and_empty_ends_are_left_out() {
        let entry = json!({"mode": "chat", "max_input_tokens": 10, "input_cost_per_token": 1e-6,
            "output_cost_per_token": 2e-6, "supports_vision": true});
        let full = Facts::read("v", "abc", &entry).ok().flatten();
        let bare = Facts::read("v", "abD", &json!({"mode": "embedding"}))
            .ok()
            .flatten();
        let models: Models = [("abc", full), ("abD", bare)]
            .into_iter()
            .filter_map(|(name, facts)| Some((name.to_lowercase(), (name.to_owned(), facts?))))
            .collect();
        let release = Release {
            version: "1",
            sha256: "x",
            date: "2026-01-02",
        };
        let text = write(&release, &BTreeMap::from([("v", models)]));
        let (comments, rest) = text.split_at(text.find('[').unwrap_or_default());
        assert!(comments.lines().all(|line| line.starts_with("# ")), "{comments}");
        assert_eq!(rest, "[v]\n0abc|c|10||1|2|||||v\n2D|e\n");
    }
}
