//! The user's own store of texts, searched in phase 1.

use std::fmt;

use crate::BoxFuture;

/// A store that finds texts for a question: a vector store, a database, a service.
///
/// ```
/// use modelpool_agent::BoxFuture;
/// use modelpool_agent::context::store::{ContextStore, StoreError, StoreHit};
///
/// #[derive(Debug)]
/// struct Faq;
///
/// impl ContextStore for Faq {
///     fn name(&self) -> &str {
///         "faq"
///     }
///
///     fn search<'a>(&'a self, question: &'a str, most: usize) -> BoxFuture<'a, Result<Vec<StoreHit>, StoreError>> {
///         Box::pin(async move {
///             let hit = StoreHit { name: "faq/7".into(), text: "We open at nine.".into(), score: 0.9 };
///             Ok(if question.contains("open") { vec![hit] } else { Vec::new() }.into_iter().take(most).collect())
///         })
///     }
/// }
/// ```
pub trait ContextStore: Send + Sync + fmt::Debug {
    /// Its name, in errors.
    fn name(&self) -> &str;

    /// The best texts for a question, at most `most`, best first. Dropping the future ends the search.
    ///
    /// # Errors
    /// It cannot be searched; in words without secrets.
    fn search<'a>(
        &'a self,
        question: &'a str,
        most: usize,
    ) -> BoxFuture<'a, Result<Vec<StoreHit>, StoreError>>;
}

/// A text that a store found.
#[derive(Clone, Debug, PartialEq)]
pub struct StoreHit {
    /// Its name in the store, by which it can be cited.
    pub name: String,
    /// What it says.
    pub text: String,
    /// How much it has to do with the question, in the store's own measure; larger is more, 0 or less is nothing.
    pub score: f64,
}

/// Why a store cannot be searched, in words without secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreError(pub String);

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StoreError {}
