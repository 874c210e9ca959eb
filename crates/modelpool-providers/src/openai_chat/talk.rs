//! What is counted over the messages of a body.

use super::size::Size;
use crate::json::{Scanner, Unreadable};

/// What is counted over all messages.
#[derive(Debug, Default)]
pub(super) struct Talk {
    pub(super) count: u32,
    pub(super) content: Object,
    pub(super) system_message: bool,
    /// The call that the last message is the result of.
    pub(super) answers: Option<Box<str>>,
    pub(super) not_a_list: bool,
    pub(super) not_an_object: bool,
}

impl Talk {
    /// Reads the value of `messages`.
    pub(super) fn read(scanner: &mut Scanner<'_>) -> Result<Self, Unreadable> {
        let mut read = Self::default();
        if scanner.peek() != Some(b'[') {
            scanner.value()?;
            read.not_a_list = true;
            return Ok(read);
        }
        scanner.list(|scanner| {
            read.count += 1;
            if scanner.peek() != Some(b'{') {
                scanner.value()?;
                read.not_an_object = true;
                return Ok(());
            }
            let message = Object::read(scanner, true)?;
            read.content.add(&message);
            read.system_message |= message.is_system;
            read.answers = message.answers;
            Ok(())
        })?;
        Ok(read)
    }
}

/// A message, or one of its parts: the keys that matter do not collide.
#[derive(Debug, Default)]
pub(super) struct Object {
    pub(super) text: Size,
    pub(super) images: u32,
    pub(super) audio: u32,
    pub(super) files: u32,
    is_system: bool,
    answers: Option<Box<str>>,
}

impl Object {
    fn add(&mut self, part: &Object) {
        self.text.add(part.text);
        self.images += part.images;
        self.audio += part.audio;
        self.files += part.files;
    }

    /// Texts are passed over, which is a search for the closing quote. Parts have no parts: a body could nest
    /// them deeper than the stack.
    fn read(scanner: &mut Scanner<'_>, has_parts: bool) -> Result<Self, Unreadable> {
        let mut read = Self::default();
        scanner.object(|scanner, key| {
            if key == "content" && has_parts && scanner.peek() == Some(b'[') {
                return scanner.list(|scanner| read.part(scanner));
            }
            let is_text = matches!(key, "content" | "text" | "tool_calls" | "refusal");
            if is_text && scanner.peek() == Some(b'"') {
                read.text.add(Size::of_string(scanner.string()?));
                return Ok(());
            }
            let raw = scanner.value()?;
            match key {
                "tool_call_id" => read.answers = serde_json::from_str(raw).ok(),
                "role" => read.is_system |= matches!(raw, "\"system\"" | "\"developer\""),
                "type" => match raw {
                    "\"image_url\"" | "\"input_image\"" | "\"image\"" => read.images += 1,
                    "\"input_audio\"" => read.audio += 1,
                    "\"file\"" | "\"input_file\"" => read.files += 1,
                    _ => {}
                },
                _ if is_text && raw != "null" => read.text.add(Size::of_json(raw)),
                _ => {}
            }
            Ok(())
        })?;
        Ok(read)
    }

    /// Reads one of the parts of a message.
    fn part(&mut self, scanner: &mut Scanner<'_>) -> Result<(), Unreadable> {
        match scanner.peek() {
            Some(b'{') => {
                let part = Self::read(scanner, false)?;
                self.add(&part);
            }
            Some(b'"') => self.text.add(Size::of_string(scanner.string()?)),
            _ => {
                scanner.value()?;
            }
        }
        Ok(())
    }
}
