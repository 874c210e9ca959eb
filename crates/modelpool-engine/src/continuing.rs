//! The stream of a call that goes on where another was lost.
//!
//! The caller reads one answer: what repeats the delivered text is left out here, and the dialect's
//! [`Sequel`] sees to it that events stand behind those the caller has read.

use modelpool_core::continuation::{Continuation, Diverged, Joiner};
use modelpool_core::{Error, ErrorKind, StreamEvent, Usage};
use modelpool_providers::{Sequel, Sequels};

/// Puts the text of a new stream behind what the caller has read.
#[derive(Debug)]
pub(crate) struct Join {
    joiner: Option<Joiner>,
}

impl Join {
    /// For a stream that goes on so.
    pub(crate) fn new(continuation: &Continuation) -> Self {
        Self {
            joiner: Some(continuation.joiner()),
        }
    }

    /// What the caller reads of an event, where all calls together used `total`.
    ///
    /// # Errors
    /// The new stream does not go on from what was delivered.
    pub(crate) fn take(
        &mut self,
        event: StreamEvent,
        sequel: &mut dyn Sequel,
        total: &Usage,
    ) -> Result<Sequels, Error> {
        if event.other_output {
            return Err(Error::new(
                ErrorKind::Protocol,
                "the model that was to go on with the answer does something else",
            ));
        }
        let mut text = event.text().into_owned();
        if let Some(joiner) = &mut self.joiner {
            text = joiner.push(&text).map_err(diverged)?.into_owned();
        }
        if event.finish.is_some()
            && let Some(joiner) = self.joiner.take()
        {
            text.push_str(&joiner.finish().map_err(diverged)?);
        }
        Ok(sequel.go_on(event, &text, total))
    }
}

fn diverged(diverged: Diverged) -> Error {
    Error::new(ErrorKind::Protocol, diverged.to_string())
}
