//! `modelpool stats [ALIAS]`.

use anstyle::Style;
use serde_json::Value;

use crate::arguments::{Period, StatsArguments};
use crate::ask;
use crate::exit::{Exit, Failure};
use crate::output::{FAINT, Output};
use crate::table::Table;

/// The periods, and what they are called in a table.
const PERIODS: [(&str, &str); 3] = [
    ("last_minute", "last minute"),
    ("last_hour", "last hour"),
    ("ever", "ever"),
];

pub(crate) fn run(arguments: &StatsArguments, output: Output) -> Result<Exit, Failure> {
    let document = match &arguments.alias {
        Some(alias) => ask::get(&arguments.gateway, &["stats", alias])?,
        None => ask::get(&arguments.gateway, &["stats"])?,
    };
    if output.is_json() {
        output.document(&document)?;
    } else if arguments.alias.is_some() {
        output.text(&by_period(&document).render())?;
    } else if let Some(models) = document["models"].as_object().filter(|models| !models.is_empty()) {
        let mut table = table("alias");
        for (alias, statistics) in models {
            add(&mut table, alias, &statistics[arguments.period.key()]);
        }
        output.text(&table.render())?;
    } else {
        output.line("the pool is empty")?;
    }
    Ok(Exit::Success)
}

impl Period {
    /// As the gateway calls it.
    fn key(self) -> &'static str {
        match self {
            Period::Minute => "last_minute",
            Period::Hour => "last_hour",
            Period::Ever => "ever",
        }
    }
}

fn by_period(statistics: &Value) -> Table {
    let mut table = table("period");
    for (key, name) in PERIODS {
        add(&mut table, name, &statistics[key]);
    }
    table
}

fn table(first: &str) -> Table {
    let headings = [
        first,
        "calls",
        "success",
        "p50 ms",
        "p95 ms",
        "first token p95 ms",
        "tokens/s",
        "in",
        "out",
        "$",
        "failures",
    ];
    (1..=9).fold(Table::new(headings), Table::right)
}

fn add(table: &mut Table, name: &str, period: &Value) {
    let calls = period["requests"].as_u64().unwrap_or_default();
    let style = if calls == 0 { FAINT } else { Style::new() };
    let percent = period["success_rate"].as_f64().map(|rate| rate * 100.0);
    table.row(
        style,
        [
            name.to_owned(),
            calls.to_string(),
            percent.map_or_else(|| "-".to_owned(), |percent| format!("{percent:.1} %")),
            number(&period["latency_ms"]["p50"], 0),
            number(&period["latency_ms"]["p95"], 0),
            number(&period["first_token_ms"]["p95"], 0),
            number(&period["tokens_per_second"], 1),
            number(&period["input_tokens"], 0),
            number(&period["output_tokens"], 0),
            number(&period["total_cost_usd"], 6),
            failures(&period["failures"]),
        ],
    );
}

/// A number, or `-` where there is none.
fn number(value: &Value, digits: usize) -> String {
    let number = value.as_f64();
    number.map_or_else(|| "-".to_owned(), |number| format!("{number:.digits$}"))
}

/// `timeout 3, server 1`: the most frequent first.
fn failures(classes: &Value) -> String {
    let classes = classes.as_object().into_iter().flatten();
    let mut counts: Vec<(&str, u64)> = classes
        .filter_map(|(class, count)| Some((class.as_str(), count.as_u64()?)))
        .collect();
    counts.sort_by_key(|(class, count)| (std::cmp::Reverse(*count), *class));
    let words: Vec<String> = counts
        .iter()
        .map(|(class, count)| format!("{class} {count}"))
        .collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn failures_are_told_most_frequent_first() {
        let classes = json!({"auth": 1, "server": 3, "timeout": 1});
        assert_eq!(failures(&classes), "server 3, auth 1, timeout 1");
        assert_eq!(failures(&json!({})), "");
    }

    #[test]
    fn what_is_not_known_is_a_dash() {
        let mut table = table("alias");
        add(&mut table, "a", &json!({"requests": 0}));
        let text = anstream::adapter::strip_str(&table.render()).to_string();
        let row: Vec<&str> = text.lines().last().unwrap().split_whitespace().collect();
        assert_eq!(row, ["a", "0", "-", "-", "-", "-", "-", "-", "-", "-"]);
    }
}
