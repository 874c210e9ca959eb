//! The gateway as a process of its own: started, read, and killed when dropped.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::SoakError;
use super::ledger::Ledger;

/// How long it may take to say where it listens.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// How long the last lines of its log are waited for.
const LOG_WITHIN: Duration = Duration::from_secs(5);

/// How many lines of its log are shown if it ends.
const SHOWN_LINES: usize = 12;

/// A running gateway.
pub(super) struct Gateway {
    program: PathBuf,
    address: SocketAddr,
    /// Killed when dropped.
    child: Child,
    log: JoinHandle<VecDeque<String>>,
    /// Where its configuration is.
    _directory: TempDir,
}

/// What it says when it listens.
#[derive(Deserialize)]
struct Announcement {
    url: String,
}

impl Gateway {
    /// Starts it with this configuration; its log is entered into the ledger.
    pub(super) async fn start(program: &Path, yaml: &str, ledger: Arc<Ledger>) -> Result<Self, SoakError> {
        let directory = TempDir::new().map_err(SoakError::io("cannot create a temporary directory"))?;
        let config = directory.path().join("modelpool.yaml");
        std::fs::write(&config, yaml)
            .map_err(SoakError::io(format!("cannot write `{}`", config.display())))?;
        let mut child = Command::new(program)
            .args([
                "--json",
                "serve",
                "--log",
                "info",
                "--log-format",
                "json",
                "--config",
            ])
            .arg(&config)
            // Loopback needs no proxy, whatever the environment says.
            .env("NO_PROXY", "127.0.0.1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(SoakError::io(format!("cannot start `{}`", program.display())))?;
        let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
            let missing = std::io::Error::other("its output is not piped");
            return Err(SoakError::io("cannot read the gateway's output")(missing));
        };
        let log = tokio::spawn(read_log(stderr, ledger));
        let Ok(Some(address)) = timeout(READY_WITHIN, announced(stdout)).await else {
            let _ = child.start_kill();
            return Err(SoakError::Gateway {
                program: program.to_owned(),
                what: "did not say where it listens",
                output: Vec::from(log.await?).join("\n"),
            });
        };
        Ok(Self {
            program: program.to_owned(),
            address,
            child,
            log,
            _directory: directory,
        })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Resident memory in bytes, from `/proc/PID/status` (`man 5 proc_pid_status`).
    pub(super) fn resident_bytes(&self) -> Result<u64, SoakError> {
        let path = format!("/proc/{}/status", self.child.id().unwrap_or_default());
        let status =
            std::fs::read_to_string(&path).map_err(SoakError::io(format!("cannot read `{path}`")))?;
        resident_bytes(&status).ok_or_else(|| {
            let without = std::io::Error::other("no resident memory in it");
            SoakError::io(format!("cannot read `{path}`"))(without)
        })
    }

    /// Waits until the log has caught up with the callers, and ends the process.
    ///
    /// # Errors
    /// It had ended by itself.
    pub(super) async fn stop(mut self, ledger: &Ledger) -> Result<(), SoakError> {
        let started = Instant::now();
        while !ledger.is_balanced() && started.elapsed() < LOG_WITHIN {
            sleep(Duration::from_millis(50)).await;
        }
        // Lines of callers who left are not waited for by name; the log is written every 100 ms.
        sleep(Duration::from_millis(500)).await;
        let ended = matches!(self.child.try_wait(), Ok(Some(_)));
        let _ = self.child.kill().await;
        let output = self.log.await?;
        if !ended {
            return Ok(());
        }
        Err(SoakError::Gateway {
            program: self.program,
            what: "ended by itself",
            output: Vec::from(output).join("\n"),
        })
    }
}

/// Reads the document it prints, up to where that is whole.
async fn announced(stdout: impl AsyncRead + Unpin) -> Option<SocketAddr> {
    let mut lines = BufReader::new(stdout).lines();
    let mut document = String::new();
    while let Ok(Some(line)) = lines.next_line().await {
        document.push_str(&line);
        if let Ok(Announcement { url }) = serde_json::from_str(&document) {
            return url.strip_prefix("http://")?.parse().ok();
        }
    }
    None
}

/// Enters the log into the ledger, and answers its last lines when it ends.
async fn read_log(stderr: impl AsyncRead + Unpin, ledger: Arc<Ledger>) -> VecDeque<String> {
    let mut reader = BufReader::new(stderr);
    let mut line = Vec::new();
    let mut last = VecDeque::with_capacity(SHOWN_LINES + 1);
    while let Ok(1..) = reader.read_until(b'\n', &mut line).await {
        ledger.line(&line, Instant::now());
        last.push_back(String::from_utf8_lossy(&line).trim_end().to_owned());
        if last.len() > SHOWN_LINES {
            last.pop_front();
        }
        line.clear();
    }
    last
}

fn resident_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_file_is_read_as_documented() {
        assert_eq!(
            resident_bytes("VmHWM:\t   9000 kB\nVmRSS:\t   8192 kB\n"),
            Some(8 << 20)
        );
        assert_eq!(resident_bytes("VmHWM:\t   9000 kB\n"), None);
    }

    #[tokio::test]
    async fn the_address_is_read_from_what_is_announced() {
        let document = b"{\n  \"url\": \"http://127.0.0.1:8123\",\n  \"models\": 3\n}\n".as_slice();
        assert_eq!(announced(document).await, Some(([127, 0, 0, 1], 8123).into()));
        assert_eq!(announced(b"error: no\n".as_slice()).await, None);
    }

    #[tokio::test]
    async fn a_program_that_is_no_gateway_is_an_error_with_what_it_wrote() {
        let started = Gateway::start(Path::new("/bin/cat"), "", Arc::default()).await;
        let error = started.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("did not say where it listens"), "{error}");
        assert!(error.contains("json"), "{error}");
    }
}
