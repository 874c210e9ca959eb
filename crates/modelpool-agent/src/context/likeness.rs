//! Whether two texts say the same.
//!
//! A text is the set of all five neighbouring words in it, lower-cased and without signs; characters of scripts without spaces are
//! words of their own. Broder, "On the resemblance and containment of documents", 1997
//! (<https://doi.org/10.1109/SEQUEN.1997.666900>): *resemblance* is the share of such fives that both have among all, *containment* the
//! share of one text's fives that the other has. Both are computed exactly; sets of passages are small.

use std::hash::{BuildHasher, Hash};

use super::words::is_unspaced;

/// Words in a row.
const WORDS: usize = 5;

/// From this share on two texts are the same.
pub(super) const SAME: f64 = 0.8;

/// The fives of a text, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fives(Vec<u64>);

impl Fives {
    /// Of a text. One of fewer than five words is one set of them.
    pub(super) fn of(text: &str) -> Self {
        let mut words: Vec<u64> = Vec::new();
        let mut word = String::new();
        let mut end = |word: &mut String| {
            if !word.is_empty() {
                words.push(hash_of(word.as_str()));
                word.clear();
            }
        };
        for character in text.chars() {
            if is_unspaced(character) {
                end(&mut word);
                word.push(character);
                end(&mut word);
            } else if character.is_alphanumeric() {
                word.extend(character.to_lowercase());
            } else {
                end(&mut word);
            }
        }
        end(&mut word);
        let mut fives: Vec<u64> = match words.len() {
            0 => Vec::new(),
            1..WORDS => vec![hash_of(words.as_slice())],
            _ => words.windows(WORDS).map(hash_of).collect(),
        };
        fives.sort_unstable();
        fives.dedup();
        Self(fives)
    }

    /// Whether the two resemble each other by at least [`SAME`].
    pub(super) fn resembles(&self, other: &Self) -> bool {
        let (small, large) = if self.0.len() < other.0.len() {
            (self, other)
        } else {
            (other, self)
        };
        // What the sizes alone rule out is not looked at.
        if small.0.is_empty() || (small.0.len() as f64) < SAME * large.0.len() as f64 {
            return false;
        }
        let common = small.common(large) as f64;
        common >= SAME * (small.0.len() as f64 + large.0.len() as f64 - common)
    }

    /// Whether at least [`SAME`] of it stands in the other.
    pub(super) fn stands_in(&self, other: &Self) -> bool {
        let needed = SAME * self.0.len() as f64;
        !self.0.is_empty() && other.0.len() as f64 >= needed && self.common(other) as f64 >= needed
    }

    fn common(&self, other: &Self) -> usize {
        let (mut a, mut b) = (self.0.as_slice(), other.0.as_slice());
        let mut common = 0;
        while let ([first_a, rest_a @ ..], [first_b, rest_b @ ..]) = (a, b) {
            common += usize::from(first_a == first_b);
            if first_a <= first_b {
                a = rest_a;
            }
            if first_b <= first_a {
                b = rest_b;
            }
        }
        common
    }
}

fn hash_of(value: &(impl Hash + ?Sized)) -> u64 {
    // A fixed seed: what is a repetition today is one tomorrow.
    foldhash::quality::FixedState::default().hash_one(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resemble(a: &str, b: &str) -> bool {
        let (a, b) = (Fives::of(a), Fives::of(b));
        assert_eq!(a.resembles(&b), b.resembles(&a));
        a.resembles(&b)
    }

    #[test]
    fn signs_and_case_make_no_other_text() {
        assert!(resemble("The pool holds models.", "the pool — holds MODELS"));
        assert!(resemble("模型池,挑选模型。", "模型池挑选模型"));
        assert!(!resemble("The pool holds models.", "The pool holds keys."));
        assert!(!resemble("", "") && !resemble("!", "!"));
    }

    #[test]
    fn a_changed_word_in_a_long_text_makes_no_other() {
        let text = |word: &str| {
            (0..100)
                .map(|at| {
                    if at == 50 {
                        word.to_owned()
                    } else {
                        format!("w{at}")
                    }
                })
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert!(resemble(&text("one"), &text("two")));
        // 96 fives each; three changed words in different places touch 15: 81 / 111 are common.
        let changed = text("one").replace("w10 ", "x ").replace("w80 ", "y ");
        assert!(!resemble(&changed, &text("two")));
    }

    #[test]
    fn a_passage_stands_in_its_document() {
        let document: String = (0..200).map(|at| format!("word{at} ")).collect();
        let passage = &document[200..600];
        assert!(Fives::of(passage).stands_in(&Fives::of(&document)));
        assert!(!Fives::of(&document).stands_in(&Fives::of(passage)));
        assert!(!Fives::of("").stands_in(&Fives::of(&document)));
    }
}
