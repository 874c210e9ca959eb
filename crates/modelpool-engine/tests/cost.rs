//! What a caller will pay for a request holds over all its calls.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod common;

use modelpool_core::{Capabilities, ErrorKind, Price, PriceTier};
use modelpool_engine::{ChatRequest, ModelPool};

use common::simulated::{Stage, answer, ask, cut, good, server_error};
use common::told;

/// US dollars per million tokens of output; input is free, so that sums are easy.
fn price(output: f64) -> Capabilities {
    let price = Price {
        input: 0.0,
        output,
        ..Price::default()
    };
    Capabilities::new().context_window(100_000).price(price)
}

/// Models at these prices; none where it is not known.
fn priced(models: &[(&str, Option<f64>)]) -> Stage {
    let aliases: Vec<&str> = models.iter().map(|(alias, _)| *alias).collect();
    Stage::of(&aliases, ModelPool::builder(), |config| {
        let model = models.iter().find(|(alias, _)| *alias == &*config.alias);
        match model.unwrap().1 {
            Some(output) => config.capabilities(price(output)),
            None => config.capabilities(Capabilities::new().context_window(100_000)),
        }
    })
}

/// One model at a price, whatever it is.
fn at(price: &Price) -> Stage {
    let stage = Stage::of(&["a"], ModelPool::builder(), |config| {
        config.capabilities(Capabilities::new().context_window(100_000).price(price.clone()))
    });
    stage.always("a", &good());
    stage
}

/// Whether a model at this price is called where the caller pays so much.
async fn is_called(price: &Price, request: ChatRequest, dollars: f64) -> bool {
    let stage = at(price);
    let asked = stage.chat(request.option("max_cost_usd", dollars)).await;
    assert_eq!(asked.is_ok(), !stage.calls().is_empty());
    asked.is_ok()
}

/// At most so many dollars, and 1000 tokens of output.
fn at_most(dollars: f64) -> ChatRequest {
    ask().with("max_tokens", 1_000).option("max_cost_usd", dollars)
}

#[tokio::test(start_paused = true)]
async fn what_might_cost_more_is_not_called() {
    // 1000 tokens cost a dollar.
    let stage = priced(&[("a", Some(1_000.0))]);
    stage.always("a", &good());
    for stream in [false, true] {
        let call = at_most(0.99).into_call(stream).unwrap();
        let error = stage.pool.call(call).await.unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (&ErrorKind::BudgetExceeded, 0));
    }
    assert!(stage.calls().is_empty());
    stage.chat(at_most(1.0)).await.unwrap();
    assert_eq!(stage.order(), "a");
}

#[tokio::test(start_paused = true)]
async fn without_a_limit_on_the_output_a_thousand_tokens_are_reckoned_with() {
    let stage = priced(&[("a", Some(1_000.0))]);
    stage.always("a", &good());
    let asked = |dollars: f64| ask().option("max_cost_usd", dollars);
    assert!(stage.chat(asked(0.99)).await.is_err());
    stage.chat(asked(1.0)).await.unwrap();
    // Once enough answers were seen, what the model seldom exceeds: these have a few words.
    for _ in 0..30 {
        stage.chat(ask()).await.unwrap();
    }
    tokio::time::advance(std::time::Duration::from_secs(10)).await;
    stage.chat(asked(0.05)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_model_without_a_price_can_promise_nothing() {
    let stage = priced(&[("a", None)]);
    stage.always("a", &good());
    let error = stage.chat(at_most(1_000.0)).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::BudgetExceeded);
    stage.chat(ask()).await.unwrap();
    assert_eq!(stage.order(), "a", "who sets no bound is served");
    assert_eq!(stage.settled.all()[1].cost_usd(), None);
}

#[tokio::test(start_paused = true)]
async fn a_dearer_or_unknown_model_is_passed_over() {
    let stage = priced(&[("unknown", None), ("a", Some(1_000.0)), ("b", Some(100.0))]);
    stage.always("a", &good()).always("b", &good());
    let request = at_most(0.5)
        .model("a")
        .option("fallbacks", serde_json::json!(["unknown", "b"]));
    stage.chat(request).await.unwrap();
    assert_eq!(stage.order(), "b");
}

#[tokio::test(start_paused = true)]
async fn the_bound_spans_failovers_and_a_failure_costs_nothing() {
    let stage = priced(&[("a", Some(1_000.0)), ("b", Some(1_100.0))]);
    stage.always("a", &server_error()).next("b", [good()]);
    stage.chat(at_most(1.5)).await.unwrap();
    assert_eq!(stage.order(), "a a b");
    // The fallback alone is too dear: the failure before it is what the caller is told.
    let stage = priced(&[("a", Some(1_000.0)), ("b", Some(2_000.0))]);
    stage.always("a", &server_error()).always("b", &good());
    let error = stage.chat(at_most(1.5)).await.unwrap_err();
    assert_eq!(
        (error.kind(), stage.order().as_str()),
        (&ErrorKind::Server, "a a")
    );
}

#[tokio::test(start_paused = true)]
async fn what_a_lost_stream_has_used_is_not_there_for_the_next() {
    for (dollars, goes_on) in [(1.0, false), (2.0, true)] {
        let stage = priced(&[("a", Some(1_000.0)), ("b", Some(1_000.0))]);
        // Some of the text, and no usage.
        stage.next("a", [cut(600)]).always("b", &good());
        let read = stage.stream(at_most(dollars)).await.unwrap();
        assert_eq!(read.is_whole(), goes_on, "{dollars}: {:?}", read.end);
        assert_eq!(read.text == answer(), goes_on);
        let settlement = stage.settled.one();
        let cost = settlement.cost_usd().unwrap();
        assert!(cost > 0.0 && cost <= dollars, "{cost}");
        assert_eq!(read.summary.cost_usd, Some(cost));
        if !goes_on {
            assert_eq!(told(&settlement), "failed stream_lost; a: stream_lost");
            assert_eq!(*read.end.unwrap_err().kind(), ErrorKind::StreamLost);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_all_calls_cost_is_told() {
    let stage = priced(&[("a", Some(1_000.0)), ("b", Some(3_000.0))]);
    stage.next("a", [cut(600)]).next("b", [good()]);
    let read = stage.stream(ask()).await.unwrap();
    assert_eq!(read.text, answer());
    let settlement = stage.settled.one();
    let [lost, answered] = &settlement.outcomes[..] else {
        panic!("{settlement:?}");
    };
    let of = |outcome: &modelpool_engine::Outcome, output: f64| {
        outcome.usage.unwrap().output_tokens as f64 * output / 1e6
    };
    assert!((lost.cost_usd.unwrap() - of(lost, 1_000.0)).abs() < 1e-12);
    assert!((answered.cost_usd.unwrap() - of(answered, 3_000.0)).abs() < 1e-12);
    let total = lost.cost_usd.unwrap() + answered.cost_usd.unwrap();
    assert_eq!(
        (settlement.cost_usd(), read.summary.cost_usd),
        (Some(total), Some(total))
    );
}

/// The input is estimated, so that the bounds stand well away from it.
#[tokio::test(start_paused = true)]
async fn what_a_call_may_cost_is_reckoned_in_the_tier_it_will_be_in() {
    let tier = |above_input_tokens| PriceTier {
        above_input_tokens,
        output: 2_000.0,
        ..PriceTier::default()
    };
    let with = |above| Price {
        output: 1_000.0,
        tiers: vec![tier(above)],
        ..Price::default()
    };
    let request = || ask().with("max_tokens", 1_000);
    for (above, dollars, called) in [
        (5_000, 1.0, true),
        (5_000, 0.99, false),
        (0, 1.99, false),
        (0, 2.0, true),
    ] {
        assert_eq!(
            is_called(&with(above), request(), dollars).await,
            called,
            "{above} {dollars}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_is_settled_in_the_tier_it_was_in() {
    let tier = PriceTier {
        above_input_tokens: 0,
        input: 3.0,
        output: 5.0,
        ..PriceTier::default()
    };
    let stage = at(&Price {
        input: 1e6,
        output: 1e6,
        request: Some(0.5),
        tiers: vec![tier],
        ..Price::default()
    });
    stage.chat(ask()).await.unwrap();
    let settlement = stage.settled.one();
    let usage = settlement.outcomes[0].usage.unwrap();
    let expected = (usage.input_tokens as f64 * 3.0 + usage.output_tokens as f64 * 5.0) / 1e6 + 0.5;
    assert!(usage.input_tokens > 0 && (settlement.cost_usd().unwrap() - expected).abs() < 1e-12);
}

/// Nobody knows yet what the vendor will write to its cache, nor whether the model will reason.
#[tokio::test(start_paused = true)]
async fn what_a_call_may_cost_is_reckoned_at_the_dearest_rates() {
    let long = || ask().user("word ".repeat(2_000)).with("max_tokens", 1);
    let writes = Price {
        cache_write: Some(1_000.0),
        cache_write_1h: Some(1_000_000.0),
        ..Price::default()
    };
    assert!(!is_called(&writes, long(), 0.5).await);
    assert!(is_called(&writes, long(), 100.0).await);
    // Where it asks for an hour, or only speaks of it.
    assert!(
        !is_called(
            &writes,
            long().with("metadata", serde_json::json!({"ttl": "1h"})),
            100.0
        )
        .await
    );
    let reasons = Price {
        output_after_reasoning: Some(1_000.0),
        ..Price::default()
    };
    let request = || ask().with("max_tokens", 1_000);
    assert!(!is_called(&reasons, request(), 0.99).await);
    assert!(is_called(&reasons, request(), 1.0).await);
}

#[tokio::test(start_paused = true)]
async fn each_answer_that_is_asked_for_is_reckoned_with() {
    let price = Price {
        output: 1_000.0,
        ..Price::default()
    };
    let request = || ask().with("max_tokens", 1_000).with("n", 3);
    assert!(!is_called(&price, request(), 2.99).await);
    assert!(is_called(&price, request(), 3.0).await);
}
