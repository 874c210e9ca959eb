//! An upstream on a socket of its own.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::body::{Body, Calling};
use super::{Deed, Fault, Said, Wire};

/// Most requests that are remembered.
const MOST_REMEMBERED: usize = 1024;

/// A request, as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Path and query.
    pub path: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body; null where it is not JSON.
    pub body: Value,
}

/// An upstream that speaks one wire. Dropping it closes its connections.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    state: Arc<State>,
    serving: JoinHandle<()>,
}

#[derive(Debug)]
struct State {
    wire: Wire,
    script: Mutex<Script>,
    /// How many callers have left before the end of their answer.
    left: watch::Sender<u64>,
    /// How many requests are remembered.
    came: watch::Sender<usize>,
}

#[derive(Debug)]
struct Script {
    next: VecDeque<Deed>,
    always: Deed,
    asked: VecDeque<Asked>,
}

impl State {
    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Upstream {
    /// Puts it up on a free port of the loopback. It says the usual text until it is told something else.
    ///
    /// # Errors
    /// There is no port.
    pub async fn start(wire: Wire) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(State {
            wire,
            script: Mutex::new(Script {
                next: VecDeque::new(),
                always: Deed::says(Said::default()),
                asked: VecDeque::new(),
            }),
            left: watch::Sender::new(0),
            came: watch::Sender::new(0),
        });
        let serving = tokio::spawn(serve(listener, Arc::clone(&state)));
        Ok(Self {
            address,
            state,
            serving,
        })
    }

    /// The wire it speaks.
    #[must_use]
    pub fn wire(&self) -> Wire {
        self.state.wire
    }

    /// Its address, without a path.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it does with the next call that nothing was said of yet.
    pub fn next(&self, deed: Deed) {
        self.state.script().next.push_back(deed);
    }

    /// What it does with all calls that nothing else was said of.
    pub fn always(&self, deed: Deed) {
        self.state.script().always = deed;
    }

    /// What it was asked so far.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.state.script().asked.iter().cloned().collect()
    }

    /// The last it was asked.
    #[must_use]
    pub fn last_asked(&self) -> Option<Asked> {
        self.state.script().asked.back().cloned()
    }

    /// Forgets what it was asked, and what it was told to do next.
    pub fn forget(&self) {
        let mut script = self.state.script();
        script.asked.clear();
        script.next.clear();
        self.state.came.send_replace(0);
    }

    /// Waits until it was asked something, since it last forgot what it was asked.
    pub async fn was_asked(&self) {
        let mut came = self.state.came.subscribe();
        let _ = came.wait_for(|count| *count > 0).await;
    }

    /// Waits until so many callers have left before the end of their answer.
    pub async fn left_by(&self, callers: u64) {
        let mut left = self.state.left.subscribe();
        // The sender lives as long as we do.
        let _ = left.wait_for(|count| *count >= callers).await;
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let _ = stream.set_nodelay(true);
                let state = Arc::clone(&state);
                connections.spawn(async move {
                    let service = service_fn(|request| answer(Arc::clone(&state), request));
                    // Its end, good or bad, is the caller's business.
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        }
    }
}

async fn answer(state: Arc<State>, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let calling = Calling::new(state.left.clone());
    let (parts, incoming) = request.into_parts();
    let bytes = match incoming.collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(_) => future::pending().await,
    };
    let body = serde_json::from_slice(&bytes).unwrap_or_default();
    let path = parts.uri.to_string();
    let stream = state.wire.speech().wants_stream(&path, &body);
    let deed = {
        let mut script = state.script();
        if script.asked.len() == MOST_REMEMBERED {
            script.asked.pop_front();
        }
        script.asked.push_back(Asked {
            path,
            headers: parts.headers,
            body,
        });
        state.came.send_replace(script.asked.len());
        let next = script.next.pop_front();
        next.unwrap_or_else(|| script.always.clone())
    };
    if matches!(deed.fault, Some(Fault::StallBeforeHead)) {
        future::pending::<()>().await;
    }
    Ok(respond(state.wire, &deed, stream, calling))
}

fn respond(wire: Wire, deed: &Deed, stream: bool, calling: Calling) -> Response<Body> {
    let speech = wire.speech();
    if let Some(Fault::Refuse { status, retry_after }) = deed.fault {
        let refusal = speech.refusal(status).to_string().into_bytes();
        let mut response = Response::new(Body::whole(vec![refusal], calling));
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(seconds) = retry_after {
            headers.insert("retry-after", HeaderValue::from(seconds));
        }
        return response;
    }
    let body = if stream {
        Body::of(
            speech.stream(&deed.said),
            &speech.malformed(),
            deed.fault.as_ref(),
            calling,
        )
    } else {
        let whole = speech.whole(&deed.said).to_string().into_bytes();
        let frames = super::Frames {
            pieces: vec![whole],
            ..super::Frames::default()
        };
        Body::of(frames, &speech.malformed(), deed.fault.as_ref(), calling)
    };
    let mut response = Response::new(body);
    let kind = if stream {
        speech.stream_type()
    } else {
        "application/json"
    };
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
        .headers_mut()
        .insert("x-request-id", HeaderValue::from_static("upstream-1"));
    response
}
