//! What failures show about a model by the way, and what follows from anything that was found.
//!
//! A model that refuses an image, a tool or a prefill in clear words lacks it, whatever was declared; one that
//! names its window has that window. The finding goes into the entry's live state, and the next snapshot is made
//! with it, so that the next request goes elsewhere without meeting the refusal. The request that met it fails
//! over by itself.
//!
//! Of a wildcard nothing is kept: its names are as many models as callers think of.

use modelpool_core::{Error, ErrorKind, Finding, Flag, Found, ModelEntry, Numeric};

use crate::pool::ModelPool;

impl ModelPool {
    /// Takes note of what a failed call shows about its model.
    pub(crate) fn observe(&self, entry: &ModelEntry, error: &Error) {
        let Some(found) = shown_by(error) else { return };
        if entry.config().is_wildcard() {
            return;
        }
        let at = self.inner.clock.now();
        self.found(entry, [Finding::observed(found, at, error.message())]);
    }

    /// Keeps findings, and lets the next request know of them.
    pub(crate) fn found(&self, entry: &ModelEntry, findings: impl IntoIterator<Item = Finding>) {
        let mut new = false;
        for finding in findings {
            if entry.live().findings().record(finding.clone()) {
                new = true;
                report(entry, &finding);
            }
        }
        if new {
            // Nothing is edited: a change lays what was found over what was said. It cannot fail.
            let _ = self.change(|_| Ok(()));
        }
    }
}

/// What an error says about the model that gave it.
fn shown_by(error: &Error) -> Option<Found> {
    match error.kind() {
        ErrorKind::Unsupported {
            capability: Some(flag),
        } => Some(Found::Flag(*flag, false)),
        // Some refuse an order of roles that has other reasons, too.
        ErrorKind::PrefillRefused if error.message().contains("prefill") => {
            Some(Found::Flag(Flag::Prefill, false))
        }
        ErrorKind::ContextLength {
            window: Some(window), ..
        } if *window > 0 => Some(Found::Number(Numeric::ContextWindow, *window)),
        _ => None,
    }
}

/// A line in the log where something is not as the user declared it.
fn report(entry: &ModelEntry, finding: &Finding) {
    if let Some(declared) = finding.contradicts(entry.said()) {
        tracing::warn!(
            model = entry.alias(),
            capability = finding.found.key(),
            %declared,
            found = %finding.found.json(),
            evidence = finding.evidence,
            "a model is not as it was declared",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_clear_words_show_something() {
        let shown = |kind, message: &'static str| shown_by(&Error::new(kind, message));
        let tools = ErrorKind::Unsupported {
            capability: Some(Flag::Tools),
        };
        assert_eq!(shown(tools, "no tools"), Some(Found::Flag(Flag::Tools, false)));
        assert_eq!(shown(ErrorKind::Unsupported { capability: None }, "no"), None);
        let window = |window| ErrorKind::ContextLength { window };
        assert_eq!(
            shown(window(Some(9)), "too long"),
            Some(Found::Number(Numeric::ContextWindow, 9))
        );
        assert_eq!(shown(window(Some(0)), "too long"), None);
        assert_eq!(shown(window(None), "too long"), None);
        assert_eq!(
            shown(
                ErrorKind::PrefillRefused,
                "this model does not support message prefill"
            ),
            Some(Found::Flag(Flag::Prefill, false))
        );
        assert_eq!(shown(ErrorKind::PrefillRefused, "roles must alternate"), None);
        assert_eq!(shown(ErrorKind::Server, "sorry"), None);
    }
}
