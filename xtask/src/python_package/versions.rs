//! Other versions of Python than the one the suite ran with, as far as they are installed.
//!
//! One wheel serves all of them, so it has to work with each. A program of the package's tests that needs nothing else
//! looks at what may differ; nothing is installed for it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The oldest that the package is for.
const OLDEST: (u32, u32) = (3, 10);

/// Prints what an interpreter is: `cpython 3 12 1`.
const ASKS: &str = "import sys; print(sys.implementation.name, *sys.version_info[:3])";

/// A version: major, minor, patch.
type Version = (u32, u32, u32);

/// An interpreter of each minor version that is found, but for those of `but`.
pub(super) fn others(but: &Path) -> Vec<(String, PathBuf)> {
    let known = version_of(but);
    let mut found: BTreeMap<(u32, u32), (Version, PathBuf)> = BTreeMap::new();
    for program in candidates() {
        let Some(version) = version_of(&program) else {
            continue;
        };
        let minor = (version.0, version.1);
        if minor >= OLDEST && known.is_none_or(|known| (known.0, known.1) != minor) {
            found.entry(minor).or_insert((version, program));
        }
    }
    let named =
        |((major, minor, patch), program): (Version, PathBuf)| (format!("{major}.{minor}.{patch}"), program);
    found.into_values().map(named).collect()
}

/// Programs that may be interpreters: on the path by their name, and what pyenv has installed.
fn candidates() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).flat_map(|folder| files(&folder));
    let mut programs: Vec<PathBuf> = on_path
        .filter(|file| file.file_name().is_some_and(is_named_by_version))
        .collect();
    let pyenv = std::env::var_os("PYENV_ROOT").map(PathBuf::from);
    let pyenv = pyenv.or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".pyenv")));
    if let Some(pyenv) = pyenv {
        let installed = files(&pyenv.join("versions"));
        programs.extend(
            installed
                .into_iter()
                .map(|folder| folder.join("bin").join("python")),
        );
    }
    programs
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    files
}

/// `python3.12`, and not `python3.12-config` or `python3.13t`, whose interpreter has no stable binary interface.
fn is_named_by_version(name: &OsStr) -> bool {
    let minor = name.to_str().and_then(|name| {
        let name = name.strip_suffix(".exe").unwrap_or(name);
        name.strip_prefix("python3.")
    });
    minor.is_some_and(|minor| !minor.is_empty() && minor.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The version of an interpreter; `None` for what is none, does not start, or is not CPython.
fn version_of(program: &Path) -> Option<Version> {
    let output = Command::new(program).args(["-c", ASKS]).output().ok()?;
    read_version(&String::from_utf8_lossy(&output.stdout))
}

fn read_version(said: &str) -> Option<Version> {
    let mut words = said.split_whitespace();
    if words.next()? != "cpython" {
        return None;
    }
    let mut number = || words.next()?.parse().ok();
    Some((number()?, number()?, number()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpreters_are_told_by_their_names() {
        for name in ["python3.10", "python3.13", "python3.12.exe"] {
            assert!(is_named_by_version(OsStr::new(name)), "{name}");
        }
        for name in [
            "python3",
            "python",
            "python3.",
            "python3.12-config",
            "python3.13t",
            "pypy3.10",
            "python2.7",
        ] {
            assert!(!is_named_by_version(OsStr::new(name)), "{name}");
        }
    }

    #[test]
    fn an_interpreter_says_what_it_is() {
        assert_eq!(read_version("cpython 3 12 1\n"), Some((3, 12, 1)));
        assert_eq!(read_version("pypy 3 10 14\n"), None);
        assert_eq!(read_version(""), None);
        assert_eq!(read_version("cpython 3\n"), None);
    }

    #[test]
    fn what_is_no_interpreter_is_passed_over() {
        assert_eq!(version_of(Path::new("no-such-interpreter")), None);
    }
}
