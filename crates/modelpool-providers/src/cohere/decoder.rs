//! The events of a stream.
//!
//! `message-start`, then for each part of the message a start, deltas and an end, then `message-end` with the
//! reason and what was used. `content` and `tool_calls` are single objects here. The ends of parts say nothing.

use std::borrow::Cow;

use modelpool_core::FinishReason;
use serde_json::Value;

use super::answer;
use crate::neutral::{Event, Events, Head, Piece, ToolCallPiece, made_up_id};
use crate::sse;
use crate::wire::{Broken, Decoded, Decoder};

/// Reads the events of one stream.
#[derive(Debug, Default)]
pub(super) struct StreamEvents {
    /// The wire's indexes of the calls so far; a call's place here is its index among calls. The wire counts parts
    /// of the message, which need not begin with a call.
    calls: Vec<u64>,
}

impl Decoder for StreamEvents {
    fn read(&mut self, frame: &[u8]) -> Result<Decoded, Broken> {
        let Some(data) = sse::data(frame) else {
            return Ok(Decoded::nothing());
        };
        let data = data.trim_ascii();
        match data {
            b"" => return Ok(Decoded::nothing()),
            b"[DONE]" => return Ok(Decoded::end()),
            _ => {}
        }
        let Ok(value @ Value::Object(_)) = serde_json::from_slice::<Value>(data) else {
            return Ok(Decoded::malformed());
        };
        answer::refused(&value)?;
        let name = answer::text(value.get("type")).map_or_else(|| event_name(frame), Cow::Borrowed);
        match name.as_ref() {
            "message-end" => self.end(&value),
            "error" => Err(Broken::Refusal(value)),
            name => Ok(Decoded::from(self.events(name, &value, data)?)),
        }
    }
}

impl StreamEvents {
    fn events(&mut self, name: &str, value: &Value, data: &[u8]) -> Result<Events, Broken> {
        let mut events = Events::new();
        let message = value.pointer("/delta/message").unwrap_or(&Value::Null);
        match name {
            "message-start" => events.push(Event::Begin(Head {
                id: answer::text(value.get("id")).map(str::to_owned),
                ..Head::default()
            })),
            "content-start" | "content-delta" => content(value, only(message.get("content")), &mut events),
            "tool-plan-delta" => {
                let plan = answer::text(message.get("tool_plan"));
                events.extend(plan.map(|plan| Event::piece(Piece::Reasoning(plan.to_owned()))));
            }
            "tool-call-start" => {
                events.push(self.call_begins(value, only(message.get("tool_calls")), data)?);
            }
            "tool-call-delta" => events.extend(self.call_goes_on(value, only(message.get("tool_calls")))?),
            "citation-start" => {
                let citation = only(message.get("citations")).filter(|citation| answer::is_of_text(citation));
                events.extend(citation.map(|citation| Event::piece(Piece::Citation(citation.clone()))));
            }
            // Ends of parts, and what is not known yet.
            _ => {}
        }
        Ok(events)
    }

    fn call_begins(&mut self, value: &Value, call: Option<&Value>, data: &[u8]) -> Result<Event, Broken> {
        let function = call.and_then(|call| call.get("function"));
        let Some(name) = function.and_then(|function| answer::text(function.get("name"))) else {
            return Err(Broken::Protocol("a tool call begins without a name".to_owned()));
        };
        let place = self.calls.len();
        let id = call.and_then(|call| answer::text(call.get("id")));
        let arguments = function.and_then(|function| answer::text(function.get("arguments")));
        self.calls
            .push(answer::count(value.get("index")).unwrap_or(place as u64));
        Ok(Event::piece(Piece::ToolCall(ToolCallPiece {
            index: index_of(place),
            id: Some(id.map_or_else(|| made_up_id("call_", data, place), str::to_owned)),
            name: Some(name.to_owned()),
            arguments: arguments.unwrap_or_default().to_owned(),
            signature: None,
        })))
    }

    /// An index that no call has belongs to the last one that began, as does none.
    fn call_goes_on(&self, value: &Value, call: Option<&Value>) -> Result<Option<Event>, Broken> {
        let arguments = call.and_then(|call| answer::text(call.pointer("/function/arguments")));
        let Some(arguments) = arguments else {
            return Ok(None);
        };
        let index = answer::count(value.get("index"));
        let named = index.and_then(|index| self.calls.iter().rposition(|call| *call == index));
        let Some(place) = named.or_else(|| self.calls.len().checked_sub(1)) else {
            return Err(Broken::Protocol(
                "a tool call goes on that did not begin".to_owned(),
            ));
        };
        Ok(Some(Event::piece(Piece::ToolCall(ToolCallPiece {
            index: index_of(place),
            arguments: arguments.to_owned(),
            ..ToolCallPiece::default()
        }))))
    }

    /// The last event of a message. Without a reason it is no end of a whole answer, but the end all the same.
    fn end(&self, value: &Value) -> Result<Decoded, Broken> {
        let delta = value.get("delta").unwrap_or(&Value::Null);
        let reason: Option<FinishReason> = answer::finish(delta, !self.calls.is_empty())?;
        if let Some(error) = answer::text(delta.get("error")) {
            return Err(Broken::Refusal(serde_json::json!({"message": error})));
        }
        let mut events = Events::new();
        events.extend(delta.get("usage").and_then(answer::usage).map(Event::Usage));
        events.extend(reason.map(|reason| Event::Finish {
            choice: 0,
            reason,
            stop_sequence: None,
        }));
        Ok(Decoded {
            events,
            end_mark: true,
            malformed: false,
        })
    }
}

fn content(value: &Value, content: Option<&Value>, events: &mut Events) {
    let text = |name: &str| {
        let text = content.and_then(|content| answer::text(content.get(name)));
        text.map(str::to_owned)
    };
    events.extend(text("thinking").map(|text| Event::piece(Piece::Reasoning(text))));
    events.extend(text("text").map(|text| Event::piece(Piece::Text(text))));
    let items = value.get("logprobs").and_then(answer::logprobs);
    events.extend(items.map(|items| Event::piece(Piece::Logprobs(items))));
}

/// An object of a delta; of a list of them, the first.
fn only(value: Option<&Value>) -> Option<&Value> {
    match value? {
        Value::Array(items) => items.first(),
        value => Some(value),
    }
}

fn index_of(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

/// What the `event:` line says, for data without a `type`.
fn event_name(frame: &[u8]) -> Cow<'_, str> {
    let lines = frame.split(|byte| matches!(byte, b'\n' | b'\r'));
    let name = lines.filter_map(|line| line.strip_prefix(b"event:")).next_back();
    String::from_utf8_lossy(name.unwrap_or_default().trim_ascii())
}
