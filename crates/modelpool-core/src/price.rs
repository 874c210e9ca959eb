//! What calls cost.
//!
//! Vendors bill by the call. A call has **rates**, dollars per million tokens of each kind, and a long input
//! moves the whole call, its output too, to the rates of a [tier](PriceTier). So a sum of calls has no tier: add
//! up what each of them cost, never their tokens.
//!
//! Tokens are counted as in [`Usage`]: what was read from the vendor's cache and what was written to it are parts
//! of the input, reasoning is a part of the output. Each token is billed once, at the rate of its kind; where a
//! kind has no rate of its own it is billed as what it is a part of.

mod read;

use serde::{Deserialize, Serialize};

use crate::usage::Usage;

pub(crate) use read::{Mistake, check, read};

/// What a model costs. Rates are US dollars per **million** tokens, `image` and `request` US dollars each.
///
/// ```
/// use modelpool_core::{Price, PriceTier, Usage};
/// let price = Price {
///     input: 2.0,
///     output: 12.0,
///     tiers: vec![PriceTier { above_input_tokens: 200_000, input: 4.0, output: 18.0, ..PriceTier::default() }],
///     ..Price::default()
/// };
/// let call = |input_tokens| Usage { input_tokens, output_tokens: 1_000, ..Usage::default() };
/// assert!((price.cost_usd(&call(200_000)) - (0.4 + 0.012)).abs() < 1e-12);
/// // One token more, and the whole call is dearer.
/// assert!((price.cost_usd(&call(200_001)) - (0.800_004 + 0.018)).abs() < 1e-12);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Input tokens that were neither read from the vendor's cache nor written to it.
    pub input: f64,
    /// Output tokens.
    pub output: f64,
    /// Input tokens read from the vendor's cache; `None` bills them as `input`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_input: Option<f64>,
    /// Input tokens written to the vendor's cache; `None` bills them as `input`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<f64>,
    /// Those of them that are kept for an hour; `None` bills them as `cache_write`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_1h: Option<f64>,
    /// Output tokens of reasoning; `None` bills them as other output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<f64>,
    /// All output tokens of an answer that was reasoned about, in place of `output` and `reasoning`: so bills Qwen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_after_reasoning: Option<f64>,
    /// US dollars per image made. The output tokens of such an answer are the images', and not billed besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<f64>,
    /// US dollars per call, beside its tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<f64>,
    /// Rates of calls with a long input, in any order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tiers: Vec<PriceTier>,
}

/// Rates of a whole call whose input is long, in US dollars per **million** tokens.
///
/// A tier stands by itself: what it leaves out is billed as its own `input` or `output`, not as below it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceTier {
    /// It holds for calls with more input tokens than this, cached ones included.
    pub above_input_tokens: u64,
    /// As [`Price::input`].
    pub input: f64,
    /// As [`Price::output`].
    pub output: f64,
    /// As [`Price::cached_input`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_input: Option<f64>,
    /// As [`Price::cache_write`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<f64>,
    /// As [`Price::cache_write_1h`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_1h: Option<f64>,
    /// As [`Price::reasoning`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<f64>,
    /// As [`Price::output_after_reasoning`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_after_reasoning: Option<f64>,
}

/// A call that is not made yet, for what it may cost at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// Input tokens.
    pub input_tokens: u64,
    /// Output tokens.
    pub output_tokens: u64,
    /// Images asked for.
    pub images: u64,
    /// The request asks the vendor to keep some of its input for an hour.
    pub keeps_for_an_hour: bool,
}

impl Price {
    /// The same price for input and output, given in US dollars per **thousand** tokens.
    ///
    /// ```
    /// use modelpool_core::Price;
    /// assert_eq!(Price::per_1k(0.002).input, 2.0);
    /// ```
    #[must_use]
    pub fn per_1k(dollars: f64) -> Self {
        let per_million = dollars * 1000.0;
        Self {
            input: per_million,
            output: per_million,
            ..Self::default()
        }
    }

    /// The one number models are compared by, in US dollars per thousand tokens:
    /// `(3 × input + output) / 4` of calls below any tier. Three to one is the usual mix of prompt and answer. What is
    /// sold by the piece is not free of charge: the price of a call and of an image are added, as if each thousand
    /// tokens were a call.
    #[must_use]
    pub fn blended_per_1k(&self) -> f64 {
        self.base().blended_per_1k() + self.by_the_piece()
    }

    /// The same of a call with so many input tokens.
    ///
    /// ```
    /// use modelpool_core::{Price, PriceTier};
    /// let tier = PriceTier { above_input_tokens: 1_000, input: 4.0, output: 4.0, ..PriceTier::default() };
    /// let price = Price { tiers: vec![tier], ..Price::per_1k(0.001) };
    /// assert_eq!(price.blended_per_1k_at(1_000), 0.001);
    /// assert_eq!(price.blended_per_1k_at(1_001), 0.004);
    /// ```
    #[must_use]
    pub fn blended_per_1k_at(&self, input_tokens: u64) -> f64 {
        self.rates_at(input_tokens).blended_per_1k() + self.by_the_piece()
    }

    fn by_the_piece(&self) -> f64 {
        self.request.unwrap_or(0.0) + self.image.unwrap_or(0.0)
    }

    /// Calls with more input tokens than this are in a tier; `None` where there is none.
    #[must_use]
    pub fn first_tier_above(&self) -> Option<u64> {
        self.tiers.iter().map(|tier| tier.above_input_tokens).min()
    }

    /// The tier of a call with so many input tokens.
    #[must_use]
    pub fn tier_at(&self, input_tokens: u64) -> Option<&PriceTier> {
        let reached = self
            .tiers
            .iter()
            .filter(|tier| input_tokens > tier.above_input_tokens);
        reached.max_by_key(|tier| tier.above_input_tokens)
    }

    /// What **one call** costs that used this, in US dollars: never negative, never infinite.
    ///
    /// ```
    /// use modelpool_core::{Price, Usage};
    /// let price = Price { input: 3.0, output: 15.0, cached_input: Some(0.3), cache_write: Some(3.75), ..Price::default() };
    /// let usage = Usage { input_tokens: 1_000_000, cached_input_tokens: 500_000, cache_write_tokens: 100_000,
    ///                     output_tokens: 1_000, ..Usage::default() };
    /// assert!((price.cost_usd(&usage) - (0.4 * 3.0 + 0.5 * 0.3 + 0.1 * 3.75 + 0.015)).abs() < 1e-12);
    /// ```
    #[must_use]
    pub fn cost_usd(&self, usage: &Usage) -> f64 {
        let rates = self.rates_at(usage.input_tokens);
        let output = match self.image {
            Some(each) if usage.images > 0 => usage.images as f64 * each,
            _ => rates.output_usd(usage),
        };
        let cost = rates.input_usd(usage) + output + self.request.unwrap_or(0.0);
        cost.min(f64::MAX)
    }

    /// What one call may cost at most, in US dollars, in the tier it will be in: nobody knows yet what of the input
    /// the vendor writes to its cache and what of the output is reasoning, so each is reckoned at the dearest of
    /// its rates.
    #[must_use]
    pub fn most_usd(&self, call: Expected) -> f64 {
        let rates = self.rates_at(call.input_tokens);
        let input = rates.dearest_input(call.keeps_for_an_hour);
        let output = rates.dearest_output();
        let output = match self.image {
            Some(each) if call.images > 0 => call.images as f64 * each,
            _ => millionths(call.output_tokens, output),
        };
        let most = millionths(call.input_tokens, input) + output + self.request.unwrap_or(0.0);
        most.min(f64::MAX)
    }

    /// The dearest rate of any token of a call with so many input tokens, in US dollars per million, where nothing is
    /// kept for an hour.
    #[must_use]
    pub fn dearest_rate_at(&self, input_tokens: u64) -> f64 {
        let rates = self.rates_at(input_tokens);
        rates.dearest_input(false).max(rates.dearest_output())
    }

    /// Whether it has a rate of its own for what is kept for an hour.
    #[must_use]
    pub fn keeps_for_an_hour(&self) -> bool {
        self.cache_write_1h.is_some() || self.tiers.iter().any(|tier| tier.cache_write_1h.is_some())
    }

    /// The rates below all tiers.
    fn base(&self) -> PriceTier {
        PriceTier {
            above_input_tokens: 0,
            input: self.input,
            output: self.output,
            cached_input: self.cached_input,
            cache_write: self.cache_write,
            cache_write_1h: self.cache_write_1h,
            reasoning: self.reasoning,
            output_after_reasoning: self.output_after_reasoning,
        }
    }

    fn rates_at(&self, input_tokens: u64) -> PriceTier {
        self.tier_at(input_tokens).copied().unwrap_or_else(|| self.base())
    }
}

impl PriceTier {
    fn blended_per_1k(&self) -> f64 {
        (3.0 * self.input + self.output) / 4.0 / 1000.0
    }

    /// Reading the cache is not dearer than reading anew.
    fn dearest_input(&self, for_an_hour: bool) -> f64 {
        let kept = self.cache_write_1h.filter(|_| for_an_hour);
        let rates = [self.cache_write, kept].into_iter().flatten();
        rates.fold(self.input, f64::max)
    }

    fn dearest_output(&self) -> f64 {
        let rates = [self.reasoning, self.output_after_reasoning]
            .into_iter()
            .flatten();
        rates.fold(self.output, f64::max)
    }

    /// Counts that contradict each other (more cached than there was) are cut to what there was. What is not billed is
    /// fresh, and only if there is more of it cached or written.
    fn input_usd(&self, usage: &Usage) -> f64 {
        let cached = usage.cached_input_tokens.min(usage.input_tokens);
        let written = usage.cache_write_tokens.min(usage.input_tokens - cached);
        let for_an_hour = usage.cache_write_1h_tokens.min(written);
        let mut unbilled = usage.unbilled_input_tokens;
        let mut billed = |tokens: u64| {
            let free = tokens.min(unbilled);
            unbilled -= free;
            tokens - free
        };
        let fresh = billed(usage.input_tokens - cached - written);
        let cached = billed(cached);
        let short = billed(written - for_an_hour);
        let for_an_hour = billed(for_an_hour);
        let cache_write = self.cache_write.unwrap_or(self.input);
        millionths(fresh, self.input)
            + millionths(cached, self.cached_input.unwrap_or(self.input))
            + millionths(short, cache_write)
            + millionths(for_an_hour, self.cache_write_1h.unwrap_or(cache_write))
    }

    fn output_usd(&self, usage: &Usage) -> f64 {
        let output = usage.output_tokens.saturating_sub(usage.unbilled_output_tokens);
        let reasoning = usage.reasoning_tokens.min(output);
        match self.output_after_reasoning {
            Some(rate) if reasoning > 0 => millionths(output, rate),
            _ => {
                millionths(output - reasoning, self.output)
                    + millionths(reasoning, self.reasoning.unwrap_or(self.output))
            }
        }
    }
}

/// Tokens at a price per million of them.
fn millionths(tokens: u64, per_million: f64) -> f64 {
    tokens as f64 * per_million / 1_000_000.0
}

#[cfg(test)]
mod tests;
