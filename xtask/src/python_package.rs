//! The Python package: built as a wheel, installed where nothing else is, tested against a simulated upstream.
//!
//! The wheel is built with the profile and in the target folder of the other steps, so that only what links Python is
//! compiled anew. The suite, the examples and the types are then what users get from the wheel and not what lies beside
//! them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::clients::{NO_PROXY, python, start_upstream};
use crate::process::run;
use crate::steps::build_all;
use crate::tree::Tree;

/// Where the package is.
const PACKAGE: &str = "bindings/python";

/// Builds, installs and tests it.
///
/// # Errors
/// What could not be built or started, or what failed.
pub(crate) fn run_suite(tree: &Tree) -> Result<(), String> {
    build_all(tree)?;
    let package = tree.path(PACKAGE);
    let folder = tree.target().join("python");
    let requirements = package.join("tests").join("requirements.txt");
    let interpreter = python::install(&requirements, &folder.join("venv"))?;
    install_wheel(tree, &interpreter, &folder.join("wheels"))?;
    let upstream = start_upstream(tree, &folder.join("upstream.log"))?;
    let control = format!("http://{}/simulator", upstream.address());
    println!("simulated upstream at {}", upstream.address());
    let suites: [&[&str]; 3] = [
        &["-m", "pytest", "-p", "no:cacheprovider", "tests"],
        &["-m", "mypy.stubtest", "modelpool", "--concise"],
        &["-m", "mypy", "--strict", "-p", "modelpool"],
    ];
    let mut failed = Vec::new();
    for suite in suites {
        let mut command = Command::new(&interpreter);
        command
            .args(suite)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("MYPY_CACHE_DIR", folder.join("mypy"))
            .env("SIMULATOR_URL", &control)
            .env("EXAMPLES", tree.path("examples/python"))
            .envs(NO_PROXY)
            .current_dir(&package);
        failed.extend(run(&mut command).err());
    }
    if failed.is_empty() {
        return Ok(());
    }
    failed.push(format!("log: {}", upstream.log().display()));
    Err(failed.join("\n"))
}

/// Builds the wheel, and puts it in the place of the one before.
///
/// # Errors
/// It cannot be built or installed.
pub(crate) fn install_wheel(tree: &Tree, interpreter: &Path, wheels: &Path) -> Result<(), String> {
    if wheels.is_dir() {
        fs::remove_dir_all(wheels).map_err(|error| format!("cannot empty {}: {error}", wheels.display()))?;
    }
    let mut build = Command::new(interpreter);
    build
        .args(["-m", "maturin", "build", "--profile", "dev", "--out"])
        .arg(wheels)
        .arg("--target-dir")
        .arg(tree.target())
        .current_dir(tree.path(PACKAGE));
    run(&mut build)?;
    let arguments = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--force-reinstall",
        "--no-deps",
    ];
    run(Command::new(interpreter).args(arguments).arg(only_file(wheels)?))
}

fn only_file(folder: &Path) -> Result<PathBuf, String> {
    let entries =
        fs::read_dir(folder).map_err(|error| format!("cannot read {}: {error}", folder.display()))?;
    let mut files = entries.filter_map(|entry| Some(entry.ok()?.path()));
    match (files.next(), files.next()) {
        (Some(file), None) => Ok(file),
        _ => Err(format!("{} does not hold one wheel", folder.display())),
    }
}
