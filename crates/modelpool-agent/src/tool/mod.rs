//! Tools that models call.
//!
//! A [`Tool`] is anything that has a [definition](ToolDefinition) and can be called: an async function of
//! this program ([`FunctionTool`]), or whatever else implements the trait. A [`ToolSet`] checks names and schemas when tools are
//! put into it, and says what a request tells models of them. [`run`] runs the calls of a turn:
//!
//! ```text
//! calls ──▶ known? ──▶ arguments fit? ──▶ wait for their turn ──▶ run ──▶ bound ──▶ a message each,
//!             │ no         │ no             safe: side by side     │ too long,        in the
//!             ▼            ▼                cautious: two          │ failed,          model's
//!         what is known,  what is wrong,    exclusive: alone       │ panicked         order
//!         what is near    what would fit                           ▼
//!             └────────────┴───────────────────────────────── told to the model
//! ```
//!
//! What a model or a tool does wrong is never an error of the run. A run that is cancelled or dropped has ended with all its
//! tools; there is no task behind it.

mod arguments;
mod function;
#[cfg(feature = "mcp")]
pub mod mcp;
mod result;
mod runner;
mod running;
mod schedule;
mod set;
mod source;
#[cfg(test)]
mod testing;
mod text;

pub use function::FunctionTool;
pub use result::ToolResult;
pub use runner::{ToolEvent, ToolLimits, ToolRun, run};
pub use set::{CheckedTool, ToolSet, ToolSetError};
pub use source::{SourcedTools, ToolSource};

pub(crate) use text::border;

use std::fmt;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::BoxFuture;

/// The longest a tool may take, where nothing else is said.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// How a tool may run beside others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Safety {
    /// Changes nothing: any number side by side.
    Safe,
    /// May change something, or is costly: two at a time. What a tool is that does not say.
    #[default]
    Cautious,
    /// Runs alone.
    Exclusive,
}

/// What a model and the agent are told of a tool.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolDefinition {
    /// The name models call it by: letters, digits, `_` and `-`, at most 64.
    pub name: String,
    /// What it is for, in words for the model.
    pub description: String,
    /// The JSON Schema of its arguments; an object.
    pub parameters: Value,
    /// How it may run beside others.
    pub safety: Safety,
    /// The longest it may take.
    pub timeout: Duration,
}

/// A tool.
pub trait Tool: Send + Sync + fmt::Debug {
    /// What it is; always the same.
    fn definition(&self) -> &ToolDefinition;

    /// Runs it with arguments that were checked against its schema. Dropping the future, or
    /// cancelling `context`, ends it and leaves no process behind.
    ///
    /// # Errors
    /// What the model is told went wrong; never fatal to the run.
    fn call(&self, arguments: Value, context: ToolContext) -> BoxFuture<'_, Result<ToolOutput, ToolError>>;
}

/// What a running tool has.
#[derive(Clone, Debug)]
pub struct ToolContext {
    /// Cancelled when the run is.
    pub cancelled: CancellationToken,
    /// Takes word of how far it is; bounded, so use `try_send` and let it go where it is full.
    pub progress: mpsc::Sender<String>,
}

/// What a tool gives back.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ToolOutput {
    /// The result, as the model reads it.
    pub text: String,
}

impl From<String> for ToolOutput {
    fn from(text: String) -> Self {
        Self { text }
    }
}

impl From<&str> for ToolOutput {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

/// Why a tool failed, in words for the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolError(pub String);

impl fmt::Display for ToolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ToolError {}

impl From<String> for ToolError {
    fn from(words: String) -> Self {
        Self(words)
    }
}

impl From<&str> for ToolError {
    fn from(words: &str) -> Self {
        Self(words.to_owned())
    }
}
