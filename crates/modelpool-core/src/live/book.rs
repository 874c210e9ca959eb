//! Finding live states again.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Instant;

use super::{LiveState, Measured, QuotaGroup, Rates, Slots};
use crate::breaker::{Breaker, BreakerSettings};
use crate::model::{ModelConfig, ModelLimits};
use crate::rate::RateLimit;

/// Most names of one wildcard that have a breaker of their own: callers make names up.
const MOST_NAMES: usize = 1_000;

/// The live states of a pool's entries, by what they belong to.
///
/// Clones are handles of the same book. It keeps nothing alive: what no entry uses any more is
/// forgotten.
#[derive(Clone, Debug, Default)]
pub struct LiveBook {
    settings: BreakerSettings,
    shelves: Arc<Mutex<Shelves>>,
}

#[derive(Debug, Default)]
struct Shelves {
    measured: Shelf<(Arc<str>, Model), Measured>,
    names: Shelf<Model, Names>,
    endpoints: Shelf<Address, Endpoint>,
    quotas: Shelf<Arc<str>, QuotaGroup>,
    rates: Shelf<(Arc<str>, ModelLimits), Rates>,
}

/// Provider and base URL.
type Address = (String, Option<String>);
/// Address and the vendor's name; the name of a wildcard is empty.
type Model = (Address, Arc<str>);

impl LiveBook {
    /// A book whose breakers have these settings.
    #[must_use]
    pub fn new(settings: BreakerSettings) -> Self {
        Self {
            settings,
            shelves: Arc::default(),
        }
    }

    /// The state of an entry: what is known of it already, and new where nothing is.
    #[must_use]
    pub fn state_of(&self, config: &ModelConfig) -> Arc<LiveState> {
        let address: Address = (config.provider.clone(), config.base_url.clone());
        let model: Model = (address.clone(), Arc::clone(&config.model_name));
        let alias = Arc::clone(&config.alias);
        let group = config.quota_group.clone();
        let settings = self.settings;
        let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::new(LiveState {
            measured: shelves
                .measured
                .get((Arc::clone(&alias), model.clone()), Measured::default),
            names: shelves
                .names
                .get(model, || Names::new(settings, config.is_wildcard())),
            endpoint: shelves
                .endpoints
                .get(address, || Endpoint(Breaker::new(settings))),
            // An entry without a group is a group of its own, which no name can join.
            quota: match group {
                Some(group) => shelves.quotas.get(group, QuotaGroup::default),
                None => shelves
                    .quotas
                    .get(format!("\0{alias}").into(), QuotaGroup::default),
            },
            rates: shelves
                .rates
                .get((alias, config.limits), || Rates::new(&config.limits)),
        })
    }
}

/// Things by their key, for as long as somebody holds them.
#[derive(Debug)]
struct Shelf<K, V> {
    by_key: HashMap<K, Weak<V>>,
    /// Entries at which those that nobody holds are cleared away.
    full: usize,
}

impl<K, V> Default for Shelf<K, V> {
    fn default() -> Self {
        Self {
            by_key: HashMap::new(),
            full: 64,
        }
    }
}

impl<K: Eq + Hash, V> Shelf<K, V> {
    fn get(&mut self, key: K, make: impl FnOnce() -> V) -> Arc<V> {
        if let Some(present) = self.by_key.get(&key).and_then(Weak::upgrade) {
            return present;
        }
        if self.by_key.len() >= self.full {
            self.by_key.retain(|_, held| held.strong_count() > 0);
            self.full = (self.by_key.len() * 2).max(64);
        }
        let made = Arc::new(make());
        self.by_key.insert(key, Arc::downgrade(&made));
        made
    }
}

/// The breaker of a server.
#[derive(Debug)]
pub(super) struct Endpoint(pub(super) Breaker);

impl Default for Endpoint {
    fn default() -> Self {
        Self(Breaker::new(BreakerSettings::default()))
    }
}

/// The breaker of a model, or those of the names a wildcard stands for.
#[derive(Debug)]
pub(super) struct Names {
    settings: BreakerSettings,
    own: Breaker,
    /// Of a wildcard.
    by_name: Option<Mutex<HashMap<Arc<str>, Breaker>>>,
}

impl Default for Names {
    fn default() -> Self {
        Self::new(BreakerSettings::default(), false)
    }
}

impl Names {
    fn new(settings: BreakerSettings, wildcard: bool) -> Self {
        Self {
            settings,
            own: Breaker::new(settings),
            by_name: wildcard.then(Mutex::default),
        }
    }

    pub(super) fn breaker(&self, name: &Arc<str>, now: Instant) -> Breaker {
        let Some(by_name) = &self.by_name else {
            return self.own.clone();
        };
        let mut by_name = by_name.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = by_name.get(name) {
            return known.clone();
        }
        if by_name.len() >= MOST_NAMES {
            // Those that are shut off are remembered as long as there is room for them.
            by_name.retain(|_, breaker| breaker.open_until(now).is_some());
        }
        let breaker = Breaker::new(self.settings);
        if by_name.len() < MOST_NAMES {
            by_name.insert(Arc::clone(name), breaker.clone());
        }
        breaker
    }

    pub(super) fn all(&self) -> Vec<(Option<Arc<str>>, Breaker)> {
        let Some(by_name) = &self.by_name else {
            return vec![(None, self.own.clone())];
        };
        let by_name = by_name.lock().unwrap_or_else(PoisonError::into_inner);
        let named = by_name.iter();
        named
            .map(|(name, breaker)| (Some(Arc::clone(name)), breaker.clone()))
            .collect()
    }
}

impl Rates {
    fn new(limits: &ModelLimits) -> Self {
        Self {
            requests: limits.requests_per_minute.map(RateLimit::per_minute),
            tokens: limits.tokens_per_minute.map(RateLimit::per_minute),
            slots: limits.max_concurrent.map(|most| Slots::new(most.get())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(alias: &str, name: &str) -> ModelConfig {
        ModelConfig::new(alias, "openai", name)
    }

    #[test]
    #[allow(clippy::disallowed_methods)]
    fn what_is_shared_is_shared() {
        let now = Instant::now();
        let book = LiveBook::default();
        let first = book.state_of(&model("a", "m").quota_group("team"));
        let twin = book.state_of(&model("b", "m").quota_group("team"));
        let other = book.state_of(&model("c", "n"));
        for _ in 0..5 {
            first.breaker(&"m".into(), now).admit(now).unwrap().failed(now);
            first.endpoint().admit(now).unwrap().failed(now);
        }
        assert!(twin.breaker(&"m".into(), now).open_until(now).is_some());
        assert!(other.breaker(&"n".into(), now).open_until(now).is_none());
        assert!(other.endpoint().open_until(now).is_some());
        first
            .quota(now)
            .hold_until(now + std::time::Duration::from_secs(1), now);
        assert!(twin.quota(now).free_at(now).is_some());
        assert!(other.quota(now).free_at(now).is_none());
    }

    #[test]
    fn an_entry_that_is_replaced_finds_its_state_again() {
        let book = LiveBook::default();
        let first = book.state_of(&model("a", "m"));
        let _under_way = first.enter();
        let again = book.state_of(&model("a", "m").capabilities(crate::Capabilities::new().max_tokens(9)));
        assert_eq!(again.in_flight(), 1);
        assert_eq!(book.state_of(&model("a", "another")).in_flight(), 0);
    }

    #[test]
    #[allow(clippy::disallowed_methods)]
    fn names_that_callers_make_up_take_bounded_room() {
        let now = Instant::now();
        let book = LiveBook::default();
        let state = book.state_of(&model("groq/*", ""));
        for number in 0..3 * MOST_NAMES {
            let _ = state.breaker(&format!("name-{number}").into(), now);
        }
        assert!(state.breakers().len() <= MOST_NAMES);
    }
}
