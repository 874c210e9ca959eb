//! Exponentially weighted means in atomics.

use std::sync::atomic::{AtomicU64, Ordering};

use super::ENOUGH_SAMPLES;

/// Weight of the newest call in the means: the last ten calls make two thirds of the value.
const NEWEST_WEIGHT: f64 = 0.1;

/// An exponentially weighted mean. Writers may interleave between value and count; the worst
/// case is one sample weighted as its neighbour, which a mean forgives.
#[derive(Debug, Default)]
pub(super) struct Mean {
    bits: AtomicU64,
    samples: AtomicU64,
}

impl Mean {
    pub(super) fn record(&self, sample: f64) {
        if !sample.is_finite() {
            return;
        }
        let seen = self.samples.fetch_add(1, Ordering::Relaxed);
        // The first samples weigh as in a plain mean, so that an early outlier fades quickly.
        let weight = NEWEST_WEIGHT.max(1.0 / (seen as f64 + 1.0));
        let _ = self
            .bits
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |bits| {
                let mean = f64::from_bits(bits);
                Some((mean + weight * (sample - mean)).to_bits())
            });
    }

    pub(super) fn value(&self) -> Option<f64> {
        (self.samples.load(Ordering::Relaxed) >= ENOUGH_SAMPLES)
            .then(|| f64::from_bits(self.bits.load(Ordering::Relaxed)))
    }
}
