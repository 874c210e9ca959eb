//! Joining a new stream to what was delivered of the old one.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::Way;
use super::joint::repeated_space;
use super::repetition::{MIN_REPETITION, Places};

/// Most white space that is held back, in bytes: no join needs more, and a text that begins with
/// more repeats nothing.
const MAX_SPACE: usize = 1024;

/// Takes out of a new stream what repeats the delivered text.
///
/// Text is held back only while it may still be a repetition, which for a model that simply goes on
/// is a few characters. What is held is a part of the delivered text, so it costs no memory of
/// its own. The work is linear in the length of both texts.
///
/// ```
/// use modelpool_core::continuation::{Continuation, Way};
/// let lost = Continuation { delivered: "The quick bro".into(), way: Way::AskToGoOn };
/// let mut joiner = lost.joiner();
/// assert_eq!(joiner.push("The quick").unwrap(), ""); // may be the beginning, once more
/// assert_eq!(joiner.push(" brown fox").unwrap(), "wn fox");
/// assert_eq!(joiner.finish().unwrap(), "");
/// ```
#[derive(Clone, Debug)]
pub struct Joiner {
    delivered: Arc<str>,
    /// Where the delivered text begins and ends, without the white space around it.
    beginning: usize,
    trimmed: usize,
    way: Way,
    state: State,
}

/// The new stream is not what was delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Diverged {
    /// How much of the delivered text it has reproduced, in bytes.
    pub at: usize,
}

impl fmt::Display for Diverged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the model began the answer anew, and differently after {} bytes",
            self.at
        )
    }
}

impl std::error::Error for Diverged {}

#[derive(Clone, Debug)]
enum State {
    /// Nothing but white space has come, which is kept here.
    Beginning(String),
    /// The new text may be a repetition.
    Matching(Matching),
    /// The new text stands right after the delivered text without its white space; nothing but
    /// white space has come since.
    AtJoint(String),
    /// All that comes is new.
    Flowing,
}

#[derive(Clone, Debug)]
struct Matching {
    /// White space before the text.
    space: String,
    /// Where in the delivered text the places are from which it has agreed so far, in their order.
    places: Vec<usize>,
    /// The bytes of text that came.
    length: usize,
    /// The longest repetition that is complete.
    complete: Option<usize>,
    /// The bytes by which it agreed with the delivered text from its beginning.
    anew: usize,
}

impl Joiner {
    pub(super) fn new(delivered: Arc<str>, way: Way) -> Self {
        let trimmed = delivered.trim_end().len();
        let beginning = trimmed - delivered[..trimmed].trim_start().len();
        let state = match (delivered.is_empty(), trimmed) {
            (true, _) => State::Flowing,
            (false, 0) => State::AtJoint(String::new()),
            (false, _) => State::Beginning(String::new()),
        };
        Self {
            delivered,
            beginning,
            trimmed,
            way,
            state,
        }
    }

    /// Whether all that comes is new: pieces then come out as they go in.
    #[must_use]
    pub fn is_flowing(&self) -> bool {
        matches!(self.state, State::Flowing)
    }

    /// Takes the next piece of the new stream, cut anywhere, and gives what the caller may read
    /// now; often nothing at first.
    ///
    /// # Errors
    /// The model has begun the answer anew and writes another one. After [`Way::Restart`] any
    /// difference is that; after the others one that agreed for 16 characters or more.
    pub fn push<'a>(&mut self, piece: &'a str) -> Result<Cow<'a, str>, Diverged> {
        match std::mem::replace(&mut self.state, State::Flowing) {
            State::Flowing => Ok(Cow::Borrowed(piece)),
            State::AtJoint(space) => Ok(self.join(space, piece)),
            State::Beginning(mut space) => {
                let text = piece.trim_start();
                // Before a restart white space means nothing, so none is kept.
                if self.way != Way::Restart {
                    space.push_str(&piece[..piece.len() - text.len()]);
                }
                if space.len() > MAX_SPACE {
                    space.push_str(text);
                    return Ok(Cow::Owned(self.without_repeated_space(space)));
                }
                if text.is_empty() {
                    self.state = State::Beginning(space);
                    return Ok(Cow::Borrowed(""));
                }
                let delivered = &self.delivered[..self.trimmed];
                let places = Places::of(delivered, self.way).of_a_text(text, !space.is_empty());
                let matching = Matching {
                    space,
                    places,
                    length: 0,
                    complete: None,
                    anew: 0,
                };
                self.compare(matching, text)
            }
            State::Matching(matching) => self.compare(matching, piece),
        }
    }

    /// Ends the new stream, and gives what was held back of it.
    ///
    /// # Errors
    /// The model has begun the answer anew, and ended it before what was delivered.
    pub fn finish(mut self) -> Result<String, Diverged> {
        match std::mem::replace(&mut self.state, State::Flowing) {
            State::Flowing => Ok(String::new()),
            State::Beginning(_) if self.way == Way::Restart => Err(Diverged { at: 0 }),
            State::Beginning(space) | State::AtJoint(space) => Ok(self.without_repeated_space(space)),
            State::Matching(matching) => self.resolve(matching, None, "").map(Cow::into_owned),
        }
    }

    /// Compares a piece with the delivered text, from every place that is left.
    fn compare<'a>(&mut self, mut matching: Matching, piece: &'a str) -> Result<Cow<'a, str>, Diverged> {
        let text = &self.delivered[..self.trimmed];
        let witness = matching.places.first().copied();
        let Matching {
            places,
            length,
            complete,
            anew,
            ..
        } = &mut matching;
        places.retain(|place| {
            let expected = &text[place + *length..];
            if *place == self.beginning {
                *anew = *length + common_prefix(expected, piece);
            }
            if piece.len() < expected.len() {
                return expected.starts_with(piece);
            }
            if piece.starts_with(expected) {
                *complete = Some(complete.map_or(*place, |longer: usize| longer.min(*place)));
            }
            false
        });
        if places.is_empty() {
            return self.resolve(matching, witness, piece);
        }
        *length += piece.len();
        self.state = State::Matching(matching);
        Ok(Cow::Borrowed(""))
    }

    /// What is new, once no place is left, or the stream has ended. Up to `piece` the text has
    /// agreed with the delivered one from the place `witness`.
    fn resolve<'a>(
        &mut self,
        matching: Matching,
        witness: Option<usize>,
        piece: &'a str,
    ) -> Result<Cow<'a, str>, Diverged> {
        let Matching {
            space,
            places,
            length,
            complete,
            anew,
        } = matching;
        let witness = witness.or(places.first().copied()).unwrap_or_default();
        let agreed = |from: usize| &self.delivered[witness + from..witness + length];
        if let Some(place) = complete {
            let repeated = self.trimmed - place;
            return Ok(match repeated.checked_sub(length) {
                Some(of_piece) => self.join(String::new(), &piece[of_piece..]),
                None => {
                    let held = agreed(repeated).to_owned();
                    Cow::Owned(self.join(held, piece).into_owned())
                }
            });
        }
        let at = self.beginning + anew;
        let is_anew = self.delivered[self.beginning..at].chars().count() >= MIN_REPETITION;
        if self.way == Way::Restart || is_anew {
            return Err(Diverged { at });
        }
        if space.is_empty() && length == 0 {
            return Ok(Cow::Borrowed(piece));
        }
        let held = [space.as_str(), agreed(0), piece].concat();
        Ok(Cow::Owned(self.without_repeated_space(held)))
    }

    /// Goes on right after the delivered text without its white space: `held`, then `piece`.
    fn join<'a>(&mut self, mut held: String, piece: &'a str) -> Cow<'a, str> {
        let has_space = self.trimmed < self.delivered.len();
        if held.is_empty() && !has_space {
            return Cow::Borrowed(piece);
        }
        held.push_str(piece);
        if has_space && held.len() <= MAX_SPACE && held.trim_start().is_empty() {
            self.state = State::AtJoint(held);
            return Cow::Borrowed("");
        }
        Cow::Owned(self.without_repeated_space(held))
    }

    fn without_repeated_space(&self, mut text: String) -> String {
        text.drain(..repeated_space(&self.delivered[self.trimmed..], &text));
        text
    }
}

/// Bytes that two texts have in common from their beginning, whole characters.
fn common_prefix(one: &str, other: &str) -> usize {
    let pairs = one.chars().zip(other.chars());
    pairs
        .take_while(|(one, other)| one == other)
        .map(|(character, _)| character.len_utf8())
        .sum()
}
