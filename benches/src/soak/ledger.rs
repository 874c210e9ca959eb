//! The attempts, as the gateway's log has them beside what the callers were told.
//!
//! A request carries a number as its id. What its caller was told and what the log says of it meet here, in
//! either order, and are forgotten when they agree: what is held is bounded by the requests under way.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Deserialize;
use tokio::time::Instant;

/// What a number is written behind, in request ids.
const ID_PREFIX: &str = "soak-";

/// The most requests of which one half is known; more would mean that the log is lost.
const MAX_OPEN: usize = 100_000;

/// The most failed calls whose moment is kept.
const MAX_MOMENTS: usize = 100_000;

/// The most discrepancies that are shown.
const MAX_EXAMPLES: usize = 8;

/// The id of a request.
pub(super) fn request_id(number: u64) -> String {
    format!("{ID_PREFIX}{number}")
}

/// What a caller knows of the attempts of its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// It was told.
    Attempts(u32),
    /// It was not told: the head had gone out, or the answer was no answer.
    Nothing,
    /// It went away, perhaps before the gateway had read the request.
    Left,
}

/// Sums over all requests.
#[derive(Debug, Clone, Default)]
pub(super) struct Totals {
    /// Attempts by the log.
    pub(super) attempts: u64,
    /// Requests of which the log and the caller know different numbers.
    pub(super) differing: u64,
    /// Requests that only their caller knows, or only the log.
    pub(super) unmatched: u64,
    /// Requests that never became a call.
    pub(super) refused: u64,
    /// Calls that failed, by model and code.
    pub(super) failed: BTreeMap<(String, String), u64>,
    /// The first discrepancies.
    pub(super) examples: Vec<String>,
}

/// Where both sides are entered.
#[derive(Debug, Default)]
pub(super) struct Ledger(Mutex<Books>);

#[derive(Debug, Default)]
struct Books {
    totals: Totals,
    open: HashMap<u64, Half>,
    failures: Vec<(Instant, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Half {
    Told(Known),
    Logged(u32),
}

/// A line of the gateway's log; of the calls and the requests, by `target`.
#[derive(Deserialize)]
struct Line<'line> {
    #[serde(borrow)]
    target: Cow<'line, str>,
    #[serde(borrow)]
    request_id: Option<Cow<'line, str>>,
    /// Left out where it is 1.
    attempts: Option<u32>,
    #[serde(borrow)]
    model: Option<Cow<'line, str>>,
    #[serde(borrow)]
    code: Option<Cow<'line, str>>,
    /// Of a request that never became a call.
    #[serde(borrow)]
    path: Option<Cow<'line, str>>,
}

impl Ledger {
    /// A caller's side.
    pub(super) fn told(&self, number: u64, known: Known) {
        self.books().enter(number, Half::Told(known));
    }

    /// A line of the log, read at `at`. What is no line of a request says nothing here.
    pub(super) fn line(&self, line: &[u8], at: Instant) {
        let Ok(line) = serde_json::from_slice::<Line<'_>>(line) else {
            return;
        };
        let number = line
            .request_id
            .as_deref()
            .and_then(|id| id.strip_prefix(ID_PREFIX)?.parse().ok());
        let mut books = self.books();
        match (&*line.target, number) {
            ("modelpool::access", Some(number)) => {
                let attempts = match line.path {
                    None => line.attempts.unwrap_or(1),
                    Some(_) => {
                        books.totals.refused += 1;
                        0
                    }
                };
                books.totals.attempts += u64::from(attempts);
                books.enter(number, Half::Logged(attempts));
            }
            ("modelpool::attempt", Some(_)) => {
                let model = line.model.unwrap_or_default().into_owned();
                if books.failures.len() < MAX_MOMENTS {
                    books.failures.push((at, model.clone()));
                }
                let code = line.code.unwrap_or_default().into_owned();
                *books.totals.failed.entry((model, code)).or_default() += 1;
            }
            _ => {}
        }
    }

    /// Whether everything that was entered has met its other half.
    pub(super) fn is_balanced(&self) -> bool {
        self.books().unmatched() == 0
    }

    pub(super) fn totals(&self) -> Totals {
        let books = self.books();
        let mut totals = books.totals.clone();
        totals.unmatched += books.unmatched();
        let left_over = books.open.iter().filter(|(_, half)| half.is_missed());
        let room = MAX_EXAMPLES.saturating_sub(totals.examples.len());
        let shown = left_over
            .take(room)
            .map(|(number, half)| format!("request {number}: only {half:?}"));
        totals.examples.extend(shown);
        totals
    }

    /// When calls of this model failed.
    pub(super) fn failures_of(&self, model: &str) -> Vec<Instant> {
        let books = self.books();
        let of_model = books.failures.iter().filter(|(_, of)| of == model);
        of_model.map(|(at, _)| *at).collect()
    }

    /// Held for a few moves of memory, never across an await.
    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Half {
    /// Whether the other half should have come.
    fn is_missed(self) -> bool {
        self != Half::Told(Known::Left)
    }
}

impl Books {
    fn enter(&mut self, number: u64, half: Half) {
        let Some(other) = self.open.remove(&number) else {
            if self.open.len() < MAX_OPEN {
                self.open.insert(number, half);
            } else {
                self.totals.unmatched += 1;
            }
            return;
        };
        let agree = match (half, other) {
            (Half::Told(known), Half::Logged(logged)) | (Half::Logged(logged), Half::Told(known)) => {
                match known {
                    Known::Attempts(told) => told == logged,
                    Known::Nothing | Known::Left => true,
                }
            }
            _ => false,
        };
        if !agree {
            self.totals.differing += 1;
            if self.totals.examples.len() < MAX_EXAMPLES {
                let example = format!("request {number}: {other:?} and {half:?}");
                self.totals.examples.push(example);
            }
        }
    }

    fn unmatched(&self) -> u64 {
        self.open.values().filter(|half| half.is_missed()).count() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(number: u64, rest: &str) -> Vec<u8> {
        format!(r#"{{"target":"modelpool::access","request_id":"soak-{number}"{rest}}}"#).into_bytes()
    }

    #[test]
    fn both_sides_meet_in_either_order() {
        let ledger = Ledger::default();
        let now = Instant::now();
        ledger.told(1, Known::Attempts(1));
        ledger.line(&access(1, ""), now);
        ledger.line(&access(2, r#","attempts":3"#), now);
        assert!(!ledger.is_balanced());
        ledger.told(2, Known::Attempts(3));
        ledger.told(3, Known::Left);
        assert!(ledger.is_balanced(), "one who left may never have been heard");
        let totals = ledger.totals();
        assert_eq!((totals.attempts, totals.differing, totals.unmatched), (4, 0, 0));
    }

    #[test]
    fn what_does_not_agree_is_counted_and_shown() {
        let ledger = Ledger::default();
        let now = Instant::now();
        ledger.told(1, Known::Attempts(1));
        ledger.line(&access(1, r#","attempts":2"#), now);
        ledger.told(2, Known::Nothing);
        ledger.line(&access(3, r#","path":"/v1/embeddings""#), now);
        let totals = ledger.totals();
        assert_eq!((totals.differing, totals.unmatched, totals.refused), (1, 2, 1));
        assert_eq!(totals.examples.len(), 3, "{:?}", totals.examples);
    }

    #[test]
    fn failed_calls_are_counted_by_model_and_code() {
        let ledger = Ledger::default();
        let line =
            br#"{"target":"modelpool::attempt","request_id":"soak-1","model":"alpha","code":"server"}"#;
        ledger.line(line, Instant::now());
        ledger.line(b"not a line", Instant::now());
        assert_eq!(ledger.failures_of("alpha").len(), 1);
        let key = ("alpha".to_owned(), "server".to_owned());
        assert_eq!(ledger.totals().failed[&key], 1);
    }
}
