//! `cargo xtask long`: what takes too long for the test.
//!
//! First every decoder of a stream is given ten million streams that were tampered with. Then the gateway and
//! the load are built as users get them, and the load judges every answer while the simulated upstreams fail in
//! every way. What follows `long` is handed on to the load.

use crate::process::{cargo, run};
use crate::tree::Tree;

/// Inputs of each of the seven decoders.
const MUTATIONS: &str = "1430000";

/// Builds and runs; answers whether everything it checked held.
///
/// # Errors
/// It could not be built.
pub(crate) fn run_long(tree: &Tree, arguments: &[&str]) -> Result<bool, String> {
    let mutations = [
        "test",
        "--release",
        "-p",
        "modelpool-providers",
        "--lib",
        "mutations",
    ];
    let decoders = run(cargo(tree, mutations).env("MODELPOOL_MUTATIONS", MUTATIONS)).is_ok();
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
    let load = run(&mut cargo(tree, all)).is_ok();
    Ok(decoders && load)
}
