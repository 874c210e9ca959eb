//! A run can be ended at any moment, and leaves nothing behind.

use std::sync::Arc;
use std::time::Duration;

use modelpool::ModelPool;
use modelpool_agent::context::SessionContext;
use modelpool_agent::controller::{ToolEvents, ToolRunner};
use modelpool_agent::tool::{FunctionTool, Safety, ToolOutput, ToolSet};
use modelpool_agent::{AgentController, AgentEvent, Stopped, StreamingGenerator, ToolCall};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::stage::{Does, Models, Ran, agent_of, calls, pool_of, says};

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Nothing {}

/// A tool that takes a while, says how far it is, and counts how often it is under way.
fn slow_tool(under_way: &Arc<()>) -> ToolSet {
    let under_way = Arc::clone(under_way);
    let slow = FunctionTool::new("slow", "Takes a while.", move |_: Nothing, context| {
        let held = Arc::clone(&under_way);
        async move {
            for step in 1..=3 {
                let _full = context.progress.try_send(format!("step {step}"));
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            drop(held);
            Ok(ToolOutput::from("done"))
        }
    });
    ToolSet::new().with(slow.safety(Safety::Safe)).unwrap()
}

fn scripted(models: &Models, under_way: &Arc<()>) -> (ModelPool, AgentController) {
    let twice = vec![("slow".to_owned(), "{}".to_owned()); 2];
    models.next("a", [Does::Calls(twice), says("It is done now.")]);
    let pool = pool_of(models, &["a"]);
    let agent = AgentController::new(StreamingGenerator::of_pool(pool.clone())).tools(slow_tool(under_way));
    (pool, agent)
}

fn is_at_rest(models: &Models, pool: &ModelPool, under_way: &Arc<()>, agents: usize, place: usize) {
    assert_eq!(models.under_way(), 0, "calls after event {place}");
    assert_eq!(
        pool.get("a").unwrap().live().in_flight(),
        0,
        "the pool's books after event {place}"
    );
    assert_eq!(
        Arc::strong_count(under_way),
        1 + agents,
        "tools after event {place}"
    );
}

#[tokio::test(start_paused = true)]
async fn dropped_at_every_event() {
    let mut place = 0;
    loop {
        let (models, under_way) = (Models::default(), Arc::new(()));
        let (pool, agent) = scripted(&models, &under_way);
        let mut events = agent.stream_run("go", SessionContext::default(), None);
        let mut last = None;
        for _ in 0..place {
            last = events.next().await;
        }
        let ended = place > 0 && last.is_none();
        drop(events);
        is_at_rest(&models, &pool, &under_way, 1, place);
        if ended {
            break;
        }
        place += 1;
    }
    assert!(place > 25, "{place} events");
}

#[tokio::test(start_paused = true)]
async fn cancelled_at_every_event() {
    let mut place = 0;
    loop {
        let (models, under_way) = (Models::default(), Arc::new(()));
        let (pool, agent) = scripted(&models, &under_way);
        let mut events = agent.stream_run("go", SessionContext::default(), None);
        let mut seen = Vec::new();
        for _ in 0..place {
            seen.extend(events.next().await);
        }
        let complete = |event: &AgentEvent| event.summary().is_some();
        let ended = seen.iter().any(complete);
        events.cancel();
        let rest = Ran::of(events).await;
        is_at_rest(&models, &pool, &under_way, 1, place);
        if ended {
            assert!(rest.events.is_empty());
            break;
        }
        // One event more is at most under way; then comes the end.
        let summary = rest.summary();
        assert_eq!(summary.stopped, Stopped::Cancelled, "after event {place}");
        assert_eq!(rest.events.len(), 1, "after event {place}: {:?}", rest.events);
        // Every call has its result, so that the conversation can go on.
        let messages = &summary.messages;
        let called: usize = messages.iter().map(|message| message.tool_calls().len()).sum();
        let results = messages
            .iter()
            .filter(|message| message.tool_call_id().is_some())
            .count();
        assert_eq!(called, results, "after event {place}");
        place += 1;
    }
}

#[tokio::test(start_paused = true)]
async fn a_model_that_says_nothing_more_is_left() {
    let begins = Does::HangsAfter("It was a ".to_owned());
    for (does, kept) in [(Does::Hangs, None), (begins, Some("It was a "))] {
        let models = Models::default();
        models.next("a", [does]);
        let mut events = agent_of(&models, &["a"]).stream_run("go", SessionContext::default(), None);
        let cancellation = events.cancellation();
        let reading = async {
            let mut all = Vec::new();
            while let Some(event) = events.next().await {
                all.push(event);
            }
            all
        };
        let later = async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            assert_eq!(models.under_way(), 1);
            cancellation.cancel();
        };
        let (all, ()) = tokio::join!(reading, later);
        let summary = all.last().and_then(AgentEvent::summary).unwrap();
        assert_eq!(summary.stopped, Stopped::Cancelled);
        assert_eq!(models.under_way(), 0);
        // What was read of the answer is not lost.
        let last = summary.messages.last().map(|message| message.text());
        assert_eq!(last.as_deref(), kept);
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_tool_started_elsewhere_hears_of_the_end() {
    let models = Models::default();
    models.next("a", [calls("start", json!({}))]);
    let (told, hears) = tokio::sync::oneshot::channel();
    let told = std::sync::Mutex::new(Some(told));
    let start = FunctionTool::new("start", "Starts something.", move |_: Nothing, context| {
        let told = told.lock().unwrap().take();
        async move {
            let cancelled = context.cancelled.clone();
            tokio::spawn(async move {
                cancelled.cancelled().await;
                let _gone = told.map(|told| told.send(()));
            });
            std::future::pending::<()>().await;
            Ok(ToolOutput::default())
        }
    });
    let tools = ToolSet::new().with(start).unwrap();
    let agent = agent_of(&models, &["a"]).tools(tools);
    let mut events = agent.stream_run("go", SessionContext::default(), None);
    while let Some(event) = events.next().await {
        if event.kind() == "tool_call" {
            break;
        }
    }
    // The tool begins when it is polled.
    let _pending = tokio::time::timeout(Duration::from_secs(1), events.next()).await;
    drop(events);
    tokio::time::timeout(Duration::from_secs(1), hears)
        .await
        .expect("it hears")
        .unwrap();
}

/// Keeps what it was told, and never ends.
#[derive(Debug, Default)]
struct Endless(Arc<std::sync::Mutex<Option<CancellationToken>>>);

impl ToolRunner for Endless {
    fn run(&self, _: Vec<ToolCall>, _: &ToolSet, cancelled: CancellationToken) -> ToolEvents {
        *self.0.lock().unwrap() = Some(cancelled);
        Box::pin(futures_util::stream::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn a_runner_of_ones_own_hears_of_the_end() {
    let models = Models::default();
    models.next("a", [calls("read", json!({"path": "x"}))]);
    let runner = Endless::default();
    let kept = Arc::clone(&runner.0);
    let agent = agent_of(&models, &["a"]).tool_runner(runner);
    let mut events = agent.stream_run("go", SessionContext::default(), None);
    let reading = async { while events.next().await.is_some() {} };
    let _pending = tokio::time::timeout(Duration::from_secs(1), reading).await;
    let token = kept.lock().unwrap().clone().expect("tools ran");
    assert!(!token.is_cancelled());
    drop(events);
    assert!(token.is_cancelled());
}
