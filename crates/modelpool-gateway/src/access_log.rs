//! One line per request: who asked for what, which model answered, how long it took, what it
//! cost. Never what was said.

use std::sync::Arc;

use modelpool::{Ending, Purpose, Settlement, SettlementSink};
use tracing::{info, warn};

use crate::failure::Failure;

/// Writes a line for every settled call, under the target `modelpool::access`. What goes without
/// saying is left out: a single attempt, an answer that was not streamed.
#[derive(Debug)]
pub struct AccessLog;

impl SettlementSink for AccessLog {
    fn settled(&self, settlement: &Settlement) {
        let last = settlement.outcomes.last();
        let usage = last.and_then(|outcome| outcome.usage);
        let (ending, error) = match &settlement.ending {
            Ending::Completed => ("completed", None),
            Ending::Failed(error) => ("failed", Some(error)),
            Ending::Cancelled => ("cancelled", None),
        };
        let continued = settlement
            .outcomes
            .iter()
            .filter(|outcome| outcome.purpose == Purpose::Continue && outcome.error.is_none())
            .count();
        info!(
            target: "modelpool::access",
            request_id = &*settlement.request_id,
            trace_id = settlement.trace.as_ref().map(|span| tracing::field::display(span.trace_id)),
            caller = settlement.caller.as_deref(),
            asked = &*settlement.requested_model,
            model = settlement.alias(),
            attempts = (settlement.outcomes.len() != 1).then_some(settlement.outcomes.len()),
            continued = (continued > 0).then_some(continued),
            stream = settlement.stream.then_some(true),
            total_ms = milliseconds(settlement.total),
            first_output_ms = settlement.first_output.filter(|_| settlement.stream).map(milliseconds),
            input_tokens = usage.map(|usage| usage.input_tokens),
            output_tokens = usage.map(|usage| usage.output_tokens),
            cost_usd = settlement.cost_usd(),
            error = error.map(modelpool::Error::code),
            "{ending}"
        );
        let failed = settlement
            .outcomes
            .iter()
            .filter_map(|outcome| Some((outcome, outcome.error.as_ref()?)));
        for (outcome, error) in failed.filter(|(_, error)| error.code() != "cancelled") {
            warn!(
                target: "modelpool::attempt",
                request_id = &*settlement.request_id,
                model = &*outcome.alias,
                latency_ms = milliseconds(outcome.latency),
                code = error.code(),
                status = error.status(),
                "{}", error.message()
            );
        }
    }
}

/// A request that never became a call.
pub(crate) fn refused(request_id: &Arc<str>, path: &str, failure: &Failure) {
    info!(
        target: "modelpool::access",
        request_id = &**request_id,
        path,
        status = failure.status.as_u16(),
        error = failure.code.as_deref(),
        "refused: {}", failure.message
    );
}

fn milliseconds(duration: std::time::Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
