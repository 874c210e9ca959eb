//! Writing into a request that the model is to go on from a part of its answer.

use std::ops::Range;

use bytes::Bytes;
use modelpool_core::continuation::{Continuation, Way};
use modelpool_core::facts::estimate_tokens;
use serde_json::json;

use super::read::range_in;
use crate::json::{self, lenient_object};
use crate::splice::apply;
use crate::vendor::PrefillForm;

lenient_object! {
    struct Body<'a> {
        messages: Option<&'a str> = "messages",
        max_tokens: Option<&'a str> = "max_tokens",
        max_completion_tokens: Option<&'a str> = "max_completion_tokens",
    }
}

/// The body of a request that goes on. The delivered text follows the caller's messages, and for
/// [`Way::AskToGoOn`] a user turn follows that; what the caller or the configuration allows for
/// the output shrinks by what was delivered. The rest stays as it was.
///
/// A restart is the request as it was, and so is one with nothing but white space delivered.
pub(super) fn continued(body: Bytes, continuation: &Continuation, prefill: PrefillForm) -> Bytes {
    let text = continuation.sent_text();
    let Ok(whole) = std::str::from_utf8(&body) else {
        return body;
    };
    let Ok(read) = json::read::<Body<'_>>(whole) else {
        return body;
    };
    let Some(messages) = read
        .messages
        .filter(|_| continuation.way != Way::Restart && !text.is_empty())
    else {
        return body;
    };
    let mut message = json!({"role": "assistant", "content": text});
    let mut added_members = String::new();
    let added_messages = match continuation.way {
        Way::Prefill => {
            match prefill {
                PrefillForm::LastMessage => {}
                PrefillForm::MessageMember(name) => message[name] = true.into(),
                PrefillForm::BodyMembers(members) => {
                    added_members.extend(
                        members
                            .iter()
                            .map(|(name, value)| format!(r#","{name}":{value}"#)),
                    );
                }
            }
            format!(",{message}")
        }
        Way::AskToGoOn | Way::Restart => {
            let turn = json!({"role": "user", "content": continuation.user_turn()});
            format!(",{message},{turn}")
        }
    };
    let end_of_messages = range_in(whole, messages).end - 1;
    let mut edits: Vec<(Range<usize>, String)> = vec![(end_of_messages..end_of_messages, added_messages)];
    if let Some(end) = whole.rfind('}').filter(|_| !added_members.is_empty()) {
        edits.push((end..end, added_members));
    }
    for limit in [read.max_tokens, read.max_completion_tokens]
        .into_iter()
        .flatten()
    {
        if let Ok(tokens) = limit.parse::<u64>() {
            let left = tokens
                .saturating_sub(estimate_tokens(&continuation.delivered))
                .max(1);
            edits.push((range_in(whole, limit), left.to_string()));
        }
    }
    apply(&body, &mut edits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    const BODY: &str =
        r#" {"model":"m", "messages":[ {"role":"user","content":"Go"} ] , "max_tokens":100,"z":1.0} "#;

    fn sent(body: &str, delivered: &str, way: Way, prefill: PrefillForm) -> String {
        let continuation = Continuation {
            delivered: delivered.into(),
            way,
        };
        let sent = continued(Bytes::copy_from_slice(body.as_bytes()), &continuation, prefill);
        String::from_utf8(sent.to_vec()).unwrap()
    }

    #[test]
    fn a_prefill_takes_the_vendors_form() {
        // 12 characters are estimated as 3 tokens.
        let expected = |member: &str, members: &str| {
            format!(
                r#" {{"model":"m", "messages":[ {{"role":"user","content":"Go"}} ,{{"role":"assistant","content":"The \"quick\""{member}}}] , "max_tokens":97,"z":1.0{members}}} "#
            )
        };
        for (form, member, members) in [
            (PrefillForm::LastMessage, "", ""),
            (PrefillForm::MessageMember("prefix"), r#","prefix":true"#, ""),
            (
                PrefillForm::BodyMembers(&[
                    ("continue_final_message", true),
                    ("add_generation_prompt", false),
                ]),
                "",
                r#","continue_final_message":true,"add_generation_prompt":false"#,
            ),
        ] {
            assert_eq!(
                sent(BODY, "The \"quick\" ", Way::Prefill, form),
                expected(member, members),
                "{form:?}"
            );
        }
    }

    #[test]
    fn a_model_without_prefill_is_asked_to_go_on() {
        let sent = sent(
            BODY,
            "The quick",
            Way::AskToGoOn,
            PrefillForm::MessageMember("prefix"),
        );
        let body: Value = serde_json::from_str(&sent).unwrap();
        let messages = body["messages"].as_array().unwrap();
        assert_eq!(messages[1], json!({"role": "assistant", "content": "The quick"}));
        assert_eq!((&messages[2]["role"], messages.len()), (&json!("user"), 3));
        assert!(
            messages[2]["content"]
                .as_str()
                .unwrap()
                .ends_with("\n\nThe quick")
        );
    }

    #[test]
    fn a_restart_is_the_request_as_it_was() {
        for (way, delivered) in [
            (Way::Restart, "The quick"),
            (Way::Prefill, " \n"),
            (Way::AskToGoOn, ""),
        ] {
            assert_eq!(sent(BODY, delivered, way, PrefillForm::LastMessage), BODY);
        }
    }

    #[test]
    fn the_output_limit_shrinks_to_one_token_at_least() {
        for (limit, left) in [
            ("100", "90"),
            ("5", "1"),
            ("0", "1"),
            ("null", "null"),
            ("1.5", "1.5"),
        ] {
            let body = |limit: &str| format!(r#"{{"max_completion_tokens":{limit},"messages":[{{}}"#);
            let sent = sent(
                &format!("{}]}}", body(limit)),
                &"word".repeat(10),
                Way::Prefill,
                PrefillForm::LastMessage,
            );
            assert!(sent.starts_with(&body(left)), "{sent}");
        }
    }

    proptest! {
        #[test]
        fn any_text_arrives_as_it_was_delivered(text in any::<String>(), ask in any::<bool>()) {
            let way = if ask { Way::AskToGoOn } else { Way::Prefill };
            let body: Value = serde_json::from_str(&sent(BODY, &text, way, PrefillForm::LastMessage)).unwrap();
            if !text.trim().is_empty() {
                prop_assert_eq!(body["messages"][1]["content"].as_str(), Some(text.trim_end()));
            }
        }
    }
}
