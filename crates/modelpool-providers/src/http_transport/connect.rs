//! Making connections: TCP, and TLS where the address says https.

use std::error::Error as StdError;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use modelpool_core::transport::{TransportError, TransportErrorKind};
use tokio::net::TcpStream;
use tower_service::Service;

use super::connection::Connection;
use super::idle::Server;
use super::joined_writes::JoinedWrites;
use super::with_causes;

/// What a connection reads from and writes to.
pub(super) type Stream = JoinedWrites<MaybeHttpsStream<TokioIo<TcpStream>>>;

/// Makes connections.
#[derive(Default)]
pub(super) struct Connector {
    encrypted: OnceLock<Result<HttpsConnector<HttpConnector>, TransportError>>,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector")
            .field("tls_started", &self.encrypted.get().is_some())
            .finish()
    }
}

impl Connector {
    /// A new connection, ready for a request within `limit`.
    pub(super) async fn connect(
        &self,
        server: &Server,
        limit: Duration,
    ) -> Result<Connection, TransportError> {
        match tokio::time::timeout(limit, self.connect_unlimited(server)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(TransportError {
                kind: TransportErrorKind::ConnectTimeout,
                message: format!(
                    "no connection to {} within {} ms",
                    server.authority,
                    limit.as_millis()
                ),
            }),
        }
    }

    async fn connect_unlimited(&self, server: &Server) -> Result<Connection, TransportError> {
        let failed = |cause: String| TransportError {
            kind: TransportErrorKind::Connect,
            message: format!("no connection to {}: {cause}", server.authority),
        };
        let scheme = if server.encrypted { "https" } else { "http" };
        let uri = Uri::builder()
            .scheme(scheme)
            .authority(server.authority.clone())
            .path_and_query("/")
            .build()
            .map_err(|error| failed(error.to_string()))?;
        let stream = if server.encrypted {
            let mut connector = self
                .encrypted
                .get_or_init(https_connector)
                .clone()
                .map_err(|error| failed(error.message))?;
            connector
                .call(uri)
                .await
                .map_err(|error| failed(with_causes(&*error as &(dyn StdError + 'static))))?
        } else {
            let stream = tcp_connector(true)
                .call(uri)
                .await
                .map_err(|error| failed(with_causes(&error)))?;
            MaybeHttpsStream::Http(stream)
        };
        Connection::open(JoinedWrites::new(stream))
            .await
            .map_err(|error| failed(with_causes(&error)))
    }
}

fn tcp_connector(enforce_http: bool) -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.enforce_http(enforce_http);
    connector.set_keepalive(Some(Duration::from_secs(60)));
    connector
}

fn https_connector() -> Result<HttpsConnector<HttpConnector>, TransportError> {
    let failed = |message: String| TransportError {
        kind: TransportErrorKind::Connect,
        message,
    };
    let mut roots = rustls::RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let cause = found
            .errors
            .first()
            .map(|error| format!(": {error}"))
            .unwrap_or_default();
        return Err(failed(format!(
            "no root certificates found{cause}; install the system's, or name a file in SSL_CERT_FILE"
        )));
    }
    // The provider is named here, so that no other crate's choice of one is needed or overruled.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(hyper_rustls::HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_only()
        .enable_http1()
        .wrap_connector(tcp_connector(false)))
}
