//! The suite of the official packages for Node: its own test runner, in a copy of the suite.
//!
//! Node looks for packages beside the file that imports them and above it, so the suite is copied to
//! where they are installed instead of installing them into the sources.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use super::{SUITES, Servers};
use crate::process::{output_of, run};
use crate::tree::Tree;

/// The oldest version the suite runs on.
const OLDEST: u32 = 20;

const NPM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };

pub(super) fn run_suite(tree: &Tree, servers: &Servers) -> Result<(), String> {
    check_version()?;
    let folder = tree.target().join("clients").join("node");
    let suite = tree.path(SUITES).join("node");
    let tests = copy(&suite, &folder)
        .map_err(|error| format!("cannot copy {} to {}: {error}", suite.display(), folder.display()))?;
    install(&folder)?;
    let mut node = Command::new("node");
    node.args(["--test", "--test-reporter=spec"])
        .args(tests)
        .envs(servers.environment())
        .current_dir(&folder);
    run(&mut node)
}

/// Copies the suite, and answers its tests. What is no longer in the sources leaves the copy, too.
fn copy(suite: &Path, folder: &Path) -> io::Result<Vec<String>> {
    fs::create_dir_all(folder)?;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "mjs") {
            fs::remove_file(path)?;
        }
    }
    let mut tests = Vec::new();
    for entry in fs::read_dir(suite)? {
        let entry = entry?;
        // Packages that someone installed among the sources stay there.
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), folder.join(entry.file_name()))?;
            tests.extend(entry.file_name().into_string());
        }
    }
    tests.retain(|name| name.ends_with(".test.mjs"));
    tests.sort();
    Ok(tests)
}

/// Whether Node is there and new enough.
///
/// # Errors
/// It is not.
pub(crate) fn check_version() -> Result<(), String> {
    let said = output_of(Path::new("node"), "--version");
    if version(&said).is_none_or(|version| version < OLDEST) {
        return Err(format!("Node {OLDEST} or newer is needed"));
    }
    Ok(())
}

/// Installs what the `package.json` in the folder asks for, if that was not done before.
///
/// # Errors
/// It cannot be installed.
pub(crate) fn install(folder: &Path) -> Result<(), String> {
    let wanted = fs::read_to_string(folder.join("package.json"))
        .map_err(|error| format!("cannot read package.json: {error}"))?;
    // Written last, so that a broken installation is made anew.
    let stamp = folder.join("installed.json");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        println!("Node packages are installed already");
        return Ok(());
    }
    let arguments = [
        "install",
        "--no-audit",
        "--no-fund",
        "--no-package-lock",
        "--ignore-scripts",
        "--loglevel=error",
    ];
    run(Command::new(NPM).args(arguments).current_dir(folder))?;
    fs::write(&stamp, wanted).map_err(|error| format!("cannot write {}: {error}", stamp.display()))
}

/// The first number of `v20.20.2`.
fn version(said: &str) -> Option<u32> {
    said.strip_prefix('v')?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(version("v18.20.4"), Some(18));
        assert!(version("v9.0.0").unwrap() < OLDEST);
        assert_eq!(version("not found"), None);
    }
}
