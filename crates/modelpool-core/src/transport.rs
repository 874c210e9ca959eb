//! The way out: one trait between providers and the network.
//!
//! Providers build an [`http::Request`] and read an [`http::Response`]; who carries them is
//! passed in. The real transport lives with the providers; a simulated network can stand in for
//! it in tests.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;

/// A boxed future, as object-safe async methods return it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The body of an answer, part by part. Dropping it ends the call at the upstream.
pub type BodyStream = Pin<Box<dyn Stream<Item = Result<Bytes, TransportError>> + Send>>;

/// The time a connection for this request may take to be made, TLS included: an extension of the
/// [`http::Request`] that transports with connections look at. Absent where it is the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConnectLimit(pub Duration);

/// 3 s.
impl Default for ConnectLimit {
    fn default() -> Self {
        Self(Duration::from_secs(3))
    }
}

/// Carries HTTP requests.
pub trait Transport: Send + Sync + fmt::Debug {
    /// Sends a request and waits for the head of the answer. Dropping the future ends the call.
    ///
    /// # Errors
    /// [`TransportError`] where no answer came.
    fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'_, Result<http::Response<BodyStream>, TransportError>>;
}

/// No answer, or one that broke off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransportError {
    /// What went wrong.
    pub kind: TransportErrorKind,
    /// In words, lower case, without secrets.
    pub message: String,
}

/// What went wrong on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportErrorKind {
    /// No connection: refused, unreachable, name not found, TLS failed.
    Connect,
    /// No connection within the limit.
    ConnectTimeout,
    /// The connection broke while the request was sent or the answer read.
    Broken,
    /// What stands in place of a server made a mistake, which it would make again.
    Faulty,
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for TransportError {}
