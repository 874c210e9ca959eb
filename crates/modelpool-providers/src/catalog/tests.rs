//! Names people write, and what is filled in.
//!
//! Where a test needs facts it takes some that do not change with the next snapshot.

use modelpool_core::{Capabilities, Flag, ModelConfig, Numeric, Price, Provenance, Support};
use proptest::prelude::*;

use super::*;

fn found(provider: &str, name: &str) -> Option<&'static str> {
    find(provider, name).map(|entry| entry.model_name.as_str())
}

#[test]
fn models_are_found_under_the_names_people_write() {
    for (provider, name, expected) in [
        ("openai", "gpt-4o", "gpt-4o"),
        ("openai", "openai/gpt-4o", "gpt-4o"),
        ("openai", "GPT-4o", "gpt-4o"),
        ("openai", "gpt-4o-2024-08-06", "gpt-4o-2024-08-06"),
        ("openai", "gpt-4o-2031-01-01", "gpt-4o"),
        ("openai", "gpt-4o-mini", "gpt-4o-mini"),
        ("openai", "gpt-4", "gpt-4"),
        ("openai", "gpt-4.1", "gpt-4.1"),
        (
            "openai",
            "ft:gpt-4o-2024-08-06:org:name:id",
            "ft:gpt-4o-2024-08-06",
        ),
        ("openai", "text-embedding-3-small", "text-embedding-3-small"),
        ("anthropic", "claude-sonnet-4-5", "claude-sonnet-4-5"),
        (
            "anthropic",
            "claude-sonnet-4-5@20250929",
            "claude-sonnet-4-5-20250929",
        ),
        (
            "anthropic",
            "anthropic/claude-haiku-4-5-latest",
            "claude-haiku-4-5",
        ),
        ("gemini", "models/gemini-2.5-pro", "gemini-2.5-pro"),
        ("google", "gemini-2.5-flash-001", "gemini-2.5-flash"),
        (
            "bedrock",
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        ),
        (
            "bedrock",
            "us.anthropic.claude-sonnet-4-5",
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        ),
        (
            "bedrock",
            "ca.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "anthropic.claude-sonnet-4-5-20250929-v1:0",
        ),
        ("dashscope", "qwen-max", "qwen-max"),
        ("mistral", "mistral-large-latest", "mistral-large-latest"),
        ("groq", "openai/gpt-oss-120b", "openai/gpt-oss-120b"),
        ("ollama", "llama3:70b", "llama3:70b"),
        ("ollama", "llama3.1:latest", "llama3.1"),
        ("azure", "azure/gpt-4o", "gpt-4o"),
        (
            "fireworks",
            "accounts/fireworks/models/deepseek-r1",
            "deepseek-r1",
        ),
    ] {
        assert_eq!(found(provider, name), Some(expected), "{provider} {name}");
    }
}

#[test]
fn no_model_is_taken_for_another() {
    for (provider, name) in [
        ("openai", "gpt-4o-nano"),
        ("openai", "gpt-4o-mini-tuned"),
        ("openai", "computer-use-preview-2031-01-01-x"),
        ("anthropic", "claude-3-opus-20310101"),
        ("openai", "gpt-4."),
        ("openai", "gpt"),
        ("openai", ""),
        ("openai", "my-gpt-4o"),
        ("openai", "llama3"),
        ("openai", "gpt-4o-9999"),
        ("ollama", "llama3.1:8b"),
        ("ollama", "llama3:70b-q4_0"),
        ("gemini", "gemini-embedding-009"),
        ("fireworks", "accounts/me/models/deepseek-r1"),
        (
            "bedrock",
            "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc",
        ),
        ("openai_compatible", "gpt-4o"),
        ("vllm", "gpt-4o"),
        ("nobody", "gpt-4o"),
    ] {
        assert_eq!(found(provider, name), None, "{provider} {name}");
    }
}

#[test]
fn every_model_is_found_under_its_own_name() {
    for entry in search("") {
        let again = find(entry.provider, &entry.model_name);
        assert!(
            again.is_some_and(|again| std::ptr::eq(again, entry)),
            "{}/{}",
            entry.provider,
            entry.model_name
        );
    }
}

#[test]
fn facts_are_plausible() {
    let local = |provider: &str| provider == "ollama";
    for entry in search("") {
        let what = format!("{}/{}", entry.provider, entry.model_name);
        let prices = [entry.prices.input, entry.prices.output, entry.prices.cached_input];
        for price in prices.into_iter().flatten() {
            assert!(
                price.is_finite() && (0.0..=2_000.0).contains(&price),
                "{what}: {price}"
            );
        }
        let is_free = entry.prices.input == Some(0.0);
        assert!(!is_free || local(entry.provider), "{what} costs nothing");
        let mut capabilities = Capabilities::new();
        entry.fill(&mut capabilities);
        assert_eq!(capabilities.check(), [], "{what}");
    }
    assert!(
        source().contains("MIT") && date().starts_with("20"),
        "{} {}",
        source(),
        date()
    );
}

#[test]
fn what_is_known_of_a_model() {
    let entry = find("openai", "gpt-4o").unwrap();
    assert_eq!(entry.mode, Mode::Chat);
    assert_eq!(
        (entry.context_window, entry.max_output_tokens),
        (Some(128_000), Some(16_384))
    );
    assert_eq!(
        entry.price(),
        Some(Price {
            input: 2.5,
            output: 10.0,
            cached_input: Some(1.25),
            ..Price::default()
        })
    );
    assert_eq!(entry.flags.get(Flag::Tools), Some(true));
    assert_eq!(
        entry.flags.get(Flag::Reasoning),
        None,
        "absent is unknown, not no"
    );
    assert_eq!(entry.flags.get(Flag::Embeddings), Some(false));
    let tiers = &find("gemini", "gemini-2.5-pro").unwrap().tiers;
    assert_eq!(tiers[0].above_input_tokens, 200_000);
    assert_eq!(tiers[0].prices.input, Some(2.5));
    let embedding = find("openai", "text-embedding-3-small").unwrap();
    assert_eq!(embedding.flags.get(Flag::Embeddings), Some(true));
    assert_eq!(embedding.price().map(|price| price.output), Some(0.0));
    assert_eq!(
        find("ollama", "llama3.1")
            .unwrap()
            .price()
            .map(|price| price.input),
        Some(0.0)
    );
    let cloud = find("ollama", "gpt-oss:120b-cloud").unwrap();
    assert_eq!(cloud.price(), None, "what runs elsewhere is not free");
}

#[test]
fn only_what_is_not_declared_is_filled_in() {
    let entry = find("openai", "gpt-4o").unwrap();
    let mut capabilities = Capabilities::new()
        .lacks(Flag::Vision)
        .context_window(1_000)
        .cost_per_1k_tokens(0.5)
        .custom("mine", 1);
    entry.fill(&mut capabilities);
    assert_eq!(capabilities.flag(Flag::Vision).value, Support::No);
    assert_eq!(capabilities.flag(Flag::Vision).provenance, Provenance::Declared);
    assert_eq!(capabilities.flag(Flag::Tools).provenance, Provenance::Catalog);
    assert_eq!(capabilities.flag(Flag::Tools).value, Support::Yes);
    assert_eq!(capabilities.flag(Flag::Reasoning).provenance, Provenance::Default);
    assert_eq!(capabilities.number(Numeric::ContextWindow).value, 1_000.0);
    assert_eq!(capabilities.number(Numeric::MaxTokens).value, 16_384.0);
    assert_eq!(
        capabilities.number(Numeric::MaxTokens).provenance,
        Provenance::Catalog
    );
    assert_eq!(capabilities.declared_price(), Some(&Price::per_1k(0.5)));
    assert!(capabilities.custom_value("mine").is_some());

    let mut bare = Capabilities::new();
    entry.fill(&mut bare);
    let cost = bare.number(Numeric::CostPer1kTokens);
    assert_eq!(
        (cost.value, cost.provenance),
        (17.5 / 4.0 / 1000.0, Provenance::Catalog)
    );
    assert_eq!(bare.declared_price(), entry.price().as_ref());
}

#[test]
fn an_object_passed_in_code_is_complete() {
    let filled = |mut model: ModelConfig| {
        fill_undeclared(&mut model);
        model.capabilities.declared_price().is_some()
    };
    let model = || ModelConfig::new("a", "openai", "gpt-4o");
    assert!(filled(model()));
    assert!(!filled(model().capabilities(Capabilities::new())));
    assert!(!filled(model().catalog(false)));
    let mut assigned = model();
    assigned.capabilities = Capabilities::new().supports(Flag::Tools);
    assert!(!filled(assigned), "assigned is passed, too");
    assert!(
        !filled(ModelConfig::new("a", "openai", "no-such-model")),
        "its price stays unknown"
    );
}

#[test]
fn words_find_models() {
    let names = |words: &str| -> Vec<String> {
        let found = search(words).into_iter();
        found
            .map(|entry| format!("{}/{}", entry.provider, entry.model_name))
            .collect()
    };
    assert!(names("OpenAI 4o-mini").contains(&"openai/gpt-4o-mini".to_owned()));
    assert!(
        names("openai embedding")
            .iter()
            .all(|name| name.starts_with("openai/"))
    );
    assert_eq!(names("no such model"), [""; 0]);
    assert!(names("").len() > 1_000);
}

proptest! {
    #[test]
    fn any_name_is_answered(provider in "\\PC{0,12}", name in "\\PC{0,40}") {
        for vendor in [provider.as_str(), "bedrock", "openai", "gemini", "fireworks"] {
            let _ = find(vendor, &name);
        }
        let _ = search(&name);
    }

    #[test]
    fn more_letters_are_another_model(ending in "[a-z]{1,6}") {
        let name = format!("gpt-4o{ending}");
        let taken = found("openai", &name);
        prop_assert!(taken.is_none_or(|taken| taken == name), "{name} {taken:?}");
    }
}
