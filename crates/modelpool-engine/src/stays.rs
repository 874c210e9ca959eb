//! Which model gave what a later request goes on from.
//!
//! A model that called a tool knows why: what it reasoned is signed by it and understood by nobody else, and
//! an answer that a vendor keeps is kept there alone. So the request that brings the tool's result, or names that
//! answer, goes to the model that gave it, whatever the selector says, as long as it fits and answers. When it
//! fails the next one is asked: a conversation can be moved, it only loses what was signed.
//!
//! Remembered are hashes of ids, a bounded number of them; what is forgotten only costs the preference.

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, PoisonError};

/// Ids that are remembered. A loop of tools that takes an hour at ten calls a second is among them.
const MOST_IDS: usize = 40_000;

/// What models gave, and which of them.
#[derive(Debug, Default)]
pub(crate) struct Stays {
    /// Of this process alone, so that nobody can choose ids that collide.
    hasher: foldhash::quality::RandomState,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    alias_of: HashMap<u64, Arc<str>, foldhash::fast::RandomState>,
    /// In the order of their coming.
    order: VecDeque<u64>,
}

impl Stays {
    /// A model gave these ids.
    pub(crate) fn note<'a>(&self, ids: impl IntoIterator<Item = &'a str>, alias: &Arc<str>) {
        for id in ids {
            let hash = self.hasher.hash_one(id);
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if known.alias_of.insert(hash, Arc::clone(alias)).is_none() {
                known.order.push_back(hash);
            }
            if known.order.len() > MOST_IDS
                && let Some(oldest) = known.order.pop_front()
            {
                known.alias_of.remove(&oldest);
            }
        }
    }

    /// The model that gave an id.
    pub(crate) fn alias_of(&self, id: &str) -> Option<Arc<str>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.alias_of.get(&self.hasher.hash_one(id)).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_ids_are_remembered() {
        let stays = Stays::default();
        let (first, second): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        stays.note(["call-1", "call-2"], &first);
        stays.note(["call-2"], &second);
        assert_eq!(stays.alias_of("call-1").as_deref(), Some("a"));
        assert_eq!(stays.alias_of("call-2").as_deref(), Some("b"));
        assert_eq!(stays.alias_of("call-3"), None);
        for number in 0..MOST_IDS {
            stays.note([number.to_string().as_str()], &first);
        }
        assert_eq!(stays.alias_of("call-1"), None);
        assert_eq!(stays.known.lock().unwrap().order.len(), MOST_IDS);
    }
}
