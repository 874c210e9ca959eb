//! Why an answer stopped, in the wire's words and back:
//! <https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons>.

use modelpool_core::FinishReason;

/// What a word of the wire means.
pub(super) fn read(word: &str) -> FinishReason {
    match word {
        "end_turn" | "stop_sequence" => FinishReason::Stop,
        // The window was full: the answer is cut, as by the limit.
        "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
        "tool_use" => FinishReason::ToolCalls,
        "refusal" => FinishReason::ContentFilter,
        // `pause_turn`, and what is to come.
        other => FinishReason::Other(other.to_owned()),
    }
}

/// The word for a reason. One that is not of the wire stays as it is: no word of the wire would be true.
pub(super) fn word<'a>(reason: &'a FinishReason, stop_sequence: Option<&str>) -> &'a str {
    match reason {
        FinishReason::Stop if stop_sequence.is_some() => "stop_sequence",
        FinishReason::Stop => "end_turn",
        FinishReason::Length => "max_tokens",
        FinishReason::ToolCalls => "tool_use",
        FinishReason::ContentFilter => "refusal",
        FinishReason::Other(word) => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_back() {
        for (word, reason, back) in [
            ("end_turn", FinishReason::Stop, "end_turn"),
            ("stop_sequence", FinishReason::Stop, "end_turn"),
            ("max_tokens", FinishReason::Length, "max_tokens"),
            (
                "model_context_window_exceeded",
                FinishReason::Length,
                "max_tokens",
            ),
            ("tool_use", FinishReason::ToolCalls, "tool_use"),
            ("refusal", FinishReason::ContentFilter, "refusal"),
            (
                "pause_turn",
                FinishReason::Other("pause_turn".to_owned()),
                "pause_turn",
            ),
        ] {
            assert_eq!(read(word), reason, "{word}");
            assert_eq!(super::word(&reason, None), back, "{word}");
        }
        assert_eq!(super::word(&FinishReason::Stop, Some("END")), "stop_sequence");
    }
}
