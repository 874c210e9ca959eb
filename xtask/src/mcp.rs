//! Other people's MCP servers, driven by the agent's tools: over standard input and output and over streamable HTTP.
//!
//! The servers are installed under the target folder, once for every version asked for in `tests/mcp`. What
//! is checked stands in the example `mcp_check` of the agent's crate.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::clients::{node, python};
use crate::process::run;
use crate::steps::build_all;
use crate::tree::Tree;

/// What is to be installed.
const SERVERS: &str = "tests/mcp";

/// How often it is looked whether the server over HTTP listens, and how long is waited between.
const LOOKS: u32 = 300;
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// Installs the servers, starts the one that serves HTTP, and runs the check.
///
/// # Errors
/// What could not be installed, built or started, or that the check failed.
pub(crate) fn check(tree: &Tree) -> Result<(), String> {
    let folder = tree.target().join("mcp");
    let node_folder = folder.join("node");
    let package = node_folder.join("package.json");
    fs::create_dir_all(&node_folder)
        .and_then(|()| fs::copy(tree.path(SERVERS).join("package.json"), &package))
        .map_err(|error| format!("cannot write {}: {error}", package.display()))?;
    node::check_version()?;
    node::install(&node_folder)?;
    let requirements = tree.path(SERVERS).join("requirements.txt");
    let python = python::install(&requirements, &folder.join("python"))?;

    build_all(tree)?;

    let modules = node_folder.join("node_modules");
    let server = HttpServer::start(&modules, &folder.join("everything.log"))?;
    let check = format!("mcp_check{}", std::env::consts::EXE_SUFFIX);
    let mut check = Command::new(tree.target().join("debug").join("examples").join(check));
    check
        .env("MCP_NODE_MODULES", &modules)
        .env("MCP_EVERYTHING_URL", format!("http://{}/mcp", server.address))
        .env("MCP_PYTHON", &python)
        .current_dir(tree.root());
    run(&mut check)
}

/// The reference server over HTTP; it ends when this is dropped.
struct HttpServer {
    child: Child,
    address: SocketAddr,
}

impl HttpServer {
    fn start(modules: &Path, log: &Path) -> Result<Self, String> {
        let free = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
        let address = free.map_err(|error| format!("no port of loopback is free: {error}"))?;
        let program = modules.join("@modelcontextprotocol/server-everything/dist/index.js");
        let failed = |error| format!("cannot start {}: {error}", program.display());
        let said = File::create(log).map_err(|error| format!("cannot write {}: {error}", log.display()))?;
        let said_too = said.try_clone().map_err(failed)?;
        let child = Command::new("node")
            .arg(&program)
            .arg("streamableHttp")
            .env("PORT", address.port().to_string())
            .stdin(Stdio::null())
            .stdout(said)
            .stderr(said_too)
            .spawn()
            .map_err(failed)?;
        // From here on it is ended whatever happens.
        let server = Self { child, address };
        if server.listens() {
            return Ok(server);
        }
        Err(format!(
            "the MCP server over HTTP did not start; log: {}",
            log.display()
        ))
    }

    #[allow(
        clippy::disallowed_methods,
        reason = "nothing else is done by this thread while another program starts"
    )]
    fn listens(&self) -> bool {
        (0..LOOKS).any(|_| {
            let connected = TcpStream::connect(self.address).is_ok();
            if !connected {
                thread::sleep(BETWEEN_LOOKS);
            }
            connected
        })
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        // Failing means that it has ended already.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}
