//! A whole answer, and what it has in common with the events of a stream.

use bytes::Bytes;
use modelpool_core::{FinishReason, Usage};
use serde_json::{Map, Value, json};

use crate::neutral::{Answer, Choice, Content, Head, ReasoningPart, Text, ToolCall, made_up_id};
use crate::wire::Broken;

/// Reads a whole answer.
pub(super) fn read(body: &Bytes) -> Result<Answer, Broken> {
    let answer: Value = serde_json::from_slice(body)
        .map_err(|error| Broken::Protocol(format!("the answer is not JSON: {error}")))?;
    refused(&answer)?;
    let Some(message) = answer.get("message").and_then(Value::as_object) else {
        return Err(Broken::Protocol("the answer has no `message`".to_owned()));
    };
    let mut content = contents(message);
    let calls = message.get("tool_calls").and_then(Value::as_array);
    let calls: Vec<ToolCall> = calls
        .into_iter()
        .flatten()
        .enumerate()
        .filter_map(|(index, call)| tool_call(call, body, index))
        .collect();
    let finish = finish(&answer, !calls.is_empty())?;
    content.extend(calls.into_iter().map(Content::ToolCall));
    let head = Head {
        id: text(answer.get("id")).map(str::to_owned),
        ..Head::default()
    };
    Ok(Answer {
        head,
        choices: vec![Choice {
            content,
            finish,
            stop_sequence: None,
            logprobs: answer.get("logprobs").and_then(logprobs),
        }],
        usage: answer.get("usage").and_then(usage),
    })
}

/// A text that is not empty.
pub(super) fn text(value: Option<&Value>) -> Option<&str> {
    value.and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// Refusals are `{"message": "…"}`: <https://docs.cohere.com/reference/errors>. An answer's message is an object.
pub(super) fn refused(object: &Value) -> Result<(), Broken> {
    let says_error = object.get("error").is_some_and(|error| !error.is_null());
    if says_error || object.get("message").is_some_and(Value::is_string) {
        return Err(Broken::Refusal(object.clone()));
    }
    Ok(())
}

/// Why the answer is at its end; `None` where it does not say. `ERROR` and `TIMEOUT` end no answer: what came is
/// only its beginning.
pub(super) fn finish(end: &Value, calls_tools: bool) -> Result<Option<FinishReason>, Broken> {
    let word = text(end.get("finish_reason"));
    Ok(Some(match word {
        None => return Ok(None),
        Some("COMPLETE" | "STOP_SEQUENCE") if calls_tools => FinishReason::ToolCalls,
        Some("COMPLETE" | "STOP_SEQUENCE") => FinishReason::Stop,
        Some("MAX_TOKENS") => FinishReason::Length,
        Some("TOOL_CALL") => FinishReason::ToolCalls,
        Some(word @ ("ERROR" | "TIMEOUT")) => {
            let message = text(end.get("error"));
            let message = message.map_or_else(|| format!("the generation ended with {word}"), str::to_owned);
            return Err(Broken::Refusal(json!({"message": message, "type": word})));
        }
        Some(other) => FinishReason::Other(other.to_owned()),
    }))
}

/// The tokens that were used, which is what limits count and what other wires report. `billed_units` leave out
/// those that Cohere adds of its own: <https://docs.cohere.com/docs/how-does-cohere-pricing-work>. They are taken for
/// all where nothing else came.
pub(super) fn usage(usage: &Value) -> Option<Usage> {
    let counted = |name: &str| {
        let counts = usage.get(name)?;
        Some((
            count(counts.get("input_tokens"))?,
            count(counts.get("output_tokens"))?,
        ))
    };
    let billed = counted("billed_units");
    let (input_tokens, output_tokens) = counted("tokens").or(billed)?;
    let (billed_input, billed_output) = billed.unwrap_or((input_tokens, output_tokens));
    Some(Usage {
        input_tokens,
        cached_input_tokens: count(usage.get("cached_tokens"))
            .unwrap_or_default()
            .min(input_tokens),
        output_tokens,
        unbilled_input_tokens: input_tokens.saturating_sub(billed_input),
        unbilled_output_tokens: output_tokens.saturating_sub(billed_output),
        ..Usage::default()
    })
}

/// Counts are described as numbers, and may come as `7.0`.
pub(super) fn count(value: Option<&Value>) -> Option<u64> {
    let number = value?;
    let whole = |number: f64| (number >= 0.0 && number < u64::MAX as f64).then_some(number as u64);
    number.as_u64().or_else(|| number.as_f64().and_then(whole))
}

/// The plan, the reasoning and the texts, with what they cite.
fn contents(message: &Map<String, Value>) -> Vec<Content> {
    let mut contents: Vec<Content> = text(message.get("tool_plan"))
        .map(reasoning)
        .into_iter()
        .collect();
    // By the index that citations use.
    let mut places = Vec::new();
    for part in message
        .get("content")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        places.push(contents.len());
        if let Some(thought) = text(part.get("thinking")) {
            contents.push(reasoning(thought));
        } else if let Some(said) = text(part.get("text")) {
            contents.push(Content::text(said));
        }
    }
    for citation in message
        .get("citations")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        cite(&mut contents, &places, citation);
    }
    contents
}

fn reasoning(text: &str) -> Content {
    Content::Reasoning(ReasoningPart {
        text: text.to_owned(),
        ..ReasoningPart::default()
    })
}

/// Puts a citation with the text it names, or the first. Citations of plans and of reasoning are passed over.
fn cite(contents: &mut [Content], places: &[usize], citation: &Value) {
    if !is_of_text(citation) {
        return;
    }
    let named =
        count(citation.get("content_index")).and_then(|index| places.get(usize::try_from(index).ok()?));
    let named = named
        .copied()
        .filter(|place| matches!(contents.get(*place), Some(Content::Text(_))));
    let place = named.or_else(|| {
        contents
            .iter()
            .position(|content| matches!(content, Content::Text(_)))
    });
    if let Some(Content::Text(Text { citations, .. })) = place.and_then(|place| contents.get_mut(place)) {
        citations.push(citation.clone());
    }
}

pub(super) fn is_of_text(citation: &Value) -> bool {
    matches!(text(citation.get("type")), None | Some("TEXT_CONTENT"))
}

fn tool_call(call: &Value, body: &[u8], index: usize) -> Option<ToolCall> {
    let function = call.get("function")?;
    Some(ToolCall {
        id: text(call.get("id")).map_or_else(|| made_up_id("call_", body, index), str::to_owned),
        name: function.get("name")?.as_str()?.to_owned(),
        arguments: text(function.get("arguments")).unwrap_or("{}").to_owned(),
        signature: None,
    })
}

/// In OpenAI's shape. An item may be of several tokens, whose texts are not told apart: it becomes one, as probable
/// as all of them together.
pub(super) fn logprobs(items: &Value) -> Option<Value> {
    let items = match items {
        Value::Array(items) => items.as_slice(),
        item => std::slice::from_ref(item),
    };
    let of = |item: &Value| {
        let token = item.get("text")?.as_str()?;
        let probabilities = item.get("logprobs")?.as_array().filter(|list| !list.is_empty())?;
        let sum: Option<f64> = probabilities.iter().map(Value::as_f64).sum();
        Some(json!({"token": token, "logprob": sum?, "bytes": token.as_bytes(), "top_logprobs": []}))
    };
    let content: Vec<Value> = items.iter().filter_map(of).collect();
    (!content.is_empty()).then(|| json!({"content": content}))
}
