//! Forms (`multipart/form-data`, RFC 7578), as requests with recordings and pictures come.
//!
//! A form is looked at, not taken apart: of its parts only `model`, `prompt` and our own `modelpool` are read, and
//! only the bytes of the first and the last change on the way. Files are never copied but by that one splice.

use std::ops::Range;

use bytes::Bytes;
use http::HeaderValue;
use memchr::memmem;
use modelpool_core::facts::TextSize;
use modelpool_core::provider::{Dialect, RequestBody, Spots};
use modelpool_core::{Operation, RequestFacts};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::openai_chat::read::{BodyError, ReadRequest};

/// Most parts of a form.
const MAX_PARTS: usize = 1_000;

/// Most bytes of the headers of a part.
const MAX_PART_HEAD: usize = 16 * 1024;

/// The boundary of a form, from its content type; `None` where it is no form.
fn boundary(content_type: &HeaderValue) -> Option<&str> {
    let text = content_type.to_str().ok()?;
    let (kind, parameters) = text.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let parameter = |pair: &'_ str| {
        let (name, _) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then_some(())
    };
    let pair = parameters.split(';').find(|pair| parameter(pair).is_some())?;
    let value = pair.split_once('=')?.1.trim();
    let value = value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'))
        .unwrap_or(value);
    (1..=70).contains(&value.len()).then_some(value)
}

/// One part.
struct Part {
    name: String,
    is_file: bool,
    value: Range<usize>,
    /// From its boundary to the next.
    whole: Range<usize>,
}

/// The parts of a form, and where the first of them begins.
fn parts(body: &[u8], boundary: &str) -> Result<(Vec<Part>, usize), String> {
    let opening = format!("--{boundary}");
    let delimiter = format!("\r\n{opening}");
    let next = memmem::Finder::new(&delimiter);
    let first = match body.starts_with(opening.as_bytes()) {
        true => 0,
        false => next.find(body).ok_or("the form has no part")? + 2,
    };
    let mut parts = Vec::new();
    let mut at = first;
    loop {
        let after = at + opening.len();
        let rest = body.get(after..).unwrap_or_default();
        if rest.starts_with(b"--") {
            return Ok((parts, first));
        }
        let padding = rest
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\t'))
            .count();
        if !rest.get(padding..).unwrap_or_default().starts_with(b"\r\n") {
            return Err(format!(
                "the form breaks off, or its boundary is not `{boundary}`"
            ));
        }
        if parts.len() == MAX_PARTS {
            return Err(format!("the form has more than {MAX_PARTS} parts"));
        }
        // The line end of the boundary is the first of the two that end a head without a header.
        let head = &rest[padding..rest.len().min(padding + MAX_PART_HEAD)];
        let head_length = memmem::find(head, b"\r\n\r\n").ok_or("the headers of a part do not end")?;
        let value_start = after + padding + head_length + 4;
        let length = body.get(value_start..).and_then(|rest| next.find(rest));
        let value_end = value_start + length.ok_or("the form breaks off within a part")?;
        let head = std::str::from_utf8(&head[..head_length])
            .map_err(|_| "the headers of a part are not UTF-8".to_owned())?;
        let (name, is_file) = disposition(head)?;
        parts.push(Part {
            name,
            is_file,
            value: value_start..value_end,
            whole: at..value_end + 2,
        });
        at = value_end + 2;
    }
}

/// Name of a part, and whether it is a file: from `Content-Disposition: form-data; name="…"; filename="…"`.
fn disposition(head: &str) -> Result<(String, bool), String> {
    let value = head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim()
            .eq_ignore_ascii_case("content-disposition")
            .then_some(value)
    });
    let mut rest = value.ok_or("a part of the form has no `Content-Disposition`")?;
    let mut name = None;
    let mut is_file = false;
    while let Some((_, parameters)) = rest.split_once(';') {
        let (key, after) = parameters
            .split_once('=')
            .ok_or("a `Content-Disposition` of the form cannot be read")?;
        let (text, after) = parameter_value(after);
        match key.trim().to_ascii_lowercase().as_str() {
            "name" if name.is_some() => return Err("a part of the form has two names".to_owned()),
            "name" => name = Some(text),
            // Readers differ about it, and what we check must be what the model's server reads.
            "name*" => return Err("a part of the form has its name in `name*`".to_owned()),
            "filename" | "filename*" => is_file = true,
            _ => {}
        }
        rest = after;
    }
    Ok((name.ok_or("a part of the form has no name")?, is_file))
}

/// A value, which may stand in quotation marks, and what comes after it.
fn parameter_value(text: &str) -> (String, &str) {
    let text = text.trim_start();
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(';').unwrap_or(text.len());
        return (text[..end].trim_end().to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut escaped = false;
    for (at, character) in quoted.char_indices() {
        match character {
            '"' if !escaped => return (value, &quoted[at + 1..]),
            '\\' if !escaped => {
                escaped = true;
                continue;
            }
            _ => value.push(character),
        }
        escaped = false;
    }
    (value, "")
}

/// Reads a form.
///
/// # Errors
/// It is none, or has no `model`, or one of the parts that are read twice.
pub fn read_form(
    operation: Operation,
    bytes: Bytes,
    content_type: &HeaderValue,
) -> Result<ReadRequest, BodyError> {
    let boundary = boundary(content_type).ok_or_else(|| {
        let shown = content_type.to_str().unwrap_or_default();
        let message = format!("the content type is `{shown}`; expected multipart/form-data with a boundary");
        BodyError::new(None, message)
    })?;
    let (parts, first) = parts(&bytes, boundary).map_err(|lack| BodyError::new(None, lack))?;
    let model = only(&parts, "model")?;
    let model = model.ok_or_else(|| BodyError::new(Some("model"), "`model` is missing"))?;
    let name = text(&bytes, model, "model")?.to_owned();
    let ours = only(&parts, "modelpool")?;
    let extension = ours.map(|part| extension(&bytes, part)).transpose()?;
    let prompt = parts.iter().find(|part| part.name == "prompt");
    let prompt = prompt.map(|part| String::from_utf8_lossy(&bytes[part.value.clone()]));
    let size = TextSize::of(prompt.as_deref().unwrap_or_default());
    let choices = parts.iter().find(|part| part.name == "n");
    let choices = choices.and_then(|part| std::str::from_utf8(&bytes[part.value.clone()]).ok());
    let facts = RequestFacts {
        operation,
        body_bytes: bytes.len(),
        text_characters: size.characters(),
        input_tokens: size.tokens(),
        choices: choices.and_then(|n| n.trim().parse().ok()).unwrap_or(1),
        ..RequestFacts::default()
    };
    Ok(ReadRequest {
        model: name,
        facts,
        extension,
        body: RequestBody {
            dialect: Dialect::OpenAiChat,
            spots: Spots {
                model: Some(model.value.clone()),
                extension: ours.map(|part| part.whole.clone()),
                stream_options: None,
                first_member: first,
            },
            form: Some(content_type.clone()),
            beta: None,
            wants_usage: false,
            bytes,
        },
    })
}

/// The part of that name. Two of these could be read differently here and upstream, past every check.
fn only<'p>(parts: &'p [Part], name: &str) -> Result<Option<&'p Part>, BodyError> {
    let mut named = parts.iter().filter(|part| part.name == name);
    let first = named.next();
    if named.next().is_some() {
        return Err(BodyError::new(
            Some(name),
            format!("`{name}` stands twice in the form"),
        ));
    }
    Ok(first)
}

fn text<'b>(body: &'b [u8], part: &Part, name: &str) -> Result<&'b str, BodyError> {
    let value = body.get(part.value.clone()).unwrap_or_default();
    let text = std::str::from_utf8(value).ok().filter(|_| !part.is_file);
    text.ok_or_else(|| BodyError::new(Some(name), format!("`{name}` is not a text")))
}

fn extension(body: &[u8], part: &Part) -> Result<Box<RawValue>, BodyError> {
    serde_json::from_str(text(body, part, "modelpool")?).map_err(|error| {
        let message = format!("`modelpool` is not JSON: {error}");
        BodyError::new(Some("modelpool"), message)
    })
}

/// Configured members that the caller did not set, as parts.
pub(crate) fn defaults(body: &RequestBody, defaults: &Map<String, Value>) -> String {
    let Some(boundary) = body.form.as_ref().and_then(boundary) else {
        return String::new();
    };
    let present = match parts(&body.bytes, boundary) {
        Ok((parts, _)) if !defaults.is_empty() => parts,
        _ => return String::new(),
    };
    let missing = defaults
        .iter()
        .filter(|(key, _)| !present.iter().any(|part| part.name == **key));
    let part = |(key, value): (&String, &Value)| {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{key}\"\r\n\r\n{value}\r\n")
    };
    missing.map(part).collect()
}

#[cfg(test)]
#[path = "multipart_tests.rs"]
mod tests;
