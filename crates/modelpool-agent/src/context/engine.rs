//! Phase 1: the history as it is, and what is found for the user's message in documents, notes and stores.
//!
//! Scores of different searches cannot be compared, so each counts as a share of the best of its own: the best passage of the
//! documents and the best of each store have 1. The history is not searched; phase 2 ranks it by age.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;

use super::bm25::{Bm25, Hit, Index};
use super::store::{ContextStore, StoreHit};
use super::tokens::{Counter, Tokenizers};
use super::{ContextEngine, ContextItem, PhaseError, Query, Retrieved, Source, measure};
use crate::{BoxFuture, Message};

/// What is looked for, and how much of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SearchLimits {
    /// Passages of documents and notes at most, and texts of each store.
    pub most_passages: usize,
    /// Passages of documents below this BM25 score are not taken.
    pub min_score: f64,
    /// The longest a store may take.
    pub store_timeout: Duration,
    /// Bytes of documents whose index is kept between turns, of all sessions together.
    pub most_kept_bytes: usize,
}

impl Default for SearchLimits {
    /// 8 passages of any score, 10 seconds, 64 MiB.
    fn default() -> Self {
        Self {
            most_passages: 8,
            min_score: 0.0,
            store_timeout: Duration::from_secs(10),
            most_kept_bytes: 64 << 20,
        }
    }
}

/// Sessions whose index is kept at most.
const MOST_KEPT: usize = 64;
/// Bytes that are read into an index before others may run.
const BYTES_AT_ONCE: usize = 64 << 10;

#[derive(Debug)]
struct Store {
    store: Arc<dyn ContextStore>,
    required: bool,
}

/// The default of phase 1.
///
/// The index of a session's documents is kept for its next turn, where only what changed is read. A session without a
/// name shares one place with all that have none.
#[derive(Debug, Default)]
pub struct SearchEngine {
    tokenizers: Arc<Tokenizers>,
    limits: SearchLimits,
    formula: Bm25,
    stores: Vec<Store>,
    /// The latest first.
    kept: Mutex<VecDeque<(Option<String>, Index)>>,
}

impl SearchEngine {
    /// One that counts with these tokenizers.
    #[must_use]
    pub fn new(tokenizers: Arc<Tokenizers>) -> Self {
        Self {
            tokenizers,
            ..Self::default()
        }
    }

    /// With other limits.
    #[must_use]
    pub fn limits(mut self, limits: SearchLimits) -> Self {
        self.limits = limits;
        self
    }

    /// With other numbers in the formula of BM25.
    #[must_use]
    pub fn formula(mut self, formula: Bm25) -> Self {
        self.formula = formula;
        self
    }

    /// Searches that store, too; where it fails the phase fails.
    #[must_use]
    pub fn store(mut self, store: Arc<dyn ContextStore>) -> Self {
        self.stores.push(Store {
            store,
            required: true,
        });
        self
    }

    /// Searches that store, too; where it fails the turn goes on without it, and [`Retrieved::failed`] says why.
    #[must_use]
    pub fn optional_store(mut self, store: Arc<dyn ContextStore>) -> Self {
        self.stores.push(Store {
            store,
            required: false,
        });
        self
    }

    async fn search_documents(&self, query: Query<'_>) -> Vec<Hit> {
        let documents = &query.session.documents;
        if documents.is_empty() {
            return Vec::new();
        }
        // The index is taken out, so that no lock is held while others run; a turn of the same session beside this one
        // makes its own, and the later one stays.
        let session = &query.session.session_id;
        let mut index = self.take(session).unwrap_or_else(|| Index::new(self.formula));
        let mut read = 0;
        for document in index.keep_only(documents) {
            index.insert(document);
            read += document.text.len();
            if read > BYTES_AT_ONCE {
                read = 0;
                tokio::task::yield_now().await;
            }
        }
        let mut hits = index.search(&query.message.text(), self.limits.most_passages);
        hits.retain(|hit| hit.score >= self.limits.min_score);
        self.keep(session.clone(), index);
        hits
    }

    fn take(&self, session: &Option<String>) -> Option<Index> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().position(|(of, _)| of == session)?;
        kept.remove(at).map(|(_, index)| index)
    }

    fn keep(&self, session: Option<String>, index: Index) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(of, _)| *of != session);
        kept.push_front((session, index));
        let mut bytes = 0;
        let fitting = kept.iter().take(MOST_KEPT).take_while(|(_, index)| {
            bytes += index.text_bytes();
            bytes <= self.limits.most_kept_bytes
        });
        let fitting = fitting.count();
        kept.truncate(fitting);
    }

    async fn search_store(
        &self,
        store: &dyn ContextStore,
        question: &str,
    ) -> Result<Vec<StoreHit>, PhaseError> {
        let most = self.limits.most_passages;
        let why = match tokio::time::timeout(self.limits.store_timeout, store.search(question, most)).await {
            Ok(Ok(mut hits)) => {
                hits.truncate(most);
                hits.retain(|hit| hit.score > 0.0 && hit.score.is_finite() && !hit.text.trim().is_empty());
                return Ok(hits);
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {} ms", self.limits.store_timeout.as_millis()),
        };
        Err(PhaseError {
            phase: "retrieve",
            message: format!("store `{}`: {why}", store.name()),
        })
    }
}

impl ContextEngine for SearchEngine {
    fn retrieve<'a>(&'a self, query: Query<'a>) -> BoxFuture<'a, Result<Retrieved, PhaseError>> {
        Box::pin(async move {
            let counter = self.tokenizers.of(query.model_name);
            let history = query.session.history.iter().enumerate();
            let mut items: Vec<_> = history
                .map(|(at, message)| ContextItem::new(Source::History(at), message.clone(), 0.0, 0))
                .collect();
            let mut found = shares_of_best(self.search_documents(query).await, |hit| hit.score, from_hit);

            let question = query.message.text();
            let searches = self
                .stores
                .iter()
                .map(|Store { store, .. }| self.search_store(store.as_ref(), &question));
            let mut failed = Vec::new();
            for (result, Store { required, .. }) in join_all(searches).await.into_iter().zip(&self.stores) {
                match result {
                    Ok(hits) => found.extend(shares_of_best(hits, |hit| hit.score, from_store)),
                    Err(error) if *required => return Err(error),
                    Err(error) => failed.push(error),
                }
            }
            best_first(&mut found);
            items.extend(found);
            Ok(Retrieved {
                failed,
                ..measured(items, &counter)
            })
        })
    }
}

/// Several engines as one: all search side by side, and each counts as a share of the best of its own.
///
/// The history is taken from the first engine that gives any.
#[derive(Clone, Debug, Default)]
pub struct JoinedEngines {
    tokenizers: Arc<Tokenizers>,
    engines: Vec<(Arc<dyn ContextEngine>, bool)>,
}

impl JoinedEngines {
    /// None yet.
    #[must_use]
    pub fn new(tokenizers: Arc<Tokenizers>) -> Self {
        Self {
            tokenizers,
            engines: Vec::new(),
        }
    }

    /// With that engine; where it fails the phase fails.
    #[must_use]
    pub fn engine(mut self, engine: Arc<dyn ContextEngine>) -> Self {
        self.engines.push((engine, true));
        self
    }

    /// With that engine; where it fails the turn goes on without it, and [`Retrieved::failed`] says why.
    #[must_use]
    pub fn optional_engine(mut self, engine: Arc<dyn ContextEngine>) -> Self {
        self.engines.push((engine, false));
        self
    }
}

impl ContextEngine for JoinedEngines {
    fn retrieve<'a>(&'a self, query: Query<'a>) -> BoxFuture<'a, Result<Retrieved, PhaseError>> {
        Box::pin(async move {
            let (mut history, mut found, mut failed) = (Vec::new(), Vec::new(), Vec::new());
            let searches = self.engines.iter().map(|(engine, _)| engine.retrieve(query));
            for (result, (_, required)) in join_all(searches).await.into_iter().zip(&self.engines) {
                let retrieved = match result {
                    Ok(retrieved) => retrieved,
                    Err(error) if *required => return Err(error),
                    Err(error) => {
                        failed.push(error);
                        continue;
                    }
                };
                failed.extend(retrieved.failed);
                let is_history = |item: &ContextItem| matches!(item.source, Source::History(_));
                let (said, searched): (Vec<_>, Vec<_>) = retrieved.items.into_iter().partition(is_history);
                if history.is_empty() {
                    history = said;
                }
                found.extend(shares_of_best(
                    searched,
                    |item| item.score,
                    |item, score| ContextItem { score, ..item },
                ));
            }
            best_first(&mut found);
            history.extend(found);
            Ok(Retrieved {
                failed,
                ..measured(history, &self.tokenizers.of(query.model_name))
            })
        })
    }
}

/// What was found by one search, each with its score as a share of the best.
fn shares_of_best<T>(
    found: Vec<T>,
    score: impl Fn(&T) -> f64,
    item: impl Fn(T, f64) -> ContextItem,
) -> Vec<ContextItem> {
    let finite = |score: f64| if score.is_finite() { score.max(0.0) } else { 0.0 };
    let best = found.iter().map(|one| finite(score(one))).fold(0.0, f64::max);
    let share = |one: &T| {
        if best > 0.0 {
            finite(score(one)) / best
        } else {
            0.0
        }
    };
    let items = found.into_iter().map(|one| {
        let share = share(&one);
        item(one, share)
    });
    items.collect()
}

/// Sorted by score; of equal ones the search that was asked first stays first.
fn best_first(items: &mut [ContextItem]) {
    items.sort_by(|a, b| b.score.total_cmp(&a.score));
}

fn from_hit(hit: Hit, score: f64) -> ContextItem {
    let name = hit.name.to_string();
    let source = if hit.note {
        Source::Note(name)
    } else {
        Source::Document(name)
    };
    ContextItem {
        place: Some(hit.place.clone()),
        ..ContextItem::new(source, Message::user(hit.text()), score, 0)
    }
}

fn from_store(hit: StoreHit, score: f64) -> ContextItem {
    ContextItem::new(Source::Store(hit.name), Message::user(hit.text), score, 0)
}

fn measured(mut items: Vec<ContextItem>, counter: &Counter) -> Retrieved {
    for item in &mut items {
        item.tokens = measure::tokens(item, counter);
    }
    measure::retrieved(items)
}

#[cfg(test)]
mod tests;
