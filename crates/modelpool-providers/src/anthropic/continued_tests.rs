//! A message whose stream was lost, continued by another stream: the caller reads one valid message.

use bytes::Bytes;
use modelpool_core::{FinishReason, StreamEvent, Usage};

use super::EDITS;
use super::decoder_tests::{begin, decode, finish, own, reasoning, text, usage};
use super::encoder::MessagesEncoder;
use super::encoder_tests::{assert_valid, named, shape};
use crate::edit::Identity;
use crate::neutral::{Event, Piece};
use crate::wire::Encoder;

/// The events of a stream. Joined, what an event of the model gave is one; else each stands alone, as in a stream
/// of Anthropic's own.
fn stream(events: &[Event], end: bool, joined: bool) -> Vec<StreamEvent> {
    let mut encoder = MessagesEncoder::new("m");
    let mut written: Vec<Vec<Bytes>> = events.iter().map(|event| encoder.write(event)).collect();
    if end {
        written.extend(encoder.end().into_iter().map(|raw| vec![raw]));
    }
    if !joined {
        written = written.into_iter().flatten().map(|raw| vec![raw]).collect();
    }
    let written = written.into_iter().filter(|raw| !raw.is_empty());
    written.map(|raw| of(raw.concat().into())).collect()
}

/// An event with its facts.
fn of(raw: Bytes) -> StreamEvent {
    let holds = |needle: &str| String::from_utf8_lossy(&raw).contains(needle);
    StreamEvent {
        finish: holds("\"stop_reason\":\"").then_some(FinishReason::Stop),
        usage: holds("event: message_delta").then(Usage::default),
        end_mark: holds("event: message_stop"),
        meaningful: holds("text_delta"),
        ..StreamEvent::opaque(raw)
    }
}

fn identity_of(delivered: &[StreamEvent]) -> Identity {
    let mut identity = Identity::default();
    for told in delivered.iter().filter_map(EDITS.identity) {
        identity.id = identity.id.or(told.id);
        identity.created = told.created.or(identity.created);
    }
    identity
}

#[test]
fn two_streams_are_one_message() {
    let signature = Event::piece(Piece::Signature(own("EqQB")));
    let firsts = [
        vec![begin(), usage(3, 0, 1), text("The quick")],
        vec![
            begin(),
            reasoning("hm"),
            signature.clone(),
            text("The "),
            text("quick"),
        ],
    ];
    let later = [
        vec![
            usage(5, 0, 1),
            text(" brown"),
            text(" fox"),
            finish(FinishReason::Stop),
            usage(5, 0, 4),
        ],
        vec![
            reasoning("so"),
            signature,
            text(" brown fox"),
            finish(FinishReason::Stop),
        ],
    ];
    for (first, second, joined) in firsts.iter().flat_map(|first| {
        later
            .iter()
            .flat_map(move |second| [(first, second, true), (first, second, false)])
    }) {
        let mut read = stream(first, false, joined);
        let identity = identity_of(&read);
        let said = |event: &StreamEvent| event.meaningful || event.usage.is_some() || event.end_mark;
        let go_on = stream(second, true, joined).into_iter().filter(said);
        read.extend(go_on.map(|event| (EDITS.with_identity)(event, &identity)));

        let raw: Vec<u8> = read.iter().flat_map(|event| event.raw.to_vec()).collect();
        let text = String::from_utf8(raw.clone()).unwrap();
        let written: Vec<_> = text
            .split_inclusive("\n\n")
            .map(|event| named(event.as_bytes()))
            .collect();
        assert_valid(&written);
        assert_eq!(shape(&written).last().map(String::as_str), Some("message_stop"));
        let (events, malformed, ended) = decode(&[&raw]).unwrap();
        assert_eq!((malformed, ended), (0, true));
        let texts = events.iter().filter_map(|event| match event {
            Event::Piece {
                piece: Piece::Text(text),
                ..
            } => Some(text.as_str()),
            _ => None,
        });
        assert_eq!(texts.collect::<String>(), "The quick brown fox");
    }
}
