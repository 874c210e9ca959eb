//! Quantiles of many values in little memory, with a stated error, and mergeable.
//!
//! In the manner of [DDSketch](https://arxiv.org/abs/1908.10693): every value is counted in a bucket whose bounds
//! are a fixed ratio apart, so that a quantile is off by at most [`RELATIVE_ERROR`] of itself, however the values
//! are spread, and two sketches are merged by adding their counts. Nothing is lost by merging.

mod bucket;
#[cfg(test)]
mod tests;

pub(super) use bucket::Bucket;

/// The most by which a quantile differs from the exact one, as a part of the exact one.
pub const RELATIVE_ERROR: f64 = 0.01;

/// Values at or above this are told apart; smaller ones are all counted as zero. About a microsecond, for
/// values in milliseconds.
pub const SMALLEST: f64 = bucket::SMALLEST;

/// Buckets a sketch holds at most: the largest value seen, and what is up to 65,536 times smaller.
const MAX_BUCKETS: usize = 16 * bucket::PER_OCTAVE as usize;

/// Buckets are allocated by so many at a time, a divisor of [`MAX_BUCKETS`].
const GROWTH: usize = 32;

/// Counts of values by size, from which quantiles are read.
///
/// Values may be any finite number of any unit; the pool keeps milliseconds and tokens. Quantiles are exact to
/// [`RELATIVE_ERROR`] for values from [`SMALLEST`] up. The buckets cover only what was seen, and are at most 608
/// of four bytes: 2.4 KiB, where a model whose latencies lie within a factor of sixteen takes about 0.6 KiB.
/// Where values are more than a factor of 65,536 apart, the smallest ones are counted together at the low end, and
/// only the quantiles that fall there are wrong, namely too high. A bucket counts to 4,294,967,295 and stays there.
///
/// ```
/// use modelpool_core::statistics::QuantileSketch;
/// let mut latency_ms = QuantileSketch::default();
/// for value in 1..=1000 {
///     latency_ms.record(f64::from(value));
/// }
/// let p95 = latency_ms.quantile(0.95).expect("values were recorded");
/// assert!((p95 / 950.0 - 1.0).abs() <= 0.01);
/// ```
#[derive(Clone, Debug, Default)]
pub struct QuantileSketch {
    count: u64,
    sum: f64,
    /// Values below [`SMALLEST`], which never collapse into others.
    zeros: u64,
    /// Number of the bucket that `counts` begins with.
    lowest: u32,
    /// One count per bucket, from the lowest seen to the highest; the first and the last are never zero.
    counts: Vec<u32>,
}

impl QuantileSketch {
    /// Counts a value. One that is not finite is ignored; a negative one counts as zero.
    pub fn record(&mut self, value: f64) {
        if value.is_finite() {
            let value = value.max(0.0);
            self.record_in(Bucket::of(value), value);
        }
    }

    /// Counts a value whose bucket is known: `value` is finite and not negative.
    pub(super) fn record_in(&mut self, bucket: Option<Bucket>, value: f64) {
        self.count = self.count.saturating_add(1);
        self.sum += value;
        match bucket {
            Some(bucket) => self.add(bucket.number(), 1),
            None => self.zeros = self.zeros.saturating_add(1),
        }
    }

    /// Adds everything that was recorded in `other`, as if it had been recorded here.
    pub fn merge(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.sum += other.sum;
        self.zeros = self.zeros.saturating_add(other.zeros);
        let Some(last) = other.counts.len().checked_sub(1) else {
            return;
        };
        // The two ends first, so that the range is grown at most twice.
        let ends = [last, 0].into_iter().take(other.counts.len());
        for at in ends.chain(1..last) {
            if other.counts[at] > 0 {
                self.add(other.lowest + at as u32, other.counts[at]);
            }
        }
    }

    /// The value that this part of the recorded values lies at or below: 0.5 for the median, 0.95 for p95.
    ///
    /// Of `n` values in order, counted from 0, it is number `q * (n - 1)`, rounded down. `None` where nothing was
    /// recorded, and for a `q` outside of `0.0..=1.0`.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<f64> {
        if self.is_empty() || !(0.0..=1.0).contains(&q) {
            return None;
        }
        let rank = (q * (self.count - 1) as f64) as u64;
        let mut seen = self.zeros;
        if rank < seen {
            return Some(0.0);
        }
        let mut number = self.lowest;
        for (above, count) in self.counts.iter().enumerate() {
            number = self.lowest + above as u32;
            seen = seen.saturating_add(u64::from(*count));
            if rank < seen {
                break;
            }
        }
        Some(Bucket::middle(number))
    }

    /// Values recorded.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The sum of the values, exact but for rounding.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// The mean of the values, exact but for rounding. `None` where nothing was recorded.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (!self.is_empty()).then(|| self.sum / self.count as f64)
    }

    /// True where nothing was recorded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Forgets all values, and keeps the memory for the next ones.
    pub fn clear(&mut self) {
        self.count = 0;
        self.sum = 0.0;
        self.zeros = 0;
        self.counts.clear();
    }

    fn add(&mut self, number: u32, count: u32) {
        let at = self.cover(number);
        let held = &mut self.counts[at];
        *held = held.saturating_add(count);
    }

    /// Grows the range to that bucket and gives its place; the lowest place where it is too far below the highest.
    ///
    /// Which buckets are collapsed depends on the highest one alone, never on the order of the values. That is what
    /// makes a merged sketch equal to the sketch of all values.
    fn cover(&mut self, number: u32) -> usize {
        if self.counts.is_empty() {
            self.lowest = number;
        }
        let highest = number.max(self.lowest + (self.counts.len() as u32).saturating_sub(1));
        let floor = (highest + 1).saturating_sub(MAX_BUCKETS as u32);
        self.collapse_below(floor);
        let number = number.max(floor);
        if number < self.lowest {
            let added = (self.lowest - number) as usize;
            self.lengthen(self.counts.len() + added);
            self.counts.rotate_right(added);
            self.lowest = number;
        }
        let at = (number - self.lowest) as usize;
        if at >= self.counts.len() {
            self.lengthen(at + 1);
        }
        at
    }

    /// Moves what is counted below that bucket into it.
    fn collapse_below(&mut self, floor: u32) {
        if floor <= self.lowest {
            return;
        }
        let below = ((floor - self.lowest) as usize).min(self.counts.len());
        let collapsed = self.counts.drain(..below).fold(0, u32::saturating_add);
        self.lowest = floor;
        if self.counts.is_empty() {
            self.lengthen(1);
        }
        self.counts[0] = self.counts[0].saturating_add(collapsed);
    }

    /// Appends empty buckets, and allocates no more than the bound of a sketch.
    fn lengthen(&mut self, length: usize) {
        let capacity = length.next_multiple_of(GROWTH);
        self.counts.reserve_exact(capacity - self.counts.len());
        self.counts.resize(length, 0);
    }
}
