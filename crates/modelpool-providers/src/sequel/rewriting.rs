//! A later stream, written anew behind the first.
//!
//! Its events are read as any model's of that wire are, and written by an encoder that stands where the first stream was
//! lost. So numbers go on, what was open is closed once, and what is repeated at the end is what the caller was told.
//! What only the beginning of an answer says (its head, its reasoning) is left out.

use std::fmt;

use bytes::Bytes;
use modelpool_core::stream::DecodeDeltas;
use modelpool_core::{FinishReason, StreamEvent, Usage};

use super::{NewDecoder, Sequel, Sequels, Told};
use crate::neutral::{Event, Head, Piece};
use crate::wire::{Decoder, Encoder};

/// Goes on with an answer by writing.
pub(super) struct Rewriting {
    new_decoder: NewDecoder,
    /// How the caller's events are decoded.
    decode: DecodeDeltas,
    told: Box<dyn Told>,
    /// Once another stream has taken over.
    encoder: Option<Box<dyn Encoder>>,
    /// Of the stream that is read now.
    decoder: Box<dyn Decoder>,
    /// Why the answer ends, while that is known and not written.
    reason: Option<FinishReason>,
    ended: bool,
}

impl fmt::Debug for Rewriting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rewriting")
            .field("told", &self.told)
            .field("took_over", &self.encoder.is_some())
            .finish_non_exhaustive()
    }
}

impl Rewriting {
    pub(super) fn new(new_decoder: NewDecoder, decode: DecodeDeltas, told: Box<dyn Told>) -> Self {
        Self {
            new_decoder,
            decode,
            told,
            encoder: None,
            decoder: new_decoder(),
            reason: None,
            ended: false,
        }
    }
}

impl Sequel for Rewriting {
    fn told(&mut self, event: &StreamEvent, text: &str) -> bool {
        // What an encoder writes it knows.
        self.encoder.is_some() || self.told.note(&event.raw, text)
    }

    fn take_over(&mut self) {
        self.decoder = (self.new_decoder)();
        if self.encoder.is_none() {
            self.encoder = Some(self.told.encoder());
        }
    }

    fn go_on(&mut self, event: StreamEvent, text: &str, total: &Usage) -> Sequels {
        let Some(encoder) = &mut self.encoder else {
            return Sequels::from_iter([event]);
        };
        let mut events = Sequels::new();
        if !text.is_empty() {
            let mut written = encoder.write(&Event::piece(Piece::Text(text.to_owned())));
            // What opens something comes first, and means nothing by itself.
            let saying = written.pop().unwrap_or_default();
            events.extend(written.into_iter().map(StreamEvent::opaque));
            events.push(StreamEvent {
                meaningful: true,
                decode: self.decode,
                ..StreamEvent::opaque(saying)
            });
        }
        // What cannot be read was refused before; an event without bytes has its facts alone.
        let said = self.decoder.read(&event.raw).unwrap_or_default().events;
        if event.finish.is_some() {
            self.reason.clone_from(&event.finish);
        }
        let mut written = Vec::new();
        let mut ends = event.end_mark;
        for said in said {
            match said {
                Event::Begin(head) => {
                    let head = Head {
                        model: head.model,
                        ..Head::default()
                    };
                    written.extend(encoder.write(&Event::Begin(head)));
                }
                Event::Piece {
                    piece: Piece::Citation(citation),
                    ..
                } => written.extend(encoder.write(&Event::piece(Piece::Citation(citation)))),
                Event::Finish {
                    reason,
                    stop_sequence,
                    ..
                } => {
                    self.reason = None;
                    written.extend(encoder.write(&finish(reason, stop_sequence)));
                    ends |= self.told.reason_is_last();
                }
                // Text is joined before, usage is the sum, reasoning belongs to the beginning, and an answer with
                // other things in it is not gone on with.
                Event::Piece { .. } | Event::Usage(_) => {}
            }
        }
        if ends && let Some(reason) = self.reason.take() {
            written.extend(encoder.write(&finish(reason, None)));
        }
        if event.usage.is_some() || ends {
            written.extend(encoder.write(&Event::Usage(*total)));
        }
        if ends && !std::mem::replace(&mut self.ended, true) {
            written.extend(encoder.end());
        }
        let says_fact = event.finish.is_some() || event.end_mark;
        let last = written.pop().or_else(|| says_fact.then(Bytes::new));
        events.extend(written.into_iter().map(StreamEvent::opaque));
        events.extend(last.map(|raw| StreamEvent {
            meaningful: event.finish.is_some(),
            finish: event.finish,
            end_mark: event.end_mark,
            ..StreamEvent::opaque(raw)
        }));
        events
    }
}

fn finish(reason: FinishReason, stop_sequence: Option<String>) -> Event {
    Event::Finish {
        choice: 0,
        reason,
        stop_sequence,
    }
}
