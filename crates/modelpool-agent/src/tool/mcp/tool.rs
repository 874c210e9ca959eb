//! A tool of a server.

use std::sync::Weak;

use rmcp::model::CallToolRequestParams;
use serde_json::Value;

use super::content;
use super::server::Shared;
use super::settings::McpSettings;
use crate::BoxFuture;
use crate::tool::{Tool, ToolContext, ToolDefinition, ToolError, ToolOutput};

/// The longest name of a tool, in bytes.
const LONGEST_NAME: usize = 64;

/// A tool of a server. It does not keep the server running.
#[derive(Debug)]
pub(super) struct McpTool {
    definition: ToolDefinition,
    /// Its name at the server.
    name: String,
    server: Weak<Shared>,
}

impl McpTool {
    pub(super) fn new(tool: rmcp::model::Tool, settings: &McpSettings, server: Weak<Shared>) -> Self {
        let safety = settings.safety_for(&tool.name, tool.annotations.as_ref());
        let description = tool.description.map(std::borrow::Cow::into_owned).or(tool.title);
        Self {
            definition: ToolDefinition {
                name: shown_name(&settings.prefix, &tool.name),
                description: description.unwrap_or_default(),
                parameters: Value::Object(tool.input_schema.as_ref().clone()),
                safety,
                timeout: settings.call_timeout,
            },
            name: tool.name.into_owned(),
            server,
        }
    }
}

impl Tool for McpTool {
    fn definition(&self) -> &ToolDefinition {
        &self.definition
    }

    fn call(&self, arguments: Value, context: ToolContext) -> BoxFuture<'_, Result<ToolOutput, ToolError>> {
        Box::pin(async move {
            let Some(server) = self.server.upgrade() else {
                return Err(ToolError::from("the server of this tool was closed"));
            };
            let mut params = CallToolRequestParams::new(self.name.clone());
            if let Value::Object(arguments) = arguments {
                params = params.with_arguments(arguments);
            }
            let cancelled = context.cancelled;
            tokio::select! {
                biased;
                () = cancelled.cancelled() => Err(ToolError::from("it was cancelled")),
                result = server.call(params, context.progress) => content::output(result?),
            }
        })
    }
}

/// The name models call it by: what vendors do not accept in a name becomes `_`, and what is too long is cut.
fn shown_name(prefix: &str, name: &str) -> String {
    let accepted = |letter: char| {
        if letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-') {
            letter
        } else {
            '_'
        }
    };
    let name = prefix.chars().chain(name.chars()).map(accepted);
    name.take(LONGEST_NAME).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_acceptable() {
        assert_eq!(shown_name("files__", "read_file"), "files__read_file");
        assert_eq!(shown_name("", "notes/search.v2 ü"), "notes_search_v2__");
        assert_eq!(shown_name("files__", &"x".repeat(100)).len(), 64);
    }
}
