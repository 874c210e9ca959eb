//! A message whose stream was lost, continued by another stream: the caller reads one valid message.

use bytes::Bytes;
use modelpool_core::provider::Dialect;
use serde_json::json;

use super::decoder_tests::own;
use super::encoder::event;
use super::encoder_tests::{assert_valid, named, shape};
use crate::neutral::{Event, Piece};
use crate::sequel::tests::{TOTAL, begin, end, read_as_one, stream, text, thought};

fn continued(first: &[u8]) -> Vec<String> {
    let second = [
        vec![begin("b"), thought("so"), text(" brown fox")],
        end().to_vec(),
    ]
    .concat();
    let second = stream(Dialect::Anthropic, &second, true);
    let read = read_as_one(Dialect::Anthropic, &[first, &second], &TOTAL);
    let written: Vec<_> = read.iter().map(|raw: &Bytes| named(raw)).collect();
    assert_valid(&written);
    shape(&written)
}

#[test]
fn text_goes_on_in_the_block_that_is_open() {
    let signature = Event::piece(Piece::Signature(own("EqQB")));
    let tail = ["message_delta", "message_stop"];
    let first = stream(Dialect::Anthropic, &[begin("a"), text("The quick")], false);
    let expected = ["message_start", "+0 text", "0 text_delta", "0 text_delta", "-0"];
    assert_eq!(continued(&first), [&expected[..], &tail].concat());

    let first = stream(
        Dialect::Anthropic,
        &[begin("a"), thought("hm"), signature, text("The quick")],
        false,
    );
    assert_eq!(
        continued(&first)[6..],
        [&["1 text_delta", "1 text_delta", "-1"][..], &tail].concat()
    );
}

#[test]
fn another_block_is_closed_before_text_goes_on() {
    let first = stream(Dialect::Anthropic, &[begin("a"), thought("hm")], false);
    assert_eq!(
        continued(&first)[3..],
        [
            "-0",
            "+1 text",
            "1 text_delta",
            "-1",
            "message_delta",
            "message_stop"
        ]
    );
    // One that this version does not know, and one that is closed.
    let start = event(
        "message_start",
        &json!({"type": "message_start", "message": {"id": "a"}}),
    );
    let open = json!({"type": "content_block_start", "index": 0, "content_block": {"type": "new_thing"}});
    let open = event("content_block_start", &open);
    let stop = event(
        "content_block_stop",
        &json!({"type": "content_block_stop", "index": 0}),
    );
    for first in [vec![start.clone(), open.clone()], vec![start, open, stop]] {
        assert_eq!(
            continued(&first.concat())[2..],
            [
                "-0",
                "+1 text",
                "1 text_delta",
                "-1",
                "message_delta",
                "message_stop"
            ]
        );
    }
}
