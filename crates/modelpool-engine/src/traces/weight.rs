//! What is kept, in bytes: estimates, on the high side, of what callers and files can make long.

use modelpool_core::{Plan, Requirements, Snapshot};
use serde_json::{Map, Value};

/// An entry of a map or a list, with what the allocator adds.
const ENTRY: usize = 64;

/// Of a requirement beside its words: a clause and its test.
const CLAUSE: usize = 256;

/// Of a plan beside what the caller asked for.
const PLAN: usize = 1024;

/// Of one model in a snapshot: what is packed for scanning, its name in the index, its share of an entry that
/// was replaced since.
const MODEL: usize = 1024;

/// A plan without its snapshot.
pub(super) fn of_plan(plan: &Plan, values: &Map<String, Value>) -> usize {
    // Three sets of one bit per model.
    let sets = 3 * plan.snapshot().len() / 8;
    PLAN + sets + of_requirements(plan.requirements()) + of_requirements(plan.preferences()) + of_map(values)
}

/// A snapshot, which plans share.
pub(super) fn of_snapshot(snapshot: &Snapshot) -> usize {
    MODEL * (snapshot.len() + 4)
}

/// Each value stands in the clause twice: as written, and as it is compared.
fn of_requirements(requirements: &Requirements) -> usize {
    let clauses = requirements.clauses();
    clauses
        .map(|clause| CLAUSE + 2 * (clause.key().len() + of_value(&clause.wanted())))
        .sum()
}

fn of_map(map: &Map<String, Value>) -> usize {
    let members = map.iter();
    members
        .map(|(key, value)| ENTRY + key.len() + of_value(value))
        .sum()
}

fn of_value(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(|item| ENTRY + of_value(item)).sum(),
        Value::Object(members) => of_map(members),
    }
}
