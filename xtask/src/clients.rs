//! The official SDKs for Python and Node against the gateway.
//!
//! A simulated upstream and a gateway in front of it run on free ports of loopback, with the
//! configurations in `tests/clients`. The gateway is its own upstream too, over the wires that the
//! simulator does not speak, so it has to know its address before it starts. The suites are programs of their own and know
//! nothing but two addresses and two keys, which they find in the environment. What they need is installed
//! under the target folder, once for every version asked for; what the servers print is kept there too.

pub(crate) mod node;
pub(crate) mod python;
mod server;

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;

use crate::steps::build_all;
use crate::tree::Tree;
use server::Server;

/// Where the suites and their configuration are.
const SUITES: &str = "tests/clients";

/// The caller that may name every model.
const FULL_KEY: &str = "client-test-full-key";
/// The caller that may name one model.
const LIMITED_KEY: &str = "client-test-limited-key";

/// How often the gateway is started, at another port each time.
const GATEWAY_STARTS: u32 = 3;

/// Loopback needs no proxy, whatever the environment says.
pub(crate) const NO_PROXY: [(&str, &str); 2] = [("NO_PROXY", "127.0.0.1"), ("no_proxy", "127.0.0.1")];

/// Runs both suites, the second even if the first failed.
///
/// # Errors
/// What could not be installed, built or started, or which suites failed.
pub(crate) fn run_suites(tree: &Tree) -> Result<(), String> {
    build_all(tree)?;
    let servers = Servers::start(tree)?;
    let suites = [
        ("Python", python::run_suite(tree, &servers)),
        ("Node", node::run_suite(tree, &servers)),
    ];
    let failed: Vec<String> = suites
        .into_iter()
        .filter_map(|(suite, result)| result.err().map(|why| format!("{suite}: {why}")))
        .collect();
    if failed.is_empty() {
        return Ok(());
    }
    Err([failed, servers.logs()].concat().join("\n"))
}

/// The built binary.
fn modelpool(tree: &Tree) -> Command {
    let binary = format!("modelpool{}", std::env::consts::EXE_SUFFIX);
    let mut command = Command::new(tree.target().join("debug").join(binary));
    command.envs(NO_PROXY).current_dir(tree.root());
    command
}

/// Starts the simulated upstream on a free port.
pub(crate) fn start_upstream(tree: &Tree, log: &Path) -> Result<Server, String> {
    let mut simulate = modelpool(tree);
    simulate
        .args(["simulate-upstream", "--listen", "127.0.0.1:0", "--options"])
        .arg(tree.path(SUITES).join("upstream.json"));
    Server::start(simulate, log)
}

/// Starts the gateway on a port that is free now. Another program may take it meanwhile, so a failure is not
/// the last word.
fn start_gateway(tree: &Tree, upstream: SocketAddr, log: &Path) -> Result<Server, String> {
    let start = || {
        let address = free_address().map_err(|error| format!("no port of loopback is free: {error}"))?;
        let mut serve = modelpool(tree);
        serve
            .args(["serve", "--listen", &address.to_string(), "--config"])
            .arg(tree.path(SUITES).join("modelpool.yaml"))
            .env("SIMULATED_UPSTREAM", format!("http://{upstream}/v1"))
            .env("GATEWAY", format!("http://{address}"))
            .env("FULL_KEY", FULL_KEY)
            .env("LIMITED_KEY", LIMITED_KEY);
        Server::start(serve, log)
    };
    (1..GATEWAY_STARTS)
        .find_map(|_| start().ok())
        .map_or_else(start, Ok)
}

/// An address of loopback where nobody listens.
fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind(("127.0.0.1", 0))?.local_addr()
}

/// The gateway and the simulated upstream behind it; both end when this is dropped.
struct Servers {
    gateway: Server,
    upstream: Server,
}

impl Servers {
    fn start(tree: &Tree) -> Result<Self, String> {
        let logs = tree.target().join("clients");
        std::fs::create_dir_all(&logs).map_err(|error| format!("cannot make {}: {error}", logs.display()))?;
        let upstream = start_upstream(tree, &logs.join("upstream.log"))?;
        let gateway = start_gateway(tree, upstream.address(), &logs.join("gateway.log"))?;
        println!(
            "gateway at {}, simulated upstream at {}",
            gateway.address(),
            upstream.address()
        );
        Ok(Self { gateway, upstream })
    }

    /// What a suite finds in its environment.
    fn environment(&self) -> Vec<(&'static str, String)> {
        let mut environment = vec![
            ("GATEWAY_URL", format!("http://{}/v1", self.gateway.address())),
            (
                "SIMULATOR_URL",
                format!("http://{}/simulator", self.upstream.address()),
            ),
            ("FULL_KEY", FULL_KEY.to_owned()),
            ("LIMITED_KEY", LIMITED_KEY.to_owned()),
        ];
        environment.extend(NO_PROXY.map(|(name, value)| (name, value.to_owned())));
        environment
    }

    fn logs(&self) -> Vec<String> {
        let servers = [&self.gateway, &self.upstream];
        let told = servers.map(|server| format!("log: {}", server.log().display()));
        told.to_vec()
    }
}
