//! Which server, and what is thought of its tools.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Uri};
use modelpool::parts::core::error::excerpt;
use modelpool::{HttpTransport, Transport};
use rmcp::model::ToolAnnotations;

use super::{McpError, McpServer};
use crate::tool::set::is_name;
use crate::tool::{DEFAULT_TIMEOUT, Safety};

/// The longest a server may take to start and to list its tools, where nothing else is said. A program that is
/// installed first takes a while.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// How often a server that ended is started again, where nothing else is said.
const RESTARTS: u32 = 3;

/// Which server to use, and how.
///
/// ```
/// use modelpool_agent::tool::Safety;
/// use modelpool_agent::tool::mcp::McpSettings;
///
/// let files = McpSettings::stdio("files", "mcp-server-files", ["/srv/data"], [("LOG", "off")])
///     .safety_of("read_file", Safety::Safe)
///     .safety_of("delete_file", Safety::Exclusive);
/// let search = McpSettings::http("search", "https://example.com/mcp", [("authorization", "Bearer t0ken")]);
/// assert!(!format!("{search:?}").contains("t0ken"));
/// # let _ = files;
/// ```
#[derive(Clone)]
pub struct McpSettings {
    pub(super) name: String,
    pub(super) way: Way,
    pub(super) prefix: String,
    pub(super) trusted: bool,
    pub(super) safety: Safety,
    pub(super) safety_of: BTreeMap<String, Safety>,
    pub(super) start_timeout: Duration,
    pub(super) call_timeout: Duration,
    pub(super) restarts: u32,
}

/// How the server is reached.
#[derive(Clone)]
pub(super) enum Way {
    Stdio(Program),
    Http(Address),
}

/// A program that is started.
#[derive(Clone)]
pub(super) struct Program {
    pub(super) command: String,
    pub(super) arguments: Vec<String>,
    /// Secret values: keys are handed to servers this way.
    pub(super) environment: Vec<(String, String)>,
    pub(super) folder: Option<PathBuf>,
}

/// An address of streamable HTTP.
#[derive(Clone)]
pub(super) struct Address {
    pub(super) url: String,
    /// Secret values.
    pub(super) headers: Vec<(String, String)>,
    pub(super) transport: Arc<dyn Transport>,
}

impl McpSettings {
    /// A program that speaks over its standard input and output. Of the environment it gets what is given here and what every
    /// program needs (`PATH`, `HOME` and the like), nothing else.
    pub fn stdio<Argument, Name, Value>(
        name: impl Into<String>,
        command: impl Into<String>,
        arguments: impl IntoIterator<Item = Argument>,
        environment: impl IntoIterator<Item = (Name, Value)>,
    ) -> Self
    where
        Argument: Into<String>,
        Name: Into<String>,
        Value: Into<String>,
    {
        Self::of(
            name.into(),
            Way::Stdio(Program {
                command: command.into(),
                arguments: arguments.into_iter().map(Into::into).collect(),
                environment: pairs(environment),
                folder: None,
            }),
        )
    }

    /// A server at an address that speaks streamable HTTP. The values of the headers are kept secret.
    pub fn http<Name, Value>(
        name: impl Into<String>,
        url: impl Into<String>,
        headers: impl IntoIterator<Item = (Name, Value)>,
    ) -> Self
    where
        Name: Into<String>,
        Value: Into<String>,
    {
        Self::of(
            name.into(),
            Way::Http(Address {
                url: url.into(),
                headers: pairs(headers),
                transport: Arc::new(HttpTransport::new()),
            }),
        )
    }

    fn of(name: String, way: Way) -> Self {
        Self {
            prefix: format!("{name}__"),
            name,
            way,
            trusted: false,
            safety: Safety::default(),
            safety_of: BTreeMap::new(),
            start_timeout: START_TIMEOUT,
            call_timeout: DEFAULT_TIMEOUT,
            restarts: RESTARTS,
        }
    }

    /// What the names of its tools begin with, instead of the server's name and `__`.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// How its tools may run beside others, where nothing else says so; [`Safety::Cautious`] if this does not.
    #[must_use]
    pub fn safety(mut self, safety: Safety) -> Self {
        self.safety = safety;
        self
    }

    /// How one tool, of that name at the server, may run beside others.
    #[must_use]
    pub fn safety_of(mut self, tool: impl Into<String>, safety: Safety) -> Self {
        self.safety_of.insert(tool.into(), safety);
        self
    }

    /// Believes what the server says of its tools: one that only reads is safe, one that destroys runs alone.
    #[must_use]
    pub fn trust_annotations(mut self) -> Self {
        self.trusted = true;
        self
    }

    /// The longest it may take to start, and to list its tools; 30 s if this is not called.
    #[must_use]
    pub fn start_timeout(mut self, limit: Duration) -> Self {
        self.start_timeout = limit;
        self
    }

    /// The longest a call may take; [`DEFAULT_TIMEOUT`] if this is not called.
    #[must_use]
    pub fn call_timeout(mut self, limit: Duration) -> Self {
        self.call_timeout = limit;
        self
    }

    /// How often it is started again after it ended by itself; 3 if this is not called.
    #[must_use]
    pub fn restarts(mut self, restarts: u32) -> Self {
        self.restarts = restarts;
        self
    }

    /// The folder a program is started in; that of this program if this is not called. Of no effect for an address.
    #[must_use]
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        if let Way::Stdio(program) = &mut self.way {
            program.folder = Some(folder.into());
        }
        self
    }

    /// What carries the requests to an address. Of no effect for a program.
    #[must_use]
    pub fn transport(mut self, transport: Arc<dyn Transport>) -> Self {
        if let Way::Http(address) = &mut self.way {
            address.transport = transport;
        }
        self
    }

    /// Starts or reaches the server, and lists its tools.
    ///
    /// # Errors
    /// A setting cannot be used, the server does not start, answer, or list its tools, or a safety level is given for a
    /// tool that it does not have.
    pub async fn connect(self) -> Result<McpServer, McpError> {
        McpServer::connect(self).await
    }

    /// Whether the settings can be used, as far as that can be seen without the server.
    pub(super) fn check(&self) -> Result<(), McpError> {
        let wrong = |why: String| McpError::Setting {
            server: self.name.clone(),
            why,
        };
        if !is_name(&self.name) {
            return Err(wrong(
                "its name is to be 1 to 64 letters, digits, `_` and `-`".to_owned(),
            ));
        }
        if !self.prefix.is_empty() && !is_name(&self.prefix) {
            return Err(wrong(format!(
                "the prefix `{}` is to be letters, digits, `_` and `-`",
                self.prefix
            )));
        }
        match &self.way {
            Way::Stdio(program) if program.command.is_empty() => {
                Err(wrong("the command is empty".to_owned()))
            }
            Way::Stdio(program) => {
                let broken = |name: &str| name.is_empty() || name.contains(['=', '\0']);
                let mut names = program.environment.iter().map(|(name, _)| name);
                match names.find(|name| broken(name)) {
                    Some(name) => Err(wrong(format!("`{name}` cannot be the name of a variable"))),
                    None => Ok(()),
                }
            }
            Way::Http(address) => address.check().map_err(wrong),
        }
    }

    /// How a tool may run beside others.
    pub(super) fn safety_for(&self, tool: &str, annotations: Option<&ToolAnnotations>) -> Safety {
        if let Some(safety) = self.safety_of.get(tool) {
            return *safety;
        }
        let Some(said) = annotations.filter(|_| self.trusted) else {
            return self.safety;
        };
        if said.read_only_hint == Some(true) {
            Safety::Safe
        } else if said.destructive_hint == Some(true) {
            Safety::Exclusive
        } else {
            self.safety
        }
    }

    /// Words from or about the server, bounded and without the secrets of these settings.
    pub(super) fn without_secrets(&self, words: &str) -> String {
        let secrets: Vec<&str> = match &self.way {
            Way::Stdio(program) => values(&program.environment),
            Way::Http(address) => {
                let mut secrets = values(&address.headers);
                // `Bearer token` is told without its token, too.
                let parts = address.headers.iter().flat_map(|(_, value)| value.split(' '));
                secrets.extend(parts.filter(|part| part.len() >= SHORTEST_SECRET));
                secrets.extend(address.url.split_once('?').map(|(_, query)| query));
                secrets
            }
        };
        excerpt(words, &secrets)
    }
}

/// Headers that the protocol sets.
const RESERVED: [&str; 7] = [
    "accept",
    "content-length",
    "content-type",
    "host",
    "last-event-id",
    "mcp-protocol-version",
    "mcp-session-id",
];

/// Shorter values are no secrets, and would be found in ordinary words.
const SHORTEST_SECRET: usize = 6;

fn values(pairs: &[(String, String)]) -> Vec<&str> {
    let values = pairs.iter().map(|(_, value)| value.as_str());
    values.filter(|value| value.len() >= SHORTEST_SECRET).collect()
}

fn pairs<Name: Into<String>, Value: Into<String>>(
    given: impl IntoIterator<Item = (Name, Value)>,
) -> Vec<(String, String)> {
    let given = given.into_iter();
    given.map(|(name, value)| (name.into(), value.into())).collect()
}

impl Address {
    fn check(&self) -> Result<(), String> {
        let shown = self.shown();
        let uri = self.url.parse::<Uri>().ok();
        let whole =
            |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.authority().is_some();
        let Some(uri) = uri.filter(whole) else {
            return Err(format!(
                "`{shown}` is to begin with http:// or https:// and a host"
            ));
        };
        if uri
            .authority()
            .is_some_and(|authority| authority.as_str().contains('@'))
        {
            return Err(format!(
                "`{shown}`: a user or a key goes into a header, not into the address"
            ));
        }
        self.header_map().map(drop)
    }

    /// The headers, marked as secret.
    pub(super) fn header_map(&self) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
        let mut headers = Vec::new();
        for (name, value) in &self.headers {
            let known = HeaderName::try_from(name.as_str())
                .map_err(|_| format!("`{name}` cannot be the name of a header"))?;
            if RESERVED.contains(&known.as_str()) {
                return Err(format!("the header `{name}` is the protocol's own"));
            }
            let mut value = HeaderValue::try_from(value.as_str()).map_err(|_| {
                format!("the value of header `{name}` has characters that headers cannot have")
            })?;
            value.set_sensitive(true);
            headers.push((known, value));
        }
        Ok(headers)
    }

    /// The address without user and query, which may hold keys.
    fn shown(&self) -> String {
        let bare = self.url.split(['?', '#']).next().unwrap_or_default();
        let Some((scheme, rest)) = bare.split_once("://") else {
            return bare.to_owned();
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let host = authority.rsplit('@').next().unwrap_or_default();
        format!("{scheme}://{host}{path}")
    }
}

impl fmt::Debug for McpSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |pairs: &[(String, String)]| -> Vec<String> {
            pairs.iter().map(|(name, _)| name.clone()).collect()
        };
        let mut shown = f.debug_struct("McpSettings");
        shown.field("name", &self.name);
        match &self.way {
            Way::Stdio(program) => shown
                .field("command", &program.command)
                .field("environment", &names(&program.environment)),
            Way::Http(address) => shown
                .field("url", &address.shown())
                .field("headers", &names(&address.headers)),
        };
        shown.field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: [(&str, &str); 0] = [];

    fn refused(settings: &McpSettings) -> String {
        settings.check().expect_err("a wrong setting").to_string()
    }

    #[test]
    fn what_cannot_be_used_is_said_before_anything_starts() {
        let stdio = |command| McpSettings::stdio("s", command, [""; 0], NONE);
        let http = |url| McpSettings::http("s", url, NONE);
        assert!(stdio("node").check().is_ok() && http("https://example.com/mcp?key=1").check().is_ok());
        for (settings, words) in [
            (stdio(""), "the command is empty"),
            (
                McpSettings::stdio("a b", "node", [""; 0], NONE),
                "1 to 64 letters",
            ),
            (stdio("node").prefix("ü"), "the prefix `ü`"),
            (McpSettings::stdio("s", "node", [""; 0], [("A=B", "c")]), "`A=B`"),
            (http("example.com/mcp"), "http://"),
            (http("https://user:secret@example.com/"), "into a header"),
            (
                McpSettings::http("s", "https://example.com", [("a b", "c")]),
                "`a b`",
            ),
            (
                McpSettings::http("s", "https://example.com", [("Accept", "c")]),
                "`Accept`",
            ),
            (
                McpSettings::http("s", "https://example.com", [("key", "s\necret")]),
                "header `key`",
            ),
        ] {
            let told = refused(&settings);
            assert!(told.contains(words) && !told.contains("secret"), "{told}");
        }
    }

    #[test]
    fn no_secret_is_shown() {
        let stdio = McpSettings::stdio("s", "node", ["a.js"], [("TOKEN", "t0ken-value")]);
        let http = McpSettings::http(
            "s",
            "https://example.com/mcp?key=t0ken-query",
            [("authorization", "Bearer t0ken-value")],
        );
        for settings in [&stdio, &http] {
            let shown = format!("{settings:?}");
            assert!(!shown.contains("t0ken"), "{shown}");
            let told = settings.without_secrets("it said t0ken-value and Bearer t0ken-value");
            assert!(!told.contains("t0ken"), "{told}");
        }
        assert_eq!(
            http.without_secrets("at /mcp?key=t0ken-query"),
            "at /mcp?[redacted]"
        );
    }

    #[test]
    fn a_server_is_believed_only_where_the_user_says_so() {
        let reads = ToolAnnotations::from_raw(None, Some(true), None, None, None);
        let destroys = ToolAnnotations::from_raw(None, Some(false), Some(true), None, None);
        let settings = McpSettings::stdio("s", "node", [""; 0], NONE).safety_of("known", Safety::Exclusive);
        assert_eq!(settings.safety_for("read", Some(&reads)), Safety::Cautious);
        assert_eq!(settings.safety_for("known", Some(&reads)), Safety::Exclusive);
        let trusting = settings.trust_annotations();
        assert_eq!(trusting.safety_for("read", Some(&reads)), Safety::Safe);
        assert_eq!(trusting.safety_for("delete", Some(&destroys)), Safety::Exclusive);
        assert_eq!(trusting.safety_for("known", Some(&reads)), Safety::Exclusive);
        assert_eq!(trusting.safety_for("other", None), Safety::Cautious);
    }
}
