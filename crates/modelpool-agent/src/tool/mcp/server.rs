//! A server that is connected, kept alive, and ended.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rmcp::model::{CallToolRequestParams, CallToolResult};
use tokio::sync::{Semaphore, mpsc};

use super::connection::{CallFailure, Connection};
use super::tool::McpTool;
use super::{McpError, McpSettings};
use crate::BoxFuture;
use crate::tool::text::nearest;
use crate::tool::{CheckedTool, SourcedTools, ToolError, ToolSource};

/// A connected server, whose tools a [`ToolSet`](crate::tool::ToolSet) takes as of a [source](ToolSource).
///
/// Dropping it kills the program behind it; its tools then tell the model so. [`Self::close`] ends it politely.
///
/// ```no_run
/// # async fn example() -> Result<(), modelpool_agent::tool::mcp::McpError> {
/// use std::sync::Arc;
/// use modelpool_agent::tool::ToolSet;
/// use modelpool_agent::tool::mcp::McpSettings;
///
/// let settings = McpSettings::stdio("time", "mcp-server-time", [""; 0], [("", ""); 0]);
/// let mut tools = ToolSet::new();
/// tools.add_source(Arc::new(settings.connect().await?));
/// let (for_this_turn, problems) = tools.current().await;
/// # let _ = (for_this_turn, problems);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct McpServer {
    shared: Arc<Shared>,
}

/// What the server and the calls under way share.
#[derive(Debug)]
pub(super) struct Shared {
    settings: McpSettings,
    state: Mutex<State>,
    /// One starts it again, and the others that found it dead wait for that.
    starting: Semaphore,
}

#[derive(Debug)]
struct State {
    connection: Option<Arc<Connection>>,
    /// The tools that this connection has.
    tools: Option<SourcedTools>,
    restarts_left: u32,
    closed: bool,
}

impl McpServer {
    /// Connects, lists the tools, and checks that the settings name no others.
    pub(super) async fn connect(settings: McpSettings) -> Result<Self, McpError> {
        settings.check()?;
        let connection = Arc::new(Connection::open(&settings).await?);
        let state = State {
            connection: Some(Arc::clone(&connection)),
            tools: None,
            restarts_left: settings.restarts,
            closed: false,
        };
        let server = Self {
            shared: Arc::new(Shared {
                settings,
                state: Mutex::new(state),
                starting: Semaphore::new(1),
            }),
        };
        let names = server.shared.list(&connection).await?;
        let unknown = |name: &&String| !names.contains(name);
        if let Some(name) = server.shared.settings.safety_of.keys().find(unknown) {
            let mut known = names.clone();
            // The one that was probably meant comes first.
            if let Some(near) = nearest(name, names.iter().map(String::as_str)) {
                known.sort_by_key(|known| known != near);
            }
            return Err(McpError::UnknownTool {
                server: server.shared.settings.name.clone(),
                name: name.clone(),
                known,
            });
        }
        Ok(server)
    }

    /// Ends the server in the way the protocol asks for: its standard input is closed, then it is asked to terminate, then
    /// killed, with 2 s between. Dropping the future kills it at once.
    pub async fn close(self) {
        let connection = self.shared.end();
        if let Some(connection) = connection {
            let killed_if_dropped = KillOnDrop(&connection);
            connection.close().await;
            drop(killed_if_dropped);
        }
    }
}

struct KillOnDrop<'a>(&'a Connection);

impl Drop for KillOnDrop<'_> {
    fn drop(&mut self) {
        self.0.kill();
    }
}

impl Drop for McpServer {
    /// A call under way may still hold the connection, so dropping that is not enough.
    fn drop(&mut self) {
        if let Some(connection) = self.shared.end() {
            connection.kill();
        }
    }
}

impl ToolSource for McpServer {
    fn name(&self) -> &str {
        &self.shared.settings.name
    }

    fn tools(&self) -> BoxFuture<'_, Result<SourcedTools, ToolError>> {
        Box::pin(async move {
            let told = |mistake: McpError| ToolError(mistake.to_string());
            let connection = self.shared.connection().await.map_err(told)?;
            {
                let mut state = self.shared.state();
                if connection.tools_changed() {
                    state.tools = None;
                }
                if let Some(tools) = &state.tools {
                    return Ok(tools.clone());
                }
            }
            self.shared.list(&connection).await.map_err(told)?;
            let tools = self.shared.state().tools.clone();
            tools.ok_or_else(|| ToolError::from("the server ended meanwhile"))
        })
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection, made anew if it was lost and may be.
    async fn connection(&self) -> Result<Arc<Connection>, McpError> {
        if let Some(connection) = self.alive()? {
            return Ok(connection);
        }
        // Never closed, so this cannot fail; where it does, more than one may start.
        let _one_at_a_time = self.starting.acquire().await;
        if let Some(connection) = self.alive()? {
            return Ok(connection);
        }
        let lost = {
            let mut state = self.state();
            let Some(left) = state.restarts_left.checked_sub(1) else {
                let words = state.connection.as_ref().map(|lost| lost.last_words());
                return Err(self.ended_too_often(words.unwrap_or_default()));
            };
            state.restarts_left = left;
            state.tools = None;
            state.connection.take()
        };
        // What is left of it goes before it is started again.
        drop(lost);
        let connection = Arc::new(Connection::open(&self.settings).await?);
        let mut state = self.state();
        if state.closed {
            return Err(self.closed());
        }
        state.connection = Some(Arc::clone(&connection));
        Ok(connection)
    }

    /// The connection, if it is there.
    fn alive(&self) -> Result<Option<Arc<Connection>>, McpError> {
        let state = self.state();
        if state.closed {
            return Err(self.closed());
        }
        Ok(state
            .connection
            .clone()
            .filter(|connection| !connection.is_lost()))
    }

    /// Lists the tools and keeps them; answers the server's own names.
    async fn list(self: &Arc<Self>, connection: &Arc<Connection>) -> Result<Vec<String>, McpError> {
        let listed = connection.list(&self.settings).await?;
        let names = listed.iter().map(|tool| tool.name.clone().into_owned()).collect();
        let mut found = SourcedTools::default();
        for tool in listed {
            let tool = McpTool::new(tool, &self.settings, Arc::downgrade(self));
            match CheckedTool::new(Arc::new(tool)) {
                Ok(tool) => found.tools.push(tool),
                Err(why) => found.problems.push(why),
            }
        }
        let mut state = self.state();
        let current = |kept: &Arc<Connection>| Arc::ptr_eq(kept, connection);
        if state.connection.as_ref().is_some_and(current) {
            state.tools = Some(found);
        }
        Ok(names)
    }

    pub(super) async fn call(
        &self,
        params: CallToolRequestParams,
        progress: mpsc::Sender<String>,
    ) -> Result<CallToolResult, ToolError> {
        let told = |mistake: McpError| ToolError(mistake.to_string());
        let connection = self.connection().await.map_err(told)?;
        match connection.call(params, progress).await {
            Ok(result) => Ok(result),
            Err(CallFailure::Refused(words)) => Err(ToolError(self.settings.without_secrets(&words))),
            Err(CallFailure::Lost(words)) => Err(self.lost(&connection, &words)),
        }
    }

    /// Gives the connection up, so that the next call makes another; what the model is told.
    fn lost(&self, connection: &Arc<Connection>, words: &str) -> ToolError {
        let mut state = self.state();
        let current = |kept: &Arc<Connection>| Arc::ptr_eq(kept, connection);
        if state.connection.as_ref().is_some_and(current) {
            state.connection = None;
        }
        let next = match state.restarts_left {
            0 => "it will not be started again",
            _ => "it will be started again at the next call",
        };
        ToolError(self.settings.without_secrets(&format!(
            "the server was lost while it worked, and what it did until then may have had effects ({words}); {next}"
        )))
    }

    /// Lets nothing begin any more, and answers what is to be ended.
    fn end(&self) -> Option<Arc<Connection>> {
        let mut state = self.state();
        state.closed = true;
        state.tools = None;
        state.connection.take()
    }

    fn closed(&self) -> McpError {
        McpError::Ended {
            server: self.settings.name.clone(),
            why: "was closed".to_owned(),
        }
    }

    fn ended_too_often(&self, last_words: String) -> McpError {
        let mut why = format!(
            "ended, and was started again {} times before",
            self.settings.restarts
        );
        if !last_words.is_empty() {
            why.push_str(&format!("; it printed: {last_words}"));
        }
        McpError::Ended {
            server: self.settings.name.clone(),
            why: self.settings.without_secrets(&why),
        }
    }
}
