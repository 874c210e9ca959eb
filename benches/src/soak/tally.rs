//! What became of the requests, counted.

use std::collections::BTreeMap;
use std::time::Duration;

use super::caller::Seen;
use super::ledger::Known;
use super::report::Report;
use super::requests::{DEADLINE, GRACE, Kind};
use super::verdict::{Canon, Told, Verdict, judge};
use crate::load::Latencies;

/// The most faults that are shown whole.
const MAX_EXAMPLES: usize = 8;

/// The most latencies that are kept.
const MAX_LATENCIES: usize = 1_000_000;

/// Counts of verdicts.
#[derive(Debug, Default)]
pub(super) struct Tally {
    by_kind: BTreeMap<Kind, u64>,
    pub(super) right: u64,
    /// Streams that were lost and are right all the same, and how often they were gone on with.
    pub(super) continued_streams: u64,
    continuations: u64,
    /// By code; those in a stream with a word before it.
    honest: BTreeMap<String, u64>,
    wrong: u64,
    overdue: u64,
    lost: u64,
    pub(super) left: u64,
    latencies: Vec<Duration>,
    examples: Vec<String>,
}

impl Tally {
    /// Judges what a caller saw, and answers what it was told.
    pub(super) fn note(&mut self, number: u64, kind: Kind, canon: &Canon, seen: &Seen) -> Told {
        *self.by_kind.entry(kind).or_default() += 1;
        match seen {
            Seen::Answer(answer, latency) => {
                if self.latencies.len() < MAX_LATENCIES {
                    self.latencies.push(*latency);
                }
                return self.enter(number, kind, judge(kind, canon, answer));
            }
            Seen::Left => self.left += 1,
            Seen::Overdue => {
                self.overdue += 1;
                self.example(number, kind, "not ended a second after its deadline");
            }
            Seen::Lost(why) => {
                self.lost += 1;
                self.example(number, kind, why);
            }
        }
        Told::default()
    }

    fn enter(&mut self, number: u64, kind: Kind, verdict: Verdict) -> Told {
        match verdict {
            Verdict::Right(told) => {
                self.right += 1;
                self.continued_streams += u64::from(told.continued > 0);
                self.continuations += u64::from(told.continued);
                told
            }
            Verdict::Honest {
                code,
                in_stream,
                told,
            } => {
                let place = if in_stream { "in a stream: " } else { "" };
                *self.honest.entry(format!("{place}{code}")).or_default() += 1;
                told
            }
            Verdict::Wrong(why) => {
                self.wrong += 1;
                self.example(number, kind, &why);
                Told::default()
            }
        }
    }

    fn example(&mut self, number: u64, kind: Kind, why: &str) {
        if self.examples.len() < MAX_EXAMPLES {
            self.examples.push(format!("request {number} ({kind:?}): {why}"));
        }
    }

    pub(super) fn requests(&self) -> u64 {
        self.by_kind.values().sum()
    }

    /// Requests that were waited for.
    pub(super) fn awaited(&self) -> u64 {
        self.requests() - self.left
    }

    pub(super) fn latencies(&self) -> Latencies {
        self.latencies.iter().copied().collect()
    }

    /// The honest errors, as a share of the requests that were waited for.
    pub(super) fn honest_share(&self) -> f64 {
        self.honest.values().sum::<u64>() as f64 / self.awaited().max(1) as f64
    }

    /// Adds what every load reports.
    pub(super) fn report(&self, report: &mut Report) {
        let kind = |kind| self.by_kind.get(&kind).copied().unwrap_or(0);
        let kinds = [Kind::Stream, Kind::Plain, Kind::Embeddings].map(kind);
        report.figure("requests", self.requests());
        report.figure(
            "  streams, plain, embeddings",
            format!("{kinds:?}").replace(['[', ']'], ""),
        );
        report.figure("  callers that left", self.left);
        report.figure("right answers", self.right);
        report.figure("  streams that were continued", self.continued_streams);
        report.figure("  continuations", self.continuations);
        report.figure("honest errors", percent(self.honest_share()));
        for (code, count) in &self.honest {
            report.figure(format!("  {code}"), count);
        }
        let none = "none";
        report.check("wrong answers", self.wrong, none, self.wrong == 0);
        report.check("connections lost", self.lost, none, self.lost == 0);
        let limit = (DEADLINE + GRACE).as_secs();
        report.check(
            "hangs",
            self.overdue,
            format!("none beyond {limit} s"),
            self.overdue == 0,
        );
        report.details(self.examples.iter().cloned());
    }
}

/// What goes into the ledger of a request that was seen so.
pub(super) fn known(seen: &Seen, told: &Told) -> Known {
    match (seen, told.attempts) {
        (Seen::Left, _) => Known::Left,
        (_, Some(attempts)) => Known::Attempts(attempts),
        (_, None) => Known::Nothing,
    }
}

pub(super) fn percent(share: f64) -> String {
    format!("{:.3} %", share * 100.0)
}

pub(super) fn milliseconds(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_answer_is_counted_apart() {
        let canon = Canon {
            text: "x".to_owned(),
            vectors: Vec::new(),
        };
        let mut tally = Tally::default();
        for seen in [Seen::Left, Seen::Overdue, Seen::Lost("reset".to_owned())] {
            let told = tally.note(1, Kind::Plain, &canon, &seen);
            let expected = if matches!(seen, Seen::Left) {
                Known::Left
            } else {
                Known::Nothing
            };
            assert_eq!(known(&seen, &told), expected);
        }
        assert_eq!((tally.requests(), tally.awaited()), (3, 2));
        let mut report = Report::new("");
        tally.report(&mut report);
        assert!(!report.passes());
        assert!(report.to_string().contains("request 1 (Plain): reset"));
    }
}
