//! Pictures, sounds and documents: `inlineData` and `fileData`.
//!
//! Files at Google (`files/…` of the Gemini API, `gs://…`) are ids: no other vendor can read them. Addresses of
//! the web are taken by Gemini as they are: <https://ai.google.dev/gemini-api/docs/file-input-methods>.

use serde_json::{Value, json};

use super::names::{member, text};
use crate::neutral::{Content, Media, Source};

/// Where the Gemini API keeps files.
const FILES: &str = "https://generativelanguage.googleapis.com/";

/// As a part; `Err` says what stands in the way.
pub(super) fn written(media: &Media) -> Result<Value, &'static str> {
    match &media.source {
        Source::Data { media_type, base64 } => {
            Ok(json!({"inlineData": {"mimeType": media_type, "data": base64}}))
        }
        Source::Url(uri)
            if ["https://", "http://", "gs://"]
                .iter()
                .any(|scheme| uri.starts_with(scheme)) =>
        {
            Ok(file(uri))
        }
        Source::Url(_) => Err("is no address that Gemini can read: expected https://, http:// or gs://"),
        Source::FileId(uri) if is_google_s(uri) => Ok(file(uri)),
        Source::FileId(_) => Err("is a file at another vendor's, which Gemini cannot read"),
    }
}

fn file(uri: &str) -> Value {
    match media_type(uri) {
        Some(media_type) => json!({"fileData": {"mimeType": media_type, "fileUri": uri}}),
        None => json!({"fileData": {"fileUri": uri}}),
    }
}

fn is_google_s(uri: &str) -> bool {
    uri.starts_with(FILES) || uri.starts_with("gs://")
}

/// The type of what is at an address, by the ending of its path.
fn media_type(uri: &str) -> Option<&'static str> {
    let path = uri.split(['?', '#']).next().unwrap_or_default();
    let (_, ending) = path.rsplit_once('.')?;
    Some(match ending.to_ascii_lowercase().as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "gif" => "image/gif",
        "heic" => "image/heic",
        "heif" => "image/heif",
        "pdf" => "application/pdf",
        "txt" => "text/plain",
        "md" => "text/markdown",
        "csv" => "text/csv",
        "html" | "htm" => "text/html",
        "wav" => "audio/wav",
        "mp3" => "audio/mpeg",
        "flac" => "audio/flac",
        "ogg" => "audio/ogg",
        "aac" => "audio/aac",
        "aiff" => "audio/aiff",
        _ => return None,
    })
}

/// From the value of `inlineData` or `fileData`; `None` where it is of a kind that has no neutral form: video, or
/// an address that does not say of what.
pub(super) fn read(data: &Value, detail: Option<String>) -> Option<Content> {
    let stated = text(data, "mimeType");
    let (kind, source) = match (text(data, "data"), text(data, "fileUri")) {
        (Some(base64), _) => {
            let media_type = stated?.to_owned();
            let base64 = plain_base64(base64);
            (stated?, Source::Data { media_type, base64 })
        }
        (None, Some(uri)) => {
            let kind = stated.or_else(|| media_type(uri))?;
            let source = if is_google_s(uri) {
                Source::FileId(uri.to_owned())
            } else {
                Source::Url(uri.to_owned())
            };
            (kind, source)
        }
        (None, None) => return None,
    };
    let media = Media {
        source,
        detail,
        name: text(data, "displayName").map(str::to_owned),
    };
    Some(match kind.split('/').next() {
        Some("image") => Content::Image(media),
        Some("audio") => Content::Audio(media),
        Some("text") => Content::Document(media),
        Some("application") => Content::Document(media),
        _ => return None,
    })
}

/// How closely to look, from a part's `mediaResolution`.
pub(super) fn detail(part: &Value) -> Option<String> {
    let level = text(member(part, "mediaResolution")?, "level")?;
    match level.strip_prefix("MEDIA_RESOLUTION_")? {
        "LOW" => Some("low".to_owned()),
        "HIGH" | "ULTRA_HIGH" => Some("high".to_owned()),
        _ => None,
    }
}

/// Google's Python client writes the alphabet for addresses, which other vendors do not read.
fn plain_base64(text: &str) -> String {
    text.chars()
        .filter(|letter| !letter.is_ascii_whitespace())
        .map(|letter| match letter {
            '-' => '+',
            '_' => '/',
            other => other,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(media_type: &str, base64: &str) -> Source {
        Source::Data {
            media_type: media_type.into(),
            base64: base64.into(),
        }
    }

    #[test]
    fn media_that_have_a_part() {
        for (source, expected) in [
            (
                data("image/png", "iVB"),
                json!({"inlineData": {"mimeType": "image/png", "data": "iVB"}}),
            ),
            (
                Source::Url("https://a.example/x.JPG?size=1".into()),
                json!({"fileData": {"mimeType": "image/jpeg", "fileUri": "https://a.example/x.JPG?size=1"}}),
            ),
            (
                Source::Url("https://a.example/x".into()),
                json!({"fileData": {"fileUri": "https://a.example/x"}}),
            ),
            (
                Source::FileId("gs://b/x".into()),
                json!({"fileData": {"fileUri": "gs://b/x"}}),
            ),
        ] {
            assert_eq!(written(&Media::of(source)), Ok(expected));
        }
        for source in [
            Source::FileId("file-abc".into()),
            Source::Url("ftp://a.example/x".into()),
        ] {
            assert!(written(&Media::of(source)).is_err());
        }
    }

    #[test]
    fn parts_that_are_media() {
        let image = |source| Some(Content::Image(Media::of(source)));
        for (value, expected) in [
            (
                json!({"mime_type": "image/png", "data": "a-_\n"}),
                image(data("image/png", "a+/")),
            ),
            (
                json!({"mimeType": "image/png", "fileUri": "https://generativelanguage.googleapis.com/v1beta/files/x"}),
                image(Source::FileId(
                    "https://generativelanguage.googleapis.com/v1beta/files/x".into(),
                )),
            ),
            (
                json!({"fileUri": "https://a.example/x.gif"}),
                image(Source::Url("https://a.example/x.gif".into())),
            ),
            (
                json!({"mimeType": "application/pdf", "data": "JVB"}),
                Some(Content::Document(Media::of(data("application/pdf", "JVB")))),
            ),
            (
                json!({"mimeType": "audio/wav", "data": "UklG"}),
                Some(Content::Audio(Media::of(data("audio/wav", "UklG")))),
            ),
            (json!({"mimeType": "video/mp4", "data": "AAAA"}), None),
            (json!({"fileUri": "https://youtu.be/x"}), None),
            (json!({"data": "AAAA"}), None),
            (json!({}), None),
        ] {
            assert_eq!(read(&value, None), expected, "{value}");
        }
    }
}
