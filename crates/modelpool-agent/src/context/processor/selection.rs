//! Choosing: the last turn, then what is best for its tokens until the room is full.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write;

use super::super::cut::{MARK, cut_message, cut_text};
use super::super::likeness::Fives;
use super::super::tokens::Counter;
use super::super::{ContextItem, LeftOut, Omission, Place, block, measure};
use super::pieces::{Candidate, Pieces, newest, places};
use crate::{Message, Role};

/// Tokens that have to be left of a cut passage, and of a cut message.
const FEWEST_OF_PASSAGE: u64 = 64;
const FEWEST_OF_MESSAGE: u64 = 16;

/// What was chosen so far.
struct Selection<'a> {
    pieces: &'a Pieces,
    counter: &'a Counter,
    room: u64,
    /// Messages of the history by place; `Some` where it was cut.
    history: BTreeMap<usize, Option<ContextItem>>,
    passages: BTreeMap<usize, (Option<ContextItem>, Fives)>,
    /// What turns that are kept say.
    said: HashSet<String>,
    repeated_history: HashSet<usize>,
    repeated_passages: HashSet<usize>,
    takes_passages: bool,
}

/// Chooses; answers what is kept, in order, and what is left out.
pub(super) fn select(
    pieces: &Pieces,
    question: &str,
    budget: u64,
    counter: &Counter,
) -> (Vec<ContextItem>, Vec<LeftOut>) {
    let question = Fives::of(question);
    let all = pieces.passages.iter().enumerate();
    let mut known: HashSet<usize> = all
        .filter(|(_, item)| Fives::of(&item.message.text()).stands_in(&question))
        .map(|(at, _)| at)
        .collect();
    // Which messages are kept is known at the end only. Each time round at least one passage more is known from them.
    loop {
        let mut selection = Selection::new(pieces, counter, budget, &known);
        selection.choose(&known);
        let again = selection.told_in_history();
        if again.is_empty() {
            return selection.finish(&known);
        }
        known.extend(again);
    }
}

impl<'a> Selection<'a> {
    fn new(pieces: &'a Pieces, counter: &'a Counter, budget: u64, known: &HashSet<usize>) -> Self {
        let has_passages = known.len() < pieces.passages.len();
        let frame = if has_passages {
            block::frame_tokens(counter)
        } else {
            0
        };
        // Where the block's own words take the room there are no passages, and no block.
        let takes_passages = frame > 0 && frame <= budget / 2;
        Self {
            pieces,
            counter,
            room: if takes_passages { budget - frame } else { budget },
            takes_passages,
            history: BTreeMap::new(),
            passages: BTreeMap::new(),
            said: HashSet::new(),
            repeated_history: HashSet::new(),
            repeated_passages: HashSet::new(),
        }
    }

    fn choose(&mut self, known: &HashSet<usize>) {
        self.keep_last_turn();
        for at in self.pieces.parts.lead.clone() {
            self.keep([at]);
        }
        for candidate in self.pieces.ranked() {
            match candidate {
                Candidate::Turn(at) => self.keep_turn(at),
                Candidate::Passage(at) if known.contains(&at) || !self.takes_passages => {}
                Candidate::Passage(at) => self.keep_passage(at),
            }
        }
    }

    /// Keeps messages if all of them fit.
    fn keep(&mut self, places: impl IntoIterator<Item = usize> + Clone) -> bool {
        let tokens = self.pieces.tokens(places.clone());
        let fits = tokens <= self.room;
        if fits {
            self.room -= tokens;
            self.history.extend(places.into_iter().map(|at| (at, None)));
        }
        fits
    }

    fn keep_last_turn(&mut self) {
        let Some(turn) = self.pieces.turns().last() else {
            return;
        };
        let kept = self.keep(places(turn))
            || (1..turn.exchanges.len()).any(|from| self.keep(newest(turn, from)))
            || self.keep_cut(newest(turn, turn.exchanges.len().saturating_sub(1)).collect())
            || self.keep_cut(turn.head.clone().collect());
        if kept {
            let said = self.what_is_said(places(turn).filter(|at| self.history.contains_key(at)));
            self.said.insert(said);
        }
    }

    /// Keeps messages with the longest cut to one length, the largest with which all of them fit.
    fn keep_cut(&mut self, places: Vec<usize>) -> bool {
        if places.is_empty() {
            return false;
        }
        // What cannot be cut, a call or an image, takes its room before the others share theirs.
        let mut whole: HashSet<usize> = HashSet::new();
        loop {
            let fixed = self.pieces.tokens(whole.iter().copied());
            let Some(room) = self.room.checked_sub(fixed) else {
                return false;
            };
            let sizes: Vec<u64> = places
                .iter()
                .filter(|at| !whole.contains(at))
                .map(|at| self.pieces.history[*at].tokens)
                .collect();
            let Some(most) = common_size(&sizes, room).filter(|most| *most >= FEWEST_OF_MESSAGE) else {
                return false;
            };
            let mut cuts = BTreeMap::new();
            let uncut = places.iter().find(|at| {
                let item = &self.pieces.history[**at];
                if whole.contains(at) || item.tokens <= most {
                    cuts.insert(**at, None);
                    return false;
                }
                let Some(message) = cut_message(&item.message, most, self.counter) else {
                    return true;
                };
                cuts.insert(**at, Some(self.cut_item(item, message)));
                false
            });
            let Some(uncut) = uncut else {
                let tokens = |(at, cut): (&usize, &Option<ContextItem>)| {
                    cut.as_ref()
                        .map_or(self.pieces.history[*at].tokens, |cut| cut.tokens)
                };
                self.room -= cuts.iter().map(tokens).sum::<u64>().min(self.room);
                self.history.extend(cuts);
                return true;
            };
            whole.insert(*uncut);
        }
    }

    fn keep_turn(&mut self, at: usize) {
        let turn = &self.pieces.turns()[at];
        for from in 0..turn.exchanges.len().max(1) {
            let part = newest(turn, from);
            let said = self.what_is_said(part.clone());
            if self.said.contains(&said) {
                self.repeated_history.extend(places(turn));
                return;
            }
            if self.keep(part) {
                self.said.insert(said);
                return;
            }
        }
    }

    fn keep_passage(&mut self, at: usize) {
        let item = &self.pieces.passages[at];
        let mut cut = None;
        if item.tokens > self.room {
            if self.room < FEWEST_OF_PASSAGE {
                return;
            }
            let text = item.message.text();
            let shorter = |text: &str| self.cut_item(item, Message::user(text));
            cut = cut_text(&text, |text| shorter(text).tokens <= self.room).map(|text| shorter(&text));
            if cut.is_none() {
                return;
            }
        }
        let kept = cut.as_ref().unwrap_or(item);
        let fives = Fives::of(&kept.message.text());
        if self.passages.values().any(|(_, other)| fives.resembles(other)) {
            self.repeated_passages.insert(at);
            return;
        }
        self.room -= kept.tokens;
        self.passages.insert(at, (cut, fives));
    }

    /// The piece with a shorter text, measured, and with the place of what is left.
    fn cut_item(&self, item: &ContextItem, message: Message) -> ContextItem {
        let text = message.text();
        let left = text.strip_suffix(MARK).unwrap_or(&text);
        let place = item.place.as_ref().map(|place| Place {
            bytes: place.bytes.start..place.bytes.start + left.len(),
            first_line: place.first_line,
            last_line: place.first_line + left.matches('\n').count(),
        });
        let mut cut = ContextItem {
            message,
            place,
            ..item.clone()
        };
        cut.tokens = measure::tokens(&cut, self.counter);
        cut
    }

    /// What messages say, with white space and case left aside.
    fn what_is_said(&self, places: impl Iterator<Item = usize>) -> String {
        let mut said = String::new();
        for at in places {
            let cut = self.history.get(&at).and_then(Option::as_ref);
            let message = &cut.unwrap_or(&self.pieces.history[at]).message;
            // A picture makes another message of the same words.
            let content = message
                .to_json()
                .get("content")
                .filter(|content| content.is_array())
                .cloned();
            let content = content.map_or_else(|| message.text(), |parts| parts.to_string());
            let words: Vec<_> = content.split_whitespace().collect();
            let role = match message.role() {
                Role::System => 's',
                Role::User => 'u',
                Role::Assistant => 'a',
                Role::Tool => 't',
            };
            let _ = write!(said, "{role}{}", words.join(" ").to_lowercase());
            for call in message.tool_calls() {
                let _ = write!(said, "\u{1}{}\u{1}{}", call.name, call.arguments);
            }
            said.push('\0');
        }
        said
    }

    /// Passages that are kept and stand in a message that is kept.
    fn told_in_history(&self) -> Vec<usize> {
        let told = self.passages.iter().filter(|(_, (_, fives))| {
            self.history.iter().any(|(at, cut)| match cut {
                Some(cut) => fives.stands_in(&Fives::of(&cut.message.text())),
                None => fives.stands_in(self.pieces.fives(*at)),
            })
        });
        told.map(|(at, _)| *at).collect()
    }

    fn finish(mut self, known: &HashSet<usize>) -> (Vec<ContextItem>, Vec<LeftOut>) {
        let (mut kept, mut left_out) = (Vec::new(), Vec::new());
        let mut add = |item: &ContextItem, chosen: Option<Option<ContextItem>>, why: Omission| {
            let left = |tokens, why| LeftOut {
                source: item.source.clone(),
                place: item.place.clone(),
                tokens,
                why,
            };
            match chosen {
                Some(None) => kept.push(item.clone()),
                Some(Some(cut)) => {
                    left_out.push(left(item.tokens.saturating_sub(cut.tokens), Omission::Cut));
                    kept.push(cut);
                }
                None => left_out.push(left(item.tokens, why)),
            }
        };
        let incomplete: HashSet<usize> = self.pieces.parts.incomplete.iter().copied().collect();
        for (at, item) in self.pieces.history.iter().enumerate() {
            let why = match () {
                () if incomplete.contains(&at) => Omission::Incomplete,
                () if self.repeated_history.contains(&at) => Omission::Repeated,
                () => Omission::Room,
            };
            add(item, self.history.remove(&at), why);
        }
        for (at, item) in self.pieces.passages.iter().enumerate() {
            let is_repeated = known.contains(&at) || self.repeated_passages.contains(&at);
            let why = if is_repeated {
                Omission::Repeated
            } else {
                Omission::Room
            };
            add(item, self.passages.remove(&at).map(|(cut, _)| cut), why);
        }
        (kept, left_out)
    }
}

/// The largest size to which those above it can be cut so that together they fit.
fn common_size(sizes: &[u64], room: u64) -> Option<u64> {
    let mut sorted = sizes.to_vec();
    sorted.sort_unstable();
    let mut left = room;
    for (at, size) in sorted.iter().enumerate() {
        let share = left / (sorted.len() - at) as u64;
        if *size > share {
            return Some(share);
        }
        left -= size;
    }
    sorted.last().copied()
}

#[cfg(test)]
mod tests {
    use super::common_size;

    #[test]
    fn the_longest_share_what_is_left() {
        assert_eq!(common_size(&[10, 100, 100], 110), Some(50));
        assert_eq!(common_size(&[10, 20], 100), Some(20));
        assert_eq!(common_size(&[50, 50], 10), Some(5));
        assert_eq!(common_size(&[], 10), None);
    }
}
