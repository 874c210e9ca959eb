//! One connection, driven by whoever uses it.
//!
//! hyper splits a client connection into a sender of requests, the bodies of answers, and a
//! future that moves bytes between them and the socket. All three are polled here together: the
//! future after whatever waits for it, and then what waits once more.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures_core::Stream as FuturesStream;
use http_body::Body;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use modelpool_core::alarm::Alarm;
use modelpool_core::transport::TransportError;

use super::broken;
use super::connect::Stream;
use super::idle::{Idle, Server};

/// Most bytes of an answer's head.
const MAX_HEAD_BYTES: usize = 256 * 1024;

type Driver = http1::Connection<Stream, Full<Bytes>>;

/// An open connection without an answer under way.
pub(super) struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    /// `None` once the connection is closed.
    driver: Option<Pin<Box<Driver>>>,
    alarm: Arc<Alarm>,
    /// The alarm, as hyper takes it.
    waker: Waker,
}

/// No answer came.
pub(super) enum SendFailure {
    /// The request did not leave; here it is.
    NotSent(Box<http::Request<Bytes>>),
    /// The connection broke after some of it left.
    Broken(hyper::Error),
}

impl Connection {
    pub(super) async fn open(stream: Stream) -> Result<Self, hyper::Error> {
        let (sender, driver) = http1::Builder::new()
            .max_buf_size(MAX_HEAD_BYTES)
            .handshake::<_, Full<Bytes>>(stream)
            .await?;
        let alarm = Alarm::new();
        let waker = Waker::from(Arc::clone(&alarm));
        Ok(Self {
            sender,
            driver: Some(Box::pin(driver)),
            alarm,
            waker,
        })
    }

    /// Moves bytes, for `task`; true once the connection is closed.
    fn drive(&mut self, task: &Waker) -> bool {
        if let Some(driver) = &mut self.driver {
            self.alarm.set_task(task);
            // How it ended is told to whoever waits for an answer or a body.
            if driver
                .as_mut()
                .poll(&mut Context::from_waker(&self.waker))
                .is_ready()
            {
                self.driver = None;
            }
        }
        self.driver.is_none()
    }

    /// Whether it can take a request now. Notices that the server has closed it meanwhile.
    pub(super) fn is_usable(&mut self) -> bool {
        if self.drive(Waker::noop()) {
            return false;
        }
        let ready = self.sender.poll_ready(&mut Context::from_waker(Waker::noop()));
        matches!(ready, Poll::Ready(Ok(())))
    }

    /// Sends a request and waits for the head of the answer.
    pub(super) fn send(
        mut self,
        request: http::Request<Bytes>,
    ) -> impl Future<Output = Result<(Self, http::response::Parts, Incoming), SendFailure>> + Send {
        // At once: a request that waited to be sent would be kept, and moved, twice.
        let alarm = Arc::clone(&self.alarm);
        let (answer, _driven_next) = alarm.muted(|| self.sender.try_send_request(request.map(Full::new)));
        async move {
            let outcome = {
                let mut answer = pin!(answer);
                // Only driving the connection brings the answer, so nothing else needs to wake this task.
                std::future::poll_fn(|context| {
                    let mut nobody = Context::from_waker(Waker::noop());
                    let (outcome, _driven_next) = alarm.muted(|| answer.as_mut().poll(&mut nobody));
                    if outcome.is_ready() {
                        return outcome;
                    }
                    self.drive(context.waker());
                    // With the real waker: this poll may be put off for fairness, and nothing would be
                    // driven to make up for it. The next round begins with nobody again.
                    answer.as_mut().poll(context)
                })
                .await
            };
            match outcome {
                Ok(answer) => {
                    let (head, body) = answer.into_parts();
                    Ok((self, head, body))
                }
                Err(mut error) => match error.take_message() {
                    // A body that is whole in memory was not touched if the message comes back.
                    Some(request) => Err(SendFailure::NotSent(Box::new(request.map(into_bytes)))),
                    None => Err(SendFailure::Broken(error.into_error())),
                },
            }
        }
    }
}

/// The bytes of a body that was never sent.
fn into_bytes(mut body: Full<Bytes>) -> Bytes {
    let mut context = Context::from_waker(Waker::noop());
    match Pin::new(&mut body).poll_frame(&mut context) {
        Poll::Ready(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
        _ => Bytes::new(),
    }
}

/// The parts of an answer's body. Read to its end, the connection is kept for the next request;
/// dropped before, it is closed.
pub(super) struct Parts {
    body: Incoming,
    connection: Option<Connection>,
    server: Server,
    idle: Arc<Idle>,
}

impl Parts {
    pub(super) fn new(body: Incoming, connection: Connection, server: Server, idle: Arc<Idle>) -> Self {
        Self {
            body,
            connection: Some(connection),
            server,
            idle,
        }
    }

    fn poll_body(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, TransportError>>> {
        loop {
            let frame = match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(broken(&error)))),
                Poll::Ready(Some(Ok(frame))) => frame,
            };
            // Trailers carry nothing a model says.
            if let Ok(data) = frame.into_data() {
                return Poll::Ready(Some(Ok(data)));
            }
        }
    }
}

impl FuturesStream for Parts {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        // Only driving the connection brings the next part. Asking for it, or taking it out, rings for the
        // connection to be driven again: at once where the part has not come yet, and when the next one
        // is asked for where it has.
        let item = loop {
            let Some(connection) = &mut this.connection else {
                break this.poll_body(context);
            };
            connection.drive(context.waker());
            let alarm = Arc::clone(&connection.alarm);
            let mut nobody = Context::from_waker(Waker::noop());
            let (item, rung) = alarm.muted(|| this.poll_body(&mut nobody));
            if item.is_ready() || !rung {
                break item;
            }
        };
        if matches!(item, Poll::Ready(None))
            && let Some(connection) = this.connection.take()
        {
            this.idle.keep(&this.server, connection);
        }
        item
    }
}
