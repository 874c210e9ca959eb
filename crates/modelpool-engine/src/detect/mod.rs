//! Finding out what a model can do, by asking it.
//!
//! What is declared may be wrong, and what is in no catalog is unknown. [`ModelPool::detect`] asks: it reads what
//! the server's own list says of the model, and makes one small real call for each capability of the [`table`].
//! Every call takes the engine's own way in OpenAI's dialect, so that a probe works over every wire, and is
//! limited, counted and settled as the calls of users are.
//!
//! | a probe ends | the capability |
//! |---|---|
//! | with what was asked for | is there |
//! | refused as not supported, or as a wrong request | is not there |
//! | answered, but not with what was asked for | is not there: a server that ignores it helps nobody |
//! | in any other way (a rate limit, a failure, the budget) | stays as it was |
//!
//! What was found is kept in the entry's live state as *probed*, with the time and the evidence, and laid over
//! what was said ([`modelpool_core::finding`]). No more tokens are spent than the budget says: each call is
//! estimated before it is made, at its longest answer, and left out where it would not fit.

mod asking;
mod bisect;
mod judge;
mod picture;
mod probes;
mod report;
pub mod table;

use std::sync::Arc;

use modelpool_core::{Error, ErrorKind, Finding, Found, ListedModel, ModelEntry, Numeric, Provenance};

use crate::pool::ModelPool;
use asking::Asker;
pub use judge::Verdict;
pub use report::{Detection, PlannedProbe, ProbePlan, ProbeResult};
use table::{PROBES, ProbeRow};

/// Tokens that a detection may use unless told otherwise.
pub const DEFAULT_BUDGET: u64 = 20_000;

/// What is to be found out, and for how much.
#[derive(Clone, Debug)]
pub struct DetectOptions {
    /// Most tokens of all calls together, input and output.
    pub token_budget: u64,
    /// Names of the probes to make; empty for all of the [`table`].
    pub probes: Vec<String>,
}

impl Default for DetectOptions {
    fn default() -> Self {
        Self {
            token_budget: DEFAULT_BUDGET,
            probes: Vec::new(),
        }
    }
}

impl DetectOptions {
    /// Rows of the table that are asked for.
    ///
    /// # Errors
    /// A name that no probe has.
    fn rows(&self) -> Result<Vec<&'static ProbeRow>, Error> {
        for name in &self.probes {
            if !PROBES.iter().any(|row| row.name == name) {
                let known: Vec<&str> = PROBES.iter().map(|row| row.name).collect();
                let near = modelpool_core::nearest::did_you_mean(name, known.iter().copied());
                let message = format!("no probe is called `{name}`{near} (known: {})", known.join(", "));
                return Err(Error::new(ErrorKind::InvalidRequest, message));
            }
        }
        let wanted =
            |row: &&ProbeRow| self.probes.is_empty() || self.probes.iter().any(|name| name == row.name);
        Ok(PROBES.iter().filter(wanted).collect())
    }
}

impl ModelPool {
    /// What a detection would ask, and what that would use and cost at most. Calls nobody.
    ///
    /// # Errors
    /// Nothing has that alias, it is a wildcard, or no probe has a name that was given.
    pub fn plan_detection(&self, alias: &str, options: &DetectOptions) -> Result<ProbePlan, Error> {
        let entry = self.one_model(alias, "probed")?;
        Ok(ProbePlan::of(&entry, &options.rows()?, options.token_budget))
    }

    /// Finds out what a model can do, keeps it, and tells. A future that is dropped keeps nothing.
    ///
    /// ```no_run
    /// # async fn example(pool: modelpool_engine::ModelPool) -> Result<(), modelpool_core::Error> {
    /// use modelpool_engine::DetectOptions;
    /// let options = DetectOptions { token_budget: 5_000, ..DetectOptions::default() };
    /// let detection = pool.detect("fast", &options).await?;
    /// for probe in &detection.probes {
    ///     println!("{}: {} ({})", probe.probe, probe.verdict.word(), probe.evidence);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`ModelPool::plan_detection`], or the model cannot be called at all.
    pub async fn detect(&self, alias: &str, options: &DetectOptions) -> Result<Detection, Error> {
        let entry = self.one_model(alias, "probed")?;
        let rows = options.rows()?;
        let listed = self.listed(&entry).await;
        let mut asker = Asker::new(self.clone(), &entry, options.token_budget);
        asker.claimed_window = claimed_window(&entry, listed.as_ref());
        let embeds_only = match Box::pin(asker.greet()).await {
            Ok(()) => false,
            Err(error) if may_only_embed(&error) => {
                let embeds = Box::pin(probes::embeddings::ask(&mut asker)).await;
                if embeds.verdict != Verdict::Yes {
                    return Err(error);
                }
                true
            }
            Err(error) => return Err(error),
        };
        let mut results = Vec::new();
        for row in rows {
            if embeds_only && row.name != "embeddings" {
                continue;
            }
            results.push(Box::pin(asker.probe(row)).await);
        }
        let findings = self.findings(listed.as_ref(), &results);
        self.found(&entry, findings.iter().cloned());
        Ok(Detection::new(&entry, findings, results, asker.spent()))
    }

    /// What the server's own list says of a model. A server without one is as good.
    async fn listed(&self, entry: &ModelEntry) -> Option<ListedModel> {
        let provider = self.provider_of(entry).ok()?;
        let asked = provider.describe(Arc::clone(&entry.config().model_name)).await;
        asked.ok().flatten()
    }

    /// What follows from the list and from the probes; a probe takes the place of what the list says.
    fn findings(&self, listed: Option<&ListedModel>, results: &[ProbeResult]) -> Vec<Finding> {
        let at = self.inner.clock.now();
        let mut findings: Vec<Finding> = Vec::new();
        let listed = listed.map(of_list).unwrap_or_default();
        let says = "the server's own list says so";
        findings.extend(listed.into_iter().map(|found| Finding::probed(found, at, says)));
        for result in results {
            if let Some(found) = result.found {
                findings.retain(|known| known.found.key() != found.key());
                findings.push(Finding::probed(found, at, result.evidence.clone()));
            }
        }
        findings
    }
}

/// The window to verify: the smaller of what the list says and what is known otherwise; none where that is only
/// a default.
fn claimed_window(entry: &ModelEntry, listed: Option<&ListedModel>) -> Option<u64> {
    let said = entry.said().number(Numeric::ContextWindow);
    let said = (said.provenance != Provenance::Default).then_some(said.value as u64);
    let listed = listed.and_then(|listed| listed.context_window);
    [said, listed].into_iter().flatten().min()
}

fn of_list(listed: &ListedModel) -> Vec<Found> {
    let mut found: Vec<Found> = listed
        .flags
        .iter()
        .map(|(flag, has)| Found::Flag(*flag, *has))
        .collect();
    let numbers = [
        (Numeric::ContextWindow, listed.context_window),
        (Numeric::MaxTokens, listed.max_tokens),
    ];
    found.extend(
        numbers
            .into_iter()
            .filter_map(|(numeric, value)| Some(Found::Number(numeric, value?))),
    );
    found
}

/// Whether a model that does not chat may be one that embeds.
fn may_only_embed(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Unsupported { .. } | ErrorKind::InvalidRequest | ErrorKind::ModelNotFound
    )
}
