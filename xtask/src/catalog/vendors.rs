//! Whose models are kept, and what they are called.
//!
//! Names of the list are those of LiteLLM's callers: often with a prefix that says the provider,
//! sometimes with a region, a size of image or a commitment before the name. What is kept is the
//! name that goes over the vendor's wire. Entries that stand for a region or a contract are left
//! out, since no request names them; so are those that stand for a class of models by size.

use serde_json::{Map, Value};

/// Where an entry belongs.
pub(super) struct Place<'a> {
    /// The vendor, as the table of vendors calls it.
    pub(super) vendor: &'static str,
    /// The model, as the vendor calls it.
    pub(super) name: &'a str,
    /// What is said of it.
    pub(super) entry: &'a Value,
}

/// A provider of the list, the vendor it is here, and what its names may begin with.
struct Provider {
    theirs: &'static str,
    ours: &'static str,
    prefixes: &'static [&'static str],
}

const fn provider(theirs: &'static str, ours: &'static str, prefixes: &'static [&'static str]) -> Provider {
    Provider {
        theirs,
        ours,
        prefixes,
    }
}

const VERTEX: &[&str] = &["vertex_ai/"];

/// In the order of belief: of two entries for one model, that of the earlier provider is taken.
const PROVIDERS: &[Provider] = &[
    provider("openai", "openai", &["openai/"]),
    provider("text-completion-openai", "openai", &[]),
    provider("anthropic", "anthropic", &["anthropic/"]),
    provider("gemini", "gemini", &["gemini/"]),
    provider("vertex_ai-language-models", "vertex_ai", VERTEX),
    provider("vertex_ai-anthropic_models", "vertex_ai", VERTEX),
    provider("vertex_ai-mistral_models", "vertex_ai", VERTEX),
    provider("vertex_ai-llama_models", "vertex_ai", VERTEX),
    provider("vertex_ai-ai21_models", "vertex_ai", VERTEX),
    provider("vertex_ai-deepseek_models", "vertex_ai", VERTEX),
    provider("vertex_ai-qwen_models", "vertex_ai", VERTEX),
    provider("vertex_ai-zai_models", "vertex_ai", VERTEX),
    provider("vertex_ai-openai_models", "vertex_ai", VERTEX),
    provider("vertex_ai-minimax_models", "vertex_ai", VERTEX),
    provider("vertex_ai-moonshot_models", "vertex_ai", VERTEX),
    provider("vertex_ai-embedding-models", "vertex_ai", VERTEX),
    provider("vertex_ai-text-models", "vertex_ai", VERTEX),
    provider("vertex_ai", "vertex_ai", VERTEX),
    provider("bedrock_converse", "bedrock", &["bedrock/converse/", "bedrock/"]),
    provider("bedrock", "bedrock", &["bedrock/"]),
    provider("azure", "azure", &["azure/"]),
    provider("azure_text", "azure", &["azure/"]),
    provider("azure_ai", "azure", &["azure_ai/"]),
    provider("cohere_chat", "cohere", &["cohere_chat/", "cohere/"]),
    provider("cohere", "cohere", &["cohere/"]),
    provider("mistral", "mistral", &["mistral/"]),
    provider("groq", "groq", &["groq/"]),
    provider("deepseek", "deepseek", &["deepseek/"]),
    provider("xai", "xai", &["xai/"]),
    provider("together_ai", "together", &["together_ai/"]),
    provider(
        "fireworks_ai",
        "fireworks",
        &["fireworks_ai/accounts/fireworks/models/", "fireworks_ai/"],
    ),
    provider(
        "fireworks_ai-embedding-models",
        "fireworks",
        &["fireworks_ai/accounts/fireworks/models/", "fireworks_ai/"],
    ),
    provider("openrouter", "openrouter", &["openrouter/"]),
    provider("perplexity", "perplexity", &["perplexity/"]),
    provider("cerebras", "cerebras", &["cerebras/"]),
    provider("nvidia_nim", "nvidia", &["nvidia_nim/"]),
    provider("moonshot", "moonshot", &["moonshot/"]),
    // The address of the vendor `zhipu` is the one in China, whose prices are the first of the two.
    provider("bigmodel", "zhipu", &["bigmodel/"]),
    provider("zai", "zhipu", &["zai/"]),
    provider("dashscope", "qwen", &["dashscope/"]),
    provider("ollama", "ollama", &["ollama/"]),
];

/// The vendor and the name of an entry; `None` for what is not kept.
pub(super) fn place<'a>(
    key: &'a str,
    entry: &'a Value,
    list: &'a Map<String, Value>,
) -> Option<(usize, Place<'a>)> {
    let (entry, is_alias) = match entry.get("alias_of").and_then(Value::as_str) {
        Some(target) => (list.get(target)?, true),
        None => (entry, false),
    };
    let theirs = entry.get("litellm_provider")?.as_str()?;
    let rank = PROVIDERS.iter().position(|provider| provider.theirs == theirs)?;
    let provider = PROVIDERS.get(rank)?;
    // The list's own short names, which a cloud would not know.
    if is_alias && matches!(provider.ours, "azure" | "bedrock" | "vertex_ai") {
        return None;
    }
    let mut prefixes = provider.prefixes.iter();
    let name = prefixes
        .find_map(|prefix| key.strip_prefix(prefix))
        .unwrap_or(key);
    let place = Place {
        vendor: provider.ours,
        name,
        entry,
    };
    is_model(provider.ours, name).then_some((rank, place))
}

/// Whether a request could name it.
fn is_model(vendor: &str, name: &str) -> bool {
    let is_class = name.starts_with("together-ai-") || name.starts_with("fireworks-ai-");
    // `eu/gpt-5`, `us-east-1/anthropic.claude-v2:1`, `hd/1024-x-1024/dall-e-3`
    let has_folder = matches!(vendor, "openai" | "azure" | "bedrock") && name.contains('/');
    let would_break_the_text = name.contains(['|', '\n', '\t']) || !name.is_ascii();
    !(name.is_empty() || name == "sample_spec" || is_class || has_folder || would_break_the_text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_are_those_of_the_vendors_wire() {
        let list = Map::new();
        let told = |key: &str, provider: &str| {
            let entry = json!({"litellm_provider": provider});
            place(key, &entry, &list).map(|(_, place)| format!("{} {}", place.vendor, place.name))
        };
        for (key, provider, expected) in [
            ("gpt-4o", "openai", Some("openai gpt-4o")),
            ("gemini/gemini-2.5-pro", "gemini", Some("gemini gemini-2.5-pro")),
            ("dashscope/qwen-max", "dashscope", Some("qwen qwen-max")),
            ("together_ai/Qwen/Q", "together_ai", Some("together Qwen/Q")),
            (
                "fireworks_ai/accounts/fireworks/models/glm-4p5",
                "fireworks_ai",
                Some("fireworks glm-4p5"),
            ),
            (
                "us.anthropic.claude-v2:1",
                "bedrock_converse",
                Some("bedrock us.anthropic.claude-v2:1"),
            ),
            ("bedrock/us-east-1/anthropic.claude-v2:1", "bedrock", None),
            ("azure/eu/gpt-5", "azure", None),
            ("hd/1024-x-1024/dall-e-3", "openai", None),
            ("together-ai-up-to-4b", "together_ai", None),
            ("x", "a vendor nobody calls", None),
        ] {
            assert_eq!(told(key, provider).as_deref(), expected, "{key}");
        }
    }

    #[test]
    fn a_short_name_says_what_its_model_says() {
        let list = json!({"grok-9": {"litellm_provider": "xai", "mode": "chat"}});
        let list = list.as_object().unwrap();
        let alias = json!({"alias_of": "grok-9"});
        let (_, found) = place("xai/grok-latest", &alias, list).unwrap();
        assert_eq!((found.vendor, found.name), ("xai", "grok-latest"));
        assert_eq!(found.entry["mode"], "chat");
        assert!(place("xai/grok-next", &json!({"alias_of": "nowhere"}), list).is_none());
    }
}
