//! Reading vendors' JSON leniently: what is not looked at may be anything, null is as good as
//! absent, and of a key that stands twice the last counts.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Which of a list of keys the next key is, without allocating.
pub(crate) struct KeyIndex<'k>(pub(crate) &'k [&'k str]);

impl<'de> DeserializeSeed<'de> for KeyIndex<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for KeyIndex<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().position(|known| *known == key))
    }
}

/// Declares a struct read from a JSON object by the rules of this module. Every field's type has
/// a default, for where the key is absent.
macro_rules! lenient_object {
    ($(#[$meta:meta])* struct $name:ident<$life:lifetime> { $($field:ident: $type:ty = $key:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Default)]
        pub(crate) struct $name<$life> {
            $(pub(crate) $field: $type,)+
            pub(crate) marker: std::marker::PhantomData<&$life ()>,
        }

        impl<'de: $life, $life> serde::Deserialize<'de> for $name<$life> {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct ObjectVisitor<$life>(std::marker::PhantomData<&$life ()>);

                impl<'de: $life, $life> serde::de::Visitor<'de> for ObjectVisitor<$life> {
                    type Value = $name<$life>;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_unit<E>(self) -> Result<Self::Value, E> {
                        Ok(Default::default())
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                        const KEYS: &[&str] = &[$($key),+];
                        let mut read: $name<$life> = Default::default();
                        while let Some(index) = map.next_key_seed($crate::json::KeyIndex(KEYS))? {
                            match index.map(|index| KEYS[index]) {
                                $(Some($key) => read.$field = map.next_value()?,)+
                                _ => {
                                    map.next_value::<serde::de::IgnoredAny>()?;
                                }
                            }
                        }
                        Ok(read)
                    }
                }

                deserializer.deserialize_any(ObjectVisitor(std::marker::PhantomData))
            }
        }
    };
}
pub(crate) use lenient_object;

/// Whether there is something: a non-empty string, list or object, a number, true. Its content
/// is passed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Presence(pub(crate) bool);

impl<'de> Deserialize<'de> for Presence {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PresenceVisitor;

        impl<'de> Visitor<'de> for PresenceVisitor {
            type Value = Presence;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }
            fn visit_str<E>(self, text: &str) -> Result<Presence, E> {
                Ok(Presence(!text.is_empty()))
            }
            fn visit_unit<E>(self) -> Result<Presence, E> {
                Ok(Presence(false))
            }
            fn visit_bool<E>(self, value: bool) -> Result<Presence, E> {
                Ok(Presence(value))
            }
            fn visit_u64<E>(self, _: u64) -> Result<Presence, E> {
                Ok(Presence(true))
            }
            fn visit_i64<E>(self, _: i64) -> Result<Presence, E> {
                Ok(Presence(true))
            }
            fn visit_f64<E>(self, _: f64) -> Result<Presence, E> {
                Ok(Presence(true))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Presence, A::Error> {
                let mut any = false;
                while seq.next_element::<IgnoredAny>()?.is_some() {
                    any = true;
                }
                Ok(Presence(any))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Presence, A::Error> {
                let mut any = false;
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                    any = true;
                }
                Ok(Presence(any))
            }
        }

        deserializer.deserialize_any(PresenceVisitor)
    }
}

/// [`Presence`], and where it is a string that stands in the JSON as it reads, the string.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PlainText<'a> {
    pub(crate) present: bool,
    pub(crate) plain: Option<&'a str>,
}

impl<'de: 'a, 'a> Deserialize<'de> for PlainText<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PlainVisitor;

        impl<'de> Visitor<'de> for PlainVisitor {
            type Value = PlainText<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<PlainText<'de>, E> {
                Ok(PlainText {
                    present: !text.is_empty(),
                    plain: Some(text),
                })
            }
            fn visit_str<E>(self, text: &str) -> Result<PlainText<'de>, E> {
                Ok(not_plain(!text.is_empty()))
            }
            fn visit_unit<E>(self) -> Result<PlainText<'de>, E> {
                Ok(not_plain(false))
            }
            fn visit_bool<E>(self, value: bool) -> Result<PlainText<'de>, E> {
                Ok(not_plain(value))
            }
            fn visit_u64<E>(self, _: u64) -> Result<PlainText<'de>, E> {
                Ok(not_plain(true))
            }
            fn visit_i64<E>(self, _: i64) -> Result<PlainText<'de>, E> {
                Ok(not_plain(true))
            }
            fn visit_f64<E>(self, _: f64) -> Result<PlainText<'de>, E> {
                Ok(not_plain(true))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<PlainText<'de>, A::Error> {
                let mut any = false;
                while seq.next_element::<IgnoredAny>()?.is_some() {
                    any = true;
                }
                Ok(not_plain(any))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<PlainText<'de>, A::Error> {
                let mut any = false;
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                    any = true;
                }
                Ok(not_plain(any))
            }
        }

        fn not_plain<'de>(present: bool) -> PlainText<'de> {
            PlainText { present, plain: None }
        }

        deserializer.deserialize_any(PlainVisitor)
    }
}

/// A string, borrowed where it has no escapes; anything else is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Text<'a>(pub(crate) Option<Cow<'a, str>>);

impl Text<'_> {
    pub(crate) fn as_str(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Some(Cow::Borrowed(text))))
            }
            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Some(Cow::Owned(text.to_owned()))))
            }
            fn visit_unit<E>(self) -> Result<Text<'de>, E> {
                Ok(Text(None))
            }
            fn visit_bool<E>(self, _: bool) -> Result<Text<'de>, E> {
                Ok(Text(None))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Text<'de>, E> {
                // llama-server sends its error code as a number.
                Ok(Text(Some(Cow::Owned(number.to_string()))))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Text<'de>, E> {
                Ok(Text(Some(Cow::Owned(number.to_string()))))
            }
            fn visit_f64<E>(self, _: f64) -> Result<Text<'de>, E> {
                Ok(Text(None))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Text<'de>, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Text(None))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text<'de>, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Text(None))
            }
        }

        deserializer.deserialize_any(TextVisitor)
    }
}

/// A count of at least 0; anything else is 0. Some servers write counts as `12.0`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count(pub(crate) u64);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CountVisitor;

        impl<'de> Visitor<'de> for CountVisitor {
            type Value = Count;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }
            fn visit_u64<E>(self, number: u64) -> Result<Count, E> {
                Ok(Count(number))
            }
            fn visit_f64<E>(self, number: f64) -> Result<Count, E> {
                // A cast saturates: negative and not-a-number become 0.
                Ok(Count(number as u64))
            }
            fn visit_i64<E>(self, _: i64) -> Result<Count, E> {
                Ok(Count(0))
            }
            fn visit_unit<E>(self) -> Result<Count, E> {
                Ok(Count(0))
            }
            fn visit_bool<E>(self, _: bool) -> Result<Count, E> {
                Ok(Count(0))
            }
            fn visit_str<E>(self, _: &str) -> Result<Count, E> {
                Ok(Count(0))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Count, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Count(0))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Count, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Count(0))
            }
        }

        deserializer.deserialize_any(CountVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    lenient_object! {
        struct Probe<'a> {
            name: Text<'a> = "name",
            count: Count = "count",
            there: Presence = "there",
        }
    }

    #[test]
    fn anything_goes_where_it_is_not_looked_at() {
        let read: Probe<'_> = serde_json::from_str(
            r#"{"name":"a","count":1,"x":{"deep":[1e400,{}]},"name":"b\n","count":12.0,"there":[0]}"#,
        )
        .unwrap();
        assert_eq!(read.name.as_str(), Some("b\n"), "the last of two counts");
        assert_eq!(read.count, Count(12));
        assert_eq!(read.there, Presence(true));
        let read: Probe<'_> = serde_json::from_str(r#"{"name":{"a":1},"count":null,"there":""}"#).unwrap();
        assert_eq!(
            (read.name.as_str(), read.count, read.there),
            (None, Count(0), Presence(false))
        );
        assert!(serde_json::from_str::<Probe<'_>>(r#"{"name":"#).is_err());
        assert!(serde_json::from_str::<Probe<'_>>("[]").is_err());
    }
}
