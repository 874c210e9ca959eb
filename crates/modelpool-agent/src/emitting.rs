//! A stream that is written as a plain `async fn`.
//!
//! The work and its stream are one thing: polling the stream polls the work, and what the work
//! emits is handed out before it goes on. Nothing is spawned and nothing is queued, so dropping the
//! stream ends the work where it stands, with all it was waiting for.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures_core::Stream;

use crate::BoxFuture;

/// The one place between the work and its stream.
type Slot<T> = Arc<Mutex<Option<T>>>;

/// Gives items to the stream of a piece of work.
pub(crate) struct Emitter<T>(Slot<T>);

impl<T> Clone for Emitter<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Emitter<T> {
    /// Hands an item out; ready once it was taken.
    pub(crate) async fn emit(&self, item: T) {
        let mut item = Some(item);
        std::future::poll_fn(|context| {
            let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if slot.is_some() {
                // An item of ours or of somebody else's waits to be taken.
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            match item.take() {
                Some(item) => {
                    *slot = Some(item);
                    // Whoever takes it polls again; a set of futures in between asks for a call of the waker.
                    context.waker().wake_by_ref();
                    Poll::Pending
                }
                None => Poll::Ready(()),
            }
        })
        .await;
    }
}

/// The stream of a piece of work.
pub(crate) struct Emitting<T> {
    slot: Slot<T>,
    /// `None` once it is done.
    work: Option<BoxFuture<'static, ()>>,
}

impl<T> Emitting<T> {
    /// Makes the work with the emitter that it emits by.
    pub(crate) fn new<W>(work: impl FnOnce(Emitter<T>) -> W) -> Self
    where
        W: Future<Output = ()> + Send + 'static,
    {
        let slot = Slot::default();
        let work = Box::pin(work(Emitter(Arc::clone(&slot))));
        Self {
            slot,
            work: Some(work),
        }
    }

    fn taken(&self) -> Option<T> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl<T> fmt::Debug for Emitting<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emitting")
            .field("ended", &self.work.is_none())
            .finish_non_exhaustive()
    }
}

impl<T> Stream for Emitting<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        if let Some(work) = &mut self.work {
            let done = work.as_mut().poll(context).is_ready();
            if done {
                // What the work held is given back now, not when the stream is dropped.
                self.work = None;
            }
        }
        match self.taken() {
            Some(item) => Poll::Ready(Some(item)),
            None if self.work.is_none() => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all<T>(mut stream: Emitting<T>) -> Vec<T> {
        let mut items = Vec::new();
        while let Some(item) = std::future::poll_fn(|context| Pin::new(&mut stream).poll_next(context)).await
        {
            items.push(item);
        }
        items
    }

    #[tokio::test]
    async fn items_come_in_order_and_the_end_after_them() {
        let stream = Emitting::new(|emitter: Emitter<u32>| async move {
            emitter.emit(1).await;
            tokio::task::yield_now().await;
            for item in 2..5 {
                emitter.emit(item).await;
            }
        });
        assert_eq!(all(stream).await, [1, 2, 3, 4]);
        assert!(all(Emitting::<u32>::new(|_| async {})).await.is_empty());
    }

    #[tokio::test]
    async fn two_branches_may_emit_side_by_side() {
        let stream = Emitting::new(|emitter: Emitter<u32>| async move {
            let other = emitter.clone();
            let (left, right) = (
                async move {
                    emitter.emit(1).await;
                    emitter.emit(2).await;
                },
                async move {
                    other.emit(10).await;
                    other.emit(20).await;
                },
            );
            tokio::join!(left, right);
        });
        let mut items = all(stream).await;
        items.sort_unstable();
        assert_eq!(items, [1, 2, 10, 20]);
    }

    #[tokio::test]
    async fn dropping_the_stream_drops_the_work() {
        let held = Arc::new(());
        let kept = Arc::clone(&held);
        let mut stream = Emitting::new(|emitter: Emitter<u32>| async move {
            emitter.emit(1).await;
            std::future::pending::<()>().await;
            drop(kept);
        });
        let first = std::future::poll_fn(|context| Pin::new(&mut stream).poll_next(context)).await;
        assert_eq!((first, Arc::strong_count(&held)), (Some(1), 2));
        drop(stream);
        assert_eq!(Arc::strong_count(&held), 1);
    }
}
