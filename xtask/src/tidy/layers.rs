//! Dependencies between the crates go one way: core, then providers and stores, then the engine,
//! the facade, and what is built on it. The testkit sees core only, so that authors outside can
//! use it without the rest.

use std::collections::BTreeSet;

use super::Findings;
use crate::manifest::Manifest;
use crate::tree::Tree;

/// Every crate, and which others of ours it may be built with.
const MAY_USE: &[(&str, &[&str])] = &[
    ("modelpool-core", &[]),
    ("modelpool-providers", &[CORE]),
    ("modelpool-stores", &[CORE]),
    ("modelpool-testkit", &[CORE]),
    (
        "modelpool-engine",
        &[CORE, "modelpool-providers", "modelpool-stores"],
    ),
    (
        "modelpool",
        &[
            CORE,
            "modelpool-providers",
            "modelpool-stores",
            "modelpool-engine",
        ],
    ),
    ("modelpool-agent", &[CORE, "modelpool-engine", FACADE]),
    (
        "modelpool-gateway",
        &[CORE, "modelpool-providers", "modelpool-engine", FACADE],
    ),
    (
        "modelpool-python",
        &[CORE, FACADE, "modelpool-agent", "modelpool-gateway"],
    ),
    (
        "modelpool-cli",
        &[
            CORE,
            "modelpool-providers",
            "modelpool-engine",
            "modelpool-stores",
            FACADE,
            "modelpool-agent",
            "modelpool-gateway",
            "modelpool-testkit",
        ],
    ),
    (
        "modelpool-benches",
        &[
            CORE,
            "modelpool-engine",
            FACADE,
            "modelpool-agent",
            "modelpool-testkit",
        ],
    ),
    ("xtask", &[]),
];

const CORE: &str = "modelpool-core";
const FACADE: &str = "modelpool";
/// Everyone's tests may use it.
const TESTKIT: &str = "modelpool-testkit";

/// Answers the names of all direct dependencies that are not ours.
pub(super) fn check(tree: &Tree, findings: &mut Findings) -> Result<BTreeSet<String>, String> {
    let packages = Manifest::all(tree)?;
    let ours: BTreeSet<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    for package in &packages {
        one(package, &ours, findings);
    }
    let used = packages
        .iter()
        .flat_map(|package| package.dependencies.iter().chain(&package.dev_dependencies));
    Ok(used
        .filter(|name| !ours.contains(name.as_str()))
        .cloned()
        .collect())
}

fn one(package: &Manifest, ours: &BTreeSet<&str>, findings: &mut Findings) {
    let row = MAY_USE.iter().find(|(name, _)| *name == package.name);
    let Some((_, allowed)) = row else {
        let message = format!(
            "`{}` has no row in the table of xtask/src/tidy/layers.rs",
            package.name
        );
        findings.add(&package.path, 0, message);
        return;
    };
    let stranger = |name: &&String| ours.contains(name.as_str()) && !allowed.contains(&name.as_str());
    for name in package.dependencies.iter().filter(stranger) {
        let message = format!("`{}` must not depend on `{name}`", package.name);
        findings.add(&package.path, 0, message);
    }
    let in_tests = package.dev_dependencies.iter().filter(stranger);
    for name in in_tests.filter(|name| *name != TESTKIT) {
        let message = format!("the tests of `{}` must not depend on `{name}`", package.name);
        findings.add(&package.path, 0, message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, dependencies: &[&str], dev_dependencies: &[&str]) -> usize {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let package = Manifest {
            path: "Cargo.toml".to_owned(),
            name: name.to_owned(),
            dependencies: owned(dependencies),
            dev_dependencies: owned(dev_dependencies),
            features: Vec::new(),
        };
        let ours = MAY_USE.iter().map(|(name, _)| *name).collect();
        let mut findings = Findings::default();
        one(&package, &ours, &mut findings);
        findings.found.len()
    }

    #[test]
    fn dependencies_go_one_way() {
        assert_eq!(
            found("modelpool-engine", &["modelpool-core", "serde"], &[TESTKIT]),
            0
        );
        assert_eq!(found("modelpool-core", &["modelpool-engine"], &[]), 1);
        assert_eq!(found("modelpool-core", &[], &["modelpool"]), 1);
        assert_eq!(found("modelpool-engine", &[TESTKIT], &[]), 1);
        assert_eq!(found("modelpool-new", &[], &[]), 1, "a crate without a row");
    }

    #[test]
    fn the_table_has_no_circle() {
        for (at, (name, allowed)) in MAY_USE.iter().enumerate() {
            let earlier: Vec<&str> = MAY_USE[..at].iter().map(|(name, _)| *name).collect();
            assert!(allowed.iter().all(|used| earlier.contains(used)), "{name}");
        }
    }
}
