//! What a refusal shows of its cause.

use std::time::Duration;

/// What a refusal shows of its cause, whatever wire it came over. All words are in lower case.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Signals {
    /// The HTTP status; of an error within an answer with a success status, the status that its
    /// code says, else 500.
    pub status: u16,
    /// Codes, types and reasons: `context_length_exceeded`, `overloaded_error`, `1261`.
    /// [`Signals::HTML`] where the body is a page.
    pub names: Vec<String>,
    /// The parameter at fault.
    pub param: Option<String>,
    /// All the texts of the refusal, one a line.
    pub message: String,
    /// The context window in tokens, where the body has it as a number of its own.
    pub window: Option<u64>,
    /// The time to wait, where the body has it as a value of its own.
    pub retry_after: Option<Duration>,
}

/// How much a `…` stands for at most, in bytes. Names of models fit.
const FEW_WORDS: usize = 100;

impl Signals {
    /// The name of a body that is HTML. No vendor answers so: it is a proxy that speaks.
    pub const HTML: &'static str = "<html>";

    pub(super) fn is_named(&self, names: &[&str]) -> bool {
        self.names.iter().any(|name| names.contains(&name.as_str()))
    }

    /// Whether the message holds one of the phrases. `…` in a phrase stands for a few words of one line.
    pub(super) fn says(&self, phrases: &[&str]) -> bool {
        phrases.iter().any(|phrase| match phrase.split_once('…') {
            None => self.message.contains(phrase),
            Some((first, then)) => self
                .message
                .match_indices(first)
                .any(|(at, _)| soon(&self.message[at + first.len()..], then)),
        })
    }
}

/// Whether the words stand soon in the text, and in its first line.
fn soon(text: &str, words: &str) -> bool {
    let line = text.lines().next().unwrap_or_default();
    line.find(words).is_some_and(|at| at <= FEW_WORDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_with_a_gap_hold_in_order() {
        let signals = Signals {
            message: format!(
                "the model x was not found\nthe model y{} was lost",
                " far".repeat(40)
            ),
            ..Signals::default()
        };
        assert!(signals.says(&["nothing of it", "model…not found"]));
        assert!(!signals.says(&["not found…model"]), "another line");
        assert!(!signals.says(&["model y…lost"]), "too far away");
        assert!(!signals.says(&[]));
    }
}
