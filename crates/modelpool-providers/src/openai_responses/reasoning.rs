//! Reasoning items, and what travels in their `encrypted_content`.
//!
//! Of OpenAI's own it is the reasoning itself, sealed. A caller of this dialect who talks to another vendor's
//! model finds that vendor's signature there, marked as the stranger's ([`Signature::written_for`]), and gives it
//! back with the next turn without knowing. Two marks within the stranger's text tell what it was:
//! `sealed:` reasoning that only the stranger can read, `call:` the signature of a call of a tool, with the
//! call's id. OpenAI's wire itself never gets to see any of these.

use serde_json::{Map, Value, json};

use super::value::{list, text};
use crate::neutral::{Issuer, ReasoningPart, Signature};

const SEALED: &str = "sealed:";
const OF_CALL: &str = "call:";

/// What a reasoning item says.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Said {
    Reasoning(ReasoningPart),
    /// The signature of a call of a tool.
    OfCall {
        call_id: String,
        signature: Signature,
    },
    Nothing,
}

/// What stands in `encrypted_content`.
pub(super) enum Content {
    /// OpenAI's own.
    Own(Signature),
    Signature(Signature),
    Sealed(Signature),
    OfCall(String, Signature),
}

/// Reads an `encrypted_content`.
pub(super) fn content(encrypted: &str) -> Content {
    let signature = Signature::read_from(Issuer::OpenAi, encrypted);
    let issuer = signature.issuer;
    if issuer == Issuer::OpenAi {
        return Content::Own(signature);
    }
    if let Some(sealed) = signature.value.strip_prefix(SEALED) {
        return Content::Sealed(Signature::new(issuer, sealed));
    }
    let of_call = signature.value.strip_prefix(OF_CALL);
    match of_call.and_then(|rest| rest.rsplit_once('|')) {
        Some((call_id, value)) => Content::OfCall(call_id.to_owned(), Signature::new(issuer, value)),
        None => Content::Signature(signature),
    }
}

/// Reads an item of type `reasoning`.
pub(super) fn read(item: &Value) -> Said {
    let mut part = ReasoningPart {
        text: text_of(item),
        ..ReasoningPart::default()
    };
    let encrypted = text(item, "encrypted_content").filter(|text| !text.is_empty());
    match encrypted.map(content) {
        None if part.text.is_empty() => return Said::Nothing,
        None => {}
        Some(Content::OfCall(call_id, signature)) => return Said::OfCall { call_id, signature },
        Some(Content::Signature(signature)) => part.signature = Some(signature),
        Some(Content::Sealed(signature)) => part.encrypted = Some(signature),
        // With a text it can stand for the text's signature, which other dialects have a place for.
        Some(Content::Own(signature)) if part.text.is_empty() => part.encrypted = Some(signature),
        Some(Content::Own(signature)) => part.signature = Some(signature),
    }
    Said::Reasoning(part)
}

/// The summary; the reasoning itself where there is none, as open models give it.
fn text_of(item: &Value) -> String {
    let joined = |key: &str| {
        let texts = list(item, key).filter_map(|part| text(part, "text"));
        texts
            .filter(|text| !text.is_empty())
            .collect::<Vec<_>>()
            .join("\n\n")
    };
    let summary = joined("summary");
    if summary.is_empty() {
        joined("content")
    } else {
        summary
    }
}

/// The `encrypted_content` a caller is given; `None` where there is nothing to carry.
pub(super) fn for_caller(part: &ReasoningPart) -> Option<String> {
    match (&part.encrypted, &part.signature) {
        (Some(encrypted), _) => Some(sealed_for_caller(encrypted)),
        (None, Some(signature)) => Some(signature.written_for(Issuer::OpenAi)),
        (None, None) => None,
    }
}

/// That of reasoning which only its issuer can read.
pub(super) fn sealed_for_caller(encrypted: &Signature) -> String {
    if encrypted.issuer == Issuer::OpenAi {
        return encrypted.value.clone();
    }
    let marked = Signature::new(encrypted.issuer, format!("{SEALED}{}", encrypted.value));
    marked.written_for(Issuer::OpenAi)
}

/// That of an item that carries the signature of a call; `None` for OpenAI, whose calls have none.
pub(super) fn of_call_for_caller(call_id: &str, signature: &Signature) -> Option<String> {
    if signature.issuer == Issuer::OpenAi {
        return None;
    }
    let marked = Signature::new(
        signature.issuer,
        format!("{OF_CALL}{call_id}|{}", signature.value),
    );
    Some(marked.written_for(Issuer::OpenAi))
}

/// The item for OpenAI's wire; `None` for reasoning that is not OpenAI's own, or not known to be. The item's id is
/// left out: it names what OpenAI stored, if it stored it.
pub(super) fn for_wire(part: &ReasoningPart) -> Option<Value> {
    let sealed = part.encrypted.iter().chain(&part.signature);
    let own = sealed
        .filter_map(|signature| signature.for_issuer(Issuer::OpenAi))
        .next()?;
    Some(json!({"type": "reasoning", "summary": summary(&part.text), "encrypted_content": own}))
}

/// The item of a response.
pub(super) fn item(id: &str, text: &str, encrypted: Option<&str>) -> Value {
    let mut item = Map::new();
    item.insert("id".to_owned(), id.into());
    item.insert("type".to_owned(), "reasoning".into());
    item.insert("summary".to_owned(), summary(text));
    if let Some(encrypted) = encrypted {
        item.insert("encrypted_content".to_owned(), encrypted.into());
    }
    Value::Object(item)
}

fn summary(text: &str) -> Value {
    if text.is_empty() {
        json!([])
    } else {
        json!([summary_part(text)])
    }
}

pub(super) fn summary_part(text: &str) -> Value {
    json!({"type": "summary_text", "text": text})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_caller_is_given_comes_back_as_it_was() {
        let own = |value: &str| Some(Signature::new(Issuer::OpenAi, value));
        let stranger = |value: &str| Some(Signature::new(Issuer::Anthropic, value));
        for (text, signature, encrypted) in [
            ("thought", stranger("EqQB|:="), None),
            ("", stranger("EqQB"), None),
            ("", None, stranger("Red:acted")),
            ("thought", own("gAAA"), None),
            ("", None, own("gAAA")),
            ("thought", None, None),
        ] {
            let part = ReasoningPart {
                text: text.to_owned(),
                signature,
                encrypted,
            };
            let item = item("rs_1", &part.text, for_caller(&part).as_deref());
            assert_eq!(read(&item), Said::Reasoning(part));
        }
    }

    #[test]
    fn the_signature_of_a_call_keeps_its_call() {
        let signature = Signature::new(Issuer::Gemini, "abc==");
        let item = item("rs_1", "", of_call_for_caller("call|:1", &signature).as_deref());
        let expected = Said::OfCall {
            call_id: "call|:1".to_owned(),
            signature,
        };
        assert_eq!(read(&item), expected);
        assert_eq!(
            of_call_for_caller("call_1", &Signature::new(Issuer::OpenAi, "x")),
            None
        );
    }

    #[test]
    fn only_openai_s_own_goes_to_openai() {
        let part = |signature: Option<Signature>| ReasoningPart {
            text: "thought".to_owned(),
            signature,
            encrypted: None,
        };
        assert_eq!(for_wire(&part(None)), None);
        assert_eq!(for_wire(&part(Some(Signature::new(Issuer::Gemini, "g")))), None);
        let own = for_wire(&part(Some(Signature::new(Issuer::OpenAi, "gAAA")))).unwrap();
        assert_eq!(own["encrypted_content"], "gAAA");
        assert_eq!(own["summary"][0]["text"], "thought");
        assert_eq!(own.get("id"), None);
    }

    #[test]
    fn open_models_give_the_reasoning_itself() {
        let item = json!({"type": "reasoning", "summary": [], "content": [
            {"type": "reasoning_text", "text": "a"}, {"type": "reasoning_text", "text": "b"}]});
        let Said::Reasoning(part) = read(&item) else {
            panic!("no reasoning");
        };
        assert_eq!(part.text, "a\n\nb");
        assert_eq!(read(&json!({"type": "reasoning", "summary": 7})), Said::Nothing);
    }
}
