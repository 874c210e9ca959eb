//! Writing a stream to the caller.
//!
//! Events go out with their own bytes, one frame each, straight from the task that reads them. While
//! nothing comes a comment says from time to time that the answer is still awaited, so that nobody on
//! the way takes the connection for dead. Before the last event stands a comment with what is known
//! only then: cost, attempts. Gemini's callers get no comments, which some of their clients do not know. A stream that is lost ends with an error event, which the SDKs raise,
//! and without `[DONE]`.

use std::fmt::Write as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_core::Stream as _;
use http_body::{Body, Frame};
use modelpool::parts::core::BoxFuture;
use modelpool::{Answer, AnswerBody, AnswerStream, Dialect, Error, ErrorKind, StreamEvent};
use serde_json::Value;
use tokio::time::{Instant, Sleep, sleep};

use crate::calls::dollars;
use crate::dialects;
use crate::failure::Failure;

/// A comment, which every reader of events passes over.
const STILL_WAITING: Bytes = Bytes::from_static(b": waiting\n\n");

/// An empty line, for those who would trip over a comment: readers of JSON pass over it, and so do readers of
/// events between two of them.
const STILL_WAITING_SILENTLY: Bytes = Bytes::from_static(b"\n");

/// How a caller is spoken to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Speech {
    pub(crate) dialect: Dialect,
    /// A stream is a JSON array and not server-sent events.
    pub(crate) in_array: bool,
    /// The longest pause without a sign of life.
    pub(crate) keepalive: Duration,
}

impl Speech {
    /// Whether its streams may hold comments.
    fn takes_comments(self) -> bool {
        !self.in_array && dialects::takes_comments(self.dialect)
    }

    /// Of a stream.
    pub(crate) fn content_type(self) -> &'static str {
        match self.in_array {
            true => "application/json",
            false => "text/event-stream",
        }
    }
}

/// A call that was made and has not answered yet.
pub(crate) type Calling = BoxFuture<'static, Result<Answer, Error>>;

/// The body of a streamed answer.
pub(crate) struct StreamBody {
    source: Source,
    request_id: Arc<str>,
    closed: Closed,
    speech: Speech,
    /// Events that have gone out.
    events: usize,
    last_frame: Instant,
    /// Fires when it is time for a comment; armed lazily, so that an event costs no timer.
    timer: Pin<Box<Sleep>>,
}

enum Source {
    /// The head went out before there was anything to say.
    Calling(Calling),
    Stream(Box<AnswerStream>),
    Over,
}

#[derive(PartialEq)]
enum Closed {
    No,
    /// `[DONE]` or an error event has gone out.
    Yes,
}

impl StreamBody {
    pub(crate) fn new(stream: Box<AnswerStream>, request_id: Arc<str>, speech: Speech) -> Self {
        Self::of(Source::Stream(stream), request_id, speech)
    }

    /// A stream whose head goes out before the first event, since that takes long.
    pub(crate) fn calling(calling: Calling, request_id: Arc<str>, speech: Speech) -> Self {
        Self::of(Source::Calling(calling), request_id, speech)
    }

    fn of(source: Source, request_id: Arc<str>, speech: Speech) -> Self {
        Self {
            source,
            request_id,
            closed: Closed::No,
            speech,
            events: 0,
            last_frame: Instant::now(),
            timer: Box::pin(sleep(speech.keepalive)),
        }
    }

    /// `: modelpool {…}`.
    fn comment(&self) -> String {
        let Source::Stream(stream) = &self.source else {
            return String::new();
        };
        let summary = stream.summary();
        let mut comment = format!(
            ": modelpool {{\"request_id\":{},\"model\":{},\"attempts\":{},\"cost_usd\":",
            Value::from(&*self.request_id),
            Value::from(stream.alias()),
            summary.attempts,
        );
        match summary.cost_usd {
            Some(cost) => comment.push_str(&dollars(cost)),
            None => comment.push_str("null"),
        }
        // Writing to a string cannot fail.
        let _ = write!(
            comment,
            ",\"continued\":{},\"skipped_events\":{},\"usage_estimated\":{}}}\n\n",
            summary.continued, summary.skipped_events, summary.usage.estimated
        );
        comment
    }

    fn last_event(&mut self, event: &[u8]) -> Bytes {
        self.closed = Closed::Yes;
        if self.speech.in_array {
            let mut item = self.item(event).to_vec();
            item.extend_from_slice(if self.events == 0 { b"[]\n" } else { b"\n]\n" });
            return Bytes::from(item);
        }
        if !self.speech.takes_comments() {
            return Bytes::copy_from_slice(event);
        }
        let comment = self.comment();
        let mut bytes = BytesMut::with_capacity(comment.len() + event.len());
        bytes.extend_from_slice(comment.as_bytes());
        bytes.extend_from_slice(event);
        bytes.freeze()
    }

    fn error_event(&mut self, error: &Error) -> Bytes {
        let event = dialects::error_event(self.speech.dialect, &Failure::from_error(error), self.events);
        self.last_event(event.as_bytes())
    }

    /// An event as an item of an array; nothing where it has no data.
    fn item(&mut self, event: &[u8]) -> Bytes {
        let lines = event.split(|byte| matches!(byte, b'\n' | b'\r'));
        let data: Vec<&[u8]> = lines
            .filter_map(|line| line.strip_prefix(b"data:"))
            .map(<[u8]>::trim_ascii)
            .collect();
        if data.is_empty() {
            return Bytes::new();
        }
        let before: &[u8] = if self.events == 0 { b"[" } else { b",\r\n" };
        self.events += 1;
        Bytes::from([before, data.join(&b' ').as_slice()].concat())
    }

    fn frame(&mut self, item: Option<Result<StreamEvent, Error>>) -> Option<Bytes> {
        match item {
            Some(Ok(event)) if event.end_mark => Some(self.last_event(&event.raw)),
            Some(Ok(event)) if self.speech.in_array => Some(self.item(&event.raw)),
            Some(Ok(event)) => {
                // Comments of the upstream pass, too.
                self.events += usize::from(!event.raw.starts_with(b":"));
                Some(event.raw)
            }
            Some(Err(error)) => Some(self.error_event(&error)),
            // Complete, from a server that leaves the mark out: clients wait for it.
            None if self.closed == Closed::No => {
                Some(self.last_event(dialects::end_mark(self.speech.dialect)))
            }
            None => None,
        }
    }

    /// The next frame; `Ready(None)` at the end.
    fn poll_source(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            match &mut self.source {
                Source::Over => return Poll::Ready(None),
                Source::Stream(stream) => {
                    let item = std::task::ready!(Pin::new(stream).poll_next(context));
                    return Poll::Ready(self.frame(item));
                }
                Source::Calling(calling) => {
                    let outcome = std::task::ready!(calling.as_mut().poll(context));
                    let error = match outcome {
                        Ok(Answer {
                            body: AnswerBody::Stream(stream),
                            ..
                        }) => {
                            self.source = Source::Stream(stream);
                            continue;
                        }
                        Ok(_) => {
                            Error::new(ErrorKind::Protocol, "a stream was asked for, a whole answer came")
                        }
                        Err(error) => error,
                    };
                    self.source = Source::Over;
                    return Poll::Ready(Some(self.error_event(&error)));
                }
            }
        }
    }

    /// Whether it is time for a comment.
    fn poll_keepalive(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while self.timer.as_mut().poll(context).is_ready() {
            let due = self.last_frame + self.speech.keepalive;
            if due <= Instant::now() {
                self.timer.as_mut().reset(Instant::now() + self.speech.keepalive);
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(due);
        }
        Poll::Pending
    }
}

impl Body for StreamBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        let frame = match this.poll_source(context) {
            Poll::Ready(frame) => frame,
            // After the end mark nobody waits for more.
            Poll::Pending if this.closed == Closed::Yes => return Poll::Pending,
            Poll::Pending => {
                std::task::ready!(this.poll_keepalive(context));
                Some(match this.speech.takes_comments() {
                    true => STILL_WAITING,
                    false => STILL_WAITING_SILENTLY,
                })
            }
        };
        this.last_frame = Instant::now();
        Poll::Ready(frame.map(|bytes| Ok(Frame::data(bytes))))
    }
}
