//! A server that runs as long as it is held.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// How long a server may take to say where it listens.
const START: Duration = Duration::from_secs(30);

/// How much of a log is shown when a server does not start, in lines.
const SHOWN_LINES: usize = 20;

/// A child process that listens on a port of its own choice; dropping this ends it.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    log: PathBuf,
}

impl Server {
    /// Starts it, and waits until it has printed its address. The log gets its standard error.
    pub(super) fn start(mut command: Command, log: &Path) -> Result<Self, String> {
        let name = command.get_args().next().unwrap_or_default();
        let name = name.to_string_lossy().into_owned();
        let file = File::create(log).map_err(|error| format!("cannot write {}: {error}", log.display()))?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn()
            .map_err(|error| format!("cannot start `modelpool {name}`: {error}"))?;
        let stdout = child.stdout.take();
        // From here on it is ended whatever happens.
        let mut server = Self {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            log: log.to_owned(),
        };
        let said = stdout.and_then(wait_for_address);
        match said {
            Some(address) => server.address = address,
            None => {
                return Err(format!(
                    "`modelpool {name}` did not start:\n{}",
                    server.last_lines()
                ));
            }
        }
        Ok(server)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    fn last_lines(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Failing means that it has ended already.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

/// The first address the server prints. What it prints afterwards is read and dropped, so that it
/// never waits for a reader.
fn wait_for_address(stdout: impl Read + Send + 'static) -> Option<SocketAddr> {
    let (found, wait) = mpsc::sync_channel(1);
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if let Some(address) = address_in(&line) {
                // Only the first is waited for.
                let _more = found.try_send(address);
            }
        }
    });
    wait.recv_timeout(START).ok()
}

/// A loopback address with its port, wherever it stands in the line.
fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("127.0.0.1:")?;
    let end = rest.find(|letter: char| !letter.is_ascii_digit());
    let port = rest[..end.unwrap_or(rest.len())].parse().ok()?;
    Some(SocketAddr::from(([127, 0, 0, 1], port)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_words_and_in_json() {
        let address = Some(SocketAddr::from(([127, 0, 0, 1], 8080)));
        assert_eq!(address_in("listening on http://127.0.0.1:8080/v1"), address);
        assert_eq!(
            address_in("listening on http://127.0.0.1:8080: 3 models"),
            address
        );
        assert_eq!(address_in(r#"  "address": "127.0.0.1:8080","#), address);
        assert_eq!(address_in("127.0.0.1:8080"), address);
        assert_eq!(address_in("listening"), None);
        assert_eq!(address_in("127.0.0.1:99999"), None);
    }
}
