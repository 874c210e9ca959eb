//! What the schedules reached: a simulation in which nothing happens breaks no promise.

use std::collections::BTreeMap;
use std::fmt;

use modelpool_core::{ErrorKind, TimeoutKind};
use modelpool_testkit::network::{CallEnd, Turn};

use crate::caller::{End, Report};
use crate::play::Played;

/// How often something happened.
#[derive(Clone, Debug, Default)]
pub struct Tally(BTreeMap<&'static str, u64>);

/// What twenty thousand schedules reach at least: about a third of what they do.
const AT_LEAST: [(&str, u64); 22] = [
    ("requests", 30_000),
    ("calls", 20_000),
    ("whole answers", 4_000),
    ("complete streams", 6_000),
    ("complete after a failover", 1_000),
    ("failed", 5_000),
    ("lost within the stream", 100),
    ("left", 1_500),
    ("left within the stream", 800),
    ("no model fits", 2_000),
    ("names what is not there", 1_000),
    ("deadline", 500),
    ("slow callers", 1_000),
    ("calls dropped by the client", 3_000),
    ("calls cut or broken", 800),
    ("calls never connected", 1_500),
    ("calls with a time to wait", 300),
    ("answers gone on from", 200),
    ("timeouts to connect", 300),
    ("timeouts to the first token", 300),
    ("timeouts to the head", 100),
    ("timeouts within an answer", 250),
];

impl Tally {
    pub fn of(played: &Played) -> Self {
        let mut tally = Self::default();
        tally.count(played);
        tally
    }

    fn count(&mut self, played: &Played) {
        self.more("schedules", 1);
        self.more("requests", played.reports.len());
        self.more("calls", played.calls.len());
        for call in &played.calls {
            self.when("calls dropped by the client", call.end == CallEnd::Dropped);
            self.when("calls never connected", call.end == CallEnd::NotAnswered);
            let cut = call.end == CallEnd::Broken || call.end == CallEnd::Read && !call.finish_sent;
            self.when("calls cut or broken", cut && call.status == Some(200));
            self.when("calls with a time to wait", call.retry_after.is_some());
            self.when("answers gone on from", call.turn != Turn::Answer);
        }
        for settlement in &played.settlements {
            for error in settlement
                .outcomes
                .iter()
                .filter_map(|outcome| outcome.error.as_ref())
            {
                if let ErrorKind::Timeout(kind) = error.kind() {
                    self.more(of_timeout(*kind), 1);
                }
            }
        }
        for report in &played.reports {
            self.count_report(report);
        }
    }

    fn count_report(&mut self, report: &Report) {
        let complete = matches!(report.end, End::Complete);
        let streamed = report.request.stream;
        let within = !report.seen.text.is_empty();
        self.when("whole answers", complete && !streamed);
        self.when("complete streams", complete && streamed);
        self.when("complete after a failover", complete && report.seen.attempts > 1);
        self.when("slow callers", !report.seen.paused_until.is_zero());
        self.when("names what is not there", report.candidates.is_none());
        self.when(
            "no model fits",
            report.candidates.as_ref().is_some_and(Vec::is_empty),
        );
        match &report.end {
            End::Complete => {}
            End::Lost(_) => self.more("lost within the stream", 1),
            End::Failed(_) => self.more("failed", 1),
            End::Left => {
                self.more("left", 1);
                self.when("left within the stream", within);
            }
        }
    }

    fn more(&mut self, what: &'static str, count: usize) {
        *self.0.entry(what).or_default() += count as u64;
    }

    fn when(&mut self, what: &'static str, happened: bool) {
        self.more(what, usize::from(happened));
    }

    pub fn add(&mut self, other: &Tally) {
        for (what, count) in &other.0 {
            *self.0.entry(what).or_default() += count;
        }
    }

    /// Fails where the schedules no longer come near to something.
    pub fn reaches_every_corner(&self) {
        for (what, least) in AT_LEAST {
            let count = self.0.get(what).copied().unwrap_or_default();
            assert!(
                count >= least,
                "{what}: {count}, at least {least} were expected\n{self}"
            );
        }
    }
}

fn of_timeout(kind: TimeoutKind) -> &'static str {
    match kind {
        TimeoutKind::Connect => "timeouts to connect",
        TimeoutKind::Response => "timeouts to the head",
        TimeoutKind::FirstToken => "timeouts to the first token",
        TimeoutKind::Idle => "timeouts within an answer",
        TimeoutKind::Total => "deadline",
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|(what, count)| writeln!(f, "{count:>8} {what}"))
    }
}
