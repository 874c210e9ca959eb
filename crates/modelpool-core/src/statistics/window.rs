//! The recent past: a ring of slots that are reused as time goes on.
//!
//! Slots are reused when something is next recorded in them, and left out when they are read too late. Memory is
//! fixed and there is no background task.

use std::time::{Duration, Instant};

#[cfg(test)]
mod tests;

/// Slots of a window; the newest is the one being filled.
pub(super) const SLOTS: usize = 12;

/// The number of a slot in which nothing was counted yet: older than any other.
const NEVER_USED: i64 = i64::MIN;

/// What is counted in slots.
pub(super) trait Tallied: Default {
    /// Forgets everything, and keeps its memory for what comes next.
    fn clear(&mut self);
    /// Adds everything that was counted in `other`.
    fn merge(&mut self, other: &Self);
}

/// What was counted in the last [`SLOTS`] slots of time.
///
/// A slot is forgotten as a whole. So a window of twelve slots of five seconds never tells of anything older than a
/// minute, and always of the last 55 seconds.
#[derive(Clone, Debug)]
pub(super) struct Window<T> {
    origin: Instant,
    slot_seconds: u64,
    slots: [Slot<T>; SLOTS],
}

/// The slots of time are numbered from the origin on; those before it have negative numbers.
#[derive(Clone, Debug)]
struct Slot<T> {
    number: i64,
    content: T,
}

impl<T: Tallied> Window<T> {
    /// An empty window of slots of so many seconds, one at least, the first of which begins at `origin`.
    pub(super) fn new(origin: Instant, slot_seconds: u64) -> Self {
        Self {
            origin,
            slot_seconds: slot_seconds.max(1),
            slots: std::array::from_fn(|_| Slot {
                number: NEVER_USED,
                content: T::default(),
            }),
        }
    }

    /// Where to count what happens `now`. `None` where that is so long ago that its slot was reused.
    pub(super) fn at(&mut self, now: Instant) -> Option<&mut T> {
        let number = self.number(now);
        self.slot(number)
    }

    /// The slots that the window still tells of, in no order.
    ///
    /// A reader on another thread may be a little behind: what was counted after its `now` is told as well.
    pub(super) fn recent(&self, now: Instant) -> impl Iterator<Item = &T> + Clone {
        let newest = self.number(now);
        self.slots
            .iter()
            .filter(move |slot| slot.number.saturating_add(SLOTS as i64) > newest)
            .map(|slot| &slot.content)
    }

    /// Everything the window still tells of.
    pub(super) fn total(&self, now: Instant) -> T {
        let mut total = T::default();
        for content in self.recent(now) {
            total.merge(content);
        }
        total
    }

    /// Adds what was counted in `other`, at the time when it was counted there.
    ///
    /// With different origins, a slot of `other` is counted from its beginning on, and so forgotten up to the
    /// length of a slot too early.
    pub(super) fn merge(&mut self, other: &Self) {
        for theirs in other.slots.iter().filter(|slot| slot.number != NEVER_USED) {
            let number = other.beginning(theirs.number).map(|time| self.number(time));
            if let Some(content) = number.and_then(|number| self.slot(number)) {
                content.merge(&theirs.content);
            }
        }
    }

    fn slot(&mut self, number: i64) -> Option<&mut T> {
        let slot = &mut self.slots[number.rem_euclid(SLOTS as i64) as usize];
        if slot.number < number {
            slot.number = number;
            slot.content.clear();
        }
        (slot.number == number).then_some(&mut slot.content)
    }

    fn number(&self, time: Instant) -> i64 {
        match time.checked_duration_since(self.origin) {
            Some(after) => (after.as_secs() / self.slot_seconds) as i64,
            None => {
                let before = self.origin.duration_since(time);
                let whole_seconds = before.as_secs() + u64::from(before.subsec_nanos() > 0);
                -(whole_seconds.div_ceil(self.slot_seconds) as i64)
            }
        }
    }

    /// `None` beyond what the machine's clock can hold.
    fn beginning(&self, number: i64) -> Option<Instant> {
        let distance = Duration::from_secs(number.unsigned_abs().saturating_mul(self.slot_seconds));
        if number < 0 {
            self.origin.checked_sub(distance)
        } else {
            self.origin.checked_add(distance)
        }
    }
}
