//! Cutting the bytes of a stream into frames.

use bytes::{Bytes, BytesMut};

use crate::sse::{EventTooLarge, MAX_EVENT_BYTES, Splitter};

/// How a stream is cut into frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Server-sent events; a frame is an event with all its lines.
    Sse,
    /// JSON, one value a line; a frame is a line with its end.
    Lines,
    /// Binary messages that begin with their length in four bytes, big end first:
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html>.
    Aws,
}

/// Cuts one stream.
#[derive(Debug)]
pub(crate) struct Frames {
    framing: Framing,
    events: Splitter,
    /// What has come of the next frame, for the other two.
    held: BytesMut,
}

impl Frames {
    pub(crate) fn new(framing: Framing) -> Self {
        Self {
            framing,
            events: Splitter::default(),
            held: BytesMut::new(),
        }
    }

    /// Takes the next part. The frames it completes are read with [`next`](Frames::next) before another
    /// part is given.
    pub(crate) fn push(&mut self, part: Bytes) {
        match self.framing {
            Framing::Sse => self.events.push(part),
            Framing::Lines | Framing::Aws => self.held.extend_from_slice(&part),
        }
    }

    /// The next whole frame, or `None` where another part is needed.
    pub(crate) fn next(&mut self) -> Result<Option<Bytes>, EventTooLarge> {
        let length = match self.framing {
            Framing::Sse => return self.events.next(),
            Framing::Lines => memchr::memchr(b'\n', &self.held).map(|at| at + 1),
            Framing::Aws => {
                let length = self.held.first_chunk::<4>();
                length.map(|length| u32::from_be_bytes(*length) as usize)
            }
        };
        match length {
            Some(length) if length > MAX_EVENT_BYTES => Err(EventTooLarge),
            // A length of nothing would be cut for ever; four bytes are what was read of it.
            Some(length) if length.max(4) <= self.held.len() || self.framing == Framing::Lines => {
                let length = if self.framing == Framing::Aws {
                    length.max(4)
                } else {
                    length
                };
                Ok(Some(self.held.split_to(length).freeze()))
            }
            _ if self.held.len() > MAX_EVENT_BYTES => Err(EventTooLarge),
            _ => Ok(None),
        }
    }

    /// What came after the last whole frame, when the stream ends.
    pub(crate) fn rest(&mut self) -> Bytes {
        match self.framing {
            Framing::Sse => self.events.rest(),
            Framing::Lines | Framing::Aws => self.held.split().freeze(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(framing: Framing, parts: &[&[u8]]) -> (Vec<Bytes>, Bytes) {
        let mut frames = Frames::new(framing);
        let mut cut = Vec::new();
        for part in parts {
            frames.push(Bytes::copy_from_slice(part));
            while let Some(frame) = frames.next().unwrap() {
                cut.push(frame);
            }
        }
        (cut, frames.rest())
    }

    #[test]
    fn lines_wherever_the_parts_end() {
        for parts in [&[&b"{}\n{\"a\":1}\n{"[..]][..], &[b"{}", b"\n{\"a\":", b"1}\n{"]] {
            let (lines, rest) = cut(Framing::Lines, parts);
            assert_eq!(lines, ["{}\n", "{\"a\":1}\n"]);
            assert_eq!(rest, "{");
        }
    }

    #[test]
    fn binary_messages_wherever_the_parts_end() {
        let whole = b"\0\0\0\x06ab\0\0\0\x05c\0\0\0\x09x";
        for at in 0..whole.len() {
            let (frames, rest) = cut(Framing::Aws, &[&whole[..at], &whole[at..]]);
            assert_eq!(frames, [&b"\0\0\0\x06ab"[..], b"\0\0\0\x05c"]);
            assert_eq!(rest, &b"\0\0\0\x09x"[..]);
        }
    }

    #[test]
    fn lengths_that_cannot_be_do_no_harm() {
        let mut frames = Frames::new(Framing::Aws);
        frames.push(Bytes::from_static(b"\0\0\0\0\xff\xff\xff\xff"));
        assert_eq!(frames.next().unwrap().unwrap(), &b"\0\0\0\0"[..]);
        assert!(frames.next().is_err());
        let mut frames = Frames::new(Framing::Lines);
        frames.push(Bytes::from(vec![b'x'; MAX_EVENT_BYTES + 1]));
        assert!(frames.next().is_err());
    }
}
