//! What came of a call.

use std::time::Duration;

use super::text::border;
use crate::Message;

/// What came of a call, as the model is told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolResult {
    /// The tool's own words, or what went wrong.
    pub text: String,
    /// Whether it went wrong.
    pub failed: bool,
    /// Whether the end was left out because of its size.
    pub truncated: bool,
    /// How long the tool ran; nothing for a call that never began.
    pub elapsed: Duration,
}

impl ToolResult {
    /// A result of at most about `bytes` bytes: where the text is longer, its beginning, and a line that says how
    /// much was left out.
    #[must_use]
    pub fn bounded(text: String, failed: bool, bytes: usize, elapsed: Duration) -> Self {
        if text.len() <= bytes {
            return Self {
                text,
                failed,
                truncated: false,
                elapsed,
            };
        }
        let kept = border(&text, bytes);
        let left_out = text.len() - kept;
        let mut shown = text[..kept].to_owned();
        shown.push_str(&format!(
            "\n[{left_out} of {} bytes were left out here; ask for less at once]",
            text.len()
        ));
        Self {
            text: shown,
            failed,
            truncated: true,
            elapsed,
        }
    }

    /// A call that did not begin, or was ended before it was done.
    pub(super) fn failure(text: impl Into<String>, elapsed: Duration) -> Self {
        Self {
            text: text.into(),
            failed: true,
            truncated: false,
            elapsed,
        }
    }

    /// The message that tells the model, for the call of that id. A failure begins with `error:`, because
    /// messages have no other place for it.
    #[must_use]
    pub fn message(&self, call_id: &str) -> Message {
        if self.failed {
            return Message::tool(call_id, format!("error: {}", self.text));
        }
        Message::tool(call_id, self.text.as_str())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_was_left_out_is_counted() {
        let result = ToolResult::bounded("文件文件".to_owned(), false, 7, Duration::ZERO);
        assert!(result.truncated);
        assert_eq!(
            result.text,
            "文件\n[6 of 12 bytes were left out here; ask for less at once]"
        );
    }

    #[test]
    fn a_failure_says_so_to_the_model() {
        let result = ToolResult::failure("no such file", Duration::ZERO);
        assert_eq!(result.message("call_1").text(), "error: no such file");
    }

    proptest! {
        #[test]
        fn every_text_is_bounded(text in ".{0,200}", bytes in 0_usize..100) {
            let result = ToolResult::bounded(text.clone(), false, bytes, Duration::ZERO);
            prop_assert_eq!(result.truncated, text.len() > bytes);
            prop_assert!(result.text.len() <= bytes + 80);
            if !result.truncated {
                prop_assert_eq!(result.text, text);
            }
        }
    }
}
