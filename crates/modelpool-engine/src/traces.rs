//! What became of the last requests, found by their ids.
//!
//! Keeping a request copies what was settled and formats nothing; the plan is kept as it was made, and its ranking,
//! scores and reasons are worked out when somebody asks. Nothing that was said is kept.
//!
//! Memory is bounded by the number of requests, by the bytes of each, and by the bytes of all together. Plans hold
//! on to the snapshot they were made from, so each snapshot is counted once for all of them: a pool that changes
//! with every request is remembered less far back.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use foldhash::fast::FixedState;
use foldhash::quality::RandomState;
use modelpool_core::{Clock, Plan};

use crate::settle::{Settlement, SettlementSink};

mod kept;
mod report;
#[cfg(test)]
mod tests;
mod weight;

use kept::Kept;
pub use report::{AttemptTrace, FailureTrace, RequestTrace, TraceEnding};

/// Most requests that are remembered.
pub const MOST_TRACES: usize = 10_000;

/// How much memory traces may take.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    traces: usize,
    /// Of all traces together, with the snapshots their plans hold on to. An estimate.
    bytes: usize,
    /// Of one trace without its snapshot. A trace that is larger is kept without its plan, or not at all.
    bytes_each: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            traces: MOST_TRACES,
            bytes: 64 << 20,
            bytes_each: 128 << 10,
        }
    }
}

/// The last requests that were settled.
#[derive(Debug)]
pub struct Traces {
    clock: Arc<dyn Clock>,
    bounds: Bounds,
    ring: Mutex<Ring>,
}

/// Requests in the order in which they were settled.
#[derive(Debug, Default)]
struct Ring {
    kept: VecDeque<Arc<Kept>>,
    /// The number of the first of them; each has the next.
    first: u64,
    /// The number of the newest of each id. Callers choose ids, so there may be several, and the hasher's keys are
    /// nobody's to know.
    by_id: HashMap<Arc<str>, u64, RandomState>,
    /// How many plans hold on to a snapshot, by its address, which nothing else can have meanwhile, and no caller
    /// chooses.
    snapshots: HashMap<usize, usize, FixedState>,
    bytes: usize,
}

impl Traces {
    /// No requests yet. The clock tells when each of them was.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::bounded(clock, Bounds::default())
    }

    fn bounded(clock: Arc<dyn Clock>, bounds: Bounds) -> Self {
        Self {
            clock,
            bounds,
            ring: Mutex::default(),
        }
    }

    /// Remembers a request that was just settled, with the plan it followed, and forgets the oldest where there is
    /// no more room.
    pub fn keep(&self, settlement: &Settlement, plan: Option<Arc<Plan>>) {
        let Some(kept) = Kept::new(settlement, plan, self.clock.now(), self.bounds.bytes_each) else {
            return;
        };
        // Dropped after the lock is given back: the last plan of a snapshot frees it.
        let _forgotten = self.ring().push(Arc::new(kept), &self.bounds);
    }

    /// What became of the newest request of that id.
    #[must_use]
    pub fn get(&self, request_id: &str) -> Option<RequestTrace> {
        let kept = self.ring().get(request_id)?;
        Some(kept.report())
    }

    /// A panic elsewhere leaves sums that are at worst one request off, so a poisoned lock is no reason to stop.
    fn ring(&self) -> std::sync::MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SettlementSink for Traces {
    fn settled(&self, settlement: &Settlement) {
        self.keep(settlement, settlement.plan.clone());
    }
}

impl Ring {
    /// Adds a request; what had to go for it is handed back.
    fn push(&mut self, kept: Arc<Kept>, bounds: &Bounds) -> Vec<Arc<Kept>> {
        let number = self.first + self.kept.len() as u64;
        self.by_id.insert(Arc::clone(&kept.request_id), number);
        self.bytes += kept.bytes;
        if let Some((snapshot, bytes)) = kept.snapshot() {
            let plans = self.snapshots.entry(snapshot).or_default();
            self.bytes += if *plans == 0 { bytes } else { 0 };
            *plans += 1;
        }
        self.kept.push_back(kept);
        let mut forgotten = Vec::new();
        while self.kept.len() > bounds.traces || self.bytes > bounds.bytes {
            let Some(oldest) = self.pop() else { break };
            forgotten.push(oldest);
        }
        forgotten
    }

    fn pop(&mut self) -> Option<Arc<Kept>> {
        let oldest = self.kept.pop_front()?;
        if self.by_id.get(&oldest.request_id) == Some(&self.first) {
            self.by_id.remove(&oldest.request_id);
        }
        self.first += 1;
        self.bytes -= oldest.bytes;
        if let Some((snapshot, bytes)) = oldest.snapshot()
            && let Some(plans) = self.snapshots.get_mut(&snapshot)
        {
            *plans -= 1;
            if *plans == 0 {
                self.snapshots.remove(&snapshot);
                self.bytes -= bytes;
            }
        }
        Some(oldest)
    }

    fn get(&self, request_id: &str) -> Option<Arc<Kept>> {
        let number = self.by_id.get(request_id)?;
        let place = usize::try_from(number - self.first).ok()?;
        self.kept.get(place).cloned()
    }
}
