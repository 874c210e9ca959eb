//! A stream that is cut never looks complete, at whichever byte it is cut.

use modelpool::OnLoss;
use modelpool_testkit::wires::{Deed, Fault, Said, Wire};

use crate::dialect::Dialect;
use crate::house::{Pairs, each_pair};
use crate::reading::{self, End};

/// Every so many bytes the connection breaks, too, where else the body only ends.
const BREAKS_EVERY: usize = 7;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_that_is_cut_never_looks_complete() {
    each_pair(|dialect, wire| cut_at_every(1, dialect, wire, Said::text(["Hi ", "you."]))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_cut_never_looks_complete() {
    each_pair(|dialect, wire| cut_at_every(5, dialect, wire, Said::weather_call())).await;
}

/// At every so many bytes, and at the end.
async fn cut_at_every(step: usize, dialect: Dialect, wire: Wire, said: Said) {
    let pairs = Pairs::of(&[wire], OnLoss::Error).await;
    let length = wire.frames(&said).all().concat().len();
    let question = dialect.question();
    let mut whole = 0;
    for bytes in (0..length).step_by(step).chain([length]) {
        for clean in [true, false] {
            if !clean && bytes % BREAKS_EVERY != 0 {
                continue;
            }
            let cut = Deed::says(said.clone()).but(Fault::Cut { bytes, clean });
            pairs.upstream(wire.provider()).always(cut);
            let answer = pairs.ask(dialect, wire.provider(), true, &question).await;
            if answer.status != 200 {
                assert!(answer.status.is_server_error(), "{bytes} of {length}: {answer:?}");
                continue;
            }
            let what = format!("{bytes} of {length}, clean {clean}: {}", answer.text());
            let told = reading::stream(dialect, answer.text());
            if told.looks_complete() {
                let end = if said.call.is_some() {
                    End::Tools
                } else {
                    End::Stop
                };
                assert_eq!((told.text, told.end), (said.whole_text(), Some(end)), "{what}");
                assert!(told.marked, "{what}");
                let called = said.call.as_ref().map(|call| call.arguments.to_string());
                let read = told.calls.first().map(|call| call.arguments.clone());
                assert_eq!(read, called, "{what}");
                whole += 1;
            } else {
                assert!(told.error.is_some(), "the caller is told: {what}");
                assert_eq!(told.end, None, "{what}");
                assert!(said.whole_text().starts_with(&told.text), "{what}");
            }
        }
    }
    assert!(whole > 0, "what is not cut is whole");
}
