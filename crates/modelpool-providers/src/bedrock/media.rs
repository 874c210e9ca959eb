//! Pictures, sounds and documents of a request.
//!
//! Their bytes go along as they came, in base64. Bedrock fetches nothing from an address, and has no files of other
//! vendors.

use serde_json::{Value, json};

use crate::neutral::{Media, Source, Untranslatable};

/// Longest name of a document, with room for a number behind it: Bedrock takes 200 characters.
const MAX_NAME: usize = 190;

/// Names of documents so far: Bedrock wants each only once in a request.
#[derive(Debug, Default)]
pub(super) struct Names(Vec<String>);

/// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ImageBlock.html>.
pub(super) fn image(media: &Media, at: &str) -> Result<Value, Untranslatable> {
    let (media_type, base64) = data(media, at)?;
    let format = match essence(media_type).as_str() {
        "image/png" => "png",
        "image/jpeg" | "image/jpg" => "jpeg",
        "image/gif" => "gif",
        "image/webp" => "webp",
        _ => {
            return Err(unknown_format(
                at,
                "a picture",
                media_type,
                "png, jpeg, gif and webp",
            ));
        }
    };
    Ok(json!({"image": {"format": format, "source": {"bytes": base64}}}))
}

/// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_AudioBlock.html> (read 2026-11-27).
pub(super) fn audio(media: &Media, at: &str) -> Result<Value, Untranslatable> {
    let (media_type, base64) = data(media, at)?;
    let format = match essence(media_type).as_str() {
        "audio/mp3" | "audio/mpeg" => "mp3",
        "audio/wav" | "audio/x-wav" | "audio/wave" => "wav",
        "audio/flac" | "audio/x-flac" => "flac",
        "audio/aac" => "aac",
        "audio/ogg" => "ogg",
        "audio/opus" => "opus",
        "audio/mp4" | "audio/m4a" | "audio/x-m4a" => "m4a",
        "audio/webm" => "webm",
        _ => {
            let known = "mp3, wav, flac, aac, ogg, opus, m4a and webm";
            return Err(unknown_format(at, "a sound", media_type, known));
        }
    };
    Ok(json!({"audio": {"format": format, "source": {"bytes": base64}}}))
}

/// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_DocumentBlock.html> (read 2026-11-27).
pub(super) fn document(media: &Media, names: &mut Names, at: &str) -> Result<Value, Untranslatable> {
    let (media_type, base64) = data(media, at)?;
    let (stem, extension) = split_name(media.name.as_deref().unwrap_or_default());
    let format = document_format(&essence(media_type))
        .or_else(|| format_of_extension(extension))
        .ok_or_else(|| {
            let known = "pdf, csv, doc, docx, xls, xlsx, html, txt and md";
            unknown_format(at, "a document", media_type, known)
        })?;
    let name = names.another(stem);
    Ok(json!({"document": {"format": format, "name": name, "source": {"bytes": base64}}}))
}

fn data<'a>(media: &'a Media, at: &str) -> Result<(&'a str, &'a str), Untranslatable> {
    match &media.source {
        Source::Data { media_type, base64 } => Ok((media_type, base64)),
        Source::Url(_) => Err(Untranslatable::new(
            at,
            "is at an address, which Amazon Bedrock does not fetch: the bytes themselves can be sent",
        )),
        Source::FileId(_) => Err(Untranslatable::new(at, "is a file in another vendor's store")),
    }
}

fn unknown_format(at: &str, what: &str, media_type: &str, known: &str) -> Untranslatable {
    Untranslatable::new(
        at,
        format!("is {what} of type `{media_type}`: Amazon Bedrock takes {known}"),
    )
}

/// A media type without its parameters.
fn essence(media_type: &str) -> String {
    let essence = media_type.split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

fn document_format(essence: &str) -> Option<&'static str> {
    Some(match essence {
        "application/pdf" => "pdf",
        "text/csv" => "csv",
        "application/msword" => "doc",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document" => "docx",
        "application/vnd.ms-excel" => "xls",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" => "xlsx",
        "text/html" => "html",
        "text/plain" => "txt",
        "text/markdown" | "text/x-markdown" => "md",
        _ => return None,
    })
}

/// For types that say nothing, such as `application/octet-stream`.
fn format_of_extension(extension: &str) -> Option<&'static str> {
    const KNOWN: [&str; 9] = ["pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md"];
    KNOWN
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(extension))
}

fn split_name(name: &str) -> (&str, &str) {
    match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => (stem, extension),
        _ => (name, ""),
    }
}

impl Names {
    /// A name from a file's, as Bedrock wants it, and not had before.
    fn another(&mut self, stem: &str) -> String {
        let plain = plain_name(stem);
        let mut name = plain.clone();
        let mut number = 2_usize;
        while self.0.contains(&name) {
            name = format!("{plain} {number}");
            number += 1;
        }
        self.0.push(name.clone());
        name
    }
}

/// Letters, digits, single spaces, hyphens, parentheses and square brackets; another character becomes a hyphen.
fn plain_name(stem: &str) -> String {
    let mut name = String::new();
    for character in stem.trim().chars().take(MAX_NAME) {
        match character {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '(' | ')' | '[' | ']' => name.push(character),
            space if space.is_whitespace() => {
                if !name.ends_with(' ') {
                    name.push(' ');
                }
            }
            _ => name.push('-'),
        }
    }
    if name.contains(|character: char| character.is_ascii_alphanumeric()) {
        name.trim_end().to_owned()
    } else {
        "document".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn media(media_type: &str, name: Option<&str>) -> Media {
        Media {
            name: name.map(str::to_owned),
            ..Media::of(Source::Data {
                media_type: media_type.to_owned(),
                base64: "QQ==".to_owned(),
            })
        }
    }

    #[test]
    fn formats() {
        let format = |found: Result<Value, Untranslatable>, kind: &str| {
            found.map(|block| block[kind]["format"].as_str().unwrap().to_owned())
        };
        for (media_type, expected) in [
            ("image/png", "png"),
            ("IMAGE/JPEG; q=1", "jpeg"),
            ("image/webp", "webp"),
        ] {
            assert_eq!(
                format(image(&media(media_type, None), "m"), "image").unwrap(),
                expected
            );
        }
        for (media_type, expected) in [("audio/wav", "wav"), ("audio/mpeg", "mp3")] {
            assert_eq!(
                format(audio(&media(media_type, None), "m"), "audio").unwrap(),
                expected
            );
        }
        for (media_type, name, expected) in [
            ("application/pdf", None, "pdf"),
            ("text/plain;charset=utf-8", Some("a.md"), "txt"),
            ("application/octet-stream", Some("a.XLSX"), "xlsx"),
        ] {
            let found = document(&media(media_type, name), &mut Names::default(), "m");
            assert_eq!(format(found, "document").unwrap(), expected, "{media_type}");
        }
        let refused = image(&media("image/tiff", None), "messages[0].content[1]").unwrap_err();
        assert_eq!(
            (refused.field.as_str(), refused.reason.as_str()),
            (
                "messages[0].content[1]",
                "is a picture of type `image/tiff`: Amazon Bedrock takes png, jpeg, gif and webp"
            )
        );
        assert!(audio(&media("audio/midi", None), "m").is_err());
        assert!(
            document(
                &media("application/zip", Some("a.zip")),
                &mut Names::default(),
                "m"
            )
            .is_err()
        );
        assert!(image(&Media::of(Source::Url("https://a.example/x.png".to_owned())), "m").is_err());
        assert!(image(&Media::of(Source::FileId("file-1".to_owned())), "m").is_err());
    }

    #[test]
    fn names_are_plain_and_had_once() {
        let mut names = Names::default();
        for (stem, expected) in [
            ("report", "report"),
            ("report", "report 2"),
            ("report 2", "report 2 2"),
            (" a  b_c/d (1) [x] ", "a b-c-d (1) [x]"),
            ("图", "document"),
            ("", "document 2"),
            ("--", "document 3"),
        ] {
            assert_eq!(names.another(stem), expected, "{stem}");
        }
        assert_eq!(plain_name(&"x".repeat(300)).len(), MAX_NAME);
        assert_eq!(split_name("a.b.pdf"), ("a.b", "pdf"));
        assert_eq!(split_name(".pdf"), (".pdf", ""));
    }
}
