//! The steps of the test command.
//!
//! What finds a mistake soonest stands first. All of them build with the same profile and the same
//! features, so that nothing is compiled twice.

use crate::manifest::Manifest;
use crate::process::{cargo, run, run_and_look};
use crate::tree::Tree;
use crate::{clients, mcp, python_package, tidy};

/// One step.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// Does it; the error is why it failed.
    pub(crate) run: fn(&Tree) -> Result<Outcome, String>,
}

/// How a step went that did not fail.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Done, with what is worth saying in the end.
    Done(Vec<String>),
    /// Not done, and why.
    Skipped(String),
}

/// Features of the workspace that are off by default and on in every step, so that nothing is compiled twice.
pub(crate) const FEATURES: &str = "modelpool-cli/mcp";

/// The tests of the one feature that is off in every other step: its tables would make everything larger.
const TOKENIZERS: [&str; 7] = [
    "test",
    "--package",
    "modelpool-agent",
    "--lib",
    "--features",
    "tokenizer",
    "context::tokens",
];

const DONE: Outcome = Outcome::Done(Vec::new());

/// All steps, in their order.
pub(crate) static STEPS: [Step; 11] = [
    Step {
        name: "fmt",
        about: "the code is formatted",
        run: fmt,
    },
    Step {
        name: "clippy",
        about: "no warnings, in any target",
        run: clippy,
    },
    Step {
        name: "tidy",
        about: "the rules of the project are kept",
        run: |tree| Ok(Outcome::Done(vec![tidy::run(tree)?])),
    },
    Step {
        name: "test",
        about: "unit and integration tests",
        run: test,
    },
    Step {
        name: "doctest",
        about: "the examples in the documentation run",
        run: doctest,
    },
    Step {
        name: "doc",
        about: "the documentation builds, with no broken link",
        run: doc,
    },
    Step {
        name: "features",
        about: "each package alone, each feature alone, and the exact tokenizers",
        run: features,
    },
    Step {
        name: "deny",
        about: "licences and banned crates, where cargo-deny is installed",
        run: deny,
    },
    Step {
        name: "clients",
        about: "the official SDKs for Python and Node against the gateway",
        run: |tree| clients::run_suites(tree).map(|()| DONE),
    },
    Step {
        name: "python",
        about: "the Python package: its tests, its types, and the examples",
        run: |tree| python_package::run_suite(tree).map(Outcome::Done),
    },
    Step {
        name: "mcp",
        about: "the agent's tools against other people's MCP servers",
        run: |tree| mcp::check(tree).map(|()| DONE),
    },
];

fn fmt(tree: &Tree) -> Result<Outcome, String> {
    run(&mut cargo(tree, ["fmt", "--all", "--check"]))?;
    Ok(DONE)
}

fn clippy(tree: &Tree) -> Result<Outcome, String> {
    let arguments = ["clippy", "--workspace", "--all-targets", "--features", FEATURES];
    let lints = ["--", "-D", "warnings"];
    run(&mut cargo(tree, arguments.into_iter().chain(lints)))?;
    Ok(DONE)
}

fn test(tree: &Tree) -> Result<Outcome, String> {
    // All of them even if one fails: a list of failures says more than the first.
    run_tests(
        tree,
        &[
            "test",
            "--workspace",
            "--lib",
            "--bins",
            "--tests",
            "--examples",
            "--features",
            FEATURES,
            "--no-fail-fast",
        ],
    )
}

fn doctest(tree: &Tree) -> Result<Outcome, String> {
    run_tests(
        tree,
        &[
            "test",
            "--workspace",
            "--doc",
            "--features",
            FEATURES,
            "--no-fail-fast",
        ],
    )
}

/// Builds all that suites of their own run, as it was built for the tests.
pub(crate) fn build_all(tree: &Tree) -> Result<(), String> {
    // Tests are named along with the binaries so that features are the ones of the test step.
    let arguments = [
        "build",
        "--workspace",
        "--bins",
        "--tests",
        "--examples",
        "--features",
        FEATURES,
    ];
    run(&mut cargo(tree, arguments))
}

fn run_tests(tree: &Tree, arguments: &[&str]) -> Result<Outcome, String> {
    let mut results = Vec::new();
    let ran = run_and_look(&mut cargo(tree, arguments.iter().copied()), |line| {
        if line.starts_with("test result:") && !line.contains(" 0 passed; 0 failed; 0 ignored;") {
            results.push(line.to_owned());
        }
    });
    match ran {
        Ok(()) => Ok(Outcome::Done(results)),
        Err(why) => Err([results, vec![why]].concat().join("\n")),
    }
}

fn doc(tree: &Tree) -> Result<Outcome, String> {
    let mut command = cargo(tree, ["doc", "--no-deps", "--workspace"]);
    run(command.env("RUSTDOCFLAGS", "-D warnings"))?;
    Ok(DONE)
}

fn features(tree: &Tree) -> Result<Outcome, String> {
    let mut checked = 0;
    for package in Manifest::all(tree)? {
        // Alone: beside others a package has what their features switch on in what they share.
        let base = ["check", "--package", &package.name, "--no-default-features"];
        run(&mut cargo(tree, base))?;
        checked += 1;
        for feature in package.features.iter().filter(|name| *name != "default") {
            run(&mut cargo(tree, base.into_iter().chain(["--features", feature])))?;
            checked += 1;
        }
    }
    let Outcome::Done(mut notes) = run_tests(tree, &TOKENIZERS)? else {
        return Err("the tests of the exact tokenizers were skipped".to_owned());
    };
    if notes.is_empty() {
        return Err("no test of the exact tokenizers ran".to_owned());
    }
    notes.insert(0, format!("{checked} sets of features"));
    Ok(Outcome::Done(notes))
}

fn deny(tree: &Tree) -> Result<Outcome, String> {
    let installed = cargo(tree, ["deny", "--version"])
        .output()
        .is_ok_and(|output| output.status.success());
    if !installed {
        return Ok(Outcome::Skipped("cargo-deny is not installed".to_owned()));
    }
    // Advisories change without the tree, and need the network: they are looked at apart.
    let arguments = ["deny", "--workspace", "check", "licenses", "bans", "sources"];
    run(&mut cargo(tree, arguments))?;
    Ok(DONE)
}
