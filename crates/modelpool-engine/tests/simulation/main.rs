//! The engine under thousands of random schedules of failures, in paused time.
//!
//! From a seed a [`schedule`] is drawn: models and servers, requests of every kind, callers who
//! read slowly or leave, models that come and go. It is [played](play) over a simulated network,
//! and then the [promises](promises) are checked that hold whatever happens. A schedule that
//! breaks one is printed with its seed, and is played again alone by
//!
//! ```text
//! MODELPOOL_SEED=123 cargo test -p modelpool-engine --test simulation
//! ```
//!
//! `MODELPOOL_SEEDS=200000` plays more of them.

// A test fails by panicking, tells what it saw, and is reached by nobody else.
#![allow(clippy::unwrap_used, clippy::print_stdout, unreachable_pub)]

mod caller;
mod play;
mod promises;
mod schedule;
mod tally;
mod world;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use play::Played;
use schedule::Schedule;
use tally::Tally;

/// Schedules played by default.
const SCHEDULES: u64 = 20_000;

/// One in so many schedules is played twice: a seed that is not played the same every time could
/// not be played again.
const PLAYED_TWICE: u64 = 200;

/// Failures after which no more is played.
const MOST_FAILURES: usize = 20;

/// Real time in which no schedule ended: one takes a millisecond.
const STUCK: Duration = Duration::from_secs(60);

#[test]
fn every_promise_holds_on_every_schedule() {
    if let Some(seed) = number("MODELPOOL_SEED") {
        return replay(seed);
    }
    let schedules = number("MODELPOOL_SEEDS").unwrap_or(SCHEDULES);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (sender, played) = sync_channel(threads);
    let next = Arc::new(AtomicU64::new(0));
    let playing: Arc<Vec<AtomicU64>> = Arc::new((0..threads).map(|_| AtomicU64::default()).collect());
    for thread in 0..threads {
        let (next, playing, sender) = (Arc::clone(&next), Arc::clone(&playing), sender.clone());
        std::thread::spawn(move || {
            let mut seeds = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
            while let Some(seed) = seeds.next().filter(|seed| *seed < schedules) {
                playing[thread].store(seed, Ordering::Relaxed);
                let result = try_seed(seed).map(|played| Tally::of(&played));
                if sender.send((seed, result)).is_err() {
                    break;
                }
            }
        });
    }
    drop(sender);
    let (mut tally, mut failures) = (Tally::default(), BTreeMap::new());
    loop {
        match played.recv_timeout(STUCK) {
            Ok((_, Ok(more))) => tally.add(&more),
            Ok((seed, Err(failure))) => drop(failures.insert(seed, failure)),
            Err(RecvTimeoutError::Disconnected) => break,
            // Threads that turn in circles are left to the end of the process.
            Err(RecvTimeoutError::Timeout) => panic!("one of these seeds does not end: {playing:?}"),
        }
        if failures.len() == MOST_FAILURES {
            break;
        }
    }
    if let Some((first, failure)) = failures.first_key_value() {
        let others: Vec<String> = failures.values().skip(1).map(Failure::in_short).collect();
        panic!(
            "{}\nfurther seeds that fail after {first}:\n{}",
            failure.told(),
            others.join("\n")
        );
    }
    println!("{tally}");
    if schedules >= SCHEDULES {
        tally.reaches_every_corner();
    }
}

/// Plays one schedule and tells all about it.
fn replay(seed: u64) {
    match try_seed(seed) {
        Ok(played) => println!("{}\nevery promise holds", played.story(&Schedule::draw(seed))),
        Err(failure) => panic!("{}", failure.told()),
    }
}

/// A schedule on which promises were broken.
struct Failure {
    seed: u64,
    broken: Vec<String>,
    story: String,
}

impl Failure {
    fn in_short(&self) -> String {
        format!("  {}: {}", self.seed, self.broken.join("; "))
    }

    fn told(&self) -> String {
        let Self { seed, broken, story } = self;
        format!(
            "seed {seed} breaks a promise:\n  {}\n\n{story}\n\
             again: MODELPOOL_SEED={seed} cargo test -p modelpool-engine --test simulation\n",
            broken.join("\n  ")
        )
    }
}

fn try_seed(seed: u64) -> Result<Played, Failure> {
    let schedule = Schedule::draw(seed);
    let play = || {
        catch_unwind(AssertUnwindSafe(|| play::play(&schedule))).unwrap_or_else(|_| Played {
            accidents: vec!["a panic".to_owned()],
            ..Played::default()
        })
    };
    let played = play();
    let mut broken = promises::broken(&schedule, &played);
    if seed.is_multiple_of(PLAYED_TWICE) {
        broken.extend(played.differs_from(&play()));
    }
    if broken.is_empty() {
        return Ok(played);
    }
    let story = played.story(&schedule);
    Err(Failure { seed, broken, story })
}

fn number(variable: &str) -> Option<u64> {
    let value = std::env::var(variable).ok()?;
    Some(
        value
            .parse()
            .unwrap_or_else(|_| panic!("{variable}={value} is no number")),
    )
}
