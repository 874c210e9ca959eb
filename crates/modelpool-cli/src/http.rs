//! A few HTTP requests of the program's own: looking for servers, the demo's, asking a
//! gateway, sending spans.
//!
//! They go through the same transport as the pool's calls, with a limit on time and on size.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, Request};
use modelpool::HttpTransport;
use modelpool::Transport as _;
use serde_json::Value;
use tokio::time::timeout;

/// The longest answer that is read, in bytes.
const MAX_BODY_BYTES: usize = 4 << 20;

/// Sends requests, one at a time.
#[derive(Debug)]
pub(crate) struct Client {
    transport: HttpTransport,
    limit: Duration,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Client {
    /// `limit` is for a request as a whole.
    pub(crate) fn new(limit: Duration) -> Self {
        Self {
            transport: HttpTransport::new(),
            limit,
        }
    }

    /// Gets a resource.
    pub(crate) async fn get(&self, url: &str) -> Result<Reply, String> {
        self.get_with(HeaderMap::new(), url).await
    }

    /// The same with headers.
    pub(crate) async fn get_with(&self, headers: HeaderMap, url: &str) -> Result<Reply, String> {
        self.send(Method::GET, url, headers, Bytes::new()).await
    }

    /// Posts JSON.
    pub(crate) async fn post(&self, url: &str, body: &Value) -> Result<Reply, String> {
        self.post_with(HeaderMap::new(), url, body).await
    }

    /// The same with headers.
    pub(crate) async fn post_with(
        &self,
        headers: HeaderMap,
        url: &str,
        body: &Value,
    ) -> Result<Reply, String> {
        let body = body.to_string().into();
        self.send(Method::POST, url, headers, body).await
    }

    async fn send(
        &self,
        method: Method,
        url: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Reply, String> {
        let mut request = Request::builder()
            .method(method)
            .uri(url)
            .body(body)
            .map_err(|error| error.to_string())?;
        *request.headers_mut() = headers;
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(CONTENT_TYPE, json);
        let exchange = async {
            let answer = self
                .transport
                .send(request)
                .await
                .map_err(|error| error.message)?;
            let (head, mut parts) = answer.into_parts();
            let mut body = Vec::new();
            while let Some(part) = parts.next().await {
                body.extend_from_slice(&part.map_err(|error| error.message)?);
                if body.len() > MAX_BODY_BYTES {
                    return Err(format!("the answer is longer than {} MiB", MAX_BODY_BYTES >> 20));
                }
            }
            Ok(Reply {
                status: head.status.as_u16(),
                headers: head.headers,
                body: body.into(),
            })
        };
        let too_late = |_| format!("no whole answer within {} ms", self.limit.as_millis());
        timeout(self.limit, exchange).await.map_err(too_late)?
    }
}

impl Reply {
    /// The body as JSON; null if it is none.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A header's text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}
