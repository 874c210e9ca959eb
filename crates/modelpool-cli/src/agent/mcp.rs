//! MCP servers whose tools the agent has.

use std::sync::Arc;

use modelpool_agent::tool::ToolSet;
use modelpool_agent::tool::mcp::McpSettings;

use crate::exit::Failure;

/// The servers of `--mcp`, not yet started.
pub(crate) struct McpServers(Vec<McpSettings>);

impl McpServers {
    /// Servers as `NAME=COMMAND` or `NAME=URL`. The words of a command are those between its spaces.
    pub(crate) fn read(written: &[String]) -> Result<Self, Failure> {
        let server = |text: &String| {
            let wrong = || {
                Failure::usage(format!("--mcp: `{text}` is not NAME=COMMAND or NAME=URL"))
                    .hint("--mcp \"git=uvx mcp-server-git\"")
            };
            let (name, place) = text.split_once('=').ok_or_else(wrong)?;
            const NONE: [(&str, &str); 0] = [];
            if place.starts_with("http://") || place.starts_with("https://") {
                return Ok(McpSettings::http(name, place, NONE));
            }
            let mut words = place.split_whitespace();
            let command = words.next().ok_or_else(wrong)?;
            Ok(McpSettings::stdio(name, command, words, NONE))
        };
        written.iter().map(server).collect::<Result<_, _>>().map(Self)
    }

    /// Starts or reaches them, and adds their tools.
    pub(crate) async fn join(self, tools: &mut ToolSet) -> Result<(), Failure> {
        for server in self.0 {
            let server = server.connect().await;
            tools.add_source(Arc::new(
                server.map_err(|error| Failure::failed(error.to_string()))?,
            ));
        }
        Ok(())
    }
}
