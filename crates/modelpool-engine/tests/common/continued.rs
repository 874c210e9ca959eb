//! Streams that are lost at a certain place.

use modelpool_core::{Flag, StreamEvent};
use modelpool_engine::{ModelPool, ModelPoolBuilder};
use serde_json::json;

use super::simulated::{Stage, ask, good};

/// Models of which all but the first take a prefill, or none does.
pub fn models(aliases: &[&str], prefill: bool, builder: ModelPoolBuilder) -> Stage {
    Stage::of(aliases, builder, |mut config| {
        if prefill && &*config.alias != "a" {
            config.capabilities = config.capabilities.supports(Flag::Prefill);
        }
        config
    })
}

pub fn pair(prefill: bool) -> Stage {
    models(&["a", "b"], prefill, ModelPool::builder())
}

/// Where each event of a whole answer ends, in bytes; and how many come before the first text, and before
/// the finish reason.
pub async fn event_ends() -> (Vec<usize>, usize, usize) {
    let stage = Stage::new(&["a"]);
    stage.next("a", [good()]);
    let usage = json!({"include_usage": true});
    let read = stage.stream(ask().with("stream_options", usage)).await.unwrap();
    let ends = read.events.iter().scan(0, |end, event| {
        *end += event.raw.len();
        Some(*end)
    });
    let ends: Vec<usize> = std::iter::once(0).chain(ends).collect();
    let place = |is: fn(&StreamEvent) -> bool| read.events.iter().position(is).unwrap();
    let (text, finish) = (
        place(|event| event.meaningful),
        place(|event| event.finish.is_some()),
    );
    assert_eq!(stage.calls()[0].bytes_sent, *ends.last().unwrap());
    assert!(finish > text + 6, "an answer of many events");
    (ends, text, finish)
}

/// A stream of the middle of an answer, in bytes.
pub async fn middle() -> usize {
    let (ends, text, finish) = event_ends().await;
    ends[usize::midpoint(text, finish)]
}
