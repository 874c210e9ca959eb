//! Traces that go through the pool: of whom a request's span is a part, and what upstreams are told.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod common;

use std::sync::Arc;

use modelpool_core::{CallerTrace, TraceParent};
use modelpool_engine::{Call, ModelPool, Settlement, SettlementSink};
use modelpool_testkit::simulator::Fault;

use common::{Bench, hello, no_retries, soon};

const CALLERS: &[u8] = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn traced_by(caller: &[u8]) -> Call {
    let mut call = hello().into_call(false).unwrap();
    call.trace = TraceParent::parse(caller).map(|parent| CallerTrace {
        parent,
        state: Some("vendor=secret".into()),
    });
    call
}

/// A pool of two models of which the first fails.
async fn bench(traced: bool) -> Bench {
    let builder = ModelPool::builder().retry(no_retries()).traced(traced).seed(5);
    let bench = Bench::with(&["a", "b"], builder).await;
    bench.fails("a", Fault::status(503));
    bench
}

/// The header of each call in order, `-` where there was none.
fn told(bench: &Bench) -> Vec<String> {
    let requests = bench.upstream.requests();
    let parents = requests.iter().map(|request| {
        assert!(!request.headers.contains_key("tracestate"));
        let header = request.headers.get("traceparent");
        header.map_or("-", |header| header.to_str().unwrap()).to_owned()
    });
    parents.collect()
}

/// What the calls of a settled request should have told.
fn expected(settlement: &Settlement, flags: &str) -> Vec<String> {
    let trace = settlement.trace.as_ref().unwrap().trace_id;
    let outcomes = settlement.outcomes.iter();
    outcomes
        .map(|outcome| format!("00-{trace}-{}-{flags}", outcome.span.unwrap()))
        .collect()
}

#[tokio::test]
async fn every_call_tells_its_own_span_in_the_callers_trace() {
    let bench = bench(true).await;
    soon(bench.pool.call(traced_by(CALLERS))).await.unwrap();
    let settlement = bench.settled.one();
    let span = settlement.trace.clone().unwrap();
    assert_eq!(span.trace_id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(span.parent.unwrap().to_string(), "00f067aa0ba902b7");
    assert_eq!(span.state.as_deref(), Some("vendor=secret"));
    let told = told(&bench);
    assert_eq!(told, expected(&settlement, "01"));
    assert_eq!(told.len(), 2);
    assert_ne!(told[0], told[1]);
}

#[tokio::test]
async fn what_is_not_sampled_is_told_so() {
    let bench = bench(true).await;
    let not_sampled = [&CALLERS[..CALLERS.len() - 1], b"0"].concat();
    soon(bench.pool.call(traced_by(&not_sampled))).await.unwrap();
    let settlement = bench.settled.one();
    assert!(!settlement.trace.as_ref().unwrap().sampled);
    assert_eq!(told(&bench), expected(&settlement, "00"));
}

#[tokio::test]
async fn without_a_callers_trace_every_request_begins_its_own() {
    let bench = bench(true).await;
    for _ in 0..2 {
        soon(bench.pool.call(traced_by(b"malformed"))).await.unwrap();
    }
    let settled = bench.settled.all();
    let expected: Vec<String> = settled.iter().flat_map(|one| expected(one, "01")).collect();
    assert_eq!(told(&bench), expected);
    let spans: Vec<_> = settled.iter().map(|one| one.trace.clone().unwrap()).collect();
    assert_ne!(spans[0].trace_id, spans[1].trace_id);
    assert_eq!(spans[0].parent, None);
}

#[tokio::test]
async fn where_nothing_is_traced_upstreams_are_told_nothing() {
    let bench = bench(false).await;
    soon(bench.pool.call(traced_by(CALLERS))).await.unwrap();
    soon(bench.pool.call(traced_by(b""))).await.unwrap();
    assert!(told(&bench).iter().all(|header| header == "-"));
    let settled = bench.settled.all();
    // The log and the trace of the request still say whose it is.
    assert!(settled[0].trace.is_some() && settled[1].trace.is_none());
    assert!(
        settled
            .iter()
            .flat_map(|one| &one.outcomes)
            .all(|outcome| outcome.span.is_none())
    );
}

#[tokio::test]
async fn the_same_seed_makes_the_same_ids() {
    let mut ids = Vec::new();
    for _ in 0..2 {
        let bench = bench(true).await;
        soon(bench.pool.chat(hello())).await.unwrap();
        ids.push(told(&bench));
    }
    assert_eq!(ids[0], ids[1]);
}

#[tokio::test]
async fn a_request_that_calls_nobody_has_a_span_too() {
    let settled = Arc::new(common::Settled::default());
    let sink = Arc::clone(&settled) as Arc<dyn SettlementSink>;
    let pool = ModelPool::builder().sink(sink).traced(true).build();
    soon(pool.call(traced_by(CALLERS))).await.unwrap_err();
    let span = settled.one().trace.unwrap();
    assert_eq!(span.trace_id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
}
