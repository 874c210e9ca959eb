//! The dialects callers speak: one row for each, and reading a body of any of them.

use bytes::Bytes;
use modelpool_core::provider::{Dialect, RequestBody, Spots};
use modelpool_core::stream::{DecodeDeltas, Delta};
use modelpool_core::{Operation, StreamEvent};
use serde_json::value::RawValue;

use crate::json;
use crate::neutral::{Conversation, facts_of, last_message_speaks_of_images};
use crate::openai_chat::read::{self as openai_chat_read, BodyError, ReadRequest, member_range, range_in};
use crate::sse;
use crate::wire::{Caller, Wire};
use crate::{anthropic, gemini, openai_chat, openai_responses};

/// What is said in the address of a request, in dialects that say it there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressedCall {
    /// The model; `None` where it stands in the body.
    pub model: Option<String>,
    /// Whether the answer is streamed; `None` where the body says so.
    pub stream: Option<bool>,
}

/// Reads the body of a request for a chat.
///
/// # Errors
/// It is no request of the dialect; the message says what would be accepted.
pub fn read_chat(dialect: Dialect, bytes: Bytes, address: &AddressedCall) -> Result<ReadRequest, BodyError> {
    if dialect == Dialect::OpenAiChat {
        return openai_chat_read::read(Operation::Chat, bytes);
    }
    let text = openai_chat_read::object_text(&bytes)?;
    let members = Members::of(text)?;
    if let Some(key) = members.twice {
        return Err(BodyError::new(
            Some(key),
            format!("`{key}` stands twice in the body"),
        ));
    }
    let mut conversation = conversation_of(dialect, &bytes)?;
    if let Some(stream) = address.stream {
        conversation.stream = stream;
    }
    let model = match (&address.model, members.model) {
        (Some(model), _) => model.clone(),
        (None, Some(raw)) => openai_chat_read::model_name(raw)?,
        (None, None) => return Err(BodyError::new(Some("model"), "`model` is missing")),
    };
    let spots = Spots {
        model: members
            .model
            .filter(|_| address.model.is_none())
            .map(|raw| range_in(text, raw)),
        extension: members
            .extension
            .map(|raw| member_range(text, range_in(text, raw))),
        stream_options: None,
        first_member: text.find('{').map_or(0, |at| at + 1),
    };
    let mut facts = facts_of(&conversation, bytes.len());
    let kept = members.kept_answer.and_then(|raw| serde_json::from_str(raw).ok());
    facts.goes_on_from = kept.or(facts.goes_on_from);
    let extension = members.extension.and_then(openai_chat_read::boxed);
    Ok(ReadRequest {
        model,
        body: RequestBody {
            dialect,
            bytes: bytes.clone(),
            spots,
            form: None,
            beta: None,
            // These dialects always say what was used.
            wants_usage: true,
        },
        facts,
        extension,
    })
}

/// Whether the last message of the user speaks of a picture. A second look at the body, for pools
/// that infer from words.
#[must_use]
pub fn speaks_of_images(body: &RequestBody) -> bool {
    match body.dialect {
        Dialect::OpenAiChat => openai_chat_read::last_message_speaks_of_images(&body.bytes),
        dialect => conversation_of(dialect, &body.bytes)
            .is_ok_and(|conversation| last_message_speaks_of_images(&conversation)),
    }
}

/// A request in neutral form.
pub(crate) fn conversation_of(dialect: Dialect, body: &[u8]) -> Result<Conversation, BodyError> {
    let mut conversation = caller_of(dialect).conversation(body)?;
    // Ours, and no hint for a model.
    conversation.hints.shift_remove("modelpool");
    Ok(conversation)
}

/// The id under which the vendor keeps the answer that an event begins, for dialects that have such a thing.
#[must_use]
pub fn kept_answer(dialect: Dialect, event: &StreamEvent) -> Option<Box<str>> {
    if dialect != Dialect::OpenAiResponses || !event.opens {
        return None;
    }
    let data = sse::data(&event.raw)?;
    let event: serde_json::Value = serde_json::from_slice(&data).ok()?;
    event["response"]["id"].as_str().map(Into::into)
}

/// How a dialect is read and written.
pub(crate) fn caller_of(dialect: Dialect) -> &'static dyn Caller {
    match dialect {
        Dialect::OpenAiResponses => &openai_responses::ResponsesCaller,
        Dialect::Anthropic => &anthropic::AnthropicCaller,
        Dialect::Gemini => &gemini::GeminiCaller,
        // What later dialects bring has a row of its own.
        _ => &openai_chat::ChatCaller,
    }
}

/// How the events of a dialect are decoded.
pub(crate) fn deltas_of(dialect: Dialect) -> DecodeDeltas {
    match dialect {
        Dialect::OpenAiResponses => |raw| decode(&openai_responses::ResponsesWire, raw),
        Dialect::Anthropic => anthropic::deltas,
        Dialect::Gemini => |raw| decode(&gemini::GeminiWire::default(), raw),
        _ => openai_chat::deltas,
    }
}

fn decode(wire: &dyn Wire, raw: &[u8]) -> Vec<Delta> {
    let decoded = wire.decoder().read(raw).unwrap_or_default();
    decoded.events.iter().filter_map(|event| event.delta()).collect()
}

/// The member `modelpool` of a body that is written anew for its model.
pub(crate) fn extension_of(text: &str) -> Result<Option<Box<RawValue>>, BodyError> {
    let members = Members::of(text)?;
    match members.twice {
        Some(key) => Err(BodyError::new(
            Some(key),
            format!("`{key}` stands twice in the body"),
        )),
        None => Ok(members.extension.and_then(openai_chat_read::boxed)),
    }
}

/// The top-level members that may be spliced, as they are written.
#[derive(Default)]
struct Members<'a> {
    model: Option<&'a str>,
    extension: Option<&'a str>,
    /// An answer that the vendor keeps, and the request goes on from.
    kept_answer: Option<&'a str>,
    stream: Option<&'a str>,
    twice: Option<&'static str>,
}

impl<'a> Members<'a> {
    fn of(text: &'a str) -> Result<Self, BodyError> {
        json::read(text).map_err(|_| openai_chat_read::not_json(text))
    }
}

impl<'a> json::Read<'a> for Members<'a> {
    fn read(scanner: &mut json::Scanner<'a>) -> Result<Self, json::Unreadable> {
        let mut read = Self::default();
        scanner.object(|scanner, key| {
            let value = scanner.value()?;
            let (key, slot) = match key {
                "model" => ("model", &mut read.model),
                "modelpool" => ("modelpool", &mut read.extension),
                "previous_response_id" => ("previous_response_id", &mut read.kept_answer),
                "stream" => ("stream", &mut read.stream),
                _ => return Ok(()),
            };
            // Two of these could be read differently here and upstream, past every check.
            if slot.replace(value).is_some() {
                read.twice = Some(key);
            }
            Ok(())
        })?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use modelpool_core::stream::Part;
    use serde_json::json;

    use super::*;

    #[test]
    fn text_is_read_from_one_event_in_every_dialect() {
        let of_anthropic =
            json!({"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "hi"}});
        let of_responses = json!({
            "type": "response.output_text.delta", "output_index": 1, "content_index": 0, "delta": "hi",
        });
        for (dialect, event) in [
            (
                Dialect::OpenAiChat,
                json!({"choices": [{"index": 0, "delta": {"content": "hi"}}]}),
            ),
            (Dialect::OpenAiResponses, of_responses),
            (Dialect::Anthropic, of_anthropic),
            (
                Dialect::Gemini,
                json!({"candidates": [{"content": {"role": "model", "parts": [{"text": "hi"}]}}]}),
            ),
        ] {
            let deltas = deltas_of(dialect)(format!("data: {event}\n\n").as_bytes());
            let parts: Vec<&Part> = deltas.iter().map(|delta| &delta.part).collect();
            assert_eq!(parts, [&Part::Text("hi".to_owned())], "{dialect:?}");
        }
    }
}
