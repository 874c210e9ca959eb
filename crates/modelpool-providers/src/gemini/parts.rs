//! Parts of a content: what each says, and how texts, thoughts and calls are said.

use serde_json::{Map, Value, json};

use super::names::{member, text};
use super::signature::{self, Mark};
use crate::neutral::{Content, Issuer, ReasoningPart, Signature, ToolCall};

/// A part, read.
#[derive(Debug, PartialEq)]
pub(super) enum Part<'a> {
    /// A text, or a thought in words; it may be empty beside its mark.
    Text {
        text: &'a str,
        thought: bool,
        mark: Option<Mark>,
    },
    Call(Call<'a>),
    /// The value of `functionResponse`.
    Response(&'a Value),
    /// The value of `inlineData` or `fileData`, and the member's name.
    Media(&'a Value, &'static str),
    Nothing,
    /// Something else, by the name of its member.
    Other(String),
}

/// To whom parts are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum To {
    Caller,
    /// A model of the Gemini API.
    Model,
    /// A model on Vertex AI, whose `v1` knows no ids of calls and refuses unknown members:
    /// <https://docs.cloud.google.com/ruby/docs/reference/google-cloud-ai_platform-v1/latest/Google-Cloud-AIPlatform-V1-FunctionCall>.
    VertexModel,
}

impl To {
    /// Strangers' signatures are nothing to Gemini; callers keep them for their issuers.
    fn admits(self, signature: &Signature) -> bool {
        self == To::Caller || signature.issuer == Issuer::Gemini
    }

    pub(super) fn knows_ids(self) -> bool {
        self != To::VertexModel
    }
}

/// A call of a function.
#[derive(Debug, PartialEq)]
pub(super) struct Call<'a> {
    pub(super) id: Option<&'a str>,
    pub(super) name: &'a str,
    pub(super) arguments: String,
    pub(super) signature: Option<Signature>,
}

/// What may stand on any part and says nothing by itself.
const NOTES: [&str; 8] = [
    "thought",
    "thoughtSignature",
    "thought_signature",
    "videoMetadata",
    "video_metadata",
    "mediaResolution",
    "media_resolution",
    "partMetadata",
];

impl<'a> Part<'a> {
    pub(super) fn read(part: &'a Value) -> Self {
        let mark = text(part, "thoughtSignature")
            .filter(|text| !text.is_empty())
            .map(Mark::read);
        if let Some(call) = member(part, "functionCall") {
            return Self::call(call, mark);
        }
        if let Some(response) = member(part, "functionResponse") {
            return Part::Response(response);
        }
        for name in ["inlineData", "fileData"] {
            if let Some(data) = member(part, name) {
                return Part::Media(data, name);
            }
        }
        let thought = member(part, "thought")
            .and_then(Value::as_bool)
            .unwrap_or_default();
        match member(part, "text") {
            Some(Value::String(text)) => Part::Text { text, thought, mark },
            Some(_) => Part::Other("text".to_owned()),
            None => match other_member(part) {
                Some(name) => Part::Other(name),
                None if mark.is_some() => Part::Text {
                    text: "",
                    thought,
                    mark,
                },
                None => Part::Nothing,
            },
        }
    }

    fn call(call: &'a Value, mark: Option<Mark>) -> Self {
        // Arguments in fragments, which only Vertex sends, and only when asked:
        // <https://docs.cloud.google.com/vertex-ai/generative-ai/docs/multimodal/function-calling>.
        let fragment = ["partialArgs", "willContinue"];
        if let Some(name) = fragment.iter().find(|name| member(call, name).is_some()) {
            return Part::Other(format!("functionCall.{name}"));
        }
        match text(call, "name").filter(|name| !name.is_empty()) {
            Some(name) => Part::Call(Call {
                id: text(call, "id").filter(|id| !id.is_empty()),
                name,
                arguments: member(call, "args").map_or_else(|| "{}".to_owned(), Value::to_string),
                signature: mark.map(Mark::into_signature),
            }),
            None => Part::Other("functionCall without a name".to_owned()),
        }
    }
}

/// A member that says something, and is not known.
fn other_member(part: &Value) -> Option<String> {
    let mut members = part.as_object()?.iter();
    let other = members.find(|(name, value)| !value.is_null() && !NOTES.contains(&name.as_str()));
    other.map(|(name, _)| name.clone())
}

/// Adds a text or a thought to the content of a message.
///
/// Thoughts that follow each other are one, up to the signature that closes it. Gemini's own signature of a text
/// is reasoning nobody else can read, behind that text: so it finds its way back there ([`push_reasoning`]).
pub(super) fn push_text(content: &mut Vec<Content>, text: &str, thought: bool, mark: Option<Mark>) {
    if !thought && !text.is_empty() {
        match content.last_mut() {
            // Parts of one text are a matter of its stream.
            Some(Content::Text(open)) if open.citations.is_empty() => open.text.push_str(text),
            _ => content.push(Content::text(text)),
        }
    }
    if thought && (!text.is_empty() || matches!(mark, Some(Mark::Proof(_)))) {
        match content.last_mut() {
            Some(Content::Reasoning(open)) if open.signature.is_none() && open.encrypted.is_none() => {
                open.text.push_str(text);
            }
            _ => content.push(Content::Reasoning(ReasoningPart {
                text: text.to_owned(),
                ..ReasoningPart::default()
            })),
        }
    }
    let Some(mark) = mark else { return };
    match (mark, content.last_mut()) {
        (Mark::Proof(signature), Some(Content::Reasoning(open))) if thought => {
            open.signature = Some(signature);
        }
        (mark, _) => content.push(Content::Reasoning(ReasoningPart {
            encrypted: Some(mark.into_signature()),
            ..ReasoningPart::default()
        })),
    }
}

/// Adds reasoning to parts. A thought without a signature is nothing to a model.
pub(super) fn push_reasoning(parts: &mut Vec<Value>, reasoning: &ReasoningPart, to: To) {
    let proof = reasoning.signature.as_ref().filter(|proof| to.admits(proof));
    if proof.is_some() || (to == To::Caller && !reasoning.text.is_empty()) {
        let mut part = thought_part(&reasoning.text);
        if let Some(proof) = proof {
            part["thoughtSignature"] = signature::written(proof).into();
        }
        parts.push(part);
    }
    let Some(sealed) = reasoning.encrypted.as_ref().filter(|sealed| to.admits(sealed)) else {
        return;
    };
    let signature = signature::written_sealed(sealed);
    match parts.last_mut().and_then(Value::as_object_mut) {
        Some(part) if sealed.issuer == Issuer::Gemini && is_unsigned_text(part) => {
            part.insert("thoughtSignature".to_owned(), signature.into());
        }
        _ => parts.push(sealed_part(sealed)),
    }
}

fn is_unsigned_text(part: &Map<String, Value>) -> bool {
    part.contains_key("text") && !part.contains_key("thought") && !part.contains_key("thoughtSignature")
}

pub(super) fn text_part(text: &str) -> Value {
    json!({"text": text})
}

pub(super) fn thought_part(text: &str) -> Value {
    json!({"text": text, "thought": true})
}

/// Sealed reasoning on a part of its own; Gemini's own is no thought in words.
pub(super) fn sealed_part(sealed: &Signature) -> Value {
    let mut part = match sealed.issuer {
        Issuer::Gemini => text_part(""),
        _ => thought_part(""),
    };
    part["thoughtSignature"] = signature::written_sealed(sealed).into();
    part
}

/// A call; `None` where its arguments are no JSON object.
pub(super) fn call_part(call: &ToolCall, to: To) -> Option<Value> {
    let arguments = call.arguments_value().filter(Value::is_object)?;
    let mut function = json!({"name": call.name, "args": arguments});
    if to.knows_ids() && !call.id.is_empty() {
        function["id"] = call.id.as_str().into();
    }
    let mut part = json!({"functionCall": function});
    if let Some(signature) = call.signature.as_ref().filter(|signature| to.admits(signature)) {
        part["thoughtSignature"] = signature::written(signature).into();
    }
    Some(part)
}
