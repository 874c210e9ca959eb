//! Recognising an event that differs from an earlier one in its text alone.
//!
//! The events of a stream repeat everything but a few letters: id, model, time, structure. Once one of
//! them has been parsed, the next that has the same bytes before and behind its text says the same, as
//! long as that text cannot end the JSON string it stands in. Comparing is about ten times as fast as
//! parsing, and just as sure.

use std::ops::Range;

/// Longest event that is remembered, in bytes without its text; others are parsed each time.
const MOST_BYTES: usize = 4 * 1024;

/// The bytes around the text of an event that was parsed.
#[derive(Debug, Default)]
pub(crate) struct Likeness {
    before: Vec<u8>,
    behind: Vec<u8>,
}

impl Likeness {
    /// Remembers an event whose text, a JSON string that reads as it is written, stands at `text`.
    pub(crate) fn remember(&mut self, raw: &[u8], text: &Range<usize>) {
        self.forget();
        if raw.len() - text.len() > MOST_BYTES {
            return;
        }
        self.before.extend_from_slice(&raw[..text.start]);
        self.behind.extend_from_slice(&raw[text.end..]);
    }

    /// Nothing is like it any more.
    pub(crate) fn forget(&mut self) {
        self.before.clear();
        self.behind.clear();
    }

    /// Where the text of `raw` stands, if it differs from the remembered event in nothing else.
    pub(crate) fn text_of(&self, raw: &[u8]) -> Option<Range<usize>> {
        if self.before.is_empty() {
            return None;
        }
        let rest = raw.strip_prefix(self.before.as_slice())?;
        let text = rest.strip_suffix(self.behind.as_slice())?;
        let plain = |byte: &u8| *byte >= b' ' && *byte != b'"' && *byte != b'\\';
        let reads_as_written =
            !text.is_empty() && text.iter().all(plain) && std::str::from_utf8(text).is_ok();
        reads_as_written.then(|| self.before.len()..raw.len() - self.behind.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remembered() -> Likeness {
        let mut likeness = Likeness::default();
        likeness.remember(br#"data: {"id":1,"text":"one"}"#, &(22..25));
        likeness
    }

    #[test]
    fn another_text_in_the_same_event_is_found() {
        let event = r#"data: {"id":1,"text":"图 two"}"#;
        let text = remembered().text_of(event.as_bytes());
        assert_eq!(text.map(|range| &event[range]), Some("图 two"));
    }

    #[test]
    fn anything_else_is_not() {
        for event in [
            &br#"data: {"id":2,"text":"one"}"#[..],
            br#"data: {"id":1,"text":""}"#,
            br#"data: {"id":1,"text":"a","text":"b"}"#,
            br#"data: {"id":1,"text":"a\n"}"#,
            b"data: {\"id\":1,\"text\":\"a\nb\"}",
            b"data: {\"id\":1,\"text\":\"\xff\"}",
            br#"data: {"id":1,"text":"one"},"#,
            b"",
        ] {
            assert_eq!(remembered().text_of(event), None, "{}", String::from_utf8_lossy(event));
        }
        assert_eq!(Likeness::default().text_of(b"data: x"), None);
    }

    #[test]
    fn the_borders_do_not_overlap() {
        let mut likeness = Likeness::default();
        likeness.remember(br#"{"a":"x"}"#, &(6..7));
        // `before` and `behind` share a quote here: there is no text between them.
        assert_eq!(likeness.text_of(br#"{"a":"}"#), None);
    }

    #[test]
    fn a_huge_event_is_not_remembered() {
        let mut likeness = remembered();
        let huge = format!("{}\"x\"", " ".repeat(MOST_BYTES));
        likeness.remember(huge.as_bytes(), &(MOST_BYTES + 1..MOST_BYTES + 2));
        assert_eq!(likeness.text_of(huge.as_bytes()), None);
    }
}
