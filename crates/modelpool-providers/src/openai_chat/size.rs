//! How much text there is in a body, without building it.

use modelpool_core::facts::TextSize;

use crate::json::{self, Inner, Scanner};

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

    /// Of a string.
    pub(super) fn of_string(string: Inner<'_>) -> Size {
        Size::of(match string {
            Inner {
                text, coded: true, ..
            } => TextSize::of_json_string(text),
            Inner { text, escapes, .. } => TextSize::of_short_escapes(text, escapes as u64),
        })
    }

    fn of(size: TextSize) -> Size {
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
    let items: Vec<&str> = json::read(input).unwrap_or_default();
    let of_item = |item: &str| match item.as_bytes().first() {
        Some(b'"') => Size::of_json(item).tokens,
        Some(b'[') => of_list(item),
        _ => items.len() as u64,
    };
    items.iter().map(|item| of_item(item)).max().unwrap_or(0)
}

/// Items of a list; 0 of what is none.
pub(super) fn count_items(list: &str) -> u32 {
    let mut count = 0_u32;
    let counted = Scanner::new(list).list(|scanner| {
        count = count.saturating_add(1);
        scanner.value().map(drop)
    });
    counted.map_or(0, |()| count)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_string_has_the_size_of_the_text_it_stands_for(text in any::<String>()) {
            let written = serde_json::Value::from(text.as_str()).to_string();
            let of_coded: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
            for written in [written, format!("\"{of_coded}\"")] {
                let string = Scanner::new(&written).string().unwrap();
                let (read, text) = (Size::of_string(string), Size::of(TextSize::of(&text)));
                prop_assert_eq!((read.characters, read.tokens), (text.characters, text.tokens));
            }
        }
    }

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
