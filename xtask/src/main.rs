//! Tasks of the workspace, run as `cargo xtask NAME`.
//!
//! `test` is the test command: it needs Rust, Python and Node, fetches the rest by cargo, pip and
//! npm, and runs everything that can tell whether the workspace is sound. `tidy` checks the rules of
//! the project that no compiler knows. `catalog` makes the snapshot of known models anew. `servers` runs the scripts against
//! real inference servers.
//!
//! [`test`](mod@test) runs the steps that [`steps`] lists, [`clients`] is the step with the real SDKs, [`mcp`] the one with
//! real MCP servers, and [`process`] is how all of them start other programs.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what it prints is what this program is for"
)]

mod catalog;
mod clients;
mod long;
mod manifest;
mod mcp;
mod process;
mod python_package;
mod servers;
mod steps;
mod test;
mod tidy;
mod tree;

use std::process::ExitCode;

use tree::Tree;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let names: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let tree = Tree::of_the_workspace();
    let outcome = match names.as_slice() {
        ["test", steps @ ..] if !steps.iter().any(|name| name.starts_with('-')) => test::run(&tree, steps),
        ["long", arguments @ ..] => long::run_long(&tree, arguments),
        ["catalog"] => catalog::run(&tree).map(|summary| {
            println!("{summary}");
            true
        }),
        ["servers"] => servers::run_scripts(&tree).map(|()| true),
        ["tidy"] => tidy::run(&tree).map(|summary| {
            println!("{summary}");
            true
        }),
        [] | ["help" | "--help" | "-h"] => {
            print!("{}", help());
            Ok(true)
        }
        _ => Err(format!("`{}` is no task\n\n{}", names.join(" "), help())),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn help() -> String {
    let mut help = "\
cargo xtask test              runs everything
cargo xtask test STEP...      runs these steps only
cargo xtask tidy              checks the rules of the project
cargo xtask catalog           makes the catalog of known models anew, from the release it names
cargo xtask servers           the gateway, the agent and the examples against real inference servers
cargo xtask long [OPTION]...  the long load (10 minutes; --seconds N, --breaker, --dark)

Steps of the test, in their order:
"
    .to_owned();
    for step in &steps::STEPS {
        help.push_str(&format!("  {:<10}{}\n", step.name, step.about));
    }
    help
}
