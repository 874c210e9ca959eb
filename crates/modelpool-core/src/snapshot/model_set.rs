//! Models of one snapshot, by their places in it.

use smallvec::SmallVec;

/// A model's place in its snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelIndex(u32);

impl ModelIndex {
    pub(super) fn at(place: usize) -> Self {
        // A pool of four billion models does not fit in memory.
        Self(u32::try_from(place).unwrap_or(u32::MAX))
    }

    pub(super) fn place(self) -> usize {
        self.0 as usize
    }
}

/// A set of models of one snapshot: one bit each, inline up to 1,024 models.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelSet(SmallVec<[u64; 16]>);

impl ModelSet {
    /// Adds a model.
    pub fn insert(&mut self, index: ModelIndex) {
        let word = index.place() / 64;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (index.place() % 64);
    }

    /// Whether the model is in the set.
    #[must_use]
    pub fn contains(&self, index: ModelIndex) -> bool {
        self.0
            .get(index.place() / 64)
            .is_some_and(|word| word & (1 << (index.place() % 64)) != 0)
    }

    /// Whether no model is in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// Number of models in the set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The models, in the order of the pool.
    pub fn iter(&self) -> impl Iterator<Item = ModelIndex> + '_ {
        self.0.iter().enumerate().flat_map(|(at, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                (rest != 0).then(|| {
                    let bit = rest.trailing_zeros() as usize;
                    rest &= rest - 1;
                    ModelIndex::at(at * 64 + bit)
                })
            })
        })
    }

    /// The models that are in this set and not in the other.
    #[must_use]
    pub fn without(&self, other: &ModelSet) -> ModelSet {
        let words = self.0.iter().enumerate();
        Self(
            words
                .map(|(at, word)| word & !other.0.get(at).copied().unwrap_or(0))
                .collect(),
        )
    }

    /// The models that are in both.
    #[must_use]
    pub fn intersection(&self, other: &ModelSet) -> ModelSet {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a & b).collect())
    }
}

/// A set that is kept for as long as a request: small where the pool is, since it is moved and remembered.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeptSet(SmallVec<[u64; 2]>);

impl KeptSet {
    /// Whether the model is in the set.
    pub(crate) fn contains(&self, index: ModelIndex) -> bool {
        let word = self.0.get(index.place() / 64);
        word.is_some_and(|word| word & (1 << (index.place() % 64)) != 0)
    }

    /// Whether no model is in the set.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// The set, to be worked with.
    pub(crate) fn whole(&self) -> ModelSet {
        ModelSet(SmallVec::from_slice(&self.0))
    }
}

impl From<&ModelSet> for KeptSet {
    fn from(set: &ModelSet) -> Self {
        let words = set
            .0
            .iter()
            .rposition(|word| *word != 0)
            .map_or(0, |last| last + 1);
        Self(SmallVec::from_slice(&set.0[..words]))
    }
}

impl FromIterator<ModelIndex> for ModelSet {
    fn from_iter<I: IntoIterator<Item = ModelIndex>>(indices: I) -> Self {
        let mut set = Self::default();
        for index in indices {
            set.insert(index);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_that_is_kept_is_the_same_set() {
        for members in [&[][..], &[0], &[63, 64], &[127], &[3, 128, 900]] {
            let set: ModelSet = members.iter().map(|place| ModelIndex::at(*place)).collect();
            let kept = KeptSet::from(&set);
            assert_eq!(kept.whole(), set);
            assert_eq!(kept.is_empty(), set.is_empty());
            for place in [0, 3, 63, 64, 127, 128, 900, 5000] {
                let index = ModelIndex::at(place);
                assert_eq!(
                    kept.contains(index),
                    set.contains(index),
                    "{place} of {members:?}"
                );
            }
        }
        // Words that hold nothing are not kept.
        let none =
            ModelSet::from_iter([ModelIndex::at(900)]).without(&ModelSet::from_iter([ModelIndex::at(900)]));
        assert!(KeptSet::from(&none).0.is_empty());
    }
}
