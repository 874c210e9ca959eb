//! What the servers of the network saw.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::asked::{Asked, Turn};
use super::fate::Fate;

/// Most calls a journal holds; those after them meet silence, so that a pool that calls without
/// end is noticed and does not fill the memory.
pub(super) const MOST_CALLS: usize = 10_000;

/// One call, as the server saw it. Times are counted from the making of the network.
#[derive(Clone, Debug)]
pub struct CallRecord {
    /// The server's name and port.
    pub server: String,
    /// The model named in the request.
    pub model: String,
    /// The key that came with it.
    pub key: Option<String>,
    /// The text of the first turn of the user.
    pub prompt: String,
    /// Whether a stream was asked for.
    pub stream: bool,
    /// Which turn was asked for.
    pub turn: Turn,
    /// The limit on the output.
    pub max_tokens: Option<u64>,
    /// What was delivered before is not the beginning of any answer to the prompt.
    pub strayed: bool,
    /// What was to become of the call.
    pub fate: Fate,
    /// When the request came.
    pub began: Duration,
    /// When the call ended.
    pub ended: Option<Duration>,
    /// How it ended.
    pub end: CallEnd,
    /// The status of the answer, once its head was sent.
    pub status: Option<u16>,
    /// The time to wait that the head told.
    pub retry_after: Option<Duration>,
    /// Bytes of the body that were read.
    pub bytes_sent: usize,
    /// The answer's finish reason was among them.
    pub finish_sent: bool,
    /// Usage was among them.
    pub usage_sent: bool,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallEnd {
    /// It has not.
    UnderWay,
    /// Without an answer: no connection, or one that broke.
    NotAnswered,
    /// The body was read to its end.
    Read,
    /// The body broke off with an error.
    Broken,
    /// The client dropped it before its end.
    Dropped,
}

/// The calls so far.
#[derive(Debug)]
pub(super) struct Journal {
    made: Instant,
    calls: Mutex<Vec<CallRecord>>,
}

impl Journal {
    pub(super) fn new() -> Self {
        Self {
            made: Instant::now(),
            calls: Mutex::default(),
        }
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.made.elapsed()
    }

    pub(super) fn calls(&self) -> Vec<CallRecord> {
        self.locked().clone()
    }

    fn locked(&self) -> MutexGuard<'_, Vec<CallRecord>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a call; `None` where the journal is full.
    pub(super) fn enter(self: &Arc<Self>, server: &str, asked: &Asked, fate: &Fate) -> Option<Entered> {
        let mut calls = self.locked();
        if calls.len() == MOST_CALLS {
            return None;
        }
        calls.push(CallRecord {
            server: server.to_owned(),
            model: asked.model.clone(),
            key: asked.key.clone(),
            prompt: asked.prompt.clone(),
            stream: asked.stream,
            turn: asked.turn,
            max_tokens: asked.max_tokens,
            strayed: asked.turn != Turn::Answer && asked.begun().is_none(),
            fate: fate.clone(),
            began: self.elapsed(),
            ended: None,
            end: CallEnd::UnderWay,
            status: None,
            retry_after: None,
            bytes_sent: 0,
            finish_sent: false,
            usage_sent: false,
        });
        Some(Entered {
            journal: Arc::clone(self),
            number: calls.len() - 1,
        })
    }
}

/// A call that was entered. Dropping it before its end enters that the client left.
#[derive(Debug)]
pub(super) struct Entered {
    journal: Arc<Journal>,
    number: usize,
}

impl Entered {
    pub(super) fn note(&self, note: impl FnOnce(&mut CallRecord)) {
        note(&mut self.journal.locked()[self.number]);
    }

    /// The call ended, unless it had before.
    pub(super) fn end(&self, end: CallEnd) {
        let now = self.journal.elapsed();
        self.note(|call| {
            if call.end == CallEnd::UnderWay {
                call.end = end;
                call.ended = Some(now);
            }
        });
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.end(CallEnd::Dropped);
    }
}
