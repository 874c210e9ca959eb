//! A request that a model is to go on from a part of its answer, in neutral form.

use modelpool_core::continuation::{Continuation, Way};
use modelpool_core::facts::estimate_tokens;

use crate::neutral::{Content, Conversation, Message, Role};

/// Writes into a conversation what was delivered of its answer. The delivered text follows the messages, and where
/// the model is asked to go on a user turn follows that; the output limit shrinks by what was delivered.
///
/// A restart is the request as it was, and so is one with nothing but white space delivered.
pub(crate) fn continue_from(conversation: &mut Conversation, continuation: &Continuation) {
    let text = continuation.sent_text();
    if continuation.way == Way::Restart || text.is_empty() {
        return;
    }
    let said = |role, text: String| Message::new(role, vec![Content::text(text)]);
    conversation.messages.push(said(Role::Assistant, text.to_owned()));
    if continuation.way == Way::AskToGoOn {
        conversation
            .messages
            .push(said(Role::User, continuation.user_turn()));
    }
    if let Some(most) = &mut conversation.max_output_tokens {
        *most = most.saturating_sub(estimate_tokens(text)).max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn continued(way: Way) -> Conversation {
        let mut conversation = Conversation {
            messages: vec![Message::new(Role::User, vec![Content::text("go")])],
            max_output_tokens: Some(100),
            ..Conversation::default()
        };
        let continuation = Continuation {
            delivered: "The quick brown ".into(),
            way,
        };
        continue_from(&mut conversation, &continuation);
        conversation
    }

    #[test]
    fn each_way_of_going_on() {
        let prefill = continued(Way::Prefill);
        assert_eq!(prefill.messages.len(), 2);
        assert_eq!(prefill.messages[1].text(), "The quick brown");
        assert_eq!(prefill.max_output_tokens, Some(96));
        let asked = continued(Way::AskToGoOn);
        assert_eq!((asked.messages.len(), asked.messages[2].role), (3, Role::User));
        let restarted = continued(Way::Restart);
        assert_eq!(
            (restarted.messages.len(), restarted.max_output_tokens),
            (1, Some(100))
        );
    }
}
