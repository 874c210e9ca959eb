//! Loads that look for faults of the gateway rather than for its speed.
//!
//! The gateway is the real process; the upstreams are the simulators of the testkit, in this process and on
//! loopback. All of them say the same words, so whatever a caller reads can be judged: an answer that looks
//! whole has to be the whole of it, whoever began it and whoever went on.
//!
//! - [`run_long`]: requests of every kind for minutes, while the upstreams fail a share of the calls in every
//!   way the simulators know;
//! - [`run_breaker`]: many requests per second while the first of two models is down, and comes back;
//! - [`run_dark`]: one of three models goes silent in the middle.
//!
//! Each ends with a [`Report`], some lines of which are judged. Attempts are counted three times: by the
//! simulators that were called, by the gateway's log, and by what the gateway told the callers.

mod breaker;
mod caller;
mod crew;
mod dark;
mod faults;
mod gateway;
mod ledger;
mod long;
mod memory;
mod report;
mod requests;
mod tally;
mod upstreams;
mod verdict;

use std::io;
use std::path::PathBuf;

pub use breaker::{BreakerSettings, run_breaker};
pub use dark::{DarkSettings, run_dark};
pub use long::{LongSettings, run_long};
pub use report::Report;

/// Why a load could not be run. What it found is in the [`Report`].
#[derive(Debug, thiserror::Error)]
pub enum SoakError {
    /// Something the load itself needs from the operating system failed.
    #[error("{what}")]
    Io {
        /// What was tried.
        what: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// The gateway ended, or did not say where it listens.
    #[error("the gateway `{}` {what}; it wrote:\n{output}", .program.display())]
    Gateway {
        /// The program that was started.
        program: PathBuf,
        /// What went wrong.
        what: &'static str,
        /// The end of what it wrote.
        output: String,
    },
    /// A simulated upstream could not be started or told to fail.
    #[error("a simulated upstream")]
    Upstream(#[from] modelpool_testkit::simulator::SimulatorError),
    /// A task of the load itself failed.
    #[error("a task of the load ended abnormally")]
    Task(#[from] tokio::task::JoinError),
}

impl SoakError {
    fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
