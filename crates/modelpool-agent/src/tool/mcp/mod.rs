//! Tools of servers that speak the Model Context Protocol, through its official SDK.
//!
//! [`McpSettings`] say which server: a program that is started and spoken to over its standard input and output, or an address of
//! streamable HTTP. [`McpSettings::connect`] makes an [`McpServer`] of them, a [source](super::ToolSource) of tools:
//!
//! ```text
//! settings ──connect──▶ server ──tools()──▶ `name__tool`, each with a safety level
//!                         │                      │ call: progress comes, dropping it sends a cancellation
//!                         │◀─────────────────────┘
//!                         ├─ said that its tools changed ─▶ listed anew when the next turn begins
//!                         ├─ died ─▶ told to the model; started again at the next call, a few times at most
//!                         └─ dropped ─▶ the program and what it started are killed
//! ```
//!
//! How a tool may run beside others is the user's to say, for each tool or for a whole server. What a server says of its own
//! tools counts only where the user [trusts](McpSettings::trust_annotations) it.
//!
//! A server asks nothing of the user here: sampling, elicitation and roots are not offered to it. A program that
//! leaves its process group on purpose is not found when the group is killed.

mod connection;
mod content;
mod error;
mod http;
#[cfg(test)]
mod http_tests;
mod process;
mod server;
mod settings;
mod tool;

pub use error::McpError;
pub use server::McpServer;
pub use settings::McpSettings;
