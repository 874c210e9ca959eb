//! The transport that reaches real servers: HTTP/1.1 over TCP or TLS, with connections kept open.
//!
//! A connection is driven by the task that uses it. The usual client runs each connection in a
//! task of its own and hands every part of an answer over a channel; for a stream of tokens that
//! is a wake-up, often on another core, per token. Here the task that serves the caller polls the
//! connection itself, so a token takes no detour, and dropping an answer closes its connection at
//! once.
//!
//! HTTP/1.1 on purpose: over one HTTP/2 connection vendors cap the streams (about 100), and calls
//! past that wait in a queue nobody sees. Nagle's algorithm is off, since a delayed
//! acknowledgement costs a token 40 ms. TLS starts with the first https address, so that a pool
//! of local models never loads root certificates.

mod connect;
mod connection;
mod idle;
mod joined_writes;

use std::error::Error as StdError;
use std::sync::Arc;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderValue, Uri, Version};
use modelpool_core::transport::{BodyStream, ConnectLimit, TransportError, TransportErrorKind};
use modelpool_core::{BoxFuture, Transport};

use connect::Connector;
use connection::{Connection, Parts, SendFailure};
use idle::{Idle, Server};
pub use joined_writes::JoinedWrites;

/// Reaches servers over HTTP/1.1.
///
/// Root certificates are those of the system; `SSL_CERT_FILE` and `SSL_CERT_DIR` name others.
/// A [`ConnectLimit`] in a request's extensions limits the time to connect, TLS included.
#[derive(Debug, Default)]
pub struct HttpTransport {
    connector: Connector,
    idle: Arc<Idle>,
}

impl HttpTransport {
    /// A transport without connections yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Not an `async fn`, which would keep its argument twice.
    fn exchange(
        &self,
        request: http::Request<Bytes>,
    ) -> impl Future<Output = Result<http::Response<BodyStream>, TransportError>> + Send + '_ {
        let limit: ConnectLimit = request.extensions().get().copied().unwrap_or_default();
        let addressed = addressed(request);
        async move {
            let (server, mut request) = addressed?;
            // A kept connection may have been closed by the server a moment ago. A request that did
            // not leave is sent again; each try uses one connection up, so this ends.
            while let Some(connection) = self.idle.take(&server) {
                match connection.send(request).await {
                    Ok((connection, head, body)) => return Ok(self.answer(server, connection, head, body)),
                    Err(SendFailure::NotSent(back)) => request = *back,
                    Err(SendFailure::Broken(error)) => return Err(broken(&error)),
                }
            }
            // Boxed: most requests go over a connection that is there.
            let connection = Box::pin(self.connector.connect(&server, limit.0)).await?;
            match connection.send(request).await {
                Ok((connection, head, body)) => Ok(self.answer(server, connection, head, body)),
                Err(SendFailure::NotSent(_)) => Err(TransportError {
                    kind: TransportErrorKind::Broken,
                    message: "the connection was closed before the request was sent".to_owned(),
                }),
                Err(SendFailure::Broken(error)) => Err(broken(&error)),
            }
        }
    }

    fn answer(
        &self,
        server: Server,
        connection: Connection,
        head: http::response::Parts,
        body: hyper::body::Incoming,
    ) -> http::Response<BodyStream> {
        let parts = Parts::new(body, connection, server, Arc::clone(&self.idle));
        http::Response::from_parts(head, Box::pin(parts) as BodyStream)
    }
}

impl Transport for HttpTransport {
    fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'_, Result<http::Response<BodyStream>, TransportError>> {
        Box::pin(self.exchange(request))
    }
}

/// The server of a request, and the request as it goes over its connection: the path alone, with
/// the server in `Host`.
fn addressed(mut request: http::Request<Bytes>) -> Result<(Server, http::Request<Bytes>), TransportError> {
    let wrong = |message: String| TransportError {
        kind: TransportErrorKind::Connect,
        message,
    };
    let uri = std::mem::take(request.uri_mut());
    let parts = uri.into_parts();
    let authority = parts
        .authority
        .ok_or_else(|| wrong("the address names no server".to_owned()))?;
    let encrypted = match parts.scheme.as_ref().map(http::uri::Scheme::as_str) {
        Some("https") => true,
        Some("http") => false,
        _ => {
            return Err(wrong(format!(
                "the address of {authority} is neither http nor https"
            )));
        }
    };
    let host = HeaderValue::from_str(authority.as_str()).map_err(|error| wrong(error.to_string()))?;
    request.headers_mut().entry(HOST).or_insert(host);
    *request.version_mut() = Version::HTTP_11;
    *request.uri_mut() = match parts.path_and_query {
        Some(path) => Uri::from(path),
        None => Uri::from_static("/"),
    };
    Ok((Server { encrypted, authority }, request))
}

fn broken(error: &hyper::Error) -> TransportError {
    TransportError {
        kind: TransportErrorKind::Broken,
        message: with_causes(error),
    }
}

/// The error with its causes, in one line: hyper's own text says only that something failed.
fn with_causes(error: &(dyn StdError + 'static)) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let text = inner.to_string();
        if !message.contains(&text) {
            message = format!("{message}: {text}");
        }
        cause = inner.source();
    }
    message
}
