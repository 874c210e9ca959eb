//! The events of a run.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_util::StreamExt as _;
use tokio_util::sync::CancellationToken;

use crate::AgentEvent;
use crate::emitting::Emitting;

/// The events of a run, which goes on while they are read. Dropping it ends the run.
#[derive(Debug)]
pub struct AgentStream {
    events: Emitting<AgentEvent>,
    cancelled: CancellationToken,
}

impl AgentStream {
    pub(super) fn new(events: Emitting<AgentEvent>, cancelled: CancellationToken) -> Self {
        Self { events, cancelled }
    }

    /// The next event.
    pub async fn next(&mut self) -> Option<AgentEvent> {
        self.events.next().await
    }

    /// Ends the run: calls and tools are dropped, and `turn_complete` comes with what there was until then.
    pub fn cancel(&self) {
        self.cancelled.cancel();
    }

    /// What cancels the run, from elsewhere.
    #[must_use]
    pub fn cancellation(&self) -> CancellationToken {
        self.cancelled.clone()
    }
}

impl Stream for AgentStream {
    type Item = AgentEvent;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<AgentEvent>> {
        Pin::new(&mut self.events).poll_next(context)
    }
}
