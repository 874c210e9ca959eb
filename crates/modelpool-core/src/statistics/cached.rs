//! A figure that is worked out once a second, and read without a lock.

use std::sync::atomic::{AtomicU64, Ordering};

/// The figure last worked out, and the second in which that was.
///
/// Both are in one word, so that a reader never has one figure with the time of another: the second, counted from
/// one, above the bits of an `f32`. Seven digits are more than the figures have. Zero is nothing.
#[derive(Debug, Default)]
pub(super) struct Cached(AtomicU64);

impl Cached {
    /// The figure, unless it was worked out before this second.
    pub(super) fn get(&self, second: u64) -> Option<f64> {
        let word = self.0.load(Ordering::Relaxed);
        (word >> 32 > second).then(|| f64::from(f32::from_bits(word as u32)))
    }

    /// Keeps the figure to the end of this second.
    pub(super) fn set(&self, second: u64, figure: f64) {
        let from_one = second.saturating_add(1).min(u64::from(u32::MAX));
        let word = from_one << 32 | u64::from((figure as f32).to_bits());
        self.0.store(word, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_kept_to_the_end_of_its_second() {
        let cached = Cached::default();
        assert_eq!(cached.get(0), None);
        cached.set(0, 12.5);
        assert_eq!(cached.get(0), Some(12.5));
        assert_eq!(cached.get(1), None);
    }

    #[test]
    fn a_reader_that_is_behind_takes_the_newer_figure() {
        let cached = Cached::default();
        cached.set(7, 0.0);
        assert_eq!(cached.get(6), Some(0.0));
    }

    #[test]
    fn seconds_beyond_the_word_are_never_taken_for_early_ones() {
        let cached = Cached::default();
        cached.set(u64::MAX, 1.0);
        assert_eq!(cached.get(u64::MAX), None);
        assert_eq!(cached.get(u64::from(u32::MAX)), None);
    }
}
