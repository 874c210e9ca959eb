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

impl Signals {
    /// The name of a body that is HTML. No vendor answers so: it is a proxy that speaks.
    pub const HTML: &'static str = "<html>";

    pub(super) fn is_named(&self, names: &[&str]) -> bool {
        self.names.iter().any(|name| names.contains(&name.as_str()))
    }

    /// Whether the message holds one of the phrases. `…` in a phrase stands for anything.
    pub(super) fn says(&self, phrases: &[&str]) -> bool {
        phrases.iter().any(|phrase| {
            let mut rest = self.message.as_str();
            phrase.split('…').all(|piece| match rest.split_once(piece) {
                Some((_, after)) => {
                    rest = after;
                    true
                }
                None => false,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_with_a_gap_hold_in_order() {
        let signals = Signals {
            message: "input length and `max_tokens` exceed context limit".to_owned(),
            ..Signals::default()
        };
        assert!(signals.says(&["nothing of it", "input length…exceed context limit"]));
        assert!(!signals.says(&["exceed context limit…input length"]));
        assert!(!signals.says(&[]));
    }
}
