//! `modelpool select REQUIREMENTS`.

use std::path::PathBuf;

use anstyle::Style;
use modelpool::{Call, Explanation, ModelPool, Operation, Requirements, Resolved};
use serde_json::json;

use crate::arguments::SelectArguments;
use crate::configuration::load;
use crate::exit::{Exit, Failure};
use crate::output::{BAD, FAINT, GOOD, Output, WARNING, harmless};
use crate::requirements;
use crate::table::Table;

pub(crate) fn run(
    arguments: &SelectArguments,
    config: Option<PathBuf>,
    output: Output,
) -> Result<Exit, Failure> {
    let required = requirements::read("REQUIREMENTS", &arguments.requirements)?;
    let preferred = match &arguments.prefer {
        Some(text) => requirements::read("--prefer", text)?,
        None => Requirements::new(),
    };
    let (_, pool) = load(config, ModelPool::builder())?;
    let explanation = explain(&pool, arguments, required, preferred)?;
    if output.is_json() {
        output.document(&explanation)?;
    } else {
        output.text(&render(&explanation))?;
    }
    let fits = explanation.selected.is_some();
    Ok(if fits { Exit::Success } else { Exit::NothingFits })
}

/// Plans a call to what is named, without a message: only what is written counts.
fn explain(
    pool: &ModelPool,
    arguments: &SelectArguments,
    required: Requirements,
    preferred: Requirements,
) -> Result<Explanation, Failure> {
    let name = arguments
        .pool
        .as_deref()
        .or(arguments.model.as_deref())
        .unwrap_or("auto");
    if arguments.pool.is_some() {
        check_is_pool(pool, name)?;
    }
    let body = json!({"model": name, "messages": [{"role": "user", "content": ""}]});
    let mut call = Call::read(Operation::Chat, body.to_string().into()).map_err(Failure::from)?;
    call.facts = std::sync::Arc::default();
    call.options.requirements = required;
    call.options.preferences = preferred;
    pool.explain_call(&call).map_err(Failure::from)
}

fn check_is_pool(pool: &ModelPool, name: &str) -> Result<(), Failure> {
    match pool.snapshot().resolve(name) {
        Ok(Resolved::Pool(_)) => Ok(()),
        Ok(Resolved::Model(..)) => {
            Err(Failure::failed(format!("`{name}` is a model, not a pool")).hint(format!("--model {name}")))
        }
        Err(error) => Err(Failure::failed(format!("no pool is called `{name}`: {error}"))),
    }
}

/// The winner, why, and why the others lost.
fn render(explanation: &Explanation) -> String {
    let mut text = String::new();
    if let [_, ..] = explanation.ranking.as_slice() {
        let mut table = Table::new(["rank", "alias", "score", "reason"]).right(2);
        for model in &explanation.ranking {
            let selected = explanation.selected.as_deref() == Some(&model.alias);
            let style = if selected { GOOD } else { Style::new() };
            let cells = [
                model.rank.to_string(),
                model.alias.clone(),
                score(model.score),
                model.reason.clone(),
            ];
            table.row(style, cells);
        }
        text.push_str(&table.render());
    }
    if !explanation.rejected.is_empty() {
        if !text.is_empty() {
            text.push('\n');
        }
        let mut table = Table::new(["does not fit", "because"]);
        for model in &explanation.rejected {
            let missing: Vec<String> = model.missing.iter().map(ToString::to_string).collect();
            table.row(FAINT, [model.alias.clone(), missing.join("\n")]);
        }
        text.push_str(&table.render());
    }
    text.push_str(&remarks(explanation));
    text
}

fn remarks(explanation: &Explanation) -> String {
    let mut text = String::new();
    if explanation.selected.is_none() {
        let models = explanation.rejected.len();
        let why = if models == 0 {
            ": the pool has no model that may be used"
        } else {
            ""
        };
        text.push_str(&format!("\n{BAD}no model fits{BAD:#}{why}\n"));
    }
    for unknown in &explanation.unknown_keys {
        let near = unknown
            .nearest
            .as_ref()
            .map(|near| format!(", did you mean `{near}`?"));
        let line = format!("no model knows `{}`{}", unknown.key, near.unwrap_or_default());
        text.push_str(&format!("{WARNING}{}{WARNING:#}\n", harmless(&line)));
    }
    for note in &explanation.notes {
        text.push_str(&format!("{FAINT}{}{FAINT:#}\n", harmless(note)));
    }
    text
}

/// Six digits after the point tell scores apart; more are noise of binary fractions.
fn score(score: f64) -> String {
    let text = format!("{score:.6}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" {
        "0".to_owned()
    } else {
        text.to_owned()
    }
}
