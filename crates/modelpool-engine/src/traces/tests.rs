use std::sync::Arc;
use std::time::Duration;

use modelpool_core::{
    Capabilities, Error, ErrorKind, Flag, ManualClock, ModelConfig, Operation, Plan, RequestSpan, SpanId,
    TraceId, UnixMillis, Usage,
};
use serde_json::json;

use super::{Bounds, Traces};
use crate::call::ChatRequest;
use crate::pool::ModelPool;
use crate::settle::{Ending, Outcome, Purpose, Settlement};

fn traces(traces: usize, bytes: usize) -> Traces {
    let bounds = Bounds {
        traces,
        bytes,
        ..Bounds::default()
    };
    Traces::bounded(Arc::new(ManualClock::at(UnixMillis(10_000))), bounds)
}

fn outcome(alias: &str, error: Option<Error>) -> Outcome {
    let usage = error.is_none().then_some(Usage {
        input_tokens: 8,
        output_tokens: 2,
        ..Usage::default()
    });
    Outcome {
        purpose: Purpose::Answer,
        alias: alias.into(),
        model_name: "m".into(),
        began_after: Duration::from_millis(1),
        latency: Duration::from_millis(20),
        first_output: None,
        cost_usd: usage.map(|_| 0.5),
        span: None,
        usage,
        error,
    }
}

fn settled(id: &str) -> Settlement {
    Settlement {
        request_id: id.into(),
        caller: Some("team".into()),
        trace: Some(RequestSpan {
            trace_id: TraceId::new(0xab, 1).unwrap(),
            span_id: SpanId::new(2).unwrap(),
            parent: None,
            sampled: false,
            state: None,
        }),
        operation: Operation::Chat,
        requested_model: "auto".into(),
        stream: true,
        plan: None,
        outcomes: vec![outcome("a", None)],
        total: Duration::from_millis(1_500),
        first_output: Some(Duration::from_micros(1_250_400)),
        skipped_events: 0,
        ending: Ending::Completed,
        values: Arc::default(),
    }
}

fn pool() -> ModelPool {
    let pool = ModelPool::new();
    let sees = Capabilities::new().supports(Flag::Vision);
    pool.add(ModelConfig::new("a", "custom", "m")).unwrap();
    pool.add(ModelConfig::new("sees", "custom", "m").capabilities(sees))
        .unwrap();
    pool
}

fn plan(pool: &ModelPool) -> Arc<Plan> {
    let request = ChatRequest::new()
        .user("what-was-said")
        .require(json!({"supports_vision": true}));
    Arc::new(pool.plan(&request.into_call(false).unwrap()).unwrap())
}

#[test]
fn a_request_is_found_by_its_id_with_when_and_how_it_went() {
    let traces = traces(10, 1 << 20);
    let failed = Error::new(ErrorKind::Server, "it fell over").with_status(503);
    let mut settlement = settled("one");
    settlement.outcomes.insert(0, outcome("b", Some(failed)));
    traces.keep(&settlement, None);
    let trace = traces.get("one").unwrap();
    assert_eq!(trace.began_unix_ms, 8_500);
    let told = serde_json::to_value(&trace).unwrap();
    assert_eq!(told["ending"], "completed");
    assert_eq!(told["trace_id"], "00000000000000ab0000000000000001");
    assert_eq!(
        (&told["total_ms"], &told["first_token_ms"]),
        (&json!(1500.0), &json!(1250.4))
    );
    assert_eq!(
        told["attempts"][0]["error"],
        json!({"code": "server", "status": 503, "message": "it fell over"})
    );
    assert_eq!(told["attempts"][1]["error"], json!(null));
    assert_eq!(
        (&told["usage"]["output_tokens"], &told["cost_usd"]),
        (&json!(2), &json!(0.5))
    );
    assert!(traces.get("two").is_none());
}

#[test]
fn the_plan_is_explained_from_the_pool_it_was_made_in_and_says_nothing_of_what_was_said() {
    let (traces, pool) = (traces(10, 1 << 20), pool());
    traces.keep(&settled("one"), Some(plan(&pool)));
    pool.remove("sees");
    let trace = traces.get("one").unwrap();
    assert_eq!(trace.pool.as_deref(), Some("auto"));
    let plan = trace.plan.as_ref().unwrap();
    assert_eq!(plan.selected.as_deref(), Some("sees"));
    assert_eq!(plan.rejected[0].missing[0].key, "supports_vision");
    assert!(!serde_json::to_string(&trace).unwrap().contains("what-was-said"));
}

#[test]
fn the_oldest_are_forgotten() {
    let traces = traces(3, 1 << 20);
    for number in 0..5 {
        traces.keep(&settled(&format!("id-{number}")), None);
    }
    let known: Vec<bool> = (0..5)
        .map(|number| traces.get(&format!("id-{number}")).is_some())
        .collect();
    assert_eq!(known, [false, false, true, true, true]);
    let ring = traces.ring();
    assert_eq!((ring.kept.len(), ring.by_id.len()), (3, 3));
}

#[test]
fn of_several_with_one_id_the_newest_is_told_even_after_the_older_was_forgotten() {
    let traces = traces(2, 1 << 20);
    for caller in ["first", "second"] {
        let mut settlement = settled("same");
        settlement.caller = Some(caller.into());
        traces.keep(&settlement, None);
    }
    let caller = || traces.get("same")?.caller;
    assert_eq!(caller().as_deref(), Some("second"));
    traces.keep(&settled("other"), None);
    assert_eq!(caller().as_deref(), Some("second"));
    traces.keep(&settled("another"), None);
    assert_eq!(caller(), None);
}

#[test]
fn all_together_stay_within_their_bytes_snapshots_included() {
    const BYTES: usize = 200_000;
    let (traces, pool) = (traces(1_000, BYTES), pool());
    for number in 0..500 {
        // Every plan is of a snapshot of its own.
        let plan = plan(&pool);
        pool.remove("a");
        pool.add(ModelConfig::new("a", "custom", "m")).unwrap();
        traces.keep(&settled(&format!("id-{number}")), Some(plan));
        assert!(traces.ring().bytes <= BYTES);
    }
    assert!(traces.get("id-499").is_some_and(|trace| trace.plan.is_some()));
    let ring = traces.ring();
    assert!(
        ring.kept.len() > 5 && ring.kept.len() < 100,
        "{}",
        ring.kept.len()
    );
    assert_eq!(ring.snapshots.len(), ring.kept.len());
}

#[test]
fn a_snapshot_is_counted_once_and_given_back_with_its_last_plan() {
    let (traces, pool) = (traces(2, 1 << 20), pool());
    let snapshot = pool.snapshot();
    let alone = Arc::strong_count(&snapshot);
    for id in ["one", "two", "three"] {
        traces.keep(&settled(id), Some(plan(&pool)));
    }
    assert_eq!(traces.ring().snapshots.len(), 1);
    assert_eq!(Arc::strong_count(&snapshot), alone + 2);
    for id in ["four", "five"] {
        traces.keep(&settled(id), None);
    }
    assert_eq!(Arc::strong_count(&snapshot), alone);
    let ring = traces.ring();
    let own: usize = ring.kept.iter().map(|kept| kept.bytes).sum();
    assert_eq!((ring.snapshots.len(), ring.bytes), (0, own));
}

#[test]
fn what_callers_make_long_is_cut_and_a_plan_that_is_too_large_is_left_out() {
    let (traces, pool) = (traces(10, 1 << 20), pool());
    let mut settlement = settled("long");
    settlement.requested_model = "图".repeat(1 << 20).into();
    settlement.ending = Ending::Failed(Error::new(ErrorKind::Server, "x".repeat(1 << 20)));
    settlement.values = Arc::new(
        json!({"tags": ["y".repeat(1 << 20)]})
            .as_object()
            .unwrap()
            .clone(),
    );
    traces.keep(&settlement, Some(plan(&pool)));
    let trace = traces.get("long").unwrap();
    assert!(trace.plan.is_none());
    assert!(trace.requested_model.len() > 1_000 && trace.requested_model.len() <= 1_024);
    assert_eq!(trace.error.unwrap().message.len(), 1_024);

    traces.keep(&settled(&"z".repeat(1 << 20)), None);
    assert_eq!(traces.ring().kept.len(), 1, "an id of a megabyte is not kept");
}
