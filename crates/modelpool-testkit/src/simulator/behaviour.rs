//! How one simulated model behaves when nothing goes wrong.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::options::SimulatorError;

/// The most tokens one answer may have; keeps the memory of a request bounded.
const MAX_COMPLETION_TOKENS: u32 = 200_000;
/// The most dimensions an embedding may have.
const MAX_DIMENSIONS: u32 = 16_384;
/// The most tool calls in one answer.
const MAX_TOOL_CALLS: u32 = 64;

/// What a simulated model says, how fast, and with which of the habits that
/// differ between servers that call themselves OpenAI-compatible.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelBehaviour {
    /// The text to answer. Default: a sentence that says it is simulated,
    /// names the model and echoes the beginning of the last user message.
    pub answer: Option<String>,
    /// Answer with exactly this many tokens: a longer text is cut, a shorter
    /// one is filled up. Default: as many as the text has.
    pub completion_tokens: Option<u32>,
    /// Text thought aloud before the answer, in `reasoning_content`, as
    /// DeepSeek and vLLM send it. Default: none.
    pub reasoning: Option<String>,
    /// Wait before the head of the answer, in milliseconds. Default 0.
    pub head_after_ms: u64,
    /// Wait between the head of a stream and its first chunk, in milliseconds;
    /// a plain answer waits as long before its head. Default 0.
    pub first_token_ms: u64,
    /// A fixed gap between the tokens of a stream, in milliseconds; a plain
    /// answer takes as long in total. Default 0: as fast as the client reads,
    /// but still one write for each chunk.
    pub gap_ms: u64,
    /// The same gap as a rate; not together with `gap_ms`. Default 0: no gap.
    pub tokens_per_second: f64,
    /// Prompt tokens reported as read from a cache (at most all). Default 0.
    pub cached_prompt_tokens: u64,
    /// Send the usage chunk of a stream even when it was not asked for.
    pub usage_unasked: bool,
    /// Leave out the `[DONE]` at the end of a stream.
    pub omit_done: bool,
    /// Send `content: null` in the first delta, as llama.cpp does, where
    /// OpenAI sends an empty string.
    pub null_first_content: bool,
    /// When to answer with tool calls. Default: when asked.
    pub tool_calls: ToolCalling,
    /// How many tool calls one answer makes; the tools are used in turn.
    /// Default: one for every tool the user's message names.
    pub tool_calls_per_answer: Option<u32>,
    /// Refuse prompts longer than this with `context_length_exceeded`, in
    /// tokens, the wanted output included. Default: no limit.
    pub context_window: Option<u64>,
    /// Refuse messages with images, as a model without vision does.
    pub reject_images: bool,
    /// Refuse tools, in Ollama's words, as a model without them does.
    pub reject_tools: bool,
    /// Refuse a `response_format` with a schema, as an older model does.
    pub reject_json_schema: bool,
    /// Refuse a last message of the assistant's, as models without prefill do.
    pub reject_prefill: bool,
    /// Read no more than the last so many tokens of a prompt, without a word, as Ollama does. Default: all.
    pub reads_tokens: Option<u64>,
    /// Refuse parameters that OpenAI does not document.
    pub reject_unknown_parameters: bool,
    /// Dimensions of an embedding unless the request asks for fewer.
    /// Default 1536.
    pub embedding_dimensions: u32,
    /// How the events of a stream are laid into writes.
    pub framing: Framing,
}

impl Default for ModelBehaviour {
    fn default() -> Self {
        ModelBehaviour {
            answer: None,
            completion_tokens: None,
            reasoning: None,
            head_after_ms: 0,
            first_token_ms: 0,
            gap_ms: 0,
            tokens_per_second: 0.0,
            cached_prompt_tokens: 0,
            usage_unasked: false,
            omit_done: false,
            null_first_content: false,
            tool_calls: ToolCalling::WhenAsked,
            tool_calls_per_answer: None,
            context_window: None,
            reject_images: false,
            reject_tools: false,
            reject_json_schema: false,
            reject_prefill: false,
            reads_tokens: None,
            reject_unknown_parameters: false,
            embedding_dimensions: 1536,
            framing: Framing::default(),
        }
    }
}

impl ModelBehaviour {
    /// A model that always answers this text.
    pub fn answering(text: impl Into<String>) -> Self {
        ModelBehaviour {
            answer: Some(text.into()),
            ..ModelBehaviour::default()
        }
    }

    /// The gap between two tokens of a stream.
    pub(super) fn gap(&self) -> Duration {
        if self.tokens_per_second > 0.0 {
            Duration::from_secs_f64(1.0 / self.tokens_per_second)
        } else {
            Duration::from_millis(self.gap_ms)
        }
    }

    pub(super) fn validate(&self, place: &str) -> Result<(), SimulatorError> {
        let invalid = |field: &str, value: String, expected| {
            Err(SimulatorError::invalid(
                format!("{place}.{field}"),
                value,
                expected,
            ))
        };
        // Below a token per day the gap would not fit a timer.
        let rate = self.tokens_per_second;
        if rate != 0.0 && !(rate.is_finite() && rate > 1e-5) {
            return invalid(
                "tokens_per_second",
                rate.to_string(),
                "0 for no pacing, or a number above 0.00001",
            );
        }
        if rate > 0.0 && self.gap_ms > 0 {
            return invalid(
                "gap_ms",
                self.gap_ms.to_string(),
                "0 where tokens_per_second is set: one of the two",
            );
        }
        if let Some(tokens) = self.completion_tokens
            && !(1..=MAX_COMPLETION_TOKENS).contains(&tokens)
        {
            return invalid("completion_tokens", tokens.to_string(), "1 to 200000");
        }
        if let Some(calls) = self.tool_calls_per_answer
            && !(1..=MAX_TOOL_CALLS).contains(&calls)
        {
            return invalid("tool_calls_per_answer", calls.to_string(), "1 to 64");
        }
        if !(1..=MAX_DIMENSIONS).contains(&self.embedding_dimensions) {
            let dimensions = self.embedding_dimensions.to_string();
            return invalid("embedding_dimensions", dimensions, "1 to 16384");
        }
        self.framing.validate(place)
    }
}

/// When a model answers with tool calls, if the request offers tools and
/// `tool_choice` does not forbid them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolCalling {
    /// When the last message is the user's and names a tool, or a word of its
    /// name, or asks for a tool as such.
    #[default]
    WhenAsked,
    /// Whenever tools are offered and the last message is the user's.
    Always,
    /// Only when `tool_choice` demands it.
    Never,
}

/// How the events of a stream are laid into writes. Every combination is a
/// valid event stream; a reader that minds has a bug.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Framing {
    /// End lines with CRLF instead of LF.
    pub crlf: bool,
    /// Send a comment (`: keep-alive`) before each event.
    pub comments: bool,
    /// How many events go into one write. Default 1.
    pub events_per_write: u32,
    /// Where a write is split into several.
    pub split: Split,
}

impl Default for Framing {
    fn default() -> Self {
        Framing {
            crlf: false,
            comments: false,
            events_per_write: 1,
            split: Split::None,
        }
    }
}

impl Framing {
    pub(super) fn validate(&self, place: &str) -> Result<(), SimulatorError> {
        if (1..=1024).contains(&self.events_per_write) {
            return Ok(());
        }
        Err(SimulatorError::invalid(
            format!("{place}.framing.events_per_write"),
            self.events_per_write,
            "1 to 1024",
        ))
    }
}

/// Where one write of a stream is split into several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Nowhere: an event arrives whole.
    #[default]
    None,
    /// At every byte.
    EveryByte,
    /// Where readers err: inside the field name, inside every character of
    /// more than one byte, and inside and between the line ends.
    Awkward,
}
