//! Bills reckoned by hand, from the vendors' pages as they read on 2026-11-27, and from the list's prices.

use modelpool_core::{Price, Usage};

use super::find;

fn price(provider: &str, model: &str) -> Price {
    let known = find(provider, model).unwrap_or_else(|| panic!("{provider}/{model} is not in the catalog"));
    known
        .price()
        .unwrap_or_else(|| panic!("{provider}/{model} has no price"))
}

#[track_caller]
fn bill(provider: &str, model: &str, usage: Usage, dollars: f64) {
    let told = price(provider, model).cost_usd(&usage);
    assert!(
        (told - dollars).abs() < 1e-9,
        "{provider}/{model}: {told}, not {dollars}"
    );
}

fn used(input_tokens: u64, output_tokens: u64) -> Usage {
    Usage {
        input_tokens,
        output_tokens,
        ..Usage::default()
    }
}

/// <https://platform.claude.com/docs/en/about-claude/pricing>: Opus 4.5 is $5 in, $6.25 written for five minutes, $10
/// for an hour, $0.50 read, $25 out.
#[test]
fn anthropic_bills_what_is_written_to_its_cache_by_how_long_it_is_kept() {
    let usage = Usage {
        cached_input_tokens: 20_000,
        cache_write_tokens: 9_000,
        cache_write_1h_tokens: 4_000,
        ..used(30_000, 2_000)
    };
    // 1,000 at 5, 20,000 at 0.5, 5,000 at 6.25, 4,000 at 10, 2,000 at 25.
    bill(
        "anthropic",
        "claude-opus-4-5",
        usage,
        0.005 + 0.01 + 0.031_25 + 0.04 + 0.05,
    );
}

/// <https://platform.claude.com/docs/en/about-claude/pricing>, long context: beyond 200,000 tokens of input, those
/// read from and written to the cache among them, Sonnet 4.5 costs $6 in and $22.50 out for all tokens, and what the
/// cache multiplies is multiplied of that.
#[test]
fn claude_with_a_long_context_is_dearer_as_a_whole() {
    let model = "anthropic.claude-sonnet-4-5-20250929-v1:0";
    bill("bedrock", model, used(200_000, 2_000), 0.6 + 0.03);
    bill("bedrock", model, used(250_000, 2_000), 1.5 + 0.045);
    let cached = Usage {
        cached_input_tokens: 150_000,
        cache_write_tokens: 50_000,
        cache_write_1h_tokens: 20_000,
        ..used(250_000, 2_000)
    };
    // 50,000 at 6, 150,000 at 0.6, 30,000 at 7.5, 20,000 at 12, 2,000 at 22.5.
    bill("bedrock", model, cached, 0.3 + 0.09 + 0.225 + 0.24 + 0.045);
}

/// <https://ai.google.dev/gemini-api/docs/pricing>: Gemini 2.5 Pro is $1.25 in, $0.125 cached and $10 out for prompts
/// of up to 200,000 tokens; $2.50, $0.25 and $15 beyond. Thoughts are output.
#[test]
fn gemini_bills_by_the_length_of_the_prompt() {
    let usage = |input_tokens| Usage {
        cached_input_tokens: 100_000,
        reasoning_tokens: 3_000,
        ..used(input_tokens, 4_000)
    };
    bill("gemini", "gemini-2.5-pro", usage(200_000), 0.125 + 0.0125 + 0.04);
    bill(
        "gemini",
        "gemini-2.5-pro",
        usage(200_001),
        0.250_002_5 + 0.025 + 0.06,
    );
    bill(
        "vertex_ai",
        "gemini-2.5-pro",
        usage(200_001),
        0.250_002_5 + 0.025 + 0.06,
    );
}

/// <https://developers.openai.com/api/docs/models/gpt-5.4>: $2.50 in, $0.25 cached, $15 out; beyond 272,000 tokens of
/// input twice the input's price and one and a half times the output's, for all of it.
#[test]
fn gpt_with_a_long_context_is_dearer_as_a_whole() {
    let usage = |input_tokens| Usage {
        cached_input_tokens: 100_000,
        ..used(input_tokens, 10_000)
    };
    bill("openai", "gpt-5.4", usage(272_000), 0.43 + 0.025 + 0.15);
    bill("openai", "gpt-5.4", usage(300_000), 1.0 + 0.05 + 0.225);
    bill("azure", "gpt-5.4", usage(300_000), 1.0 + 0.05 + 0.225);
}

/// <https://developers.openai.com/api/docs/guides/prompt-caching>: from GPT-5.6 on, writing the cache costs 1.25 times
/// the input. At $4 in, $0.40 cached, $20 out.
#[test]
fn gpt_bills_what_is_written_to_its_cache() {
    let usage = Usage {
        cached_input_tokens: 2_000,
        cache_write_tokens: 3_000,
        ..used(6_000, 500)
    };
    bill("openai", "gpt-5.6-sol", usage, 0.004 + 0.000_8 + 0.015 + 0.01);
}

/// <https://docs.x.ai/developers/models/grok-4.20-0309.md>: $1.25 in, $0.20 cached, $2.50 out; twice of each for a
/// prompt that **reaches** 200,000 tokens.
#[test]
fn grok_is_dearer_from_a_length_on() {
    bill("xai", "grok-4.20", used(199_999, 1_000), 0.249_998_75 + 0.0025);
    bill("xai", "grok-4.20", used(200_000, 1_000), 0.5 + 0.005);
}

/// A call that xAI billed itself, at `cost_in_usd_ticks: 232856000`, ten thousand millions of which are a dollar:
/// <https://github.com/Wei-Shaw/sub2api/issues/5771>. Its usage said 10,120 tokens of prompt, 128 of them cached, 1,499
/// of completion and 2,809 of reasoning.
#[test]
fn what_xai_billed_is_what_is_told() {
    let usage = Usage {
        cached_input_tokens: 128,
        reasoning_tokens: 2_809,
        ..used(10_120, 1_499 + 2_809)
    };
    bill("xai", "grok-4.20", usage, 0.023_285_6);
}

/// <https://help.aliyun.com/en/document_detail/3023262.html>: a call is in the tier of its input, and where it thinks
/// all of its output has the price of thinking. Qwen3 Coder Plus has four tiers, Qwen Plus two.
#[test]
fn qwen_bills_by_tiers_and_by_thinking() {
    for (input_tokens, dollars) in [
        (32_000, 0.032 + 0.005),
        (32_001, 0.057_601_8 + 0.009),
        (128_001, 0.384_003 + 0.015),
        (256_001, 1.536_006 + 0.06),
    ] {
        bill("qwen", "qwen3-coder-plus", used(input_tokens, 1_000), dollars);
    }
    let thinking = Usage {
        reasoning_tokens: 900,
        ..used(10_000, 1_000)
    };
    bill("qwen", "qwen-plus-latest", used(10_000, 1_000), 0.004 + 0.001_2);
    bill("qwen", "qwen-plus-latest", thinking, 0.004 + 0.004);
    let long = Usage {
        input_tokens: 300_000,
        ..thinking
    };
    bill("qwen", "qwen-plus-latest", long, 0.36 + 0.012);
}

/// <https://docs.perplexity.ai/getting-started/pricing>: Sonar Deep Research is $2 in, $8 out, and $3 for reasoning.
#[test]
fn perplexity_bills_reasoning_apart() {
    let usage = Usage {
        reasoning_tokens: 70_000,
        ..used(1_000, 80_000)
    };
    bill("perplexity", "sonar-deep-research", usage, 0.002 + 0.08 + 0.21);
}

/// Images are sold by the piece, or by their tokens: <https://docs.x.ai/developers/models>,
/// <https://ai.google.dev/gemini-api/docs/pricing> (1,290 tokens of an image at $30 are $0.039),
/// <https://platform.openai.com/docs/pricing> (GPT Image 1: $5 in, $40 out).
#[test]
fn images_are_billed() {
    let made = |images, output_tokens| Usage {
        images,
        ..used(20, output_tokens)
    };
    bill("xai", "grok-imagine-image", made(2, 0), 0.04);
    bill(
        "gemini",
        "gemini-2.5-flash-image",
        made(1, 1_290),
        0.000_006 + 0.039,
    );
    bill("openai", "gpt-image-1", made(1, 4_160), 0.000_1 + 0.166_4);
}

/// <https://cohere.com/pricing>: Command R 08-2024 is $0.15 in, $0.60 out, of the tokens in `billed_units`.
#[test]
fn cohere_bills_less_than_it_counts() {
    let usage = Usage {
        unbilled_input_tokens: 918 - 39,
        unbilled_output_tokens: 77 - 28,
        ..used(918, 77)
    };
    bill("cohere", "command-r-08-2024", usage, 0.000_005_85 + 0.000_016_8);
}

/// <https://cohere.com/pricing>: $2 for a thousand searches.
#[test]
fn ranking_is_billed_by_the_call() {
    bill("cohere", "rerank-v3.5", used(5_000, 0), 0.002);
}

#[test]
fn every_price_of_the_catalog_is_one_and_its_tiers_are_dearer() {
    for entry in super::search("") {
        let Some(price) = entry.price() else { continue };
        let capabilities = modelpool_core::Capabilities::new().price(price.clone());
        assert_eq!(
            capabilities.check(),
            [],
            "{}/{}",
            entry.provider,
            entry.model_name
        );
        for tier in &price.tiers {
            let (below, above) = (tier.above_input_tokens, tier.above_input_tokens + 1);
            assert!(
                price.blended_per_1k_at(above) >= price.blended_per_1k_at(below),
                "{}/{}",
                entry.provider,
                entry.model_name
            );
            // What a tier has no word for would be billed as input.
            assert_eq!(
                (
                    price.cached_input.is_some(),
                    price.cache_write.is_some(),
                    price.cache_write_1h.is_some()
                ),
                (
                    tier.cached_input.is_some(),
                    tier.cache_write.is_some(),
                    tier.cache_write_1h.is_some()
                ),
                "{}/{}",
                entry.provider,
                entry.model_name
            );
        }
    }
}
