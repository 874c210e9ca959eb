//! One model of each vendor to begin with.
//!
//! Somebody who has a key and nothing else wants to see an answer. These are small, current models
//! with what their vendors say of them; the file invites its owner to name others.

use serde_json::{Value, json};

/// The vendor's name, a model of it, its context window, its longest answer, and what it can do.
type Row = (&'static str, &'static str, u32, u32, &'static [&'static str]);

const TOOLS: &[&str] = &["supports_tools", "supports_json_mode"];
const TOOLS_AND_VISION: &[&str] = &["supports_tools", "supports_json_mode", "supports_vision"];

/// One well-known model of each vendor; not checked against its list yet. No prices: they change too often to be
/// written into somebody's file by a program.
static ROWS: [Row; 19] = [
    ("openai", "gpt-4o-mini", 128_000, 16_384, TOOLS_AND_VISION),
    (
        "anthropic",
        "claude-haiku-4-5",
        200_000,
        64_000,
        &["supports_tools", "supports_vision"],
    ),
    ("gemini", "gemini-2.5-flash", 1_048_576, 65_536, TOOLS_AND_VISION),
    ("cohere", "command-r7b-12-2024", 128_000, 4_096, TOOLS),
    (
        "mistral",
        "mistral-small-latest",
        128_000,
        8_192,
        TOOLS_AND_VISION,
    ),
    ("groq", "llama-3.3-70b-versatile", 131_072, 32_768, TOOLS),
    ("deepseek", "deepseek-chat", 128_000, 8_192, TOOLS),
    ("xai", "grok-3-mini", 131_072, 8_192, TOOLS),
    (
        "together",
        "meta-llama/Llama-3.3-70B-Instruct-Turbo",
        131_072,
        8_192,
        TOOLS,
    ),
    (
        "fireworks",
        "accounts/fireworks/models/llama-v3p3-70b-instruct",
        131_072,
        8_192,
        TOOLS,
    ),
    (
        "openrouter",
        "openai/gpt-4o-mini",
        128_000,
        16_384,
        TOOLS_AND_VISION,
    ),
    ("perplexity", "sonar", 128_000, 8_192, &[]),
    ("cerebras", "llama-3.3-70b", 65_536, 8_192, TOOLS),
    ("sambanova", "Meta-Llama-3.3-70B-Instruct", 131_072, 4_096, TOOLS),
    (
        "nebius",
        "meta-llama/Llama-3.3-70B-Instruct",
        131_072,
        8_192,
        TOOLS,
    ),
    ("nvidia", "meta/llama-3.3-70b-instruct", 128_000, 4_096, TOOLS),
    ("moonshot", "moonshot-v1-128k", 131_072, 8_192, TOOLS),
    ("zhipu", "glm-4.5-air", 128_000, 8_192, TOOLS),
    ("qwen", "qwen-plus", 131_072, 8_192, TOOLS),
];

/// The model of a vendor and its capabilities.
pub(super) fn of_vendor(vendor: &str) -> Option<(&'static str, Value)> {
    let (_, model, context_window, max_tokens, flags) = ROWS.iter().find(|row| row.0 == vendor)?;
    let mut capabilities = json!({"context_window": context_window, "max_tokens": max_tokens});
    for flag in *flags {
        capabilities[*flag] = json!(true);
    }
    Some((model, capabilities))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_vendor_with_a_key_of_its_own_has_one() {
        let mut variables = Vec::new();
        for vendor in modelpool::vendors() {
            // One model for each key: OpenAI's opens two wires.
            let is_new = vendor.key_variable.is_some_and(|key| !variables.contains(&key));
            variables.extend(vendor.key_variable);
            assert_eq!(of_vendor(vendor.name).is_some(), is_new, "{}", vendor.name);
        }
    }
}
