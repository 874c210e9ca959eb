//! Calls added up: what is known of a period, in a form that can be merged.

use super::record::{CallRecord, Ending, Measured};
use super::sketch::QuantileSketch;
use super::window::Tallied;

/// Classes of failures that are told apart; there are fewer codes of errors. What comes beyond is [`OTHER`].
const MAX_CLASSES: usize = 32;

/// The class that failures of too many classes are counted under.
pub(super) const OTHER: &str = "other";

/// Calls of one model, added up.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub(super) successes: u64,
    pub(super) cancelled: u64,
    pub(super) failures: Failures,
    pub(super) latency_ms: QuantileSketch,
    pub(super) first_token_ms: QuantileSketch,
    /// Output tokens of successes, and the time in which they were made.
    pub(super) generated_tokens: u64,
    pub(super) generating_seconds: f64,
    pub(super) input_tokens: u64,
    pub(super) output_tokens: u64,
    pub(super) cached_input_tokens: u64,
    pub(super) cache_write_tokens: u64,
    pub(super) images: u64,
    pub(super) cost_usd: f64,
    pub(super) priced_requests: u64,
    pub(super) unpriced_requests: u64,
}

/// A call with everything worked out that several tallies need, so that it is done once and outside of the lock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prepared {
    pub(super) ending: Ending,
    record: CallRecord,
    latency_ms: Measured,
    first_token_ms: Option<Measured>,
    pub(super) output_length: Measured,
    generating_seconds: f64,
    unpriced: bool,
    cost_usd: Option<f64>,
}

impl Prepared {
    pub(super) fn new(record: &CallRecord) -> Self {
        Self {
            ending: record.ending(),
            record: *record,
            latency_ms: record.latency_ms(),
            first_token_ms: record.first_token_ms(),
            output_length: record.output_length(),
            generating_seconds: record.generating_seconds(),
            unpriced: record.is_unpriced(),
            cost_usd: record.known_cost_usd(),
        }
    }
}

impl Tally {
    pub(super) fn add(&mut self, call: &Prepared) {
        match call.ending {
            Ending::Succeeded => self.add_success(call),
            Ending::Failed(class) => self.failures.add(class, 1),
            Ending::Cancelled => self.cancelled += 1,
        }
        let record = &call.record;
        self.input_tokens = self.input_tokens.saturating_add(record.input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(record.output_tokens);
        self.cached_input_tokens = self
            .cached_input_tokens
            .saturating_add(record.cached_input_tokens);
        self.cache_write_tokens = self.cache_write_tokens.saturating_add(record.cache_write_tokens);
        self.images = self.images.saturating_add(record.images);
        if let Some(cost_usd) = call.cost_usd {
            self.cost_usd += cost_usd;
            self.priced_requests += 1;
        }
        self.unpriced_requests += u64::from(call.unpriced);
    }

    fn add_success(&mut self, call: &Prepared) {
        self.successes += 1;
        self.latency_ms
            .record_in(call.latency_ms.bucket, call.latency_ms.value);
        if let Some(first_token) = call.first_token_ms {
            self.first_token_ms
                .record_in(first_token.bucket, first_token.value);
        }
        if call.record.output_tokens > 0 {
            self.generated_tokens = self.generated_tokens.saturating_add(call.record.output_tokens);
            self.generating_seconds += call.generating_seconds;
        }
    }
}

impl Tallied for Tally {
    fn clear(&mut self) {
        let Self {
            failures,
            latency_ms,
            first_token_ms,
            ..
        } = std::mem::take(self);
        (self.failures, self.latency_ms, self.first_token_ms) = (failures, latency_ms, first_token_ms);
        self.failures.0.clear();
        self.latency_ms.clear();
        self.first_token_ms.clear();
    }

    fn merge(&mut self, other: &Self) {
        self.successes = self.successes.saturating_add(other.successes);
        self.cancelled = self.cancelled.saturating_add(other.cancelled);
        for (class, count) in other.failures.iter() {
            self.failures.add(class, count);
        }
        self.latency_ms.merge(&other.latency_ms);
        self.first_token_ms.merge(&other.first_token_ms);
        self.generated_tokens = self.generated_tokens.saturating_add(other.generated_tokens);
        self.generating_seconds += other.generating_seconds;
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
        self.cached_input_tokens = self.cached_input_tokens.saturating_add(other.cached_input_tokens);
        self.cache_write_tokens = self.cache_write_tokens.saturating_add(other.cache_write_tokens);
        self.images = self.images.saturating_add(other.images);
        self.cost_usd += other.cost_usd;
        self.priced_requests = self.priced_requests.saturating_add(other.priced_requests);
        self.unpriced_requests = self.unpriced_requests.saturating_add(other.unpriced_requests);
    }
}

impl Tallied for QuantileSketch {
    fn clear(&mut self) {
        QuantileSketch::clear(self);
    }

    fn merge(&mut self, other: &Self) {
        QuantileSketch::merge(self, other);
    }
}

/// Failures by class. A list, because a model rarely fails in more than three ways.
#[derive(Clone, Debug, Default)]
pub(super) struct Failures(Vec<(&'static str, u64)>);

impl Failures {
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.0.iter().copied()
    }

    fn add(&mut self, class: &'static str, count: u64) {
        // One place is kept for what comes beyond.
        let full = self.0.len() + 1 >= MAX_CLASSES;
        if let Some(held) = self.of(class) {
            *held = held.saturating_add(count);
        } else if !full || class == OTHER {
            self.0.push((class, count));
        } else {
            self.add(OTHER, count);
        }
    }

    fn of(&mut self, class: &str) -> Option<&mut u64> {
        let held = self.0.iter_mut().find(|(held, _)| *held == class);
        held.map(|(_, count)| count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_beyond_the_bound_are_counted_together() {
        let mut failures = Failures::default();
        let classes: Vec<&'static str> = (0..MAX_CLASSES + 8)
            .map(|number| &*Box::leak(format!("class_{number}").into_boxed_str()))
            .collect();
        for class in classes.iter().chain(&classes) {
            failures.add(class, 1);
        }
        assert_eq!(failures.iter().count(), MAX_CLASSES);
        assert_eq!(failures.of(OTHER), Some(&mut 18));
        assert_eq!(failures.of("class_0"), Some(&mut 2));
    }
}
