//! Everything that goes wrong with the upstreams' answers, besides what goes wrong with a request.
//!
//! Faults that a caller of the gateway could not be saved from are left out: a status that blames the
//! request, and a wrong answer in perfect order.

use std::collections::BTreeMap;
use std::time::Duration;

use modelpool_testkit::simulator::{Fault, FaultRule};
use serde_json::json;

/// A head that is slow, and still in time.
const SLOW_HEAD: Duration = Duration::from_millis(400);

/// Bytes of a body without sense or end of line; more than any answer has.
const NONSENSE_BYTES: u64 = 300_000;

/// The rules, each with the name it has in reports. `events` is how many a stream has up to its finish reason.
pub(super) fn every_fault(events: u64) -> Vec<(String, FaultRule)> {
    let mut faults: Vec<(String, Fault)> = [500, 502, 503, 504, 529]
        .map(|status| (format!("status {status}"), Fault::status(status)))
        .into();
    faults.push(("status 429".to_owned(), rate_limited_for_once()));
    faults.push(("status 429, retry after 1 s".to_owned(), Fault::rate_limited(1)));
    for reset in [false, true] {
        let how = if reset { "reset" } else { "closed" };
        faults.push((format!("{how} before the head"), Fault::CutBeforeHead { reset }));
        for chunks in [1, events / 2, events - 1] {
            let name = format!("{how} after {chunks} events");
            faults.push((name, Fault::CutAfterChunks { chunks, reset }));
        }
        for bytes in [1, 777, 4_321] {
            let name = format!("{how} after {bytes} bytes");
            faults.push((name, Fault::CutAfterBytes { bytes, reset }));
        }
    }
    faults.push(("stall before the head".to_owned(), Fault::StallBeforeHead));
    faults.push(("stall after the head".to_owned(), Fault::StallAfterHead));
    for chunks in [1, events / 2] {
        let name = format!("stall after {chunks} events");
        faults.push((name, Fault::StallAfterChunks { chunks }));
    }
    for chunks in [0, 1, events / 3] {
        faults.push((
            format!("malformed after {chunks} events"),
            Fault::MalformedAfterChunks { chunks, data: None },
        ));
        faults.push((
            format!("error after {chunks} events"),
            Fault::ErrorAfterChunks { chunks, error: None },
        ));
    }
    let overloaded = json!({"message": "Overloaded", "type": "overloaded_error", "code": null});
    faults.push((
        "overloaded in the middle".to_owned(),
        Fault::ErrorAfterChunks {
            chunks: events / 2,
            error: Some(overloaded),
        },
    ));
    for (chunks, done) in [(1, false), (events / 2, false), (events / 2, true)] {
        let name = if done {
            "no finish reason, [DONE]"
        } else {
            "no finish reason"
        };
        faults.push((
            format!("{name}, {chunks} events"),
            Fault::EndAfterChunks { chunks, done },
        ));
    }
    faults.push((
        "no [DONE]".to_owned(),
        Fault::EndAfterChunks {
            chunks: events,
            done: false,
        },
    ));
    faults.push(("HTML with 200".to_owned(), Fault::Html));
    faults.push(("empty body".to_owned(), Fault::EmptyBody));
    faults.push(("not UTF-8".to_owned(), Fault::InvalidUtf8));
    faults.push((
        "nonsense without end".to_owned(),
        Fault::OversizedBody {
            bytes: NONSENSE_BYTES,
            json: false,
        },
    ));
    for honest_length in [false, true] {
        let name = if honest_length {
            "half of the JSON"
        } else {
            "half of the announced length"
        };
        faults.push((
            name.to_owned(),
            Fault::TruncatedJson {
                keep_bytes: None,
                honest_length,
            },
        ));
    }
    let mut rules: Vec<(String, FaultRule)> = faults
        .into_iter()
        .map(|(name, fault)| (name, FaultRule::new(fault)))
        .collect();
    rules.push((
        "slow head".to_owned(),
        FaultRule::new(Fault::None).delayed(SLOW_HEAD),
    ));
    rules.push((
        "slow head, then 503".to_owned(),
        FaultRule::new(Fault::status(503)).delayed(SLOW_HEAD),
    ));
    rules
}

/// A rate limit that says nothing of waiting. The simulator's usual one asks for 20 s in its text, which is honoured:
/// with some of those a minute all upstreams are left alone, and there is no load.
fn rate_limited_for_once() -> Fault {
    Fault::Status {
        status: 429,
        headers: BTreeMap::new(),
        code: None,
        body: Some(json!({"error": {"message": "Too many requests", "type": "requests", "code": "rate_limit_exceeded"}}).to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use modelpool_testkit::simulator::FaultMix;

    #[test]
    fn every_kind_of_fault_is_there_and_the_simulator_takes_them() {
        let faults = every_fault(60);
        let names: std::collections::BTreeSet<&str> = faults.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names.len(), faults.len(), "a name stands for one fault");
        let kinds: std::collections::BTreeSet<&str> =
            faults.iter().map(|(_, rule)| rule.fault.kind()).collect();
        // All kinds of `Fault`, the one without a fault for the slow head.
        assert_eq!(kinds.len(), 16, "{kinds:?}");
        assert!(FaultMix::new(0.1, 1, faults.into_iter().map(|(_, rule)| rule)).is_ok());
    }
}
