//! `cargo xtask long`: the long load, which is not part of the test.
//!
//! It builds the gateway and the load as users get them, and lets the load judge every answer while the
//! simulated upstreams fail in every way. What follows `long` is handed on to it.

use crate::process::{cargo, run};
use crate::tree::Tree;

/// Builds and runs; answers whether everything it checked held.
///
/// # Errors
/// It could not be built.
pub(crate) fn run_long(tree: &Tree, arguments: &[&str]) -> Result<bool, String> {
    let build = [
        "build",
        "--release",
        "-p",
        "modelpool-cli",
        "-p",
        "modelpool-benches",
    ];
    run(&mut cargo(tree, build))?;
    let soak = [
        "run",
        "--release",
        "-p",
        "modelpool-benches",
        "--bin",
        "soak",
        "--",
    ];
    let all = soak.into_iter().chain(arguments.iter().copied());
    Ok(run(&mut cargo(tree, all)).is_ok())
}
