//! One caller: a connection to the gateway that is kept, and lost when the caller goes away.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderValue};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::requests::{Asked, DEADLINE, GRACE};

/// The most that is read of an answer, in bytes. The right ones have some ten thousand.
const MAX_ANSWER: usize = 1 << 20;

/// What a caller saw.
#[derive(Debug)]
pub(super) enum Seen {
    /// An answer, whole as far as HTTP goes.
    Answer(Answer, Duration),
    /// The caller went away before the end.
    Left,
    /// The answer had not ended at its deadline and a second.
    Overdue,
    /// The connection was lost, or what came was no HTTP.
    Lost(String),
}

/// An answer of the gateway.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// A connection to the gateway, opened when it is needed.
#[derive(Debug)]
pub(super) struct Caller {
    gateway: SocketAddr,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
}

impl Drop for Open {
    /// Closes the socket at once, whatever is under way on it.
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Caller {
    pub(super) fn new(gateway: SocketAddr) -> Self {
        Self { gateway, open: None }
    }

    /// Asks once; `id` is what the request is called in the gateway's log.
    pub(super) async fn ask(&mut self, asked: &Asked, id: &str) -> Seen {
        let limit = DEADLINE + GRACE;
        let patience = asked.leaves_after.map_or(limit, |leaves| leaves.min(limit));
        let started = Instant::now();
        let seen = match timeout(patience, self.exchange(asked, id)).await {
            Ok(Ok(answer)) => return Seen::Answer(answer, started.elapsed()),
            Ok(Err(why)) => Seen::Lost(why),
            Err(_) if asked.leaves_after.is_some() => Seen::Left,
            Err(_) => Seen::Overdue,
        };
        self.open = None;
        seen
    }

    async fn exchange(&mut self, asked: &Asked, id: &str) -> Result<Answer, String> {
        let response = loop {
            let mut open = match self.open.take() {
                Some(open) if !open.sender.is_closed() => open,
                _ => self
                    .connect()
                    .await
                    .map_err(|error| format!("no connection: {error}"))?,
            };
            let sent = match open.sender.ready().await {
                Ok(()) => open.sender.send_request(self.request(asked, id)).await,
                Err(error) => Err(error),
            };
            match sent {
                Ok(response) => {
                    self.open = Some(open);
                    break response;
                }
                // Closed while nothing was under way: the request has not left.
                Err(error) if error.is_canceled() || error.is_closed() => {}
                Err(error) => return Err(format!("no answer: {error}")),
            }
        };
        let (head, mut incoming) = response.into_parts();
        let mut body = Vec::new();
        while let Some(frame) = incoming.frame().await {
            let frame = frame.map_err(|error| format!("cut after {} bytes: {error}", body.len()))?;
            if let Ok(data) = frame.into_data() {
                body.extend_from_slice(&data);
            }
            if body.len() > MAX_ANSWER {
                return Err(format!("more than {MAX_ANSWER} bytes"));
            }
        }
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body,
        })
    }

    async fn connect(&self) -> std::io::Result<Open> {
        let stream = TcpStream::connect(self.gateway).await?;
        stream.set_nodelay(true)?;
        let handshake = http1::handshake(TokioIo::new(stream)).await;
        let (sender, connection) = handshake.map_err(std::io::Error::other)?;
        // What goes wrong on the connection is seen by the request under way.
        let driver = tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(Open { sender, driver })
    }

    fn request(&self, asked: &Asked, id: &str) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(asked.body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = Uri::from_static(asked.kind.path());
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        // Both are made here, of characters that a header may hold.
        if let Ok(host) = HeaderValue::try_from(self.gateway.to_string()) {
            headers.insert(HOST, host);
        }
        if let Ok(id) = HeaderValue::try_from(id) {
            headers.insert("x-request-id", id);
        }
        request
    }
}
