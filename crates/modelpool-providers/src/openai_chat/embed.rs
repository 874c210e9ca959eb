//! Vectors for texts: `/embeddings`, <https://platform.openai.com/docs/api-reference/embeddings>.
//!
//! A caller's request is read here for models of another wire, and their vectors are written; a model's side is
//! written and read for callers of another dialect. Between the two, numbers are `f32`: what a caller gets as
//! base64 (little-endian `f32`) and as a list is the same to the last bit.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::read::BodyError;
use crate::neutral::embeddings::{Embeddings, Inputs, MAX_INPUTS, ToEmbed, vectors};
use crate::neutral::{Untranslatable, Written};
use crate::wire::Broken;

/// How a caller wants its vectors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// As lists of numbers.
    #[default]
    Float,
    /// As base64 of the numbers' bytes, which is what OpenAI's own clients ask for.
    Base64,
}

/// Reads a caller's request.
pub(crate) fn read(body: &[u8]) -> Result<(ToEmbed, Encoding), BodyError> {
    let body: Map<String, Value> = serde_json::from_slice(body)
        .map_err(|error| BodyError::new(None, format!("the body is not a JSON object: {error}")))?;
    let mut asked = ToEmbed::default();
    let mut encoding = Encoding::default();
    for (key, value) in body.iter().filter(|(_, value)| !value.is_null()) {
        match key.as_str() {
            "model" | "modelpool" => {}
            "input" => asked.inputs = inputs(value)?,
            "dimensions" => asked.dimensions = Some(dimensions(value)?),
            "encoding_format" => encoding = encoding_of(value)?,
            "input_type" => asked.purpose = value.as_str().map(str::to_owned),
            other => asked.dropped.push(other.to_owned()),
        }
    }
    match asked.inputs.len() {
        0 => Err(BodyError::new(Some("input"), "`input` is missing or empty")),
        many if many > MAX_INPUTS => Err(BodyError::new(
            Some("input"),
            format!("`input` holds {many} texts; expected at most {MAX_INPUTS}"),
        )),
        _ => Ok((asked, encoding)),
    }
}

fn inputs(value: &Value) -> Result<Inputs, BodyError> {
    let wrong = || {
        let expected = "expected a text, a list of texts, or tokens as one or more lists of numbers";
        BodyError::new(
            Some("input"),
            format!("`input` is not what can be embedded; {expected}"),
        )
    };
    let read: Option<Inputs> = match value {
        Value::String(text) => Some(Inputs::Texts(vec![text.clone()])),
        Value::Array(list) => match list.first() {
            Some(Value::String(_)) => list
                .iter()
                .map(|item| item.as_str().map(str::to_owned))
                .collect::<Option<_>>()
                .map(Inputs::Texts),
            Some(Value::Number(_)) => tokens(value).map(|list| Inputs::Tokens(vec![list])),
            Some(Value::Array(_)) => list.iter().map(tokens).collect::<Option<_>>().map(Inputs::Tokens),
            _ => None,
        },
        _ => None,
    };
    match read.ok_or_else(wrong)? {
        Inputs::Texts(texts) if texts.iter().any(String::is_empty) => {
            Err(BodyError::new(Some("input"), "`input` holds an empty text"))
        }
        inputs => Ok(inputs),
    }
}

fn tokens(value: &Value) -> Option<Vec<u64>> {
    let list = value.as_array().filter(|list| !list.is_empty())?;
    list.iter().map(Value::as_u64).collect()
}

fn dimensions(value: &Value) -> Result<u32, BodyError> {
    let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
    number.filter(|number| *number > 0).ok_or_else(|| {
        let message = format!("`dimensions` is {value}; expected a whole number of at least 1");
        BodyError::new(Some("dimensions"), message)
    })
}

fn encoding_of(value: &Value) -> Result<Encoding, BodyError> {
    match value.as_str() {
        Some("float") => Ok(Encoding::Float),
        Some("base64") => Ok(Encoding::Base64),
        _ => Err(BodyError::new(
            Some("encoding_format"),
            format!("`encoding_format` is {value}; expected \"float\" or \"base64\""),
        )),
    }
}

/// The caller's answer.
pub(crate) fn write_answer(answer: &Embeddings, encoding: Encoding, model: &str, tokens: u64) -> Bytes {
    let mut text = String::from(r#"{"object":"list","data":["#);
    for (index, vector) in answer.vectors.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let vector = match encoding {
            // As the nearest short decimal of an f32, which a detour over f64 would not give.
            Encoding::Float => serde_json::to_string(vector).unwrap_or_default(),
            Encoding::Base64 => {
                let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
                format!("\"{}\"", STANDARD.encode(bytes))
            }
        };
        // Writing to a string does not fail.
        let _ = write!(
            text,
            r#"{comma}{{"object":"embedding","index":{index},"embedding":{vector}}}"#
        );
    }
    let model = Value::from(model);
    let _ = write!(
        text,
        r#"],"model":{model},"usage":{{"prompt_tokens":{tokens},"total_tokens":{tokens}}}}}"#
    );
    Bytes::from(text)
}

/// The body for a model.
pub(super) fn body(model: &str, asked: &ToEmbed) -> Result<Written, Untranslatable> {
    let mut body = json!({"model": model, "encoding_format": "float"});
    body["input"] = match &asked.inputs {
        Inputs::Texts(texts) => json!(texts),
        Inputs::Tokens(lists) => json!(lists),
    };
    if let Some(dimensions) = asked.dimensions {
        body["dimensions"] = dimensions.into();
    }
    let mut dropped = asked.dropped.clone();
    // OpenAI has one kind of vector for all purposes.
    dropped.extend(asked.purpose.as_ref().map(|_| "input_type".to_owned()));
    Ok(Written {
        body: Bytes::from(body.to_string()),
        dropped,
    })
}

/// A model's answer to so many inputs.
pub(super) fn read_answer(body: &[u8], inputs: usize) -> Result<Embeddings, Broken> {
    let answer: Value = serde_json::from_slice(body)
        .map_err(|error| Broken::Protocol(format!("the answer is not JSON: {error}")))?;
    if let Some(error) = answer.get("error").filter(|error| !error.is_null()) {
        return Err(Broken::Refusal(error.clone()));
    }
    let Some(list) = answer.get("data").and_then(Value::as_array) else {
        return Err(Broken::Protocol("the answer has no `data`".to_owned()));
    };
    let mut list = list.clone();
    // Stable, so that items without an index stay as they are.
    list.sort_by_key(|item| item["index"].as_u64().unwrap_or(0));
    let vectors = vectors(&list, inputs, "data", |item| item.get("embedding")).map_err(Broken::Protocol)?;
    let usage = &answer["usage"];
    let input_tokens = usage["prompt_tokens"]
        .as_u64()
        .or_else(|| usage["total_tokens"].as_u64());
    Ok(Embeddings {
        vectors,
        input_tokens,
    })
}

#[cfg(test)]
#[path = "embed_tests.rs"]
mod tests;
