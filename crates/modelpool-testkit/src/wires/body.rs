//! The body of an answer, as far as it comes.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Frame;
use tokio::sync::watch;

use super::{Fault, Frames};

/// A call under way. A caller who leaves drops it.
#[derive(Debug)]
pub(super) struct Calling {
    left: watch::Sender<u64>,
    answered: bool,
}

impl Calling {
    pub(super) fn new(left: watch::Sender<u64>) -> Self {
        Self {
            left,
            answered: false,
        }
    }
}

impl Drop for Calling {
    fn drop(&mut self) {
        if !self.answered {
            self.left.send_modify(|count| *count += 1);
        }
    }
}

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Whole,
    Silence,
    Break,
}

/// A body. Each frame is written for itself.
#[derive(Debug)]
pub(super) struct Body {
    frames: VecDeque<Bytes>,
    end: End,
    calling: Calling,
    unflushed: bool,
}

/// Why the connection is closed.
#[derive(Debug)]
pub(super) struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("broken as it was told")
    }
}

impl std::error::Error for Broken {}

impl Body {
    pub(super) fn whole(frames: Vec<Vec<u8>>, calling: Calling) -> Self {
        Self {
            frames: frames.into_iter().map(Bytes::from).collect(),
            end: End::Whole,
            calling,
            unflushed: false,
        }
    }

    /// What comes of an answer with a fault.
    pub(super) fn of(frames: Frames, malformed: &[u8], fault: Option<&Fault>, calling: Calling) -> Self {
        let before = frames.head.len();
        let mut all = frames.all();
        let mut end = End::Whole;
        match fault {
            Some(Fault::StallAfter { pieces }) => {
                all.truncate(before + pieces);
                end = End::Silence;
            }
            Some(Fault::StallBeforeEnd { frames }) => {
                all.truncate(all.len().saturating_sub(*frames));
                end = End::Silence;
            }
            Some(Fault::Malformed { pieces }) => {
                let at = all.len().min(before + pieces);
                all.insert(at, malformed.to_vec());
            }
            Some(Fault::Cut { bytes, clean }) => {
                let mut joined = all.concat();
                joined.truncate(*bytes);
                all = vec![joined];
                all.retain(|frame| !frame.is_empty());
                end = if *clean { End::Whole } else { End::Break };
            }
            None | Some(Fault::Refuse { .. } | Fault::StallBeforeHead) => {}
        }
        Self {
            end,
            ..Self::whole(all, calling)
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        // Having nothing for a moment is what makes hyper write what it has.
        if std::mem::take(&mut self.unflushed) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if let Some(frame) = self.frames.pop_front() {
            self.unflushed = true;
            return Poll::Ready(Some(Ok(Frame::data(frame))));
        }
        match self.end {
            End::Silence => Poll::Pending,
            End::Whole => {
                self.calling.answered = true;
                Poll::Ready(None)
            }
            End::Break => {
                self.calling.answered = true;
                Poll::Ready(Some(Err(Broken)))
            }
        }
    }
}
