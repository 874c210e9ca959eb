//! The encodings of OpenAI's models, by their names.

use std::sync::Arc;

use super::Tokenizer;

/// Beginnings of names, the longer before the shorter, and whether they are of `o200k`, else of `cl100k`. From
/// `tiktoken/model.py` (<https://github.com/openai/tiktoken>), as the crate `tiktoken-rs` 0.12.1 has it (read November 2026).
const NAMES: [(&str, bool); 13] = [
    ("codex-mini", true),
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

/// The tokenizer of the model of that name, which may stand behind a vendor's, or a tuned model's mark: `openai/gpt-4o`,
/// `ft:gpt-4o-mini:…`. Of `gpt-5` any version is meant, as there.
pub(super) fn of(model_name: &str) -> Option<Arc<dyn Tokenizer>> {
    let name = model_name.rsplit('/').next().unwrap_or(model_name);
    let name = name.strip_prefix("ft:").unwrap_or(name);
    let (_, is_o200k) = NAMES.iter().find(|(beginning, _)| {
        let rest = name.strip_prefix(beginning);
        let end = if *beginning == "gpt-5" { ".-:@" } else { "-:@" };
        rest.is_some_and(|rest| rest.chars().next().is_none_or(|next| end.contains(next)))
    })?;
    Some(Arc::new(BytePairs { is_o200k: *is_o200k }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers are those of `tiktoken_rs::o200k_base()` and `cl100k_base()` 0.12.1, `encode_ordinary(text).len()`.
    #[test]
    fn counts_are_tiktokens() {
        for (name, text, tokens) in [
            ("gpt-4o-mini", "tiktoken is great!", 6),
            ("openai/gpt-5.4-mini", "请分析这张图片", 5),
            ("ft:gpt-4o-mini:org::id", "fn main() { println!(\"hi\"); }", 9),
            ("gpt-4-turbo", "tiktoken is great!", 6),
            ("gpt-35-turbo", "请分析这张图片", 6),
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
        for name in [
            "claude-sonnet-4-5",
            "o1ympus",
            "gpt-40",
            "gpt-4.9",
            "gpt-6",
            "",
            "llama-3",
        ] {
            assert!(of(name).is_none(), "{name}");
        }
    }
}
