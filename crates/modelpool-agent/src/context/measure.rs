//! The size of pieces of context, as they are sent.

use super::tokens::Counter;
use super::{ContextItem, Retrieved, Source, block};

/// Tokens of a piece: of the history as a message, of anything else as a passage between its tags.
pub(super) fn tokens(item: &ContextItem, counter: &Counter) -> u64 {
    match item.source {
        Source::History(_) => counter.message(&item.message),
        _ => counter.text(&block::passage(item)),
    }
}

/// The pieces with the sums of their sizes.
pub(super) fn retrieved(items: Vec<ContextItem>) -> Retrieved {
    Retrieved {
        tokens: items.iter().map(|item| item.tokens).fold(0, u64::saturating_add),
        characters: items
            .iter()
            .map(|item| item.message.text().chars().count() as u64)
            .sum(),
        items,
        ..Retrieved::default()
    }
}
