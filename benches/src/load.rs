//! A load of a fixed count of requests, every answer of which is compared with what the upstream said.
//!
//! The count is fixed rather than the time, because the figure wanted is processor time *per request*: both
//! sides then do exactly the same work, and a slow one is not forgiven a part of it. The connections are
//! opened first and kept alive; each sends its next request when the last answer has ended, so the load never
//! queues inside the harness.
//!
//! A wrong answer ends the run with an error. A gateway that answers quickly but wrongly is not fast.

mod chat;
mod check;
mod latencies;
mod open;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

pub use chat::Kind;
pub use latencies::Latencies;
pub use open::{OpenStreams, open_streams};

/// The most requests of one run: every latency is kept until the end.
pub const MAX_REQUESTS: u64 = 1_000_000;

/// The most connections of one run.
pub const MAX_CONNECTIONS: usize = 2_000;

/// How much of an unexpected answer is quoted in an error, in bytes.
const QUOTED_BYTES: usize = 300;

/// What to send, where, and how often.
#[derive(Debug, Clone)]
pub struct LoadSettings {
    /// The proxy, gateway or upstream; on loopback.
    pub target: SocketAddr,
    /// The model name that is asked for.
    pub model: String,
    /// The caller's key, sent as `Authorization: Bearer …`.
    pub key: String,
    /// The kind of request.
    pub kind: Kind,
    /// Chunks that a stream must have.
    pub chunks: usize,
    /// How many requests, at most [`MAX_REQUESTS`].
    pub requests: u64,
    /// Over how many connections, at most [`MAX_CONNECTIONS`]; each has one request under way.
    pub connections: usize,
    /// How long the whole run may take.
    pub time_limit: Duration,
}

impl LoadSettings {
    fn check_size(&self) -> Result<(), LoadError> {
        if (1..=MAX_REQUESTS).contains(&self.requests) && (1..=MAX_CONNECTIONS).contains(&self.connections) {
            return Ok(());
        }
        Err(LoadError::Size {
            requests: self.requests,
            connections: self.connections,
        })
    }
}

/// What a run took.
#[derive(Debug)]
pub struct LoadOutcome {
    /// From the first request to the end of the last answer.
    pub elapsed: Duration,
    /// From sending a request to the first byte of the answer's body.
    pub first_byte: Latencies,
    /// From sending a request to the end of its answer.
    pub whole: Latencies,
}

/// Why a run ended early.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Loads are for processes of one's own.
    #[error("{0} is not a loopback address: the load is only ever sent to this machine")]
    NotLoopback(SocketAddr),
    /// A run of no or too many requests or connections.
    #[error(
        "{requests} requests over {connections} connections: at least 1 each, at most {MAX_REQUESTS} and {MAX_CONNECTIONS}"
    )]
    Size {
        /// Requests asked for.
        requests: u64,
        /// Connections asked for.
        connections: usize,
    },
    /// The caller's key cannot stand in a header.
    #[error("the caller's key cannot be sent in a header: it may hold visible ASCII characters only")]
    Key,
    /// No connection could be opened.
    #[error("no connection to {target}")]
    Connect {
        /// Where to.
        target: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// A run after one that failed.
    #[error("the connections were closed when an earlier run failed")]
    Closed,
    /// HTTP failed on an open connection, or the other side closed it.
    #[error("the connection was lost or its HTTP was malformed")]
    Http(#[from] hyper::Error),
    /// An answer with a status other than 200.
    #[error("status {status} instead of 200: {body}")]
    Status {
        /// The status.
        status: StatusCode,
        /// The beginning of the body.
        body: String,
    },
    /// An answer that is not what the upstream said.
    #[error("a wrong answer: {0}")]
    Wrong(String),
    /// The run did not end in time.
    #[error("the run did not end within {} s", .0.as_secs())]
    TimedOut(Duration),
    /// A task of the harness itself failed.
    #[error("a task of the load ended abnormally")]
    Task(#[from] tokio::task::JoinError),
}

/// Sends the load once, over connections of its own.
///
/// # Errors
/// As [`Load::open`] and [`Load::run`].
pub async fn run_load(settings: &LoadSettings) -> Result<LoadOutcome, LoadError> {
    Load::open(settings).await?.run().await
}

/// A load whose connections are open, to be sent once or again and again.
#[derive(Debug)]
pub struct Load {
    call: Arc<Call>,
    requests: u64,
    time_limit: Duration,
    connections: Vec<SendRequest<Full<Bytes>>>,
}

impl Load {
    /// Opens the connections and sends nothing yet.
    ///
    /// # Errors
    /// If the settings are out of bounds or a connection cannot be opened.
    pub async fn open(settings: &LoadSettings) -> Result<Self, LoadError> {
        settings.check_size()?;
        let call = Call::new(settings)?;
        let mut connections = Vec::with_capacity(settings.connections);
        for _ in 0..settings.connections {
            connections.push(call.connect().await?);
        }
        Ok(Self {
            call: Arc::new(call),
            requests: settings.requests,
            time_limit: settings.time_limit,
            connections,
        })
    }

    /// Sends all requests and waits for the last answer.
    ///
    /// # Errors
    /// At the first answer that is wrong, missing or late. The connections are then closed, and
    /// another run is an error.
    pub async fn run(&mut self) -> Result<LoadOutcome, LoadError> {
        tokio::time::timeout(self.time_limit, self.run_connections())
            .await
            .unwrap_or(Err(LoadError::TimedOut(self.time_limit)))
    }

    async fn run_connections(&mut self) -> Result<LoadOutcome, LoadError> {
        if self.connections.is_empty() {
            return Err(LoadError::Closed);
        }
        let unsent = Arc::new(AtomicU64::new(self.requests));
        let mut workers = JoinSet::new();
        let started = Instant::now();
        for connection in self.connections.drain(..) {
            let (call, unsent) = (Arc::clone(&self.call), Arc::clone(&unsent));
            workers.spawn(send_until_none_left(call, connection, unsent));
        }
        // Kept aside until all have ended well: what is left of a failed run is not to be used.
        let mut connections = Vec::with_capacity(workers.len());
        let mut timings = Vec::new();
        while let Some(worker) = workers.join_next().await {
            let (connection, mut its_timings) = worker??;
            connections.push(connection);
            timings.append(&mut its_timings);
        }
        self.connections = connections;
        Ok(LoadOutcome {
            elapsed: started.elapsed(),
            first_byte: timings.iter().map(|timing| timing.first_byte).collect(),
            whole: timings.iter().map(|timing| timing.whole).collect(),
        })
    }
}

#[derive(Debug, Clone, Copy)]
struct Timing {
    first_byte: Duration,
    whole: Duration,
}

async fn send_until_none_left(
    call: Arc<Call>,
    mut sender: SendRequest<Full<Bytes>>,
    unsent: Arc<AtomicU64>,
) -> Result<(SendRequest<Full<Bytes>>, Vec<Timing>), LoadError> {
    let mut timings = Vec::new();
    let mut answer = Vec::new();
    while unsent
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
        .is_ok()
    {
        timings.push(call.send_and_check(&mut sender, &mut answer).await?);
    }
    Ok((sender, timings))
}

/// One request, rendered, that is sent again and again.
#[derive(Debug)]
struct Call {
    target: SocketAddr,
    host: HeaderValue,
    authorization: HeaderValue,
    kind: Kind,
    chunks: usize,
    body: Bytes,
}

impl Call {
    fn new(settings: &LoadSettings) -> Result<Self, LoadError> {
        if !settings.target.ip().is_loopback() {
            return Err(LoadError::NotLoopback(settings.target));
        }
        let header = |value: String| HeaderValue::try_from(value).map_err(|_| LoadError::Key);
        Ok(Self {
            target: settings.target,
            host: header(settings.target.to_string())?,
            authorization: header(format!("Bearer {}", settings.key))?,
            kind: settings.kind,
            chunks: settings.chunks,
            body: settings.kind.request_body(&settings.model),
        })
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, LoadError> {
        let failed = |source| LoadError::Connect {
            target: self.target,
            source,
        };
        let stream = TcpStream::connect(self.target).await.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // What goes wrong on the connection is seen by the request under way, which reports it.
        tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(sender)
    }

    fn request(&self) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = Uri::from_static(self.kind.path());
        let headers = request.headers_mut();
        headers.insert(HOST, self.host.clone());
        headers.insert(AUTHORIZATION, self.authorization.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        request
    }

    /// Sends the request, reads the answer into `answer`, and compares it.
    async fn send_and_check(
        &self,
        sender: &mut SendRequest<Full<Bytes>>,
        answer: &mut Vec<u8>,
    ) -> Result<Timing, LoadError> {
        answer.clear();
        sender.ready().await?;
        let started = Instant::now();
        let response = sender.send_request(self.request()).await?;
        let status = response.status();
        let mut body = response.into_body();
        let mut first_byte = None;
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame?.into_data() {
                first_byte.get_or_insert_with(|| started.elapsed());
                answer.extend_from_slice(&data);
            }
        }
        let whole = started.elapsed();

        if status != StatusCode::OK {
            return Err(LoadError::Status {
                status,
                body: quoted(answer),
            });
        }
        match self.kind {
            Kind::Stream => check::stream(answer, self.chunks),
            Kind::Plain | Kind::Large => check::plain(answer),
            Kind::Messages => check::message(answer),
            Kind::MessagesStream => check::message_stream(answer, self.chunks),
        }
        .map_err(|what| LoadError::Wrong(format!("{what} in {}", quoted(answer))))?;
        Ok(Timing {
            first_byte: first_byte.unwrap_or(whole),
            whole,
        })
    }
}

fn quoted(answer: &[u8]) -> String {
    let end = answer.len().min(QUOTED_BYTES);
    String::from_utf8_lossy(answer.get(..end).unwrap_or(answer)).into_owned()
}
