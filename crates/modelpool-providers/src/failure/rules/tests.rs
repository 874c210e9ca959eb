use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::super::body::Body;
use super::*;

/// The table as it stands in `rules.md`.
fn rendered() -> String {
    let mut table =
        "| kind | status | one of the names | one of the phrases |\n|---|---|---|---|\n".to_owned();
    let list = |words: &[&str]| {
        let quoted: Vec<String> = words.iter().map(|word| format!("`` {word} ``")).collect();
        quoted.join(", ")
    };
    for rule in RULES {
        let status = match rule.status {
            Any => "any".to_owned(),
            Client => "4xx".to_owned(),
            Failing => "5xx".to_owned(),
            Is(statuses) => statuses.iter().map(u16::to_string).collect::<Vec<_>>().join(", "),
        };
        let (names, says) = (list(rule.names), list(rule.says));
        writeln!(table, "| {:?} | {status} | {names} | {says} |", rule.class).unwrap();
    }
    table
}

#[test]
fn the_documented_table_is_the_one_the_code_reads() {
    assert!(
        rendered() == include_str!("../rules.md"),
        "rules.md is to be:\n{}",
        rendered()
    );
}

#[test]
fn words_are_in_lower_case_as_signals_are() {
    for rule in RULES {
        for word in rule.names.iter().chain(rule.says) {
            assert_eq!(*word, word.to_lowercase(), "{:?}", rule.class);
        }
    }
}

#[test]
fn a_bare_status_has_a_kind() {
    let retry_after = None;
    for (status, kind) in [
        (302, ErrorKind::Protocol),
        (400, ErrorKind::InvalidRequest),
        (401, ErrorKind::Auth),
        (402, ErrorKind::Billing),
        (403, ErrorKind::Auth),
        (404, ErrorKind::ModelNotFound),
        (405, ErrorKind::Protocol),
        (408, ErrorKind::Server),
        (413, ErrorKind::ContextLength { window: None }),
        (422, ErrorKind::InvalidRequest),
        (429, ErrorKind::RateLimited { retry_after }),
        (500, ErrorKind::Server),
        (502, ErrorKind::Server),
        (503, ErrorKind::Overloaded { retry_after }),
        (504, ErrorKind::Server),
        (520, ErrorKind::Server),
        (524, ErrorKind::Server),
        (529, ErrorKind::Overloaded { retry_after }),
    ] {
        let signals = Signals {
            status,
            ..Signals::default()
        };
        assert_eq!(classify(&signals), kind, "{status}");
    }
}

#[test]
fn every_row_decides_some_text_of_the_corpus() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/failures");
    let mut decided = vec![0; RULES.len()];
    for entry in fs::read_dir(folder).unwrap() {
        let fixture = fs::read(entry.unwrap().path()).unwrap();
        let fixture: Value = serde_json::from_slice(&fixture).unwrap();
        let body = match &fixture["body"] {
            Value::String(text) => text.clone(),
            body => body.to_string(),
        };
        let mut signals = Body::read(body.as_bytes(), &[]).signals;
        signals.status = fixture["status"].as_u64().unwrap().try_into().unwrap();
        if let Some(at) = RULES.iter().position(|rule| rule.holds(&signals)) {
            decided[at] += 1;
        }
    }
    let idle: Vec<String> = RULES
        .iter()
        .zip(decided)
        .filter(|(_, texts)| *texts == 0)
        .map(|(rule, _)| {
            format!(
                "{:?} {:?} {:?} {:?}",
                rule.class, rule.status, rule.names, rule.says
            )
        })
        .collect();
    assert!(idle.is_empty(), "{}", idle.join("\n"));
}
