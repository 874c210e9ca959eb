//! Counting tokens as the expected model does.
//!
//! | model | counted by |
//! |---|---|
//! | one with a tokenizer of the user's own | that ([`Tokenizers::with`]) |
//! | OpenAI's, by name, with the feature `tokenizer` | its byte-pair encoding, exactly |
//! | any other | [`estimate_tokens`], times what its calls showed ([`Tokenizers::learn`]) |
//!
//! The tables of the feature `tokenizer` make a program 47 MB larger (`o200k` 32 MB, `cl100k` 15 MB, as of `bpe-openai` 0.3.2),
//! which is why it has to be asked for. Without it OpenAI's models are estimated as others are, and corrected after their first answers.
//!
//! What a conversation weighs besides its texts:
//!
//! | what | tokens | from |
//! |---|---|---|
//! | a message | 4: three and its role | OpenAI's cookbook, "How to count tokens with tiktoken" (<https://github.com/openai/openai-cookbook>; its function as others quote it, read November 2026) |
//! | a `name` | 1 and itself | there |
//! | the beginning of the answer | 3 | there |
//! | a call of a tool | 8, its name and arguments | ours; no vendor says |
//! | a tool's definition | its JSON | ours; vendors write it in other words of about that length |
//! | an image of low detail | 85 | OpenAI's guide "Images and vision", for `gpt-4o` (<https://platform.openai.com/docs/guides/images-vision>, in copies, read November 2026) |
//! | another image, a recording, a file | 1,000 | ours, as the pool infers; `gpt-4o` takes 765 for 1024 × 1024, `gpt-4.1` up to 1,536 (there); models of 2026 may take several times that for large photographs |
//!
//! What is counted too low for one model is part of what [`Tokenizers::learn`] corrects.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use modelpool::parts::core::facts::estimate_tokens;
use serde_json::Value;

use crate::Message;

#[cfg(feature = "tokenizer")]
mod openai;

/// Tokens of a message besides its content.
const PER_MESSAGE: u64 = 4;
/// Tokens an answer begins with.
const PER_ANSWER: u64 = 3;
/// Tokens of a call of a tool besides its name and arguments.
const PER_CALL: u64 = 8;
/// Tokens of an image of low detail, and of any other part that is no text.
const PER_SMALL_IMAGE: u64 = 85;
const PER_IMAGE: u64 = 1_000;

/// Models of which something is remembered; then the one that was not called for the longest is forgotten.
const MOST_MODELS: usize = 256;
/// Calls below this many tokens teach nothing: what they are made of is mostly what no one documents.
const FEWEST_TO_LEARN: u64 = 64;
/// The factor of a model stays within these.
const FACTORS: std::ops::RangeInclusive<f64> = 0.4..=4.0;
/// Weight of the newest call, once there are a few.
const NEWEST: f64 = 0.25;
/// How far off an estimate is taken to be before anything was learned.
const FIRST_DEVIATION: f64 = 0.1;

/// Counts the tokens of a text.
pub trait Tokenizer: Send + Sync + fmt::Debug {
    /// Its tokens.
    fn count(&self, text: &str) -> u64;

    /// The share by which a whole conversation may be more than was counted, in 0..1. Kept free by [`super::demand`].
    fn margin(&self) -> f64 {
        0.02
    }
}

/// An estimate with what was learned of a model.
#[derive(Clone, Copy, Debug)]
struct Estimate {
    factor: f64,
    margin: f64,
}

impl Tokenizer for Estimate {
    fn count(&self, text: &str) -> u64 {
        (estimate_tokens(text) as f64 * self.factor).ceil() as u64
    }

    fn margin(&self) -> f64 {
        self.margin
    }
}

/// What calls of a model showed.
#[derive(Clone, Copy, Debug)]
struct Learned {
    /// Real tokens for an estimated one.
    factor: f64,
    /// By how much estimates were off lately, as a share.
    deviation: f64,
    calls: u32,
    /// The number of the call that was last.
    last: u64,
}

impl Default for Learned {
    fn default() -> Self {
        Self {
            factor: 1.0,
            deviation: FIRST_DEVIATION,
            calls: 0,
            last: 0,
        }
    }
}

#[derive(Debug, Default)]
struct Memory {
    models: HashMap<String, Learned>,
    calls: u64,
}

/// The tokenizers of all models.
///
/// ```
/// use modelpool_agent::context::tokens::Tokenizers;
///
/// let tokenizers = Tokenizers::default();
/// let text = "word ".repeat(400);
/// let model = Some("llama-3-70b");
/// for _ in 0..12 {
///     let counted = tokenizers.of(model).text(&text);
///     tokenizers.learn("llama-3-70b", counted, 750); // what the answer's usage said
/// }
/// assert!(tokenizers.of(model).text(&text).abs_diff(750) < 20);
/// ```
#[derive(Debug, Default)]
pub struct Tokenizers {
    own: HashMap<String, Arc<dyn Tokenizer>>,
    memory: Mutex<Memory>,
}

impl Tokenizers {
    /// The same with a tokenizer of one's own for the model of that vendor's name.
    #[must_use]
    pub fn with(mut self, model_name: impl Into<String>, tokenizer: Arc<dyn Tokenizer>) -> Self {
        self.own.insert(model_name.into(), tokenizer);
        self
    }

    /// What counts for the model of that vendor's name; without a name an estimate.
    #[must_use]
    pub fn of(&self, model_name: Option<&str>) -> Counter {
        let exact = model_name.and_then(|name| self.exact(name));
        let tokenizer = exact.unwrap_or_else(|| {
            let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
            let learned = model_name.and_then(|name| memory.models.get(name)).copied();
            let Learned {
                factor, deviation, ..
            } = learned.unwrap_or_default();
            Arc::new(Estimate {
                factor,
                margin: (2.0 * deviation).clamp(0.02, 0.25),
            })
        });
        Counter(tokenizer)
    }

    fn exact(&self, model_name: &str) -> Option<Arc<dyn Tokenizer>> {
        let own = self.own.get(model_name).cloned();
        #[cfg(feature = "tokenizer")]
        let own = own.or_else(|| openai::of(model_name));
        own
    }

    /// Learns from a call: what [`Tokenizers::of`] had counted for all that was sent, and the input tokens that the answer's usage
    /// said, cached ones included. Small calls and zeros teach nothing; nor do models that are counted exactly.
    pub fn learn(&self, model_name: &str, counted: u64, actual: u64) {
        if counted < FEWEST_TO_LEARN || actual == 0 || self.exact(model_name).is_some() {
            return;
        }
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.calls += 1;
        let now = memory.calls;
        if !memory.models.contains_key(model_name) && memory.models.len() >= MOST_MODELS {
            let oldest = memory.models.iter().min_by_key(|(_, learned)| learned.last);
            if let Some(oldest) = oldest.map(|(name, _)| name.clone()) {
                memory.models.remove(&oldest);
            }
        }
        let learned = memory.models.entry(model_name.to_owned()).or_default();
        let off = actual as f64 / counted as f64;
        // The first calls count for more, or the beginning would stay in it for long.
        let weight = NEWEST.max(1.0 / (f64::from(learned.calls) + 2.0));
        let target = (learned.factor * off).clamp(*FACTORS.start(), *FACTORS.end());
        learned.factor += weight * (target - learned.factor);
        learned.deviation += weight * ((off - 1.0).abs().min(1.0) - learned.deviation);
        learned.calls = learned.calls.saturating_add(1);
        learned.last = now;
    }
}

/// Counts texts, messages and tools for one model.
#[derive(Clone, Debug)]
pub struct Counter(Arc<dyn Tokenizer>);

impl Counter {
    /// One that counts by that tokenizer.
    #[must_use]
    pub fn new(tokenizer: Arc<dyn Tokenizer>) -> Self {
        Self(tokenizer)
    }

    /// Tokens of a text.
    #[must_use]
    pub fn text(&self, text: &str) -> u64 {
        self.0.count(text)
    }

    /// The share by which a whole conversation may be more than was counted.
    #[must_use]
    pub fn margin(&self) -> f64 {
        let margin = self.0.margin();
        if margin.is_finite() {
            margin.clamp(0.0, 0.9)
        } else {
            0.0
        }
    }

    /// Tokens of a message: its role, text, images, calls, and whatever else it carries.
    #[must_use]
    pub fn message(&self, message: &Message) -> u64 {
        let mut tokens = PER_MESSAGE;
        let Value::Object(members) = message.to_json() else {
            return tokens;
        };
        for (name, value) in &members {
            tokens += match (name.as_str(), value) {
                ("role" | "tool_call_id", _) | (_, Value::Null) => 0,
                ("content", Value::Array(parts)) => parts.iter().map(|part| self.part(part)).sum(),
                ("content", Value::String(text)) => self.text(text),
                ("name", Value::String(text)) => 1 + self.text(text),
                ("tool_calls", _) => {
                    let calls = message.tool_calls();
                    let tokens = calls
                        .iter()
                        .map(|call| PER_CALL + self.text(&call.name) + self.text(&call.arguments));
                    tokens.sum()
                }
                (_, Value::String(text)) => self.text(text),
                (_, other) => self.text(&other.to_string()),
            };
        }
        tokens
    }

    fn part(&self, part: &Value) -> u64 {
        if let Some(text) = part.get("text").and_then(Value::as_str) {
            return self.text(text);
        }
        if let Some(text) = part.get("refusal").and_then(Value::as_str) {
            return self.text(text);
        }
        let detail = part
            .get("image_url")
            .and_then(|image| image.get("detail"))
            .or_else(|| part.get("detail"));
        if detail.and_then(Value::as_str) == Some("low") {
            PER_SMALL_IMAGE
        } else {
            PER_IMAGE
        }
    }

    /// Tokens of a request of these messages, with the beginning of its answer.
    #[must_use]
    pub fn messages<'a>(&self, messages: impl IntoIterator<Item = &'a Message>) -> u64 {
        messages
            .into_iter()
            .map(|message| self.message(message))
            .sum::<u64>()
            + PER_ANSWER
    }

    /// Tokens of the definitions of tools, in any vendor's shape.
    #[must_use]
    pub fn tools(&self, definitions: &[Value]) -> u64 {
        definitions
            .iter()
            .map(|definition| self.text(&definition.to_string()))
            .sum()
    }

    /// Tokens of what a turn cannot leave out: its instructions, the user's message and the tools.
    #[must_use]
    pub fn fixed(&self, instructions: Option<&str>, message: &Message, tools: &[Value]) -> u64 {
        let instructions = instructions.map_or(0, |text| PER_MESSAGE + self.text(text));
        instructions + self.messages([message]) + self.tools(tools)
    }
}

#[cfg(test)]
mod tests;
