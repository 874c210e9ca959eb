//! What a server's own list says of a model.
//!
//! Lists agree on little but the name: each server adds what it thinks worth saying, under names of its own. What
//! is known here, from their documents:
//!
//! | server | says |
//! |---|---|
//! | vLLM | `max_model_len` (<https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html>) |
//! | Groq | `context_window`, `max_completion_tokens` (<https://console.groq.com/docs/models>) |
//! | OpenRouter | `context_length`, `supported_parameters`, `architecture` (<https://openrouter.ai/docs/api-reference/list-available-models>) |
//! | Mistral | `max_context_length`, `capabilities` as an object (<https://docs.mistral.ai/api/#tag/models>) |
//! | Gemini | `inputTokenLimit`, `outputTokenLimit`, `supportedGenerationMethods` (<https://ai.google.dev/api/models>) |
//! | Anthropic | `max_input_tokens`, `max_tokens` (<https://docs.anthropic.com/en/api/models-list>) |
//! | Cohere | `context_length`, `endpoints`, `features` (<https://docs.cohere.com/reference/list-models>) |
//! | llama.cpp | `meta.n_ctx`, of one slot, as the server gives it; `architecture` (seen at b11549, 2026-11-27) |
//! | Ollama | `capabilities` as a list, in `/api/show` (<https://github.com/ollama/ollama/blob/main/docs/api.md>) |
//!
//! Ollama's own figure of the context is what the model was trained for, not what the server gives it, and is left out.

use modelpool_core::{Flag, ListedModel};
use serde_json::Value;

/// What an answer says of a model: a list that holds it, or an object that speaks of it alone.
pub(crate) fn find(answer: &Value, model: &str) -> Option<ListedModel> {
    let list = ["data", "models"].iter().find_map(|key| answer[*key].as_array());
    let entry = match list.or(answer.as_array()) {
        Some(entries) => entries.iter().find(|entry| is_named(entry, model))?,
        None => answer,
    };
    Some(ListedModel {
        name: model.to_owned(),
        context_window: first_number(
            entry,
            &[
                "/context_window",
                "/context_length",
                "/max_model_len",
                "/max_context_length",
                "/inputTokenLimit",
                "/max_input_tokens",
                "/meta/n_ctx",
            ],
        ),
        max_tokens: first_number(
            entry,
            &[
                "/max_completion_tokens",
                "/top_provider/max_completion_tokens",
                "/outputTokenLimit",
                "/max_tokens",
            ],
        ),
        flags: flags(entry),
    })
}

fn is_named(entry: &Value, model: &str) -> bool {
    let names = ["id", "name", "model"];
    let named = names.iter().filter_map(|key| entry[*key].as_str());
    let mut bare = named.map(|name| name.strip_prefix("models/").unwrap_or(name));
    bare.any(|name| name == model)
}

fn first_number(entry: &Value, pointers: &[&str]) -> Option<u64> {
    pointers
        .iter()
        .find_map(|pointer| entry.pointer(pointer)?.as_u64())
        .filter(|tokens| *tokens > 0)
}

fn flags(entry: &Value) -> Vec<(Flag, bool)> {
    let mut flags = Vec::new();
    let mut say = |list: &Value, words: &[(&str, Flag)]| {
        if let Some(items) = list.as_array() {
            let has = |word: &str| items.iter().any(|item| item == word);
            flags.extend(words.iter().map(|(word, flag)| (*flag, has(word))));
        }
    };
    // A list that names some of what a model takes names all of it.
    say(
        &entry["supported_parameters"],
        &[("tools", Flag::Tools), ("structured_outputs", Flag::JsonSchema)],
    );
    say(
        &entry["architecture"]["input_modalities"],
        &[("image", Flag::Vision), ("audio", Flag::Audio)],
    );
    say(
        &entry["capabilities"],
        &[
            ("tools", Flag::Tools),
            ("vision", Flag::Vision),
            ("embedding", Flag::Embeddings),
        ],
    );
    say(
        &entry["supportedGenerationMethods"],
        &[("embedContent", Flag::Embeddings)],
    );
    say(&entry["endpoints"], &[("embed", Flag::Embeddings)]);
    say(
        &entry["features"],
        &[("tools", Flag::Tools), ("vision", Flag::Vision)],
    );
    let own = [("function_calling", Flag::Tools), ("vision", Flag::Vision)];
    for (word, flag) in own {
        flags.extend(entry["capabilities"][word].as_bool().map(|has| (flag, has)));
    }
    flags
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_server_says_it_in_its_own_words() {
        for (answer, window, output, flags) in [
            (
                json!({"data": [{"id": "other", "max_model_len": 1}, {"id": "m", "max_model_len": 8192}]}),
                Some(8192),
                None,
                vec![],
            ),
            (
                json!({"data": [{"id": "m", "context_window": 131_072, "max_completion_tokens": 32_768}]}),
                Some(131_072),
                Some(32_768),
                vec![],
            ),
            (
                json!({"data": [{"id": "m", "context_length": 200_000, "supported_parameters": ["tools"],
                    "architecture": {"input_modalities": ["text", "image"]},
                    "top_provider": {"max_completion_tokens": 8_000}}]}),
                Some(200_000),
                Some(8_000),
                vec![
                    (Flag::Tools, true),
                    (Flag::JsonSchema, false),
                    (Flag::Vision, true),
                    (Flag::Audio, false),
                ],
            ),
            (
                json!([{"id": "m", "max_context_length": 32_768,
                    "capabilities": {"function_calling": true, "vision": false}}]),
                Some(32_768),
                None,
                vec![(Flag::Tools, true), (Flag::Vision, false)],
            ),
            (
                json!({"models": [{"name": "models/m", "inputTokenLimit": 1_048_576,
                    "outputTokenLimit": 65_536, "supportedGenerationMethods": ["generateContent"]}]}),
                Some(1_048_576),
                Some(65_536),
                vec![(Flag::Embeddings, false)],
            ),
            (
                json!({"models": [{"name": "m", "capabilities": ["completion"]}], "data": [{"id": "m",
                    "architecture": {"input_modalities": ["text"]},
                    "meta": {"n_ctx": 4096, "n_ctx_train": 8192, "n_params": 129_728}}]}),
                Some(4096),
                None,
                vec![(Flag::Vision, false), (Flag::Audio, false)],
            ),
            (
                json!({"capabilities": ["completion", "tools"], "model_info": {"llama.context_length": 8192}}),
                None,
                None,
                vec![
                    (Flag::Tools, true),
                    (Flag::Vision, false),
                    (Flag::Embeddings, false),
                ],
            ),
        ] {
            let found = find(&answer, "m").unwrap();
            assert_eq!(
                (found.context_window, found.max_tokens, found.flags),
                (window, output, flags),
                "{answer}"
            );
        }
    }

    #[test]
    fn a_list_without_the_model_says_nothing() {
        assert_eq!(find(&json!({"data": [{"id": "m2"}]}), "m"), None);
        assert_eq!(find(&json!([]), "m"), None);
    }
}
