//! MCP servers, whose tools an agent takes.
//!
//! A server is started or reached when it is first needed, and is then one for all agents that have it, whichever
//! event loops they run on.

use std::sync::{Arc, Mutex, PoisonError};

use modelpool_agent::BoxFuture;
use modelpool_agent::tool::mcp::{McpError, McpServer, McpSettings};
use modelpool_agent::tool::{SourcedTools, ToolError, ToolSource};
use pyo3::prelude::*;
use serde_json::{Map, Value};
use tokio::sync::OnceCell;

use super::tools::{read_safety, read_seconds};
use crate::{errors, json, runtime};

/// A server, connected or not yet.
#[derive(Debug)]
pub(super) struct Server {
    name: String,
    settings: McpSettings,
    /// `None` after it was closed.
    connected: Mutex<Option<Arc<OnceCell<McpServer>>>>,
}

impl Server {
    async fn tools_now(&self) -> Result<SourcedTools, ToolError> {
        let cell = {
            let held = self.connected.lock().unwrap_or_else(PoisonError::into_inner);
            held.clone()
        };
        let cell = cell.ok_or_else(|| ToolError("the server was closed".to_owned()))?;
        let told = |error: McpError| ToolError(error.to_string());
        let connect = || self.settings.clone().connect();
        let server = cell.get_or_try_init(connect).await.map_err(told)?;
        server.tools().await
    }

    fn take(&self) -> Option<Arc<OnceCell<McpServer>>> {
        self.connected
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

impl ToolSource for Server {
    fn name(&self) -> &str {
        &self.name
    }

    fn tools(&self) -> BoxFuture<'_, Result<SourcedTools, ToolError>> {
        Box::pin(self.tools_now())
    }
}

/// A server that speaks the Model Context Protocol.
#[pyclass(frozen, module = "modelpool._native")]
pub(crate) struct NativeMcpServer {
    pub(super) server: Arc<Server>,
}

#[pymethods]
impl NativeMcpServer {
    /// A program.
    #[staticmethod]
    fn stdio(
        py: Python<'_>,
        name: String,
        command: String,
        arguments: Vec<String>,
        environment: Vec<(String, String)>,
        options: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let settings = McpSettings::stdio(&name, command, arguments, environment);
        Self::of(py, name, settings, options)
    }

    /// An address.
    #[staticmethod]
    fn http(
        py: Python<'_>,
        name: String,
        url: String,
        headers: Vec<(String, String)>,
        options: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let settings = McpSettings::http(&name, url, headers);
        Self::of(py, name, settings, options)
    }

    /// What is to be awaited for the names of its tools; connects where it is not connected.
    fn connect<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let server = Arc::clone(&self.server);
        let name = self.server.name.clone();
        let work = async move { server.tools_now().await };
        runtime::start(py, work, move |py, found| names(py, &name, found))
    }

    /// The same while the caller's thread waits.
    fn connect_blocking(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let server = Arc::clone(&self.server);
        let found = runtime::block(py, async move { server.tools_now().await })?;
        names(py, &self.server.name, found)
    }

    /// What is to be awaited for its end. Harmless where it has ended.
    fn close<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let work = end(self.server.take());
        runtime::start(py, work, |py, ()| Ok(py.None()))
    }

    /// The same while the caller's thread waits.
    fn close_blocking(&self, py: Python<'_>) -> PyResult<()> {
        runtime::block(py, end(self.server.take()))
    }

    /// Kills the program at once.
    fn kill(&self, py: Python<'_>) {
        runtime::release(py, self.server.take());
    }
}

impl NativeMcpServer {
    fn of(py: Python<'_>, name: String, settings: McpSettings, options: &Bound<'_, PyAny>) -> PyResult<Self> {
        let options = json::members(Some(options), "options")?;
        let settings = configured(py, settings, &options)?;
        let server = Server {
            name,
            settings,
            connected: Mutex::new(Some(Arc::default())),
        };
        Ok(Self {
            server: Arc::new(server),
        })
    }
}

fn configured(
    py: Python<'_>,
    mut settings: McpSettings,
    options: &Map<String, Value>,
) -> PyResult<McpSettings> {
    for (key, value) in options {
        let wrong = |wanted: &str| errors::value(py, format!("{key}: expected {wanted}, got {value}"));
        let text = || value.as_str().ok_or_else(|| wrong("a string"));
        let seconds = || value.as_f64().ok_or_else(|| wrong("seconds"));
        settings = match key.as_str() {
            "safety" => settings.safety(read_safety(py, text()?)?),
            "safety_of" => {
                let levels = value.as_object().ok_or_else(|| wrong("a dict"))?;
                for (tool, level) in levels {
                    let level = level.as_str().ok_or_else(|| wrong("names of safety levels"))?;
                    settings = settings.safety_of(tool, read_safety(py, level)?);
                }
                settings
            }
            "prefix" => settings.prefix(text()?),
            "trust_annotations" => match value.as_bool() {
                Some(true) => settings.trust_annotations(),
                Some(false) => settings,
                None => return Err(wrong("True or False")),
            },
            "start_timeout" => settings.start_timeout(read_seconds(py, key, seconds()?)?),
            "call_timeout" => settings.call_timeout(read_seconds(py, key, seconds()?)?),
            "restarts" => {
                let times = value.as_u64().and_then(|times| u32::try_from(times).ok());
                settings.restarts(times.ok_or_else(|| wrong("a whole number from 0"))?)
            }
            "folder" => settings.folder(text()?),
            other => return Err(errors::value(py, format!("unknown setting `{other}`"))),
        };
    }
    Ok(settings)
}

fn names(py: Python<'_>, server: &str, found: Result<SourcedTools, ToolError>) -> PyResult<Py<PyAny>> {
    let found = found.map_err(|why| {
        let words = if why.0.contains(server) {
            why.0
        } else {
            format!("MCP server `{server}`: {}", why.0)
        };
        errors::of_code(py, "mcp", words)
    })?;
    let names = found.tools.iter().map(|tool| tool.definition().name.clone());
    let names: Vec<String> = names.collect();
    Ok(names.into_pyobject(py)?.unbind())
}

/// Ends a server politely; one that somebody is connecting to ends with that.
async fn end(cell: Option<Arc<OnceCell<McpServer>>>) {
    if let Some(server) = cell.and_then(Arc::into_inner).and_then(OnceCell::into_inner) {
        server.close().await;
    }
}
