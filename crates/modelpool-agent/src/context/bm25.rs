//! Search by words: Okapi BM25 over passages.
//!
//! A passage scores, over the distinct terms of the question,
//!
//! ```text
//!          ⎛     (k1 + 1) · tf               ⎞                     ⎛     N − n + 0.5 ⎞
//! Σ idf ·  ⎜ ───────────────────────────  + δ ⎟       idf  =  ln  ⎜ 1 + ─────────── ⎟
//!          ⎝ tf + k1·(1 − b + b·len/avg)     ⎠                     ⎝       n + 0.5   ⎠
//! ```
//!
//! with `tf` the times the term stands in the passage, `len` its words and `avg` their mean, `N` passages, `n` of them with the
//! term. From Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009
//! (<https://doi.org/10.1561/1500000019>); `ln(1 + …)`, which is never negative, is Lucene's form of the weight, one of the eight that Kamphuis,
//! de Vries, Boytsov and Lin compared and found alike ("Which BM25 Do You Mean?", ECIR 2020, <https://doi.org/10.1007/978-3-030-45442-5_4>,
//! read November 2026); δ is that of BM25+ (Lv and Zhai, "Lower-Bounding Term Frequency Normalization", CIKM 2011), which keeps long passages
//! from falling to those without the term; passages here are short and alike, so it is 0 unless set.
//!
//! Why our own: the crate `bm25` (2.3) fixes the mean length when it begins, keeps 32 bits of a term, answers ties in no
//! order, and writes Chinese in Latin letters before it cuts words; none of it can be changed from outside except the last.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;
use std::sync::Arc;

use super::passages::passages;
use super::{Document, Place, words};

/// Terms of a question that are looked up at most: the rarest.
const MOST_QUESTION_TERMS: usize = 256;

/// The numbers of the formula.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bm25 {
    /// How soon more of the same term stops to count; 0 or more.
    pub k1: f64,
    /// How much the length of a passage counts; a share in 0..=1.
    pub b: f64,
    /// What any passage with the term gets on top; 0 is Okapi, 1 is usual for BM25+.
    pub delta: f64,
}

impl Default for Bm25 {
    /// `k1` 1.2 and `b` 0.75, as Lucene has them.
    fn default() -> Self {
        Self {
            k1: 1.2,
            b: 0.75,
            delta: 0.0,
        }
    }
}

/// A passage that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// The document's name.
    pub name: Arc<str>,
    /// Whether it is a note.
    pub note: bool,
    /// Which part of the document it is.
    pub place: Place,
    /// Its BM25 score, above 0.
    pub score: f64,
    document: Arc<str>,
}

impl Hit {
    /// What the passage says.
    #[must_use]
    pub fn text(&self) -> &str {
        self.document.get(self.place.bytes.clone()).unwrap_or_default()
    }
}

/// Which document it is: another text under the same name is another document.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Identity {
    note: bool,
    name: Arc<str>,
    text_hash: u64,
}

impl Identity {
    fn of(document: &Document) -> Self {
        // A fixed seed: of equal documents it also says which comes first.
        let hash = foldhash::quality::FixedState::default().hash_one(document.text.as_bytes());
        Self {
            note: document.note,
            name: document.name.as_str().into(),
            text_hash: hash,
        }
    }
}

#[derive(Debug)]
struct Indexed {
    text: Arc<str>,
    /// Its passages' places in the list of passages.
    slots: Vec<u32>,
    /// Terms that stand in any of them.
    terms: Vec<u32>,
}

#[derive(Debug)]
struct Passage {
    identity: Arc<Identity>,
    place: Place,
    length: u64,
}

/// In which passage a term stands, and how often.
#[derive(Clone, Copy, Debug)]
struct Posting {
    slot: u32,
    times: u32,
}

/// Passages of documents and notes, to be searched.
///
/// ```
/// use modelpool_agent::context::{Document, bm25::Index};
///
/// let document = |name: &str, text: &str| Document { name: name.into(), text: text.into(), note: false };
/// let mut index = Index::default();
/// index.insert(&document("fruit.md", "Apples and pears.\n\nBananas are yellow."));
/// index.insert(&document("colours.md", "The sky is blue, a lemon is yellow."));
/// let hits = index.search("Which bananas?", 3);
/// assert_eq!((&*hits[0].name, hits[0].place.last_line), ("fruit.md", 3));
/// ```
///
/// It can be kept between turns: [`Index::update`] reads only what is new. What is found does not depend on the order
/// in which documents came.
#[derive(Debug, Default)]
pub struct Index {
    formula: Bm25,
    documents: HashMap<Arc<Identity>, Indexed>,
    passages: Vec<Option<Passage>>,
    free: Vec<u32>,
    vocabulary: HashMap<Arc<str>, u32, foldhash::fast::RandomState>,
    /// By a term's number: itself, and where it stands.
    terms: Vec<Arc<str>>,
    postings: Vec<Vec<Posting>>,
    free_terms: Vec<u32>,
    /// Passages, and the sum of their lengths.
    count: u64,
    length: u64,
    text_bytes: usize,
}

impl Index {
    /// An empty one with other numbers in its formula; those that are no number, or below 0, are taken as 0, and `b` as at most 1.
    #[must_use]
    pub fn new(formula: Bm25) -> Self {
        let at_least_0 = |number: f64| if number.is_finite() { number.max(0.0) } else { 0.0 };
        Self {
            formula: Bm25 {
                k1: at_least_0(formula.k1),
                b: at_least_0(formula.b).min(1.0),
                delta: at_least_0(formula.delta),
            },
            ..Self::default()
        }
    }

    /// Documents in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.documents.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.documents.is_empty()
    }

    /// Bytes of the texts in it.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        self.text_bytes
    }

    /// Passages in it.
    #[must_use]
    pub fn passages(&self) -> u64 {
        self.count
    }

    /// Makes it hold these documents and no others. Documents it has already are not read again.
    pub fn update(&mut self, documents: &[Document]) {
        for new in self.keep_only(documents) {
            self.insert(new);
        }
    }

    /// Takes out what is not among these documents; answers those that are not in it yet, each once.
    pub fn keep_only<'a>(&mut self, documents: &'a [Document]) -> Vec<&'a Document> {
        let mut new = Vec::new();
        let mut wanted = HashSet::new();
        for document in documents {
            let identity = Identity::of(document);
            let there = self
                .documents
                .get(&identity)
                .is_some_and(|there| *there.text == *document.text);
            if wanted.insert(identity) && !there {
                new.push(document);
            }
        }
        let mut gone: Vec<_> = self.documents.keys().cloned().collect();
        gone.retain(|identity| !wanted.contains(&**identity));
        if gone.len() == self.documents.len() {
            *self = Self::new(self.formula);
        }
        for identity in gone {
            self.take_out(&identity);
        }
        new
    }

    /// Adds a document; answers whether it was new. The same text under the same name is there once.
    pub fn insert(&mut self, document: &Document) -> bool {
        let identity = Arc::new(Identity::of(document));
        if let Some(there) = self.documents.get(&identity) {
            if *there.text == *document.text {
                return false;
            }
            self.take_out(&identity);
        }
        let mut of_name = Vec::new();
        words::of_passage(&document.name, |term| of_name.extend(self.term(term)));
        let mut slots = Vec::new();
        let mut terms = HashSet::new();
        let mut standing: Vec<u32> = Vec::new();
        for place in passages(&document.text) {
            standing.clear();
            let text = &document.text[place.bytes.clone()];
            let length = words::of_passage(text, |term| standing.extend(self.term(term)));
            // Who names the document asks for it; its name makes no passage longer.
            standing.extend(&of_name);
            let Some(slot) = self.free_slot(Passage {
                identity: Arc::clone(&identity),
                place,
                length,
            }) else {
                break;
            };
            slots.push(slot);
            standing.sort_unstable();
            for same in standing.chunk_by(|a, b| a == b) {
                let (term, times) = (same[0], u32::try_from(same.len()).unwrap_or(u32::MAX));
                terms.insert(term);
                self.postings[term as usize].push(Posting { slot, times });
            }
        }
        self.text_bytes += document.text.len();
        let indexed = Indexed {
            text: document.text.as_str().into(),
            slots,
            terms: terms.into_iter().collect(),
        };
        self.documents.insert(identity, indexed);
        true
    }

    /// Takes out the document; answers whether it was there.
    pub fn remove(&mut self, document: &Document) -> bool {
        self.take_out(&Identity::of(document))
    }

    fn take_out(&mut self, identity: &Identity) -> bool {
        let Some(gone) = self.documents.remove(identity) else {
            return false;
        };
        self.text_bytes -= gone.text.len();
        for slot in &gone.slots {
            if let Some(passage) = self.passages[*slot as usize].take() {
                self.count -= 1;
                self.length -= passage.length;
            }
            self.free.push(*slot);
        }
        for term in gone.terms {
            let passages = &self.passages;
            let postings = &mut self.postings[term as usize];
            postings.retain(|posting| passages[posting.slot as usize].is_some());
            if postings.is_empty() {
                self.vocabulary.remove(&self.terms[term as usize]);
                self.free_terms.push(term);
            }
        }
        true
    }

    fn free_slot(&mut self, passage: Passage) -> Option<u32> {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                let slot = u32::try_from(self.passages.len()).ok()?;
                self.passages.push(None);
                slot
            }
        };
        self.count += 1;
        self.length += passage.length;
        self.passages[slot as usize] = Some(passage);
        Some(slot)
    }

    fn term(&mut self, term: &str) -> Option<u32> {
        if let Some(known) = self.vocabulary.get(term) {
            return Some(*known);
        }
        let term: Arc<str> = term.into();
        let number = match self.free_terms.pop() {
            Some(number) => {
                self.terms[number as usize] = Arc::clone(&term);
                number
            }
            None => {
                let number = u32::try_from(self.postings.len()).ok()?;
                self.postings.push(Vec::new());
                self.terms.push(Arc::clone(&term));
                number
            }
        };
        self.vocabulary.insert(term, number);
        Some(number)
    }

    /// The best passages for a question, at most `most`, best first. Of equal scores the document whose name sorts first
    /// comes first, then the earlier passage.
    #[must_use]
    pub fn search(&self, question: &str, most: usize) -> Vec<Hit> {
        if self.count == 0 || most == 0 {
            return Vec::new();
        }
        let passages = self.count as f64;
        let mut found: Vec<(f64, &[Posting])> = Vec::new();
        for term in words::of_question(question) {
            let Some(number) = self.vocabulary.get(term.as_str()) else {
                continue;
            };
            let postings = self.postings[*number as usize].as_slice();
            let with = postings.len() as f64;
            found.push(((1.0 + (passages - with + 0.5) / (with + 0.5)).ln(), postings));
        }
        // A stable sort: of equally rare terms those that stand first in the question stay.
        found.sort_by(|a, b| b.0.total_cmp(&a.0));
        found.truncate(MOST_QUESTION_TERMS);

        let Bm25 { k1, b, delta } = self.formula;
        let mean = self.length as f64 / passages;
        let mut scores: HashMap<u32, f64> = HashMap::new();
        for (idf, postings) in found {
            for posting in postings {
                let Some(passage) = &self.passages[posting.slot as usize] else {
                    continue;
                };
                let relative = if mean > 0.0 {
                    passage.length as f64 / mean
                } else {
                    1.0
                };
                let times = f64::from(posting.times);
                let part = (k1 + 1.0) * times / (times + k1 * (1.0 - b + b * relative)) + delta;
                *scores.entry(posting.slot).or_default() += idf * part;
            }
        }
        let mut hits: Vec<(f64, &Passage)> = scores
            .into_iter()
            .filter_map(|(slot, score)| Some((score, self.passages[slot as usize].as_ref()?)))
            .collect();
        hits.sort_by(|(a_score, a), (b_score, b)| {
            let order = |passage: &Passage| {
                (
                    Arc::clone(&passage.identity.name),
                    passage.place.bytes.start,
                    passage.identity.note,
                )
            };
            let by_hash = a.identity.text_hash.cmp(&b.identity.text_hash);
            b_score
                .total_cmp(a_score)
                .then_with(|| order(a).cmp(&order(b)))
                .then(by_hash)
        });
        hits.truncate(most);
        let hits = hits.into_iter().filter_map(|(score, passage)| {
            Some(Hit {
                name: Arc::clone(&passage.identity.name),
                note: passage.identity.note,
                place: passage.place.clone(),
                score,
                document: Arc::clone(&self.documents.get(&passage.identity)?.text),
            })
        });
        hits.collect()
    }
}

#[cfg(test)]
mod tests;
