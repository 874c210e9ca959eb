//! Words for the model, kept short.

/// The text, or its beginning of at most `bytes` bytes and an ellipsis.
pub(super) fn clip(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.to_owned();
    }
    format!("{}…", &text[..border(text, bytes)])
}

/// The last place at or before `bytes` that lies between two characters.
pub(crate) fn border(text: &str, bytes: usize) -> usize {
    let most = bytes.min(text.len());
    (0..=most)
        .rev()
        .find(|place| text.is_char_boundary(*place))
        .unwrap_or_default()
}

/// The known word that looks most like this one, if any does.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|known| (strsim::jaro_winkler(word, known), known))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_between_characters() {
        assert_eq!(clip("文件", 6), "文件");
        assert_eq!(clip("文件", 5), "文…");
        assert_eq!(clip("文件", 2), "…");
    }

    #[test]
    fn only_what_looks_alike_is_near() {
        assert_eq!(
            nearest("read_fil", ["write_file", "read_file"]),
            Some("read_file")
        );
        assert_eq!(nearest("weather", ["read_file"]), None);
    }
}
