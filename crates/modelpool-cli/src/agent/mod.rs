//! The agent in the terminal.
//!
//! `folder` is what tools may touch, and `tools` what models are told of it; `conversation` asks for
//! messages and runs turns, `show` writes what happens, `simulated` has models for those without a key, `mcp` takes in
//! the tools of servers, where the feature is on.

mod conversation;
mod folder;
#[cfg_attr(not(feature = "mcp"), path = "without_mcp.rs")]
mod mcp;
mod show;
mod simulated;
mod tools;

pub(crate) use conversation::{Conversation, Ended};
pub(crate) use folder::Folder;
pub(crate) use mcp::McpServers;
pub(crate) use simulated::Simulated;
pub(crate) use tools::tools;
