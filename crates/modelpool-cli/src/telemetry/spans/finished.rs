//! What is kept of a request until its spans are sent, with every text cut to a length.

use std::sync::Arc;
use std::time::Duration;

use modelpool::parts::engine::Purpose;
use modelpool::{Ending, Error, Operation, Outcome, RequestSpan, Settlement, SpanId, UnixMillis, Usage};

/// The longest text that is kept of what came from outside, in bytes.
const LONGEST_TEXT: usize = 256;

/// A request that ended.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) request_id: Arc<str>,
    pub(super) span: RequestSpan,
    pub(super) caller: Option<Arc<str>>,
    pub(super) operation: Operation,
    pub(super) requested_model: String,
    pub(super) stream: bool,
    pub(super) ended: UnixMillis,
    pub(super) total: Duration,
    pub(super) first_output: Option<Duration>,
    pub(super) fault: Option<Fault>,
    pub(super) calls: Vec<MadeCall>,
}

/// A call that was made for it.
#[derive(Debug)]
pub(super) struct MadeCall {
    /// `None` where the pool does not trace, and then it is not told.
    pub(super) span: Option<SpanId>,
    pub(super) alias: Arc<str>,
    pub(super) model_name: String,
    pub(super) purpose: &'static str,
    pub(super) began_after: Duration,
    pub(super) latency: Duration,
    pub(super) first_output: Option<Duration>,
    pub(super) usage: Option<Usage>,
    pub(super) cost_usd: Option<f64>,
    pub(super) fault: Option<Fault>,
}

/// Why something did not succeed.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) code: &'static str,
    pub(super) status: Option<u16>,
    pub(super) message: String,
}

/// The code of what ended because the caller went away.
pub(super) const CANCELLED: &str = "cancelled";

impl Finished {
    pub(super) fn new(settlement: &Settlement, span: &RequestSpan, now: UnixMillis) -> Self {
        Self {
            request_id: Arc::clone(&settlement.request_id),
            span: span.clone(),
            caller: settlement.caller.clone(),
            operation: settlement.operation,
            requested_model: cut(&settlement.requested_model),
            stream: settlement.stream,
            ended: now,
            total: settlement.total,
            first_output: settlement.first_output,
            fault: match &settlement.ending {
                Ending::Completed => None,
                Ending::Failed(error) => Some(Fault::new(error)),
                Ending::Cancelled => Some(Fault {
                    code: CANCELLED,
                    status: None,
                    message: "the caller went away".to_owned(),
                }),
            },
            calls: settlement.outcomes.iter().map(MadeCall::new).collect(),
        }
    }
}

impl MadeCall {
    fn new(outcome: &Outcome) -> Self {
        Self {
            span: outcome.span,
            alias: Arc::clone(&outcome.alias),
            model_name: cut(&outcome.model_name),
            purpose: match outcome.purpose {
                Purpose::Answer => "answer",
                Purpose::Hedge => "hedge",
                Purpose::Continue => "continue",
            },
            began_after: outcome.began_after,
            latency: outcome.latency,
            first_output: outcome.first_output,
            usage: outcome.usage,
            cost_usd: outcome.cost_usd,
            fault: outcome.error.as_ref().map(Fault::new),
        }
    }
}

impl Fault {
    fn new(error: &Error) -> Self {
        Self {
            code: error.code(),
            status: error.status(),
            message: cut(error.message()),
        }
    }
}

/// The beginning of a text, up to a whole character.
fn cut(text: &str) -> String {
    let mut end = text.len().min(LONGEST_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}
