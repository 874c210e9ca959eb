//! A network of simulated upstreams, in memory.
//!
//! [`SimulatedNetwork`] is a [`Transport`] without sockets: its servers answer in the words of
//! OpenAI's chat completions, in tokio's time, which tests pause, and what becomes of each call
//! (its [`Fate`]) is drawn from a seed. So thousands of schedules of failures run in seconds, and
//! each can be run again.
//!
//! For one prompt every server of one voice gives the same answer ([`answer_to`]), so that a test
//! knows what a caller should have read, whoever answered. A server also goes on from an answer
//! that another began: the last message is the assistant's, or the user's after it.
//!
//! ```
//! use std::sync::Arc;
//! use modelpool_testkit::network::{Fate, Server, SimulatedNetwork};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! let network = SimulatedNetwork::new(7);
//! network.serve("a.test", Server::default());
//! network.next("a.test", Fate::refusal(503, "overloaded", "busy")); // the first call, no other
//! // ModelPool::builder().transport(Arc::new(network.clone())) …
//! assert!(network.calls().is_empty());
//! # });
//! ```

mod asked;
mod body;
mod draw;
mod fate;
mod journal;
#[cfg(test)]
mod tests;
mod text;
mod wire;

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use modelpool_core::transport::{BodyStream, ConnectLimit, TransportError, TransportErrorKind};
use modelpool_core::{BoxFuture, Transport};
use tokio::time::sleep;

use asked::Asked;
pub use asked::Turn;
use body::{Body, broken};
pub use fate::{Connect, End, Fate, GoingOn, Head, Noise, Pace, Refusal, RefusalBody, Reply, StreamShape};
pub use journal::{CallEnd, CallRecord};
use journal::{Entered, Journal};
pub use text::answer_to;

/// The limit to connect of requests that name none.
const CONNECT_LIMIT: ConnectLimit = ConnectLimit(Duration::from_secs(3));

/// How a server behaves.
#[derive(Clone, Debug, Default)]
pub struct Server {
    /// How many calls of a hundred go wrong.
    pub fault_percent: u8,
    /// Which of the wordings it gives, see [`answer_to`]; four are told apart, 0 to 3.
    pub voice: u8,
    /// While it is down every connection is refused. Counted from the making of the network.
    pub down: Option<Range<Duration>>,
}

/// A network of simulated upstreams; a handle, cheap to clone.
#[derive(Clone, Debug)]
pub struct SimulatedNetwork {
    seed: u64,
    servers: Arc<Mutex<BTreeMap<String, Counted>>>,
    journal: Arc<Journal>,
}

#[derive(Debug, Default)]
struct Counted {
    server: Server,
    calls: u64,
    /// Fates a test wrote down, which come before those drawn.
    next: VecDeque<Fate>,
}

impl SimulatedNetwork {
    /// A network without servers, whose fates are drawn from `seed`. Connections to servers it
    /// lacks are refused.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            servers: Arc::default(),
            journal: Arc::new(Journal::new()),
        }
    }

    /// Puts up a server under an authority such as `a.test` or `a.test:8080`, or changes it.
    pub fn serve(&self, authority: &str, server: Server) {
        self.with(|servers| servers.entry(authority.to_owned()).or_default().server = server);
    }

    /// Writes down the fate of the server's next call that has none yet.
    pub fn next(&self, authority: &str, fate: Fate) {
        self.with(|servers| {
            let server = servers.entry(authority.to_owned()).or_default();
            server.next.push_back(fate);
        });
    }

    /// The calls so far, in the order in which they came.
    #[must_use]
    pub fn calls(&self) -> Vec<CallRecord> {
        self.journal.calls()
    }

    /// The time since the network was made, in which its records are told.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.journal.elapsed()
    }

    fn with<T>(&self, look: impl FnOnce(&mut BTreeMap<String, Counted>) -> T) -> T {
        look(&mut self.servers.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What becomes of the server's next call, and its voice. Each call of each server draws for
    /// itself, so that a call more at one server changes no other.
    fn fate_at(&self, authority: &str) -> (Fate, u8) {
        let now = self.elapsed();
        self.with(|servers| {
            let Some(counted) = servers.get_mut(authority) else {
                return (refused(), 0);
            };
            let voice = counted.server.voice % asked::VOICES;
            counted.calls += 1;
            if let Some(fate) = counted.next.pop_front() {
                return (fate, voice);
            }
            if counted
                .server
                .down
                .as_ref()
                .is_some_and(|down| down.contains(&now))
            {
                return (refused(), voice);
            }
            let drawn_from = text::hash(format!("{} {authority} {}", self.seed, counted.calls).as_bytes());
            let mut random = fastrand::Rng::with_seed(drawn_from);
            (Fate::draw(&mut random, counted.server.fault_percent), voice)
        })
    }
}

fn refused() -> Fate {
    Fate {
        connect: Connect::Refused,
        ..Fate::default()
    }
}

impl Transport for SimulatedNetwork {
    fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'_, Result<http::Response<BodyStream>, TransportError>> {
        let authority = request
            .uri()
            .authority()
            .map(ToString::to_string)
            .unwrap_or_default();
        let limit = request.extensions().get().copied().unwrap_or(CONNECT_LIMIT);
        let asked = Asked::read(&request);
        let (fate, voice) = self.fate_at(&authority);
        match self.journal.enter(&authority, &asked, &fate) {
            Some(entered) => Box::pin(exchange(asked, fate, voice, limit, entered)),
            None => Box::pin(std::future::pending()),
        }
    }
}

async fn exchange(
    asked: Asked,
    fate: Fate,
    voice: u8,
    limit: ConnectLimit,
    entered: Entered,
) -> Result<http::Response<BodyStream>, TransportError> {
    let answered = async {
        connect(fate.connect, limit.0).await?;
        head(fate.head).await
    };
    if let Err(error) = answered.await {
        entered.end(CallEnd::NotAnswered);
        return Err(error);
    }
    let written = wire::write(&asked, &fate, voice);
    entered.note(|call| {
        call.status = Some(written.status.as_u16());
        call.retry_after = match fate.reply {
            Reply::Refusal(refusal) => refusal.retry_after,
            _ => None,
        };
    });
    let mut response = http::Response::new(());
    *response.status_mut() = written.status;
    response.headers_mut().clone_from(&written.headers);
    let body = Body::new(written, &fate, entered);
    Ok(response.map(|()| Box::pin(body) as BodyStream))
}

async fn connect(connect: Connect, limit: Duration) -> Result<(), TransportError> {
    let failed = |kind, message: String| Err(TransportError { kind, message });
    match connect {
        Connect::Refused => failed(TransportErrorKind::Connect, "connection refused".to_owned()),
        Connect::After(time) if time <= limit => {
            pause(time).await;
            Ok(())
        }
        Connect::After(_) | Connect::Silent => {
            pause(limit).await;
            let message = format!("no connection within {} ms", limit.as_millis());
            failed(TransportErrorKind::ConnectTimeout, message)
        }
    }
}

async fn head(head: Head) -> Result<(), TransportError> {
    match head {
        Head::After(time) => {
            pause(time).await;
            Ok(())
        }
        Head::BreaksAfter(time) => {
            pause(time).await;
            Err(broken("the connection was reset before the answer"))
        }
        Head::Never => std::future::pending().await,
    }
}

/// No time at all is not even a turn of the timer.
async fn pause(time: Duration) {
    if !time.is_zero() {
        sleep(time).await;
    }
}
