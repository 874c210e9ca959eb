//! What an upstream said, fit to be shown.

/// Longest excerpt of an upstream's answer that an error keeps, in characters.
pub(super) const EXCERPT_CHARACTERS: usize = 500;

/// The beginning of what an upstream answered, fit for an error message: control characters out,
/// at most 500 characters, and without `secrets` or anything that looks like a key.
///
/// ```
/// use modelpool_core::error::excerpt;
/// assert_eq!(excerpt("bad key tok-12345678!", &["tok-12345678"]), "bad key [redacted]!");
/// assert_eq!(excerpt("Incorrect API key provided: sk-abcdefghijkl", &[]),
///            "Incorrect API key provided: [redacted]");
/// ```
#[must_use]
pub fn excerpt(text: &str, secrets: &[&str]) -> String {
    let longest_secret = secrets.iter().map(|secret| secret.len()).max().unwrap_or(0);
    let looked_at = EXCERPT_CHARACTERS * 4 + longest_secret;
    let mut clean: String = text
        .chars()
        .take(looked_at)
        .map(|character| if character.is_control() { ' ' } else { character })
        .collect();
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        clean = clean.replace(secret, "[redacted]");
    }
    if text.chars().nth(looked_at).is_some() {
        // The beginning of a secret may stand at the end.
        let kept = clean.chars().count().saturating_sub(longest_secret);
        clean = clean.chars().take(kept).collect();
    }
    let words: Vec<&str> = clean.split(' ').filter(|word| !word.is_empty()).collect();
    let clean = words
        .into_iter()
        .map(|word| {
            if looks_like_a_key(word) {
                "[redacted]"
            } else {
                word
            }
        })
        .collect::<Vec<_>>()
        .join(" ");
    match clean.char_indices().nth(EXCERPT_CHARACTERS) {
        Some((end, _)) => format!("{}…", &clean[..end]),
        None => clean,
    }
}

/// Prefixes of the keys vendors hand out, with enough after them to be one.
fn looks_like_a_key(word: &str) -> bool {
    const PREFIXES: [&str; 7] = ["sk-", "gsk_", "xai-", "nvapi-", "AIza", "pplx-", "csk-"];
    let bare = word.trim_start_matches(|character: char| !character.is_ascii_alphanumeric());
    PREFIXES
        .iter()
        .any(|prefix| bare.starts_with(prefix) && bare.len() >= prefix.len() + 6)
}
