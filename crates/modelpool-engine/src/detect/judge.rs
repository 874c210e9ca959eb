//! What the end of a probe says.

use modelpool_core::{Error, ErrorKind};
use serde::Serialize;

/// Characters of an answer that are shown as evidence.
const MOST_SHOWN: usize = 120;

/// What a probe says of its capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The model has it.
    Yes,
    /// The model lacks it.
    No,
    /// Nothing can be said.
    Unclear,
    /// It was not asked: the budget is used up.
    NotAsked,
}

impl Verdict {
    /// As people read it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Verdict::Yes => "yes",
            Verdict::No => "no",
            Verdict::Unclear => "unclear",
            Verdict::NotAsked => "not asked",
        }
    }
}

/// A verdict, and what shows it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Judged {
    pub(super) verdict: Verdict,
    pub(super) evidence: String,
    /// What was measured.
    pub(super) number: Option<u64>,
}

impl Judged {
    pub(super) fn yes(evidence: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Yes,
            evidence: evidence.into(),
            number: None,
        }
    }

    pub(super) fn no(evidence: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::No,
            evidence: evidence.into(),
            number: None,
        }
    }

    pub(super) fn unclear(evidence: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Unclear,
            evidence: evidence.into(),
            number: None,
        }
    }

    pub(super) fn not_asked(evidence: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::NotAsked,
            evidence: evidence.into(),
            number: None,
        }
    }

    /// What was measured, too.
    pub(super) fn of_number(self, number: u64) -> Self {
        Self {
            number: Some(number),
            ..self
        }
    }

    /// The same, with what kept the probe from going on.
    pub(super) fn stopped_by(self, error: &Error) -> Self {
        Self {
            evidence: format!("{}; then {}: {}", self.evidence, error.code(), error.message()),
            ..self
        }
    }

    /// What a failure says. The same model has answered a plain request a moment ago, so what is refused is what
    /// was added to it.
    pub(super) fn failed(error: &Error) -> Self {
        let words = format!("{}: {}", error.code(), error.message());
        match error.kind() {
            ErrorKind::BudgetExceeded => Self::not_asked(error.message()),
            ErrorKind::Unsupported { .. } | ErrorKind::InvalidRequest | ErrorKind::PrefillRefused => {
                Self::no(words)
            }
            _ => Self::unclear(words),
        }
    }

    /// Answered with what was asked for, or with something else.
    pub(super) fn answered(as_asked: bool, text: &str) -> Self {
        let evidence = format!("answered `{}`", shown(text));
        match as_asked {
            true => Self::yes(evidence),
            false => Self::no(evidence),
        }
    }
}

/// An answer in one line, cut.
pub(super) fn shown(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MOST_SHOWN) {
        Some((cut, _)) => format!("{}…", &line[..cut]),
        None => line,
    }
}
