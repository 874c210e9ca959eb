//! Usage. The wire counts input that was read from a cache, and input that was written to one, beside
//! `input_tokens`; here they are part of it: <https://platform.claude.com/docs/en/build-with-claude/prompt-caching>.

use modelpool_core::Usage;
use serde_json::{Value, json};

/// Counts of the wire. In a stream each event says some of them anew: they are totals, not additions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    input: u64,
    cache_read: u64,
    cache_written: u64,
    /// Part of what was written.
    cache_written_1h: u64,
    output: u64,
    /// Part of the output.
    thinking: u64,
    /// Something was said.
    any: bool,
}

impl Counts {
    /// Takes over what an object says; what it leaves out stays.
    pub(super) fn take(&mut self, usage: Option<&Value>) {
        let Some(usage) = usage else { return };
        let places = [
            ("/input_tokens", &mut self.input),
            ("/cache_read_input_tokens", &mut self.cache_read),
            ("/cache_creation_input_tokens", &mut self.cache_written),
            (
                "/cache_creation/ephemeral_1h_input_tokens",
                &mut self.cache_written_1h,
            ),
            ("/output_tokens", &mut self.output),
            ("/output_tokens_details/thinking_tokens", &mut self.thinking),
        ];
        for (path, place) in places {
            if let Some(count) = usage.pointer(path).and_then(Value::as_u64) {
                *place = count;
                self.any = true;
            }
        }
    }

    /// `None` where nothing was said.
    pub(super) fn usage(&self) -> Option<Usage> {
        let cached = self.cache_read.saturating_add(self.cache_written);
        self.any.then(|| Usage {
            input_tokens: self.input.saturating_add(cached),
            cached_input_tokens: self.cache_read,
            cache_write_tokens: self.cache_written,
            cache_write_1h_tokens: self.cache_written_1h.min(self.cache_written),
            output_tokens: self.output,
            reasoning_tokens: self.thinking,
            ..Usage::default()
        })
    }
}

/// The wire's object, which every answer has.
pub(super) fn value(usage: &Usage) -> Value {
    let cached = usage.cached_input_tokens.saturating_add(usage.cache_write_tokens);
    let mut value = json!({
        "input_tokens": usage.input_tokens.saturating_sub(cached),
        "cache_creation_input_tokens": usage.cache_write_tokens,
        "cache_read_input_tokens": usage.cached_input_tokens,
        "output_tokens": usage.output_tokens,
    });
    if usage.cache_write_tokens > 0 {
        let short = usage
            .cache_write_tokens
            .saturating_sub(usage.cache_write_1h_tokens);
        value["cache_creation"] = json!({
            "ephemeral_5m_input_tokens": short,
            "ephemeral_1h_input_tokens": usage.cache_write_1h_tokens,
        });
    }
    if usage.reasoning_tokens > 0 {
        value["output_tokens_details"] = json!({"thinking_tokens": usage.reasoning_tokens});
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cached_tokens_are_part_of_the_input() {
        let mut counts = Counts::default();
        assert_eq!(counts.usage(), None);
        counts.take(Some(&json!({
            "input_tokens": 10, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 1000, "output_tokens": 1,
            "cache_creation": {"ephemeral_5m_input_tokens": 400, "ephemeral_1h_input_tokens": 600},
        })));
        // A later event says only what has changed.
        counts.take(Some(&json!({
            "output_tokens": 7, "input_tokens": null, "output_tokens_details": {"thinking_tokens": 4},
        })));
        counts.take(None);
        let usage = counts.usage().unwrap();
        assert_eq!(
            (usage.input_tokens, usage.cached_input_tokens, usage.output_tokens),
            (1110, 100, 7)
        );
        assert_eq!(usage.reasoning_tokens, 4);
        assert_eq!(
            (usage.cache_write_tokens, usage.cache_write_1h_tokens),
            (1000, 600)
        );
        let written = value(&usage);
        assert_eq!(
            (&written["input_tokens"], &written["cache_read_input_tokens"]),
            (&json!(10), &json!(100))
        );
        let mut again = Counts::default();
        again.take(Some(&written));
        assert_eq!(again.usage(), Some(usage));
        assert_eq!(written["output_tokens_details"], json!({"thinking_tokens": 4}));
    }
}
