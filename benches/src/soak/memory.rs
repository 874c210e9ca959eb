//! Whether the gateway's memory stays where it is.

use std::time::Duration;

/// What of a run is warm-up at most: buffers, connections and statistics grow to their size.
const WARM_UP: Duration = Duration::from_secs(60);

/// How much more the last third may have: this share of the first, and as many bytes.
const GROWTH: f64 = 0.15;
const SLACK_BYTES: f64 = 8.0 * 1024.0 * 1024.0;

/// Resident memory at moments since the start, in their order.
#[derive(Debug, Default)]
pub(super) struct Memory(Vec<(Duration, u64)>);

/// Mean resident memory in bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Thirds {
    pub(super) first: f64,
    pub(super) last: f64,
}

impl Memory {
    pub(super) fn note(&mut self, after: Duration, bytes: u64) {
        self.0.push((after, bytes));
    }

    /// The first and the last third of what follows the warm-up: a minute, or a quarter of a short run.
    /// `None` of a run that is too short to say anything.
    pub(super) fn thirds(&self) -> Option<Thirds> {
        let (end, _) = self.0.last()?;
        let warm_up = WARM_UP.min(*end / 4);
        let warm: Vec<f64> = self
            .0
            .iter()
            .filter(|(after, _)| *after >= warm_up)
            .map(|&(_, bytes)| bytes as f64)
            .collect();
        let third = warm.len() / 3;
        if third == 0 {
            return None;
        }
        let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
        Some(Thirds {
            first: mean(&warm[..third]),
            last: mean(&warm[warm.len() - third..]),
        })
    }
}

impl Thirds {
    pub(super) fn is_flat(self) -> bool {
        self.last <= self.first * (1.0 + GROWTH) + SLACK_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEBIBYTE: u64 = 1 << 20;

    fn thirds(seconds: u64, bytes: impl Fn(u64) -> u64) -> Option<Thirds> {
        let mut memory = Memory::default();
        for second in 0..seconds {
            memory.note(Duration::from_secs(second), bytes(second));
        }
        memory.thirds()
    }

    #[test]
    fn growth_in_the_warm_up_is_no_leak() {
        let thirds = thirds(240, |second| second.min(50) * MEBIBYTE).unwrap();
        assert_eq!(thirds.first, thirds.last);
        assert!(thirds.is_flat());
    }

    #[test]
    fn growth_that_goes_on_is_one() {
        let grows = |per_minute| {
            thirds(600, move |second| {
                40 * MEBIBYTE + second * per_minute * MEBIBYTE / 60
            })
        };
        assert!(!grows(4).unwrap().is_flat());
        assert!(grows(1).unwrap().is_flat(), "less than the slack in six minutes");
        assert_eq!(thirds(2, |_| MEBIBYTE), None);
    }
}
