//! Answers of one wire, as a caller of another dialect reads them; and of the same, with their own bytes.
//!
//! A stream is cut into frames, each frame is read into neutral events, and those are written in the caller's
//! dialect. Where both are the same the frame itself is handed on, and the events only say what is in it.
//! Either way the engine sees the same facts, so its promises hold for every pair.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use modelpool_core::facts::estimate_tokens;
use modelpool_core::provider::WholeReply;
use modelpool_core::stream::DecodeDeltas;
use modelpool_core::transport::BodyStream;
use modelpool_core::{Error, ErrorKind, FinishReason, RequestFacts, StreamEvent, Usage};
use secrecy::SecretString;

use crate::exchange::{stream_lost, with_secrets};
use crate::failure::from_object;
use crate::framing::{Frames, Framing};
use crate::neutral::{Answer, Content, Event, Piece};
use crate::patience::Patience;
use crate::sse;
use crate::wire::{Broken, Caller, Decoded, Decoder, Encoder, Wire};

/// Most choices of one stream that are told apart.
const MAX_CHOICES: u32 = 128;

/// How long usage and the mark of the end are waited for after the reason. The caller's dialect says its own end with
/// them, and an answer must not be lost to an upstream that has said all of it and only keeps the connection.
const AFTER_FINISH: Duration = Duration::from_secs(2);

/// Reads a whole answer, and writes it for `caller`; `None` where the bytes are the caller's own.
///
/// # Errors
/// The vendor reports an error, or it is no answer of the wire.
pub(crate) fn whole(
    wire: &dyn Wire,
    caller: Option<&dyn Caller>,
    body: Bytes,
    model: &str,
    facts: &RequestFacts,
) -> Result<WholeReply, Broken> {
    let answer = wire.read(&body)?;
    let Some(first) = answer.choices.first() else {
        return Err(Broken::Protocol("the answer holds no message".to_owned()));
    };
    let finish = first.finish.clone();
    let usage = answer.usage.unwrap_or_else(|| estimated(&answer, facts));
    let issued = issued(&answer);
    let bytes = match caller {
        None => body,
        Some(caller) => {
            let answer = Answer {
                usage: Some(usage),
                ..answer
            };
            caller.write_answer(&answer, model)
        }
    };
    Ok(WholeReply {
        bytes,
        usage: Some(usage),
        finish,
        issued,
    })
}

/// What a later request may go on from.
fn issued(answer: &Answer) -> Vec<Box<str>> {
    let contents = answer.choices.iter().flat_map(|choice| &choice.content);
    let calls = contents.filter_map(|content| match content {
        Content::ToolCall(call) => Some(call.id.as_str()),
        _ => None,
    });
    calls.chain(answer.head.id.as_deref()).map(Into::into).collect()
}

/// Usage that never came.
fn estimated(answer: &Answer, facts: &RequestFacts) -> Usage {
    let contents = answer.choices.iter().flat_map(|choice| &choice.content);
    let tokens = contents.map(|content| match content {
        Content::Text(text) => estimate_tokens(&text.text),
        Content::Refusal(text) => estimate_tokens(text),
        Content::Reasoning(reasoning) => estimate_tokens(&reasoning.text),
        Content::ToolCall(call) => estimate_tokens(&call.arguments),
        _ => 0,
    });
    Usage {
        input_tokens: facts.input_tokens,
        output_tokens: tokens.sum(),
        estimated: true,
        ..Usage::default()
    }
}

/// The error of an answer that is none.
pub(crate) fn error_of(broken: Broken, secrets: &[SecretString]) -> Error {
    match broken {
        Broken::Refusal(object) => with_secrets(secrets, |secrets| from_object(&object, secrets)),
        Broken::Protocol(message) => Error::new(ErrorKind::Protocol, message).with_status(200),
    }
}

/// The events of a stream.
pub(crate) struct Events {
    body: BodyStream,
    frames: Frames,
    framing: Framing,
    decoder: Box<dyn Decoder>,
    /// `None` where frames are handed on as they are.
    encoder: Option<Box<dyn Encoder>>,
    /// How the caller's events are decoded.
    decode: DecodeDeltas,
    secrets: Arc<[SecretString]>,
    progress: Progress,
    ready: VecDeque<StreamEvent>,
    ended: bool,
    patience: Patience,
}

/// How far the answers of a stream are.
#[derive(Debug, Default)]
struct Progress {
    /// Bit per choice that has begun.
    begun: u128,
    /// Bit per choice that has its finish reason.
    finished: u128,
    /// The last of these reasons.
    reason: Option<FinishReason>,
}

impl Progress {
    fn note(&mut self, event: &Event) {
        let bit = |choice: &u32| 1_u128 << (*choice).min(MAX_CHOICES - 1);
        match event {
            Event::Piece { choice, .. } => self.begun |= bit(choice),
            Event::Finish { choice, reason, .. } => {
                self.begun |= bit(choice);
                self.finished |= bit(choice);
                self.reason = Some(reason.clone());
            }
            Event::Begin(_) | Event::Usage(_) => {}
        }
    }

    /// The finish reason, once all choices have one.
    fn finish(&self) -> Option<&FinishReason> {
        self.reason.as_ref().filter(|_| self.finished == self.begun)
    }
}

impl Events {
    pub(crate) fn new(
        body: BodyStream,
        wire: &dyn Wire,
        encoder: Option<Box<dyn Encoder>>,
        decode: DecodeDeltas,
        secrets: Arc<[SecretString]>,
    ) -> Self {
        Self {
            body,
            frames: Frames::new(wire.framing()),
            framing: wire.framing(),
            decoder: wire.decoder(),
            encoder,
            decode,
            secrets,
            progress: Progress::default(),
            ready: VecDeque::new(),
            ended: false,
            patience: Patience::default(),
        }
    }

    /// For a request of so many answers, whose caller is told of a loss after a pause of `idle`: one that is complete
    /// has to be brought to its end before.
    pub(crate) fn with_patience(mut self, choices: u32, idle: Duration) -> Self {
        let waits = choices <= 1 && self.encoder.is_some();
        self.patience.limit = waits.then(|| AFTER_FINISH.min(idle / 2));
        self
    }

    /// The upstream is silent. Where the answer is complete that is its end, after a while.
    fn poll_silence(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.progress.finish().is_none() {
            return Poll::Pending;
        }
        ready!(self.patience.poll(context));
        self.end();
        Poll::Ready(())
    }

    /// All of the answer was said, and its end is ours to write: what goes wrong now takes nothing from it.
    fn is_complete(&self) -> bool {
        self.encoder.is_some() && self.progress.finish().is_some()
    }

    /// Takes the next frame; what it says becomes ready.
    fn take(&mut self, frame: Bytes) -> Result<(), Error> {
        let decoded = self
            .decoder
            .read(&frame)
            .map_err(|broken| error_of(broken, &self.secrets))?;
        if decoded.malformed && self.is_complete() {
            return Ok(());
        }
        if decoded.malformed {
            self.ready.push_back(StreamEvent {
                malformed: true,
                ..StreamEvent::opaque(frame)
            });
            return Ok(());
        }
        match self.encoder.is_some() {
            true => self.translate(decoded),
            false => self.pass(frame, &decoded),
        }
        Ok(())
    }

    fn pass(&mut self, frame: Bytes, decoded: &Decoded) {
        let mut event = StreamEvent {
            end_mark: decoded.end_mark,
            ..StreamEvent::opaque(frame)
        };
        // Some dialects say everything once more when it is whole, which read by itself would be said again.
        if decoded.events.iter().any(|said| said.delta().is_some()) {
            event.decode = self.decode;
        }
        for said in &decoded.events {
            self.progress.note(said);
            add_facts(&mut event, said);
        }
        event.finish = self.progress.finish().filter(|_| event.meaningful).cloned();
        self.ended |= event.end_mark;
        self.ready.push_back(event);
    }

    fn translate(&mut self, decoded: Decoded) {
        for said in &decoded.events {
            self.progress.note(said);
            let Some(encoder) = &mut self.encoder else { return };
            let mut written = encoder.write(said);
            // What opens and closes comes first, and means nothing by itself.
            let saying = written.pop().unwrap_or_default();
            self.ready.extend(written.into_iter().map(StreamEvent::opaque));
            let mut event = StreamEvent {
                decode: self.decode,
                ..StreamEvent::opaque(saying)
            };
            add_facts(&mut event, said);
            event.finish = self.progress.finish().filter(|_| event.meaningful).cloned();
            let says_something =
                event.meaningful || event.usage.is_some() || event.opens || !event.raw.is_empty();
            if says_something {
                self.ready.push_back(event);
            }
        }
        if decoded.end_mark {
            self.end();
        }
    }

    /// The upstream has said all it will say. Where the answer is complete the caller's dialect is brought to its
    /// end; where it is not, the engine has to see that.
    fn end(&mut self) {
        self.ended = true;
        if self.progress.finish().is_none() {
            return;
        }
        let Some(encoder) = &mut self.encoder else { return };
        let mut last = encoder.end();
        let mark = last.pop();
        self.ready.extend(last.into_iter().map(StreamEvent::opaque));
        self.ready.extend(mark.map(|mark| StreamEvent {
            end_mark: true,
            ..StreamEvent::opaque(mark)
        }));
    }

    /// The end of the body: a last frame without its end is still one, unless it was cut.
    fn body_ended(&mut self) -> Option<Error> {
        if let Some(error) = self.last_frame()
            && self.progress.finish().is_none()
        {
            self.ended = true;
            return Some(error);
        }
        if !self.ended {
            self.end();
        }
        None
    }

    /// Takes what stands after the last whole frame; the error where that was cut.
    fn last_frame(&mut self) -> Option<Error> {
        let rest = self.frames.rest();
        if rest.trim_ascii().is_empty() {
            return None;
        }
        let lost = || Error::new(ErrorKind::StreamLost, "the stream ended within an event");
        let whole = match self.framing {
            // These say their length.
            Framing::Aws => return Some(lost()),
            // The beginning of an event that says nothing yet, or a comment.
            Framing::Sse if sse::says_nothing(&rest) => return None,
            Framing::Sse | Framing::Lines => Bytes::from([rest.trim_ascii_end(), b"\n\n"].concat()),
        };
        let before = self.ready.len();
        if let Err(error) = self.take(whole) {
            return Some(error);
        }
        let cut = self.ready.iter().skip(before).any(|event| event.malformed);
        cut.then(|| {
            self.ready.truncate(before);
            lost()
        })
    }
}

fn add_facts(event: &mut StreamEvent, said: &Event) {
    event.meaningful |= said.is_meaningful();
    match said {
        Event::Begin(_) => event.opens = true,
        Event::Usage(usage) => event.usage = Some(*usage),
        Event::Piece { piece, .. } => {
            event.other_output |= matches!(piece, Piece::ToolCall(_) | Piece::Refusal(_));
        }
        Event::Finish { .. } => {}
    }
}

impl Stream for Events {
    type Item = Result<StreamEvent, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if let Some(event) = this.ready.pop_front() {
                return Poll::Ready(Some(Ok(event)));
            }
            if this.ended {
                return Poll::Ready(None);
            }
            let failed = match this.frames.next() {
                Ok(Some(frame)) => this.take(frame).err(),
                Ok(None) => match this.body.as_mut().poll_next(context) {
                    Poll::Pending => {
                        ready!(this.poll_silence(context));
                        None
                    }
                    Poll::Ready(Some(Ok(part))) => {
                        this.patience.timer = None;
                        this.frames.push(part);
                        None
                    }
                    // A complete answer has lost nothing.
                    Poll::Ready(Some(Err(_))) if this.progress.finish().is_some() => {
                        this.end();
                        None
                    }
                    Poll::Ready(Some(Err(error))) => Some(stream_lost(&error)),
                    Poll::Ready(None) => this.body_ended(),
                },
                Err(_) => Some(Error::new(
                    ErrorKind::Protocol,
                    "an event of the stream is too large",
                )),
            };
            if let Some(error) = failed {
                if this.is_complete() {
                    this.end();
                    continue;
                }
                this.ended = true;
                return Poll::Ready(Some(Err(error)));
            }
        }
    }
}
