//! Values counted by size.

use super::super::names::MOST_BUCKETS;

/// How many values fell between which bounds, with their sum and extremes. The bounds belong to the metric.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Histogram {
    buckets: [u64; MOST_BUCKETS],
    pub(super) count: u64,
    pub(super) sum: f64,
    pub(super) min: f64,
    pub(super) max: f64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            buckets: [0; MOST_BUCKETS],
            count: 0,
            sum: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
        }
    }
}

impl Histogram {
    /// Counts a value. A bound is a part of the bucket below it.
    pub(super) fn record(&mut self, bounds: &[f64], value: f64) {
        let place = bounds.partition_point(|bound| *bound < value);
        if let Some(bucket) = self.buckets.get_mut(place) {
            *bucket += 1;
        }
        self.count += 1;
        self.sum += value;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }

    /// The counts between these bounds, one more than there are bounds.
    pub(super) fn buckets(&self, bounds: &[f64]) -> &[u64] {
        self.buckets.get(..=bounds.len()).unwrap_or(&self.buckets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_the_bucket_below_it() {
        let bounds = [1.0, 4.0];
        let mut histogram = Histogram::default();
        for value in [0.0, 1.0, 1.5, 4.0, 9.0, 9.0] {
            histogram.record(&bounds, value);
        }
        assert_eq!(histogram.buckets(&bounds), [2, 2, 2]);
        assert_eq!((histogram.count, histogram.sum), (6, 24.5));
        assert_eq!((histogram.min, histogram.max), (0.0, 9.0));
    }
}
