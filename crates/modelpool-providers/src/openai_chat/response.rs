//! Reading a whole answer: is it one, and what did it use.

use bytes::Bytes;
use modelpool_core::provider::WholeReply;
use modelpool_core::{Error, ErrorKind, FinishReason, Operation, Usage};
use serde_json::Value;

use crate::counts::{ToldCost, output_with_reasoning};
use crate::failure::from_object;
use crate::json::{self, Count, Presence, Text, lenient_object};

lenient_object! {
    /// <https://platform.openai.com/docs/api-reference/completions/object>, `usage`.
    struct WireUsage<'a> {
        prompt_tokens: Count = "prompt_tokens",
        completion_tokens: Count = "completion_tokens",
        total_tokens: Count = "total_tokens",
        prompt_details: WirePromptDetails<'a> = "prompt_tokens_details",
        completion_details: WireCompletionDetails<'a> = "completion_tokens_details",
        cache_hits: Count = "prompt_cache_hit_tokens", // DeepSeek's name of the cached ones
        cached: Count = "cached_tokens", // Moonshot's
        ticks: Option<&'a str> = "cost_in_usd_ticks",
        cost: Option<&'a str> = "cost",
        is_byok: Option<&'a str> = "is_byok",
    }
}

lenient_object! {
    struct WirePromptDetails<'a> {
        cached_tokens: Count = "cached_tokens",
        written: Count = "cache_write_tokens", // OpenAI's name, and OpenRouter's
        created: Count = "cache_creation_input_tokens", // Qwen's
    }
}

lenient_object! {
    struct WireCompletionDetails<'a> {
        reasoning_tokens: Count = "reasoning_tokens",
    }
}

lenient_object! {
    struct WireChoice<'a> {
        finish_reason: Text<'a> = "finish_reason",
    }
}

lenient_object! {
    struct WireAnswer<'a> {
        choices: Option<Vec<WireChoice<'a>>> = "choices",
        data: Presence = "data",
        usage: Option<WireUsage<'a>> = "usage",
        error: Option<&'a str> = "error",
    }
}

impl WireUsage<'_> {
    /// `None` where the vendor sent the object without counts.
    pub(super) fn counts(&self) -> Option<Usage> {
        let (prompt, completion) = (self.prompt_tokens.0, self.completion_tokens.0);
        let reasoning = self.completion_details.reasoning_tokens.0;
        let output = output_with_reasoning(prompt, completion, reasoning, self.total_tokens.0);
        let usage = Usage {
            input_tokens: prompt,
            cached_input_tokens: self
                .prompt_details
                .cached_tokens
                .0
                .max(self.cache_hits.0)
                .max(self.cached.0)
                .min(prompt),
            cache_write_tokens: self
                .prompt_details
                .written
                .0
                .max(self.prompt_details.created.0)
                .min(prompt),
            output_tokens: output,
            reasoning_tokens: reasoning.min(output),
            told_nano_usd: ToldCost {
                ticks: self.ticks,
                cost: self.cost,
                is_byok: self.is_byok,
            }
            .nano_usd(),
            ..Usage::default()
        };
        (usage.total_tokens() > 0).then_some(usage)
    }
}

pub(super) fn finish_reason(word: &str) -> FinishReason {
    match word {
        "stop" => FinishReason::Stop,
        "length" => FinishReason::Length,
        "tool_calls" | "function_call" => FinishReason::ToolCalls,
        "content_filter" => FinishReason::ContentFilter,
        other => FinishReason::Other(other.to_owned()),
    }
}

/// Reads a whole answer with a success status.
pub(super) fn read(operation: Operation, bytes: Bytes, secrets: &[&str]) -> Result<WholeReply, Error> {
    let protocol = |message: String| Error::new(ErrorKind::Protocol, message).with_status(200);
    let text = std::str::from_utf8(&bytes)
        .map_err(|error| protocol(format!("the answer is not UTF-8 at byte {}", error.valid_up_to())))?;
    if text.trim_ascii().is_empty() {
        return Err(protocol("the answer is empty".to_owned()));
    }
    if text.trim_ascii_start().starts_with('<') {
        return Err(protocol("the answer is HTML, not JSON".to_owned()));
    }
    let answer: WireAnswer<'_> = json::read(text).map_err(|_| {
        let why = json::what_is_wrong(text);
        protocol(format!("the answer is not JSON of a model: {why}"))
    })?;
    if let Some(raw) = answer.error {
        let object: Value = serde_json::from_str(raw).unwrap_or(Value::Null);
        return Err(from_object(&object, secrets));
    }
    let choices = answer.choices.as_deref().unwrap_or_default();
    let is_answer = match operation {
        Operation::Embeddings => answer.data.0,
        _ => !choices.is_empty(),
    };
    if !is_answer {
        let expected = match operation {
            Operation::Embeddings => "data",
            _ => "choices",
        };
        return Err(protocol(format!("the answer has no `{expected}`")));
    }
    let finish = choices
        .first()
        .and_then(|choice| choice.finish_reason.as_str())
        .map(finish_reason);
    let usage = answer.usage.as_ref().and_then(WireUsage::counts);
    let issued = match finish {
        Some(FinishReason::ToolCalls) => call_ids(text),
        _ => Vec::new(),
    };
    Ok(WholeReply {
        usage,
        finish,
        bytes,
        issued,
    })
}

/// The ids of the tool calls of an answer.
fn call_ids(answer: &str) -> Vec<Box<str>> {
    let answer: Value = serde_json::from_str(answer).unwrap_or_default();
    let choices = answer["choices"].as_array().into_iter().flatten();
    let calls = choices.flat_map(|choice| choice["message"]["tool_calls"].as_array().into_iter().flatten());
    calls
        .filter_map(|call| call["id"].as_str().map(Into::into))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat(body: &'static str) -> Result<WholeReply, Error> {
        read(Operation::Chat, Bytes::from_static(body.as_bytes()), &[])
    }

    #[test]
    fn counts_are_read_under_every_vendors_names() {
        let used = |usage: &str| {
            let body = format!(r#"{{"choices":[{{"finish_reason":"stop"}}],"usage":{usage}}}"#);
            read(Operation::Chat, body.into(), &[]).unwrap().usage.unwrap()
        };
        // What xAI billed: https://github.com/Wei-Shaw/sub2api/issues/5771
        let grok = used(
            r#"{"prompt_tokens":10120,"completion_tokens":1499,"total_tokens":14428,
                "prompt_tokens_details":{"cached_tokens":128},"completion_tokens_details":{"reasoning_tokens":2809},
                "cost_in_usd_ticks":232856000}"#,
        );
        assert_eq!((grok.output_tokens, grok.reasoning_tokens), (4308, 2809));
        assert_eq!(grok.told_usd(), Some(0.023_285_6));
        for name in ["cache_write_tokens", "cache_creation_input_tokens"] {
            let written = used(&format!(
                r#"{{"prompt_tokens":10,"completion_tokens":5,"prompt_tokens_details":{{"{name}":8}}}}"#
            ));
            assert_eq!(written.cache_write_tokens, 8, "{name}");
        }
    }

    #[test]
    fn usage_and_finish_reason_are_read() {
        let reply = chat(
            r#"{"choices":[{"message":{"content":"hi"},"finish_reason":"length"}],
                "usage":{"prompt_tokens":10,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":4},
                         "completion_tokens_details":{"reasoning_tokens":2}}}"#,
        )
        .unwrap();
        assert_eq!(reply.finish, Some(FinishReason::Length));
        let expected = Usage {
            input_tokens: 10,
            cached_input_tokens: 4,
            output_tokens: 5,
            reasoning_tokens: 2,
            ..Usage::default()
        };
        assert_eq!(reply.usage, Some(expected));
        assert_eq!(chat(r#"{"choices":[{}],"usage":null}"#).unwrap().usage, None);
    }

    #[test]
    fn what_is_no_answer_is_an_error_that_says_what_it_is() {
        for (body, expected) in [
            ("", "the answer is empty"),
            (" <!DOCTYPE html><html>", "the answer is HTML, not JSON"),
            ("{}", "the answer has no `choices`"),
            (r#"{"choices":[]}"#, "the answer has no `choices`"),
            (
                r#"{"choices":[{"#,
                "the answer is not JSON of a model: EOF while parsing an object at line 1 column 13",
            ),
            (
                r#"{"error":{"message":"no","code":429}}"#,
                "the upstream reported an error: no",
            ),
        ] {
            assert_eq!(chat(body).unwrap_err().message(), expected, "{body}");
        }
        assert_eq!(
            *chat(r#"{"error":{"message":"no","code":429}}"#)
                .unwrap_err()
                .kind(),
            ErrorKind::RateLimited { retry_after: None }
        );
    }
}
