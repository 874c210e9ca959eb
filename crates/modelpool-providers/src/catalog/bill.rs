//! From what the list knows to what a call is billed by.
//!
//! The list says numbers, and each vendor means them in its own way. What was found of the vendors' own words stands
//! with each rule; the bills in `bill_tests.rs` are reckoned by hand from the same pages.

use modelpool_core::{Price, PriceTier};

use super::entry::{CatalogEntry, Mode, TokenPrices};

/// The price; `None` where half of it is unknown.
pub(super) fn price(entry: &CatalogEntry) -> Option<Price> {
    let image = image(entry);
    // What is sold by the piece has no price of tokens.
    let by_the_piece = image.is_some() || (entry.mode.puts_nothing_out() && entry.request_price.is_some());
    let output = match entry.prices.output {
        None if entry.mode.puts_nothing_out() || by_the_piece => Some(0.0),
        output => output,
    };
    let input = match entry.prices.input {
        None if by_the_piece => Some(0.0),
        input => input,
    };
    let base = rates(entry, &entry.prices, input?, output?);
    let tiers = entry.tiers.iter().filter_map(|tier| {
        let prices = within(&entry.prices, &tier.prices)?;
        Some(PriceTier {
            above_input_tokens: above(entry, tier.above_input_tokens),
            ..rates(entry, &prices, prices.input?, prices.output?)
        })
    });
    Some(Price {
        input: base.input,
        output: base.output,
        cached_input: base.cached_input,
        cache_write: base.cache_write,
        cache_write_1h: base.cache_write_1h,
        reasoning: base.reasoning,
        output_after_reasoning: base.output_after_reasoning,
        image,
        request: entry.request_price,
        tiers: tiers.collect(),
    })
}

/// The rates of calls, as this vendor means them.
fn rates(entry: &CatalogEntry, prices: &TokenPrices, input: f64, output: f64) -> PriceTier {
    // Where both prices are the same, it is not worth a word.
    let reasoning = prices.reasoning.filter(|reasoning| *reasoning != output);
    // Alibaba bills all output of a call that thinks at the price of thinking, the answer, too:
    // https://help.aliyun.com/en/document_detail/3023262.html
    let (reasoning, output_after_reasoning) = match entry.provider {
        "qwen" => (None, reasoning),
        _ => (reasoning, None),
    };
    PriceTier {
        above_input_tokens: 0,
        input,
        output,
        cached_input: prices.cached_input,
        cache_write: prices.cache_write,
        cache_write_1h: prices.cache_write_1h,
        reasoning,
        output_after_reasoning,
    }
}

/// What a tier leaves out rises as its input does, or its output: vendors write it as a multiple of those.
fn within(base: &TokenPrices, tier: &TokenPrices) -> Option<TokenPrices> {
    let scale = |of: Option<f64>, to: Option<f64>| match (of, to) {
        (Some(of), Some(to)) if of > 0.0 => Some(to / of),
        _ => None,
    };
    let dearer_input = scale(base.input, tier.input);
    let dearer_output = scale(base.output, tier.output);
    let or_risen = |told: Option<f64>, base: Option<f64>, by: Option<f64>| told.or(Some(base? * by?));
    Some(TokenPrices {
        input: Some(tier.input?),
        output: tier.output.or(base.output),
        cached_input: or_risen(tier.cached_input, base.cached_input, dearer_input),
        cache_write: or_risen(tier.cache_write, base.cache_write, dearer_input),
        cache_write_1h: or_risen(tier.cache_write_1h, base.cache_write_1h, dearer_input),
        reasoning: or_risen(tier.reasoning, base.reasoning, dearer_output),
    })
}

/// xAI's dearer price begins with a prompt of that length, those of others beyond it:
/// <https://docs.x.ai/developers/models/grok-4.20-0309.md>, "requests whose prompt reaches 200k tokens".
fn above(entry: &CatalogEntry, tokens: u64) -> u64 {
    match entry.provider {
        "xai" => tokens.saturating_sub(1),
        _ => tokens,
    }
}

/// The price of an image made. For xAI, which takes none for prompts, the list has it as that of the input. Models
/// that make music or talk have such a price in the list too, for something else.
fn image(entry: &CatalogEntry) -> Option<f64> {
    if !matches!(entry.mode, Mode::ImageGeneration | Mode::ImageEdit) {
        return None;
    }
    let sold_by_the_image = entry.provider == "xai" && entry.prices == TokenPrices::default();
    let input = entry.image_price.input.filter(|_| sold_by_the_image);
    entry.image_price.output.or(input)
}
