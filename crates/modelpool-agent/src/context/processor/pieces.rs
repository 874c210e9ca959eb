//! What was found, sorted for choosing: turns and passages with their worth.

use std::cell::OnceCell;

use super::super::likeness::Fives;
use super::super::tokens::Counter;
use super::super::turns::{Turn, Turns, turns};
use super::super::{ContextItem, Source, measure};
use crate::Message;

/// Turns after which a turn is worth half.
const HALF_LIFE_TURNS: f64 = 8.0;
/// Tokens a piece counts for at least when its worth is divided by them.
const FEWEST_TOKENS: u64 = 64;

/// A piece that may be taken; numbers are places in [`Pieces::turns`] and [`Pieces::passages`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Candidate {
    Turn(usize),
    Passage(usize),
}

/// What was found. Wherever a place in the history is named, it is the place in `history`.
#[derive(Debug)]
pub(super) struct Pieces {
    /// The history, in its order.
    pub(super) history: Vec<ContextItem>,
    /// All else, best first.
    pub(super) passages: Vec<ContextItem>,
    pub(super) parts: Turns,
    fives: Vec<OnceCell<Fives>>,
}

impl Pieces {
    /// Measures and sorts what was found.
    pub(super) fn new(mut items: Vec<ContextItem>, counter: &Counter) -> Self {
        for item in &mut items {
            item.tokens = measure::tokens(item, counter);
        }
        let place = |item: &ContextItem| match item.source {
            Source::History(at) => Some(at),
            _ => None,
        };
        let (mut history, mut passages): (Vec<_>, Vec<_>) =
            items.into_iter().partition(|item| place(item).is_some());
        history.sort_by_key(place);
        passages.sort_by(|a, b| score(b).total_cmp(&score(a)));
        let messages: Vec<&Message> = history.iter().map(|item| &item.message).collect();
        Self {
            parts: turns(&messages),
            fives: vec![OnceCell::new(); history.len()],
            history,
            passages,
        }
    }

    /// The turns, oldest first.
    pub(super) fn turns(&self) -> &[Turn] {
        &self.parts.turns
    }

    /// Tokens of messages of the history.
    pub(super) fn tokens(&self, places: impl IntoIterator<Item = usize>) -> u64 {
        places
            .into_iter()
            .map(|at| self.history[at].tokens)
            .fold(0, u64::saturating_add)
    }

    /// The fives of a message of the history.
    pub(super) fn fives(&self, at: usize) -> &Fives {
        self.fives[at].get_or_init(|| Fives::of(&self.history[at].message.text()))
    }

    /// All turns but the last, and all passages, in the order of their worth for their tokens.
    pub(super) fn ranked(&self) -> Vec<Candidate> {
        let best = self.passages.first().map_or(0.0, score);
        let older = self.turns().len().saturating_sub(1);
        let turns = (0..older).rev().map(|at| {
            let since = (older - at) as f64;
            let tokens = self.tokens(places(&self.turns()[at]));
            (Candidate::Turn(at), 0.5_f64.powf(since / HALF_LIFE_TURNS), tokens)
        });
        let passages = self.passages.iter().enumerate().map(|(at, item)| {
            let share = if best > 0.0 { score(item) / best } else { 0.0 };
            (Candidate::Passage(at), share, item.tokens)
        });
        let worth = turns
            .chain(passages)
            .map(|(candidate, worth, tokens)| (candidate, worth / tokens.max(FEWEST_TOKENS) as f64));
        let mut ranked: Vec<_> = worth.collect();
        // A stable sort: of equal worth the newer turn comes first, and turns before passages.
        ranked.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        ranked.into_iter().map(|(candidate, _)| candidate).collect()
    }
}

fn score(item: &ContextItem) -> f64 {
    if item.score.is_finite() {
        item.score.max(0.0)
    } else {
        0.0
    }
}

/// The places of a turn's messages, in their order.
pub(super) fn places(turn: &Turn) -> impl Iterator<Item = usize> + Clone + '_ {
    turn.head.clone().chain(turn.exchanges.iter().cloned().flatten())
}

/// The same without its oldest exchanges: those before `from`.
pub(super) fn newest(turn: &Turn, from: usize) -> impl Iterator<Item = usize> + Clone + '_ {
    turn.head
        .clone()
        .chain(turn.exchanges[from..].iter().cloned().flatten())
}
