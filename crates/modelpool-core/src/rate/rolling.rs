//! Counters over the recent past: a ring of slots that are reused as time goes on.

use std::time::{Duration, Instant};

/// The last `N` slots of time, each of the same width, numbered from the first use on.
///
/// Memory is fixed and there is no background task: slots that time has passed are emptied when the
/// ring is next brought up to date. A time before the newest slot is taken for the newest slot,
/// because callers on several threads do not arrive in the order of their time stamps.
#[derive(Debug)]
pub(crate) struct Rolling<T, const N: usize> {
    width_ns: u64,
    origin: Option<Instant>,
    newest: u64,
    slots: [T; N],
}

impl<T: Copy + Default, const N: usize> Rolling<T, N> {
    /// An empty ring whose slots are `width` wide each, one nanosecond at least.
    pub(crate) fn new(width: Duration) -> Self {
        Self {
            width_ns: nanoseconds(width).max(1),
            origin: None,
            newest: 0,
            slots: [T::default(); N],
        }
    }

    /// Brings the ring up to `now` and gives the number of the newest slot.
    pub(crate) fn advance(&mut self, now: Instant) -> u64 {
        let origin = *self.origin.get_or_insert(now);
        let present = nanoseconds(now.saturating_duration_since(origin)) / self.width_ns;
        let passed = present.saturating_sub(self.newest).min(N as u64);
        for number in present - passed..present {
            *self.at(number + 1) = T::default();
        }
        self.newest = self.newest.max(present);
        self.newest
    }

    /// The newest slot.
    pub(crate) fn newest(&mut self) -> &mut T {
        self.at(self.newest)
    }

    /// The slot of this number, unless it has left the ring.
    pub(crate) fn get(&mut self, number: u64) -> Option<&mut T> {
        let held = number <= self.newest && self.newest - number < N as u64;
        held.then(|| self.at(number))
    }

    /// The slots with their numbers, oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, T)> + '_ {
        let oldest = (self.newest + 1).saturating_sub(N as u64);
        (oldest..=self.newest).map(|number| (number, self.slots[index::<N>(number)]))
    }

    /// When the slot of this number leaves the ring. `None` before the first use, or beyond what
    /// the machine's clock can hold.
    pub(crate) fn leaves_at(&self, number: u64) -> Option<Instant> {
        let ends_ns = number.saturating_add(N as u64).saturating_mul(self.width_ns);
        self.origin?.checked_add(Duration::from_nanos(ends_ns))
    }

    fn at(&mut self, number: u64) -> &mut T {
        &mut self.slots[index::<N>(number)]
    }
}

fn index<const N: usize>(number: u64) -> usize {
    (number % N as u64) as usize
}

/// Whole nanoseconds; what does not fit (more than 584 years) is the largest number.
fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
