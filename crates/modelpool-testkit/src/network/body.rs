//! The body of an answer on its way: part by part, to its end or to where it breaks off.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use modelpool_core::transport::{TransportError, TransportErrorKind};
use tokio::time::{Instant, Sleep, sleep_until};

use super::fate::{End, Fate, Pace};
use super::journal::{CallEnd, Entered};
use super::wire::Written;

/// A body on its way. Dropping it before its end enters that the client left.
#[derive(Debug)]
pub(super) struct Body {
    rest: Bytes,
    end: Ending,
    pace: Pace,
    finish_at: Option<usize>,
    usage_at: Option<usize>,
    sent: usize,
    pause: Option<Pin<Box<Sleep>>>,
    entered: Entered,
}

#[derive(Clone, Copy, Debug)]
enum Ending {
    Ends,
    Breaks,
    Silent,
}

impl Body {
    pub(super) fn new(written: Written, fate: &Fate, entered: Entered) -> Self {
        let whole = written.body;
        let (length, end) = match fate.end {
            End::Whole => (whole.len(), Ending::Ends),
            End::Cut(at) => (at % (whole.len() + 1), Ending::Ends),
            End::Breaks(at) => (at % (whole.len() + 1), Ending::Breaks),
            End::Silent(at) => (at % (whole.len() + 1), Ending::Silent),
        };
        Self {
            rest: whole.slice(..length),
            end,
            pace: fate.pace,
            finish_at: written.finish_at,
            usage_at: written.usage_at,
            sent: 0,
            pause: None,
            entered,
        }
    }

    fn next_part(&mut self) -> Bytes {
        let length = self.pace.part_bytes.clamp(1, self.rest.len());
        let part = self.rest.split_to(length);
        self.sent += part.len();
        if !self.pace.gap.is_zero() {
            self.pause = Some(Box::pin(sleep_until(Instant::now() + self.pace.gap)));
        }
        let reached = |place: Option<usize>| place.is_some_and(|place| self.sent >= place);
        self.entered.note(|call| {
            call.bytes_sent = self.sent;
            call.finish_sent = reached(self.finish_at);
            call.usage_sent = reached(self.usage_at);
        });
        part
    }
}

impl Stream for Body {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(context));
            self.pause = None;
        }
        if !self.rest.is_empty() {
            return Poll::Ready(Some(Ok(self.next_part())));
        }
        match self.end {
            Ending::Ends => {
                self.entered.end(CallEnd::Read);
                Poll::Ready(None)
            }
            Ending::Breaks => {
                self.entered.end(CallEnd::Broken);
                // Whoever asks again after an error has reached the end.
                self.end = Ending::Ends;
                Poll::Ready(Some(Err(broken("the connection was reset by the server"))))
            }
            // Nobody wakes the client: only its own limits do.
            Ending::Silent => Poll::Pending,
        }
    }
}

/// A connection that was there, and is no more.
pub(super) fn broken(message: &str) -> TransportError {
    TransportError {
        kind: TransportErrorKind::Broken,
        message: message.to_owned(),
    }
}
