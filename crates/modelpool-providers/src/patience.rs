//! Waiting on an answer that is complete, for what may still come of it.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Sleep, sleep};

/// How long a complete answer is waited on.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    /// `None` for ever: more answers may begin.
    pub(crate) limit: Option<Duration>,
    /// Runs while nothing comes.
    pub(crate) timer: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    /// Ready once nothing has come for so long.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(limit) = self.limit else {
            return Poll::Pending;
        };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(limit)));
        timer.as_mut().poll(context)
    }
}
