//! Two streams of a dialect, read as one.

use modelpool_core::FinishReason;
use proptest::prelude::*;

use super::*;
use crate::dialect::caller_of;
use crate::neutral::{Event, Head, Piece};
use crate::sse;
use bytes::Bytes;

pub(crate) const DIALECTS: [Dialect; 4] = [
    Dialect::OpenAiChat,
    Dialect::OpenAiResponses,
    Dialect::Anthropic,
    Dialect::Gemini,
];

fn decoder(dialect: Dialect) -> Box<dyn Decoder> {
    match dialect {
        Dialect::OpenAiResponses => openai_responses::ResponsesWire.decoder(),
        Dialect::Anthropic => anthropic::AnthropicWire.decoder(),
        Dialect::Gemini => gemini::GeminiWire::default().decoder(),
        _ => openai_chat::ChatWire::default().decoder(),
    }
}

/// Server-sent events, each by itself.
fn frames(raw: &[u8]) -> Vec<Bytes> {
    let mut splitter = sse::Splitter::default();
    splitter.push(Bytes::copy_from_slice(raw));
    std::iter::from_fn(|| splitter.next().unwrap()).collect()
}

/// The events of a stream that passes through, with their facts.
fn events(dialect: Dialect, raw: &[u8]) -> Vec<StreamEvent> {
    let mut decoder = decoder(dialect);
    let event = |frame: Bytes| {
        let decoded = decoder.read(&frame).unwrap();
        let mut event = StreamEvent {
            end_mark: decoded.end_mark,
            ..StreamEvent::opaque(frame)
        };
        for said in &decoded.events {
            event.meaningful |= said.is_meaningful();
            match said {
                Event::Begin(_) => event.opens = true,
                Event::Usage(usage) => event.usage = Some(*usage),
                Event::Finish { reason, .. } => event.finish = Some(reason.clone()),
                Event::Piece { .. } => event.decode = deltas_of(dialect),
            }
        }
        event
    };
    frames(raw).into_iter().map(event).collect()
}

/// What a caller reads of a stream that is lost, and of those that go on with it. What they repeat is no matter here.
pub(crate) fn read_as_one(dialect: Dialect, streams: &[&[u8]], total: &Usage) -> Vec<Bytes> {
    let mut sequel = sequel(dialect);
    let mut read = Vec::new();
    for (at, stream) in streams.iter().enumerate() {
        if at > 0 {
            sequel.take_over();
        }
        for event in events(dialect, stream) {
            let given = match at {
                0 => Sequels::from_iter([event]),
                _ => {
                    let text = event.text().into_owned();
                    sequel.go_on(event, &text, total)
                }
            };
            for event in given {
                let text = event.text().into_owned();
                assert!(sequel.told(&event, &text));
                read.push(event.raw);
            }
        }
    }
    read.retain(|raw| !raw.is_empty());
    read
}

/// A stream in a dialect, to its end or not.
pub(crate) fn stream(dialect: Dialect, said: &[Event], is_whole: bool) -> Vec<u8> {
    let mut encoder = caller_of(dialect).encoder("a-model", true);
    let mut written: Vec<Bytes> = said.iter().flat_map(|event| encoder.write(event)).collect();
    if is_whole {
        written.extend(encoder.end());
    }
    written.concat()
}

pub(crate) fn begin(id: &str) -> Event {
    Event::Begin(Head {
        id: Some(id.to_owned()),
        model: Some(format!("model of {id}")),
        created: Some(17),
    })
}

pub(crate) fn text(text: &str) -> Event {
    Event::piece(Piece::Text(text.to_owned()))
}

pub(crate) fn thought(text: &str) -> Event {
    Event::piece(Piece::Reasoning(text.to_owned()))
}

pub(crate) fn end() -> [Event; 2] {
    let finish = Event::Finish {
        choice: 0,
        reason: FinishReason::Stop,
        stop_sequence: None,
    };
    let used = Usage {
        input_tokens: 1,
        output_tokens: 1,
        ..Usage::default()
    };
    [finish, Event::Usage(used)]
}

pub(crate) const TOTAL: Usage = Usage {
    input_tokens: 30,
    cached_input_tokens: 0,
    cache_write_tokens: 0,
    cache_write_1h_tokens: 0,
    output_tokens: 20,
    reasoning_tokens: 0,
    unbilled_input_tokens: 0,
    unbilled_output_tokens: 0,
    images: 0,
    told_nano_usd: None,
    estimated: false,
};

/// What a client reads in a stream.
fn understood(dialect: Dialect, raw: &[Bytes]) -> (String, Option<FinishReason>, Option<Usage>) {
    let (mut said, mut finish, mut used) = (String::new(), None, None);
    let mut decoder = decoder(dialect);
    for frame in raw {
        for event in decoder.read(frame).unwrap().events {
            match event {
                Event::Piece {
                    piece: Piece::Text(text),
                    ..
                } => said.push_str(&text),
                Event::Finish { reason, .. } => finish = Some(reason),
                Event::Usage(usage) => used = Some(usage),
                _ => {}
            }
        }
    }
    (said, finish, used)
}

#[test]
fn two_streams_are_one_answer() {
    let firsts = [
        vec![begin("a"), text("The "), text("quick")],
        vec![begin("a"), thought("hm"), text("The quick")],
    ];
    let seconds = [
        [vec![begin("b"), text(" brown"), text(" fox")], end().to_vec()].concat(),
        [
            vec![begin("b"), thought("so"), text(" brown fox")],
            end().to_vec(),
        ]
        .concat(),
    ];
    for dialect in DIALECTS {
        for (first, second) in firsts
            .iter()
            .flat_map(|first| seconds.iter().map(move |second| (first, second)))
        {
            let streams = [stream(dialect, first, false), stream(dialect, second, true)];
            let read = read_as_one(dialect, &[&streams[0], &streams[1]], &TOTAL);
            let (said, finish, used) = understood(dialect, &read);
            assert_eq!(said, "The quick brown fox", "{dialect:?}: {read:?}");
            assert_eq!(
                (finish, used),
                (Some(FinishReason::Stop), Some(TOTAL)),
                "{dialect:?}"
            );
            let all = String::from_utf8(read.concat()).unwrap();
            assert!(
                !all.contains("\"b\"") && !all.contains("\"so\""),
                "{dialect:?}: {all}"
            );
        }
    }
}

#[test]
fn an_answer_goes_on_more_than_once() {
    for dialect in DIALECTS {
        let streams = [
            stream(dialect, &[begin("a"), text("The ")], false),
            stream(dialect, &[begin("b"), text("quick ")], false),
            stream(
                dialect,
                &[[begin("c"), text("fox")].to_vec(), end().to_vec()].concat(),
                true,
            ),
        ];
        let streams: Vec<&[u8]> = streams.iter().map(Vec::as_slice).collect();
        let read = read_as_one(dialect, &streams, &TOTAL);
        assert_eq!(
            understood(dialect, &read),
            ("The quick fox".to_owned(), Some(FinishReason::Stop), Some(TOTAL)),
            "{dialect:?}"
        );
    }
}

#[test]
fn other_text_stands_in_place_of_an_event_s_own() {
    for dialect in DIALECTS {
        let mut sequel = sequel(dialect);
        for event in events(dialect, &stream(dialect, &[begin("a"), text("The quick")], false)) {
            let text = event.text().into_owned();
            assert!(sequel.told(&event, &text));
        }
        sequel.take_over();
        let whole = stream(
            dialect,
            &[[begin("b"), text("quick brown")].to_vec(), end().to_vec()].concat(),
            true,
        );
        let mut texts = String::new();
        for event in events(dialect, &whole) {
            // Of what it repeats nothing is left, and what was held back comes with the reason.
            let text = if event.finish.is_some() { " brown" } else { "" };
            let given = sequel.go_on(event, text, &TOTAL);
            texts.extend(given.iter().map(|event| event.text().into_owned()));
        }
        assert_eq!(texts, " brown", "{dialect:?}");
    }
}

proptest! {
    /// Whatever is told and whatever comes, nothing panics.
    #[test]
    fn any_event_is_taken(
        at in 0..DIALECTS.len(),
        lines in prop::collection::vec("(data: ?)?([{}\\[\\]\":,]|type|index|delta|response.created|response.output_item.added|response.output_text.delta|content_block_start|text|item|content|1){0,14}", 0..6),
    ) {
        let mut sequel = sequel(DIALECTS[at]);
        let event = |line: &String| StreamEvent {
            usage: Some(Usage::default()),
            ..StreamEvent::opaque(Bytes::from(format!("{line}\n\n")))
        };
        for line in &lines {
            sequel.told(&event(line), "x");
        }
        sequel.take_over();
        for line in &lines {
            sequel.go_on(event(line), "x", &Usage::default());
        }
    }
}
