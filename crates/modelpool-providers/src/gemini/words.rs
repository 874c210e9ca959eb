//! Why an answer stopped, and what it used.

use modelpool_core::{FinishReason, Usage};
use serde_json::{Value, json};

use super::names::{count, member};

/// Words for an answer that was cut for its content; the first stands for all of them.
const FILTERED: [&str; 9] = [
    "SAFETY",
    "RECITATION",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_RECITATION",
    "MODEL_ARMOR",
];

/// Other words of <https://ai.google.dev/api/generate-content#FinishReason>.
const OTHERS: [&str; 9] = [
    "LANGUAGE",
    "OTHER",
    MALFORMED_CALL,
    "UNEXPECTED_TOOL_CALL",
    "TOO_MANY_TOOL_CALLS",
    "MISSING_THOUGHT_SIGNATURE",
    "MALFORMED_RESPONSE",
    "NO_IMAGE",
    "IMAGE_OTHER",
];

/// A call was to be made, and its arguments cannot be read.
pub(super) const MALFORMED_CALL: &str = "MALFORMED_FUNCTION_CALL";

/// `None` for the word that says nothing. With `calls` the answer calls tools, which the wire has no word for.
pub(super) fn finish_reason(word: &str, calls: bool) -> Option<FinishReason> {
    Some(match word {
        "" | "FINISH_REASON_UNSPECIFIED" => return None,
        "STOP" if calls => FinishReason::ToolCalls,
        "STOP" => FinishReason::Stop,
        "MAX_TOKENS" => FinishReason::Length,
        word if FILTERED.contains(&word) => FinishReason::ContentFilter,
        other => FinishReason::Other(other.to_owned()),
    })
}

/// Strangers' reasons are `OTHER`: clients know no more words than the reference has.
pub(super) fn finish_word(reason: &FinishReason) -> &str {
    match reason {
        FinishReason::Stop | FinishReason::ToolCalls => "STOP",
        FinishReason::Length => "MAX_TOKENS",
        FinishReason::ContentFilter => FILTERED[0],
        FinishReason::Other(word) if OTHERS.contains(&word.as_str()) => word,
        FinishReason::Other(_) => "OTHER",
    }
}

/// From `usageMetadata`; `None` where nothing is counted. Thoughts are counted beside the candidates, and what
/// tools of Google's own put into the prompt beside the prompt.
pub(super) fn usage(metadata: &Value) -> Option<Usage> {
    let of = |name| member(metadata, name).and_then(count).unwrap_or(0);
    let input_tokens = of("promptTokenCount").saturating_add(of("toolUsePromptTokenCount"));
    let usage = Usage {
        input_tokens,
        cached_input_tokens: of("cachedContentTokenCount").min(input_tokens),
        output_tokens: of("candidatesTokenCount").saturating_add(of("thoughtsTokenCount")),
        reasoning_tokens: of("thoughtsTokenCount"),
        ..Usage::default()
    };
    (usage.total_tokens() > 0).then_some(usage)
}

/// As `usageMetadata`.
pub(super) fn usage_metadata(usage: &Usage) -> Value {
    let mut metadata = json!({
        "promptTokenCount": usage.input_tokens,
        "candidatesTokenCount": usage.output_tokens.saturating_sub(usage.reasoning_tokens),
        "totalTokenCount": usage.total_tokens(),
    });
    for (name, tokens) in [
        ("cachedContentTokenCount", usage.cached_input_tokens),
        ("thoughtsTokenCount", usage.reasoning_tokens),
    ] {
        if tokens > 0 {
            metadata[name] = tokens.into();
        }
    }
    metadata
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_there_and_back() {
        for (word, reason, back) in [
            ("STOP", FinishReason::Stop, "STOP"),
            ("MAX_TOKENS", FinishReason::Length, "MAX_TOKENS"),
            ("SPII", FinishReason::ContentFilter, "SAFETY"),
            (
                MALFORMED_CALL,
                FinishReason::Other(MALFORMED_CALL.into()),
                MALFORMED_CALL,
            ),
            ("NEW_WORD", FinishReason::Other("NEW_WORD".into()), "OTHER"),
        ] {
            assert_eq!(finish_reason(word, false), Some(reason.clone()));
            assert_eq!(finish_word(&reason), back);
        }
        assert_eq!(finish_reason("STOP", true), Some(FinishReason::ToolCalls));
        assert_eq!(finish_reason("MAX_TOKENS", true), Some(FinishReason::Length));
        assert_eq!(finish_reason("FINISH_REASON_UNSPECIFIED", false), None);
        assert_eq!(finish_word(&FinishReason::ToolCalls), "STOP");
    }

    #[test]
    fn thoughts_are_output() {
        let metadata = json!({"promptTokenCount": 10, "toolUsePromptTokenCount": 2, "cachedContentTokenCount": 4,
            "candidatesTokenCount": 5, "thoughtsTokenCount": 7, "totalTokenCount": 24});
        let read = usage(&metadata).unwrap();
        let expected = Usage {
            input_tokens: 12,
            cached_input_tokens: 4,
            output_tokens: 12,
            reasoning_tokens: 7,
            ..Usage::default()
        };
        assert_eq!(read, expected);
        assert_eq!(usage(&usage_metadata(&read)), Some(expected));
        assert_eq!(usage(&json!({"totalTokenCount": 3})), None);
        assert_eq!(usage(&json!([])), None);
    }
}
