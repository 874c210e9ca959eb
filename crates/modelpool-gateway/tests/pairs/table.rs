//! What is carried between each pair, asked of the gateway, and compared with `docs/translation.md`.
//!
//! `MODELPOOL_BLESS=1` writes the page. Nothing is declared here: each cell is a request in the dialect, and what the
//! model of the wire was asked.

use std::fmt::Write as _;
use std::path::Path;

use modelpool::OnLoss;
use modelpool_testkit::wires::Wire;

use crate::common::Answer;
use crate::dialect::Dialect;
use crate::features::{FEATURES, Feature};
use crate::house::Pairs;

/// What became of it.
#[derive(Clone, Debug, PartialEq)]
enum Fate {
    /// The model was asked it.
    Carried,
    /// The model was asked something that means it.
    Mapped,
    /// It was left out, and named in the header.
    Dropped,
    /// It was left out in silence.
    LeftOut,
    /// The caller was told that the model cannot be asked it; its name for it.
    Refused(String),
    /// The dialect has no word for it.
    NoWord,
}

impl Fate {
    fn cell(&self) -> &'static str {
        match self {
            Fate::Carried => "carried",
            Fate::Mapped => "mapped",
            Fate::Dropped => "dropped",
            Fate::LeftOut => "left out",
            Fate::Refused(_) => "refused",
            Fate::NoWord => "",
        }
    }
}

async fn measured(dialect: Dialect, wire: Wire, feature: &Feature) -> Fate {
    let Some(body) = (feature.said)(dialect) else {
        return Fate::NoWord;
    };
    // A house of its own: a refusal teaches what a model lacks.
    let pairs = Pairs::of(&[wire], OnLoss::Error).await;
    let answer = pairs.ask(dialect, wire.provider(), false, &body).await;
    if answer.status != 200 {
        return refused(&answer, dialect, wire, feature);
    }
    let asked = pairs.upstream(wire.provider()).last_asked().unwrap();
    match ((feature.found)(&asked.body), answer.header("x-modelpool-dropped")) {
        (true, _) if (feature.exact)(dialect, &asked.body) => Fate::Carried,
        (true, _) => Fate::Mapped,
        (false, Some(_)) => Fate::Dropped,
        (false, None) => Fate::LeftOut,
    }
}

fn refused(answer: &Answer, dialect: Dialect, wire: Wire, feature: &Feature) -> Fate {
    let words = answer.json()["error"]["message"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let what = format!("{dialect:?} to {wire:?}, {}: {words}", feature.name);
    assert_eq!(answer.status, 400, "{what}");
    let field = words
        .split('`')
        .nth(3)
        .unwrap_or_else(|| panic!("it names no field: {what}"));
    Fate::Refused(field.to_owned())
}

const INTRODUCTION: &str = "\
# What is carried between dialects and wires

Callers speak one of four dialects, models one of seven wires, and every pair works. Where dialect and wire are the same
the bytes pass through and everything is carried. Elsewhere a request is translated, and this page says what becomes of
what it may hold. It is written by a test that asks the gateway, pair by pair, and looks at what the model was asked.

- **carried**: the model is asked the same, in the words of its wire.
- **mapped**: the wire says it otherwise: effort in other steps, or as a number of tokens; a tool that has to be called as
  the only one the model is told of.
- **refused**: it carries meaning and the wire cannot say it. The request goes to another model whose wire can, if there
  is one among those allowed; else the answer is a 400 that names the member as the caller calls it.
- **dropped**: a hint that changes no meaning. It is left out and named in the header `x-modelpool-dropped`.
- **left out**: what only its issuer can use, such as the signatures of another vendor's reasoning.
- An empty cell: the dialect has no word for it.

Some vendors' rules depend on the model. Asked were:
";

fn page(fates: &[(Dialect, Vec<Vec<Fate>>)]) -> String {
    let mut page = INTRODUCTION.to_owned();
    let names: Vec<String> = Wire::ALL
        .iter()
        .map(|wire| format!("`{}` ({})", wire.model_name(), wire.provider()))
        .collect();
    page.push_str(&names.join(", "));
    page.push_str(".\n");
    for (dialect, rows) in fates {
        let _ = write!(page, "\n## From {}\n\n| |", dialect.name());
        for wire in Wire::ALL {
            let _ = write!(page, " {} |", wire.provider());
        }
        let _ = write!(page, "\n|---|{}\n", "---|".repeat(Wire::ALL.len()));
        for (feature, row) in FEATURES.iter().zip(rows) {
            if row.iter().all(|fate| *fate == Fate::NoWord) {
                continue;
            }
            let cells: Vec<&str> = row.iter().map(Fate::cell).collect();
            let _ = writeln!(page, "| {} | {} |", feature.name, cells.join(" | "));
        }
    }
    page
}

#[tokio::test]
async fn the_page_says_what_is_carried() {
    let mut fates = Vec::new();
    let mut silent = Vec::new();
    for dialect in Dialect::ALL {
        let mut rows = Vec::new();
        for feature in &FEATURES {
            let mut row = Vec::new();
            for wire in Wire::ALL {
                let fate = measured(dialect, wire, feature).await;
                let own = wire.provider() == dialect.own_provider();
                let is_issuers = feature.name == "its signature" || feature.name.starts_with("reasoning of");
                if (own && !matches!(fate, Fate::Carried | Fate::NoWord))
                    || (fate == Fate::LeftOut && !is_issuers)
                {
                    silent.push(format!("{dialect:?} to {wire:?}: {} is {fate:?}", feature.name));
                }
                row.push(fate);
            }
            rows.push(row);
        }
        fates.push((dialect, rows));
    }
    assert!(
        silent.is_empty(),
        "nothing with a meaning is lost in silence:\n{}",
        silent.join("\n")
    );

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/translation.md");
    let page = page(&fates);
    if std::env::var_os("MODELPOOL_BLESS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "docs/translation.md is not what is measured: write it with MODELPOOL_BLESS=1"
    );
}
