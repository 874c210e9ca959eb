use proptest::prelude::*;

use super::*;

/// The times of what was recorded, in milliseconds.
#[derive(Clone, Debug, Default, PartialEq)]
struct Times(Vec<i64>);

impl Tallied for Times {
    fn clear(&mut self) {
        self.0.clear();
    }

    fn merge(&mut self, other: &Self) {
        self.0.extend(&other.0);
    }
}

const SLOT_SECONDS: u64 = 5;
const SLOT_MS: i64 = SLOT_SECONDS as i64 * 1000;

/// Where time begins, with enough room before it; it only moves on by what a test adds.
#[allow(clippy::disallowed_methods)]
fn origin() -> Instant {
    Instant::now() + Duration::from_secs(100_000)
}

fn after(origin: Instant, at_ms: i64) -> Instant {
    let distance = Duration::from_millis(at_ms.unsigned_abs());
    if at_ms < 0 {
        origin - distance
    } else {
        origin + distance
    }
}

fn record(window: &mut Window<Times>, origin: Instant, at_ms: i64) {
    if let Some(times) = window.at(after(origin, at_ms)) {
        times.0.push(at_ms);
    }
}

fn told(window: &Window<Times>, origin: Instant, now_ms: i64) -> Vec<i64> {
    let mut times = window.total(after(origin, now_ms)).0;
    times.sort_unstable();
    times
}

#[test]
fn a_minute_is_told_for_55_seconds_and_forgotten_within_60() {
    let origin = origin();
    let mut window = Window::new(origin, SLOT_SECONDS);
    record(&mut window, origin, 0);
    record(&mut window, origin, 4_999);
    assert_eq!(told(&window, origin, 59_999), [0, 4_999]);
    assert_eq!(told(&window, origin, 60_000), [] as [i64; 0]);
}

#[test]
fn a_slot_that_is_reused_forgets_what_was_in_it() {
    let origin = origin();
    let mut window = Window::new(origin, SLOT_SECONDS);
    record(&mut window, origin, 1);
    record(&mut window, origin, 60_001);
    assert_eq!(told(&window, origin, 60_001), [60_001]);
}

#[test]
fn what_comes_too_late_for_its_slot_is_left_out() {
    let origin = origin();
    let mut window = Window::new(origin, SLOT_SECONDS);
    record(&mut window, origin, 60_001);
    record(&mut window, origin, 1);
    assert_eq!(told(&window, origin, 60_001), [60_001]);
}

#[test]
fn windows_of_different_origins_are_merged_by_the_time_of_their_slots() {
    let origin = origin();
    let later = origin + Duration::from_secs(17);
    let (mut one, mut other) = (
        Window::new(origin, SLOT_SECONDS),
        Window::new(later, SLOT_SECONDS),
    );
    record(&mut one, origin, 25_000);
    // In the slots of `other` that begin 3 s before and 22 s after the origin of `one`.
    record(&mut other, origin, 1_000);
    record(&mut other, origin, 26_000);
    one.merge(&other);
    assert_eq!(told(&one, origin, 54_999), [1_000, 25_000, 26_000]);
    assert_eq!(told(&one, origin, 55_000), [25_000, 26_000]);
    assert_eq!(told(&one, origin, 80_000), [25_000]);
    assert_eq!(told(&one, origin, 85_000), [] as [i64; 0]);
}

proptest! {
    #[test]
    fn a_window_tells_exactly_of_the_slots_it_covers(
        mut times in prop::collection::vec(-200_000..400_000i64, 0..60),
        later_ms in 0..100_000i64,
    ) {
        times.sort_unstable();
        let origin = origin();
        let mut window = Window::new(origin, SLOT_SECONDS);
        for at_ms in &times {
            record(&mut window, origin, *at_ms);
        }
        let now_ms = times.last().copied().unwrap_or(0) + later_ms;
        let oldest = now_ms.div_euclid(SLOT_MS) - (SLOTS as i64 - 1);
        let covered: Vec<i64> =
            times.iter().copied().filter(|at_ms| at_ms.div_euclid(SLOT_MS) >= oldest).collect();
        prop_assert!(covered.iter().all(|at_ms| now_ms - at_ms < SLOTS as i64 * SLOT_MS));
        prop_assert_eq!(told(&window, origin, now_ms), covered);
    }

    #[test]
    fn merging_is_recording_the_union(
        times in prop::collection::vec((any::<bool>(), -100_000..200_000i64), 0..60),
    ) {
        let origin = origin();
        let mut windows = [Window::new(origin, SLOT_SECONDS), Window::new(origin, SLOT_SECONDS)];
        let mut union = Window::new(origin, SLOT_SECONDS);
        let mut times = times;
        times.sort_by_key(|(_, at_ms)| *at_ms);
        for (which, at_ms) in &times {
            record(&mut windows[usize::from(*which)], origin, *at_ms);
            record(&mut union, origin, *at_ms);
        }
        let now_ms = times.last().map_or(0, |(_, at_ms)| *at_ms);
        let [mut merged, other] = windows;
        merged.merge(&other);
        prop_assert_eq!(told(&merged, origin, now_ms), told(&union, origin, now_ms));
    }
}
