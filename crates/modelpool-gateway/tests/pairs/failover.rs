//! What goes wrong before the first word is mended by a model of another wire, and the caller does not see it.

use modelpool::OnLoss;
use modelpool_testkit::wires::{Deed, Fault, Wire};
use serde_json::json;

use crate::answers::model_of;
use crate::dialect::Dialect;
use crate::house::{Pairs, each_pair};
use crate::reading::{self, End};

/// What may go wrong, and whether a stream is needed for it.
fn faults() -> Vec<(Fault, bool)> {
    let cut = |clean| Fault::Cut { bytes: 20, clean };
    let refusals = [401, 404, 429, 500, 529].map(|status| (Fault::refusal(status), false));
    let cuts = [(cut(true), false), (cut(false), false)];
    let streams = [(Fault::Malformed { pieces: 0 }, true)];
    refusals.into_iter().chain(cuts).chain(streams).collect()
}

#[tokio::test]
async fn a_model_of_another_wire_takes_over_before_the_first_word() {
    each_pair(taken_over).await;
}

async fn taken_over(dialect: Dialect, first: Wire) {
    for (at, second) in Wire::ALL.into_iter().filter(|wire| *wire != first).enumerate() {
        for (fault, only_streams) in faults() {
            // Each other wire takes every fault, now with a stream and now without.
            let stream = only_streams || at % 2 == 0;
            let pairs = Pairs::of(&[first, second], OnLoss::Error).await;
            pairs
                .upstream(first.provider())
                .always(Deed::fails(fault.clone()));
            let mut body = dialect.question();
            body["modelpool"] = json!({"fallbacks": [second.provider()]});
            let answer = pairs.ask(dialect, first.provider(), stream, &body).await;
            let what = format!("{fault:?} then {second:?}: {answer:?}");
            assert_eq!(answer.status, 200, "{what}");
            let told = match stream {
                true => reading::stream(dialect, answer.text()),
                false => reading::whole(dialect, &answer.json()),
            };
            assert_eq!(told.text, "The quick brown fox jumps.", "{what}");
            assert_eq!((told.end, told.usage), (Some(End::Stop), Some((11, 7))), "{what}");
            assert_eq!(told.model, model_of(second), "{what}");
            assert_eq!(
                answer.header("x-modelpool-model"),
                Some(second.provider()),
                "{what}"
            );
            assert_eq!(answer.header("x-modelpool-attempts"), Some("2"), "{what}");
            let asked = pairs.upstream(second.provider()).last_asked().unwrap();
            assert!(
                asked.body.get("modelpool").is_none(),
                "what is ours stays here: {}",
                asked.body
            );
        }
    }
}
