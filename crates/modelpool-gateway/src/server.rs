//! Accepting connections, and stopping.
//!
//! Told to stop, the server says so at `/health/ready`, takes no more requests, lets what is under
//! way finish within a limit, and then closes what is left. It listens until then: whoever sends
//! requests here learns of the stop from the health check or from a refusal, which it can take
//! elsewhere, and not from connections that are refused.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use modelpool::parts::providers::http_transport::JoinedWrites;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tracing::{debug, info, warn};

use crate::Gateway;
use crate::head_timer::HeadTimer;
use crate::in_place::InPlace;
use crate::routes::Routes;

/// Longest time for the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// Pause after a failure to accept, such as too many open files: trying at once would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A gateway that listens.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    gateway: Arc<Gateway>,
}

/// The server could not start.
#[derive(Debug)]
pub struct ServerError {
    /// Where it should have listened.
    pub address: SocketAddr,
    /// Why it could not.
    pub source: io::Error,
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot listen on {}: {}", self.address, self.source)
    }
}

impl std::error::Error for ServerError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

impl Server {
    /// Listens on `address`; port 0 takes a free one.
    ///
    /// # Errors
    /// The address is taken, or not this machine's.
    pub async fn bind(gateway: Arc<Gateway>, address: SocketAddr) -> Result<Self, ServerError> {
        let failed = |source| ServerError { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self {
            listener,
            address,
            gateway,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is done, and then lets requests under way finish within the limit.
    /// Returns whether all of them did.
    pub async fn serve(self, stop: impl Future<Output = ()> + Send) -> bool {
        let Self {
            listener, gateway, ..
        } = self;
        let service = Routes::new(Arc::clone(&gateway));
        let graceful = GracefulShutdown::new();
        let mut stop = std::pin::pin!(stop);
        loop {
            let stream = tokio::select! {
                () = &mut stop => break,
                stream = accept(&listener) => stream,
            };
            let watcher = graceful.watcher();
            let service = service.clone();
            tokio::spawn(InPlace::new(async move {
                let connection = builder(true)
                    .serve_connection(JoinedWrites::new(TokioIo::new(stream)), service)
                    .into_owned();
                if let Err(error) = watcher.watch(connection).await {
                    debug!(%error, "connection ended");
                }
            }));
        }
        gateway.stopping.store(true, Ordering::Relaxed);
        let limit = gateway.limits.shutdown;
        info!(
            limit_s = limit.as_secs_f64(),
            "stopping; requests under way may finish"
        );
        let finished = tokio::select! {
            outcome = tokio::time::timeout(limit, graceful.shutdown()) => outcome.is_ok(),
            () = refuse(&listener, &service) => false,
        };
        if !finished {
            warn!("some requests did not finish within the limit");
        }
        finished
    }
}

/// How a connection is served: any number of requests, or one.
fn builder(keep_alive: bool) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(HeadTimer::default())
        .header_read_timeout(HEAD_TIMEOUT)
        .keep_alive(keep_alive);
    builder.http2().timer(TokioTimer::new());
    builder
}

/// The next connection.
async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                prepare(&stream);
                return stream;
            }
            Err(error) => {
                warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Answers one request on each new connection, for as long as this is waited for. The service
/// knows that it is stopping, and refuses what is no health check.
async fn refuse(listener: &TcpListener, service: &Routes) {
    let mut connections = JoinSet::new();
    loop {
        let stream = accept(listener).await;
        while connections.try_join_next().is_some() {}
        let service = service.clone();
        connections.spawn(async move {
            if let Err(error) = builder(false)
                .serve_connection(JoinedWrites::new(TokioIo::new(stream)), service)
                .await
            {
                debug!(%error, "connection ended");
            }
        });
    }
}

/// Without this a token waits for the acknowledgement of the one before, up to 40 ms.
fn prepare(stream: &TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "cannot set TCP_NODELAY");
    }
}
