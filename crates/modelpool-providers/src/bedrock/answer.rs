//! Reads a whole answer.
//!
//! What a model did on Bedrock's side (tools the vendor runs, guardrails' traces) is passed over, and so are
//! pictures a model made: no dialect has a place for them. A tool call without its id or its name makes the answer
//! none.

use bytes::Bytes;
use modelpool_core::{FinishReason, Usage};
use serde_json::Value;

use crate::neutral::{Answer, Choice, Content, Head, Issuer, ReasoningPart, Signature, Text, ToolCall};
use crate::wire::Broken;

/// Reads a whole answer that came with a success status.
pub(super) fn read(body: &Bytes) -> Result<Answer, Broken> {
    let answer: Value = serde_json::from_slice(body)
        .map_err(|error| Broken::Protocol(format!("the answer is not JSON: {error}")))?;
    let Some(content) = answer
        .pointer("/output/message/content")
        .and_then(Value::as_array)
    else {
        return Err(no_answer(answer));
    };
    let mut parts = Vec::with_capacity(content.len());
    for (at, block) in content.iter().enumerate() {
        read_block(block, &mut parts)
            .map_err(|what| Broken::Protocol(format!("output.message.content[{at}] {what}")))?;
    }
    let called = parts.iter().any(|part| matches!(part, Content::ToolCall(_)));
    let finish = answer.get("stopReason").and_then(Value::as_str);
    Ok(Answer {
        head: Head::default(),
        choices: vec![Choice {
            content: parts,
            finish: finish.map(|word| finish_reason(word, called)),
            stop_sequence: stop_sequence(&answer),
            logprobs: None,
        }],
        usage: answer.get("usage").and_then(usage),
    })
}

/// AWS reports some errors with a success status, within `Output`.
fn no_answer(answer: Value) -> Broken {
    let says = ["message", "Message", "__type", "error"];
    let error = match answer.get("Output") {
        Some(output) if output.get("__type").is_some() => output.clone(),
        _ => answer,
    };
    if says
        .iter()
        .any(|key| error.get(key).is_some_and(|said| !said.is_null()))
    {
        Broken::Refusal(error)
    } else {
        Broken::Protocol("the answer has no `output.message.content`".to_owned())
    }
}

/// A block is an object with one member, which says its kind.
fn read_block(block: &Value, parts: &mut Vec<Content>) -> Result<(), &'static str> {
    if let Some(text) = block.get("text").and_then(Value::as_str) {
        if !text.is_empty() {
            parts.push(Content::text(text));
        }
    } else if let Some(call) = block.get("toolUse") {
        if !is_the_vendors(call) {
            parts.push(Content::ToolCall(read_call(call)?));
        }
    } else if let Some(reasoning) = block.get("reasoningContent") {
        parts.extend(read_reasoning(reasoning).map(Content::Reasoning));
    } else if let Some(cited) = block.get("citationsContent") {
        parts.extend(read_cited(cited).map(Content::Text));
    }
    Ok(())
}

/// A call that Bedrock itself answers.
pub(super) fn is_the_vendors(call: &Value) -> bool {
    call.get("type").and_then(Value::as_str) == Some("server_tool_use")
}

fn read_call(call: &Value) -> Result<ToolCall, &'static str> {
    let (id, name) = identity(call)?;
    let arguments = call.get("input").filter(|input| !input.is_null());
    Ok(ToolCall {
        id: id.to_owned(),
        name: name.to_owned(),
        arguments: arguments.map_or_else(|| "{}".to_owned(), Value::to_string),
        signature: None,
    })
}

/// The id and the name of a tool call.
pub(super) fn identity(call: &Value) -> Result<(&str, &str), &'static str> {
    let word = |key: &str| {
        let text = call.get(key).and_then(Value::as_str);
        text.filter(|text| !text.is_empty())
    };
    let id = word("toolUseId").ok_or("is a tool call without `toolUseId`")?;
    let name = word("name").ok_or("is a tool call without `name`")?;
    Ok((id, name))
}

fn read_reasoning(reasoning: &Value) -> Option<ReasoningPart> {
    let word = |pointer: &str| {
        let text = reasoning.pointer(pointer).and_then(Value::as_str);
        text.filter(|text| !text.is_empty())
    };
    let signed = |value: &str| Signature::new(Issuer::Bedrock, value);
    let part = ReasoningPart {
        text: word("/reasoningText/text").unwrap_or_default().to_owned(),
        signature: word("/reasoningText/signature").map(signed),
        encrypted: word("/redactedContent").map(signed),
    };
    (part != ReasoningPart::default()).then_some(part)
}

fn read_cited(cited: &Value) -> Option<Text> {
    let list = |key: &str| cited.get(key).and_then(Value::as_array).map(Vec::as_slice);
    let texts = list("content").unwrap_or_default().iter();
    let text: String = texts
        .filter_map(|part| part.get("text").and_then(Value::as_str))
        .collect();
    let citations = list("citations").unwrap_or_default().to_vec();
    (!text.is_empty()).then_some(Text { text, citations })
}

/// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseResponse.html>, `stopReason`. Some
/// models say that their turn ended although they call tools.
pub(super) fn finish_reason(word: &str, called: bool) -> FinishReason {
    match word {
        "end_turn" | "stop_sequence" if called => FinishReason::ToolCalls,
        "end_turn" | "stop_sequence" => FinishReason::Stop,
        "tool_use" => FinishReason::ToolCalls,
        "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
        "guardrail_intervened" | "content_filtered" | "refusal" => FinishReason::ContentFilter,
        other => FinishReason::Other(other.to_owned()),
    }
}

/// Where `write` asked for it.
pub(super) fn stop_sequence(said: &Value) -> Option<String> {
    let text = said.pointer("/additionalModelResponseFields/stop_sequence")?;
    text.as_str().map(str::to_owned)
}

/// Tokens read from the cache or written to it are not among Bedrock's `inputTokens`, but in its total:
/// <https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html>. A total without them says that they
/// are among the input already. What was written is told by how long it is kept, too:
/// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_CacheDetail.html>. `None` for an object
/// without counts.
pub(super) fn usage(said: &Value) -> Option<Usage> {
    let count = |key: &str| said.get(key).and_then(Value::as_u64).unwrap_or(0);
    let (input, output) = (count("inputTokens"), count("outputTokens"));
    let (cached, written) = (count("cacheReadInputTokens"), count("cacheWriteInputTokens"));
    let beside = cached.saturating_add(written);
    let is_within = beside <= input && count("totalTokens") == input.saturating_add(output);
    let usage = Usage {
        input_tokens: if is_within {
            input
        } else {
            input.saturating_add(beside)
        },
        cached_input_tokens: cached,
        cache_write_tokens: written,
        cache_write_1h_tokens: written_for_an_hour(said).min(written),
        output_tokens: output,
        ..Usage::default()
    };
    (usage.total_tokens() > 0).then_some(usage)
}

fn written_for_an_hour(said: &Value) -> u64 {
    let details = said.get("cacheDetails").and_then(Value::as_array);
    let for_an_hour = details
        .into_iter()
        .flatten()
        .filter(|detail| detail["ttl"] == "1h");
    for_an_hour
        .filter_map(|detail| detail["inputTokens"].as_u64())
        .fold(0, u64::saturating_add)
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
