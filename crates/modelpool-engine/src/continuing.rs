//! The stream of a call that goes on where another was lost.
//!
//! The caller reads one answer: every event takes the id and time of the first one, what repeats the delivered
//! text is left out, and so is what only the beginning of an answer says (its role, its reasoning).

use modelpool_core::continuation::{Continuation, Diverged, Joiner};
use modelpool_core::provider::Dialect;
use modelpool_core::{Error, ErrorKind, StreamEvent, Usage};
use modelpool_providers::{EventEdits, Identity, event_edits};
use smallvec::{SmallVec, smallvec};

/// Events that come of one event.
pub(crate) type Events = SmallVec<[StreamEvent; 2]>;

/// Puts the events of a new stream behind those the caller has read.
#[derive(Debug)]
pub(crate) struct Join {
    joiner: Option<Joiner>,
    identity: Option<Identity>,
    edits: &'static EventEdits,
}

impl Join {
    /// For an answer of which the caller has these events, the first and the last that show what all of them
    /// repeat; `None` where events of the dialect cannot be edited.
    pub(crate) fn new(
        dialect: Dialect,
        continuation: &Continuation,
        delivered: [&Option<StreamEvent>; 2],
    ) -> Option<Self> {
        let edits = event_edits(dialect)?;
        let shown = delivered.into_iter().flatten().filter_map(edits.identity);
        Some(Self {
            joiner: Some(continuation.joiner()),
            identity: shown.reduce(Identity::followed_by),
            edits,
        })
    }

    /// What the caller reads of an event, where all calls together used `total`.
    ///
    /// # Errors
    /// The new stream does not go on from what was delivered.
    pub(crate) fn take(&mut self, event: StreamEvent, total: &Usage) -> Result<Events, Error> {
        if event.opens {
            // The caller's answer has begun long ago.
            return Ok(Events::new());
        }
        let event = (self.edits.with_usage)(event, total);
        if event.end_mark || event.usage_only {
            return Ok(smallvec![self.identified(event)]);
        }
        if event.other_output {
            return Err(Error::new(
                ErrorKind::Protocol,
                "the model that was to go on with the answer does something else",
            ));
        }
        let Some(joiner) = self.joiner.as_mut() else {
            return Ok(smallvec![self.identified(event)]);
        };
        let text = event.text().into_owned();
        let mut joined = joiner.push(&text).map_err(diverged)?.into_owned();
        if event.finish.is_none() {
            return Ok(match joined {
                joined if joined.is_empty() && event.usage.is_none() => Events::new(),
                joined if joined == text => smallvec![self.identified(event)],
                joined => {
                    let edited = (self.edits.with_text)(event, &joined);
                    smallvec![self.identified(edited)]
                }
            });
        }
        if let Some(joiner) = self.joiner.take() {
            joined.push_str(&joiner.finish().map_err(diverged)?);
        }
        let mut events = Events::new();
        if text.is_empty() && !joined.is_empty() {
            // The last event has no text that could be replaced.
            let before = (self.edits.text_event)("", &joined);
            events.push(self.identified(before));
            events.push(self.identified(event));
        } else if joined == text {
            events.push(self.identified(event));
        } else {
            let edited = (self.edits.with_text)(event, &joined);
            events.push(self.identified(edited));
        }
        Ok(events)
    }

    fn identified(&self, event: StreamEvent) -> StreamEvent {
        match &self.identity {
            Some(identity) => (self.edits.with_identity)(event, identity),
            None => event,
        }
    }
}

fn diverged(diverged: Diverged) -> Error {
    Error::new(ErrorKind::Protocol, diverged.to_string())
}
