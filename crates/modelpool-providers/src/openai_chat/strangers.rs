//! What callers send back of other wires' answers, and servers of this wire are not to see.
//!
//! Signatures of reasoning travel through callers of this dialect in members that some servers have for their own. Bytes
//! pass through to those servers; a body that holds a stranger's signature is the exception.

use bytes::Bytes;
use serde_json::Value;

use crate::neutral::Signature;

/// The body without signatures that say they are another issuer's.
pub(super) fn without_strangers(body: Bytes) -> Bytes {
    if memchr::memmem::find(&body, Signature::MARK.as_bytes()).is_none() {
        return body;
    }
    let Ok(mut request) = serde_json::from_slice::<Value>(&body) else {
        return body;
    };
    let messages = request.get_mut("messages").and_then(Value::as_array_mut);
    let mut found = false;
    for message in messages.into_iter().flatten() {
        found |= clean(message);
    }
    match found {
        true => Bytes::from(request.to_string()),
        // The mark stands in somebody's text.
        false => body,
    }
}

/// Takes them out of a message; whether there was one.
fn clean(message: &mut Value) -> bool {
    let mut found = false;
    if let Some(details) = message.get_mut("reasoning_details").and_then(Value::as_array_mut) {
        let before = details.len();
        details.retain(|detail| !is_strangers(&detail["signature"]) && !is_strangers(&detail["data"]));
        found |= details.len() < before;
        if details.is_empty()
            && found
            && let Some(members) = message.as_object_mut()
        {
            members.shift_remove("reasoning_details");
        }
    }
    let calls = message.get_mut("tool_calls").and_then(Value::as_array_mut);
    for call in calls.into_iter().flatten() {
        if is_strangers(&call["extra_content"]["google"]["thought_signature"])
            && let Some(members) = call.as_object_mut()
        {
            members.shift_remove("extra_content");
            found = true;
        }
    }
    found
}

fn is_strangers(signature: &Value) -> bool {
    signature.as_str().and_then(Signature::from_marked).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn cleaned(body: &Value) -> Value {
        let bytes = without_strangers(Bytes::from(body.to_string()));
        serde_json::from_slice(&bytes).unwrap()
    }

    #[test]
    fn strangers_are_taken_out_and_nothing_else() {
        let own = json!({"type": "reasoning.text", "text": "a", "signature": "EqQB"});
        let strangers = json!({"type": "reasoning.encrypted", "data": "modelpool:gemini:x"});
        let extra = |signature: &str| json!({"google": {"thought_signature": signature}});
        let body = |details: Value, call: Value| {
            json!({"temperature": 0.5, "messages": [
                {"role": "user", "content": "what is modelpool:gemini:x?"},
                {"role": "assistant", "reasoning_details": details, "tool_calls": [call], "content": null},
            ]})
        };
        assert_eq!(
            cleaned(&body(
                json!([own, strangers]),
                json!({"id": "1", "extra_content": extra("modelpool:bedrock:y")})
            )),
            body(json!([own]), json!({"id": "1"}))
        );
        let untouched = body(json!([own]), json!({"id": "1", "extra_content": extra("CiQB")}));
        assert_eq!(cleaned(&untouched), untouched);
        let gone = cleaned(&body(json!([strangers]), json!({"id": "1"})));
        assert!(gone["messages"][1].get("reasoning_details").is_none(), "{gone}");
    }
}
