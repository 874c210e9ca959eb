//! What is known of one model, and how it fills in what nobody declared.

use modelpool_core::{Capabilities, Fact, Flag, Numeric, Price, Provenance, Support};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::bill;

/// What a model is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Mode {
    /// Chat.
    Chat,
    /// Chat that only OpenAI's responses wire offers.
    Responses,
    /// The completion of a plain text.
    Completion,
    /// Embeddings.
    Embedding,
    /// Makes images.
    ImageGeneration,
    /// Changes images.
    ImageEdit,
    /// From speech to text.
    AudioTranscription,
    /// From text to speech.
    AudioSpeech,
    /// Speech both ways over one connection.
    Realtime,
    /// Puts documents in order.
    Rerank,
    /// Judges whether a text is allowed.
    Moderation,
}

impl Mode {
    /// The letter in the data file.
    pub(super) fn from_letter(letter: &str) -> Option<Self> {
        Some(match letter {
            "c" => Mode::Chat,
            "r" => Mode::Responses,
            "t" => Mode::Completion,
            "e" => Mode::Embedding,
            "i" => Mode::ImageGeneration,
            "d" => Mode::ImageEdit,
            "a" => Mode::AudioTranscription,
            "s" => Mode::AudioSpeech,
            "l" => Mode::Realtime,
            "k" => Mode::Rerank,
            "m" => Mode::Moderation,
            _ => return None,
        })
    }

    /// The word for it, as it is serialized.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Mode::Chat => "chat",
            Mode::Responses => "responses",
            Mode::Completion => "completion",
            Mode::Embedding => "embedding",
            Mode::ImageGeneration => "image_generation",
            Mode::ImageEdit => "image_edit",
            Mode::AudioTranscription => "audio_transcription",
            Mode::AudioSpeech => "audio_speech",
            Mode::Realtime => "realtime",
            Mode::Rerank => "rerank",
            Mode::Moderation => "moderation",
        }
    }

    /// Whether nothing is put out that could have a price.
    pub(super) const fn puts_nothing_out(self) -> bool {
        matches!(self, Mode::Embedding | Mode::Rerank | Mode::Moderation)
    }
}

/// Prices of tokens, in US dollars per **million**. What is not known is `None`, never zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct TokenPrices {
    /// Input tokens.
    pub input: Option<f64>,
    /// Output tokens.
    pub output: Option<f64>,
    /// Input tokens read from the vendor's cache.
    pub cached_input: Option<f64>,
    /// Input tokens written to the vendor's cache.
    pub cache_write: Option<f64>,
    /// Those of them that are kept for an hour.
    pub cache_write_1h: Option<f64>,
    /// Output tokens of reasoning, where they have a price of their own.
    pub reasoning: Option<f64>,
}

/// Prices of requests with a long input.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PriceTier {
    /// They hold above so many input tokens.
    pub above_input_tokens: u64,
    /// What tokens cost then.
    pub prices: TokenPrices,
}

/// Prices of whole images, in US dollars each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct ImagePrice {
    /// An image that is read.
    pub input: Option<f64>,
    /// An image that is made.
    pub output: Option<f64>,
}

/// What the catalog knows of a model.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CatalogEntry {
    /// The vendor's name here.
    pub provider: &'static str,
    /// What the vendor calls the model.
    pub model_name: String,
    /// What it is made for.
    pub mode: Mode,
    /// Tokens it takes in; the list does not say whether the answer's are among them, and nothing
    /// breaks if they are.
    pub context_window: Option<u64>,
    /// Most output tokens of one answer.
    pub max_output_tokens: Option<u64>,
    /// What tokens cost.
    pub prices: TokenPrices,
    /// What tokens cost with a long input, sorted by its length.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tiers: Vec<PriceTier>,
    /// What images cost.
    pub image_price: ImagePrice,
    /// US dollars per call, beside its tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_price: Option<f64>,
    /// The day from which the vendor no longer serves it, as `2026-11-30`.
    pub deprecation_date: Option<String>,
    /// What it can do.
    pub flags: CatalogFlags,
    /// The name in lower case.
    #[serde(skip)]
    pub(super) key: String,
}

/// What a model is known to do, and not to do.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CatalogFlags {
    said: [Option<bool>; Flag::ALL.len()],
}

impl CatalogFlags {
    /// What is known of `flag`.
    #[must_use]
    pub fn get(&self, flag: Flag) -> Option<bool> {
        self.said.get(flag as usize).copied().flatten()
    }

    /// Reads the letters of the data file: small for yes, capital for no.
    pub(super) fn from_letters(letters: &str) -> Self {
        let mut flags = Self::default();
        for letter in letters.chars() {
            let flag = match letter.to_ascii_lowercase() {
                't' => Flag::Tools,
                'v' => Flag::Vision,
                'a' => Flag::Audio,
                'p' => Flag::Pdf,
                'r' => Flag::Reasoning,
                'j' => Flag::JsonSchema,
                'l' => Flag::ParallelTools,
                'f' => Flag::Prefill,
                's' => Flag::SystemMessage,
                _ => continue,
            };
            flags.set(flag, letter.is_ascii_lowercase());
        }
        flags
    }

    pub(super) fn set(&mut self, flag: Flag, value: bool) {
        if let Some(said) = self.said.get_mut(flag as usize) {
            *said = Some(value);
        }
    }
}

/// Only what is known, under the keys users write.
impl Serialize for CatalogFlags {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for flag in Flag::ALL {
            if let Some(value) = self.get(flag) {
                map.serialize_entry(flag.key(), &value)?;
            }
        }
        map.end()
    }
}

impl CatalogEntry {
    /// The price a call is billed by; `None` where one half of it is unknown, because half a price
    /// is a wrong one.
    #[must_use]
    pub fn price(&self) -> Option<Price> {
        bill::price(self)
    }

    /// Fills in what nobody declared, probed or observed, with the provenance *catalog*.
    pub fn fill(&self, capabilities: &mut Capabilities) {
        let mut filled = std::mem::take(capabilities);
        for flag in Flag::ALL {
            if let Some(value) = self.flags.get(flag)
                && filled.flag(flag).provenance == Provenance::Default
            {
                filled = filled.with_flag(flag, Fact::catalog(Support::from(value)));
            }
        }
        let numbers = [
            (Numeric::ContextWindow, self.context_window),
            (Numeric::MaxTokens, self.max_output_tokens),
        ];
        for (numeric, tokens) in numbers {
            if let Some(tokens) = tokens
                && filled.number(numeric).provenance == Provenance::Default
            {
                filled = filled.with_number(numeric, Fact::catalog(tokens as f64));
            }
        }
        if let Some(price) = self.price()
            && filled.declared_price().is_none()
            && filled.number(Numeric::CostPer1kTokens).provenance == Provenance::Default
        {
            filled = filled.with_price(Fact::catalog(price));
        }
        *capabilities = filled;
    }
}
