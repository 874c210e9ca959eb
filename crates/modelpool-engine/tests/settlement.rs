//! Every request is settled exactly once, whatever becomes of it, and the upstream is left alone
//! when the caller goes away.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod common;

use modelpool_core::{Capabilities, ErrorKind, Operation, Price};
use modelpool_engine::{ChatRequest, Ending, ModelPool};
use modelpool_testkit::simulator::Fault;
use serde_json::json;

use common::{Bench, hello, soon, told};

async fn in_flight(bench: &Bench) -> u32 {
    bench.pool.get("a").unwrap().live().in_flight()
}

#[tokio::test]
async fn a_whole_answer() {
    let bench = Bench::new(&["a"]).await;
    let request = hello().option("session", "s-1").option("tags", json!(["x"]));
    let answer = bench.chat(request).await.unwrap();
    let settlement = bench.settled.one();
    assert_eq!(told(&settlement), "completed; a: ok");
    assert_eq!(
        (settlement.stream, settlement.operation),
        (false, Operation::Chat)
    );
    assert_eq!(
        (&*settlement.requested_model, settlement.alias()),
        ("auto", Some("a"))
    );
    assert_eq!(settlement.request_id, answer.request_id);
    assert_eq!(settlement.values["session"], "s-1");
    assert_eq!(settlement.outcomes[0].usage, Some(answer.whole.usage));
    assert_eq!(&*settlement.outcomes[0].model_name, "a");
    assert!(settlement.first_output.is_some());
    assert_eq!(in_flight(&bench).await, 0);
}

#[tokio::test]
async fn a_cost_only_where_a_price_was_declared() {
    let price = Price {
        input: 2.0,
        output: 8.0,
        ..Price::default()
    };
    for (capabilities, priced) in [
        (Capabilities::new(), false),
        (Capabilities::new().price(price.clone()), true),
    ] {
        let bench = Bench::new(&[]).await;
        let upstream = bench.upstream.base_url();
        let config = modelpool_core::ModelConfig::new("a", "custom", "a").base_url(upstream);
        bench.pool.add(config.capabilities(capabilities)).unwrap();
        let whole = bench.chat(hello()).await.unwrap().whole;
        let mut stream = soon(bench.pool.chat_stream(hello())).await.unwrap();
        soon(stream.text()).await.unwrap();
        let expected = priced.then(|| price.cost_usd(&whole.usage));
        assert_eq!(whole.cost_usd, expected);
        assert_eq!(stream.summary().cost_usd, expected);
        for settlement in bench.settled.all() {
            assert_eq!(
                (settlement.cost_usd(), settlement.outcomes[0].cost_usd),
                (expected, expected)
            );
        }
    }
}

#[tokio::test]
async fn failures() {
    let bench = Bench::new(&["a", "b"]).await;
    bench
        .fails("a", Fault::status(500))
        .fails("b", Fault::status(401));
    assert!(bench.chat(hello()).await.is_err());
    let settlement = bench.settled.one();
    assert_eq!(told(&settlement), "failed auth; a: server, a: server, b: auth");
    assert!(
        settlement
            .outcomes
            .iter()
            .all(|outcome| outcome.usage.is_none() && outcome.cost_usd.is_none())
    );
    assert_eq!((settlement.first_output, settlement.cost_usd()), (None, None));
    assert_eq!(in_flight(&bench).await, 0);
}

#[tokio::test]
async fn requests_that_never_became_a_call() {
    for (request, ending) in [
        (hello().model("nobody"), "failed model_not_found; "),
        (
            hello().require(json!({"supports_audio": true})),
            "failed no_model_fits; ",
        ),
        (hello().option("models", json!([])), "failed no_model_fits; "),
    ] {
        let bench = Bench::new(&["a"]).await;
        assert!(bench.chat(request).await.is_err());
        assert_eq!(told(&bench.settled.one()), ending);
        assert_eq!(bench.upstream.counts().requests, 0);
    }
}

#[tokio::test]
async fn a_caller_who_goes_away_before_the_answer() {
    for fault in [Fault::StallBeforeHead, Fault::StallAfterHead] {
        for stream in [false, true] {
            let bench = Bench::new(&["a", "b"]).await;
            bench.fails("a", fault.clone());
            let call = hello().into_call(stream).unwrap();
            tokio::select! {
                answer = bench.pool.call(call) => panic!("an upstream that stalls answered: {answer:?}"),
                _ = soon(bench.upstream.wait_until(|counts| counts.in_flight == 1)) => {}
            }
            bench.upstream_is_left().await;
            let settlement = bench.settled.one();
            assert_eq!(told(&settlement), "cancelled; a: cancelled", "{fault:?}");
            assert_eq!(settlement.outcomes[0].usage, None, "nothing was said");
            assert_eq!(in_flight(&bench).await, 0);
        }
    }
}

#[tokio::test]
async fn a_caller_who_goes_away_in_mid_stream() {
    for events_read in [0, 1, 2] {
        let bench = Bench::new(&["a"]).await;
        bench.fails("a", Fault::StallAfterChunks { chunks: 3 });
        let mut stream = soon(bench.pool.chat_stream(hello())).await.unwrap();
        for _ in 0..events_read {
            soon(stream.next()).await.unwrap().unwrap();
        }
        assert!(bench.settled.all().is_empty(), "not before its end");
        drop(stream);
        bench.upstream_is_left().await;
        let settlement = bench.settled.one();
        assert_eq!(told(&settlement), "cancelled; a: cancelled");
        assert!(matches!(settlement.ending, Ending::Cancelled));
        assert_eq!(in_flight(&bench).await, 0);
    }
}

#[tokio::test]
async fn a_caller_who_goes_away_after_the_mark_of_the_end_had_everything() {
    let bench = Bench::new(&["a"]).await;
    let mut stream = soon(bench.pool.chat_stream(hello())).await.unwrap();
    while !soon(stream.next()).await.unwrap().unwrap().end_mark {}
    drop(stream);
    let settlement = bench.settled.one();
    assert_eq!(told(&settlement), "completed; a: ok");
    assert!(!settlement.outcomes[0].usage.unwrap().estimated);
}

#[tokio::test]
async fn a_stream_read_past_its_end() {
    let bench = Bench::new(&["a"]).await;
    let mut stream = soon(bench.pool.chat_stream(hello())).await.unwrap();
    soon(stream.text()).await.unwrap();
    assert!(stream.next().await.is_none() && stream.next().await.is_none());
    let summary = stream.summary();
    drop(stream);
    let settlement = bench.settled.one();
    assert_eq!(told(&settlement), "completed; a: ok");
    assert_eq!(settlement.outcomes[0].usage, Some(summary.usage));
}

#[tokio::test]
async fn every_sink_is_told() {
    let second = std::sync::Arc::new(common::Settled::default());
    let sink = std::sync::Arc::clone(&second);
    let bench = Bench::with(&["a"], ModelPool::builder().sink(sink)).await;
    bench.chat(ChatRequest::new().user("x")).await.unwrap();
    assert_eq!(second.one().request_id, bench.settled.one().request_id);
    let nothing = bench.chat(ChatRequest::new()).await.unwrap_err();
    assert_eq!(
        *nothing.kind(),
        ErrorKind::InvalidRequest,
        "no call, nothing to settle"
    );
    assert_eq!(second.all().len(), 1);
}
