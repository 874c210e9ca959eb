//! No MCP servers: the program was built without the feature `mcp`.

use modelpool_agent::tool::ToolSet;

use crate::exit::Failure;

/// The servers of `--mcp`: none.
pub(crate) struct McpServers;

impl McpServers {
    /// Refuses servers, where some are named.
    pub(crate) fn read(written: &[String]) -> Result<Self, Failure> {
        match written.first() {
            None => Ok(Self),
            Some(server) => Err(Failure::usage(format!(
                "--mcp `{server}`: this modelpool was built without MCP"
            ))
            .hint("cargo install --path crates/modelpool-cli --features mcp")),
        }
    }

    #[expect(clippy::unused_async, reason = "as its sibling, which waits for its servers")]
    pub(crate) async fn join(self, _: &mut ToolSet) -> Result<(), Failure> {
        Ok(())
    }
}
