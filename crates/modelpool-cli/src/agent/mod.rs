//! The agent in the terminal.
//!
//! `folder` is what tools may touch, and `tools` what models are told of it; `conversation` asks for
//! messages and runs turns, `show` writes what happens, `simulated` has models for those without a key.

mod conversation;
mod folder;
mod show;
mod simulated;
mod tools;

pub(crate) use conversation::{Conversation, Ended};
pub(crate) use folder::Folder;
pub(crate) use simulated::Simulated;
pub(crate) use tools::tools;
