//! A stream is told piece by piece, and ends as the dialect ends.

use modelpool::OnLoss;
use modelpool_testkit::wires::{Deed, Fault, Finish, Said, Wire};

use crate::answers::model_of;
use crate::common::Answer;
use crate::dialect::Dialect;
use crate::house::{Pairs, each_pair};
use crate::order;
use crate::reading::{self, End, Told};

/// What the usual text is, told whole.
pub(crate) fn usual(wire: Wire) -> Told {
    Told {
        text: "The quick brown fox jumps.".to_owned(),
        end: Some(End::Stop),
        usage: Some((11, 7)),
        model: model_of(wire).to_owned(),
        marked: true,
        ..Told::default()
    }
}

async fn streamed(pairs: &Pairs, dialect: Dialect, wire: Wire) -> (Answer, Told) {
    let answer = pairs
        .ask(dialect, wire.provider(), true, &dialect.question())
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let told = reading::stream(dialect, answer.text());
    (answer, told)
}

#[tokio::test]
async fn a_stream_is_told_in_the_dialect() {
    each_pair(told_in_pieces).await;
}

async fn told_in_pieces(dialect: Dialect, wire: Wire) {
    let pairs = Pairs::of(&[wire], OnLoss::Error).await;
    for (finish, end) in [(Finish::Stop, End::Stop), (Finish::Length, End::Length)] {
        let upstream = pairs.upstream(wire.provider());
        upstream.next(Deed::says(Said::default().ending(Some(finish))));
        let (answer, told) = streamed(&pairs, dialect, wire).await;
        let expected = Told {
            end: Some(end),
            ..usual(wire)
        };
        assert_eq!(told, expected, "{}", answer.text());
        order::check(dialect, answer.text());
        let text = answer.text();
        let content_type = answer.header("content-type").unwrap_or_default();
        assert!(content_type.starts_with("text/event-stream"), "{content_type}");
        assert_eq!(answer.header("x-modelpool-model"), Some(wire.provider()));
        for piece in ["The quick ", "brown fox "] {
            assert!(
                text.contains(&format!("\"{piece}\"")),
                "`{piece}` goes out as it came: {text}"
            );
        }
        // Gemini's callers get no comments.
        let has_comment = text.contains(": modelpool {");
        assert_eq!(has_comment, dialect != Dialect::Gemini, "{text}");
    }
}

/// A reason is a whole answer, even where the upstream then says nothing and stays.
#[tokio::test]
async fn an_upstream_that_keeps_silent_after_the_reason_loses_nothing() {
    each_pair(silent_after_the_reason).await;
}

async fn silent_after_the_reason(dialect: Dialect, wire: Wire) {
    // What comes after the frame with the reason.
    let after = match wire {
        Wire::OpenAiChat => 2,
        Wire::Anthropic | Wire::Bedrock => 1,
        _ => 0,
    };
    let pairs = Pairs::impatient(wire).await;
    let upstream = pairs.upstream(wire.provider());
    upstream.next(Deed::fails(Fault::StallBeforeEnd { frames: after }));
    let (answer, told) = streamed(&pairs, dialect, wire).await;
    let whole = "The quick brown fox jumps.";
    assert_eq!(
        (told.text.as_str(), told.end, &told.error),
        (whole, Some(End::Stop), &None),
        "{}",
        answer.text()
    );
    assert!(told.marked, "{}", answer.text());
}

/// An end without a reason is no end.
#[tokio::test]
async fn an_answer_without_a_reason_is_not_whole() {
    each_pair(without_a_reason).await;
}

async fn without_a_reason(dialect: Dialect, wire: Wire) {
    let pairs = Pairs::of(&[wire], OnLoss::Error).await;
    let upstream = pairs.upstream(wire.provider());
    upstream.next(Deed::says(Said::default().ending(None)));
    let (answer, told) = streamed(&pairs, dialect, wire).await;
    assert!(
        !told.looks_complete() && told.error.is_some(),
        "{}",
        answer.text()
    );
}

/// A frame that cannot be read is a loss, where losses are errors.
#[tokio::test]
async fn a_frame_that_cannot_be_read_is_a_loss() {
    each_pair(malformed).await;
}

async fn malformed(dialect: Dialect, wire: Wire) {
    let pairs = Pairs::of(&[wire], OnLoss::Error).await;
    let upstream = pairs.upstream(wire.provider());
    upstream.next(Deed::fails(Fault::Malformed { pieces: 2 }));
    let (answer, told) = streamed(&pairs, dialect, wire).await;
    assert!(told.error.is_some() && told.end.is_none(), "{}", answer.text());
    assert_eq!(told.text, "The quick brown fox ");
}
