//! A server that is a program: its process, and all that it starts.
//!
//! It leads a process group of its own, and the group is killed when this is dropped: `npx` and the like start others, which would
//! otherwise be left behind. It is killed when the program ends by itself, too; others that still hold its output would
//! keep its end from being noticed.

use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;

use super::settings::Program;

/// How much of what it last printed to standard error is kept, in bytes.
const KEPT_ERRORS: usize = 2 * 1024;

/// How long the last words of a program that has ended are waited for.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// What every program gets of the environment: where things are, and who the user is. No keys.
const PASSED: &[&str] = if cfg!(windows) {
    &[
        "APPDATA",
        "HOMEDRIVE",
        "HOMEPATH",
        "LOCALAPPDATA",
        "PATH",
        "PATHEXT",
        "PROCESSOR_ARCHITECTURE",
        "SYSTEMDRIVE",
        "SYSTEMROOT",
        "TEMP",
        "TMP",
        "USERNAME",
        "USERPROFILE",
    ]
} else {
    &[
        "HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TZ", "USER",
    ]
};

/// A running program. Dropping it kills its process group.
#[derive(Debug)]
pub(super) struct ServerProcess {
    group: Arc<Group>,
    /// Ends when the program has.
    watch: JoinHandle<()>,
    errors: Errors,
    reader: JoinHandle<()>,
}

/// What it last printed to standard error.
#[derive(Clone, Debug, Default)]
pub(super) struct Errors(Arc<Mutex<Vec<u8>>>);

impl ServerProcess {
    /// Starts it; the error is why it cannot be.
    pub(super) fn start(program: &Program) -> Result<(Self, ChildStdout, ChildStdin), String> {
        let mut command = Command::new(&program.command);
        command
            .args(&program.arguments)
            .env_clear()
            .envs(
                PASSED
                    .iter()
                    .filter_map(|name| Some((name, std::env::var_os(name)?))),
            )
            .envs(program.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if let Some(folder) = &program.folder {
            command.current_dir(folder);
        }
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command
            .spawn()
            .map_err(|mistake| format!("`{}`: {mistake}", program.command))?;
        let group = Arc::new(Group::of(&child));
        let (Some(stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(format!("`{}` has no standard streams", program.command));
        };
        let errors = Errors::default();
        let process = Self {
            watch: tokio::spawn(watch(child, Arc::clone(&group))),
            group,
            reader: tokio::spawn(errors.clone().read(stderr)),
            errors,
        };
        Ok((process, stdout, stdin))
    }

    pub(super) fn errors(&self) -> Errors {
        self.errors.clone()
    }

    /// What a program that has just ended printed last; waits a moment until it is read.
    pub(super) async fn last_words(&mut self) -> String {
        if !self.reader.is_finished() {
            let _read = tokio::time::timeout(LAST_WORDS, &mut self.reader).await;
        }
        self.errors.last()
    }

    /// Ends it in the way the protocol asks for, after its standard input was closed: waits, asks it to terminate, waits,
    /// kills the group. Dropping the future kills it at once.
    pub(super) async fn end(mut self, patience: Duration) {
        if self.ended_within(patience).await {
            return;
        }
        self.group.signal(Asked::Terminate);
        if self.ended_within(patience).await {
            return;
        }
        self.group.signal(Asked::Kill);
        // Nothing can refuse that; without waiting it would stay in the table of processes for a moment.
        let _ended = self.ended_within(patience).await;
    }

    async fn ended_within(&mut self, patience: Duration) -> bool {
        self.watch.is_finished() || tokio::time::timeout(patience, &mut self.watch).await.is_ok()
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        self.group.signal(Asked::Kill);
        // `watch` is left to take it out of the table of processes, which it can at once: a child that is given up
        // while it dies may be missed by the runtime, and then stays there as a zombie.
        self.reader.abort();
    }
}

/// Waits for the end of the program, and ends what it started.
async fn watch(mut child: Child, group: Arc<Group>) {
    // Where it cannot be waited for, it is killed when this ends.
    let _status = child.wait().await;
    group.signal(Asked::Kill);
    group.gone.store(true, Ordering::Release);
}

impl Errors {
    async fn read(self, mut stderr: ChildStderr) {
        let mut part = [0; 1024];
        while let Ok(length @ 1..) = stderr.read(&mut part).await {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            kept.extend_from_slice(&part[..length]);
            let surplus = kept.len().saturating_sub(KEPT_ERRORS);
            kept.drain(..surplus);
        }
    }

    /// What was printed last; empty if nothing was.
    pub(super) fn last(&self) -> String {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&kept).trim().to_owned()
    }
}

/// What a process group is asked.
#[derive(Clone, Copy)]
enum Asked {
    Terminate,
    Kill,
}

/// The process group that the program leads.
#[derive(Debug)]
struct Group {
    #[cfg(unix)]
    leader: Option<rustix::process::Pid>,
    /// Whether all of it has ended. Its number may be another's then.
    #[cfg_attr(not(unix), allow(dead_code, reason = "without groups there is no number"))]
    gone: AtomicBool,
}

impl Group {
    #[cfg(unix)]
    fn of(child: &Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self {
            leader: id.and_then(rustix::process::Pid::from_raw),
            gone: AtomicBool::new(false),
        }
    }

    #[cfg(unix)]
    fn signal(&self, asked: Asked) {
        let signal = match asked {
            Asked::Terminate => rustix::process::Signal::TERM,
            Asked::Kill => rustix::process::Signal::KILL,
        };
        if let Some(leader) = self.leader.filter(|_| !self.gone.load(Ordering::Acquire)) {
            // Failing means that nobody is left in it.
            let _ended = rustix::process::kill_process_group(leader, signal);
        }
    }

    #[cfg(not(unix))]
    fn of(_child: &Child) -> Self {
        Self {
            gone: AtomicBool::new(false),
        }
    }

    /// Without groups only the program itself is ended, when its watch is dropped.
    #[cfg(not(unix))]
    fn signal(&self, _asked: Asked) {}
}
