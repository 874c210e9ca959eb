//! `modelpool models`.

use std::path::PathBuf;

use anstyle::Style;
use modelpool::catalog::{self, CatalogEntry};
use modelpool::config::FileConfig;
use modelpool::{Capabilities, Flag, ModelPool, Numeric, PriceTier, Provenance, Support};
use serde_json::{Value, json};

use crate::arguments::ModelsArguments;
use crate::configuration::load;
use crate::exit::{Exit, Failure};
use crate::output::{FAINT, GOOD, Output};
use crate::table::Table;

pub(crate) fn run(
    arguments: &ModelsArguments,
    config: Option<PathBuf>,
    output: Output,
) -> Result<Exit, Failure> {
    if let Some(words) = &arguments.catalog {
        return known_models(words, output);
    }
    let (config, pool) = load(config, ModelPool::builder())?;
    if output.is_json() {
        let default = pool.get_default().map(|model| model.alias().to_owned());
        output
            .document(&json!({"models": pool.list_models(), "default": default, "pools": pools(&config)}))?;
    } else if pool.is_empty() {
        output.line("the pool is empty: add models to the configuration")?;
    } else {
        output.text(&models_table(&pool).render())?;
        if !config.pools.is_empty() {
            output.line("")?;
            output.text(&pools_table(&config).render())?;
        }
    }
    Ok(Exit::Success)
}

fn models_table(pool: &ModelPool) -> Table {
    let headings = ["alias", "provider", "model", "context", "$ in / out per M", "can"];
    let mut table = Table::new(headings).right(3).right(4);
    let default = pool.get_default();
    let snapshot = pool.snapshot();
    for (_, entry) in snapshot.entries() {
        let model = entry.config();
        let is_default = default
            .as_ref()
            .is_some_and(|default| default.alias() == entry.alias());
        let mark = if is_default { " (default)" } else { "" };
        let name = if model.is_wildcard() {
            "any"
        } else {
            &model.model_name
        };
        let capabilities = &model.capabilities;
        table.row(
            if is_default { GOOD } else { Style::new() },
            [
                format!("{}{mark}", entry.alias()),
                model.provider.clone(),
                name.to_owned(),
                known(capabilities, Numeric::ContextWindow),
                price(capabilities),
                abilities(capabilities),
            ],
        );
    }
    table
}

/// What the catalog knows of the models that `words` find.
fn known_models(words: &str, output: Output) -> Result<Exit, Failure> {
    let found = catalog::search(words);
    if output.is_json() {
        output.document(&json!({"models": found, "source": catalog::source(), "date": catalog::date()}))?;
    } else if found.is_empty() {
        output.line("the catalog knows no such model")?;
    } else {
        output.text(&catalog_table(&found).render())?;
        output.line("")?;
        output.line(&format!("as of {}, from {}", catalog::date(), catalog::source()))?;
    }
    Ok(Exit::Success)
}

fn catalog_table(found: &[&CatalogEntry]) -> Table {
    let headings = [
        "provider",
        "model",
        "mode",
        "context",
        "output",
        "$ in / out per M",
        "can",
        "until",
    ];
    let mut table = Table::new(headings).right(3).right(4).right(5);
    for entry in found {
        let tokens = |tokens: Option<u64>| tokens.map_or_else(|| "?".to_owned(), |tokens| tokens.to_string());
        let mut capabilities = Capabilities::new();
        entry.fill(&mut capabilities);
        table.row(
            Style::new(),
            [
                entry.provider.to_owned(),
                entry.model_name.clone(),
                entry.mode.word().to_owned(),
                tokens(entry.context_window),
                tokens(entry.max_output_tokens),
                price(&capabilities),
                abilities(&capabilities),
                entry.deprecation_date.clone().unwrap_or_default(),
            ],
        );
    }
    table
}

/// A number, or `?` where it is only assumed.
fn known(capabilities: &Capabilities, numeric: Numeric) -> String {
    let fact = capabilities.number(numeric);
    match fact.provenance {
        Provenance::Default => "?".to_owned(),
        _ => fact.value.to_string(),
    }
}

/// `2 / 12, above 200k 4 / 18`; what is sold by the piece is `0.04 an image` or `0.002 a call`.
fn price(capabilities: &Capabilities) -> String {
    let Some(price) = capabilities.declared_price() else {
        return "?".to_owned();
    };
    let rates = |input: f64, output: f64| format!("{} / {}", dollars(input), dollars(output));
    let mut parts = Vec::new();
    for (each, what) in [(price.image, "an image"), (price.request, "a call")] {
        parts.extend(each.map(|each| format!("{} {what}", dollars(each))));
    }
    if parts.is_empty() || price.input > 0.0 || price.output > 0.0 {
        parts.insert(0, rates(price.input, price.output));
    }
    let mut tiers: Vec<&PriceTier> = price.tiers.iter().collect();
    tiers.sort_by_key(|tier| tier.above_input_tokens);
    parts.extend(tiers.iter().map(|tier| {
        let above = match tier.above_input_tokens {
            // A tier that begins with a round number holds above the one before it.
            tokens if tokens % 1_000 == 999 => format!("from {}k", tokens / 1_000 + 1),
            tokens if tokens % 1_000 == 0 => format!("above {}k", tokens / 1_000),
            tokens => format!("above {tokens}"),
        };
        format!("{above} {}", rates(tier.input, tier.output))
    }));
    parts.join(", ")
}

fn dollars(amount: f64) -> String {
    let text = format!("{amount:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// What is known beyond what nearly every model does.
fn abilities(capabilities: &Capabilities) -> String {
    let shown = |flag: &Flag| !matches!(flag, Flag::Streaming | Flag::SystemMessage);
    let flags = Flag::ALL.into_iter().filter(shown);
    let mut words: Vec<String> = flags
        .filter(|flag| capabilities.flag(*flag).value == Support::Yes)
        .map(|flag| flag.key().trim_start_matches("supports_").to_owned())
        .collect();
    words.extend(capabilities.custom_values().map(|(key, fact)| match &fact.value {
        Value::Bool(true) => key.to_owned(),
        Value::String(text) => format!("{key}={text}"),
        value => format!("{key}={value}"),
    }));
    words.join(", ")
}

fn pools(config: &FileConfig) -> Value {
    let pools = config.pools.iter().map(|pool| {
        json!({
            "name": pool.name,
            "models": pool.models,
            "selector": pool.selector.as_ref().or(config.selector.as_ref()).map(|selector| &selector.value),
            "requirements": pool.requirements.as_ref().map(|requirements| &requirements.value),
            "prefer": pool.prefer.as_ref().map(|prefer| &prefer.value),
        })
    });
    pools.collect()
}

fn pools_table(config: &FileConfig) -> Table {
    let mut table = Table::new(["pool", "models", "selector"]);
    for pool in &config.pools {
        let selector = pool.selector.as_ref().or(config.selector.as_ref());
        let selector = selector.map_or("capability", |selector| {
            let kind = selector
                .value
                .as_str()
                .or_else(|| selector.value["kind"].as_str());
            kind.unwrap_or_default()
        });
        table.row(
            FAINT,
            [pool.name.clone(), pool.models.join(", "), selector.to_owned()],
        );
    }
    table
}

#[cfg(test)]
mod tests {
    use modelpool::Price;

    use super::*;

    #[test]
    fn prices_are_told_with_their_tiers_and_by_the_piece() {
        let tier = |above_input_tokens, input, output| PriceTier {
            above_input_tokens,
            input,
            output,
            ..PriceTier::default()
        };
        let plain = Price {
            input: 2.0,
            output: 12.5,
            ..Price::default()
        };
        for (asked, expected) in [
            (plain.clone(), "2 / 12.5"),
            (Price::default(), "0 / 0"),
            (
                Price {
                    tiers: vec![
                        tier(256_000, 6.0, 20.0),
                        tier(199_999, 4.0, 18.0),
                        tier(1_234, 3.0, 13.0),
                    ],
                    ..plain.clone()
                },
                "2 / 12.5, above 1234 3 / 13, from 200k 4 / 18, above 256k 6 / 20",
            ),
            (
                Price {
                    image: Some(0.04),
                    ..Price::default()
                },
                "0.04 an image",
            ),
            (
                Price {
                    request: Some(0.005),
                    ..plain
                },
                "2 / 12.5, 0.005 a call",
            ),
        ] {
            assert_eq!(price(&Capabilities::new().price(asked)), expected);
        }
        assert_eq!(price(&Capabilities::new()), "?");
    }
}
