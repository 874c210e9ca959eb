//! Cutting a byte stream into whole server-sent events.
//!
//! An event is everything up to and including a blank line; lines end in LF, CR LF or CR
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream>).
//! The bytes of an event are kept as they came. Where a part holds whole
//! events they are slices of it, without a copy; only what a part border cuts is collected.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};

/// Largest event that is accepted, in bytes. A partial image in base64 fits; more is an attack or
/// a fault, and would be memory without a limit.
pub(crate) const MAX_EVENT_BYTES: usize = 16 * 1024 * 1024;

/// Cuts parts into events.
#[derive(Debug, Default)]
pub(crate) struct Splitter {
    /// The beginning of an event whose end has not come yet.
    held: BytesMut,
    /// No byte of the present line has come yet, and the event has a line before it.
    line_is_empty: bool,
    /// The present event has a byte other than line ends.
    begun: bool,
    /// The last byte was a CR: a LF that follows belongs to it.
    after_cr: bool,
    /// What is left of the part being cut.
    part: Bytes,
}

/// An event larger than [`MAX_EVENT_BYTES`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct EventTooLarge;

impl Splitter {
    /// Takes the next part. The events it completes are read with [`next`](Splitter::next)
    /// before another part is given.
    pub(crate) fn push(&mut self, part: Bytes) {
        debug_assert!(self.part.is_empty(), "events of the last part were not read");
        self.part = part;
    }

    /// The next whole event, or `None` where another part is needed.
    pub(crate) fn next(&mut self) -> Result<Option<Bytes>, EventTooLarge> {
        match self.end_of_event() {
            Some(end) => {
                let head = self.part.split_to(end);
                self.begun = false;
                self.line_is_empty = false;
                if self.held.len() + head.len() > MAX_EVENT_BYTES {
                    return Err(EventTooLarge);
                }
                if self.held.is_empty() {
                    return Ok(Some(head));
                }
                self.held.extend_from_slice(&head);
                Ok(Some(self.held.split().freeze()))
            }
            None => {
                if self.held.len() + self.part.len() > MAX_EVENT_BYTES {
                    return Err(EventTooLarge);
                }
                self.held.extend_from_slice(&self.part);
                self.part = Bytes::new();
                Ok(None)
            }
        }
    }

    /// What came after the last whole event, when the stream ends.
    pub(crate) fn rest(&mut self) -> Bytes {
        self.held.split().freeze()
    }

    /// The length of the part up to the end of the present event.
    fn end_of_event(&mut self) -> Option<usize> {
        let mut at = 0;
        while at < self.part.len() {
            let rest = &self.part[at..];
            if std::mem::take(&mut self.after_cr) && rest[0] == b'\n' {
                at += 1;
                continue;
            }
            match memchr::memchr2(b'\n', b'\r', rest) {
                None => {
                    self.begun = true;
                    self.line_is_empty = false;
                    return None;
                }
                Some(length) => {
                    let blank = length == 0 && (self.line_is_empty || !self.begun);
                    self.after_cr = rest[length] == b'\r';
                    at += length + 1;
                    if length > 0 {
                        self.begun = true;
                    }
                    if blank && self.begun {
                        // A LF that completes this line's CR LF belongs to the event.
                        if self.after_cr && self.part.get(at) == Some(&b'\n') {
                            self.after_cr = false;
                            at += 1;
                        }
                        return Some(at);
                    }
                    // Blank lines before an event are kept with it.
                    self.line_is_empty = true;
                }
            }
        }
        None
    }
}

/// The data of an event: its `data:` lines, joined by LF. `None` for an event without data, such
/// as a comment.
pub(crate) fn data(event: &[u8]) -> Option<Cow<'_, [u8]>> {
    let mut found: Option<Cow<'_, [u8]>> = None;
    for line in event.split(|byte| matches!(byte, b'\n' | b'\r')) {
        let Some(value) = line.strip_prefix(b"data:") else {
            continue;
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        found = Some(match found {
            None => Cow::Borrowed(value),
            Some(before) => {
                let mut joined = before.into_owned();
                joined.push(b'\n');
                joined.extend_from_slice(value);
                Cow::Owned(joined)
            }
        });
    }
    found
}

/// Whether an event has no data: a comment, or the beginning of an event that was cut.
pub(crate) fn says_nothing(event: &[u8]) -> bool {
    data(event).is_none_or(|data| data.trim_ascii().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(parts: &[&[u8]]) -> (Vec<Vec<u8>>, Vec<u8>) {
        let mut splitter = Splitter::default();
        let mut events = Vec::new();
        for part in parts {
            splitter.push(Bytes::copy_from_slice(part));
            while let Some(event) = splitter.next().unwrap() {
                events.push(event.to_vec());
            }
        }
        (events, splitter.rest().to_vec())
    }

    #[test]
    fn events_end_at_a_blank_line_of_any_kind() {
        for (input, expected) in [
            ("data: a\n\ndata: b\n\n", vec!["data: a\n\n", "data: b\n\n"]),
            (
                "data: a\r\n\r\ndata: b\r\n\r\n",
                vec!["data: a\r\n\r\n", "data: b\r\n\r\n"],
            ),
            ("data: a\r\rdata: b\r\r", vec!["data: a\r\r", "data: b\r\r"]),
            (
                "event: x\ndata: a\n\n: comment\n\n",
                vec!["event: x\ndata: a\n\n", ": comment\n\n"],
            ),
            ("\n\ndata: a\n\n", vec!["\n\ndata: a\n\n"]),
        ] {
            let (events, rest) = split(&[input.as_bytes()]);
            let events: Vec<&str> = events
                .iter()
                .map(|event| std::str::from_utf8(event).unwrap())
                .collect();
            assert_eq!((events, rest.len()), (expected, 0), "{input:?}");
        }
    }

    #[test]
    fn what_is_incomplete_is_held() {
        let (events, rest) = split(&[b"data: a\n\ndata: b\n"]);
        assert_eq!((events.len(), rest), (1, b"data: b\n".to_vec()));
    }

    #[test]
    fn data_lines_are_joined() {
        assert_eq!(data(b"data: a\ndata:b\r\nid: 1\n\n").unwrap().as_ref(), b"a\nb");
        assert_eq!(data(b": comment\n\n"), None);
    }

    #[test]
    fn an_event_without_end_is_refused_before_it_fills_the_memory() {
        let mut splitter = Splitter::default();
        let part = Bytes::from(vec![b'x'; 1024 * 1024]);
        let outcome = (0..20).find_map(|_| {
            splitter.push(part.clone());
            splitter.next().err()
        });
        assert_eq!(outcome, Some(EventTooLarge));
    }

    proptest! {
        /// Wherever the bytes are cut into parts, the same bytes come out, and the same data.
        #[test]
        fn part_borders_change_nothing(
            texts in prop::collection::vec(("[a-z图\u{1F600}]{0,8}", prop::sample::select(vec!["\n", "\r\n", "\r"])), 1..6),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        ) {
            let whole: Vec<u8> =
                texts.iter().flat_map(|(text, end)| format!("data: {text}{end}{end}").into_bytes()).collect();
            let mut borders: Vec<usize> = cuts.iter().map(|cut| cut.index(whole.len() + 1)).collect();
            borders.extend([0, whole.len()]);
            borders.sort_unstable();
            let parts: Vec<&[u8]> = borders.windows(2).map(|pair| &whole[pair[0]..pair[1]]).collect();
            let (events, rest) = split(&parts);
            let mut joined = events.concat();
            joined.extend(rest);
            prop_assert_eq!(&joined, &whole);
            let read: Vec<Vec<u8>> = events.iter().filter_map(|event| data(event).map(Cow::into_owned)).collect();
            let sent: Vec<Vec<u8>> = texts.iter().map(|(text, _)| text.clone().into_bytes()).collect();
            prop_assert_eq!(read, sent);
        }

        #[test]
        fn any_bytes_come_out_as_they_went_in(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..10)) {
            let slices: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
            let (events, rest) = split(&slices);
            let mut joined = events.concat();
            joined.extend(rest);
            prop_assert_eq!(joined, parts.concat());
        }
    }
}
