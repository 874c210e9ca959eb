//! A tool loop under way stays with the model that called the tool, unless that model fails.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod common;

use std::sync::Arc;

use modelpool_core::Operation;
use modelpool_engine::selectors::RoundRobin;
use modelpool_engine::{AnswerBody, Call, ModelPool};
use modelpool_testkit::simulator::Fault;
use serde_json::{Value, json};

use common::{Bench, short_pauses};

async fn taking_turns(aliases: &[&str]) -> Bench {
    let builder = ModelPool::builder().selector(Arc::new(RoundRobin));
    Bench::with(aliases, builder.retry(short_pauses())).await
}

fn tools() -> Value {
    json!([{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}])
}

fn asks(stream: bool) -> Value {
    json!({"model": "auto", "stream": stream, "tools": tools(), "tool_choice": "required",
        "messages": [{"role": "user", "content": "weather?"}]})
}

fn brings(id: &str) -> Value {
    json!({"model": "auto", "tools": tools(), "messages": [
        {"role": "user", "content": "weather?"},
        {"role": "assistant", "content": null, "tool_calls":
            [{"id": id, "type": "function", "function": {"name": "weather", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": id, "content": "sunny"},
    ]})
}

fn call(body: &Value) -> Call {
    Call::read(Operation::Chat, body.to_string().into()).unwrap()
}

/// Asks, and gives the alias that answers and the id of its tool call.
async fn called(bench: &Bench, stream: bool) -> (String, String) {
    let answer = bench.pool.call(call(&asks(stream))).await.unwrap();
    let alias = answer.alias.to_string();
    let text = match answer.body {
        AnswerBody::Whole(whole) => String::from_utf8(whole.bytes.to_vec()).unwrap(),
        AnswerBody::Stream(mut stream) => {
            let mut text = String::new();
            while let Some(event) = stream.next().await {
                text.push_str(std::str::from_utf8(&event.unwrap().raw).unwrap());
            }
            text
        }
    };
    let after = text.split_once("\"id\":\"call").unwrap().1;
    let id = format!("call{}", after.split_once('"').unwrap().0);
    (alias, id)
}

#[tokio::test]
async fn the_result_of_a_tool_goes_to_the_model_that_called_it() {
    let bench = taking_turns(&["a", "b", "c"]).await;
    for stream in [false, true, false, true] {
        let (alias, id) = called(&bench, stream).await;
        // The selector would go on to the next each time.
        for _ in 0..3 {
            let answer = bench.pool.call(call(&brings(&id))).await.unwrap();
            assert_eq!(*answer.alias, *alias, "streamed: {stream}");
        }
        let explained = bench.pool.explain_call(&call(&brings(&id))).unwrap();
        assert_eq!(explained.selected.as_deref(), Some(alias.as_str()));
        assert!(
            explained.notes[0].contains("stays there unless it fails"),
            "{:?}",
            explained.notes
        );
    }
}

#[tokio::test]
async fn a_model_that_fails_is_left() {
    let bench = taking_turns(&["a", "b"]).await;
    let (alias, id) = called(&bench, false).await;
    bench.fails(&alias, Fault::status(401));
    let answer = bench.pool.call(call(&brings(&id))).await.unwrap();
    assert_ne!(*answer.alias, *alias);
    assert_eq!(answer.attempts, 2);
}

#[tokio::test]
async fn an_id_that_nobody_gave_changes_nothing() {
    let bench = taking_turns(&["a", "b"]).await;
    let first = bench.pool.call(call(&brings("call_stranger"))).await.unwrap();
    let second = bench.pool.call(call(&brings("call_stranger"))).await.unwrap();
    assert_ne!(first.alias, second.alias);
}

#[tokio::test]
async fn a_caller_may_leave_the_model_of_a_loop() {
    let bench = taking_turns(&["a", "b", "c"]).await;
    let (alias, id) = called(&bench, false).await;
    let mut leaving = call(&brings(&id));
    leaving.options.leaves_tool_loop = true;
    let answer = bench.pool.call(leaving).await.unwrap();
    assert_ne!(*answer.alias, *alias);
    // Narrowing the candidates leaves it, too: nobody else may be asked.
    let mut narrowed = call(&brings(&id));
    let others = ["a", "b", "c"].map(str::to_owned);
    narrowed.options.models = Some(others.into_iter().filter(|other| *other != alias).collect());
    let answer = bench.pool.call(narrowed).await.unwrap();
    assert_ne!(*answer.alias, *alias);
}

#[tokio::test]
async fn a_call_may_infer_from_words_where_its_pool_does_not() {
    let sees = common::able();
    let blind = modelpool_core::Capabilities::new().lacks(modelpool_core::Flag::Vision);
    let models = vec![("blind", blind), ("sees", sees)];
    let bench = Bench::of(models, ModelPool::builder(), |config| config).await;
    let ask = json!({"model": "auto", "messages": [{"role": "user", "content": "请分析这张图片"}]});
    let mut asked = call(&ask);
    assert_eq!(&*bench.pool.call(asked.clone()).await.unwrap().alias, "blind");
    asked.options.infer_words = true;
    assert_eq!(&*bench.pool.call(asked.clone()).await.unwrap().alias, "sees");
    asked.model = "blind".to_owned();
    assert_eq!(&*bench.pool.call(asked).await.unwrap().alias, "blind");
}
