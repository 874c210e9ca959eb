//! `modelpool detect [ALIAS…]`.

use std::path::PathBuf;

use anstyle::Style;
use modelpool::parts::engine::detect::Verdict;
use modelpool::{DetectOptions, Detection, Found, ModelPool, ProbePlan};
use serde_json::{Map, Value, json};

use crate::arguments::DetectArguments;
use crate::configuration::load;
use crate::exit::{Exit, Failure};
use crate::output::{BAD, FAINT, GOOD, HEADING, Output, WARNING, harmless};
use crate::runtime;
use crate::table::Table;

pub(crate) fn run(
    arguments: &DetectArguments,
    config: Option<PathBuf>,
    output: Output,
) -> Result<Exit, Failure> {
    let (_, pool) = load(config, ModelPool::builder())?;
    let aliases = match arguments.aliases.as_slice() {
        [] => all(&pool),
        named => named.to_vec(),
    };
    let options = DetectOptions {
        token_budget: arguments.budget,
        probes: arguments.probe.clone(),
    };
    // Names that are wrong are told before anybody is called.
    let plans = aliases.iter().map(|alias| pool.plan_detection(alias, &options));
    let plans = plans.collect::<Result<Vec<ProbePlan>, _>>()?;
    if arguments.dry_run {
        return dry_run(&plans, output);
    }
    runtime::simple()?.block_on(detect(&pool, &aliases, &options, output))
}

/// Every model but wildcards, which are many.
fn all(pool: &ModelPool) -> Vec<String> {
    let snapshot = pool.snapshot();
    let entries = snapshot.entries().map(|(_, entry)| entry);
    entries
        .filter(|entry| !entry.config().is_wildcard())
        .map(|entry| entry.alias().to_owned())
        .collect()
}

fn dry_run(plans: &[ProbePlan], output: Output) -> Result<Exit, Failure> {
    if output.is_json() {
        output.document(&json!({"dry_run": true, "models": plans}))?;
        return Ok(Exit::Success);
    }
    for plan in plans {
        let price = plan.cost_usd.map_or_else(
            || "of unknown price".to_owned(),
            |dollars| format!("${dollars:.6}"),
        );
        output.line(&format!(
            "{HEADING}{}{HEADING:#}: at most {} tokens, {price}",
            plan.alias, plan.tokens
        ))?;
        let mut table = Table::new(["probe", "calls", "tokens", "asks for"])
            .right(1)
            .right(2);
        for probe in &plan.probes {
            table.row(
                Style::new(),
                [
                    probe.probe.to_owned(),
                    probe.calls.to_string(),
                    probe.tokens.to_string(),
                    probe.asks.to_owned(),
                ],
            );
        }
        output.text(&table.render())?;
        output.line("")?;
    }
    output.line("nothing was called")?;
    Ok(Exit::Success)
}

async fn detect(
    pool: &ModelPool,
    aliases: &[String],
    options: &DetectOptions,
    output: Output,
) -> Result<Exit, Failure> {
    let mut documents = Vec::new();
    let mut exit = Exit::Success;
    for alias in aliases {
        match Box::pin(pool.detect(alias, options)).await {
            Ok(detection) if output.is_json() => documents.push(detection.to_json()),
            Ok(detection) => show(&detection, output)?,
            // One that is asked for alone fails as any command does.
            Err(error) if aliases.len() == 1 => return Err(error.into()),
            Err(error) => {
                exit = Exit::Failure;
                documents.push(json!({"alias": alias, "error": error.to_string()}));
                output.note(&format!("{BAD}{alias}:{BAD:#} {}", harmless(&error.to_string())));
            }
        }
    }
    if output.is_json() {
        output.document(&json!({"models": documents}))?;
    }
    Ok(exit)
}

fn show(detection: &Detection, output: Output) -> Result<(), Failure> {
    output.line(&format!(
        "{HEADING}{}{HEADING:#} ({})",
        detection.alias,
        harmless(&detection.model_name)
    ))?;
    let mut table = Table::new(["probe", "", "evidence"]);
    for probe in &detection.probes {
        let style = match probe.verdict {
            Verdict::Yes => GOOD,
            Verdict::No => WARNING,
            Verdict::Unclear | Verdict::NotAsked => FAINT,
        };
        table.row(
            style,
            [
                probe.probe.to_owned(),
                probe.verdict.word().to_owned(),
                harmless(&probe.evidence),
            ],
        );
    }
    output.text(&table.render())?;
    for (key, declared) in &detection.contradictions {
        let found = detection
            .findings
            .iter()
            .find(|finding| finding.found.key() == *key);
        let found = found.map(|finding| finding.found.json()).unwrap_or_default();
        output.line(&format!(
            "{WARNING}not as it was declared:{WARNING:#} {key} is {found}, and was declared as {declared}"
        ))?;
    }
    output.line(&format!("capabilities: {}", as_written(detection)))?;
    let cost = match detection.cost_usd {
        Some(dollars) => format!("${dollars:.6}"),
        None => "cost unknown".to_owned(),
    };
    output.note(&format!(
        "{FAINT}{} calls · {} tokens · {cost}{FAINT:#}",
        detection.calls, detection.tokens
    ));
    output.line("")
}

/// What was found, as it can be written into a configuration: JSON is YAML, too.
fn as_written(detection: &Detection) -> Value {
    let found = detection.findings.iter().map(|finding| &finding.found);
    let members: Map<String, Value> = found
        .map(|found: &Found| (found.key().to_owned(), found.json()))
        .collect();
    Value::Object(members)
}
