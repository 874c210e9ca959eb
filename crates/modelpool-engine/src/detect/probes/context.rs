//! The longest context: which length of input is accepted, and read.
//!
//! Most servers that refuse a length name their window, and then nothing is left to search. One that cuts what is
//! too long without a word is found out: it forgets the beginning, and counts fewer tokens than were sent.

use modelpool_core::{BoxFuture, Error, ErrorKind};
use serde_json::{Value, json};

use crate::detect::asking::{Asker, Heard};
use crate::detect::bisect::{Bisect, Outcome};
use crate::detect::judge::Judged;

/// What stands at the beginning, and is asked for at the end.
const CODE: &str = "8264";

/// Words that are one token for every tokenizer that is known.
const WORDS: [&str; 12] = [
    "cat", "sun", "map", "red", "box", "day", "run", "sea", "top", "cup", "job", "air",
];

/// Words by which tokens are counted before the search.
const MEASURING_WORDS: u64 = 200;

/// Tokens of what stands around the words.
const AROUND: u64 = 60;

/// What one length came to.
enum Tried {
    Accepted,
    Refused(String),
    /// The server named its window.
    Named(u64, String),
    Failed(Error),
}

pub(in crate::detect) fn ask(asker: &mut Asker) -> BoxFuture<'_, Judged> {
    Box::pin(search(asker))
}

async fn search(asker: &mut Asker) -> Judged {
    let mut tokens_per_word = 1.0;
    match try_words(asker, MEASURING_WORDS, MEASURING_WORDS, &mut tokens_per_word).await {
        Tried::Accepted => {}
        Tried::Named(window, words) => return named(window, &words),
        Tried::Refused(words) => return Judged::unclear(words),
        Tried::Failed(error) => return Judged::failed(&error),
    }
    let mut bisect = Bisect::new(MEASURING_WORDS, asker.claimed_window);
    let mut refusal = String::new();
    while let Some(length) = bisect.next(asker.left().saturating_sub(AROUND)) {
        let words = (length as f64 / tokens_per_word) as u64;
        match try_words(asker, words, length, &mut tokens_per_word).await {
            Tried::Accepted => bisect.was_accepted(length),
            Tried::Refused(words) => {
                bisect.was_refused(length);
                refusal = words;
            }
            Tried::Named(window, words) => return named(window, &words),
            Tried::Failed(error) => {
                let accepted = came_to(bisect.outcome(), &refusal, asker.claimed_window);
                return accepted.stopped_by(&error);
            }
        }
    }
    came_to(bisect.outcome(), &refusal, asker.claimed_window)
}

/// Asks with so many words, which are about so many tokens.
async fn try_words(asker: &mut Asker, words: u64, tokens: u64, tokens_per_word: &mut f64) -> Tried {
    match asker.long_chat(&messages(words), tokens).await {
        Ok(heard) => read(&heard, words, tokens, tokens_per_word),
        Err(error) => match error.kind() {
            ErrorKind::ContextLength { window: Some(window) } if *window > 0 => {
                Tried::Named(*window, error.message().to_owned())
            }
            ErrorKind::ContextLength { .. } => Tried::Refused(error.message().to_owned()),
            _ if error.status() == Some(413) => Tried::Refused(error.message().to_owned()),
            _ => Tried::Failed(error),
        },
    }
}

/// Whether an answer shows that all was read.
fn read(heard: &Heard, words: u64, tokens: u64, tokens_per_word: &mut f64) -> Tried {
    let counted = heard.input_tokens.filter(|counted| *counted > 0);
    // The first length measures; those after it are compared with what was measured.
    let is_whole = counted.is_some_and(|counted| words == MEASURING_WORDS || counted * 10 >= tokens * 8);
    if is_whole && let Some(counted) = counted {
        let inner = counted.saturating_sub(AROUND / 2).max(words / 4);
        *tokens_per_word = (inner as f64 / words as f64).clamp(0.25, 4.0);
    }
    if is_whole || heard.text.contains(CODE) {
        return Tried::Accepted;
    }
    let counted = counted.map_or(String::new(), |counted| {
        format!(", of which it counted {counted}")
    });
    Tried::Refused(format!(
        "about {tokens} tokens were cut without a word{counted}: the beginning was forgotten"
    ))
}

fn messages(words: u64) -> Value {
    let mut text = format!("Remember the code {CODE}. Do not mind these words:");
    for word in WORDS
        .iter()
        .cycle()
        .take(usize::try_from(words).unwrap_or(usize::MAX))
    {
        text.push(' ');
        text.push_str(word);
    }
    text.push_str(".\nWhat is the code? Answer with the code alone.");
    json!([{"role": "user", "content": text}])
}

fn named(window: u64, words: &str) -> Judged {
    Judged::yes(format!("the server named it: {words}")).of_number(window)
}

fn came_to(outcome: Outcome, refusal: &str, claimed: Option<u64>) -> Judged {
    match outcome {
        Outcome::Confirmed(window) => {
            Judged::yes(format!("{window} tokens hold: nearly as many were read")).of_number(window)
        }
        Outcome::Between { accepted, refused } => Judged::yes(format!(
            "about {accepted} tokens were read, about {refused} were not: {refusal}"
        ))
        .of_number(accepted),
        // Of a window that nobody claimed a lower bound is better than a guess.
        Outcome::AtLeast(accepted) if claimed.is_none() && accepted > 4_096 => {
            Judged::yes(format!("at least {accepted} tokens; the budget ends there")).of_number(accepted)
        }
        Outcome::AtLeast(accepted) => {
            Judged::unclear(format!("at least {accepted} tokens; the budget ends there"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::judge::Verdict;
    use modelpool_core::facts::estimate_tokens;

    #[test]
    fn a_word_is_reckoned_as_a_token() {
        let text = messages(1_000)[0]["content"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let tokens = estimate_tokens(&text);
        assert!((1_000..1_000 + AROUND).contains(&tokens), "{tokens}");
        assert!(text.starts_with("Remember the code 8264"));
    }

    #[test]
    fn only_what_is_sure_becomes_a_number() {
        let number = |outcome, claimed| came_to(outcome, "400", claimed).number;
        assert_eq!(number(Outcome::Confirmed(8_192), Some(8_192)), Some(8_192));
        let between = Outcome::Between {
            accepted: 1_900,
            refused: 2_000,
        };
        assert_eq!(number(between, Some(8_192)), Some(1_900));
        assert_eq!(number(Outcome::AtLeast(9_000), Some(128_000)), None);
        assert_eq!(number(Outcome::AtLeast(9_000), None), Some(9_000));
        assert_eq!(number(Outcome::AtLeast(4_000), None), None);
        assert_eq!(came_to(Outcome::AtLeast(10), "", None).verdict, Verdict::Unclear);
    }
}
