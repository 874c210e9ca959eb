//! How large a context window is, by the words of a refusal.

/// What stands before the size of the window, most telling first.
static BEFORE: [&str; 22] = [
    "tokens allowed",
    "range of input length should be [1,",
    "maximum context length",
    "maximum prompt length",
    "maximum model length",
    "maximum input length",
    "model token limit",
    "too large for model with",
    "max context:",
    "context window",
    "context length",
    "context size",
    "while limit is",
    "exceeds the limit of",
    "supports up to",
    "max_seq_len",
    "cannot exceed",
    "must be <=",
    "上下文长度",
    "最大长度",
    " tokens > ",
    " > ",
];

/// The number stands this close, in characters.
const NEAR: usize = 16;

/// No window is smaller, in tokens. What is smaller is some other number.
const SMALLEST: u64 = 64;

/// The window in tokens, where the message, in lower case, says it.
pub(super) fn window(message: &str) -> Option<u64> {
    BEFORE.iter().find_map(|words| {
        message
            .match_indices(words)
            .find_map(|(at, _)| number_near(&message[at + words.len()..]))
    })
}

/// The first number within a few characters, thousands with commas or not. No sentence ends before
/// it, and it is not written short (`128k`).
fn number_near(text: &str) -> Option<u64> {
    let start = text
        .char_indices()
        .take(NEAR)
        .take_while(|(_, character)| !matches!(character, '.' | '\n' | '+' | '-'))
        .find(|(_, character)| character.is_ascii_digit())?
        .0;
    let number = &text[start..];
    let end = number
        .find(|character: char| !character.is_ascii_digit() && character != ',')
        .unwrap_or(number.len());
    let (digits, after) = number.split_at(end);
    if after.starts_with(['k', 'm']) {
        return None;
    }
    let digits: String = digits.chars().filter(char::is_ascii_digit).collect();
    digits.parse().ok().filter(|tokens| *tokens >= SMALLEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn windows_in_words() {
        for (message, tokens) in [
            (
                "this model's maximum context length is 8192 tokens. however, you requested 9000",
                Some(8192),
            ),
            (
                "prompt is too long: 215000 tokens > 200000 maximum",
                Some(200_000),
            ),
            (
                "input length and `max_tokens` exceed context limit: 178959 + 64000 > 200000, decrease",
                Some(200_000),
            ),
            (
                "the input token count (3475108) exceeds the maximum number of tokens allowed (1048576).",
                Some(1_048_576),
            ),
            ("range of input length should be [1, 204800]", Some(204_800)),
            (
                "prompt contains 42000 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
                Some(32_768),
            ),
            (
                "request (14429 tokens) exceeds the available context size (8,192 tokens), try increasing it",
                Some(8192),
            ),
            (
                "the request exceeds the available context size. try increasing the context size",
                None,
            ),
            ("your context window. 131072 is what others have", None),
            ("a context window of 128k tokens", None),
            ("context length: 3", None),
            ("", None),
        ] {
            assert_eq!(window(message), tokens, "{message}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in ".{0,60}", words in proptest::sample::select(&BEFORE[..])) {
            let _ = window(&format!("{words}{text}{words}"));
        }
    }
}
