//! Which bucket a value falls into, and which value stands for a bucket.
//!
//! Buckets should be equally wide in the logarithm of the value. A logarithm per record is avoided as DDSketch's
//! authors do: the exponent of the floating-point number is its whole part, and between two powers of two a
//! polynomial of the significand stands in for the rest. Theirs are
//! [linear, quadratic or cubic](https://github.com/DataDog/sketches-java/tree/master/src/main/java/com/datadoghq/sketch/ddsketch/mapping).
//! The quadratic one takes 8 % more buckets than the logarithm would, the linear one 44 %, and it is undone with a
//! square root, where the cubic one takes a cube root as well to save 7 of the 8 %.
//!
//! With a value of `2^e * (1 + s)`, `0 <= s < 1`, the polynomial is `(4 s - s²) / 3`. It grows by at least 4/3 of
//! the natural logarithm, at both ends of the octave, so 38 buckets per octave are at most `3 / (4 * 38)` = 0.01974
//! wide in the natural logarithm. The value that stands for a bucket is then off by at most
//! `tanh(0.01974 / 2)` = 0.987 %.

use super::RELATIVE_ERROR;

/// Buckets between a value and its double.
pub(super) const PER_OCTAVE: u32 = 38;

/// The lower bound of bucket 0, `2^-10`.
pub(super) const SMALLEST: f64 = 1.0 / 1024.0;

/// The exponent of [`SMALLEST`] as the bits of a number hold it.
const SMALLEST_EXPONENT: u32 = 1023 - 10;

const SIGNIFICAND_BITS: u32 = f64::MANTISSA_DIGITS - 1;
const SIGNIFICAND_MASK: u64 = (1 << SIGNIFICAND_BITS) - 1;

const _: () = assert!(
    4.0 * PER_OCTAVE as f64 * 2.0 * RELATIVE_ERROR > 3.0,
    "the buckets are wider than the error that is stated"
);

/// The bucket of a value that is [`SMALLEST`] at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::statistics) struct Bucket(u32);

impl Bucket {
    /// The bucket of a finite value; `None` where it is smaller than [`SMALLEST`].
    pub(in crate::statistics) fn of(value: f64) -> Option<Self> {
        if value < SMALLEST {
            return None;
        }
        let bits = value.to_bits();
        let octave = (bits >> SIGNIFICAND_BITS) as u32 - SMALLEST_EXPONENT;
        let s = f64::from_bits((bits & SIGNIFICAND_MASK) | 1f64.to_bits()) - 1.0;
        let part = (4.0 - s) * s * (f64::from(PER_OCTAVE) / 3.0);
        // Just below the double, rounding may reach the next octave.
        let within = (part as u32).min(PER_OCTAVE - 1);
        Some(Self(octave * PER_OCTAVE + within))
    }

    /// The number of the bucket; the buckets of larger values have larger ones.
    pub(super) fn number(self) -> u32 {
        self.0
    }

    /// The value whose relative distance to both bounds of that bucket is the same.
    pub(super) fn middle(number: u32) -> f64 {
        let within = number % PER_OCTAVE;
        let (low, high) = (significand(within), significand(within + 1));
        let scale = f64::from_bits(u64::from(number / PER_OCTAVE + SMALLEST_EXPONENT) << SIGNIFICAND_BITS);
        2.0 * low * high / (low + high) * scale
    }
}

/// Where a bucket of an octave begins, in `1.0..=2.0`: the polynomial undone.
fn significand(within: u32) -> f64 {
    3.0 - (4.0 - 3.0 * f64::from(within) / f64::from(PER_OCTAVE)).sqrt()
}
