//! The configuration of a LiteLLM proxy, turned into one of ours.
//!
//! People who come from there have a file that works, and want to see their own models behind this
//! gateway within a minute. What has a counterpart is carried over; what has none is listed with
//! its line, so that nobody finds out in production what was lost on the way. Nothing is guessed:
//! a model whose provider is not available is left out, and said to be.
//!
//! The format as documented at <https://docs.litellm.ai/docs/proxy/config_settings> (read
//! November 2026). In this order:
//!
//! 1. `tree` reads the YAML as Python's reader does, with the place of every key.
//! 2. `deployment` turns each entry of `model_list` into an entry of ours, by the table in
//!    `providers`.
//! 3. `groups` gives them aliases. Several deployments under one name become a pool of that name.
//! 4. `settings` reads the other sections: routing, fallbacks, time limits, the master key.
//! 5. `assemble` puts it together and writes it as YAML.
//!
//! Whatever a step does not ask for is reported by `fields`, so a key nobody thought of cannot
//! disappear.

mod assemble;
mod deployment;
mod fields;
mod groups;
mod model_info;
mod prices;
mod providers;
mod settings;
#[cfg(test)]
mod tests;
mod tree;

use serde::Serialize;

pub(crate) use tree::NotYaml;

use crate::yaml;
use fields::{Fields, Report};

/// What became of a file.
#[derive(Debug)]
pub(crate) struct Imported {
    /// Our configuration.
    pub(crate) yaml: String,
    /// What is not in it, in the order of the file.
    pub(crate) not_carried_over: Vec<NotCarried>,
    /// How many models are in it.
    pub(crate) models: usize,
}

/// Something that could not be carried over.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct NotCarried {
    /// The line, from 1.
    pub(crate) line: usize,
    /// The column in characters, from 1.
    pub(crate) column: usize,
    /// Where in the file, such as `model_list[0].litellm_params.rpm`.
    pub(crate) path: String,
    /// Why not, or what to do instead.
    pub(crate) reason: String,
}

/// Turns the text of a LiteLLM configuration into ours.
///
/// # Errors
/// The text is not YAML, or not a mapping.
pub(crate) fn convert(source: &str) -> Result<Imported, NotYaml> {
    let tree = tree::parse(source)?;
    let mut report = Report::default();
    let mut file = Fields::of_file(&tree)?;
    let deployments = deployment::read_all(file.take("model_list"), &mut report);
    let groups = groups::group(deployments, &mut report);
    let settings = settings::read(&mut file, &groups, &mut report);
    file.report_rest(&mut report, settings::reason);
    let configuration = assemble::assemble(&groups, &settings);
    Ok(Imported {
        yaml: yaml::write(&configuration),
        not_carried_over: report.finish(),
        models: groups.deployments().count(),
    })
}
