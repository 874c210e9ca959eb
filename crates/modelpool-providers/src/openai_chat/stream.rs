//! Reading a stream: event by event, the few facts the engine decides by.
//!
//! Every event is parsed, or found to be like one that was, so that one that is broken is noticed; but
//! nothing of what it says is built: the parse only looks whether text, refusal, reasoning or tool calls
//! are there. What an event says is decoded from its bytes when somebody asks.

use bytes::Bytes;
use modelpool_core::stream::{Delta, Part};
use modelpool_core::{Error, FinishReason, StreamEvent};
use serde::Deserialize;
use serde_json::Value;

use super::response::{WireUsage, finish_reason};
use crate::failure::from_object;
use crate::json::{self, Count, PlainText, Presence, Text, lenient_object};
use crate::likeness::Likeness;
use crate::sse;

lenient_object! {
    /// <https://platform.openai.com/docs/api-reference/chat/streaming>, with the members other
    /// servers put their reasoning in.
    struct DeltaFacts<'a> {
        content: PlainText<'a> = "content",
        refusal: Presence = "refusal",
        reasoning_content: Presence = "reasoning_content",
        reasoning: Presence = "reasoning",
        tool_calls: Presence = "tool_calls",
        function_call: Presence = "function_call",
        audio: Presence = "audio",
    }
}

lenient_object! {
    struct ChoiceFacts<'a> {
        index: Count = "index",
        delta: DeltaFacts<'a> = "delta",
        text: Presence = "text", // of the older form, which has no delta
        finish_reason: Text<'a> = "finish_reason",
    }
}

lenient_object! {
    struct ChunkFacts<'a> {
        choices: Option<Vec<ChoiceFacts<'a>>> = "choices",
        usage: Option<WireUsage<'a>> = "usage",
        error: Option<&'a str> = "error",
    }
}

/// Most choices of one stream that are told apart.
const MAX_CHOICES: u64 = 128;

/// Follows one stream.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// Bit per choice that has begun.
    begun: u128,
    /// Bit per choice that has its finish reason.
    finished: u128,
    /// The last of these reasons.
    reason: Option<FinishReason>,
    /// The last event that said nothing but a text.
    last_text: Likeness,
}

impl Reader {
    /// The facts of the next event.
    pub(super) fn read(&mut self, raw: Bytes, secrets: &[&str]) -> Result<StreamEvent, Error> {
        if let Some(text) = self.last_text.text_of(&raw) {
            return Ok(text_only(raw, text));
        }
        let event = self.parse(raw, secrets)?;
        match &event.plain_text {
            // After a finish reason the same event says more: that the answer is complete.
            _ if self.reason.is_some() => self.last_text.forget(),
            Some(text) if event.usage.is_none() && !event.other_output => {
                self.last_text.remember(&event.raw, text);
            }
            _ => {}
        }
        Ok(event)
    }

    fn parse(&mut self, raw: Bytes, secrets: &[&str]) -> Result<StreamEvent, Error> {
        let Some(data) = sse::data(&raw) else {
            return Ok(StreamEvent::opaque(raw));
        };
        if data.trim_ascii() == b"[DONE]" {
            drop(data);
            return Ok(StreamEvent {
                end_mark: true,
                ..StreamEvent::opaque(raw)
            });
        }
        let Ok(facts) = json::read_bytes::<ChunkFacts<'_>>(&data) else {
            drop(data);
            return Ok(StreamEvent {
                malformed: true,
                ..StreamEvent::opaque(raw)
            });
        };
        if let Some(object) = facts.error {
            let object: Value = serde_json::from_str(object).unwrap_or(Value::Null);
            return Err(from_object(&object, secrets));
        }
        let choices = facts.choices.unwrap_or_default();
        let usage = facts.usage.as_ref().and_then(WireUsage::counts);
        // Counts of zero are no usage, but still nothing a caller who did not ask expects.
        let usage_only = choices.is_empty() && facts.usage.is_some();
        let (mut meaningful, mut other_output) = (false, false);
        for choice in &choices {
            let bit = 1 << choice.index.0.min(MAX_CHOICES - 1);
            self.begun |= bit;
            let delta = &choice.delta;
            let reasons = delta.reasoning_content.0 || delta.reasoning.0;
            let other = [delta.refusal, delta.tool_calls, delta.function_call, delta.audio];
            other_output |= other.contains(&Presence(true));
            meaningful |= delta.content.present || choice.text.0 || reasons || other_output;
            if let Some(word) = choice.finish_reason.as_str() {
                self.finished |= bit;
                meaningful = true;
                self.reason = Some(finish_reason(word));
            }
        }
        // Not while another choice is being written; what is said after the reason changes nothing.
        let complete = meaningful && self.finished == self.begun;
        let finish = self.reason.clone().filter(|_| complete);
        let plain_text = match choices.as_slice() {
            [choice] if choice.index.0 == 0 => {
                let text = choice.delta.content.plain.filter(|text| !text.is_empty());
                text.and_then(|text| range_of(&raw, text.as_bytes()))
            }
            _ => None,
        };
        drop(choices);
        drop(data);
        Ok(StreamEvent {
            raw,
            meaningful,
            finish,
            usage,
            usage_only,
            opens: false,
            end_mark: false,
            malformed: false,
            other_output,
            plain_text,
            decode: deltas,
        })
    }
}

/// An event that adds to the text of the only answer.
fn text_only(raw: Bytes, text: std::ops::Range<usize>) -> StreamEvent {
    StreamEvent {
        meaningful: true,
        plain_text: Some(text),
        decode: deltas,
        ..StreamEvent::opaque(raw)
    }
}

/// Where `part` stands in `whole`, if it is a slice of it.
fn range_of(whole: &[u8], part: &[u8]) -> Option<std::ops::Range<usize>> {
    let start = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
    let end = start + part.len();
    (end <= whole.len()).then_some(start..end)
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Chunk {
    choices: Vec<ChunkChoice>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ChunkChoice {
    index: u32,
    delta: Value,
    text: Option<String>,
}

/// What an event says.
pub(crate) fn deltas(raw: &[u8]) -> Vec<Delta> {
    let Some(data) = sse::data(raw) else {
        return Vec::new();
    };
    let chunk: Chunk = serde_json::from_slice(&data).unwrap_or_default();
    chunk
        .choices
        .iter()
        .flat_map(|choice| {
            let older = choice
                .text
                .clone()
                .filter(|text| !text.is_empty())
                .map(Part::Text);
            parts(&choice.delta).into_iter().chain(older).map(|part| Delta {
                choice: choice.index,
                part,
            })
        })
        .collect()
}

fn parts(delta: &Value) -> Vec<Part> {
    let text = |key: &str| {
        delta[key]
            .as_str()
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    let mut parts = Vec::new();
    parts.extend(
        text("reasoning_content")
            .or_else(|| text("reasoning"))
            .map(Part::Reasoning),
    );
    parts.extend(text("content").map(Part::Text));
    // Mistral's reasoning models send content as a list of typed parts.
    for item in delta["content"].as_array().into_iter().flatten() {
        parts.extend(item["text"].as_str().map(|text| Part::Text(text.to_owned())));
    }
    parts.extend(text("refusal").map(Part::Refusal));
    for (place, call) in delta["tool_calls"].as_array().into_iter().flatten().enumerate() {
        let word = |value: &Value| value.as_str().map(str::to_owned);
        parts.push(Part::ToolCall {
            index: call["index"]
                .as_u64()
                .and_then(|index| u32::try_from(index).ok())
                .unwrap_or(place as u32),
            id: word(&call["id"]),
            name: word(&call["function"]["name"]),
            arguments: word(&call["function"]["arguments"]).unwrap_or_default(),
        });
    }
    parts
}

/// An event that carries a piece of text, and a finish reason where it is the last: for providers
/// that do not speak this wire but answer in it.
///
/// ```
/// use modelpool_providers::openai_chat::text_event;
/// let event = text_event("my-model", "hello", None);
/// assert!(event.meaningful);
/// assert_eq!(event.text(), "hello");
/// ```
#[must_use]
pub fn text_event(model: &str, text: &str, finish_reason: Option<&str>) -> StreamEvent {
    let delta = if text.is_empty() {
        serde_json::json!({})
    } else {
        serde_json::json!({"content": text})
    };
    let chunk = serde_json::json!({
        "id": "chatcmpl-modelpool", "object": "chat.completion.chunk", "created": 0, "model": model,
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}],
    });
    let raw = Bytes::from(format!("data: {chunk}\n\n"));
    Reader::default()
        .read(raw.clone(), &[])
        .unwrap_or_else(|_| StreamEvent::opaque(raw))
}

#[cfg(test)]
mod tests {
    use super::*;
    use modelpool_core::ErrorKind;

    fn event(reader: &mut Reader, data: &str) -> StreamEvent {
        reader
            .read(Bytes::from(format!("data: {data}\n\n")), &[])
            .unwrap()
    }

    #[test]
    fn what_counts_as_meaningful() {
        for (delta, meaningful) in [
            (r#"{"role":"assistant","content":""}"#, false),
            (r#"{"role":"assistant","content":null}"#, false),
            (r#"{}"#, false),
            (r#"{"content":"a"}"#, true),
            (r#"{"refusal":"no"}"#, true),
            (r#"{"reasoning_content":"hm"}"#, true),
            (r#"{"reasoning":"hm"}"#, true),
            (r#"{"tool_calls":[{"index":0}]}"#, true),
            (r#"{"tool_calls":[]}"#, false),
        ] {
            let data =
                format!(r#"{{"choices":[{{"index":0,"delta":{delta},"finish_reason":null}}],"usage":null}}"#);
            assert_eq!(
                event(&mut Reader::default(), &data).meaningful,
                meaningful,
                "{delta}"
            );
        }
    }

    /// Events like the last are not parsed; what is known of them must be the same.
    #[test]
    fn a_reader_that_remembers_reads_what_a_new_one_reads() {
        let chunk = |text: &str, rest: &str| {
            format!(r#"{{"choices":[{{"index":0,"delta":{{"content":"{text}"}}{rest}}}],"usage":null}}"#)
        };
        let texts = ["The", " quick", "", "图", r"\n", " fox", "[DONE]", " jumps"];
        let mut reader = Reader::default();
        for text in texts {
            let data = chunk(text, r#","finish_reason":null"#);
            let (remembering, new) = (event(&mut reader, &data), event(&mut Reader::default(), &data));
            assert_eq!(remembering.text(), new.text(), "{text}");
            assert_eq!(remembering.plain_text, new.plain_text, "{text}");
            assert_eq!(remembering.meaningful, new.meaningful, "{text}");
            assert_eq!(remembering.deltas(), new.deltas(), "{text}");
            assert_eq!(remembering.finish, None, "{text}");
        }
        // After the finish reason an event that looks like one before it completes the answer too.
        let last = event(&mut reader, &chunk("", r#","finish_reason":"stop""#));
        assert_eq!(last.finish, Some(FinishReason::Stop));
        let late = event(&mut reader, &chunk(" late", r#","finish_reason":null"#));
        assert_eq!(late.finish, Some(FinishReason::Stop));
        let later = event(&mut reader, &chunk(" later", r#","finish_reason":null"#));
        assert_eq!(later.finish, Some(FinishReason::Stop));
    }

    #[test]
    fn a_stream_of_two_choices_is_complete_when_both_are() {
        let mut reader = Reader::default();
        let chunk = |index: u32, finish: &str| {
            format!(
                r#"{{"choices":[{{"index":{index},"delta":{{"content":"x"}},"finish_reason":{finish}}}]}}"#
            )
        };
        assert_eq!(event(&mut reader, &chunk(0, "null")).finish, None);
        assert_eq!(event(&mut reader, &chunk(1, "null")).finish, None);
        assert_eq!(event(&mut reader, &chunk(0, "\"stop\"")).finish, None);
        assert_eq!(
            event(&mut reader, &chunk(1, "\"length\"")).finish,
            Some(FinishReason::Length)
        );
    }

    #[test]
    fn usage_end_mark_and_comments() {
        let mut reader = Reader::default();
        let usage = event(
            &mut reader,
            r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}"#,
        );
        assert!(usage.usage_only && !usage.meaningful);
        assert_eq!(usage.usage.unwrap().total_tokens(), 7);
        assert!(event(&mut reader, "[DONE]").end_mark);
        let comment = reader.read(Bytes::from_static(b": still here\n\n"), &[]).unwrap();
        assert!(!comment.meaningful && !comment.end_mark);
    }

    #[test]
    fn errors_within_a_stream() {
        let mut reader = Reader::default();
        let malformed = reader
            .read(Bytes::from_static(b"data: {\"choices\":[{\n\n"), &[])
            .unwrap();
        assert!(malformed.malformed && !malformed.meaningful);
        let error = reader
            .read(
                Bytes::from_static(b"data: {\"error\":{\"message\":\"busy\",\"code\":503}}\n\n"),
                &[],
            )
            .unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Overloaded { retry_after: None });
    }

    #[test]
    fn deltas_are_decoded_on_demand() {
        let event = event(
            &mut Reader::default(),
            r#"{"choices":[{"index":1,"delta":{"content":"图","tool_calls":[{"index":2,"id":"c","function":{"name":"f","arguments":"{\"a"}}]}}]}"#,
        );
        let call = Part::ToolCall {
            index: 2,
            id: Some("c".into()),
            name: Some("f".into()),
            arguments: "{\"a".into(),
        };
        assert_eq!(
            event.deltas(),
            [
                Delta {
                    choice: 1,
                    part: Part::Text("图".into())
                },
                Delta {
                    choice: 1,
                    part: call
                }
            ]
        );
        assert_eq!(event.text(), "", "text() is of the first answer");
    }
}
