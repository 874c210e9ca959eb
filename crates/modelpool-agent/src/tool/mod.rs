//! Tools that models call.

use std::fmt;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::BoxFuture;

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

/// Why a tool failed, in words for the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolError(pub String);

impl fmt::Display for ToolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ToolError {}
