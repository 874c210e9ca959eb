//! Reading a caller's body: one pass over the bytes, which stay as they are.
//!
//! The pass checks that the body is JSON, notes where the members stand that may be spliced, and
//! counts what inference needs: text, tools, parts of each kind. Texts are skipped, not built.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use bytes::Bytes;
use modelpool_core::facts::{estimate_tokens, speaks_of_images};
use modelpool_core::provider::{Dialect, RequestBody, Spots};
use modelpool_core::{Operation, RequestFacts};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::size::{Size, count_items, longest_text};
use super::talk::Talk;
use crate::json::{self, Scanner, Unreadable};

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
    let members: Members<'_> = json::read(text).map_err(|_| not_json(text))?;
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
        Some(raw) => match raw {
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
        model: Some(range_in(text, model)),
        extension: members
            .extension
            .map(|raw| member_range(text, range_in(text, raw))),
        stream_options: members.stream_options.map(|raw| range_in(text, raw)),
        first_member: text.find('{').map_or(0, |at| at + 1),
    };
    let facts = match operation {
        Operation::Chat | Operation::Completions => facts_of(operation, stream, text.len(), &members),
        _ => plain_facts(operation, text.len(), &members),
    };
    let extension = members.extension.and_then(boxed);
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

/// The error of a body that looked like a JSON object and is none.
pub(crate) fn not_json(text: &str) -> BodyError {
    BodyError::new(
        None,
        format!("the body is not valid JSON: {}", json::what_is_wrong(text)),
    )
}

/// A value, to be kept longer than the body it stands in.
pub(crate) fn boxed(raw: &str) -> Option<Box<RawValue>> {
    RawValue::from_string(raw.to_owned()).ok()
}

/// The value of `model`.
pub(crate) fn model_name(raw: &str) -> Result<String, BodyError> {
    serde_json::from_str(raw)
        .map_err(|_| BodyError::new(Some("model"), format!("`model` is not a string: {}", shown(raw))))
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
        size.add(Size::of_json(raw));
    }
    RequestFacts {
        operation,
        body_bytes,
        text_characters: size.characters,
        input_tokens: size.tokens,
        longest_text_tokens: match (operation, members.input) {
            (Operation::Embeddings, Some(input)) => longest_text(input),
            _ => 0,
        },
        choices: members.n.and_then(|raw| raw.parse().ok()).unwrap_or(1),
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
        text.add(Size::of_json(raw));
    }
    facts.text_characters = text.characters;
    facts.input_tokens = text.tokens + u64::from(facts.images) * TOKENS_PER_IMAGE;
    for raw in [members.tools, members.functions].into_iter().flatten() {
        facts.tools += count_items(raw);
        facts.input_tokens += estimate_tokens(raw);
    }
    facts.parallel_tools = members.parallel_tool_calls.is_some_and(|raw| raw == "true");
    facts.output_tokens = [members.max_completion_tokens, members.max_tokens]
        .into_iter()
        .flatten()
        .find_map(|raw| raw.parse().ok());
    facts.choices = members.n.and_then(|raw| raw.parse().ok()).unwrap_or(1);
    facts.logprobs = members.logprobs.is_some_and(|raw| raw == "true");
    if let Some(raw) = members.response_format {
        #[derive(Default, Deserialize)]
        struct Format<'a> {
            #[serde(borrow, rename = "type")]
            kind: Option<Cow<'a, str>>,
        }
        let format: Format<'_> = serde_json::from_str(raw).unwrap_or_default();
        facts.json_mode = format.kind.as_deref() == Some("json_object");
        facts.json_schema = format.kind.as_deref() == Some("json_schema");
        facts.output_format = !matches!(format.kind.as_deref(), None | Some("text"));
    }
    if members.modalities.is_some_and(|raw| raw.contains("\"audio\"")) {
        facts.audio += 1;
    }
    facts
}

fn asks_for_usage(raw: &str) -> bool {
    #[derive(Default, Deserialize)]
    struct Options {
        #[serde(default)]
        include_usage: Option<bool>,
    }
    serde_json::from_str::<Options>(raw)
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

/// The top-level members that are looked at, as they are written.
#[derive(Default)]
struct Members<'a> {
    model: Option<&'a str>,
    stream: Option<&'a str>,
    stream_options: Option<&'a str>,
    extension: Option<&'a str>,
    messages: Option<Talk>,
    input: Option<&'a str>,
    prompt: Option<&'a str>,
    query: Option<&'a str>,
    documents: Option<&'a str>,
    tools: Option<&'a str>,
    functions: Option<&'a str>,
    parallel_tool_calls: Option<&'a str>,
    response_format: Option<&'a str>,
    max_tokens: Option<&'a str>,
    max_completion_tokens: Option<&'a str>,
    n: Option<&'a str>,
    logprobs: Option<&'a str>,
    modalities: Option<&'a str>,
    twice: Option<&'static str>,
}

impl<'a> json::Read<'a> for Members<'a> {
    fn read(scanner: &mut Scanner<'a>) -> Result<Self, Unreadable> {
        let mut read = Self::default();
        scanner.object(|scanner, key| {
            if key == "messages" {
                read.messages = Some(Talk::read(scanner)?);
                return Ok(());
            }
            let value = scanner.value()?;
            let (slot, unique) = match key {
                "model" => (&mut read.model, Some("model")),
                "stream" => (&mut read.stream, Some("stream")),
                "modelpool" => (&mut read.extension, Some("modelpool")),
                "stream_options" => (&mut read.stream_options, None),
                "input" => (&mut read.input, None),
                "prompt" => (&mut read.prompt, None),
                "tools" => (&mut read.tools, None),
                "functions" => (&mut read.functions, None),
                "parallel_tool_calls" => (&mut read.parallel_tool_calls, None),
                "response_format" => (&mut read.response_format, None),
                "max_tokens" => (&mut read.max_tokens, None),
                "max_completion_tokens" => (&mut read.max_completion_tokens, None),
                "n" => (&mut read.n, None),
                "logprobs" => (&mut read.logprobs, None),
                "modalities" => (&mut read.modalities, None),
                "query" => (&mut read.query, None),
                "documents" => (&mut read.documents, None),
                _ => return Ok(()),
            };
            // Two of these could be read differently here and upstream, past every check.
            if slot.replace(value).is_some() && unique.is_some() {
                read.twice = unique;
            }
            Ok(())
        })?;
        Ok(read)
    }
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
