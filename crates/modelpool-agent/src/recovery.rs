//! What a run does when something goes wrong.
//!
//! | what | then |
//! |---|---|
//! | a provider is gone, slow, at its limit | nothing: the pool asks the next model |
//! | the input is too long for every model | it is [trimmed](Remedy::Trim), and the round is asked again |
//! | a round that was sent to certain models failed there | all models are asked ([`Remedy::Widen`]) |
//! | an answer was lost after it had begun, and the pool could not go on with it | it is asked [again](Remedy::Again) |
//! | a tool fails, or its call is refused | the model is told; a tool that fails again and again is taken away |
//!
//! Every line but the first costs one of the run's recoveries ([`Limits::recoveries`](crate::Limits)). Anything else
//! ends the run with an error.

use modelpool::{Error, ErrorKind, NoModelFits};

use crate::aggregate::Spoken;
use crate::tool::border;
use crate::{Message, Role};

/// What is done about an error of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// Send less: at most so many tokens, where that is known.
    Trim {
        /// The window of the largest model, in tokens.
        window: Option<u64>,
    },
    /// Ask all models.
    Widen,
    /// Ask again.
    Again,
}

/// What is done about an error; `narrowed` is whether only certain models had been asked, `began` whether the answer
/// had begun.
pub(crate) fn remedy(error: &Error, narrowed: bool, began: bool) -> Option<Remedy> {
    let hopeless = matches!(
        error.kind(),
        ErrorKind::ContentFilter | ErrorKind::InvalidRequest | ErrorKind::Forbidden | ErrorKind::Cancelled
    );
    match error.kind() {
        _ if hopeless => None,
        _ if narrowed => Some(Remedy::Widen),
        ErrorKind::ContextLength { window } => Some(Remedy::Trim { window: *window }),
        ErrorKind::NoModelFits(reason) if reason.input_too_long => Some(Remedy::Trim {
            window: largest_window(reason),
        }),
        ErrorKind::Server
        | ErrorKind::Connect
        | ErrorKind::Timeout(_)
        | ErrorKind::Protocol
        | ErrorKind::Overloaded { .. }
        | ErrorKind::StreamLost
            if began && !error.forbids_retry() =>
        {
            Some(Remedy::Again)
        }
        _ => None,
    }
}

/// The largest window of those models that lack nothing else.
fn largest_window(reason: &NoModelFits) -> Option<u64> {
    let missing = reason.rejected.iter().flat_map(|model| &model.missing);
    missing
        .filter_map(|missing| missing.has.as_f64())
        .map(|window| window as u64)
        .max()
}

/// A shortened result keeps so many bytes at least.
const SHORTEST_BYTES: usize = 400;

/// Bytes and tokens of the words that say what was left out.
const WORDS_BYTES: usize = 128;
const WORDS_TOKENS: u64 = 32;

/// Shortens what tools gave, the oldest first, until about `tokens` tokens are saved; returns how many are.
pub(crate) fn shorten(messages: &mut [Spoken], tokens: u64, count: impl Fn(&Message) -> u64) -> u64 {
    let mut saved = 0;
    for spoken in messages {
        if saved >= tokens {
            break;
        }
        let text = spoken.message.text();
        if spoken.message.role() != Role::Tool || text.len() <= SHORTEST_BYTES + WORDS_BYTES {
            continue;
        }
        let before = count(&spoken.message);
        // As much of it as has to go, by its share of the tokens, and the words that say so.
        let goes = tokens.saturating_sub(saved).saturating_add(WORDS_TOKENS);
        let share = 1.0 - goes as f64 / before.max(1) as f64;
        let kept = ((text.len() as f64 * share.max(0.0)) as usize)
            .max(SHORTEST_BYTES)
            .min(text.len());
        let kept = border(&text, kept);
        let id = spoken.message.tool_call_id().unwrap_or_default();
        let cut = format!(
            "{}\n[{} of {} bytes were left out here: the conversation became too long]",
            &text[..kept],
            text.len() - kept,
            text.len()
        );
        let shorter = Message::tool(id, cut);
        let after = count(&shorter);
        if after < before {
            saved += before - after;
            spoken.message = shorter;
        }
    }
    saved
}

#[cfg(test)]
mod tests {
    use super::*;
    use modelpool::TimeoutKind;
    use modelpool::parts::core::facts::estimate_tokens;
    use std::sync::Arc;

    fn error(kind: ErrorKind) -> Error {
        Error::new(kind, "it failed")
    }

    #[test]
    fn each_error_has_its_remedy() {
        let too_long = NoModelFits {
            unknown_keys: Vec::new(),
            rejected: Vec::new(),
            pool_is_empty: false,
            input_too_long: true,
        };
        let nothing = NoModelFits {
            input_too_long: false,
            ..too_long.clone()
        };
        let fits = |reason: &NoModelFits| ErrorKind::NoModelFits(Arc::new(reason.clone()));
        let trim = Some(Remedy::Trim { window: None });
        for (kind, plain, narrowed, began) in [
            (
                ErrorKind::ContextLength { window: None },
                trim,
                Some(Remedy::Widen),
                trim,
            ),
            (fits(&too_long), trim, Some(Remedy::Widen), trim),
            (fits(&nothing), None, Some(Remedy::Widen), None),
            (
                ErrorKind::StreamLost,
                None,
                Some(Remedy::Widen),
                Some(Remedy::Again),
            ),
            (
                ErrorKind::Timeout(TimeoutKind::Idle),
                None,
                Some(Remedy::Widen),
                Some(Remedy::Again),
            ),
            (ErrorKind::Auth, None, Some(Remedy::Widen), None),
            (ErrorKind::BudgetExceeded, None, Some(Remedy::Widen), None),
            (ErrorKind::ContentFilter, None, None, None),
            (ErrorKind::InvalidRequest, None, None, None),
        ] {
            let error = error(kind.clone());
            let remedies = [(false, false), (true, false), (false, true)];
            let remedies = remedies.map(|(narrowed, began)| remedy(&error, narrowed, began));
            assert_eq!(remedies, [plain, narrowed, began], "{kind:?}");
        }
    }

    #[test]
    fn the_oldest_results_are_shortened_and_no_more_than_needed() {
        let tool = |id: &str, bytes: usize| Spoken {
            message: Message::tool(id, "文x".repeat(bytes / 4)),
            model_alias: None,
        };
        let said = Spoken {
            message: Message::assistant("long ".repeat(1000)),
            model_alias: Some("a".into()),
        };
        let mut messages = vec![tool("1", 4000), said.clone(), tool("2", 4000), tool("3", 200)];
        let count = |message: &Message| estimate_tokens(&message.text());
        let before: Vec<u64> = messages.iter().map(|spoken| count(&spoken.message)).collect();
        let saved = shorten(&mut messages, before[0] / 2, count);
        assert!(saved >= before[0] / 3, "{saved} of {before:?}");
        assert_eq!(messages[1], said);
        assert_eq!(count(&messages[2].message), before[2]);
        assert_eq!(messages[0].message.tool_call_id(), Some("1"));
        assert!(
            messages[0]
                .message
                .text()
                .ends_with("the conversation became too long]")
        );
        // All that can go, goes.
        shorten(&mut messages, u64::MAX / 2, count);
        assert!(messages[2].message.text().len() < 600);
        assert_eq!(count(&messages[3].message), before[3]);
        assert_eq!(shorten(&mut messages, u64::MAX / 2, count), 0);
    }
}
