//! Ids of traces and spans: random between processes, different within one.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{SpanId, TraceId};

/// The step between two states: the golden ratio's fraction in 64 bits, which is odd.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Makes ids of a seed. The same seed makes the same ids in the same order.
///
/// The generator is SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014): a counter
/// that is scrambled one-to-one, so that no number comes twice within a process, and one atomic addition makes it.
#[derive(Debug)]
pub struct TraceIds(AtomicU64);

impl TraceIds {
    /// Ids from that seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        // Scrambled, for seeds are used elsewhere too.
        Self(AtomicU64::new(scrambled(seed ^ STEP)))
    }

    /// A new trace.
    pub fn trace(&self) -> TraceId {
        loop {
            if let Some(id) = TraceId::new(self.next(), self.next()) {
                return id;
            }
        }
    }

    /// A new span.
    pub fn span(&self) -> SpanId {
        loop {
            if let Some(id) = SpanId::new(self.next()) {
                return id;
            }
        }
    }

    fn next(&self) -> u64 {
        scrambled(self.0.fetch_add(STEP, Ordering::Relaxed))
    }
}

fn scrambled(mut number: u64) -> u64 {
    number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_seed_repeats_its_ids_and_no_id_comes_twice() {
        let (one, same, other) = (TraceIds::new(7), TraceIds::new(7), TraceIds::new(8));
        assert_eq!((one.trace(), one.span()), (same.trace(), same.span()));
        assert_ne!(one.trace(), other.trace());
        let spans: HashSet<SpanId> = (0..100_000).map(|_| one.span()).collect();
        assert_eq!(spans.len(), 100_000);
    }
}
