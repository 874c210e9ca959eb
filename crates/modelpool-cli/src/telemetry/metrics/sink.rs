//! Counting what was settled.
//!
//! Labels come from the configuration and from tables of words: below a wildcard the model is the wildcard's, whatever
//! name the caller made up, and what a request asked for is no label at all.

use std::sync::{Mutex, MutexGuard, PoisonError};

use modelpool::{Ending, Outcome, Purpose, Settlement, SettlementSink};

use super::super::names;
use super::table::{Counted, Model, Row, Table};

/// What became of what went well.
pub(super) const SUCCESS: &str = "success";

/// What became of what the caller did not wait for.
const CANCELLED: &str = "cancelled";

/// Counts requests as they end. The lock is held for additions, and for the copy of some rows.
#[derive(Debug, Default)]
pub(super) struct Counts(Mutex<Table>);

impl Counts {
    /// A copy of so many rows, from the one of that number on.
    pub(super) fn copy(&self, from: usize, most: usize) -> Vec<Row> {
        self.table().copy(from, most)
    }

    /// A panic elsewhere leaves sums that are at worst one request off, so a poisoned lock is no reason to stop.
    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SettlementSink for Counts {
    fn settled(&self, settlement: &Settlement) {
        let mut table = self.table();
        for (place, outcome) in settlement.outcomes.iter().enumerate() {
            let row = table.row(&of_call(settlement, outcome));
            call(row, outcome);
            if is_left(outcome, settlement.outcomes.get(place + 1)) {
                row.count(Counted::Failover, code(outcome));
            }
        }
        let last = settlement.outcomes.last();
        let row = table.row(&match last {
            Some(outcome) => of_call(settlement, outcome),
            None => Model {
                operation: settlement.operation,
                alias: "",
                provider: "",
                model: "",
            },
        });
        request(row, settlement);
    }
}

fn of_call<'a>(settlement: &'a Settlement, outcome: &'a Outcome) -> Model<'a> {
    let alias = &*outcome.alias;
    let plan = settlement.plan.as_deref();
    let config = plan.and_then(|plan| plan.snapshot().get(alias));
    Model {
        operation: settlement.operation,
        alias,
        provider: config.map_or("", |config| names::provider(&config.provider)),
        model: if alias.ends_with('*') {
            alias
        } else {
            &outcome.model_name
        },
    }
}

fn call(row: &mut Row, outcome: &Outcome) {
    let error = outcome.error.as_ref().map_or("", modelpool::Error::code);
    row.took(error, outcome.latency.as_secs_f64());
    // The conventions have no place for estimates.
    if let Some(usage) = outcome.usage.filter(|usage| !usage.estimated) {
        row.used(usage.input_tokens, usage.output_tokens);
    }
    if let Some(cost) = outcome.cost_usd {
        row.cost(cost);
    }
    row.count(Counted::Attempt(purpose(outcome.purpose)), code(outcome));
    if outcome.purpose == Purpose::Continue {
        row.count(Counted::Continuation, code(outcome));
    }
}

fn request(row: &mut Row, settlement: &Settlement) {
    let outcome = match &settlement.ending {
        Ending::Completed => SUCCESS,
        Ending::Failed(error) => error.code(),
        Ending::Cancelled => CANCELLED,
    };
    row.count(Counted::Request, outcome);
    if let (Ending::Completed, true, Some(first)) =
        (&settlement.ending, settlement.stream, settlement.first_output)
    {
        row.began_after(first.as_secs_f64());
        if let Some(tokens) = tokens_after_first(settlement) {
            let rest = settlement.total.saturating_sub(first);
            row.went_on(rest.as_secs_f64() / tokens as f64);
        }
    }
}

/// Output tokens of an answer after its first, where vendors counted them; `None` where there is none.
fn tokens_after_first(settlement: &Settlement) -> Option<u64> {
    let answering = settlement
        .outcomes
        .iter()
        .filter(|outcome| outcome.first_output.is_some());
    let usage = answering.map(|outcome| outcome.usage);
    let sum = usage.reduce(|sum, usage| Some(sum?.plus(&usage?)))??;
    let after_first = sum.output_tokens.saturating_sub(1);
    (!sum.estimated && after_first > 0).then_some(after_first)
}

/// Whether a call failed and another model was called instead.
fn is_left(failed: &Outcome, next: Option<&Outcome>) -> bool {
    let to_another = |next: &Outcome| {
        next.purpose == Purpose::Answer
            && (&next.alias, &next.model_name) != (&failed.alias, &failed.model_name)
    };
    !matches!(code(failed), SUCCESS | CANCELLED) && next.is_some_and(to_another)
}

fn code(outcome: &Outcome) -> &'static str {
    outcome.error.as_ref().map_or(SUCCESS, modelpool::Error::code)
}

fn purpose(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Answer => "answer",
        Purpose::Hedge => "hedge",
        Purpose::Continue => "continue",
    }
}
