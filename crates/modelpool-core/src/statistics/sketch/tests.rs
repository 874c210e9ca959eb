use proptest::prelude::*;

use super::*;

fn sketch_of(values: &[f64]) -> QuantileSketch {
    let mut sketch = QuantileSketch::default();
    for value in values {
        sketch.record(*value);
    }
    sketch
}

/// All that quantiles are read from.
fn buckets(sketch: &QuantileSketch) -> (u64, u64, u32, Vec<u32>) {
    let lowest = if sketch.counts.is_empty() {
        0
    } else {
        sketch.lowest
    };
    (sketch.count, sketch.zeros, lowest, sketch.counts.clone())
}

fn assert_close(estimate: f64, exact: f64) {
    let error = (estimate - exact).abs();
    assert!(error <= RELATIVE_ERROR * exact, "{estimate} stands for {exact}");
}

#[test]
fn an_empty_sketch_has_no_quantile_and_no_mean() {
    let sketch = QuantileSketch::default();
    assert_eq!(sketch.quantile(0.5), None);
    assert_eq!(sketch.mean(), None);
    assert!(sketch.is_empty());
}

#[test]
fn a_quantile_outside_of_zero_to_one_is_none() {
    let sketch = sketch_of(&[1.0]);
    for q in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
        assert_eq!(sketch.quantile(q), None);
    }
}

#[test]
fn zero_tiny_and_negative_values_read_as_zero() {
    let sketch = sketch_of(&[0.0, SMALLEST / 2.0, f64::MIN_POSITIVE, -5.0, 100.0]);
    assert_eq!(sketch.quantile(0.75), Some(0.0));
    assert_close(sketch.quantile(1.0).unwrap(), 100.0);
}

#[test]
fn zeros_stay_zeros_when_low_values_collapse() {
    let sketch = sketch_of(&[0.0, 1e9]);
    assert_eq!(sketch.quantile(0.0), Some(0.0));
}

#[test]
fn what_is_not_finite_is_not_counted() {
    let sketch = sketch_of(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY]);
    assert!(sketch.is_empty());
}

#[test]
fn values_far_apart_collapse_at_the_low_end_only() {
    let sketch = sketch_of(&[1.0, 2.0, 1e6, 1e9, 1e9]);
    assert!(sketch.quantile(0.0).unwrap() > 2.0);
    assert_close(sketch.quantile(0.5).unwrap(), 1e6);
    assert_close(sketch.quantile(1.0).unwrap(), 1e9);
    assert_eq!(sketch.count(), 5);
}

#[test]
fn a_cleared_sketch_is_as_new_and_keeps_its_memory() {
    let mut sketch = sketch_of(&[0.0, 1.0, 1e9]);
    let capacity = sketch.counts.capacity();
    sketch.clear();
    assert_eq!(buckets(&sketch), buckets(&QuantileSketch::default()));
    sketch.record(3.0);
    assert_eq!(buckets(&sketch), buckets(&sketch_of(&[3.0])));
    assert_eq!(sketch.counts.capacity(), capacity);
}

#[test]
fn every_bucket_stands_for_its_own_values() {
    let highest = Bucket::of(f64::MAX).unwrap().number();
    for number in 0..=highest {
        assert_eq!(
            Bucket::of(Bucket::middle(number)).map(Bucket::number),
            Some(number)
        );
    }
    assert_eq!(Bucket::of(SMALLEST).map(Bucket::number), Some(0));
}

#[test]
fn a_value_beside_a_power_of_two_is_close_to_its_bucket() {
    for exponent in -9..1023 {
        let power = 2f64.powi(exponent);
        for value in [power.next_down(), power, power.next_up()] {
            assert_close(Bucket::middle(Bucket::of(value).unwrap().number()), value);
        }
    }
}

/// Any finite value that is told apart from zero, each power of two as likely as another.
fn indexable() -> impl Strategy<Value = f64> {
    (SMALLEST.to_bits()..=f64::MAX.to_bits()).prop_map(f64::from_bits)
}

/// Values of which none collapse.
fn near_each_other() -> impl Strategy<Value = Vec<f64>> {
    let spread = (0.0..15.9f64).prop_map(f64::exp2);
    (-9.0..60.0f64, prop::collection::vec(spread, 1..300))
        .prop_map(|(lowest, spread)| spread.iter().map(|factor| lowest.exp2() * factor).collect())
}

fn anything() -> impl Strategy<Value = Vec<f64>> {
    let value = prop_oneof![
        4 => (-12.0..40.0f64).prop_map(f64::exp2),
        1 => Just(0.0),
        1 => any::<f64>(),
    ];
    prop::collection::vec(value, 0..200)
}

proptest! {
    #[test]
    fn the_middle_of_a_bucket_is_within_the_error_of_each_of_its_values(value in indexable()) {
        let middle = Bucket::middle(Bucket::of(value).unwrap().number());
        prop_assert!((middle / value - 1.0).abs() <= RELATIVE_ERROR);
    }

    #[test]
    fn a_larger_value_never_has_a_lower_bucket(one in indexable(), other in indexable()) {
        prop_assert!(Bucket::of(one.min(other)) <= Bucket::of(one.max(other)));
    }

    #[test]
    fn a_quantile_is_within_the_error_of_the_exact_one(mut values in near_each_other(), q in 0.0..=1.0f64) {
        let sketch = sketch_of(&values);
        values.sort_by(f64::total_cmp);
        let exact = values[(q * (values.len() - 1) as f64) as usize];
        let estimate = sketch.quantile(q).unwrap();
        prop_assert!((estimate / exact - 1.0).abs() <= RELATIVE_ERROR, "{estimate} stands for {exact}");
    }

    #[test]
    fn a_mean_is_exact(values in near_each_other()) {
        let exact = values.iter().sum::<f64>() / values.len() as f64;
        prop_assert_eq!(sketch_of(&values).mean(), Some(exact));
    }

    #[test]
    fn merging_is_recording_the_union(one in anything(), other in anything()) {
        let union = sketch_of(&[one.clone(), other.clone()].concat());
        let (one, other) = (sketch_of(&one), sketch_of(&other));
        for (first, second) in [(&one, &other), (&other, &one)] {
            let mut merged = first.clone();
            merged.merge(second);
            prop_assert_eq!(buckets(&merged), buckets(&union));
        }
    }

    #[test]
    fn memory_is_bounded_and_every_value_is_counted(values in anything()) {
        let sketch = sketch_of(&values);
        prop_assert!(sketch.counts.capacity() <= MAX_BUCKETS);
        let counted: u64 = sketch.counts.iter().map(|count| u64::from(*count)).sum();
        prop_assert_eq!(counted + sketch.zeros, sketch.count());
        prop_assert_eq!(sketch.count(), values.iter().filter(|value| value.is_finite()).count() as u64);
        prop_assert!(sketch.counts.first() != Some(&0) && sketch.counts.last() != Some(&0));
    }
}
