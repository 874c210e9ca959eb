//! Texts as search terms: English, Chinese, and the identifiers between them.
//!
//! | text | terms |
//! |---|---|
//! | words, numbers | lower-cased, cut as Unicode's annex 29 says (<https://unicode.org/reports/tr29/>, by the crate `unicode-segmentation`) |
//! | `snake_case`, `camelCase`, `v1.2` | the whole, and its parts |
//! | `src/context/mod.rs`, `std::fmt`, `first-class` | the whole chain, its words, and their parts |
//! | scripts without spaces (Chinese, Japanese, Korean, Thai, …) | pairs of neighbouring characters; in a passage single characters, too |
//!
//! Pairs of characters need no dictionary, and find a word wherever it stands. For Chinese they are as precise as segmented words and find a
//! little more: Kwok, "Comparing representations in Chinese information retrieval", SIGIR 1997
//! (<https://doi.org/10.1145/258525.258531>, abstract read November 2026). Single characters are in the index for questions of one
//! character only. Korean is taken by pairs, too, since its endings grow onto the word.

use std::borrow::Cow;
use std::collections::HashSet;

use unicode_segmentation::UnicodeSegmentation;

/// The longest term in bytes: what is longer is data, which nobody asks for by typing it.
const LONGEST_TERM: usize = 128;

/// Words of a question that say nothing of what it is about: the 33 of Lucene's `ENGLISH_STOP_WORDS_SET`
/// (<https://lucene.apache.org/core/>, read November 2026) and words that people ask with.
const STOP_WORDS: [&str; 43] = [
    "a", "an", "and", "are", "as", "at", "be", "but", "by", "do", "does", "for", "how", "i", "if", "in",
    "into", "is", "it", "me", "no", "not", "of", "on", "or", "s", "such", "that", "the", "their", "then",
    "there", "these", "they", "this", "to", "was", "what", "which", "who", "will", "with", "you",
];

/// Hands over the terms of a passage, each as often as it stands there. Answers how long it is: words and pairs of characters;
/// parts, chains and single characters of a pair do not make it longer.
pub(super) fn of_passage(text: &str, take: impl FnMut(&str)) -> u64 {
    let mut scan = Scan::new(true, take);
    scan.run(&narrow(text));
    scan.length
}

/// The distinct terms of a question, in its order; without the words that every question has, unless it has no others.
pub(super) fn of_question(text: &str) -> Vec<String> {
    let mut seen = HashSet::new();
    let mut terms = Vec::new();
    let take = |term: &str| {
        if seen.insert(term.to_owned()) {
            terms.push(term.to_owned());
        }
    };
    Scan::new(false, take).run(&narrow(text));
    let telling = |term: &String| STOP_WORDS.binary_search(&term.as_str()).is_err();
    if terms.iter().any(telling) {
        terms.retain(telling);
    }
    terms
}

/// Full-width letters and digits as everybody types them.
fn narrow(text: &str) -> Cow<'_, str> {
    let is_wide = |character: char| ('\u{FF01}'..='\u{FF5E}').contains(&character);
    if !text.contains(is_wide) {
        return Cow::Borrowed(text);
    }
    let narrow = |character: char| match character {
        wide if is_wide(wide) => char::from_u32(u32::from(wide) - 0xFEE0).unwrap_or(wide),
        other => other,
    };
    Cow::Owned(text.chars().map(narrow).collect())
}

/// Whether a character belongs to a script that is written without spaces, or whose words change at their ends.
pub(super) fn is_unspaced(character: char) -> bool {
    matches!(character,
        '\u{0E00}'..='\u{0EFF}' | '\u{1000}'..='\u{109F}' | '\u{1780}'..='\u{17FF}' // Thai, Lao; Burmese; Khmer
        | '\u{3005}' | '\u{3007}' | '\u{3040}'..='\u{30FF}' | '\u{FF66}'..='\u{FF9F}' // kana
        | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}' // Han
        | '\u{1100}'..='\u{11FF}' | '\u{AC00}'..='\u{D7AF}') // Hangul
}

struct Scan<F> {
    of_passage: bool,
    take: F,
    length: u64,
    /// A term in small letters; kept, so that not each term has to be put somewhere anew.
    small: String,
    /// Characters of a script without spaces that stand together.
    run: Vec<char>,
    /// Bytes of words that one-character joints hold together, and how many words they are.
    chain: Option<(std::ops::Range<usize>, usize)>,
}

impl<F: FnMut(&str)> Scan<F> {
    fn new(of_passage: bool, take: F) -> Self {
        Self {
            of_passage,
            take,
            length: 0,
            small: String::new(),
            run: Vec::new(),
            chain: None,
        }
    }

    fn run(&mut self, text: &str) {
        let mut end = 0;
        for (at, piece) in text.unicode_word_indices() {
            let between = &text[end..at];
            if !between.is_empty() {
                self.end_run();
                if !matches!(between, "/" | "\\" | "-" | ":" | "." | "@" | "::") {
                    self.end_chain(text);
                }
            }
            self.piece(text, at, piece);
            end = at + piece.len();
        }
        self.end_run();
        self.end_chain(text);
    }

    /// A piece between two borders of words; scripts may meet in it.
    fn piece(&mut self, text: &str, at: usize, piece: &str) {
        let mut from = 0;
        while from < piece.len() {
            let rest = &piece[from..];
            let unspaced = rest.chars().next().is_some_and(is_unspaced);
            let length = match rest.is_ascii() {
                true => None,
                false => rest.find(|character| is_unspaced(character) != unspaced),
            };
            let part = &rest[..length.unwrap_or(rest.len())];
            if unspaced {
                self.end_chain(text);
                self.run.extend(part.chars());
            } else if part.contains(char::is_alphanumeric) {
                self.end_run();
                self.word(at + from, part);
            }
            from += part.len();
        }
    }

    fn word(&mut self, at: usize, word: &str) {
        let end = at + word.len();
        match &mut self.chain {
            Some((chain, words)) => {
                chain.end = end;
                *words += 1;
            }
            None => self.chain = Some((at..end, 1)),
        }
        self.length += 1;
        self.push(word);
        let bytes = word.as_bytes();
        let is_one = bytes.iter().all(u8::is_ascii_lowercase) || bytes.iter().all(u8::is_ascii_digit);
        if is_one {
            return;
        }
        let parts = parts_of(word);
        if parts.len() > 1 {
            for part in parts {
                self.push(part);
            }
        }
    }

    fn end_chain(&mut self, text: &str) {
        if let Some((chain, words)) = self.chain.take()
            && words > 1
        {
            self.push(&text[chain]);
        }
    }

    fn end_run(&mut self) {
        let mut run = std::mem::take(&mut self.run);
        if self.of_passage || run.len() == 1 {
            for character in &run {
                self.push(character.encode_utf8(&mut [0; 4]));
            }
        }
        for pair in run.windows(2) {
            let term: String = pair.iter().collect();
            self.push(&term);
        }
        self.length += match run.len() {
            0 => 0,
            1 => 1,
            more => more as u64 - 1,
        };
        run.clear();
        self.run = run;
    }

    fn push(&mut self, term: &str) {
        if term.len() > LONGEST_TERM {
            return;
        }
        self.small.clear();
        if term.is_ascii() {
            self.small.push_str(term);
            self.small.make_ascii_lowercase();
        } else {
            self.small.push_str(&term.to_lowercase());
        }
        (self.take)(&self.small);
    }
}

/// The parts of an identifier: between signs, where the case changes, between letters and digits.
fn parts_of(word: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut from = 0;
    let mut before: Option<char> = None;
    let mut characters = word.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        let next = characters.peek().map(|(_, next)| *next);
        let border = match before {
            Some(before) if before.is_alphanumeric() && character.is_alphanumeric() => {
                (before.is_lowercase() && character.is_uppercase())
                    || (before.is_uppercase()
                        && character.is_uppercase()
                        && next.is_some_and(char::is_lowercase))
                    || before.is_numeric() != character.is_numeric()
            }
            Some(before) => {
                before.is_alphanumeric() && !is_mark(character)
                    || character.is_alphanumeric() && !is_mark(before)
            }
            None => false,
        };
        if border {
            parts.push(&word[from..at]);
            from = at;
        }
        before = Some(character);
    }
    parts.push(&word[from..]);
    parts.retain(|part| part.contains(char::is_alphanumeric));
    parts
}

/// Accents that stand as characters of their own after their letter, and the viramas of Indian scripts: what
/// the standard library does not count as alphanumeric and is part of a word all the same.
fn is_mark(character: char) -> bool {
    !character.is_alphanumeric()
        && !character.is_ascii()
        && !matches!(character, '\u{2018}' | '\u{2019}' | '\u{203F}' | '\u{2040}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passage(text: &str) -> Vec<String> {
        let mut terms = Vec::new();
        of_passage(text, |term| terms.push(term.to_owned()));
        terms
    }

    fn length(text: &str) -> u64 {
        of_passage(text, |_| ())
    }

    #[test]
    fn english_words_are_lower_cased() {
        assert_eq!(passage("The Quick, brown fox."), ["the", "quick", "brown", "fox"]);
        assert_eq!(length("The Quick, brown fox."), 4);
        assert_eq!(passage("Ｍodel ＧＰＴ"), ["model", "gpt"]);
    }

    #[test]
    fn identifiers_are_found_whole_and_in_parts() {
        for (text, terms) in [
            ("snake_case", vec!["snake_case", "snake", "case"]),
            ("camelCase", vec!["camelcase", "camel", "case"]),
            ("HTTPServer2", vec!["httpserver2", "http", "server", "2"]),
            ("v1.2", vec!["v1.2", "v", "1", "2"]),
            ("std::fmt", vec!["std", "fmt", "std::fmt"]),
            (
                "src/context/mod.rs",
                vec!["src", "context", "mod.rs", "mod", "rs", "src/context/mod.rs"],
            ),
            ("first-class.", vec!["first", "class", "first-class"]),
            ("--flag", vec!["flag"]),
            ("a - b", vec!["a", "b"]),
        ] {
            assert_eq!(passage(text), terms, "{text}");
        }
    }

    #[test]
    fn chinese_is_taken_by_pairs() {
        assert_eq!(passage("模型池"), ["模", "型", "池", "模型", "型池"]);
        assert_eq!(length("模型池"), 2);
        assert_eq!(of_question("模型池"), ["模型", "型池"]);
        assert_eq!(of_question("池"), ["池"]);
        assert_eq!(of_question("模型。池"), ["模型", "池"]);
    }

    #[test]
    fn scripts_meet_in_one_line() {
        assert_eq!(
            of_question("用GPT-4o分析图片2024"),
            [
                "用", "gpt", "4o", "4", "o", "gpt-4o", "分析", "析图", "图片", "2024"
            ]
        );
        assert_eq!(of_question("モデル"), ["モデ", "デル"]);
        assert_eq!(of_question("모델2"), ["모델", "2"]);
    }

    #[test]
    fn accents_stay_within_their_word() {
        assert_eq!(passage("cafe\u{301}s"), ["cafe\u{301}s"]);
        assert_eq!(passage("हिन्दी"), ["हिन्दी"]);
    }

    #[test]
    fn a_question_keeps_what_tells_it_from_others() {
        assert!(STOP_WORDS.is_sorted());
        assert_eq!(of_question("What is the weather, the weather?"), ["weather"]);
        assert_eq!(of_question("to be or not to be"), ["to", "be", "or", "not"]);
        assert!(of_question(" …! ").is_empty());
    }

    #[test]
    fn data_makes_no_terms() {
        assert!(passage(&"x".repeat(LONGEST_TERM + 1)).is_empty());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_cut(text in ".{0,200}") {
            let terms = passage(&text);
            proptest::prop_assert!(terms.iter().all(|term| !term.is_empty()));
            // What a question asks for is found in a passage that is the question.
            for term in of_question(&text) {
                proptest::prop_assert!(terms.contains(&term), "{term:?}");
            }
        }
    }
}
