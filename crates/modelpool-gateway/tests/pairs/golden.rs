//! One conversation over every pair, as golden files: what the model is asked, and what the caller reads.
//!
//! `MODELPOOL_BLESS=1` writes them. Each file under `tests/golden` is one pair, to be read from top to bottom: a change of a
//! translation shows there in its words.

use std::fmt::Write as _;
use std::path::PathBuf;

use modelpool::OnLoss;
use modelpool_testkit::wires::{Deed, Said, Wire};
use serde_json::Value;

use crate::ask::{with_result, with_tools};
use crate::dialect::Dialect;
use crate::house::Pairs;

#[tokio::test]
async fn every_pair_reads_as_its_golden_file() {
    let mut others = Vec::new();
    for dialect in Dialect::ALL {
        for wire in Wire::ALL {
            let told = told(dialect, wire).await;
            let path = path(dialect, wire);
            if std::env::var_os("MODELPOOL_BLESS").is_some() {
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(&path, &told).unwrap();
            }
            if std::fs::read_to_string(&path).unwrap_or_default() != told {
                others.push(path.display().to_string());
            }
        }
    }
    assert!(
        others.is_empty(),
        "not as they are written; look at them, and write them with MODELPOOL_BLESS=1:\n{}",
        others.join("\n")
    );
}

fn path(dialect: Dialect, wire: Wire) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    folder.join(format!("{}-to-{}.txt", dialect.own_provider(), wire.provider()))
}

/// A tool loop under way: what is asked, an answer in one piece, and a further call in a stream.
async fn told(dialect: Dialect, wire: Wire) -> String {
    let alias = wire.provider();
    let pairs = Pairs::of(&[wire], OnLoss::Error).await;
    let body = with_tools(
        dialect,
        with_result(dialect, "call_7", "11 degrees, and rain"),
        &["weather", "clock"],
    );
    let said = Said::default().thinking("Foxes jump.", "U0lHTkFUVVJF");
    pairs.upstream(alias).next(Deed::says(said));
    let whole = pairs.ask(dialect, alias, false, &body).await;
    let asked = pairs.upstream(alias).last_asked().unwrap();
    pairs.upstream(alias).next(Deed::says(Said::weather_call()));
    let streamed = pairs.ask(dialect, alias, true, &body).await;

    let mut told = String::new();
    let mut part = |title: &str, text: &str| {
        let _ = write!(told, "=== {title}\n{}\n\n", text.trim_end());
    };
    part("the caller asks", &pretty(body));
    part("the model is asked", &pretty(asked.body));
    let dropped = whole.header("x-modelpool-dropped").unwrap_or("nothing");
    part("dropped", dropped);
    part("the caller reads", &pretty(whole.json()));
    part("the caller reads, of a stream", &events(streamed.text()));
    told
}

fn pretty(value: Value) -> String {
    format!("{:#}", timeless(value))
}

/// The events of a stream, without what is another in every run.
fn events(text: &str) -> String {
    let line = |line: &str| {
        let at = line.find('{').unwrap_or(line.len());
        let (before, data) = line.split_at(at);
        match serde_json::from_str(data) {
            Ok(data) => format!("{before}{}", timeless(data)),
            Err(_) => line.to_owned(),
        }
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// Without the time, and without the ids of requests.
fn timeless(mut value: Value) -> Value {
    match &mut value {
        Value::Object(members) => {
            for (name, value) in members {
                match name.as_str() {
                    "created" | "created_at" | "completed_at" if value.is_number() => *value = 0.into(),
                    "request_id" => *value = "…".into(),
                    _ => *value = timeless(value.take()),
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                *item = timeless(item.take());
            }
        }
        _ => {}
    }
    value
}
