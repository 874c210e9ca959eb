//! A stream that is lost after its first word goes on from another model, where the dialect's events can be joined; else
//! it ends in an error event.

use modelpool::OnLoss;
use modelpool_testkit::wires::{Deed, Fault, Said, Wire};
use serde_json::json;

use crate::dialect::Dialect;
use crate::house::{Pairs, each_pair};
use crate::reading::{self, End};

#[tokio::test]
async fn a_lost_stream_goes_on_or_says_so() {
    each_pair(lost).await;
}

/// Bytes up to the end of the first piece.
fn up_to_the_first_piece(wire: Wire, said: &Said) -> usize {
    let frames = wire.frames(said);
    let head: usize = frames.head.iter().map(Vec::len).sum();
    head + frames.pieces.first().map_or(0, Vec::len)
}

async fn lost(dialect: Dialect, first: Wire) {
    for second in Wire::ALL {
        let mut pairs = Pairs::of(&[], OnLoss::Continue).await;
        pairs.add("first", first).await;
        pairs.add("second", second).await;
        let said = Said::default();
        let bytes = up_to_the_first_piece(first, &said);
        let cut = Fault::Cut { bytes, clean: false };
        pairs.upstream("first").always(Deed::says(said).but(cut));
        let rest = Said::text(["brown fox ", "jumps."]);
        pairs.upstream("second").always(Deed::says(rest));
        let mut body = dialect.question();
        body["modelpool"] = json!({"fallbacks": ["second"]});
        let answer = pairs.ask(dialect, "first", true, &body).await;
        let what = format!("then {second:?}: {answer:?}");
        assert_eq!(answer.status, 200, "{what}");
        let told = reading::stream(dialect, answer.text());
        if matches!(dialect, Dialect::Responses | Dialect::Gemini) {
            assert!(told.error.is_some() && !told.looks_complete(), "{what}");
            assert_eq!(told.text, "The quick ", "{what}");
            continue;
        }
        assert_eq!(told.error, None, "{what}");
        assert_eq!(told.text, "The quick brown fox jumps.", "{what}");
        assert_eq!((told.end, told.marked), (Some(End::Stop), true), "{what}");
        let asked = pairs.upstream("second").last_asked().unwrap().body.to_string();
        assert!(
            asked.contains("The quick"),
            "the second goes on from the first: {asked}"
        );
    }
}
