//! What goes wrong with a server before a model has anything to do with it.

use std::fmt;
use std::time::Duration;

/// Why a server's tools cannot be had. No secret of its settings is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum McpError {
    /// A setting cannot be used.
    Setting {
        /// The user's name of the server.
        server: String,
        /// What is wrong, and what would be accepted.
        why: String,
    },
    /// It could not be started or reached, or did not speak the protocol.
    Start {
        /// The user's name of the server.
        server: String,
        /// Why, with what it last printed, if it did.
        why: String,
    },
    /// It did not answer in time.
    TimedOut {
        /// The user's name of the server.
        server: String,
        /// The limit.
        limit: Duration,
    },
    /// It could not say which tools it has.
    List {
        /// The user's name of the server.
        server: String,
        /// Why.
        why: String,
    },
    /// A safety level is given for a tool that it does not have.
    UnknownTool {
        /// The user's name of the server.
        server: String,
        /// The tool's name in the settings.
        name: String,
        /// The server's own names of its tools.
        known: Vec<String>,
    },
    /// It ended too often, or was closed.
    Ended {
        /// The user's name of the server.
        server: String,
        /// Which of the two.
        why: String,
    },
}

impl fmt::Display for McpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setting { server, why } => write!(f, "the settings of MCP server `{server}`: {why}"),
            Self::Start { server, why } => write!(f, "MCP server `{server}` could not be started: {why}"),
            Self::TimedOut { server, limit } => write!(
                f,
                "MCP server `{server}` did not answer within {} s",
                limit.as_secs_f64()
            ),
            Self::List { server, why } => {
                write!(f, "MCP server `{server}` could not say which tools it has: {why}")
            }
            Self::UnknownTool { server, name, known } => write!(
                f,
                "MCP server `{server}` has no tool `{name}`; known are {}",
                known.join(", ")
            ),
            Self::Ended { server, why } => write!(f, "MCP server `{server}` {why}"),
        }
    }
}

impl std::error::Error for McpError {}
