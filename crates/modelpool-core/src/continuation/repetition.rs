//! What in a new stream counts as repetition of the delivered text.
//!
//! A repetition is a beginning of the new text that equals an end of the delivered one. Some
//! texts go on that way by themselves (`ha ha ha`), so it has to be of some length, or in a place
//! where it is more likely than not:
//!
//! | it repeats | least length | may follow white space |
//! |---|---|---|
//! | all that was delivered, from its beginning; some vendors do so after a prefill | 1 character | yes |
//! | any end of it that begins within the last 4 KiB | 16 characters | yes |
//! | the last words, which the model was asked to repeat | 1 character | yes |
//! | the last of these words, from the beginning of one | 1 character | no |
//! | the word the text breaks off in: `The quick bro` and then `brown` | 2 letters | no |
//!
//! Of several, the longest counts. "Word" is what white space ends; the last row is for letters
//! of scripts that write space between words, since in others doubled letters are words of
//! their own (`谢谢`).

use super::Way;

/// Least length of a repetition that could stand anywhere, in characters.
pub(super) const MIN_REPETITION: usize = 16;

/// Least length of an unfinished word that is begun anew, in characters.
const MIN_WORD: usize = 2;

/// How far before the end of the delivered text a repetition may begin, in bytes; only a whole
/// answer is begun anew from further back.
const REACH: usize = 4 * 1024;

/// Most bytes of the words that a model is asked to repeat.
const MAX_ASKED: usize = 256;

/// Where in `text`, which has no white space at its end, a repetition can begin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places<'a> {
    text: &'a str,
    /// The first character that is not white space.
    beginning: usize,
    /// The place after which a repetition is too short to stand anywhere.
    last_anywhere: Option<usize>,
    asked: Option<usize>,
    word: Option<usize>,
    way: Way,
}

impl<'a> Places<'a> {
    pub(super) fn of(text: &'a str, way: Way) -> Self {
        let word = text.len() - last_word(text).len();
        Self {
            text,
            beginning: text.len() - text.trim_start().len(),
            last_anywhere: text
                .char_indices()
                .rev()
                .nth(MIN_REPETITION - 1)
                .map(|(at, _)| at),
            asked: (way == Way::AskToGoOn).then(|| text.len() - asked_words(text).len()),
            word: (text[word..].chars().count() >= MIN_WORD).then_some(word),
            way,
        }
    }

    /// The places where a new text can repeat the delivered one, in their order, where the new
    /// text begins with `piece`, before which it has white space or none.
    pub(super) fn of_a_text(self, piece: &str, after_space: bool) -> Vec<usize> {
        if self.way == Way::Restart {
            return vec![self.beginning];
        }
        let mut reach = self.text.len().saturating_sub(REACH).max(self.beginning);
        while !self.text.is_char_boundary(reach) {
            reach += 1;
        }
        let first = piece.chars().next();
        let near = self.text[reach..]
            .char_indices()
            .filter(|(_, character)| Some(*character) == first)
            .map(|(at, _)| reach + at)
            .filter(|at| *at != self.beginning && self.is_place(*at, after_space));
        std::iter::once(self.beginning).chain(near).collect()
    }

    fn is_place(&self, at: usize, after_space: bool) -> bool {
        let begins_a_word = || self.text[..at].ends_with(char::is_whitespace);
        self.last_anywhere.is_some_and(|last| at <= last)
            || self.asked == Some(at)
            || !after_space
                && (self.word == Some(at) || self.asked.is_some_and(|asked| at > asked) && begins_a_word())
    }
}

/// The last words of a text without white space at its end: as few as make a repetition that
/// cannot be taken for anything else.
pub(super) fn asked_words(text: &str) -> &str {
    let from = text
        .char_indices()
        .rev()
        .nth(MIN_REPETITION - 1)
        .map_or(0, |(at, _)| at);
    let before = &text[..from];
    // Back to where a word begins, if that is near; there may be no white space at all.
    let word = before.trim_end_matches(|character: char| !character.is_whitespace());
    let begin = if text.len() - word.len() <= MAX_ASKED {
        word.len()
    } else {
        from
    };
    text[begin..].trim_start()
}

/// The letters at the end of a text, where they are the word the text breaks off in; empty where
/// it ends in anything else, or in a word with a digit.
fn last_word(text: &str) -> &str {
    let of_word = |character: char| character.is_alphanumeric() || character == '_';
    let word = &text[text.trim_end_matches(of_word).len()..];
    if word.chars().all(is_spaced_letter) {
        word
    } else {
        ""
    }
}

/// A letter of a script that writes space between words; roughly, by blocks of Unicode: all before
/// Thai, Georgian to Ethiopic and the extensions of Latin and Greek, and Hangul syllables.
fn is_spaced_letter(character: char) -> bool {
    character.is_alphabetic()
        && matches!(character, '\0'..'\u{E00}' | '\u{10A0}'..'\u{1780}' | '\u{1E00}'..'\u{2000}' | '\u{AC00}'..'\u{D7A4}')
}
