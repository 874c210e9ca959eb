//! A stream that is lost after its first word goes on from another model, where the dialect's events can be joined; else
//! it ends in an error event.

use modelpool::OnLoss;
use modelpool_testkit::wires::{Deed, Fault, Said, Wire};
use serde_json::json;

use crate::dialect::Dialect;
use crate::house::{Pairs, each_pair};
use crate::reading::{self, End, Told};

#[tokio::test]
async fn a_lost_stream_goes_on_or_says_so() {
    each_pair(lost).await;
}

/// Ends of the frames of a stream, and for each how many pieces had come.
fn frame_ends(wire: Wire, said: &Said) -> Vec<(usize, usize)> {
    let frames = wire.frames(said);
    let (before, pieces) = (frames.head.len(), frames.pieces.len());
    let mut bytes = 0;
    let ends = frames.all().into_iter().enumerate().map(|(at, frame)| {
        bytes += frame.len();
        (bytes, (at + 1).saturating_sub(before).min(pieces))
    });
    ends.collect()
}

/// A stream that breaks after so many bytes and goes on with these pieces.
async fn told_of(
    dialect: Dialect,
    [first, second]: [Wire; 2],
    bytes: usize,
    rest: &[String],
) -> (Told, String) {
    let mut pairs = Pairs::of(&[], OnLoss::Continue).await;
    pairs.add("first", first).await;
    pairs.add("second", second).await;
    let cut = Fault::Cut { bytes, clean: false };
    pairs.upstream("first").always(Deed::fails(cut));
    pairs.upstream("second").always(Deed::says(Said {
        pieces: rest.to_vec(),
        ..Said::default()
    }));
    let mut body = dialect.question();
    body["modelpool"] = json!({"fallbacks": ["second"]});
    let answer = pairs.ask(dialect, "first", true, &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let asked = pairs.upstream("second").last_asked();
    let asked = asked.map(|asked| asked.body.to_string()).unwrap_or_default();
    let told = reading::stream(dialect, answer.text());
    (told, format!("{asked}\n{}", answer.text()))
}

async fn lost(dialect: Dialect, first: Wire) {
    let said = Said::default();
    for second in Wire::ALL {
        let ends = frame_ends(first, &said);
        let (bytes, _) = *ends.iter().find(|(_, pieces)| *pieces == 1).unwrap();
        let (told, what) = told_of(dialect, [first, second], bytes, &said.pieces[1..]).await;
        let what = format!("then {second:?}: {what}");
        if matches!(dialect, Dialect::Responses | Dialect::Gemini) {
            assert!(told.error.is_some() && !told.looks_complete(), "{what}");
            assert_eq!(told.text, "The quick ", "{what}");
            continue;
        }
        is_whole(&told, &what);
        assert!(
            what.contains("The quick"),
            "the second goes on from the first: {what}"
        );
    }
}

fn is_whole(told: &Told, what: &str) {
    assert_eq!(told.error, None, "{what}");
    assert_eq!(told.text, "The quick brown fox jumps.", "{what}");
    assert_eq!((told.end, told.marked), (Some(End::Stop), true), "{what}");
}

/// Wherever the connection breaks the caller reads one whole text.
#[tokio::test]
async fn a_stream_that_breaks_anywhere_is_read_whole() {
    each_pair(broken_anywhere).await;
}

async fn broken_anywhere(dialect: Dialect, first: Wire) {
    if matches!(dialect, Dialect::Responses | Dialect::Gemini) {
        // Their events cannot be joined.
        return;
    }
    let said = Said::default();
    let ends = frame_ends(first, &said);
    let length = ends.last().map_or(0, |(bytes, _)| *bytes);
    let near_ends = ends.iter().flat_map(|(bytes, _)| [bytes - 1, *bytes]);
    for (at, bytes) in near_ends.chain((0..length).step_by(61)).enumerate() {
        let come = ends
            .iter()
            .rfind(|(end, _)| *end <= bytes)
            .map_or(0, |(_, pieces)| *pieces);
        let second = Wire::ALL[at % Wire::ALL.len()];
        let (told, what) = told_of(dialect, [first, second], bytes, &said.pieces[come..]).await;
        is_whole(&told, &format!("{bytes} of {length}, then {second:?}: {what}"));
    }
}
