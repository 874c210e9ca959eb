//! The parts of a message's content, both ways.
//!
//! OpenAI's wire has texts everywhere; pictures, sounds and files in a user's message only. A picture stands
//! there by address or in a `data:` address, a sound in base64 as WAV or MP3, a file in base64 or by its id:
//! <https://platform.openai.com/docs/api-reference/chat/create>. Everything else is refused.

use serde_json::{Value, json};

use super::members::Members;
use super::read::BodyError;
use crate::neutral::{Content, Issuer, Media, ReasoningPart, Signature, Source, Untranslatable};

/// Reads the content at `key`: a string, a list of parts, or nothing.
pub(super) fn read(
    of: &Members<'_>,
    key: &str,
    untranslatable: &mut Vec<String>,
) -> Result<Vec<Content>, BodyError> {
    match of.get(key) {
        None => Ok(Vec::new()),
        Some(Value::String(text)) if text.is_empty() => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(vec![Content::text(text)]),
        Some(Value::Array(_)) => {
            let mut content = Vec::new();
            for item in of.objects(key)? {
                match part(&item)? {
                    Some(part) => content.push(part),
                    None => untranslatable.push(item.own_path().to_owned()),
                }
            }
            Ok(content)
        }
        Some(other) => Err(of.fault(key, other, "a string or a list of parts")),
    }
}

/// One part; `None` for one that has no neutral form.
fn part(item: &Members<'_>) -> Result<Option<Content>, BodyError> {
    Ok(Some(match item.required_text("type")? {
        "text" | "input_text" | "output_text" => Content::text(item.required_text("text")?),
        "refusal" => Content::Refusal(item.required_text("refusal")?.to_owned()),
        "image_url" => Content::Image(image(item)?),
        "input_audio" => Content::Audio(audio(&item.required_object("input_audio")?)?),
        "file" => Content::Document(file(&item.required_object("file")?)?),
        "thinking" => Content::Reasoning(ReasoningPart {
            text: item.get("thinking").map(thinking_text).unwrap_or_default(),
            ..ReasoningPart::default()
        }),
        _ => return Ok(None),
    }))
}

fn image(item: &Members<'_>) -> Result<Media, BodyError> {
    // Many callers write the address without the object around it, and many servers take it.
    if let Some(url) = item.get("image_url").and_then(Value::as_str) {
        return Ok(Media::of(Source::from_url(url)));
    }
    let image = item.required_object("image_url")?;
    Ok(Media {
        source: Source::from_url(image.required_text("url")?),
        detail: image.text("detail")?.map(str::to_owned),
        name: None,
    })
}

fn audio(audio: &Members<'_>) -> Result<Media, BodyError> {
    let media_type = match audio.required_text("format")? {
        "mp3" => "audio/mpeg".to_owned(),
        format => format!("audio/{format}"),
    };
    let data = audio.required_text("data")?;
    Ok(Media::of(Source::Data {
        media_type,
        base64: data.to_owned(),
    }))
}

fn file(file: &Members<'_>) -> Result<Media, BodyError> {
    let name = file.text("filename")?;
    let source = match (file.text("file_data")?, file.text("file_id")?) {
        (Some(data), _) => match Source::from_url(data) {
            Source::Url(url) if url.starts_with("http://") || url.starts_with("https://") => Source::Url(url),
            Source::Url(url) if url.starts_with("data:") => {
                return Err(file.fault(
                    "file_data",
                    &Value::from(url),
                    "base64, or a data: address with base64",
                ));
            }
            // Base64 without the address around it; the name tells what it is.
            Source::Url(base64) => Source::Data {
                media_type: media_type_of(name.unwrap_or_default()).to_owned(),
                base64,
            },
            source => source,
        },
        (None, Some(id)) => Source::FileId(id.to_owned()),
        (None, None) => return Err(file.missing("file_data", "base64, or `file_id` in its place")),
    };
    Ok(Media {
        source,
        detail: None,
        name: name.map(str::to_owned),
    })
}

fn media_type_of(name: &str) -> &'static str {
    let ending = name
        .rsplit_once('.')
        .map(|(_, ending)| ending.to_ascii_lowercase());
    match ending.as_deref() {
        None | Some("pdf") => "application/pdf",
        Some("txt") => "text/plain",
        Some("md") => "text/markdown",
        Some("csv") => "text/csv",
        Some("html" | "htm") => "text/html",
        Some("json") => "application/json",
        Some(_) => "application/octet-stream",
    }
}

/// Mistral's reasoning: a text, or a list of parts that hold one.
pub(super) fn thinking_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        _ => String::new(),
    }
}

/// What Gemini wants back with a call, from the call's `extra_content`:
/// <https://ai.google.dev/gemini-api/docs/thought-signatures>.
pub(super) fn thought_signature(extra: &Value) -> Option<Signature> {
    let text = extra["google"]["thought_signature"].as_str()?;
    (!text.is_empty()).then(|| Signature::read_from(Issuer::Gemini, text))
}

/// The other way round.
pub(super) fn extra_content(signature: &Signature) -> Value {
    json!({"google": {"thought_signature": signature.written_for(Issuer::Gemini)}})
}

/// A part of a user's message, for a model. `path` is where it stands, for a refusal.
pub(super) fn write(content: &Content, path: &str) -> Result<Value, Untranslatable> {
    match content {
        Content::Text(text) => Ok(json!({"type": "text", "text": text.text})),
        Content::Image(media) => write_image(media, path),
        Content::Audio(media) => write_audio(media, path),
        Content::Document(media) => write_file(media, path),
        Content::Reasoning(_) | Content::Refusal(_) | Content::ToolCall(_) | Content::ToolResult(_) => {
            Err(Untranslatable::new(
                path,
                "cannot stand in a user's message of OpenAI's chat completions",
            ))
        }
    }
}

fn write_image(media: &Media, path: &str) -> Result<Value, Untranslatable> {
    let url = media.source.to_url().ok_or_else(|| {
        let reason =
            "is a picture under a vendor's id, and OpenAI's chat completions take addresses and data only";
        Untranslatable::new(path, reason)
    })?;
    let mut image = json!({"url": url});
    if let Some(detail) = &media.detail {
        image["detail"] = Value::from(detail.as_str());
    }
    Ok(json!({"type": "image_url", "image_url": image}))
}

fn write_audio(media: &Media, path: &str) -> Result<Value, Untranslatable> {
    let Source::Data { media_type, base64 } = &media.source else {
        let reason = "is a sound that is not in the request, and OpenAI's chat completions take no other";
        return Err(Untranslatable::new(path, reason));
    };
    let format = match media_type.as_str() {
        "audio/wav" | "audio/x-wav" | "audio/wave" | "audio/vnd.wave" => "wav",
        "audio/mpeg" | "audio/mp3" => "mp3",
        other => {
            let reason = format!("is {other}, and OpenAI's chat completions take audio/wav and audio/mpeg");
            return Err(Untranslatable::new(path, reason));
        }
    };
    Ok(json!({"type": "input_audio", "input_audio": {"data": base64, "format": format}}))
}

fn write_file(media: &Media, path: &str) -> Result<Value, Untranslatable> {
    let file = match &media.source {
        // The wire wants a name with data; where there is none, one that says as much.
        Source::Data { media_type, .. } => {
            let own = if media_type == "application/pdf" {
                "document.pdf"
            } else {
                "document"
            };
            let name = media.name.as_deref().unwrap_or(own);
            json!({"filename": name, "file_data": media.source.to_url()})
        }
        Source::FileId(id) => json!({"file_id": id}),
        Source::Url(_) => {
            let reason = "is a document by address, and OpenAI's chat completions take data and ids only";
            return Err(Untranslatable::new(path, reason));
        }
    };
    Ok(json!({"type": "file", "file": file}))
}
