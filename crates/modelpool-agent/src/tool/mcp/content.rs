//! What a server answers becomes text, as models read it.
//!
//! Pictures, sound and other bytes are said in words: the results of tools are text.

use std::fmt::Write as _;

use rmcp::model::{CallToolResult, ContentBlock, ResourceContents};

use crate::tool::{ToolError, ToolOutput};

/// The result of a call, or what the server says went wrong.
pub(super) fn output(result: CallToolResult) -> Result<ToolOutput, ToolError> {
    let failed = result.is_error == Some(true);
    let mut texts: Vec<String> = result.content.into_iter().map(text).collect();
    // Servers that answer in structure are to say the same in text; not all do.
    if texts.is_empty()
        && let Some(structured) = result.structured_content
    {
        texts.push(structured.to_string());
    }
    let text = texts.join("\n");
    if !failed {
        return Ok(ToolOutput { text });
    }
    if text.is_empty() {
        return Err(ToolError::from("it failed and did not say why"));
    }
    Err(ToolError(text))
}

fn text(block: ContentBlock) -> String {
    match block {
        ContentBlock::Text(text) => text.text,
        ContentBlock::Image(image) => in_words("an image", &image.mime_type, image.data.len()),
        ContentBlock::Audio(audio) => in_words("a sound", &audio.mime_type, audio.data.len()),
        ContentBlock::Resource(embedded) => match embedded.resource {
            ResourceContents::TextResourceContents { uri, text, .. } => format!("[{uri}]\n{text}"),
            ResourceContents::BlobResourceContents {
                uri, mime_type, blob, ..
            } => {
                let kind = mime_type.as_deref().unwrap_or("of unknown type");
                format!("[{uri}] {}", in_words("bytes", kind, blob.len()))
            }
            _ => UNKNOWN.to_owned(),
        },
        ContentBlock::ResourceLink(link) => {
            let mut told = format!("[a link to {}: {}", link.name, link.uri);
            if let Some(kind) = &link.mime_type {
                let _infallible = write!(told, ", {kind}");
            }
            if let Some(description) = &link.description {
                let _infallible = write!(told, ", {description}");
            }
            told.push(']');
            told
        }
        _ => UNKNOWN.to_owned(),
    }
}

const UNKNOWN: &str = "[something that cannot be shown as text]";

/// What base64 of that length holds, without it.
fn in_words(what: &str, kind: &str, base64_length: usize) -> String {
    format!(
        "[{what}, {kind}, about {} bytes; it cannot be shown as text]",
        base64_length / 4 * 3
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(result: serde_json::Value) -> Result<String, String> {
        let result = serde_json::from_value(result).expect("a result");
        output(result)
            .map(|output| output.text)
            .map_err(|mistake| mistake.0)
    }

    #[test]
    fn every_kind_of_content_becomes_text() {
        let result = json!({"content": [
            {"type": "text", "text": "two files"},
            {"type": "image", "data": "AAAAAAAA", "mimeType": "image/png"},
            {"type": "audio", "data": "AAAA", "mimeType": "audio/wav"},
            {"type": "resource", "resource": {"uri": "file:///a", "text": "hello"}},
            {"type": "resource", "resource": {"uri": "file:///b", "blob": "AAAA"}},
            {"type": "resource_link", "uri": "file:///c", "name": "c", "mimeType": "text/plain"},
        ]});
        assert_eq!(
            told(result).as_deref(),
            Ok("two files\n\
                [an image, image/png, about 6 bytes; it cannot be shown as text]\n\
                [a sound, audio/wav, about 3 bytes; it cannot be shown as text]\n\
                [file:///a]\nhello\n\
                [file:///b] [bytes, of unknown type, about 3 bytes; it cannot be shown as text]\n\
                [a link to c: file:///c, text/plain]")
        );
    }

    #[test]
    fn structure_alone_is_told_as_json() {
        let result = json!({"content": [], "structuredContent": {"degrees": 21}});
        assert_eq!(told(result).as_deref(), Ok(r#"{"degrees":21}"#));
    }

    #[test]
    fn an_error_is_an_error() {
        let result = json!({"content": [{"type": "text", "text": "no such file"}], "isError": true});
        assert_eq!(told(result), Err("no such file".to_owned()));
        assert!(told(json!({"content": [], "isError": true})).is_err());
    }
}
