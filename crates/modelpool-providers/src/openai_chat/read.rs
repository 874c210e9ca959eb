//! Reading a caller's body: one pass over the bytes, which stay as they are.
//!
//! The pass checks that the body is JSON, notes where the members stand that may be spliced, and
//! counts what inference needs: text, tools, parts of each kind. Texts are skipped, not built.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use bytes::Bytes;
use modelpool_core::facts::{TextSize, estimate_tokens, speaks_of_images};
use modelpool_core::provider::{Dialect, RequestBody, Spots};
use modelpool_core::{Operation, RequestFacts};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::size::{Size, count_items, longest_text};

/// Tokens an image is taken for: between a small and a large one of today's models.
const TOKENS_PER_IMAGE: u64 = 1_000;

/// A body, read.
#[derive(Clone, Debug)]
pub struct ReadRequest {
    /// The model the caller named.
    pub model: String,
    /// The body and where it may be spliced.
    pub body: RequestBody,
    /// What was counted.
    pub facts: RequestFacts,
    /// The member `modelpool`, as the caller wrote it.
    pub extension: Option<Box<RawValue>>,
}

/// What is wrong with a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyError {
    /// The member at fault.
    pub param: Option<String>,
    /// What is wrong, and what would be accepted.
    pub message: String,
}

impl BodyError {
    pub(crate) fn new(param: Option<&str>, message: impl Into<String>) -> Self {
        Self {
            param: param.map(str::to_owned),
            message: message.into(),
        }
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for BodyError {}

/// Reads the body of a request.
///
/// # Errors
/// Not UTF-8, not JSON, not an object; `model` missing or not a string, `messages` (for
/// embeddings `input`, for images `prompt`, …) missing or not what it should be; `model`, `stream`
/// or `modelpool` twice.
///
/// ```
/// use modelpool_core::Operation;
/// use modelpool_providers::openai_chat::read::read;
/// let body = br#"{"model": "auto", "messages": [{"role": "user", "content": "hello"}]}"#;
/// let request = read(Operation::Chat, body.as_slice().into()).unwrap();
/// assert_eq!((request.model.as_str(), request.facts.messages), ("auto", 1));
/// ```
pub fn read(operation: Operation, bytes: Bytes) -> Result<ReadRequest, BodyError> {
    let text = object_text(&bytes)?;
    let members: Members<'_> = serde_json::from_str(text)
        .map_err(|error| BodyError::new(None, format!("the body is not valid JSON: {error}")))?;
    if let Some(key) = members.twice {
        return Err(BodyError::new(
            Some(key),
            format!("`{key}` stands twice in the body"),
        ));
    }
    let model = members
        .model
        .ok_or_else(|| BodyError::new(Some("model"), "`model` is missing"))?;
    let model_name = model_name(model)?;
    let stream = match members.stream {
        None => false,
        Some(raw) => match raw.get() {
            "true" => true,
            "false" | "null" => false,
            other => {
                return Err(BodyError::new(
                    Some("stream"),
                    format!("`stream` is not true or false: {}", shown(other)),
                ));
            }
        },
    };
    check_content(operation, &members)?;

    let spots = Spots {
        model: Some(range_in(text, model.get())),
        extension: members
            .extension
            .map(|raw| member_range(text, range_in(text, raw.get()))),
        stream_options: members.stream_options.map(|raw| range_in(text, raw.get())),
        first_member: text.find('{').map_or(0, |at| at + 1),
    };
    let facts = match operation {
        Operation::Chat | Operation::Completions => facts_of(operation, stream, text.len(), &members),
        _ => plain_facts(operation, text.len(), &members),
    };
    let extension = members.extension.map(ToOwned::to_owned);
    let wants_usage = members.stream_options.is_some_and(asks_for_usage);
    let body = RequestBody {
        dialect: Dialect::OpenAiChat,
        bytes: bytes.clone(),
        spots,
        form: None,
        beta: None,
        wants_usage,
    };
    Ok(ReadRequest {
        model: model_name,
        body,
        facts,
        extension,
    })
}

/// The text of a body that looks like a JSON object.
pub(crate) fn object_text(bytes: &[u8]) -> Result<&str, BodyError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        BodyError::new(
            None,
            format!(
                "the body is not UTF-8: byte {} is not part of a character",
                error.valid_up_to()
            ),
        )
    })?;
    if text.trim_ascii().is_empty() {
        return Err(BodyError::new(None, "the body is empty; expected a JSON object"));
    }
    if !text.trim_ascii_start().starts_with('{') && serde_json::from_str::<IgnoredAny>(text).is_ok() {
        return Err(BodyError::new(None, "the body is not a JSON object"));
    }
    Ok(text)
}

/// The value of `model`.
pub(crate) fn model_name(raw: &RawValue) -> Result<String, BodyError> {
    serde_json::from_str(raw.get()).map_err(|_| {
        BodyError::new(
            Some("model"),
            format!("`model` is not a string: {}", shown(raw.get())),
        )
    })
}

/// Whether the last message of the user speaks of a picture. A second look at the body, for pools
/// that infer from words.
#[must_use]
pub fn last_message_speaks_of_images(bytes: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Body<'a> {
        #[serde(borrow)]
        messages: Vec<&'a RawValue>,
    }
    let Ok(body) = serde_json::from_slice::<Body<'_>>(bytes) else {
        return false;
    };
    let is_user = |message: &serde_json::Value| message["role"] == "user";
    let last = body
        .messages
        .iter()
        .rev()
        .filter_map(|raw| serde_json::from_str(raw.get()).ok())
        .find(is_user);
    match last.as_ref().map(|message| &message["content"]) {
        Some(serde_json::Value::String(text)) => speaks_of_images(text),
        Some(serde_json::Value::Array(parts)) => parts
            .iter()
            .filter_map(|part| part["text"].as_str())
            .any(speaks_of_images),
        _ => false,
    }
}

fn check_content(operation: Operation, members: &Members<'_>) -> Result<(), BodyError> {
    match operation {
        Operation::Chat => match &members.messages {
            None => Err(BodyError::new(Some("messages"), "`messages` is missing")),
            Some(messages) if messages.not_a_list => {
                Err(BodyError::new(Some("messages"), "`messages` is not a list"))
            }
            Some(messages) if messages.not_an_object => Err(BodyError::new(
                Some("messages"),
                "`messages` holds something that is not an object",
            )),
            Some(messages) if messages.count == 0 => Err(BodyError::new(
                Some("messages"),
                "`messages` is empty; expected at least one message",
            )),
            Some(_) => Ok(()),
        },
        _ => {
            let needed: &[(&str, bool)] = match operation {
                Operation::Embeddings | Operation::Moderations | Operation::Speech => {
                    &[("input", members.input.is_none())]
                }
                Operation::Images | Operation::Completions => &[("prompt", members.prompt.is_none())],
                Operation::Rerank => &[
                    ("query", members.query.is_none()),
                    ("documents", members.documents.is_none()),
                ],
                _ => &[],
            };
            match needed.iter().find(|(_, missing)| *missing) {
                Some((key, _)) => Err(BodyError::new(Some(key), format!("`{key}` is missing"))),
                None => Ok(()),
            }
        }
    }
}

/// Facts of what is not said to a language model: how much text there is.
fn plain_facts(operation: Operation, body_bytes: usize, members: &Members<'_>) -> RequestFacts {
    let texts = [members.input, members.prompt, members.query, members.documents];
    let mut size = Size::default();
    for raw in texts.into_iter().flatten() {
        size.add(Size::of_json(raw.get()));
    }
    RequestFacts {
        operation,
        body_bytes,
        text_characters: size.characters,
        input_tokens: size.tokens,
        longest_text_tokens: match (operation, members.input) {
            (Operation::Embeddings, Some(input)) => longest_text(input.get()),
            _ => 0,
        },
        choices: members.n.and_then(|raw| raw.get().parse().ok()).unwrap_or(1),
        ..RequestFacts::default()
    }
}

fn facts_of(operation: Operation, stream: bool, body_bytes: usize, members: &Members<'_>) -> RequestFacts {
    let mut facts = RequestFacts {
        operation,
        stream,
        body_bytes,
        choices: 1,
        ..RequestFacts::default()
    };
    let mut text = members
        .messages
        .as_ref()
        .map_or(Size::default(), |messages| messages.content.text);
    if let Some(messages) = &members.messages {
        facts.messages = messages.count;
        facts.images = messages.content.images;
        facts.audio = messages.content.audio;
        facts.files = messages.content.files;
        facts.system_message = messages.system_message;
        facts.goes_on_from.clone_from(&messages.answers);
    }
    if let Some(raw) = members.prompt {
        text.add(Size::of_json(raw.get()));
    }
    facts.text_characters = text.characters;
    facts.input_tokens = text.tokens + u64::from(facts.images) * TOKENS_PER_IMAGE;
    for raw in [members.tools, members.functions].into_iter().flatten() {
        facts.tools += count_items(raw.get());
        facts.input_tokens += estimate_tokens(raw.get());
    }
    facts.parallel_tools = members.parallel_tool_calls.is_some_and(|raw| raw.get() == "true");
    facts.output_tokens = [members.max_completion_tokens, members.max_tokens]
        .into_iter()
        .flatten()
        .find_map(|raw| raw.get().parse().ok());
    facts.choices = members.n.and_then(|raw| raw.get().parse().ok()).unwrap_or(1);
    facts.logprobs = members.logprobs.is_some_and(|raw| raw.get() == "true");
    if let Some(raw) = members.response_format {
        #[derive(Default, Deserialize)]
        struct Format<'a> {
            #[serde(borrow, rename = "type")]
            kind: Option<Cow<'a, str>>,
        }
        let format: Format<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
        facts.json_mode = format.kind.as_deref() == Some("json_object");
        facts.json_schema = format.kind.as_deref() == Some("json_schema");
        facts.output_format = !matches!(format.kind.as_deref(), None | Some("text"));
    }
    if members
        .modalities
        .is_some_and(|raw| raw.get().contains("\"audio\""))
    {
        facts.audio += 1;
    }
    facts
}

fn asks_for_usage(raw: &RawValue) -> bool {
    #[derive(Default, Deserialize)]
    struct Options {
        #[serde(default)]
        include_usage: Option<bool>,
    }
    serde_json::from_str::<Options>(raw.get())
        .ok()
        .and_then(|options| options.include_usage)
        .unwrap_or(false)
}

/// The beginning of a value, for a message.
fn shown(value: &str) -> String {
    let head: String = value.chars().take(40).collect();
    if head.len() < value.len() {
        format!("{head}…")
    } else {
        head
    }
}

/// Where `part`, a slice of `whole`, stands in it.
pub(crate) fn range_in(whole: &str, part: &str) -> Range<usize> {
    let start = part.as_ptr() as usize - whole.as_ptr() as usize;
    start..start + part.len()
}

/// The member whose value stands at `value`, with its key and the comma after it, or before it
/// where it is the last.
pub(crate) fn member_range(text: &str, value: Range<usize>) -> Range<usize> {
    let bytes = text.as_bytes();
    let back_over_space = |mut at: usize| {
        while at > 0 && bytes[at - 1].is_ascii_whitespace() {
            at -= 1;
        }
        at
    };
    // Before the value: space, a colon, space, and the key between its quotes. A quote inside a
    // key has a backslash before it, so the first one without is the opening one.
    let colon = back_over_space(value.start) - 1;
    let closing_quote = back_over_space(colon) - 1;
    let mut start = closing_quote - 1;
    while !(bytes[start] == b'"'
        && bytes[..start]
            .iter()
            .rev()
            .take_while(|byte| **byte == b'\\')
            .count()
            % 2
            == 0)
    {
        start -= 1;
    }
    let after = value.end
        + bytes[value.end..]
            .iter()
            .take_while(|byte| byte.is_ascii_whitespace())
            .count();
    if bytes.get(after) == Some(&b',') {
        return start..after + 1;
    }
    let before = back_over_space(start);
    if before > 0 && bytes[before - 1] == b',' {
        before - 1..value.end
    } else {
        start..value.end
    }
}

/// The top-level members that are looked at.
#[derive(Default)]
struct Members<'a> {
    model: Option<&'a RawValue>,
    stream: Option<&'a RawValue>,
    stream_options: Option<&'a RawValue>,
    extension: Option<&'a RawValue>,
    messages: Option<Messages>,
    input: Option<&'a RawValue>,
    prompt: Option<&'a RawValue>,
    query: Option<&'a RawValue>,
    documents: Option<&'a RawValue>,
    tools: Option<&'a RawValue>,
    functions: Option<&'a RawValue>,
    parallel_tool_calls: Option<&'a RawValue>,
    response_format: Option<&'a RawValue>,
    max_tokens: Option<&'a RawValue>,
    max_completion_tokens: Option<&'a RawValue>,
    n: Option<&'a RawValue>,
    logprobs: Option<&'a RawValue>,
    modalities: Option<&'a RawValue>,
    twice: Option<&'static str>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;

        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                const KEYS: &[&str] = &[
                    "model",
                    "stream",
                    "modelpool",
                    "messages",
                    "stream_options",
                    "input",
                    "prompt",
                    "tools",
                    "functions",
                    "parallel_tool_calls",
                    "response_format",
                    "max_tokens",
                    "max_completion_tokens",
                    "n",
                    "logprobs",
                    "modalities",
                    "query",
                    "documents",
                ];
                let mut read = Members::default();
                while let Some(index) = map.next_key_seed(crate::json::KeyIndex(KEYS))? {
                    let Some(key) = index.map(|index| KEYS[index]) else {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    };
                    if key == "messages" {
                        read.messages = Some(map.next_value()?);
                        continue;
                    }
                    let value = map.next_value::<&'de RawValue>()?;
                    let (slot, unique) = match key {
                        "model" => (&mut read.model, true),
                        "stream" => (&mut read.stream, true),
                        "modelpool" => (&mut read.extension, true),
                        "stream_options" => (&mut read.stream_options, false),
                        "input" => (&mut read.input, false),
                        "prompt" => (&mut read.prompt, false),
                        "tools" => (&mut read.tools, false),
                        "functions" => (&mut read.functions, false),
                        "parallel_tool_calls" => (&mut read.parallel_tool_calls, false),
                        "response_format" => (&mut read.response_format, false),
                        "max_tokens" => (&mut read.max_tokens, false),
                        "max_completion_tokens" => (&mut read.max_completion_tokens, false),
                        "n" => (&mut read.n, false),
                        "logprobs" => (&mut read.logprobs, false),
                        "modalities" => (&mut read.modalities, false),
                        "query" => (&mut read.query, false),
                        _ => (&mut read.documents, false),
                    };
                    // Two of these could be read differently here and upstream, past every check.
                    if slot.replace(value).is_some() && unique {
                        read.twice = Some(key);
                    }
                }
                Ok(read)
            }
        }

        deserializer.deserialize_map(MembersVisitor)
    }
}

/// What is counted over all messages.
#[derive(Debug, Default)]
struct Messages {
    count: u32,
    content: Object,
    system_message: bool,
    /// The call that the last message is the result of.
    answers: Option<Box<str>>,
    not_a_list: bool,
    not_an_object: bool,
}

impl<'de> Deserialize<'de> for Messages {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MessagesVisitor;

        impl<'de> Visitor<'de> for MessagesVisitor {
            type Value = Messages;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of messages")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Messages, A::Error> {
                let mut read = Messages::default();
                while let Some(element) = seq.next_element::<Element<false>>()? {
                    read.count += 1;
                    match element {
                        Element::Object(object) => {
                            read.content.add(&object);
                            read.system_message |= object.is_system;
                            read.answers = object.answers;
                        }
                        Element::Text(_) | Element::Other => read.not_an_object = true,
                    }
                }
                Ok(read)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Messages, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Messages {
                    not_a_list: true,
                    ..Messages::default()
                })
            }
            fn visit_unit<E>(self) -> Result<Messages, E> {
                Ok(Messages {
                    not_a_list: true,
                    ..Messages::default()
                })
            }
            fn visit_str<E>(self, _: &str) -> Result<Messages, E> {
                Ok(Messages {
                    not_a_list: true,
                    ..Messages::default()
                })
            }
            fn visit_bool<E>(self, _: bool) -> Result<Messages, E> {
                Ok(Messages {
                    not_a_list: true,
                    ..Messages::default()
                })
            }
            fn visit_f64<E>(self, _: f64) -> Result<Messages, E> {
                Ok(Messages {
                    not_a_list: true,
                    ..Messages::default()
                })
            }
            fn visit_u64<E>(self, _: u64) -> Result<Messages, E> {
                Ok(Messages {
                    not_a_list: true,
                    ..Messages::default()
                })
            }
            fn visit_i64<E>(self, _: i64) -> Result<Messages, E> {
                Ok(Messages {
                    not_a_list: true,
                    ..Messages::default()
                })
            }
        }

        deserializer.deserialize_any(MessagesVisitor)
    }
}

/// A message, or one of its parts: the keys that matter do not collide.
#[derive(Debug, Default)]
struct Object {
    text: Size,
    images: u32,
    audio: u32,
    files: u32,
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
}

/// An element of `messages`, or, where it is a `PART`, of a message's content. Parts have no parts:
/// a body could nest them deeper than the stack.
enum Element<const PART: bool> {
    Object(Object),
    Text(Size),
    Other,
}

impl<'de, const PART: bool> Deserialize<'de> for Element<PART> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ElementVisitor<const PART: bool>;

        impl<'de, const PART: bool> Visitor<'de> for ElementVisitor<PART> {
            type Value = Element<PART>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                read_object::<A, PART>(map).map(Element::Object)
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Element::Text(Size::of(TextSize::of(text))))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Element::Other)
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Element::Other)
            }
            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Element::Other)
            }
            fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
                Ok(Element::Other)
            }
            fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
                Ok(Element::Other)
            }
            fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
                Ok(Element::Other)
            }
        }

        deserializer.deserialize_any(ElementVisitor)
    }
}

/// Reads a message or a part. Texts are skipped raw, which is a scan for the closing quote.
fn read_object<'de, A: MapAccess<'de>, const PART: bool>(mut map: A) -> Result<Object, A::Error> {
    const KEYS: &[&str] = &[
        "role",
        "content",
        "text",
        "type",
        "tool_calls",
        "refusal",
        "tool_call_id",
    ];
    let mut read = Object::default();
    while let Some(index) = map.next_key_seed(crate::json::KeyIndex(KEYS))? {
        let Some(key) = index.map(|index| KEYS[index]) else {
            map.next_value::<IgnoredAny>()?;
            continue;
        };
        let raw = map.next_value::<&'de RawValue>()?.get();
        match key {
            "tool_call_id" => read.answers = serde_json::from_str(raw).ok(),
            "role" => read.is_system |= matches!(raw, "\"system\"" | "\"developer\""),
            "type" => match raw {
                "\"image_url\"" | "\"input_image\"" | "\"image\"" => read.images += 1,
                "\"input_audio\"" => read.audio += 1,
                "\"file\"" | "\"input_file\"" => read.files += 1,
                _ => {}
            },
            "content" if !PART && raw.starts_with('[') => {
                let parts: Vec<Element<true>> =
                    serde_json::from_str(raw).map_err(serde::de::Error::custom)?;
                for part in parts {
                    match part {
                        Element::Object(part) => read.add(&part),
                        Element::Text(size) => read.text.add(size),
                        Element::Other => {}
                    }
                }
            }
            _ if raw == "null" => {}
            _ => read.text.add(Size::of_json(raw)),
        }
    }
    Ok(read)
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
