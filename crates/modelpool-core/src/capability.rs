//! What a model can do, and how that is known.
//!
//! Built-in capabilities are twelve yes/no [`Flag`]s and four [`Numeric`] ones; everything else
//! a user wants to say goes under `custom`, as any JSON value. Flags are three-valued inside
//! ([`Support`]): what nobody said is *unknown*, which is not *no*. Every value carries its
//! [`Provenance`].

mod read;

use std::fmt;
use std::sync::Arc;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::clock::UnixMillis;
use crate::price::Price;

pub use read::CapabilityError;

/// A built-in yes/no capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Flag {
    /// Calls tools (functions).
    Tools,
    /// Reads images.
    Vision,
    /// Streams its answer. Default: yes.
    Streaming,
    /// Answers in JSON on demand (`response_format: json_object`).
    JsonMode,
    /// Answers in JSON of a given schema (`response_format: json_schema`).
    JsonSchema,
    /// Takes a system message. Default: yes.
    SystemMessage,
    /// Hears or speaks audio.
    Audio,
    /// Reads PDF documents.
    Pdf,
    /// Reasons before it answers.
    Reasoning,
    /// Calls several tools in one turn.
    ParallelTools,
    /// Goes on from a partial answer of the assistant.
    Prefill,
    /// Embeds text.
    Embeddings,
}

impl Flag {
    /// All flags, in the order of [`Flag::bit`].
    pub const ALL: [Flag; 12] = [
        Flag::Tools,
        Flag::Vision,
        Flag::Streaming,
        Flag::JsonMode,
        Flag::JsonSchema,
        Flag::SystemMessage,
        Flag::Audio,
        Flag::Pdf,
        Flag::Reasoning,
        Flag::ParallelTools,
        Flag::Prefill,
        Flag::Embeddings,
    ];

    /// The key users write.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Flag::Tools => "supports_tools",
            Flag::Vision => "supports_vision",
            Flag::Streaming => "supports_streaming",
            Flag::JsonMode => "supports_json_mode",
            Flag::JsonSchema => "supports_json_schema",
            Flag::SystemMessage => "supports_system_message",
            Flag::Audio => "supports_audio",
            Flag::Pdf => "supports_pdf",
            Flag::Reasoning => "supports_reasoning",
            Flag::ParallelTools => "supports_parallel_tools",
            Flag::Prefill => "supports_prefill",
            Flag::Embeddings => "supports_embeddings",
        }
    }

    /// The flag that `key` names.
    #[must_use]
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|flag| flag.key() == key)
    }

    /// One bit per flag, for sets of flags.
    #[must_use]
    pub const fn bit(self) -> u16 {
        1 << self as u16
    }

    const fn default_support(self) -> Support {
        match self {
            Flag::Streaming | Flag::SystemMessage => Support::Yes,
            _ => Support::Unknown,
        }
    }
}

impl fmt::Display for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

/// A built-in capability that is a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Numeric {
    /// Most output tokens of one answer. Default 4096.
    MaxTokens,
    /// Input and output tokens together. Default 4096.
    ContextWindow,
    /// Usual end-to-end latency in milliseconds. Default 1000.
    AvgLatencyMs,
    /// US dollars per thousand tokens, blended (see [`Price::blended_per_1k`]). Default 0.01.
    CostPer1kTokens,
}

impl Numeric {
    /// All numeric capabilities.
    pub const ALL: [Numeric; 4] = [
        Numeric::MaxTokens,
        Numeric::ContextWindow,
        Numeric::AvgLatencyMs,
        Numeric::CostPer1kTokens,
    ];

    /// The key users write.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Numeric::MaxTokens => "max_tokens",
            Numeric::ContextWindow => "context_window",
            Numeric::AvgLatencyMs => "avg_latency_ms",
            Numeric::CostPer1kTokens => "cost_per_1k_tokens",
        }
    }

    /// The key of a requirement that it be at least a number.
    #[must_use]
    pub const fn min_key(self) -> &'static str {
        match self {
            Numeric::MaxTokens => "min_max_tokens",
            Numeric::ContextWindow => "min_context_window",
            Numeric::AvgLatencyMs => "min_avg_latency_ms",
            Numeric::CostPer1kTokens => "min_cost_per_1k_tokens",
        }
    }

    /// The key of a requirement that it be at most a number.
    #[must_use]
    pub const fn max_key(self) -> &'static str {
        match self {
            Numeric::MaxTokens => "max_max_tokens",
            Numeric::ContextWindow => "max_context_window",
            Numeric::AvgLatencyMs => "max_avg_latency_ms",
            Numeric::CostPer1kTokens => "max_cost_per_1k_tokens",
        }
    }

    /// The numeric capability that `key` names.
    #[must_use]
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|numeric| numeric.key() == key)
    }

    /// What is assumed where nobody said anything.
    #[must_use]
    pub const fn default_value(self) -> f64 {
        match self {
            Numeric::MaxTokens | Numeric::ContextWindow => 4096.0,
            Numeric::AvgLatencyMs => 1000.0,
            Numeric::CostPer1kTokens => 0.01,
        }
    }

    /// Whether a bare requirement on this key means "at least" (windows) or "at most" (cost,
    /// latency).
    #[must_use]
    pub const fn more_is_better(self) -> bool {
        matches!(self, Numeric::MaxTokens | Numeric::ContextWindow)
    }
}

/// Whether a model supports something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Support {
    /// Known to.
    Yes,
    /// Known not to.
    No,
    /// Nobody said.
    Unknown,
}

impl Support {
    fn json(self) -> Value {
        match self {
            Support::Yes => Value::Bool(true),
            Support::No => Value::Bool(false),
            Support::Unknown => Value::Null,
        }
    }
}

impl From<bool> for Support {
    fn from(value: bool) -> Self {
        if value { Support::Yes } else { Support::No }
    }
}

/// How a value came to be known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Provenance {
    /// Nobody said: the built-in default.
    #[default]
    Default,
    /// The user said so.
    Declared,
    /// The catalog of known models says so.
    Catalog,
    /// A probe of the model showed it.
    Probed,
    /// An answer to a real request showed it.
    Observed,
}

/// A value with its provenance and, where it was found out, when.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fact<T> {
    /// The value.
    pub value: T,
    /// How it is known.
    pub provenance: Provenance,
    /// When it was probed or observed.
    pub at: Option<UnixMillis>,
}

impl<T> Fact<T> {
    const fn default(value: T) -> Self {
        Self {
            value,
            provenance: Provenance::Default,
            at: None,
        }
    }

    /// A value the user declared.
    pub const fn declared(value: T) -> Self {
        Self {
            value,
            provenance: Provenance::Declared,
            at: None,
        }
    }

    /// A value the catalog of known models knows.
    pub const fn catalog(value: T) -> Self {
        Self {
            value,
            provenance: Provenance::Catalog,
            at: None,
        }
    }
}

/// What a model can do.
///
/// An object made in code is complete: what it leaves out takes the defaults.
///
/// ```
/// use modelpool_core::{Capabilities, Flag, Requirements};
/// use serde_json::json;
///
/// let expert = Capabilities::new()
///     .supports(Flag::Tools)
///     .context_window(32_000)
///     .cost_per_1k_tokens(0.002)
///     .custom("specialized_for", "sql_generation");
/// let wanted = Requirements::from_json(&json!({"specialized_for": "sql_generation"})).unwrap();
/// assert!(expert.meets(&wanted).is_ok());
/// let wanted = Requirements::from_json(&json!({"supports_vision": true})).unwrap();
/// assert_eq!(expert.meets(&wanted).unwrap_err()[0].key, "supports_vision");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Capabilities {
    flags: [Fact<Support>; Flag::ALL.len()],
    numbers: [Fact<f64>; Numeric::ALL.len()],
    /// Shared with the calls under way, which are billed by it.
    price: Option<Fact<Arc<Price>>>,
    /// Sorted by key.
    custom: Vec<(Box<str>, Fact<Value>)>,
}

impl Default for Capabilities {
    fn default() -> Self {
        Self {
            flags: Flag::ALL.map(|flag| Fact::default(flag.default_support())),
            numbers: Numeric::ALL.map(|numeric| Fact::default(numeric.default_value())),
            price: None,
            custom: Vec::new(),
        }
    }
}

/// Keys that cannot be custom capabilities, because a requirement of that name means something
/// else or is refused.
pub(crate) const RESERVED_KEYS: [&str; 5] = ["model", "model_name", "alias", "prefer", "unknown"];

impl Capabilities {
    /// Nothing declared: every default.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Declares that the model supports `flag`.
    #[must_use]
    pub fn supports(self, flag: Flag) -> Self {
        self.with_flag(flag, Fact::declared(Support::Yes))
    }

    /// Declares that the model does not support `flag`.
    #[must_use]
    pub fn lacks(self, flag: Flag) -> Self {
        self.with_flag(flag, Fact::declared(Support::No))
    }

    /// Sets a flag with its provenance.
    #[must_use]
    pub fn with_flag(mut self, flag: Flag, fact: Fact<Support>) -> Self {
        self.flags[flag as usize] = fact;
        self
    }

    /// Declares the most output tokens of one answer.
    #[must_use]
    pub fn max_tokens(self, tokens: u64) -> Self {
        self.with_number(Numeric::MaxTokens, Fact::declared(tokens as f64))
    }

    /// Declares the context window in tokens, input and output together.
    #[must_use]
    pub fn context_window(self, tokens: u64) -> Self {
        self.with_number(Numeric::ContextWindow, Fact::declared(tokens as f64))
    }

    /// Declares the usual end-to-end latency in milliseconds.
    #[must_use]
    pub fn avg_latency_ms(self, milliseconds: f64) -> Self {
        self.with_number(Numeric::AvgLatencyMs, Fact::declared(milliseconds))
    }

    /// Declares one price for input and output, in US dollars per thousand tokens.
    #[must_use]
    pub fn cost_per_1k_tokens(self, dollars: f64) -> Self {
        self.price(Price::per_1k(dollars))
            .with_number(Numeric::CostPer1kTokens, Fact::declared(dollars))
    }

    /// Declares the price, in US dollars per million tokens.
    #[must_use]
    pub fn price(self, price: Price) -> Self {
        self.with_price(Fact::declared(price))
    }

    /// Sets the price with its provenance, and the one number models are compared by.
    #[must_use]
    pub fn with_price(mut self, fact: Fact<Price>) -> Self {
        let Fact {
            value,
            provenance,
            at,
        } = fact;
        let blended = Fact {
            value: value.blended_per_1k(),
            provenance,
            at,
        };
        self.price = Some(Fact {
            value: Arc::new(value),
            provenance,
            at,
        });
        self.with_number(Numeric::CostPer1kTokens, blended)
    }

    /// Sets a number with its provenance.
    #[must_use]
    pub fn with_number(mut self, numeric: Numeric, fact: Fact<f64>) -> Self {
        self.numbers[numeric as usize] = fact;
        self
    }

    /// Declares a capability of the user's own, of any JSON shape.
    #[must_use]
    pub fn custom(mut self, key: impl Into<Box<str>>, value: impl Into<Value>) -> Self {
        let (key, fact) = (key.into(), Fact::declared(value.into()));
        match self.custom.binary_search_by(|(known, _)| known.cmp(&key)) {
            Ok(at) => self.custom[at].1 = fact,
            Err(at) => self.custom.insert(at, (key, fact)),
        }
        self
    }

    /// What is known of `flag`.
    #[must_use]
    pub fn flag(&self, flag: Flag) -> Fact<Support> {
        self.flags[flag as usize]
    }

    /// What is known of `numeric`.
    #[must_use]
    pub fn number(&self, numeric: Numeric) -> Fact<f64> {
        self.numbers[numeric as usize]
    }

    /// The price, where somebody or the catalog said it. Default prices rank models but are never billed.
    #[must_use]
    pub fn declared_price(&self) -> Option<&Price> {
        self.price.as_ref().map(|fact| &*fact.value)
    }

    /// The same, to keep while a call is under way.
    #[must_use]
    pub fn shared_price(&self) -> Option<Arc<Price>> {
        self.price.as_ref().map(|fact| Arc::clone(&fact.value))
    }

    /// Whether the price is the user's own word.
    #[must_use]
    pub fn price_is_declared(&self) -> bool {
        let fact = self.price.as_ref();
        fact.is_some_and(|fact| fact.provenance == Provenance::Declared)
    }

    /// What it costs for ranking with so many input tokens, in US dollars per thousand tokens: the number
    /// `cost_per_1k_tokens`, or that of the tier such a call would be in.
    #[must_use]
    pub fn cost_per_1k_at(&self, input_tokens: u64) -> f64 {
        let price = self.declared_price();
        let tier = price.filter(|price| price.tier_at(input_tokens).is_some());
        tier.map_or_else(
            || self.number(Numeric::CostPer1kTokens).value,
            |price| price.blended_per_1k_at(input_tokens),
        )
    }

    /// The custom capability `key`.
    #[must_use]
    pub fn custom_value(&self, key: &str) -> Option<&Fact<Value>> {
        // A handful of keys: comparing lengths first beats hashing and bisecting.
        self.custom
            .iter()
            .find(|(known, _)| &**known == key)
            .map(|(_, fact)| fact)
    }

    /// Custom capabilities, sorted by key.
    pub fn custom_values(&self) -> impl Iterator<Item = (&str, &Fact<Value>)> {
        self.custom.iter().map(|(key, fact)| (&**key, fact))
    }

    /// What is known under `key`, built-in or custom, as JSON; an unknown flag is null.
    #[must_use]
    pub fn lookup(&self, key: &str) -> Option<(Value, Provenance)> {
        if let Some(flag) = Flag::from_key(key) {
            let fact = self.flag(flag);
            return Some((fact.value.json(), fact.provenance));
        }
        if let Some(numeric) = Numeric::from_key(key) {
            let fact = self.number(numeric);
            return Some((number_json(fact.value), fact.provenance));
        }
        self.custom_value(key)
            .map(|fact| (fact.value.clone(), fact.provenance))
    }

    /// How each capability is known, for those that are not defaults.
    pub fn provenances(&self) -> impl Iterator<Item = (&str, Provenance)> {
        let flags = Flag::ALL
            .into_iter()
            .map(|flag| (flag.key(), self.flag(flag).provenance));
        let numbers = Numeric::ALL
            .into_iter()
            .map(|numeric| (numeric.key(), self.number(numeric).provenance));
        let custom = self.custom.iter().map(|(key, fact)| (&**key, fact.provenance));
        flags
            .chain(numbers)
            .chain(custom)
            .filter(|(_, provenance)| *provenance != Provenance::Default)
    }
}

/// Whole numbers without a decimal point, as users wrote them.
pub(crate) fn number_json(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 9.0e15 {
        Value::from(value as i64)
    } else {
        Value::from(value)
    }
}

/// The JSON object users write, with every built-in field; an unknown flag is null.
impl Serialize for Capabilities {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for flag in Flag::ALL {
            map.serialize_entry(flag.key(), &self.flag(flag).value.json())?;
        }
        for numeric in Numeric::ALL {
            map.serialize_entry(numeric.key(), &number_json(self.number(numeric).value))?;
        }
        if let Some(fact) = &self.price {
            map.serialize_entry("price", &*fact.value)?;
        }
        let custom: serde_json::Map<String, Value> = self
            .custom
            .iter()
            .map(|(key, fact)| (key.to_string(), fact.value.clone()))
            .collect();
        map.serialize_entry("custom", &custom)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn defaults_are_those_of_the_design() {
        let capabilities = Capabilities::new();
        for flag in Flag::ALL {
            let expected = match flag {
                Flag::Streaming | Flag::SystemMessage => Support::Yes,
                _ => Support::Unknown,
            };
            assert_eq!(capabilities.flag(flag).value, expected, "{flag}");
            assert_eq!(capabilities.flag(flag).provenance, Provenance::Default);
        }
        assert_eq!(capabilities.number(Numeric::MaxTokens).value, 4096.0);
        assert_eq!(capabilities.number(Numeric::ContextWindow).value, 4096.0);
        assert_eq!(capabilities.number(Numeric::AvgLatencyMs).value, 1000.0);
        assert_eq!(capabilities.number(Numeric::CostPer1kTokens).value, 0.01);
        assert_eq!(
            capabilities.declared_price(),
            None,
            "a default price is never billed"
        );
    }

    #[test]
    fn json_round_trip() {
        let value = json!({
            "supports_vision": true, "supports_tools": false, "context_window": 8192,
            "price": {"input": 1.0, "output": 4.0},
            "custom": {"nested": {"any": ["shape", 1, null]}}
        });
        let read = Capabilities::from_json(&value).unwrap();
        assert_eq!(read.flag(Flag::Tools).value, Support::No);
        assert_eq!(read.number(Numeric::CostPer1kTokens).value, 7.0 / 4.0 / 1000.0);
        let written = serde_json::to_value(&read).unwrap();
        assert_eq!(written["supports_vision"], json!(true));
        assert_eq!(written["supports_audio"], json!(null));
        assert_eq!(written["custom"], value["custom"]);
    }

    #[test]
    fn every_mistake_is_named_at_once() {
        let mistakes = Capabilities::from_json(&json!({
            "supports_tools": "yes",
            "context_window": -1,
            "cost_per_1k_tokens": 0.1,
            "price": {"input": 1, "outputs": 2, "tiers": [{"input": 1, "output": "x"}]},
            "runs_locally": true,
            "custom": {"supports_vision": true, "alias": 1},
        }))
        .unwrap_err();
        let paths: Vec<&str> = mistakes.iter().map(|mistake| mistake.path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "supports_tools",
                "context_window",
                "price.outputs",
                "price.output",
                "price.tiers[0].above_input_tokens",
                "price.tiers[0].output",
                "runs_locally",
                "price",
                "custom.alias",
                "custom.supports_vision"
            ]
        );
        assert_eq!(
            mistakes[6].message,
            "not a built-in capability; capabilities of your own go under `custom`"
        );
    }

    #[test]
    fn numbers_no_model_can_have_are_mistakes() {
        assert_eq!(
            Capabilities::new().avg_latency_ms(f64::NAN).check()[0].path,
            "avg_latency_ms"
        );
        let price = Price {
            input: -1.0,
            output: 1.0,
            ..Price::default()
        };
        assert_eq!(Capabilities::new().price(price).check()[0].path, "price.input");
    }
}
