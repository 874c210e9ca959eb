//! The Python package: built as a wheel, installed where nothing else is, tested against a simulated upstream.
//!
//! The wheel is built with the profile and in the target folder of the other steps, so that only what links Python is
//! compiled anew. The suite, the examples and the types are then what users get from the wheel and not what lies beside
//! them. Other versions of Python that are installed have a quick look at the same wheel.

mod versions;

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
/// Answers which versions of Python it ran with.
///
/// # Errors
/// What could not be built or started, or what failed.
pub(crate) fn run_suite(tree: &Tree) -> Result<Vec<String>, String> {
    build_all(tree)?;
    let package = tree.path(PACKAGE);
    let folder = tree.target().join("python");
    let requirements = package.join("tests").join("requirements.txt");
    let interpreter = python::install(&requirements, &folder.join("venv"))?;
    let wheel = install_wheel(tree, &interpreter, &folder.join("wheels"))?;
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
    let mut ran = Vec::new();
    let others = versions::others(&interpreter);
    if !others.is_empty() {
        let unpacked = unpack(&interpreter, &wheel, &folder.join("unpacked"))?;
        for (version, other) in others {
            let mut command = Command::new(other);
            command
                .args(["-W", "error", "tests/every_version.py"])
                .env("PYTHONDONTWRITEBYTECODE", "1")
                .env("PYTHONPATH", &unpacked)
                .env("SIMULATOR_URL", &control)
                .envs(NO_PROXY)
                .current_dir(&package);
            match run(&mut command) {
                Ok(()) => ran.push(version),
                Err(error) => failed.push(format!("Python {version}: {error}")),
            }
        }
    }
    if failed.is_empty() {
        return Ok(vec![match ran.as_slice() {
            [] => "no other version of Python was found".to_owned(),
            ran => format!("a quick look with Python {}", ran.join(", ")),
        }]);
    }
    failed.push(format!("log: {}", upstream.log().display()));
    Err(failed.join("\n"))
}

/// Builds the wheel, and puts it in the place of the one before.
///
/// # Errors
/// It cannot be built or installed.
pub(crate) fn install_wheel(tree: &Tree, interpreter: &Path, wheels: &Path) -> Result<PathBuf, String> {
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
    let wheel = only_file(wheels)?;
    run(Command::new(interpreter).args(arguments).arg(&wheel))?;
    Ok(wheel)
}

/// What is in a wheel, in a folder of its own: a place to import it from, for interpreters that have it not installed.
fn unpack(interpreter: &Path, wheel: &Path, folder: &Path) -> Result<PathBuf, String> {
    if folder.is_dir() {
        fs::remove_dir_all(folder).map_err(|error| format!("cannot empty {}: {error}", folder.display()))?;
    }
    let mut unpack = Command::new(interpreter);
    unpack.args(["-m", "zipfile", "-e"]).arg(wheel).arg(folder);
    run(&mut unpack)?;
    Ok(folder.to_owned())
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
