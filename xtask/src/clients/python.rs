//! The suite of the official packages for Python: pytest in a virtual environment.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{SUITES, Servers};
use crate::process::{output_of, run};
use crate::tree::Tree;

/// The oldest version that the pinned packages run on.
const OLDEST: (u32, u32) = (3, 10);

pub(super) fn run_suite(tree: &Tree, servers: &Servers) -> Result<(), String> {
    let suite = tree.path(SUITES).join("python");
    let folder = tree.target().join("clients").join("python");
    let python = install(&suite.join("requirements.txt"), &folder)?;
    let mut pytest = Command::new(python);
    // Nothing is to be left behind beside the tests.
    pytest
        .args(["-m", "pytest", "-p", "no:cacheprovider"])
        .arg(&suite)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .envs(servers.environment())
        .current_dir(&suite);
    run(&mut pytest)
}

/// A virtual environment with what the requirements ask for; answers its interpreter.
///
/// # Errors
/// It cannot be made.
pub(crate) fn install(requirements: &Path, folder: &Path) -> Result<PathBuf, String> {
    let wanted = fs::read_to_string(requirements)
        .map_err(|error| format!("cannot read {}: {error}", requirements.display()))?;
    let python = if cfg!(windows) {
        folder.join("Scripts").join("python.exe")
    } else {
        folder.join("bin").join("python")
    };
    // Written last, so that a broken installation is made anew.
    let stamp = folder.join("installed.txt");
    let works = || !output_of(&python, "--version").is_empty();
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) && works() {
        println!("Python packages are installed already");
        return Ok(python);
    }
    let system = find_python()?;
    run(Command::new(system).args(["-m", "venv", "--clear"]).arg(folder))?;
    let arguments = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "-r",
    ];
    run(Command::new(&python).args(arguments).arg(requirements))?;
    fs::write(&stamp, wanted).map_err(|error| format!("cannot write {}: {error}", stamp.display()))?;
    Ok(python)
}

fn find_python() -> Result<&'static Path, String> {
    let known = ["python3", "python"].map(Path::new);
    let fits =
        |python: &&Path| version(&output_of(python, "--version")).is_some_and(|version| version >= OLDEST);
    known
        .into_iter()
        .find(fits)
        .ok_or_else(|| format!("Python {}.{} or newer is needed", OLDEST.0, OLDEST.1))
}

/// The two numbers of `Python 3.11.7`.
fn version(said: &str) -> Option<(u32, u32)> {
    let mut numbers = said.strip_prefix("Python ")?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(version("Python 3.10.0").unwrap() >= OLDEST);
        assert!(version("Python 3.9.18").unwrap() < OLDEST);
        assert!(version("Python 2.7.18").unwrap() < OLDEST);
        assert_eq!(version(""), None);
    }
}
