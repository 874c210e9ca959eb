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

/// A set of models of one snapshot: one bit each, inline up to 256 models.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelSet(SmallVec<[u64; 4]>);

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

impl FromIterator<ModelIndex> for ModelSet {
    fn from_iter<I: IntoIterator<Item = ModelIndex>>(indices: I) -> Self {
        let mut set = Self::default();
        for index in indices {
            set.insert(index);
        }
        set
    }
}
