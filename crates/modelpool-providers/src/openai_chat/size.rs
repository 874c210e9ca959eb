//! How much text there is in a body, without building it.

use modelpool_core::facts::TextSize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

/// Characters and estimated tokens of text.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Size {
    pub(super) characters: u64,
    pub(super) tokens: u64,
}

impl Size {
    pub(super) fn add(&mut self, other: Size) {
        self.characters += other.characters;
        self.tokens += other.tokens;
    }

    /// Of any JSON value, by its text.
    pub(super) fn of_json(raw: &str) -> Size {
        let inner = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        Size::of(inner.map_or_else(|| TextSize::of(raw), TextSize::of_json_string))
    }

    pub(super) fn of(size: TextSize) -> Size {
        Size {
            characters: size.characters(),
            tokens: size.tokens(),
        }
    }
}

/// Estimated tokens of the longest of the texts to embed; numbers are tokens already.
pub(super) fn longest_text(input: &str) -> u64 {
    let of_list = |raw: &str| u64::from(count_items(raw));
    if !input.starts_with('[') {
        return Size::of_json(input).tokens;
    }
    let items: Vec<&RawValue> = serde_json::from_str(input).unwrap_or_default();
    let of_item = |item: &RawValue| match item.get().as_bytes().first() {
        Some(b'"') => Size::of_json(item.get()).tokens,
        Some(b'[') => of_list(item.get()),
        _ => items.len() as u64,
    };
    items.iter().map(|item| of_item(item)).max().unwrap_or(0)
}

pub(super) fn count_items(list: &str) -> u32 {
    serde_json::from_str::<Vec<IgnoredAny>>(list)
        .map_or(0, |items| u32::try_from(items.len()).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::longest_text;

    #[test]
    fn the_longest_text_is_what_has_to_fit() {
        let text = "abcd".repeat(50);
        for (input, tokens) in [
            (format!("\"{text}\""), 50),
            (format!(r#"["abcd", "{text}", "abcd"]"#), 50),
            ("[1, 2, 3]".to_owned(), 3),
            ("[[1, 2], [1, 2, 3, 4], []]".to_owned(), 4),
            ("[]".to_owned(), 0),
            ("{}".to_owned(), 1),
        ] {
            assert_eq!(longest_text(&input), tokens, "{input}");
        }
    }
}
