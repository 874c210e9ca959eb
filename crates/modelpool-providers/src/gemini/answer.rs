//! Whole answers: reading the model's, and writing the caller's.

use bytes::Bytes;
use modelpool_core::FinishReason;
use serde_json::{Value, json};

use super::logprobs;
use super::media;
use super::names::{count, member, text};
use super::parts::{Call, Part, To, call_part, push_reasoning, push_text, text_part};
use super::words::{MALFORMED_CALL, finish_reason, finish_word, usage, usage_metadata};
use crate::neutral::{Answer, Choice, Content, Head, ToolCall, made_up_id};
use crate::wire::Broken;

/// Reads a whole answer.
pub(super) fn read(body: &[u8]) -> Result<Answer, Broken> {
    let answer: Value = serde_json::from_slice(body)
        .map_err(|error| Broken::Protocol(format!("the answer is not JSON: {error}")))?;
    refuse(&answer)?;
    let candidates = candidates(&answer);
    if candidates.is_empty() {
        return Err(Broken::Protocol("the answer has no `candidates`".to_owned()));
    }
    let head = head(&answer);
    let mut choices = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        choices.push((index(candidate), choice(candidate, &head)?));
    }
    choices.sort_by_key(|(index, _)| *index);
    Ok(Answer {
        head,
        choices: choices.into_iter().map(|(_, choice)| choice).collect(),
        usage: member(&answer, "usageMetadata").and_then(usage),
    })
}

/// `Err` where an answer, or a chunk of one, is a refusal: an error, in a list or alone, or a blocked prompt.
pub(super) fn refuse(answer: &Value) -> Result<(), Broken> {
    let first = answer.as_array().and_then(|list| list.first());
    if let Some(error) = member(first.unwrap_or(answer), "error") {
        return Err(Broken::Refusal(error.clone()));
    }
    let feedback = member(answer, "promptFeedback");
    let reason = feedback.and_then(|feedback| text(feedback, "blockReason"));
    let Some(reason) = reason.filter(|_| candidates(answer).is_empty()) else {
        return Ok(());
    };
    let said = feedback.and_then(|feedback| text(feedback, "blockReasonMessage"));
    let message = match said {
        Some(said) => format!("the prompt was blocked: {reason}: {said}"),
        None => format!("the prompt was blocked: {reason}"),
    };
    // Google has no error object for this; its own finding stands beside the words other wires use.
    Err(Broken::Refusal(
        json!({"code": "content_filter", "message": message, "promptFeedback": feedback}),
    ))
}

pub(super) fn candidates(answer: &Value) -> &[Value] {
    let candidates = member(answer, "candidates").and_then(Value::as_array);
    candidates.map_or(&[], Vec::as_slice)
}

/// Which of the answers; the first has no index.
pub(super) fn index(candidate: &Value) -> u32 {
    let index = member(candidate, "index").and_then(count);
    index.and_then(|index| u32::try_from(index).ok()).unwrap_or(0)
}

/// The parts of a candidate.
pub(super) fn parts_of(candidate: &Value) -> &[Value] {
    let content = member(candidate, "content");
    let parts = content.and_then(|content| member(content, "parts")?.as_array());
    parts.map_or(&[], Vec::as_slice)
}

pub(super) fn head(answer: &Value) -> Head {
    let of = |name| {
        text(answer, name)
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    // Only Vertex says when.
    let created = text(answer, "createTime").and_then(|time| time.parse::<jiff::Timestamp>().ok());
    Head {
        id: of("responseId"),
        model: of("modelVersion"),
        created: created.and_then(|time| u64::try_from(time.as_second()).ok()),
    }
}

/// The id of a call, made up where there is none: another one in every answer, since calls of several turns stand
/// in one conversation.
pub(super) fn id_of(call: &Call<'_>, head: &Head, choice: u32, at: u32) -> String {
    match call.id {
        Some(id) => id.to_owned(),
        None => {
            let answer = head.id.as_deref().unwrap_or_default();
            let of = format!("{answer}\n{choice}\n{}\n{}", call.name, call.arguments);
            made_up_id("call_", of.as_bytes(), at as usize)
        }
    }
}

/// Where an answer is from, each by the member it stood in.
pub(super) fn citations(candidate: &Value) -> impl Iterator<Item = Value> + '_ {
    ["citationMetadata", "groundingMetadata"]
        .into_iter()
        .filter_map(|name| {
            let metadata = member(candidate, name)?;
            let silent = metadata.as_object().is_some_and(serde_json::Map::is_empty);
            (!silent).then(|| json!({name: metadata}))
        })
}

/// An answer with a part that has no neutral form would not be whole without it.
pub(super) fn strange_part(name: &str) -> Broken {
    Broken::Protocol(format!(
        "the answer holds a part that has no place in other wires: `{name}`"
    ))
}

fn choice(candidate: &Value, head: &Head) -> Result<Choice, Broken> {
    let mut content = Vec::new();
    let mut calls = 0;
    for part in parts_of(candidate) {
        match Part::read(part) {
            Part::Text { text, thought, mark } => push_text(&mut content, text, thought, mark),
            Part::Call(call) => {
                content.push(Content::ToolCall(ToolCall {
                    id: id_of(&call, head, index(candidate), calls),
                    name: call.name.to_owned(),
                    arguments: call.arguments,
                    signature: call.signature,
                }));
                calls += 1;
            }
            Part::Nothing => {}
            Part::Response(_) => return Err(strange_part("functionResponse")),
            Part::Media(_, name) => return Err(strange_part(name)),
            Part::Other(name) => return Err(strange_part(&name)),
        }
    }
    let last_text = content.iter_mut().rev().find_map(|part| match part {
        Content::Text(text) => Some(text),
        _ => None,
    });
    if let Some(text) = last_text {
        text.citations = citations(candidate).collect();
    }
    Ok(Choice {
        content,
        finish: text(candidate, "finishReason").and_then(|word| finish_reason(word, calls > 0)),
        stop_sequence: None,
        logprobs: member(candidate, "logprobsResult").and_then(logprobs::read),
    })
}

/// The body of an answer.
pub(super) fn write(answer: &Answer, model: &str) -> Bytes {
    let candidates: Vec<Value> = (0..)
        .zip(&answer.choices)
        .map(|(at, choice)| written_choice(at, choice))
        .collect();
    let head = &answer.head;
    let mut body = json!({
        "candidates": candidates,
        "modelVersion": head.model.as_deref().unwrap_or(model),
    });
    if let Some(usage) = &answer.usage {
        body["usageMetadata"] = usage_metadata(usage);
    }
    if let Some(id) = &head.id {
        body["responseId"] = id.as_str().into();
    }
    Bytes::from(body.to_string())
}

fn written_choice(at: u32, choice: &Choice) -> Value {
    let mut written = Vec::new();
    let mut citations = Vec::new();
    let mut malformed = None;
    for content in &choice.content {
        match content {
            Content::Text(text) => {
                written.push(text_part(&text.text));
                citations.extend_from_slice(&text.citations);
            }
            Content::Refusal(text) => written.push(text_part(text)),
            Content::Reasoning(reasoning) => push_reasoning(&mut written, reasoning, To::Caller),
            Content::ToolCall(call) => match call_part(call, To::Caller) {
                Some(part) => written.push(part),
                None => malformed = Some(call.name.as_str()),
            },
            Content::Image(media) | Content::Audio(media) | Content::Document(media) => {
                written.extend(media::written(media));
            }
            Content::ToolResult(_) => {}
        }
    }
    let logprobs: Vec<Value> = choice.logprobs.iter().cloned().collect();
    let mut candidate = candidate(at, written);
    finish(&mut candidate, choice.finish.as_ref(), malformed);
    note(&mut candidate, &citations, &logprobs);
    candidate
}

/// A candidate that holds these parts.
pub(super) fn candidate(at: u32, parts: Vec<Value>) -> Value {
    json!({"content": {"parts": parts, "role": "model"}, "index": at})
}

/// Says why a candidate stopped. `malformed` names the function whose arguments cannot be written: the wire has
/// a word for that, and a client must not take the answer for whole.
pub(super) fn finish(candidate: &mut Value, reason: Option<&FinishReason>, malformed: Option<&str>) {
    if let Some(name) = malformed {
        candidate["finishReason"] = MALFORMED_CALL.into();
        candidate["finishMessage"] =
            format!("the arguments of a call of `{name}` are not a JSON object").into();
    } else if let Some(reason) = reason {
        candidate["finishReason"] = finish_word(reason).into();
    }
}

/// Says where a candidate is from, and how probable. Strangers' citations need an address to have a place here.
pub(super) fn note(candidate: &mut Value, citations: &[Value], logprobs: &[Value]) {
    let mut sources = Vec::new();
    for citation in citations {
        if let Some(metadata) = citation.get("groundingMetadata") {
            candidate["groundingMetadata"] = metadata.clone();
        } else if let Some(metadata) = citation.get("citationMetadata") {
            // The Gemini API's name of the list, then Vertex's.
            let each = ["citationSources", "citations"]
                .iter()
                .find_map(|name| member(metadata, name)?.as_array());
            sources.extend(each.into_iter().flatten().cloned());
        } else {
            sources.extend(source(citation));
        }
    }
    if !sources.is_empty() {
        candidate["citationMetadata"] = json!({"citationSources": sources});
    }
    if let Some(result) = logprobs::written(logprobs) {
        candidate["logprobsResult"] = result;
    }
}

/// From OpenAI's or Anthropic's shape.
fn source(citation: &Value) -> Option<Value> {
    let inner = citation.get("url_citation").unwrap_or(citation);
    let mut source = json!({"uri": inner.get("url")?.as_str()?});
    for (theirs, ours) in [
        ("title", "title"),
        ("start_index", "startIndex"),
        ("end_index", "endIndex"),
    ] {
        if let Some(value) = inner.get(theirs).filter(|value| !value.is_null()) {
            source[ours] = value.clone();
        }
    }
    Some(source)
}
