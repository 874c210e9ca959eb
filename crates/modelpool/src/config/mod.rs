//! Reading `modelpool.yaml`, or the same shape as TOML or JSON.
//!
//! A configuration is where a user meets this project first, and where a mistake costs most: a
//! gateway that starts on half of what was meant sends requests, and money, to the wrong place. So
//! the reader finds *all* mistakes of a file before anything starts, says for each where it stands
//! and what would be right, and never shows a secret while doing so.
//!
//! What happens to a file, in this order:
//!
//! 1. `yaml`, `toml` or `json` turns it into one tree (`node`) that knows the line and column of
//!    every value and key.
//! 2. `variables` puts `${NAME}` into string values. The environment is handed in.
//! 3. `walk` checks the tree against the static tables in `tables`: unknown keys, types, ranges.
//!    The JSON Schema and the reference page are made of the same tables (`document`).
//! 4. `semantics` checks what values mean together, and asks [`SemanticChecks`] about the free
//!    parts (`capabilities`, `requirements`, `prefer`, `selector`), which other crates understand.
//! 5. Without a mistake, `file` and `policies` build [`FileConfig`]; else all mistakes come back as [`Problems`].
//!
//! Nothing is accepted and ignored: a key that a later version will bring is refused by name.
//!
//! ```
//! use modelpool::config::{self, Format, NoChecks};
//!
//! let environment = |name: &str| (name == "KEY").then(|| "secret".to_owned());
//! let source = "models:\n  - {alias: fast, provider: openai, modle_name: m, api_key: ${KEY}}\n";
//! let problems = config::read(source, Format::Yaml, "m.yaml", &environment, &NoChecks).unwrap_err();
//! assert!(problems.to_string().starts_with(
//!     "m.yaml:2:5: models[0]: missing the key `model_name`, only a wildcard alias goes without\n\
//!      m.yaml:2:37: models[0].modle_name: unknown key, did you mean `model_name`? accepted: alias, "
//! ));
//! ```

mod checks;
mod document;
mod excerpt;
mod fields;
mod file;
mod json;
mod lines;
mod names;
mod node;
mod path;
mod policies;
mod problem;
mod semantics;
mod tables;
mod toml;
mod variables;
mod view;
mod walk;
mod wire;
mod yaml;

use std::fs::File;
use std::io::Read as _;

pub use modelpool_core::{BreakerSettings, ModelLimits, Timeouts};
pub use modelpool_engine::{Hedging, OnLoss, RetryPolicy};

pub use self::checks::{Finding, NoChecks, Question, SemanticChecks, Subject};
pub use self::document::{json_schema, reference_markdown};
pub use self::file::{FileConfig, FileKey, FileModel, FilePool, Located, Store};
pub use self::node::Position;
pub use self::path::{Path, Segment};
pub use self::problem::{Problem, Problems};
pub use self::variables::Environment;

use self::lines::Lines;
use self::problem::Collector;
use self::view::View;

/// The longest file that is read, in bytes.
pub const MAX_FILE_BYTES: u64 = 16 << 20;

/// The format a configuration is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// YAML 1.2.
    Yaml,
    /// TOML 1.1.
    Toml,
    /// JSON (RFC 8259).
    Json,
}

impl Format {
    /// The format a file's ending stands for: `.yaml`, `.yml`, `.toml` or `.json`.
    #[must_use]
    pub fn of_file(path: &std::path::Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?.to_ascii_lowercase();
        match ending.as_str() {
            "yaml" | "yml" => Some(Self::Yaml),
            "toml" => Some(Self::Toml),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// Reads and checks a file; its ending says the format, its path is the name in messages.
///
/// # Errors
///
/// All mistakes of the file, or the one that kept it from being read: it is missing or unreadable,
/// longer than [`MAX_FILE_BYTES`], not UTF-8, or of an unknown ending.
pub fn read_file(
    path: &std::path::Path,
    environment: &dyn Environment,
    checks: &dyn SemanticChecks,
) -> Result<FileConfig, Problems> {
    let file_name = path.display().to_string();
    let refused = |message: &str, hint: Option<&str>| {
        Problems::of_file(&file_name, message.to_owned(), hint.map(str::to_owned))
    };
    let format = Format::of_file(path).ok_or_else(|| {
        let hint = "name it .yaml, .yml, .toml or .json";
        refused("the ending of the file does not say its format", Some(hint))
    })?;
    let cannot_read = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => refused("there is no such file", None),
        std::io::ErrorKind::IsADirectory => refused("this is a directory, not a file", None),
        _ => refused(&format!("cannot read the file: {error}"), None),
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(cannot_read)?;
    let mut limited = file.take(MAX_FILE_BYTES + 1);
    limited.read_to_end(&mut bytes).map_err(cannot_read)?;
    read_bytes(&bytes, format, &file_name, environment, checks)
}

/// Reads and checks a configuration that may not be text at all.
///
/// # Errors
///
/// All its mistakes, or the one that keeps it from being text of a reasonable length.
pub fn read_bytes(
    bytes: &[u8],
    format: Format,
    file_name: &str,
    environment: &dyn Environment,
    checks: &dyn SemanticChecks,
) -> Result<FileConfig, Problems> {
    match std::str::from_utf8(bytes) {
        Ok(source) => read(source, format, file_name, environment, checks),
        Err(_) if bytes.len() as u64 > MAX_FILE_BYTES => Err(too_long(file_name)),
        Err(error) => {
            let (valid, invalid) = bytes.split_at(error.valid_up_to());
            let valid = std::str::from_utf8(valid).unwrap_or_default();
            let lines = Lines::new(valid);
            let message = format!(
                "the file is not UTF-8, the byte 0x{:02X} begins no character",
                invalid.first().copied().unwrap_or_default()
            );
            let mut problems = Collector::default();
            problems.report_syntax(lines.position(valid.len()), message);
            Err(finish(problems, file_name, &lines))
        }
    }
}

/// Reads and checks a configuration. `file_name` is what messages call it.
///
/// # Errors
///
/// All mistakes of the text, in the order of their places. If it breaks the rules of its format
/// only those are reported, since nothing is known of the rest.
pub fn read(
    source: &str,
    format: Format,
    file_name: &str,
    environment: &dyn Environment,
    checks: &dyn SemanticChecks,
) -> Result<FileConfig, Problems> {
    if source.len() as u64 > MAX_FILE_BYTES {
        return Err(too_long(file_name));
    }
    let source = source.strip_prefix('\u{FEFF}').unwrap_or(source);
    let lines = Lines::new(source);
    let mut problems = Collector::default();
    if source.trim().is_empty() {
        problems.report_syntax(node::Position::START, "the file is empty");
        return Err(finish(problems, file_name, &lines));
    }
    let tree = match format {
        Format::Yaml => yaml::parse(source, &mut problems),
        Format::Toml => toml::parse(source, &lines, &mut problems),
        Format::Json => json::parse(source, &lines, &mut problems),
    };
    let Some(mut tree) = tree else {
        if problems.is_empty() {
            problems.report_syntax(node::Position::START, "the file says nothing");
        }
        return Err(finish(problems, file_name, &lines));
    };
    variables::expand(&mut tree, environment, &mut problems);
    let root = Path::root();
    walk::duplicates(&tree, &root, &mut problems);
    walk::section(&tables::FILE, &tree, &root, &mut problems);
    let file = View::new(&tables::FILE, Some(&tree), root);
    if !problems.is_full() {
        semantics::check(&file, checks, &mut problems);
    }
    match problems.finish(file_name, &lines) {
        None => Ok(FileConfig::build(file_name, &file)),
        Some(problems) => Err(problems),
    }
}

fn too_long(file_name: &str) -> Problems {
    let message = format!("the file is longer than {} MiB", MAX_FILE_BYTES >> 20);
    Problems::of_file(file_name, message, None)
}

/// The list of a collector that is known to hold a mistake.
fn finish(problems: Collector, file_name: &str, lines: &Lines<'_>) -> Problems {
    let problems = problems.finish(file_name, lines);
    problems.unwrap_or_else(|| Problems::of_file(file_name, "the file is wrong".to_owned(), None))
}
