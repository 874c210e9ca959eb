//! What a person says to a model: words, what is piped in, images.

use std::fs;
use std::io::{self, IsTerminal as _, Read as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::exit::Failure;

/// The longest message or image that is sent, in bytes.
const MAX_INPUT_BYTES: u64 = 20 << 20;

/// The words of the command line, then what is piped in; empty where there is neither.
pub(crate) fn message(words: &[String]) -> Result<String, Failure> {
    let mut text = words.join(" ");
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        let mut piped = String::new();
        let read = stdin.lock().take(MAX_INPUT_BYTES + 1).read_to_string(&mut piped);
        read.map_err(|error| Failure::failed(format!("cannot read standard input: {error}")))?;
        check_size("standard input", piped.len() as u64)?;
        if !text.is_empty() && !piped.trim().is_empty() {
            text.push_str("\n\n");
        }
        text.push_str(piped.trim_end());
    }
    Ok(if text.trim().is_empty() {
        String::new()
    } else {
        text
    })
}

/// An image as a URL with its bytes in it.
pub(crate) fn image(file: &Path) -> Result<String, Failure> {
    let name = file.display();
    let cannot_read = |error| Failure::failed(format!("cannot read {name}: {error}"));
    let length = fs::metadata(file).map_err(cannot_read)?.len();
    check_size(&name.to_string(), length)?;
    let bytes = fs::read(file).map_err(cannot_read)?;
    let Some(media_type) = media_type(&bytes) else {
        return Err(Failure::failed(format!(
            "{name} is no image: expected PNG, JPEG, GIF or WebP"
        )));
    };
    Ok(format!("data:{media_type};base64,{}", STANDARD.encode(bytes)))
}

fn check_size(name: &str, length: u64) -> Result<(), Failure> {
    if length <= MAX_INPUT_BYTES {
        return Ok(());
    }
    let limit = MAX_INPUT_BYTES >> 20;
    Err(Failure::failed(format!("{name} is longer than {limit} MiB")))
}

/// What an image is by its first bytes, whatever its name says.
fn media_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [0xFF, 0xD8, 0xFF, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}
