//! The binary messages of a stream, checked and taken apart:
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html>.
//!
//! A message is its length, the length of its headers and a checksum of these two; headers; a payload; a checksum of
//! all of it. Numbers have their big end first, checksums are CRC-32. Nothing of a message whose checksums are wrong
//! is believed.

/// What stands before the headers: two lengths and their checksum.
const PRELUDE: usize = 12;
/// The checksum at the end.
const CHECKSUM: usize = 4;

/// A whole message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message<'a> {
    headers: Vec<(&'a str, Value<'a>)>,
    pub(super) payload: &'a [u8],
}

/// A header's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value<'a> {
    Text(&'a str),
    /// Of another type: Bedrock's headers that matter are texts.
    Other,
}

impl<'a> Message<'a> {
    /// Takes a message apart; in words what is wrong with one that is none.
    pub(super) fn parse(frame: &'a [u8]) -> Result<Self, String> {
        let (body, checksum) = frame
            .split_last_chunk::<CHECKSUM>()
            .ok_or_else(|| too_short(frame))?;
        let mut reader = Reader(body);
        let length = reader.number().ok_or_else(|| too_short(frame))?;
        let headers_length = reader.number().ok_or_else(|| too_short(frame))?;
        let prelude_checksum = reader.number().ok_or_else(|| too_short(frame))?;
        let prelude = body.get(..PRELUDE - CHECKSUM).unwrap_or_default();
        check("the prelude", prelude, prelude_checksum)?;
        if usize::try_from(length) != Ok(frame.len()) {
            return Err(format!("a message of {} bytes says it has {length}", frame.len()));
        }
        check("a message", body, u32::from_be_bytes(*checksum))?;
        let (headers, payload) = usize::try_from(headers_length)
            .ok()
            .and_then(|length| reader.0.split_at_checked(length))
            .ok_or_else(|| format!("headers of {headers_length} bytes in a message of {length}"))?;
        Ok(Self {
            headers: read_headers(headers)?,
            payload,
        })
    }

    /// A header that is a text.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        let found = self.headers.iter().find(|(known, _)| *known == name);
        match found {
            Some((_, Value::Text(text))) => Some(text),
            _ => None,
        }
    }
}

fn too_short(frame: &[u8]) -> String {
    format!("a message of {} bytes, which is less than its frame", frame.len())
}

fn check(what: &str, bytes: &[u8], told: u32) -> Result<(), String> {
    let found = crc32fast::hash(bytes);
    if found == told {
        Ok(())
    } else {
        Err(format!(
            "{what} has the checksum {found:08x}, not {told:08x} as it says"
        ))
    }
}

fn read_headers(bytes: &[u8]) -> Result<Vec<(&str, Value<'_>)>, String> {
    let mut reader = Reader(bytes);
    let mut headers = Vec::with_capacity(3);
    while !reader.0.is_empty() {
        headers.push(reader.header()?);
    }
    Ok(headers)
}

/// Takes bytes from the front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u32> {
        let bytes = self.take(4)?.first_chunk::<4>()?;
        Some(u32::from_be_bytes(*bytes))
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    /// Bytes behind their length in two bytes.
    fn counted(&mut self) -> Option<&'a [u8]> {
        let length = self.take(2)?.first_chunk::<2>()?;
        self.take(usize::from(u16::from_be_bytes(*length)))
    }

    fn header(&mut self) -> Result<(&'a str, Value<'a>), String> {
        const CUT: &str = "a header ends in its middle";
        let length = self.byte().ok_or(CUT)?;
        let name = self.take(usize::from(length)).ok_or(CUT)?;
        let name = str::from_utf8(name).map_err(|_| "a header's name is not UTF-8".to_owned())?;
        let kind = self.byte().ok_or(CUT)?;
        let value = match kind {
            // True and false are types of their own.
            0 | 1 => Some(Value::Other),
            2 => self.take(1).map(|_| Value::Other),
            3 => self.take(2).map(|_| Value::Other),
            4 => self.take(4).map(|_| Value::Other),
            // Numbers and times of eight bytes.
            5 | 8 => self.take(8).map(|_| Value::Other),
            6 => self.counted().map(|_| Value::Other),
            7 => match self.counted() {
                Some(text) => Some(Value::Text(
                    str::from_utf8(text).map_err(|_| format!("the header {name} is not UTF-8"))?,
                )),
                None => None,
            },
            // A UUID.
            9 => self.take(16).map(|_| Value::Other),
            kind => return Err(format!("the header {name} has the unknown type {kind}")),
        };
        Ok((name, value.ok_or(CUT)?))
    }
}

/// A message as Bedrock would send it.
#[cfg(test)]
pub(super) fn message(headers: &[(&str, &str)], payload: &str) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in headers {
        block.push(u8::try_from(name.len()).unwrap());
        block.extend_from_slice(name.as_bytes());
        block.push(7);
        block.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
        block.extend_from_slice(value.as_bytes());
    }
    raw_message(&block, payload.as_bytes())
}

#[cfg(test)]
fn raw_message(headers: &[u8], payload: &[u8]) -> Vec<u8> {
    let length = PRELUDE + headers.len() + payload.len() + CHECKSUM;
    let mut message = Vec::with_capacity(length);
    message.extend_from_slice(&u32::try_from(length).unwrap().to_be_bytes());
    message.extend_from_slice(&u32::try_from(headers.len()).unwrap().to_be_bytes());
    message.extend_from_slice(&crc32fast::hash(&message).to_be_bytes());
    message.extend_from_slice(headers);
    message.extend_from_slice(payload);
    message.extend_from_slice(&crc32fast::hash(&message).to_be_bytes());
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Messages that AWS publishes with its software for event streams.
    #[test]
    fn published_messages() {
        let empty = b"\x00\x00\x00\x10\x00\x00\x00\x00\x05\xc2\x48\xeb\x7d\x98\xc8\xff";
        let message = Message::parse(empty).unwrap();
        assert_eq!((message.headers.len(), message.payload), (0, &b""[..]));
        let payload = b"\x00\x00\x00\x1d\x00\x00\x00\x00\xfd\x52\x8c\x5a{'foo':'bar'}\xc3\x65\x39\x36";
        assert_eq!(Message::parse(payload).unwrap().payload, b"{'foo':'bar'}");
    }

    #[test]
    fn headers_of_all_types_are_passed() {
        let mut headers = Vec::new();
        for (kind, value) in [
            (0, &b""[..]),
            (1, b""),
            (2, b"1"),
            (3, b"12"),
            (4, b"1234"),
            (5, b"12345678"),
            (6, b"\0\x03abc"),
            (8, b"12345678"),
            (9, b"1234567812345678"),
            (7, b"\0\x02xy"),
        ] {
            headers.extend_from_slice(&[1, b'a' + kind, kind]);
            headers.extend_from_slice(value);
        }
        let whole = raw_message(&headers, b"p");
        let message = Message::parse(&whole).unwrap();
        assert_eq!((message.headers.len(), message.payload), (10, &b"p"[..]));
        assert_eq!(
            (message.text("h"), message.text("a"), message.text("z")),
            (Some("xy"), None, None)
        );
    }

    #[test]
    fn what_is_no_message_says_why() {
        let good = message(&[(":event-type", "x")], "{}");
        let with = |at: usize, byte: u8| {
            let mut bad = good.clone();
            bad[at] ^= byte;
            bad
        };
        for (frame, expected) in [
            (Vec::new(), "a message of 0 bytes, which is less than its frame"),
            (
                vec![0, 0, 0, 0],
                "a message of 4 bytes, which is less than its frame",
            ),
            (with(3, 1), "the prelude has the checksum"),
            (with(8, 1), "the prelude has the checksum"),
            (with(14, 1), "a message has the checksum"),
            (with(good.len() - 1, 1), "a message has the checksum"),
            (
                good[..good.len() - 1].to_vec(),
                "a message of 33 bytes says it has 34",
            ),
            (raw_message(b"\x01a", b""), "a header ends in its middle"),
            (
                raw_message(b"\x01a\x07\0\x09x", b""),
                "a header ends in its middle",
            ),
            (
                raw_message(b"\x01a\x0a", b""),
                "the header a has the unknown type 10",
            ),
            (
                raw_message(b"\x01a\x07\0\x01\xff", b""),
                "the header a is not UTF-8",
            ),
            (raw_message(b"\x01\xff\x00", b""), "a header's name is not UTF-8"),
        ] {
            let error = Message::parse(&frame).unwrap_err();
            assert!(error.starts_with(expected), "{error}, expected {expected}");
        }
    }

    #[test]
    fn headers_longer_than_their_message_are_refused() {
        let mut bytes = b"\x00\x00\x00\x10\x00\x00\x00\x09".to_vec();
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_be_bytes());
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_be_bytes());
        let error = Message::parse(&bytes).unwrap_err();
        assert_eq!(error, "headers of 9 bytes in a message of 16");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            prop_assert!(Message::parse(&bytes).is_err());
        }

        /// Bytes whose checksums are right reach the headers.
        #[test]
        fn any_headers_are_read_without_harm(headers in prop::collection::vec(0_u8..12, 0..40)) {
            let _ = Message::parse(&raw_message(&headers, b"{}"));
        }

        #[test]
        fn no_flipped_bit_goes_unseen(at in any::<prop::sample::Index>(), bit in 0..8) {
            let mut bytes = message(&[(":event-type", "metadata"), (":message-type", "event")], "{\"usage\":{}}");
            let at = at.index(bytes.len());
            bytes[at] ^= 1_u8 << bit;
            prop_assert!(Message::parse(&bytes).is_err());
        }
    }
}
