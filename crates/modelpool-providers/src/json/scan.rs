//! Walking over JSON without building it.
//!
//! Most of a body is text that nobody here looks into. What is passed over is checked to be JSON as
//! <https://www.rfc-editor.org/rfc/rfc8259> has it (read 2026-11-27), a property that the tests compare with
//! serde_json, and costs little more than finding the quotes. Nesting takes no stack.

use std::borrow::Cow;

use memchr::{memchr, memchr2};
use smallvec::SmallVec;

/// The text is not JSON, or not of the shape that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable;

/// A place in a text of JSON.
#[derive(Clone, Debug)]
pub(crate) struct Scanner<'a> {
    text: &'a str,
    /// Always at the border of a character.
    at: usize,
}

/// Bytes of a string that are looked at eight by eight before it is searched: most strings are keys and words,
/// and a search costs more to begin.
const NEAR_BYTES: usize = 16;

impl<'a> Scanner<'a> {
    /// At the beginning of a text.
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The next byte that is not white space; the place stays before it.
    #[inline]
    pub(crate) fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            match byte {
                b' ' | b'\n' | b'\t' | b'\r' => self.at += 1,
                byte => return Some(*byte),
            }
        }
        None
    }

    /// Nothing but white space follows.
    pub(crate) fn end(&mut self) -> Result<(), Unreadable> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(Unreadable),
        }
    }

    /// Passes over the next value, and returns it as it is written.
    pub(crate) fn value(&mut self) -> Result<&'a str, Unreadable> {
        let first = self.peek();
        let start = self.at;
        match first {
            Some(b'{' | b'[') => self.nested()?,
            _ => self.scalar()?,
        }
        Ok(&self.text[start..self.at])
    }

    /// Reads the object that follows: `read` is called with each key, and has to take the value.
    pub(crate) fn object(
        &mut self,
        mut read: impl FnMut(&mut Self, &str) -> Result<(), Unreadable>,
    ) -> Result<(), Unreadable> {
        self.expect(b'{')?;
        if self.take(b'}') {
            return Ok(());
        }
        loop {
            match self.key()? {
                Inner { text, escapes: 0, .. } => read(self, text)?,
                Inner { text, .. } => read(self, &unescaped(text)?)?,
            }
            if !self.take(b',') {
                return self.expect(b'}');
            }
        }
    }

    /// Reads the list that follows: `read` is called before each item, and has to take it.
    pub(crate) fn list(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Result<(), Unreadable>,
    ) -> Result<(), Unreadable> {
        self.expect(b'[')?;
        if self.take(b']') {
            return Ok(());
        }
        loop {
            read(self)?;
            if !self.take(b',') {
                return self.expect(b']');
            }
        }
    }

    /// Takes this byte, if it follows.
    fn take(&mut self, byte: u8) -> bool {
        let follows = self.peek() == Some(byte);
        self.at += usize::from(follows);
        follows
    }

    fn expect(&mut self, byte: u8) -> Result<(), Unreadable> {
        match self.take(byte) {
            true => Ok(()),
            false => Err(Unreadable),
        }
    }

    /// A key and its colon.
    fn key(&mut self) -> Result<Inner<'a>, Unreadable> {
        self.peek();
        let key = self.string()?;
        self.expect(b':')?;
        Ok(key)
    }

    /// Passes over an object or a list, whatever it holds.
    fn nested(&mut self) -> Result<(), Unreadable> {
        // What closes the objects and lists around this place, the innermost last.
        let mut around: SmallVec<[u8; 64]> = SmallVec::new();
        loop {
            if self.take(b'{') {
                if !self.take(b'}') {
                    self.key()?;
                    around.push(b'}');
                    continue;
                }
            } else if self.take(b'[') {
                if !self.take(b']') {
                    around.push(b']');
                    continue;
                }
            } else {
                self.scalar()?;
            }
            // A value has ended, and perhaps what it was the last of.
            loop {
                let Some(closing) = around.last() else {
                    return Ok(());
                };
                if self.take(b',') {
                    if *closing == b'}' {
                        self.key()?;
                    }
                    break;
                }
                self.expect(*closing)?;
                around.pop();
            }
        }
    }

    fn scalar(&mut self) -> Result<(), Unreadable> {
        match self.peek() {
            Some(b'"') => self.string().map(drop),
            Some(b't') => self.word("true"),
            Some(b'f') => self.word("false"),
            Some(b'n') => self.word("null"),
            _ => self.number(),
        }
    }

    fn word(&mut self, word: &str) -> Result<(), Unreadable> {
        match self.text[self.at..].starts_with(word) {
            true => {
                self.at += word.len();
                Ok(())
            }
            false => Err(Unreadable),
        }
    }

    fn number(&mut self) -> Result<(), Unreadable> {
        let bytes = self.text.as_bytes();
        let mut at = self.at;
        let is = |at: usize, wanted: &[u8]| bytes.get(at).is_some_and(|byte| wanted.contains(byte));
        let digits = |from: usize| {
            let rest = bytes.get(from..).unwrap_or_default();
            rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
        };
        at += usize::from(is(at, b"-"));
        let whole = digits(at);
        if whole == 0 || (whole > 1 && is(at, b"0")) {
            return Err(Unreadable);
        }
        at += whole;
        if is(at, b".") {
            let fraction = digits(at + 1);
            if fraction == 0 {
                return Err(Unreadable);
            }
            at += 1 + fraction;
        }
        if is(at, b"eE") {
            at += 1 + usize::from(is(at + 1, b"+-"));
            let exponent = digits(at);
            if exponent == 0 {
                return Err(Unreadable);
            }
            at += exponent;
        }
        self.at = at;
        Ok(())
    }

    /// Passes over a string, which begins right here.
    pub(crate) fn string(&mut self) -> Result<Inner<'a>, Unreadable> {
        let bytes = self.text.as_bytes();
        if bytes.get(self.at) != Some(&b'"') {
            return Err(Unreadable);
        }
        let start = self.at + 1;
        let mut at = start;
        let (mut escapes, mut coded) = (0, false);
        loop {
            at += plain_length(bytes.get(at..).unwrap_or_default()).ok_or(Unreadable)?;
            match bytes.get(at) {
                Some(b'"') => break,
                _ => {
                    let length = escape_length(&bytes[at..]).ok_or(Unreadable)?;
                    at += length;
                    escapes += 1;
                    coded |= length > 2;
                }
            }
        }
        self.at = at + 1;
        let text = &self.text[start..at];
        Ok(Inner { text, escapes, coded })
    }
}

/// What is between the quotes of a string, as it is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inner<'a> {
    pub(crate) text: &'a str,
    /// Escapes in it.
    pub(crate) escapes: usize,
    /// One of them is a code, such as `\u56fe`; the others have two bytes each.
    pub(crate) coded: bool,
}

/// Bytes before the first quote or backslash; `None` where there is none, or a control character stands
/// before it.
fn plain_length(bytes: &[u8]) -> Option<usize> {
    let (words, _) = bytes[..bytes.len().min(NEAR_BYTES)].as_chunks();
    let mut length = 0;
    for word in words {
        let stops = stops(u64::from_le_bytes(*word));
        if stops != 0 {
            length += stops.trailing_zeros() as usize / 8;
            return matches!(bytes[length], b'"' | b'\\').then_some(length);
        }
        length += word.len();
    }
    let rest = &bytes[length..];
    let further = memchr2(b'"', b'\\', rest)?;
    // The least of them, because many bytes are compared at once for that.
    let least = rest[..further]
        .iter()
        .fold(u8::MAX, |least, byte| least.min(*byte));
    (least >= b' ').then_some(length + further)
}

/// The lowest bit that is set is the highest of the first byte that is a quote, a backslash or a control character
/// (<https://graphics.stanford.edu/~seander/bithacks.html#ZeroInWord>: what a borrow makes of the bytes after it does
/// not matter).
fn stops(word: u64) -> u64 {
    const EACH: u64 = u64::MAX / 0xFF;
    let below = |word: u64, limit: u8| word.wrapping_sub(EACH * u64::from(limit)) & !word;
    let is = |byte: u8| below(word ^ (EACH * u64::from(byte)), 1);
    (is(b'"') | is(b'\\') | below(word, b' ')) & (EACH * 0x80)
}

/// Bytes of the escape that begins here; `None` where it is none.
fn escape_length(bytes: &[u8]) -> Option<usize> {
    match bytes.get(1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(2),
        b'u' => bytes.get(2..6)?.iter().all(u8::is_ascii_hexdigit).then_some(6),
        _ => None,
    }
}

/// The text of a string from what is between its quotes.
pub(crate) fn unescaped(inner: &str) -> Result<Cow<'_, str>, Unreadable> {
    match memchr(b'\\', inner.as_bytes()) {
        None => Ok(Cow::Borrowed(inner)),
        Some(_) => serde_json::from_str(&format!("\"{inner}\""))
            .map(Cow::Owned)
            .map_err(|_| Unreadable),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    use super::*;

    fn passes(text: &str) -> bool {
        let mut scanner = Scanner::new(text);
        scanner.value().is_ok() && scanner.end().is_ok()
    }

    #[test]
    fn what_serde_json_takes_is_taken_and_nothing_else() {
        let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
        let long = format!("\"{}\"", "plain text, and no end of it; ".repeat(50));
        for text in [
            "",
            " ",
            "null",
            "nul",
            "nullx",
            "true",
            "false",
            " 1 ",
            "-0",
            "-",
            "01",
            "1.",
            "1.5e+10",
            "1e",
            ".5",
            "\"\"",
            "\"",
            "\"a",
            "\"\\\"",
            "\"\\u00e9\"",
            "\"\\u00e\"",
            "\"\\x\"",
            "\"\n\"",
            "\"图片\"",
            "[",
            "[]",
            "[1,]",
            "[,1]",
            "[1 2]",
            "{}",
            "{,}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{a:1}",
            "{\"a\":1 \"b\":2}",
            "{\"a\" : [ {\"b\":[[]]} , 2 ] }",
            "[}",
            "{]",
            "[1}",
            "\u{a0}1",
            "1 2",
            "\u{feff}{}",
            "\"seventeen bytes..\n\"",
            "\"seventeen bytes..\\\"\"",
            &deep,
            &long,
        ] {
            assert_eq!(
                passes(text),
                serde_json::from_str::<IgnoredAny>(text).is_ok(),
                "{text:?}"
            );
        }
    }

    #[test]
    fn objects_and_lists_are_walked_in_order() {
        let text = r#" { "a" : 1 , "b\n": [ true , {"c": null} ] } "#;
        let mut scanner = Scanner::new(text);
        let mut seen = Vec::new();
        let walked = scanner.object(|scanner, key| {
            seen.push(key.to_owned());
            if scanner.peek() == Some(b'[') {
                return scanner.list(|scanner| scanner.value().map(|raw| seen.push(raw.to_owned())));
            }
            scanner.value().map(|raw| seen.push(raw.to_owned()))
        });
        assert_eq!((walked, scanner.end()), (Ok(()), Ok(())));
        assert_eq!(seen, ["a", "1", "b\n", "true", r#"{"c": null}"#]);
    }

    /// Pieces that make JSON, or nearly.
    fn nearly_json() -> impl Strategy<Value = String> {
        let pieces = prop::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"",
            "\\",
            "\\n",
            "\\u12aF",
            "\"a\"",
            "\"key\":",
            "1",
            "-2.5e3",
            "0",
            "true",
            "null",
            " ",
            "\n",
            "图",
            "\u{1}",
            "plain text of more than sixteen bytes",
        ]);
        prop::collection::vec(pieces, 0..24).prop_map(|pieces| pieces.concat())
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            ".{0,40}".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
                prop::collection::vec((".{0,20}", inner), 0..6)
                    .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_agrees_with_serde_json(text in nearly_json()) {
            prop_assert_eq!(passes(&text), serde_json::from_str::<IgnoredAny>(&text).is_ok());
        }

        #[test]
        fn json_passes_in_any_form_and_cut_json_does_not(value in any_json(), cut in 0.0..1.0) {
            for text in [value.to_string(), format!("{value:#}")] {
                prop_assert!(passes(&text));
                let cut = (text.len() as f64 * cut) as usize;
                if let Some(text) = text.get(..cut) {
                    prop_assert_eq!(passes(text), serde_json::from_str::<IgnoredAny>(text).is_ok());
                }
            }
        }

        #[test]
        fn strings_read_as_serde_json_reads_them(text in any::<String>()) {
            let written = serde_json::Value::from(text.as_str()).to_string();
            let inner = Scanner::new(&written).string();
            let read = inner.and_then(|inner| unescaped(inner.text));
            prop_assert_eq!(read.as_deref(), Ok(text.as_str()));
        }
    }
}
