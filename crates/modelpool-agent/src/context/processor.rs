//! Phase 2: what is worth its tokens, in the room there is.
//!
//! 1. What no model would take goes: calls of tools without their results, results without their call.
//! 2. The last turn of the history stays. Where it alone is too large, its newest exchanges stay, and where even the
//!    last one is too large, its longest texts are cut.
//! 3. Instructions that the history begins with stay, as far as there is room.
//! 4. The rest is ranked by worth for its tokens. A turn is worth `0.5 ^ (turns since / 8)`, a passage its score as a share of the
//!    best; that is divided by the tokens, of which 64 count at least, or the shortest would always win. In that order each is
//!    taken that fits: of a turn that does not, what was said and as many of its newest exchanges as fit; of a passage
//!    that does not, as many sentences as fit, if that is 64 tokens.
//! 5. A passage that resembles a better one by 0.8, or that stands by 0.8 in a message of the history that is kept or in the user's own,
//!    is left out as a repetition ([`likeness`](super::likeness) says of what); so is a turn that says what another one that is kept says, word for word.
//!
//! The result has the history in its order, then the passages, best first. It always fits: where there is no room at all it is empty, and
//! whether what cannot be left out fits is for the call to find out. Processing it once more changes nothing. More
//! room takes a piece away only for one of higher rank that had found no room before, or that says the same.

use std::sync::Arc;

use super::tokens::Tokenizers;
use super::{ContextProcessor, PhaseError, Query, Retrieved, TokenDemand, measure};
use crate::BoxFuture;

mod pieces;
mod selection;

use pieces::Pieces;

/// The default of phase 2.
#[derive(Clone, Debug, Default)]
pub struct TrimmingProcessor {
    tokenizers: Arc<Tokenizers>,
}

impl TrimmingProcessor {
    /// One that counts with these tokenizers.
    #[must_use]
    pub fn new(tokenizers: Arc<Tokenizers>) -> Self {
        Self { tokenizers }
    }

    fn trim(&self, query: Query<'_>, found: Retrieved, demand: TokenDemand) -> Retrieved {
        let counter = self.tokenizers.of(query.model_name);
        let Retrieved {
            items,
            mut left_out,
            failed,
            ..
        } = found;
        let pieces = Pieces::new(items, &counter);
        let (items, omitted) =
            selection::select(&pieces, &query.message.text(), demand.for_context(), &counter);
        left_out.extend(omitted);
        Retrieved {
            left_out,
            failed,
            ..measure::retrieved(items)
        }
    }
}

impl ContextProcessor for TrimmingProcessor {
    fn process<'a>(
        &'a self,
        query: Query<'a>,
        found: Retrieved,
        demand: TokenDemand,
    ) -> BoxFuture<'a, Result<Retrieved, PhaseError>> {
        Box::pin(async move { Ok(self.trim(query, found, demand)) })
    }
}

#[cfg(test)]
mod tests;
