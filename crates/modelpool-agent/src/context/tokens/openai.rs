//! The encodings of OpenAI's models, by their names.

use std::sync::Arc;

use super::Tokenizer;

/// Beginnings of names, the longer before the shorter, and whether they are of `o200k`, else of `cl100k`. From
/// `tiktoken/model.py` (<https://github.com/openai/tiktoken>, read November 2026), and Azure's `gpt-35`.
const NAMES: [(&str, bool); 12] = [
    ("chatgpt-4o", true),
    ("gpt-oss", true),
    ("gpt-4.1", true),
    ("gpt-4.5", true),
    ("gpt-4o", true),
    ("gpt-5", true),
    ("o1", true),
    ("o3", true),
    ("o4-mini", true),
    ("gpt-3.5", false),
    ("gpt-35", false),
    ("gpt-4", false),
];

#[derive(Debug)]
struct BytePairs {
    is_o200k: bool,
}

impl Tokenizer for BytePairs {
    fn count(&self, text: &str) -> u64 {
        let encoding = if self.is_o200k {
            bpe_openai::o200k_base()
        } else {
            bpe_openai::cl100k_base()
        };
        encoding.count(text) as u64
    }
}

/// The tokenizer of the model of that name, which may stand behind a vendor's: `openai/gpt-4o`.
pub(super) fn of(model_name: &str) -> Option<Arc<dyn Tokenizer>> {
    let name = model_name.rsplit('/').next().unwrap_or(model_name);
    let (_, is_o200k) = NAMES.iter().find(|(beginning, _)| {
        let rest = name.strip_prefix(beginning);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', ':', '.', '@']))
    })?;
    Some(Arc::new(BytePairs { is_o200k: *is_o200k }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers are those of `tiktoken` 0.12: `len(tiktoken.encoding_for_model(name).encode(text))`.
    #[test]
    fn counts_are_tiktokens() {
        for (name, text, tokens) in [
            ("gpt-4o-mini", "tiktoken is great!", 6),
            ("openai/gpt-5", "请分析这张图片", 5),
            ("gpt-4-turbo", "tiktoken is great!", 6),
            ("gpt-35-turbo", "请分析这张图片", 8),
        ] {
            assert_eq!(
                of(name).map(|tokenizer| tokenizer.count(text)),
                Some(tokens),
                "{name}"
            );
        }
    }

    #[test]
    fn others_have_none() {
        for name in ["claude-sonnet-4-5", "o1ympus", "gpt-40", "", "llama-3"] {
            assert!(of(name).is_none(), "{name}");
        }
    }
}
