//! The end of a request: what was tried, what it used, how it ended.
//!
//! Settling happens exactly once per request, at the end of the answer, at the failure that
//! ends it, or when the caller goes away: the `Settling` guard is dropped with the answer, and
//! what was not settled by then was cancelled. It takes a list of outcomes, one per call made.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use modelpool_core::live::InFlight;
use modelpool_core::statistics::CallRecord;
use modelpool_core::{
    Error, ErrorKind, LiveState, ModelEntry, Operation, Plan, Price, RequestSpan, SpanId, Usage,
};
use serde_json::{Map, Value};
use smallvec::SmallVec;
use tokio::time::Instant;

use crate::caller_limits::Admitted;
use crate::gate::Grant;

/// How one call ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Why it was made.
    pub purpose: Purpose,
    /// The model called.
    pub alias: Arc<str>,
    /// The vendor's name of it.
    pub model_name: Arc<str>,
    /// When it began, after the request did.
    pub began_after: Duration,
    /// How long it took.
    pub latency: Duration,
    /// When its first meaningful output came, after it began.
    pub first_output: Option<Duration>,
    /// `None` where it succeeded; else the failure.
    pub error: Option<Error>,
    /// What it used, where that is known or can be estimated.
    pub usage: Option<Usage>,
    /// What it cost in US dollars, where usage and price are known.
    pub cost_usd: Option<f64>,
    /// Its span; `None` where calls are not traced.
    pub span: Option<SpanId>,
}

/// Why a call was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// To answer the request.
    #[default]
    Answer,
    /// The call before it was slow to begin.
    Hedge,
    /// To go on with an answer whose stream was lost.
    Continue,
}

/// How a request ended.
#[derive(Clone, Debug)]
pub enum Ending {
    /// With a whole answer.
    Completed,
    /// With an error.
    Failed(Error),
    /// The caller went away.
    Cancelled,
}

/// A request, settled.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// The id of the request.
    pub request_id: Arc<str>,
    /// The name of the caller's key.
    pub caller: Option<Arc<str>>,
    /// Its span; `None` where neither the caller nor the pool traces.
    pub trace: Option<RequestSpan>,
    /// What was asked for.
    pub operation: Operation,
    /// The model the caller named.
    pub requested_model: Arc<str>,
    /// Whether the answer was streamed.
    pub stream: bool,
    /// What it was answered by; `None` where it failed before there was a plan.
    pub plan: Option<Arc<Plan>>,
    /// The calls made, in order; the last one gave the answer, if there was one.
    pub outcomes: Vec<Outcome>,
    /// From the beginning of the request to its end.
    pub total: Duration,
    /// From the beginning of the request to the first meaningful output.
    pub first_output: Option<Duration>,
    /// Malformed events that were left out of the stream.
    pub skipped_events: u32,
    /// How it ended.
    pub ending: Ending,
    /// What the caller passed for selectors to look at: session, tags.
    pub values: Arc<Map<String, Value>>,
}

impl Settlement {
    /// The model that gave the answer, or failed last.
    #[must_use]
    pub fn alias(&self) -> Option<&str> {
        self.outcomes.last().map(|outcome| &*outcome.alias)
    }

    /// What all calls cost together, where each is known.
    #[must_use]
    pub fn cost_usd(&self) -> Option<f64> {
        let costs = self.outcomes.iter().filter_map(|outcome| outcome.cost_usd);
        costs.reduce(|sum, cost| sum + cost)
    }
}

/// Receives every settled request: access logs, statistics, records.
///
/// Called on the task that ends the request, so it must be quick and must not block.
pub trait SettlementSink: Send + Sync + fmt::Debug {
    /// Takes a settled request.
    fn settled(&self, settlement: &Settlement);
}

/// A call under way, by its number within the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CallNumber(usize);

/// What a call is begun with.
pub(crate) struct Beginning<'a> {
    pub(crate) entry: &'a ModelEntry,
    pub(crate) model_name: Arc<str>,
    pub(crate) purpose: Purpose,
    pub(crate) input_tokens: u64,
    /// What it may cost at most, where that is reckoned with.
    pub(crate) reserved_usd: Option<f64>,
    pub(crate) grant: Grant,
    pub(crate) span: Option<SpanId>,
}

/// The call under way.
#[derive(Debug)]
struct UnderWay {
    number: CallNumber,
    purpose: Purpose,
    alias: Arc<str>,
    model_name: Arc<str>,
    began: Instant,
    first_output: Option<Duration>,
    price: Option<Arc<Price>>,
    price_is_declared: bool,
    reserved_usd: Option<f64>,
    /// Input tokens and what of the output was seen, for the estimate where no usage came.
    estimate: Usage,
    usage: Option<Usage>,
    /// Output tokens of the estimate when the vendor last said what was used.
    seen_when_told: u64,
    in_flight: InFlight,
    grant: Grant,
    span: Option<SpanId>,
    live: Arc<LiveState>,
}

/// Follows a request to its end, and settles it when dropped at the latest.
#[derive(Debug)]
pub(crate) struct Settling {
    sinks: Arc<[Arc<dyn SettlementSink>]>,
    began: Instant,
    begun: u32,
    under_way: SmallVec<[UnderWay; 1]>,
    admitted: Option<Admitted>,
    settlement: Option<Settlement>,
}

impl Settling {
    pub(crate) fn new(sinks: Arc<[Arc<dyn SettlementSink>]>, settlement: Settlement, began: Instant) -> Self {
        Self {
            sinks,
            began,
            begun: 0,
            under_way: SmallVec::new(),
            admitted: None,
            settlement: Some(settlement),
        }
    }

    /// The caller's limits let the request in.
    pub(crate) fn admitted(&mut self, admitted: Admitted) {
        self.admitted = Some(admitted);
    }

    /// The request follows that plan.
    pub(crate) fn planned(&mut self, plan: &Arc<Plan>) {
        if let Some(settlement) = &mut self.settlement {
            settlement.plan = Some(Arc::clone(plan));
        }
    }

    /// A call begins.
    pub(crate) fn begin(&mut self, call: Beginning<'_>) -> CallNumber {
        let number = CallNumber(self.begun as usize);
        self.begun += 1;
        let config = call.entry.config();
        self.under_way.push(UnderWay {
            number,
            purpose: call.purpose,
            alias: Arc::clone(&config.alias),
            model_name: call.model_name,
            began: Instant::now(),
            first_output: None,
            price: config.capabilities.shared_price(),
            price_is_declared: config.capabilities.price_is_declared(),
            reserved_usd: call.reserved_usd,
            estimate: Usage {
                input_tokens: call.input_tokens,
                estimated: true,
                ..Usage::default()
            },
            usage: None,
            seen_when_told: 0,
            in_flight: call.entry.live().enter(),
            grant: call.grant,
            span: call.span,
            live: Arc::clone(call.entry.live()),
        });
        number
    }

    fn call(&mut self, number: CallNumber) -> Option<&mut UnderWay> {
        self.under_way.iter_mut().find(|call| call.number == number)
    }

    /// The vendor said what the call used so far.
    pub(crate) fn used(&mut self, number: CallNumber, usage: Usage) {
        if let Some(call) = self.call(number) {
            call.usage = Some(usage);
            call.seen_when_told = call.estimate.output_tokens;
        }
    }

    /// Output was seen: about this many tokens, for the estimate where no usage comes.
    pub(crate) fn saw_output(&mut self, number: CallNumber, tokens: u64) {
        let Some(call) = self.call(number) else { return };
        call.estimate.output_tokens = call.estimate.output_tokens.saturating_add(tokens);
        if call.first_output.is_none() {
            let now = Instant::now();
            call.first_output = Some(now.duration_since(call.began));
            call.grant.answers(now);
            let since = now.duration_since(self.began);
            if let Some(settlement) = &mut self.settlement {
                settlement.first_output.get_or_insert(since);
            }
        }
    }

    /// A malformed event was left out.
    pub(crate) fn skipped_event(&mut self) {
        if let Some(settlement) = &mut self.settlement {
            settlement.skipped_events = settlement.skipped_events.saturating_add(1);
        }
    }

    /// Malformed events left out so far.
    pub(crate) fn skipped_events(&self) -> u32 {
        self.settlement
            .as_ref()
            .map_or(0, |settlement| settlement.skipped_events)
    }

    /// The span of the request.
    pub(crate) fn trace(&self) -> Option<&RequestSpan> {
        self.settlement.as_ref()?.trace.as_ref()
    }

    /// Calls made so far.
    pub(crate) fn calls(&self) -> u32 {
        self.begun
    }

    /// Usage of the whole request so far, estimated where a vendor sent none.
    pub(crate) fn usage(&self) -> Usage {
        let ended = self.settlement.iter().flat_map(|settlement| &settlement.outcomes);
        let ended = ended.filter_map(|outcome| outcome.usage);
        let under_way = self.under_way.iter().map(UnderWay::usage_or_estimate);
        ended
            .chain(under_way)
            .reduce(|sum, usage| sum.plus(&usage))
            .unwrap_or_default()
    }

    /// What the request cost so far, calls under way included.
    pub(crate) fn cost_usd(&self) -> Option<f64> {
        let before = self.settlement.as_ref().and_then(Settlement::cost_usd);
        self.under_way
            .iter()
            .filter_map(UnderWay::cost_usd)
            .fold(before, |sum, cost| Some(sum.unwrap_or(0.0) + cost))
    }

    /// What calls cost that ended, and what those under way may cost: one beside another must leave room for both.
    pub(crate) fn committed_usd(&self) -> f64 {
        let before = self.settlement.as_ref().and_then(Settlement::cost_usd);
        let under_way = self.under_way.iter().map(|call| {
            let so_far = call.cost_usd().unwrap_or(0.0);
            so_far.max(call.reserved_usd.unwrap_or(0.0))
        });
        before.unwrap_or(0.0) + under_way.sum::<f64>()
    }

    /// A call ended: well, or with that error.
    pub(crate) fn end_call(&mut self, number: CallNumber, error: Option<&Error>) {
        self.end_call_at(number, error, Instant::now());
    }

    fn end_call_at(&mut self, number: CallNumber, error: Option<&Error>, now: Instant) {
        let Some(at) = self.under_way.iter().position(|call| call.number == number) else {
            return;
        };
        let call = self.under_way.remove(at);
        let Some(settlement) = &mut self.settlement else {
            return;
        };
        let latency = now.duration_since(call.began);
        // A call that failed without output, and without usage, used nothing that is billed.
        let seen = call.usage.is_some() || call.estimate.output_tokens > 0 || error.is_none();
        let usage = seen.then(|| match error {
            None => call.usage_or_estimate(),
            Some(_) => call.usage_when_broken_off(),
        });
        let cost_usd = usage.and_then(|usage| call.cost_of(&usage));
        let used = usage.unwrap_or_default();
        if error.is_none() {
            call.live
                .record_success(latency.as_secs_f64() * 1000.0, used.output_tokens);
        }
        call.live.statistics(now.into_std()).record(
            &CallRecord {
                class: error.map(Error::code),
                latency,
                first_token: call.first_output,
                input_tokens: used.input_tokens,
                output_tokens: used.output_tokens,
                cached_input_tokens: used.cached_input_tokens,
                cache_write_tokens: used.cache_write_tokens,
                images: used.images,
                cost_usd,
                streamed: settlement.stream,
            },
            now.into_std(),
        );
        call.grant.settle(&call.live, error, used.total_tokens(), now);
        drop(call.in_flight);
        settlement.outcomes.push(Outcome {
            purpose: call.purpose,
            began_after: call.began.duration_since(self.began),
            latency,
            first_output: call.first_output,
            error: error.cloned(),
            usage,
            cost_usd,
            span: call.span,
            alias: call.alias,
            model_name: call.model_name,
        });
    }

    /// The request ended.
    pub(crate) fn end(&mut self, ending: Ending) {
        let now = Instant::now();
        let gone = matches!(ending, Ending::Cancelled)
            .then(|| Error::new(ErrorKind::Cancelled, "the caller went away"));
        let error = match &ending {
            Ending::Completed => None,
            Ending::Failed(error) => Some(error),
            Ending::Cancelled => gone.as_ref(),
        };
        while let Some(call) = self.under_way.first() {
            let number = call.number;
            self.end_call_at(number, error, now);
        }
        let Some(mut settlement) = self.settlement.take() else {
            return;
        };
        if let Some(admitted) = self.admitted.take() {
            let used = settlement.outcomes.iter().filter_map(|outcome| outcome.usage);
            let used = used.reduce(|sum, usage| sum.plus(&usage)).unwrap_or_default();
            admitted.settle(used.total_tokens(), now.into_std());
        }
        settlement.total = now.duration_since(self.began);
        settlement.ending = ending;
        for sink in self.sinks.iter() {
            sink.settled(&settlement);
        }
    }
}

impl UnderWay {
    fn usage_or_estimate(&self) -> Usage {
        self.usage.unwrap_or(self.estimate)
    }

    /// Some wires say at the beginning what the input used, and at the end what the output did. Where the end is
    /// missing, what was seen since is added: it is billed all the same.
    fn usage_when_broken_off(&self) -> Usage {
        let told = self.usage_or_estimate();
        let since = self.estimate.output_tokens.saturating_sub(self.seen_when_told);
        if self.usage.is_none() || since == 0 {
            return told;
        }
        Usage {
            output_tokens: told.output_tokens.saturating_add(since),
            told_nano_usd: None,
            estimated: true,
            ..told
        }
    }

    fn cost_usd(&self) -> Option<f64> {
        self.cost_of(&self.usage_or_estimate())
    }

    /// What the user declared comes first, then what the vendor says the call cost, then list prices.
    fn cost_of(&self, usage: &Usage) -> Option<f64> {
        let told = usage.told_usd().filter(|_| !self.price_is_declared);
        told.or_else(|| self.price.as_ref().map(|price| price.cost_usd(usage)))
    }
}

impl Drop for Settling {
    fn drop(&mut self) {
        if self.settlement.is_some() {
            self.end(Ending::Cancelled);
        }
    }
}
