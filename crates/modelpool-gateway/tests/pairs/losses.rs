//! A stream that is lost after its first word goes on from another model: the caller reads one whole answer, in order,
//! and what all calls used.

use modelpool::OnLoss;
use modelpool_testkit::wires::{Deed, Fault, Said, Wire};
use serde_json::json;

use crate::dialect::Dialect;
use crate::house::{Pairs, each_pair};
use crate::order;
use crate::reading::{self, End, Told};

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

/// The end of the frame with so many pieces before it.
fn end_of_piece(wire: Wire, said: &Said, pieces: usize) -> usize {
    let ends = frame_ends(wire, said);
    ends.iter()
        .find(|(_, come)| *come == pieces)
        .map_or(0, |(bytes, _)| *bytes)
}

/// A stream that breaks after so many bytes.
fn breaks(said: &Said, bytes: usize) -> Deed {
    Deed::says(said.clone()).but(Fault::Cut { bytes, clean: false })
}

fn says(pieces: &[String]) -> Said {
    Said {
        pieces: pieces.to_vec(),
        ..Said::default()
    }
}

/// What a caller is told by models of these wires, of which each goes on from the one before, and what was seen on the
/// way.
async fn told_of(dialect: Dialect, deeds: &[(Wire, Deed)]) -> (Told, String) {
    let mut pairs = Pairs::of(&[], OnLoss::Continue).await;
    let names: Vec<String> = (0..deeds.len()).map(|at| format!("model-{at}")).collect();
    for (name, (wire, deed)) in names.iter().zip(deeds) {
        pairs.add(name, *wire).await;
        pairs.upstream(name).always(deed.clone());
    }
    let mut body = dialect.question();
    body["modelpool"] = json!({ "fallbacks": names[1..] });
    let answer = pairs.ask(dialect, &names[0], true, &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let asked = names[1..]
        .iter()
        .filter_map(|name| pairs.upstream(name).last_asked());
    let asked: Vec<String> = asked.map(|asked| asked.body.to_string()).collect();
    let told = reading::stream(dialect, answer.text());
    let what = format!("{asked:?}\n{}", answer.text());
    if told.error.is_none() {
        order::check(dialect, answer.text());
    }
    (told, what)
}

fn is_whole(told: &Told, what: &str) {
    assert_eq!(told.error, None, "{what}");
    assert_eq!(told.text, "The quick brown fox jumps.", "{what}");
    assert_eq!((told.end, told.marked), (Some(End::Stop), true), "{what}");
}

#[tokio::test]
async fn a_lost_stream_goes_on() {
    each_pair(lost).await;
}

async fn lost(dialect: Dialect, first: Wire) {
    let said = Said::default();
    let bytes = end_of_piece(first, &said, 1);
    for second in Wire::ALL {
        let rest = Deed::says(says(&said.pieces[1..]));
        let (told, what) = told_of(dialect, &[(first, breaks(&said, bytes)), (second, rest)]).await;
        let what = format!("then {second:?}: {what}");
        is_whole(&told, &what);
        assert!(
            what.contains("The quick"),
            "the second goes on from the first: {what}"
        );
        // Of the second, and an estimate of the first.
        let (input, output) = told.usage.unwrap();
        assert!(input > 11 && output > 7, "{input}, {output}: {what}");
    }
}

/// A model that takes a prefill is given one, and nothing is said of a loss.
#[tokio::test]
async fn a_prefill_is_gone_on_from() {
    each_pair(prefilled).await;
}

async fn prefilled(dialect: Dialect, second: Wire) {
    let said = Said::default();
    let first = Wire::OpenAiChat;
    let mut pairs = Pairs::of(&[first], OnLoss::Continue).await;
    pairs.add_prefilled("second", second).await;
    let bytes = end_of_piece(first, &said, 1);
    pairs.upstream(first.provider()).always(breaks(&said, bytes));
    pairs
        .upstream("second")
        .always(Deed::says(says(&said.pieces[1..])));
    let mut body = dialect.question();
    body["modelpool"] = json!({"fallbacks": ["second"]});
    let answer = pairs.ask(dialect, first.provider(), true, &body).await;
    is_whole(&reading::stream(dialect, answer.text()), answer.text());
    order::check(dialect, answer.text());
    let asked = pairs.upstream("second").last_asked().unwrap().body.to_string();
    assert!(
        asked.contains("The quick") && !asked.contains("cut off"),
        "{asked}"
    );
}

/// What the second says of the delivered text once more is not told twice.
#[tokio::test]
async fn what_is_repeated_is_read_once() {
    each_pair(repeated).await;
}

async fn repeated(dialect: Dialect, first: Wire) {
    let said = Said::text(["The quick bro", "wn fox ", "jumps."]);
    let bytes = end_of_piece(first, &said, 1);
    for second in Wire::ALL {
        let anew = Deed::says(Said::text(["The qu", "ick brown fox", " jumps."]));
        let (told, what) = told_of(dialect, &[(first, breaks(&said, bytes)), (second, anew)]).await;
        is_whole(&told, &format!("then {second:?}: {what}"));
    }
}

/// What comes of a first thought is told, and the second's thoughts belong to a beginning that was told already.
#[tokio::test]
async fn a_stream_with_thoughts_goes_on() {
    each_pair(lost_in_thought).await;
}

async fn lost_in_thought(dialect: Dialect, first: Wire) {
    let said = Said::default().thinking("Foxes jump, I thought.", "U0lHTkFUVVJF");
    for (second, come) in Wire::ALL.into_iter().flat_map(|wire| [(wire, 0), (wire, 1)]) {
        let rest = says(&said.pieces[come..]).thinking("So do dogs.", "U0lHTkFUVVJF");
        let bytes = end_of_piece(first, &said, come);
        let deeds = [(first, breaks(&said, bytes)), (second, Deed::says(rest))];
        let (told, what) = told_of(dialect, &deeds).await;
        is_whole(&told, &format!("{come} pieces, then {second:?}: {what}"));
    }
    // Cut within the thought itself.
    let ends = frame_ends(first, &said);
    let before = ends
        .iter()
        .filter(|(_, pieces)| *pieces == 0)
        .map(|(bytes, _)| *bytes);
    for (at, bytes) in before.enumerate() {
        let second = Wire::ALL[at % Wire::ALL.len()];
        let deeds = [
            (first, breaks(&said, bytes)),
            (second, Deed::says(says(&said.pieces))),
        ];
        let (told, what) = told_of(dialect, &deeds).await;
        is_whole(&told, &format!("after {bytes} bytes, then {second:?}: {what}"));
    }
}

/// A second loss is one like the first.
#[tokio::test]
async fn a_stream_that_is_lost_twice_goes_on() {
    each_pair(lost_twice).await;
}

async fn lost_twice(dialect: Dialect, first: Wire) {
    let said = Said::default();
    for (at, second) in Wire::ALL.into_iter().enumerate() {
        let third = Wire::ALL[(at + 3) % Wire::ALL.len()];
        let rest = says(&said.pieces[1..]);
        let deeds = [
            (first, breaks(&said, end_of_piece(first, &said, 1))),
            (second, breaks(&rest, end_of_piece(second, &rest, 1))),
            (third, Deed::says(says(&said.pieces[2..]))),
        ];
        let (told, what) = told_of(dialect, &deeds).await;
        is_whole(&told, &format!("then {second:?} and {third:?}: {what}"));
    }
}

/// Wherever the connection breaks the caller reads one whole text.
#[tokio::test]
async fn a_stream_that_breaks_anywhere_is_read_whole() {
    each_pair(broken_anywhere).await;
}

async fn broken_anywhere(dialect: Dialect, first: Wire) {
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
        let rest = Deed::says(says(&said.pieces[come..]));
        let (told, what) = told_of(dialect, &[(first, breaks(&said, bytes)), (second, rest)]).await;
        is_whole(&told, &format!("{bytes} of {length}, then {second:?}: {what}"));
    }
}
