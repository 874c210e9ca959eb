//! Calls at the same time: slots, and a queue for them that is fair and bounded.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many may wait for each slot there is, and a few more for few slots.
const WAITING_PER_SLOT: usize = 10;
const WAITING_AT_LEAST: usize = 16;

/// The slots of one entry.
#[derive(Clone, Debug)]
pub struct Slots {
    free: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    most_waiting: usize,
}

impl Slots {
    /// So many slots.
    #[must_use]
    pub fn new(slots: usize) -> Self {
        let slots = slots.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            free: Arc::new(Semaphore::new(slots)),
            waiting: Arc::default(),
            most_waiting: slots.saturating_mul(WAITING_PER_SLOT).max(WAITING_AT_LEAST),
        }
    }

    /// A slot, if one is free and nobody waits for it.
    #[must_use]
    pub fn try_take(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.free).try_acquire_owned().ok()
    }

    /// A place in the queue; `None` where it is full.
    #[must_use]
    pub fn wait(&self) -> Option<Waiting> {
        let place = self
            .waiting
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |waiting| {
                (waiting < self.most_waiting).then_some(waiting + 1)
            });
        place.is_ok().then(|| Waiting { slots: self.clone() })
    }
}

/// A place in the queue; dropping it leaves the queue.
#[derive(Debug)]
pub struct Waiting {
    slots: Slots,
}

impl Waiting {
    /// Waits for a slot, first come first served.
    pub async fn slot(self) -> Option<OwnedSemaphorePermit> {
        // The semaphore is never closed.
        Arc::clone(&self.slots.free).acquire_owned().await.ok()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.slots.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queue_is_bounded() {
        let slots = Slots::new(1);
        let _taken = slots.try_take().unwrap();
        assert!(slots.try_take().is_none());
        let mut places: Vec<Waiting> = std::iter::from_fn(|| slots.wait()).collect();
        assert_eq!(places.len(), WAITING_AT_LEAST);
        places.pop();
        assert!(slots.wait().is_some());
    }
}
