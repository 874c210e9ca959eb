//! Where tools come from that may change while a program runs.

use std::fmt;

use super::{CheckedTool, ToolError, ToolSetError};
use crate::BoxFuture;

/// What a source has at one moment.
#[derive(Clone, Debug, Default)]
pub struct SourcedTools {
    /// Its tools.
    pub tools: Vec<CheckedTool>,
    /// Why others of its tools cannot be used.
    pub problems: Vec<ToolSetError>,
}

/// Tools that may change, as those of a server; asked when a turn begins.
pub trait ToolSource: Send + Sync + fmt::Debug {
    /// What people call it.
    fn name(&self) -> &str;

    /// The tools it has now. Called once a turn, so what did not change is best kept.
    ///
    /// # Errors
    /// They cannot be had; the turn goes on without them.
    fn tools(&self) -> BoxFuture<'_, Result<SourcedTools, ToolError>>;
}
