//! Writing the request: the caller's bytes with the few splices that are permitted.
//!
//! `model` becomes the vendor's name, our own member `modelpool` is taken out, usage is asked for
//! at the end of a stream, and members the user configured are added where the caller did not set
//! them. Everything else, unknown members and their order included, stays as it was.

use std::ops::Range;

use bytes::Bytes;
use modelpool_core::provider::RequestBody;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use smallvec::SmallVec;

use crate::multipart;

/// What a call changes in the caller's bytes.
pub(crate) struct Splice<'a> {
    /// The vendor's name of the model; `None` where it does not stand in the body.
    pub(crate) model_name: Option<&'a str>,
    /// Ask for usage at the end of the stream.
    pub(crate) ask_for_usage: bool,
    /// Leave the caller's `stream_options` out, for a vendor that refuses the member.
    pub(crate) without_stream_options: bool,
    /// Members to add where the caller did not set them.
    pub(crate) defaults: &'a Map<String, Value>,
}

/// Other text for some places of a body.
type Edits = SmallVec<[(Range<usize>, String); 4]>;

/// The body to send.
pub(crate) fn body(caller: &RequestBody, splice: &Splice<'_>) -> Bytes {
    if caller.form.is_some() {
        return form(caller, splice);
    }
    let spots = &caller.spots;
    if splice.without_stream_options && spots.stream_options.is_some() {
        return rebuilt(caller, splice);
    }
    let mut edits = Edits::new();
    let mut inserted = String::new();
    if let Some(name) = splice.model_name {
        let model = quoted(name);
        match &spots.model {
            Some(at) => edits.push((at.clone(), model)),
            None => insert(&mut inserted, "model", &model),
        }
    }
    if let Some(member) = &spots.extension {
        edits.push((member.clone(), String::new()));
    }
    if splice.ask_for_usage && !caller.wants_usage {
        match &spots.stream_options {
            Some(at) => edits.push((at.clone(), with_usage(&caller.bytes[at.clone()]))),
            None => insert(&mut inserted, "stream_options", r#"{"include_usage":true}"#),
        }
    }
    for (key, value) in splice
        .defaults
        .iter()
        .filter(|(key, _)| !has_member(&caller.bytes, key))
    {
        insert(&mut inserted, key, &value.to_string());
    }
    if !inserted.is_empty() {
        edits.push((spots.first_member..spots.first_member, inserted));
    }
    apply(&caller.bytes, &mut edits)
}

/// A form, whose values stand as they are.
fn form(caller: &RequestBody, splice: &Splice<'_>) -> Bytes {
    let spots = &caller.spots;
    let mut edits = Edits::new();
    if let (Some(name), Some(at)) = (splice.model_name, &spots.model) {
        edits.push((at.clone(), name.to_owned()));
    }
    edits.extend(spots.extension.clone().map(|part| (part, String::new())));
    let inserted = multipart::defaults(caller, splice.defaults);
    if !inserted.is_empty() {
        edits.push((spots.first_member..spots.first_member, inserted));
    }
    apply(&caller.bytes, &mut edits)
}

/// The body from its members, each as written: two members that stand side by side cannot both be
/// cut out with their commas.
fn rebuilt(caller: &RequestBody, splice: &Splice<'_>) -> Bytes {
    let mut members: indexed::Members = serde_json::from_slice(&caller.bytes).unwrap_or_default();
    members.remove("modelpool");
    members.remove("stream_options");
    if let Some(name) = splice.model_name {
        members.replace("model", &Value::from(name).to_string());
    }
    for (key, value) in splice.defaults {
        if !members.contains(key) {
            members.set(key, &value.to_string());
        }
    }
    Bytes::from(members.to_string())
}

/// A body that was written anew, with configured members where it has none; in objects that both have, their
/// members likewise.
pub(crate) fn with_defaults(body: Bytes, defaults: &Map<String, Value>) -> Bytes {
    if defaults.is_empty() {
        return body;
    }
    let Ok(mut members) = serde_json::from_slice::<Map<String, Value>>(&body) else {
        return body;
    };
    add_missing(&mut members, defaults);
    Bytes::from(Value::Object(members).to_string())
}

fn add_missing(members: &mut Map<String, Value>, defaults: &Map<String, Value>) {
    for (key, value) in defaults {
        match (members.get_mut(key), value) {
            (None, value) => drop(members.insert(key.clone(), value.clone())),
            (Some(Value::Object(members)), Value::Object(defaults)) => add_missing(members, defaults),
            (Some(_), _) => {}
        }
    }
}

fn insert(inserted: &mut String, key: &str, value: &str) {
    inserted.push_str(&quoted(key));
    inserted.push(':');
    inserted.push_str(value);
    inserted.push(',');
}

/// A text as JSON writes it.
fn quoted(text: &str) -> String {
    let is_plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
    match text.bytes().all(is_plain) {
        true => format!("\"{text}\""),
        false => Value::from(text).to_string(),
    }
}

/// The bytes with other text in some places, which must not overlap.
pub(crate) fn apply(bytes: &Bytes, edits: &mut [(Range<usize>, String)]) -> Bytes {
    // What is inserted comes before a member that is taken out at the same place.
    edits.sort_by_key(|(at, _)| (at.start, at.end));
    let grown: usize = edits.iter().map(|(_, text)| text.len()).sum();
    let mut spliced = Vec::with_capacity(bytes.len() + grown);
    let mut copied = 0;
    for (at, text) in edits {
        spliced.extend_from_slice(&bytes[copied..at.start]);
        spliced.extend_from_slice(text.as_bytes());
        copied = at.end;
    }
    spliced.extend_from_slice(&bytes[copied..]);
    Bytes::from(spliced)
}

/// The caller's `stream_options` with usage asked for; its other members stay.
fn with_usage(options: &[u8]) -> String {
    let mut members: indexed::Members = serde_json::from_slice(options).unwrap_or_default();
    members.set("include_usage", "true");
    members.to_string()
}

fn has_member(body: &[u8], key: &str) -> bool {
    serde_json::from_slice::<indexed::Members>(body).is_ok_and(|members| members.contains(key))
}

mod indexed {
    //! The members of a JSON object in their order, with their values as written.

    use std::fmt;

    use serde::Deserialize;
    use serde::de::{Deserializer, MapAccess, Visitor};

    use super::{RawValue, Value};

    #[derive(Default)]
    pub(crate) struct Members(Vec<(String, String)>);

    impl Members {
        pub(crate) fn contains(&self, key: &str) -> bool {
            self.0.iter().any(|(present, _)| present == key)
        }

        pub(crate) fn remove(&mut self, key: &str) {
            self.0.retain(|(present, _)| present != key);
        }

        pub(crate) fn replace(&mut self, key: &str, raw: &str) {
            for (_, value) in self.0.iter_mut().filter(|(present, _)| present == key) {
                raw.clone_into(value);
            }
        }

        pub(crate) fn set(&mut self, key: &str, raw: &str) {
            self.0.retain(|(present, _)| present != key);
            self.0.push((key.to_owned(), raw.to_owned()));
        }
    }

    impl fmt::Display for Members {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("{")?;
            for (at, (key, raw)) in self.0.iter().enumerate() {
                write!(
                    f,
                    "{}{}:{raw}",
                    if at == 0 { "" } else { "," },
                    Value::from(key.as_str())
                )?;
            }
            f.write_str("}")
        }
    }

    impl<'de> Deserialize<'de> for Members {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct MembersVisitor;

            impl<'de> Visitor<'de> for MembersVisitor {
                type Value = Members;

                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("an object")
                }

                fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                    let mut members = Members::default();
                    while let Some(key) = map.next_key::<String>()? {
                        members
                            .0
                            .push((key, map.next_value::<&'de RawValue>()?.get().to_owned()));
                    }
                    Ok(members)
                }
            }

            deserializer.deserialize_map(MembersVisitor)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openai_chat::read::read;
    use modelpool_core::Operation;
    use serde_json::json;

    fn sent(text: &str, ask_for_usage: bool, defaults: Value) -> String {
        let request = read(Operation::Chat, Bytes::copy_from_slice(text.as_bytes())).unwrap();
        let defaults = defaults.as_object().cloned().unwrap_or_default();
        let splice = Splice {
            model_name: Some("gpt \"x\""),
            ask_for_usage,
            without_stream_options: false,
            defaults: &defaults,
        };
        String::from_utf8(body(&request.body, &splice).to_vec()).unwrap()
    }

    #[test]
    fn only_the_model_changes() {
        let strange = r#" { "z":1.0,"model" : "auto", "a":1e400,"a":[ ], "emoji":"😀\ud83d\ude00\/", "messages":[{"role":"user","content":"hi"}] } "#;
        assert_eq!(
            sent(strange, false, json!({})),
            strange.replace("\"auto\"", r#""gpt \"x\"""#)
        );
    }

    #[test]
    fn usage_is_asked_for_without_touching_other_options() {
        let with = |options: &str| format!(r#"{{"model":"a","messages":[{{}}]{options}}}"#);
        let model = r#""model":"gpt \"x\"","messages":[{}]"#;
        assert_eq!(
            sent(&with(""), true, json!({})),
            format!(r#"{{"stream_options":{{"include_usage":true}},{model}}}"#)
        );
        assert_eq!(
            sent(
                &with(r#","stream_options":{"x":1.0,"include_usage":false}"#),
                true,
                json!({})
            ),
            format!(r#"{{{model},"stream_options":{{"x":1.0,"include_usage":true}}}}"#)
        );
        assert_eq!(
            sent(&with(r#","stream_options":null"#), true, json!({})),
            format!(r#"{{{model},"stream_options":{{"include_usage":true}}}}"#)
        );
        let asked = with(r#","stream_options":{"include_usage":true}"#);
        assert_eq!(
            sent(&asked, true, json!({})),
            asked.replace("\"a\"", r#""gpt \"x\"""#)
        );
    }

    #[test]
    fn stream_options_are_left_out_for_who_refuses_them() {
        let text = r#"{"model":"a","messages":[{}],"t":1.0,"stream_options":{},"modelpool":{}}"#;
        let request = read(Operation::Chat, Bytes::from_static(text.as_bytes())).unwrap();
        let splice = Splice {
            model_name: Some("m"),
            ask_for_usage: false,
            without_stream_options: true,
            defaults: &Map::new(),
        };
        assert_eq!(
            body(&request.body, &splice),
            r#"{"model":"m","messages":[{}],"t":1.0}"#
        );
    }

    #[test]
    fn configured_members_are_defaults_of_what_was_written_anew() {
        let written = Bytes::from_static(br#"{"options":{"seed":1},"think":true,"stop":[]}"#);
        let defaults =
            json!({"options": {"seed": 2, "num_gpu": 3}, "think": false, "keep_alive": "1h", "stop": ["x"]});
        assert_eq!(
            with_defaults(written.clone(), defaults.as_object().unwrap()),
            r#"{"options":{"seed":1,"num_gpu":3},"think":true,"stop":[],"keep_alive":"1h"}"#
        );
        assert_eq!(with_defaults(written.clone(), &Map::new()), written);
    }

    #[test]
    fn configured_members_are_defaults() {
        let sent = sent(
            r#"{"model":"a","messages":[{}],"temperature":0.5}"#,
            false,
            json!({"temperature": 1, "top_k": 40}),
        );
        assert_eq!(
            sent,
            r#"{"top_k":40,"model":"gpt \"x\"","messages":[{}],"temperature":0.5}"#
        );
    }
}
