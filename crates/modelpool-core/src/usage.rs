//! What a call used.

use serde::Serialize;

/// What one call used, in the convention of OpenAI's wire: tokens read from a cache and tokens written to one are
/// **part of** the input tokens, reasoning tokens part of the output tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// All input tokens, cached ones included.
    pub input_tokens: u64,
    /// Input tokens the vendor read from its cache.
    pub cached_input_tokens: u64,
    /// Input tokens the vendor wrote to its cache.
    pub cache_write_tokens: u64,
    /// Those of them that it keeps for an hour.
    pub cache_write_1h_tokens: u64,
    /// All output tokens, reasoning included.
    pub output_tokens: u64,
    /// Output tokens spent on reasoning that the caller may not see.
    pub reasoning_tokens: u64,
    /// Input tokens that the vendor counts and does not bill.
    pub unbilled_input_tokens: u64,
    /// Output tokens that the vendor counts and does not bill.
    pub unbilled_output_tokens: u64,
    /// Images made.
    pub images: u64,
    /// What the vendor itself says the call cost, in billionths of a US dollar.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub told_nano_usd: Option<u64>,
    /// True where the vendor sent no usage and the counts are our estimate.
    pub estimated: bool,
}

impl Usage {
    /// Input and output tokens together.
    #[must_use]
    pub fn total_tokens(&self) -> u64 {
        self.input_tokens.saturating_add(self.output_tokens)
    }

    /// What the vendor itself says the call cost, in US dollars.
    #[must_use]
    pub fn told_usd(&self) -> Option<f64> {
        self.told_nano_usd.map(|nano| nano as f64 / 1e9)
    }

    /// Both together; estimated where one of them is. What both cost is the sum of what each cost, not what the sum
    /// would cost: see [`price`](crate::price).
    #[must_use]
    pub fn plus(&self, other: &Usage) -> Usage {
        Usage {
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            cached_input_tokens: self.cached_input_tokens.saturating_add(other.cached_input_tokens),
            cache_write_tokens: self.cache_write_tokens.saturating_add(other.cache_write_tokens),
            cache_write_1h_tokens: self
                .cache_write_1h_tokens
                .saturating_add(other.cache_write_1h_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
            reasoning_tokens: self.reasoning_tokens.saturating_add(other.reasoning_tokens),
            unbilled_input_tokens: self
                .unbilled_input_tokens
                .saturating_add(other.unbilled_input_tokens),
            unbilled_output_tokens: self
                .unbilled_output_tokens
                .saturating_add(other.unbilled_output_tokens),
            images: self.images.saturating_add(other.images),
            told_nano_usd: self
                .told_nano_usd
                .zip(other.told_nano_usd)
                .map(|(one, other)| one.saturating_add(other)),
            estimated: self.estimated || other.estimated,
        }
    }
}
