//! Reading vendors' JSON leniently: what is not looked at may be anything, null is as good as
//! absent, and of a key that stands twice the last counts.

mod scan;

use std::borrow::Cow;

use serde::de::IgnoredAny;
use serde_json::Value;

use scan::unescaped;
pub(crate) use scan::{Inner, Scanner, Unreadable};

/// What can be read from a JSON value; its default stands for an absent one.
pub(crate) trait Read<'a>: Default {
    /// Takes the value that follows.
    fn read(scanner: &mut Scanner<'a>) -> Result<Self, Unreadable>;
}

/// Reads a text that is one value.
pub(crate) fn read<'a, T: Read<'a>>(text: &'a str) -> Result<T, Unreadable> {
    let mut scanner = Scanner::new(text);
    let read = T::read(&mut scanner)?;
    scanner.end()?;
    Ok(read)
}

/// [`read`], from bytes, which have to be UTF-8.
pub(crate) fn read_bytes<'a, T: Read<'a>>(bytes: &'a [u8]) -> Result<T, Unreadable> {
    read(std::str::from_utf8(bytes).map_err(|_| Unreadable)?)
}

/// What is wrong with a text that could not be read, in words.
pub(crate) fn what_is_wrong(text: &str) -> String {
    let Err(error) = serde_json::from_str::<IgnoredAny>(text) else {
        return "something in it is not what it should be".to_owned();
    };
    // It says more of a value that it builds.
    let told = serde_json::from_str::<Value>(text).err();
    told.unwrap_or(error).to_string()
}

/// Declares a struct read from a JSON object by the rules of this module.
macro_rules! lenient_object {
    ($(#[$meta:meta])* struct $name:ident<$life:lifetime> { $($field:ident: $type:ty = $key:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Default)]
        pub(crate) struct $name<$life> {
            $(pub(crate) $field: $type,)+
            pub(crate) marker: std::marker::PhantomData<&$life ()>,
        }

        impl<$life> $crate::json::Read<$life> for $name<$life> {
            fn read(scanner: &mut $crate::json::Scanner<$life>) -> Result<Self, $crate::json::Unreadable> {
                let mut read = Self::default();
                if scanner.peek() == Some(b'n') {
                    scanner.value()?;
                    return Ok(read);
                }
                scanner.object(|scanner, key| {
                    match key {
                        $($key => read.$field = $crate::json::Read::read(scanner)?,)+
                        _ => {
                            scanner.value()?;
                        }
                    }
                    Ok(())
                })?;
                Ok(read)
            }
        }
    };
}
pub(crate) use lenient_object;

/// The value as it is written.
impl<'a> Read<'a> for &'a str {
    fn read(scanner: &mut Scanner<'a>) -> Result<Self, Unreadable> {
        scanner.value()
    }
}

impl<'a, T: Read<'a>> Read<'a> for Option<T> {
    fn read(scanner: &mut Scanner<'a>) -> Result<Self, Unreadable> {
        if scanner.peek() == Some(b'n') {
            return scanner.value().map(|_| None);
        }
        T::read(scanner).map(Some)
    }
}

impl<'a, T: Read<'a>> Read<'a> for Vec<T> {
    fn read(scanner: &mut Scanner<'a>) -> Result<Self, Unreadable> {
        let mut items = Vec::new();
        scanner.list(|scanner| T::read(scanner).map(|item| items.push(item)))?;
        Ok(items)
    }
}

/// Whether there is something: a non-empty string, list or object, a number, true. Its content
/// is passed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Presence(pub(crate) bool);

impl<'a> Read<'a> for Presence {
    fn read(scanner: &mut Scanner<'a>) -> Result<Self, Unreadable> {
        scanner.value().map(|raw| Self(is_something(raw)))
    }
}

/// [`Presence`], and of a list, how many items it has. Their content is passed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Items {
    pub(crate) present: bool,
    pub(crate) count: u64,
}

impl<'a> Read<'a> for Items {
    fn read(scanner: &mut Scanner<'a>) -> Result<Self, Unreadable> {
        if scanner.peek() != Some(b'[') {
            let present = scanner.value().map(is_something)?;
            return Ok(Self { present, count: 0 });
        }
        let mut count = 0;
        scanner.list(|scanner| {
            count += 1;
            scanner.value().map(|_| ())
        })?;
        Ok(Self {
            present: count > 0,
            count,
        })
    }
}

fn is_something(raw: &str) -> bool {
    match raw.as_bytes() {
        [b'"', inner @ .., b'"'] => !inner.is_empty(),
        [b'[' | b'{', inner @ .., b']' | b'}'] => !inner.trim_ascii().is_empty(),
        other => !matches!(other, b"null" | b"false"),
    }
}

/// [`Presence`], and where it is a string that stands in the JSON as it reads, the string.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PlainText<'a> {
    pub(crate) present: bool,
    pub(crate) plain: Option<&'a str>,
}

impl<'a> Read<'a> for PlainText<'a> {
    fn read(scanner: &mut Scanner<'a>) -> Result<Self, Unreadable> {
        let raw = scanner.value()?;
        let present = is_something(raw);
        let plain = match between_quotes(raw) {
            None => None,
            Some(inner) => match unescaped(inner)? {
                Cow::Borrowed(plain) => Some(plain),
                Cow::Owned(_) => None,
            },
        };
        Ok(Self { present, plain })
    }
}

/// A string, borrowed where it has no escapes, or a whole number as it is written (llama-server sends its error code
/// as a number); anything else is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Text<'a>(pub(crate) Option<Cow<'a, str>>);

impl Text<'_> {
    pub(crate) fn as_str(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl<'a> Read<'a> for Text<'a> {
    fn read(scanner: &mut Scanner<'a>) -> Result<Self, Unreadable> {
        let raw = scanner.value()?;
        if let Some(inner) = between_quotes(raw) {
            return unescaped(inner).map(|text| Self(Some(text)));
        }
        let is_whole = raw.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        Ok(Self(is_whole.then_some(Cow::Borrowed(raw))))
    }
}

/// A count of at least 0; anything else is 0. Some servers write counts as `12.0`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count(pub(crate) u64);

impl<'a> Read<'a> for Count {
    fn read(scanner: &mut Scanner<'a>) -> Result<Self, Unreadable> {
        let raw = scanner.value()?;
        // A cast saturates: negative numbers become 0.
        let fraction = || raw.parse::<f64>().map_or(0, |number| number as u64);
        Ok(Self(raw.parse().unwrap_or_else(|_| fraction())))
    }
}

fn between_quotes(raw: &str) -> Option<&str> {
    raw.strip_prefix('"')?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    lenient_object! {
        struct Probe<'a> {
            name: Text<'a> = "name",
            count: Count = "count",
            there: Presence = "there",
            plain: PlainText<'a> = "plain",
            raw: Option<&'a str> = "raw",
            list: Option<Vec<Count>> = "list",
        }
    }

    #[test]
    fn anything_goes_where_it_is_not_looked_at() {
        let text = r#"{"name":"a","count":1,"x":{"deep":[1e400,{}]},"name":"b\n","count":12.0,"there":[0]}"#;
        let read: Probe<'_> = read(text).unwrap();
        assert_eq!(read.name.as_str(), Some("b\n"), "the last of two counts");
        assert_eq!((read.count, read.there), (Count(12), Presence(true)));
    }

    #[test]
    fn of_each_kind_what_is_something_else_is_as_good_as_absent() {
        for (text, name, count, there) in [
            (r#"{"name":{"a":1},"count":null,"there":""}"#, None, 0, false),
            (r#"{"name":404,"count":-3,"there":[ ]}"#, Some("404"), 0, false),
            (r#"{"name":-1,"count":"7","there":{ }}"#, Some("-1"), 0, false),
            (r#"{"name":4.5,"count":-1.5,"there":0}"#, None, 0, true),
            (r#"{"n\u0061me":true,"count":[1],"there":"no"}"#, None, 0, true),
            ("null", None, 0, false),
        ] {
            let read: Probe<'_> = read(text).unwrap();
            let facts = (read.name.as_str(), read.count.0, read.there.0);
            assert_eq!(facts, (name, count, there), "{text}");
        }
    }

    #[test]
    fn texts_that_stand_as_they_read_are_told_from_others() {
        for (text, present, plain) in [
            (r#"{"plain":"as it reads"}"#, true, Some("as it reads")),
            (r#"{"plain":""}"#, false, Some("")),
            (r#"{"plain":"a\nb"}"#, true, None),
            (r#"{"plain":["a"]}"#, true, None),
            (r#"{"plain":null}"#, false, None),
        ] {
            let read: Probe<'_> = read(text).unwrap();
            assert_eq!((read.plain.present, read.plain.plain), (present, plain), "{text}");
        }
        assert!(
            read::<Probe<'_>>(r#"{"plain":"\ud800"}"#).is_err(),
            "half a character"
        );
    }

    #[test]
    fn values_and_lists_are_taken_as_they_are_written() {
        let read: Probe<'_> = read(r#"{"raw": {"a" : 1} , "list": [1, 2]}"#).unwrap();
        assert_eq!(read.raw, Some(r#"{"a" : 1}"#));
        assert_eq!(read.list, Some(vec![Count(1), Count(2)]));
        let read: Probe<'_> = self::read(r#"{"raw": null, "list": null}"#).unwrap();
        assert_eq!((read.raw, read.list), (None, None));
    }

    #[test]
    fn what_is_no_object_is_not_read_and_the_reason_is_said() {
        for (text, why) in [
            (r#"{"name":"#, "EOF"),
            ("[]", "not what it should be"),
            (r#"{"list": {}}"#, "not what it should be"),
            ("{} {}", "trailing characters"),
            (r#"{"name": "a",}"#, "trailing comma"),
        ] {
            assert!(read::<Probe<'_>>(text).is_err(), "{text}");
            assert!(
                what_is_wrong(text).contains(why),
                "{text}: {}",
                what_is_wrong(text)
            );
        }
        assert!(read_bytes::<Probe<'_>>(b"{\"name\": \"\xff\"}").is_err());
    }
}
