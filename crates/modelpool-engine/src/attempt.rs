//! One call of an attempt: call a model, and for a stream wait until it says something.
//!
//! Nothing reaches the caller before the first meaningful event; a failure until then is nobody's
//! business. A pool that buffers waits for all of the answer in the same way.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;

use futures_core::Stream as _;
use modelpool_core::continuation::Continuation;
use modelpool_core::provider::CallLimits;
use modelpool_core::{
    Error, ErrorKind, EventStream, ModelIndex, Provider, ProviderRequest, Reply, ReplyBody, ReplyHead,
    StreamEvent, TimeoutKind, WholeReply,
};
use tokio::time::{Instant, timeout, timeout_at};

use crate::limits::Limits;
use crate::policy::OnLoss;
use crate::settle::CallNumber;

/// Events and bytes that may come before the first meaningful one.
const MOST_EVENTS_BEFORE_COMMIT: usize = 64;
const MOST_BYTES_BEFORE_COMMIT: usize = 1024 * 1024;

/// Bytes of a stream that is buffered as a whole.
const MOST_BUFFERED_BYTES: usize = 16 * 1024 * 1024;

/// A call that answers.
pub(crate) struct Accepted {
    pub(crate) number: CallNumber,
    pub(crate) index: ModelIndex,
    pub(crate) alias: Arc<str>,
    pub(crate) limits: Limits,
    /// What it goes on from.
    pub(crate) continuation: Option<Continuation>,
    pub(crate) head: ReplyHead,
    pub(crate) body: AcceptedBody,
}

pub(crate) enum AcceptedBody {
    Whole(WholeReply),
    Stream(Flow),
}

/// A committed stream.
pub(crate) struct Flow {
    /// Events that were read already: the first meaningful one is the last of them, or all are here.
    pub(crate) held: VecDeque<StreamEvent>,
    pub(crate) events: EventStream,
}

/// Makes a call whose answer comes as a whole.
pub(crate) fn whole<'a>(
    provider: &'a dyn Provider,
    request: ProviderRequest,
    deadline: Instant,
) -> impl Future<Output = Result<(ReplyHead, AcceptedBody), Error>> + Send + 'a {
    let calling = timeout_at(deadline, provider.call(request));
    async move {
        let Reply { head, body } = calling.await.unwrap_or_else(|_| Err(late(TimeoutKind::Total)))?;
        match body {
            ReplyBody::Whole(whole) => Ok((head, AcceptedBody::Whole(whole))),
            ReplyBody::Stream(_) => Err(Error::new(
                ErrorKind::Protocol,
                "a whole answer was asked for, a stream came",
            )),
        }
    }
}

/// Makes a call whose answer is a stream, and reads it up to the first meaningful event; where the pool buffers,
/// to its end.
pub(crate) fn committed(
    provider: Arc<dyn Provider>,
    request: ProviderRequest,
    limits: Limits,
    deadline: Instant,
    on_loss: OnLoss,
) -> impl Future<Output = Result<(ReplyHead, AcceptedBody), Error>> + Send {
    let nearer = deadline.min(Instant::now() + limits.first_token);
    async move {
        let (head, mut flow) = timeout_at(nearer, commit(&*provider, request))
            .await
            .unwrap_or_else(|_| {
                Err(late(match nearer == deadline {
                    true => TimeoutKind::Total,
                    false => TimeoutKind::FirstToken,
                }))
            })?;
        if on_loss == OnLoss::Buffer {
            // Boxed: most pools do not buffer.
            let gathered = Box::pin(gather(&mut flow, &limits));
            timeout_at(deadline, gathered)
                .await
                .unwrap_or_else(|_| Err(late(TimeoutKind::Total)))?;
        }
        Ok((head, AcceptedBody::Stream(flow)))
    }
}

/// Calls, and reads up to the first meaningful event.
async fn commit(provider: &dyn Provider, request: ProviderRequest) -> Result<(ReplyHead, Flow), Error> {
    let Reply { head, body } = provider.call(request).await?;
    let ReplyBody::Stream(mut events) = body else {
        return Err(Error::new(
            ErrorKind::Protocol,
            "a stream was asked for, a whole answer came",
        ));
    };
    let mut held = VecDeque::new();
    let mut bytes = 0;
    loop {
        let event = match next(&mut events).await {
            Some(event) => event?,
            None => return Err(nothing_said()),
        };
        if event.end_mark && event.finish.is_none() {
            return Err(nothing_said());
        }
        if event.malformed {
            return Err(malformed());
        }
        let meaningful = event.meaningful;
        bytes += event.raw.len();
        // Comments before the first word only say that the upstream is alive.
        if meaningful || event.usage.is_some() || !is_comment(&event) {
            held.push_back(event);
        }
        if meaningful {
            return Ok((head, Flow { held, events }));
        }
        if held.len() > MOST_EVENTS_BEFORE_COMMIT || bytes > MOST_BYTES_BEFORE_COMMIT {
            return Err(Error::new(
                ErrorKind::Protocol,
                "the stream goes on without saying anything",
            ));
        }
    }
}

/// Reads all that is left of a stream, which must be whole.
async fn gather(flow: &mut Flow, limits: &Limits) -> Result<(), Error> {
    let mut bytes: usize = flow.held.iter().map(|event| event.raw.len()).sum();
    let mut complete = flow.held.iter().any(|event| event.finish.is_some());
    loop {
        let item = timeout(limits.idle, next(&mut flow.events)).await;
        match item.map_err(|_| late(TimeoutKind::Idle))? {
            Some(Ok(event)) => {
                bytes += event.raw.len();
                if bytes > MOST_BUFFERED_BYTES {
                    let message = format!("the answer is larger than {MOST_BUFFERED_BYTES} bytes");
                    return Err(Error::new(ErrorKind::Protocol, message));
                }
                if event.meaningful {
                    complete = event.finish.is_some();
                }
                let ends = event.end_mark;
                flow.held.push_back(event);
                if ends && complete {
                    return Ok(());
                }
            }
            _ if complete => return Ok(()),
            Some(Err(error)) => return Err(error),
            None => return Err(incomplete()),
        }
    }
}

/// The error of a stream that ended without a finish reason.
pub(crate) fn incomplete() -> Error {
    Error::new(
        ErrorKind::StreamLost,
        "the stream ended before the answer was complete",
    )
}

/// The error of an event that cannot be read.
pub(crate) fn malformed() -> Error {
    Error::new(ErrorKind::Protocol, "an event of the stream is malformed")
}

fn nothing_said() -> Error {
    Error::new(ErrorKind::StreamLost, "the stream ended before it said anything")
}

fn is_comment(event: &StreamEvent) -> bool {
    event.raw.trim_ascii_start().starts_with(b":")
}

async fn next(events: &mut EventStream) -> Option<Result<StreamEvent, Error>> {
    std::future::poll_fn(|context| Pin::new(&mut *events).poll_next(context)).await
}

/// The error of a limit that has passed.
pub(crate) fn late(kind: TimeoutKind) -> Error {
    Error::new(
        ErrorKind::Timeout(kind),
        format!("no answer within the limit `{}`", kind.key()),
    )
}

/// Limits a provider keeps itself. The deadline is not among them: a call it ends must not look
/// like one that was slow, or the next model would be asked.
pub(crate) fn call_limits(limits: &Limits) -> CallLimits {
    CallLimits {
        connect: limits.connect,
        response: limits.response,
        idle: limits.idle,
    }
}
