//! What was found out about a model's capabilities, beside what was said of it.
//!
//! A [`Finding`] comes from a probe, which asked for it, or from an answer to a real request, which showed it by
//! the way. [`Findings`] keeps the latest of each kind for one entry of the pool, and [`Findings::over`] lays them
//! over what was said. The order of knowledge:
//!
//! | known from | holds |
//! |---|---|
//! | an observation that denies, or a smaller window | for [`FRESH_FOR`], over everything |
//! | a probe that denies, or a smaller window | for [`FRESH_FOR`], over everything |
//! | declared | always |
//! | a probe | until the next one |
//! | the catalog, the default | where nobody knows better |
//!
//! A probe takes the place of the observations made before it. Nothing here decides what a request does: the pool
//! packs what is known at a moment into its snapshot, so that nothing found costs nothing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use crate::capability::{Capabilities, Fact, Flag, Numeric, Provenance, Support, number_json};
use crate::clock::UnixMillis;

/// How long something that was found masks what was said.
pub const FRESH_FOR: Duration = Duration::from_secs(3600);

/// An observation that repeats one as young as this says nothing new.
const REPEATED_WITHIN: Duration = Duration::from_secs(60);

/// Characters of the evidence that are kept.
const MOST_EVIDENCE: usize = 300;

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Found {
    /// The model has the capability, or lacks it.
    Flag(Flag, bool),
    /// How large something is.
    Number(Numeric, u64),
}

impl Found {
    /// The key users write.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Found::Flag(flag, _) => flag.key(),
            Found::Number(numeric, _) => numeric.key(),
        }
    }

    /// The value, as users write it.
    #[must_use]
    pub fn json(self) -> Value {
        match self {
            Found::Flag(_, has) => Value::Bool(has),
            Found::Number(_, value) => Value::from(value),
        }
    }
}

/// Something found out, how, when, and what shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// What was found.
    pub found: Found,
    /// [`Provenance::Probed`] or [`Provenance::Observed`].
    pub provenance: Provenance,
    /// When.
    pub at: UnixMillis,
    /// What shows it, in words: a refusal, an answer.
    pub evidence: String,
}

impl Finding {
    /// What a probe showed.
    pub fn probed(found: Found, at: UnixMillis, evidence: impl Into<String>) -> Self {
        Self::new(found, Provenance::Probed, at, evidence.into())
    }

    /// What an answer to a request showed by the way.
    pub fn observed(found: Found, at: UnixMillis, evidence: impl Into<String>) -> Self {
        Self::new(found, Provenance::Observed, at, evidence.into())
    }

    fn new(found: Found, provenance: Provenance, at: UnixMillis, mut evidence: String) -> Self {
        if let Some((cut, _)) = evidence.char_indices().nth(MOST_EVIDENCE) {
            evidence.truncate(cut);
            evidence.push('…');
        }
        Self {
            found,
            provenance,
            at,
            evidence,
        }
    }

    /// When it stops masking what was said.
    fn fresh_until(&self) -> UnixMillis {
        after(self.at, FRESH_FOR)
    }

    /// What the user declared, where that is something else.
    #[must_use]
    pub fn contradicts(&self, said: &Capabilities) -> Option<Value> {
        match self.found {
            Found::Flag(flag, has) => {
                let fact = said.flag(flag);
                let other = fact.value != Support::Unknown && fact.value != Support::from(has);
                (fact.provenance == Provenance::Declared && other)
                    .then(|| Value::Bool(fact.value == Support::Yes))
            }
            Found::Number(numeric, value) => {
                let fact = said.number(numeric);
                let smaller = (value as f64) < fact.value;
                (fact.provenance == Provenance::Declared && smaller).then(|| number_json(fact.value))
            }
        }
    }
}

/// What was found out about one entry. Bounded: of each capability one finding by probes, and one by traffic.
#[derive(Debug, Default)]
pub struct Findings {
    /// Whether there is any, so that most entries are passed without the lock.
    any: AtomicBool,
    all: Mutex<Vec<Finding>>,
}

impl Findings {
    /// Keeps a finding. Returns whether it says something new.
    pub fn record(&self, finding: Finding) -> bool {
        let mut all = self.lock();
        let key = finding.found.key();
        let repeated = |known: &Finding| {
            known.found == finding.found
                && known.provenance == Provenance::Observed
                && finding.provenance == Provenance::Observed
                && finding.at < after(known.at, REPEATED_WITHIN)
        };
        if all.iter().any(repeated) {
            return false;
        }
        let probed = finding.provenance == Provenance::Probed;
        all.retain(|known| known.found.key() != key || (known.provenance != finding.provenance && !probed));
        all.push(finding);
        self.any.store(true, Ordering::Release);
        true
    }

    /// What counts at a moment: probes always, observations while they are fresh.
    #[must_use]
    pub fn current(&self, now: UnixMillis) -> Vec<Finding> {
        if !self.any.load(Ordering::Acquire) {
            return Vec::new();
        }
        let mut all = self.lock();
        all.retain(|finding| finding.provenance != Provenance::Observed || now < finding.fresh_until());
        self.any.store(!all.is_empty(), Ordering::Release);
        all.clone()
    }

    /// What is known of the model, with what was found laid over what was `said`, and when that has to be looked
    /// at again. `None` where nothing was found.
    #[must_use]
    pub fn over(&self, said: &Capabilities, now: UnixMillis) -> Option<(Capabilities, UnixMillis)> {
        let findings = self.current(now);
        if findings.is_empty() {
            return None;
        }
        let mut known = said.clone();
        let mut until = UnixMillis(u64::MAX);
        // First what probes say, then what was seen since.
        for wanted in [Provenance::Probed, Provenance::Observed] {
            for finding in findings.iter().filter(|finding| finding.provenance == wanted) {
                known = lay_over(known, said, finding, now);
                if now < finding.fresh_until() {
                    until = until.min(finding.fresh_until());
                }
            }
        }
        Some((known, until))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Finding>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One finding as a JSON object, with what it contradicts.
#[must_use]
pub fn describe(finding: &Finding, said: &Capabilities) -> Value {
    json!({
        "key": finding.found.key(),
        "value": finding.found.json(),
        "provenance": finding.provenance,
        "at_ms": finding.at.0,
        "evidence": finding.evidence,
        "contradicts": finding.contradicts(said),
    })
}

fn lay_over(known: Capabilities, said: &Capabilities, finding: &Finding, now: UnixMillis) -> Capabilities {
    let fresh = now < finding.fresh_until();
    let probed = finding.provenance == Provenance::Probed;
    match finding.found {
        Found::Flag(flag, has) => {
            let declared = said.flag(flag).provenance == Provenance::Declared;
            let masks = fresh && !has;
            if masks || (probed && !declared) {
                return known.with_flag(flag, fact(Support::from(has), finding));
            }
            known
        }
        Found::Number(numeric, value) => {
            let value = value as f64;
            let present = known.number(numeric);
            let declared = said.number(numeric).provenance == Provenance::Declared;
            let masks = fresh && value < present.value;
            let fills = present.provenance == Provenance::Default || (probed && !declared);
            if masks || fills {
                return known.with_number(numeric, fact(value, finding));
            }
            known
        }
    }
}

fn fact<T>(value: T, finding: &Finding) -> Fact<T> {
    Fact {
        value,
        provenance: finding.provenance,
        at: Some(finding.at),
    }
}

fn after(at: UnixMillis, time: Duration) -> UnixMillis {
    let time = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    UnixMillis(at.0.saturating_add(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000;

    fn vision(findings: &Findings, said: &Capabilities, now: u64) -> (Support, Provenance) {
        let known = findings
            .over(said, UnixMillis(now))
            .map_or(said.clone(), |(known, _)| known);
        let fact = known.flag(Flag::Vision);
        (fact.value, fact.provenance)
    }

    fn window(findings: &Findings, said: &Capabilities, now: u64) -> (f64, Provenance) {
        let known = findings
            .over(said, UnixMillis(now))
            .map_or(said.clone(), |(known, _)| known);
        let fact = known.number(Numeric::ContextWindow);
        (fact.value, fact.provenance)
    }

    fn sees(has: bool) -> Found {
        Found::Flag(Flag::Vision, has)
    }

    fn holds(tokens: u64) -> Found {
        Found::Number(Numeric::ContextWindow, tokens)
    }

    #[test]
    fn an_observed_no_masks_what_was_declared_for_an_hour() {
        let said = Capabilities::new().supports(Flag::Vision);
        let findings = Findings::default();
        assert!(findings.record(Finding::observed(sees(false), UnixMillis(0), "400")));
        assert_eq!(
            vision(&findings, &said, HOUR - 1),
            (Support::No, Provenance::Observed)
        );
        assert_eq!(
            vision(&findings, &said, HOUR),
            (Support::Yes, Provenance::Declared)
        );
        assert!(
            findings.current(UnixMillis(HOUR)).is_empty(),
            "observations are forgotten"
        );
    }

    #[test]
    fn a_probe_holds_between_what_is_declared_and_what_the_catalog_says() {
        let declared = Capabilities::new().supports(Flag::Vision);
        let catalog = Capabilities::new().with_flag(Flag::Vision, Fact::catalog(Support::Yes));
        let findings = Findings::default();
        findings.record(Finding::probed(
            sees(false),
            UnixMillis(0),
            "answered `I am blind`",
        ));
        for said in [&declared, &catalog] {
            assert_eq!(vision(&findings, said, 1), (Support::No, Provenance::Probed));
        }
        assert_eq!(
            vision(&findings, &declared, HOUR),
            (Support::Yes, Provenance::Declared)
        );
        assert_eq!(
            vision(&findings, &catalog, 9 * HOUR),
            (Support::No, Provenance::Probed)
        );
        findings.record(Finding::probed(sees(true), UnixMillis(9), "read 47"));
        let lacks = Capabilities::new().lacks(Flag::Vision);
        assert_eq!(
            vision(&findings, &lacks, 10),
            (Support::No, Provenance::Declared),
            "a yes masks nothing"
        );
        assert_eq!(
            vision(&findings, &catalog, 10),
            (Support::Yes, Provenance::Probed)
        );
    }

    #[test]
    fn a_probe_takes_the_place_of_what_was_seen_before_it() {
        let said = Capabilities::new();
        let findings = Findings::default();
        findings.record(Finding::observed(sees(false), UnixMillis(0), "400"));
        findings.record(Finding::probed(sees(true), UnixMillis(5), "read 47"));
        assert_eq!(vision(&findings, &said, 6), (Support::Yes, Provenance::Probed));
        findings.record(Finding::observed(sees(false), UnixMillis(7), "400"));
        assert_eq!(vision(&findings, &said, 8), (Support::No, Provenance::Observed));
        assert_eq!(
            vision(&findings, &said, 7 + HOUR),
            (Support::Yes, Provenance::Probed)
        );
    }

    #[test]
    fn a_smaller_window_masks_and_a_larger_one_only_fills() {
        let declared = Capabilities::new().context_window(8_000);
        let findings = Findings::default();
        findings.record(Finding::observed(holds(6_000), UnixMillis(0), "400"));
        assert_eq!(window(&findings, &declared, 1), (6_000.0, Provenance::Observed));
        assert_eq!(
            window(&findings, &Capabilities::new(), 1),
            (6_000.0, Provenance::Observed)
        );
        findings.record(Finding::observed(holds(9_000), UnixMillis(2), "400"));
        assert_eq!(window(&findings, &declared, 3), (8_000.0, Provenance::Declared));
    }

    #[test]
    fn until_says_when_to_look_again() {
        let said = Capabilities::new().supports(Flag::Vision);
        let findings = Findings::default();
        assert!(findings.over(&said, UnixMillis(0)).is_none());
        findings.record(Finding::observed(sees(false), UnixMillis(50), "400"));
        findings.record(Finding::observed(holds(100), UnixMillis(10), "400"));
        let (_, until) = findings.over(&said, UnixMillis(60)).unwrap();
        assert_eq!(until, UnixMillis(10 + HOUR));
        findings.record(Finding::probed(holds(100), UnixMillis(20), "400"));
        let (_, until) = findings.over(&said, UnixMillis(50 + HOUR)).unwrap();
        assert_eq!(until, UnixMillis(u64::MAX), "a stale probe changes no more");
    }

    #[test]
    fn what_repeats_says_nothing_new_and_the_list_is_bounded() {
        let findings = Findings::default();
        for at in 0..1_000 {
            let new = findings.record(Finding::observed(sees(false), UnixMillis(at), "x".repeat(1_000)));
            assert_eq!(new, at == 0);
        }
        findings.record(Finding::probed(sees(false), UnixMillis(0), ""));
        findings.record(Finding::observed(sees(false), UnixMillis(1), ""));
        assert_eq!(findings.current(UnixMillis(2)).len(), 2);
        let long = Finding::observed(sees(false), UnixMillis(0), "图".repeat(1_000));
        assert_eq!(long.evidence.chars().count(), MOST_EVIDENCE + 1);
    }

    #[test]
    fn only_what_was_declared_is_contradicted() {
        let no = Finding::observed(sees(false), UnixMillis(0), "400");
        assert_eq!(no.contradicts(&Capabilities::new()), None);
        let said = Capabilities::new().supports(Flag::Vision).context_window(10);
        assert_eq!(no.contradicts(&said), Some(json!(true)));
        let small = Finding::probed(holds(9), UnixMillis(0), "400");
        assert_eq!(small.contradicts(&said), Some(json!(10)));
        assert_eq!(
            Finding::probed(holds(11), UnixMillis(0), "").contradicts(&said),
            None
        );
        assert_eq!(describe(&no, &said)["contradicts"], json!(true));
    }
}
