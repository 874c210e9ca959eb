//! What holds on every schedule, whatever fails.

use std::time::Duration;

use modelpool_core::{Error, ErrorKind, Provenance, TimeoutKind};
use modelpool_engine::{Ending, Outcome, Settlement};
use modelpool_testkit::network::{self, CallEnd, CallRecord, Turn, answer_to};

use crate::caller::{End, Report, prompt};
use crate::play::{LEAVING, Played};
use crate::schedule::{Request, Schedule, What};
use crate::world::Model;

/// Timers fire on whole milliseconds.
const TICK: Duration = Duration::from_millis(5);

/// Voices that are told apart.
const VOICES: u8 = 4;

/// Bytes of a key that nobody else could have written.
const TELLING_BYTES: usize = 11;

/// One request from all sides.
struct Case<'a> {
    schedule: &'a Schedule,
    report: &'a Report,
    calls: Vec<&'a CallRecord>,
    /// Those of all requests.
    all_calls: &'a [CallRecord],
    settlements: Vec<&'a Settlement>,
}

/// The promises that were broken, in words.
pub fn broken(schedule: &Schedule, played: &Played) -> Vec<String> {
    let mut broken = played.accidents.clone();
    if !played.busy.is_empty() {
        broken.push(format!(
            "models count calls under way at the end: {:?}",
            played.busy
        ));
    }
    let asked = schedule.events.iter();
    let asked = asked.filter(|event| matches!(event.what, What::Ask(_))).count();
    if played.reports.len() != asked {
        broken.push(format!(
            "{asked} asked, {} were told how it ended",
            played.reports.len()
        ));
    }
    for report in &played.reports {
        let prompt = prompt(report.number);
        let case = Case {
            schedule,
            report,
            calls: played.calls.iter().filter(|call| call.prompt == prompt).collect(),
            all_calls: &played.calls,
            settlements: played
                .settlements
                .iter()
                .filter(|settlement| *settlement.request_id == *prompt)
                .collect(),
        };
        let found = PROMISES.iter().flat_map(|(name, promise)| {
            let found = promise(&case);
            found.into_iter().map(move |how| format!("{name}: {how}"))
        });
        broken.extend(found.map(|how| format!("`{prompt}`: {how}")));
    }
    broken
}

type Promise = fn(&Case<'_>) -> Vec<String>;

/// What is promised, and what finds out whether it was kept.
const PROMISES: [(&str, Promise); 9] = [
    ("only models that meet what is asked are called", only_candidates),
    ("what is called complete is complete", never_truncated),
    ("nothing outlives the deadline", in_time),
    ("nobody works for a caller who is gone", left_at_once),
    ("calls are bounded", few_calls),
    ("a silent route is not asked twice", silent_once),
    ("a time to wait is kept to", waits),
    ("a request is settled exactly once, as it ended", settled_once),
    ("no secret is told", no_secret),
];

impl Case<'_> {
    fn request(&self) -> &Request {
        &self.report.request
    }

    fn limit(&self) -> Duration {
        let total = self.schedule.timeouts.total.unwrap_or(Duration::MAX);
        self.request()
            .deadline
            .map_or(total, |deadline| deadline.min(total))
    }

    fn candidates(&self) -> &[Model] {
        self.report.candidates.as_deref().unwrap_or_default()
    }

    fn outcomes(&self) -> impl Iterator<Item = &Outcome> {
        self.settlements
            .iter()
            .flat_map(|settlement| &settlement.outcomes)
    }
}

fn only_candidates(case: &Case<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    for call in &case.calls {
        let is_that = |model: &&Model| {
            (&*model.server, &*model.model_name, Some(&*model.key))
                == (&*call.server, &*call.model, call.key.as_deref())
        };
        if !case.candidates().iter().any(|model| is_that(&model)) {
            broken.push(format!("{} was called at {}", call.model, call.server));
        }
    }
    let says_none_fits = matches!(
        case.report.end.error().map(|error| error.kind()),
        Some(ErrorKind::NoModelFits(_))
    );
    match (&case.report.candidates, &case.report.end) {
        (None, End::Failed(error)) if error.verdict() == modelpool_core::Verdict::Stop => {}
        (None, End::Failed(error)) if *error.kind() == ErrorKind::ModelNotFound => {}
        (None, end) => broken.push(format!("it names what is not there, and ended with {end:?}")),
        (Some(candidates), End::Failed(error)) if were_seen_to_lack(candidates, error) => {}
        (Some(candidates), end) if candidates.is_empty() != says_none_fits => {
            broken.push(format!("{candidates:?} fit, and it ended with {end:?}"));
        }
        (Some(_), _) => {}
    }
    broken
}

/// Whether nobody fits because each of these refused something of the kind a moment ago.
fn were_seen_to_lack(candidates: &[Model], error: &Error) -> bool {
    let ErrorKind::NoModelFits(reason) = error.kind() else {
        return false;
    };
    let seen = |model: &Model| {
        let mut rejected = reason.rejected.iter();
        let rejected = rejected.find(|rejected| rejected.alias == model.alias);
        rejected.is_some_and(|rejected| {
            let mut missing = rejected.missing.iter();
            missing.all(|missing| missing.provenance == Provenance::Observed)
        })
    };
    !candidates.is_empty() && candidates.iter().all(seen)
}

fn never_truncated(case: &Case<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    let seen = &case.report.seen;
    let mut texts = (0..VOICES).map(|voice| answer_to(&prompt(case.report.number), voice));
    let mut fail = |how: &str| broken.push(format!("{how}: {seen:?}"));
    if matches!(case.report.end, End::Complete) {
        if !texts.any(|text| text == seen.text) {
            fail("the text is not the answer");
        }
        if case.request().stream && !seen.opening {
            fail("the event that opens the answer was not told");
        }
        if !seen.finish {
            fail("no finish reason was told");
        }
        if !case.calls.iter().any(|call| call.finish_sent) {
            fail("no server had finished");
        }
        if seen.usage_events > 0 && !case.request().wants_usage {
            fail("usage was told to a caller who had not asked");
        }
    } else if !texts.any(|text| text.starts_with(&seen.text)) {
        fail("the text is not the beginning of the answer");
    }
    for call in &case.calls {
        if call.strayed {
            fail("a server was asked to go on from what is no beginning of the answer");
        }
        let wanted = case.request().max_tokens;
        let is_as_asked = match call.turn {
            Turn::Answer => call.max_tokens == wanted,
            Turn::Prefill | Turn::GoOn => {
                call.max_tokens.is_some() == wanted.is_some() && call.max_tokens <= wanted
            }
        };
        if !is_as_asked || call.stream != case.request().stream {
            fail("a server was asked for something else than the caller asks for");
        }
    }
    broken
}

fn in_time(case: &Case<'_>) -> Vec<String> {
    let report = case.report;
    // Who does not read cannot be told that it is late.
    let latest = (report.began + case.limit()).max(report.seen.paused_until) + TICK;
    if report.ended <= latest {
        return Vec::new();
    }
    vec![format!(
        "it ended at {:?}, and had until {latest:?}",
        report.ended
    )]
}

fn left_at_once(case: &Case<'_>) -> Vec<String> {
    let latest = case.report.ended + LEAVING;
    let late = |call: &&&CallRecord| call.ended.is_none_or(|ended| ended > latest) || call.began > latest;
    let late = case.calls.iter().filter(late);
    late.map(|call| {
        format!(
            "the call of {} at {:?} went on to {:?}",
            call.model, call.began, call.ended
        )
    })
    .collect()
}

fn few_calls(case: &Case<'_>) -> Vec<String> {
    let retry = case.schedule.retry;
    let most = retry.max_models * (1 + retry.same_model);
    let mut broken = Vec::new();
    if case.calls.len() > most as usize {
        broken.push(format!("{} calls, at most {most} are allowed", case.calls.len()));
    }
    if case.report.seen.attempts as usize > case.calls.len() {
        broken.push(format!(
            "{} calls told, {} made",
            case.report.seen.attempts,
            case.calls.len()
        ));
    }
    broken
}

fn silent_once(case: &Case<'_>) -> Vec<String> {
    // Two entries may be of one route.
    let route = |outcome: &Outcome| {
        let mut models = case.candidates().iter();
        let model = models.find(|model| *model.alias == *outcome.alias);
        model.map(|model| format!("{} at {}", model.model_name, model.server))
    };
    let mut broken = Vec::new();
    for outcome in case.outcomes() {
        let timed_out = matches!(
            outcome.error.as_ref().map(|error| error.kind()),
            Some(ErrorKind::Timeout(kind)) if *kind != TimeoutKind::Total
        );
        let until = outcome.began_after + outcome.latency;
        let again = |later: &Outcome| {
            later.began_after >= until && route(later) == route(outcome) && !std::ptr::eq(later, outcome)
        };
        if timed_out && case.outcomes().any(again) {
            broken.push(format!(
                "{:?} was silent at {until:?}, and was called again",
                route(outcome)
            ));
        }
    }
    broken
}

fn waits(case: &Case<'_>) -> Vec<String> {
    let prompt = prompt(case.report.number);
    let mut broken = Vec::new();
    let calls = case.all_calls.iter().enumerate();
    // A refusal whose body the caller did not stay for was not read.
    let mine = |call: &CallRecord| call.prompt == prompt && call.end != CallEnd::Dropped;
    for (place, call) in calls.filter(|(_, call)| mine(call)) {
        let (Some(429), Some(wait), Some(told)) = (call.status, call.retry_after, call.ended) else {
            continue;
        };
        // Another request may have called at the very moment at which this one was told.
        let knew = |later: &CallRecord| later.prompt == prompt || later.began > told;
        let too_early = |later: &&CallRecord| {
            later.key == call.key && knew(later) && later.began >= told && later.began + TICK < told + wait
        };
        if let Some(later) = case.all_calls[place + 1..].iter().find(too_early) {
            broken.push(format!(
                "{} said at {told:?} to wait {wait:?}, and was called at {:?}",
                call.model, later.began
            ));
        }
    }
    broken
}

fn settled_once(case: &Case<'_>) -> Vec<String> {
    let [settlement] = case.settlements[..] else {
        return vec![format!("{} settlements", case.settlements.len())];
    };
    let mut broken = Vec::new();
    let sorted = |mut names: Vec<String>| {
        names.sort();
        names
    };
    let outcomes = settlement
        .outcomes
        .iter()
        .map(|outcome| outcome.model_name.to_string());
    let outcomes = sorted(outcomes.collect());
    let calls = sorted(case.calls.iter().map(|call| call.model.clone()).collect());
    if outcomes != calls {
        broken.push(format!(
            "settled were calls of {outcomes:?}, made were those of {calls:?}"
        ));
    }
    let agrees = match (&case.report.end, &settlement.ending) {
        (End::Complete, Ending::Completed) | (End::Left, Ending::Cancelled) => true,
        // Who left with the whole answer in hands left nothing unfinished; and who left may just
        // have been about to be told of a failure.
        (End::Left, Ending::Completed) => case.calls.iter().any(|call| call.finish_sent),
        (End::Left, Ending::Failed(_)) => true,
        (End::Lost(told) | End::Failed(told), Ending::Failed(settled)) => told.code() == settled.code(),
        _ => false,
    };
    if !agrees {
        broken.push(format!(
            "it ended with {:?}, settled was {:?}",
            case.report.end, settlement.ending
        ));
    }
    let succeeded = settlement
        .outcomes
        .iter()
        .filter(|outcome| outcome.error.is_none())
        .count();
    let completed = matches!(settlement.ending, Ending::Completed);
    if completed != (succeeded > 0) {
        broken.push(format!(
            "{succeeded} calls succeeded, settled was {:?}",
            settlement.ending
        ));
    }
    if let ([call], [outcome], true) = (&case.calls[..], &settlement.outcomes[..], completed) {
        let told = outcome.usage.is_some_and(|usage| !usage.estimated);
        // What comes after the finish reason may be lost without a word.
        let all_came = call.end == CallEnd::Read && call.fate.end == network::End::Whole;
        let must_be_told = call.usage_sent && all_came && call.fate.stream.noise.is_none();
        if (told && !call.usage_sent) || (!told && must_be_told) {
            broken.push(format!(
                "usage came: {}, settled was {:?}",
                call.usage_sent, outcome.usage
            ));
        }
    }
    let answered = case.report.seen.alias.as_deref();
    if answered.is_some_and(|alias| settlement.outcomes.iter().all(|outcome| *outcome.alias != *alias)) {
        broken.push(format!(
            "{answered:?} answered, and is not among the calls that were settled"
        ));
    }
    broken
}

fn no_secret(case: &Case<'_>) -> Vec<String> {
    let told = case.report.end.error().into_iter();
    let settled = case.outcomes().filter_map(|outcome| outcome.error.as_ref());
    let texts: Vec<String> = told
        .chain(settled)
        .map(|error| format!("{error} {error:?}"))
        .collect();
    let keys = case.calls.iter().filter_map(|call| call.key.as_deref());
    keys.filter(|key| {
        texts
            .iter()
            .any(|text| text.contains(&key[..TELLING_BYTES.min(key.len())]))
    })
    .map(|key| format!("{key} in {texts:?}"))
    .collect()
}
