//! Texts and messages that are too long, cut so that they fit.

use serde_json::Value;

use super::passages::border;
use super::tokens::Counter;
use crate::Message;

/// What stands where something was cut off.
pub(super) const MARK: &str = "\n[cut here: the rest did not fit]";

/// The longest beginning of a text that fits with the mark behind it, ended at a sentence where one ends in time. `None` where
/// nothing of it fits. A mark that stands there from an earlier cut is not kept twice.
pub(super) fn cut_text(text: &str, fits: impl Fn(&str) -> bool) -> Option<String> {
    let text = text.strip_suffix(MARK).unwrap_or(text);
    let cut = |most: usize| {
        let head = text[..border(text, most)].trim_end();
        (!head.is_empty()).then(|| format!("{head}{MARK}"))
    };
    let (mut low, mut high) = (0, text.len());
    let mut best = None;
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        match cut(middle) {
            Some(candidate) if fits(&candidate) => {
                best = Some(candidate);
                low = middle;
            }
            Some(_) => high = middle - 1,
            // Space at the beginning: more of it is no longer in tokens.
            None => low = middle,
        }
    }
    best
}

/// The message with its longest text cut, so that it has at most that many tokens; calls and images stay. `None` where that is not enough.
pub(super) fn cut_message(message: &Message, most_tokens: u64, counter: &Counter) -> Option<Message> {
    let json = message.to_json();
    let pointer = match json.get("content")? {
        Value::String(_) => "/content".to_owned(),
        Value::Array(parts) => {
            let texts = parts
                .iter()
                .enumerate()
                .filter_map(|(at, part)| Some((at, part.get("text")?.as_str()?.len())));
            let (longest, _) = texts.max_by_key(|(at, length)| (*length, std::cmp::Reverse(*at)))?;
            format!("/content/{longest}/text")
        }
        _ => return None,
    };
    let with = |text: &str| {
        let mut json = json.clone();
        *json.pointer_mut(&pointer)? = text.into();
        Message::from_json(json).ok()
    };
    let text = json.pointer(&pointer)?.as_str()?;
    let fits = |text: &str| with(text).is_some_and(|message| counter.message(&message) <= most_tokens);
    with(&cut_text(text, fits)?)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::context::tokens::Tokenizer;

    #[derive(Debug)]
    struct Characters;

    impl Tokenizer for Characters {
        fn count(&self, text: &str) -> u64 {
            text.chars().count() as u64
        }
    }

    fn cut_to(text: &str, most: usize) -> Option<String> {
        cut_text(text, |text| text.chars().count() <= most + MARK.len())
    }

    #[test]
    fn sentences_stay_whole() {
        let text = "One is here. Two is there. Three is gone.";
        assert_eq!(
            cut_to(text, 30),
            Some(format!("One is here. Two is there.{MARK}"))
        );
        assert_eq!(
            cut_to("一句话。两句话。三句话。", 9),
            Some(format!("一句话。两句话。{MARK}"))
        );
        assert_eq!(cut_to("abcdefghij", 4), Some(format!("abcd{MARK}")));
        assert_eq!(cut_to("图片", 0), None);
    }

    #[test]
    fn a_text_that_was_cut_has_one_mark() {
        let once = cut_to("abcdefghij", 6).expect("fits");
        assert_eq!(cut_to(&once, 4), Some(format!("abcd{MARK}")));
    }

    #[test]
    fn pictures_stay_with_their_words() {
        let counter = Counter::new(Arc::new(Characters));
        let message = Message::from_json(json!({"role": "user", "name": "n", "content": [
            {"type": "text", "text": "short"}, {"type": "image_url", "image_url": {"url": "data:,", "detail": "low"}},
            {"type": "text", "text": "long ".repeat(100)},
        ]}));
        let message = message.expect("a message");
        let cut = cut_message(&message, 200, &counter).expect("fits");
        assert!(
            counter.message(&cut) <= 200
                && cut.text().ends_with(MARK)
                && cut.text().starts_with("short\nlong")
        );
        assert_eq!(cut.to_json()["content"][1], message.to_json()["content"][1]);
        assert_eq!(cut_message(&message, 100, &counter), None);
    }

    proptest::proptest! {
        #[test]
        fn what_is_cut_fits(text in "[a-c图。. \n]{0,300}", most in 0_u64..300) {
            let counter = Counter::new(Arc::new(Characters));
            if let Some(cut) = cut_message(&Message::user(text.clone()), most, &counter) {
                proptest::prop_assert!(counter.message(&cut) <= most);
                let cut = cut.text();
                proptest::prop_assert!(text.starts_with(cut.strip_suffix(MARK).expect("the mark")));
            }
        }
    }
}
