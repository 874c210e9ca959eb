//! One connection to a server, from the handshake to its end.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use rmcp::model::{
    CallToolRequest, CallToolRequestParams, CallToolResult, CancelledNotificationParam, ClientCapabilities,
    ClientConfig, ClientRequest, Implementation, PaginatedRequestParams, ProgressNotificationParam,
    ProgressToken, RequestId, ServerResult,
};
use rmcp::service::{
    NotificationContext, Peer, PeerRequestOptions, RoleClient, RunningService, ServiceError,
};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::async_rw::AsyncRwTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{ClientHandler, ServiceExt as _};
use tokio::sync::mpsc;

use super::McpError;
use super::http::HttpClient;
use super::process::{Errors, ServerProcess};
use super::settings::{Address, McpSettings, Way};

/// How long a server may take to end by itself, and again after it was asked to.
const PATIENCE: Duration = Duration::from_secs(2);
/// The most tools of one server.
const MOST_TOOLS: usize = 512;

/// A connection. Dropping it ends it, and kills the program behind it.
#[derive(Debug)]
pub(super) struct Connection {
    peer: Peer<RoleClient>,
    service: Mutex<Option<RunningService<RoleClient, Arc<Listener>>>>,
    process: Mutex<Option<ServerProcess>>,
    errors: Errors,
    listener: Arc<Listener>,
}

impl Connection {
    /// Starts or reaches the server, and shakes hands.
    pub(super) async fn open(settings: &McpSettings) -> Result<Self, McpError> {
        let listener = Arc::new(Listener::default());
        let errors = Errors::default();
        let begin = async {
            match &settings.way {
                Way::Stdio(program) => {
                    let (mut process, stdout, stdin) = ServerProcess::start(program)?;
                    let errors = process.errors();
                    let transport = AsyncRwTransport::new_client(stdout, stdin);
                    match Arc::clone(&listener).serve(transport).await {
                        Ok(service) => Ok((service, Some(process), errors)),
                        Err(mistake) => {
                            let words = process.last_words().await;
                            Err(with_last_words(mistake.to_string(), &words))
                        }
                    }
                }
                Way::Http(address) => {
                    let served = Arc::clone(&listener).serve(transport_to(address)?).await;
                    served
                        .map(|service| (service, None, errors))
                        .map_err(|mistake| mistake.to_string())
                }
            }
        };
        let server = || settings.name.clone();
        let begun = tokio::time::timeout(settings.start_timeout, Box::pin(begin)).await;
        let (service, process, errors) = begun
            .map_err(|_| McpError::TimedOut {
                server: server(),
                limit: settings.start_timeout,
            })?
            .map_err(|why| McpError::Start {
                server: server(),
                why: settings.without_secrets(&why),
            })?;
        Ok(Self {
            peer: service.peer().clone(),
            service: Mutex::new(Some(service)),
            process: Mutex::new(process),
            errors,
            listener,
        })
    }

    /// Whether the server is gone.
    pub(super) fn is_lost(&self) -> bool {
        self.peer.is_transport_closed()
    }

    /// Whether the server said that its tools changed, since this was last asked.
    pub(super) fn tools_changed(&self) -> bool {
        self.listener.tools_changed.swap(false, Ordering::AcqRel)
    }

    /// What a program last printed to standard error.
    pub(super) fn last_words(&self) -> String {
        self.errors.last()
    }

    /// All tools it has, page by page.
    pub(super) async fn list(&self, settings: &McpSettings) -> Result<Vec<rmcp::model::Tool>, McpError> {
        let wrong = |why: String| McpError::List {
            server: settings.name.clone(),
            why: settings.without_secrets(&why),
        };
        let pages = async {
            let mut tools = Vec::new();
            let mut cursor = None;
            loop {
                let page = PaginatedRequestParams::default().with_cursor(cursor);
                let page = self.peer.list_tools(Some(page)).await;
                let page = page.map_err(|mistake| wrong(mistake.to_string()))?;
                // A page without tools that promises another would go on for ever.
                let ends = page.tools.is_empty();
                tools.extend(page.tools);
                if tools.len() > MOST_TOOLS {
                    return Err(wrong(format!(
                        "it has more than {MOST_TOOLS}, which are the most"
                    )));
                }
                match page.next_cursor {
                    Some(next) if !ends => cursor = Some(next),
                    _ => return Ok(tools),
                }
            }
        };
        let listed = tokio::time::timeout(settings.start_timeout, pages).await;
        listed.unwrap_or_else(|_| {
            Err(McpError::TimedOut {
                server: settings.name.clone(),
                limit: settings.start_timeout,
            })
        })
    }

    /// Calls a tool. Dropping the future tells the server that nobody waits any more.
    pub(super) async fn call(
        &self,
        params: CallToolRequestParams,
        progress: mpsc::Sender<String>,
    ) -> Result<CallToolResult, CallFailure> {
        let request = ClientRequest::CallToolRequest(CallToolRequest::new(params));
        let options = PeerRequestOptions::no_options();
        let handle = self.peer.send_request_with_option(request, options).await?;
        let mut cancellation = Cancellation {
            peer: &self.peer,
            call: Some(handle.id.clone()),
        };
        let _subscribed = self.listener.subscribe(handle.progress_token.clone(), progress);
        let answer = handle.await_response().await;
        cancellation.call = None;
        match answer? {
            ServerResult::CallToolResult(result) => Ok(result),
            ServerResult::EmptyResult(_) => Ok(CallToolResult::default()),
            ServerResult::InputRequiredResult(_) => Err(CallFailure::Refused(
                "the server wants to ask the user something, which cannot be done here".to_owned(),
            )),
            ServerResult::CreateTaskResult(_) => Err(CallFailure::Refused(
                "the server wants to answer later, which cannot be waited for here".to_owned(),
            )),
            _ => Err(CallFailure::Refused(
                "the server answered something else than a result".to_owned(),
            )),
        }
    }

    /// Ends it at once.
    pub(super) fn kill(&self) {
        let process = take(&self.process);
        let service = take(&self.service);
        drop(process);
        drop(service);
    }

    /// Ends it in the way the protocol asks for.
    pub(super) async fn close(&self) {
        let process = take(&self.process);
        if let Some(mut service) = take(&self.service) {
            // What it says of its end does not matter any more.
            let _ended = service.close_with_timeout(PATIENCE).await;
        }
        if let Some(process) = process {
            process.end(PATIENCE).await;
        }
    }
}

fn take<T>(place: &Mutex<Option<T>>) -> Option<T> {
    place.lock().unwrap_or_else(PoisonError::into_inner).take()
}

fn with_last_words(why: String, words: &str) -> String {
    if words.is_empty() {
        return why;
    }
    format!("{why}; it printed: {words}")
}

fn transport_to(address: &Address) -> Result<StreamableHttpClientTransport<HttpClient>, String> {
    let mut config = StreamableHttpClientTransportConfig::with_uri(address.url.as_str());
    config.custom_headers = address.header_map()?.into_iter().collect();
    let client = HttpClient(Arc::clone(&address.transport));
    Ok(StreamableHttpClientTransport::with_client(client, config))
}

/// Why a call has no result.
#[derive(Debug)]
pub(super) enum CallFailure {
    /// The server says so, in these words.
    Refused(String),
    /// The server is gone, or cannot be reached.
    Lost(String),
}

impl From<ServiceError> for CallFailure {
    fn from(mistake: ServiceError) -> Self {
        match mistake {
            ServiceError::McpError(mistake) => Self::Refused(mistake.message.into_owned()),
            ServiceError::TransportClosed | ServiceError::TransportSend(_) => Self::Lost(mistake.to_string()),
            other => Self::Refused(other.to_string()),
        }
    }
}

/// Tells the server, when it is dropped while a call is under way, that nobody waits for it.
struct Cancellation<'a> {
    peer: &'a Peer<RoleClient>,
    call: Option<RequestId>,
}

impl Drop for Cancellation<'_> {
    fn drop(&mut self) {
        let Some(call) = self.call.take() else { return };
        let params =
            CancelledNotificationParam::new(Some(call), Some("nobody waits for it any more".to_owned()));
        // The first poll puts it into the queue of the connection's task, if there is room; it is not waited for.
        let _queued = self.peer.notify_cancelled(params).now_or_never();
    }
}

/// Hears what the server says unasked.
#[derive(Debug, Default)]
pub(super) struct Listener {
    tools_changed: AtomicBool,
    /// The calls that are under way.
    progress: Mutex<HashMap<ProgressToken, mpsc::Sender<String>>>,
}

impl Listener {
    fn subscribe(&self, token: ProgressToken, progress: mpsc::Sender<String>) -> Subscription<'_> {
        let mut calls = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        calls.insert(token.clone(), progress);
        Subscription {
            listener: self,
            token,
        }
    }
}

/// A call whose progress is passed on until this is dropped.
struct Subscription<'a> {
    listener: &'a Listener,
    token: ProgressToken,
}

impl Drop for Subscription<'_> {
    fn drop(&mut self) {
        let mut calls = self
            .listener
            .progress
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        calls.remove(&self.token);
    }
}

impl ClientHandler for Listener {
    async fn on_progress(&self, said: ProgressNotificationParam, _: NotificationContext<RoleClient>) {
        let calls = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(progress) = calls.get(&said.progress_token) {
            // Where the reader is behind, a word of progress is let go.
            let _full = progress.try_send(progress_text(&said));
        }
    }

    async fn on_tool_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.tools_changed.store(true, Ordering::Release);
    }

    fn get_info(&self) -> ClientConfig {
        ClientConfig::new(
            ClientCapabilities::default(),
            Implementation::new("modelpool", env!("CARGO_PKG_VERSION")),
        )
    }
}

fn progress_text(said: &ProgressNotificationParam) -> String {
    let number = match said.total {
        Some(total) => format!("{} of {total}", said.progress),
        None => said.progress.to_string(),
    };
    match said.message.as_deref() {
        Some(message) if !message.is_empty() => format!("{number}: {message}"),
        _ => number,
    }
}
