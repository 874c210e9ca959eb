//! What holds of every run, and what the model is told.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use Safety::{Cautious, Exclusive, Safe};
use futures_util::StreamExt as _;
use proptest::prelude::*;

use super::*;
use crate::tool::testing::{Act, Scripted, Watch};

fn call(id: &str, name: &str, arguments: &str) -> ToolCall {
    ToolCall {
        id: id.to_owned(),
        name: name.to_owned(),
        arguments: arguments.to_owned(),
    }
}

/// A set of tools `0`, `1`, … and a call of each.
fn scripted(tools: &[(Safety, Act)]) -> (ToolSet, Vec<ToolCall>, Arc<Watch>) {
    let watch = Arc::new(Watch::default());
    let mut set = ToolSet::new();
    let mut calls = Vec::new();
    for (place, (safety, act)) in tools.iter().enumerate() {
        let name = place.to_string();
        set.add(Scripted::that(&name, *safety, act.clone(), &watch))
            .expect("a tool");
        calls.push(call(&format!("call_{place}"), &name, "{}"));
    }
    (set, calls, watch)
}

fn begin(tools: &ToolSet, calls: Vec<ToolCall>) -> ToolRun {
    run(calls, tools, ToolLimits::default(), CancellationToken::new())
}

/// The texts of the messages that tell the model.
async fn told(tools: &ToolSet, calls: Vec<ToolCall>) -> Vec<String> {
    let mut run = begin(tools, calls);
    while run.next().await.is_some() {}
    run.messages().iter().map(Message::text).collect()
}

async fn one(act: Act) -> String {
    let (tools, calls, _) = scripted(&[(Safe, act)]);
    told(&tools, calls).await.remove(0)
}

fn seconds(seconds: u64) -> Act {
    Act::After(Duration::from_secs(seconds))
}

#[tokio::test(start_paused = true)]
async fn results_come_in_the_models_order_whoever_ends_first() {
    let (tools, calls, _) = scripted(&[
        (Safe, seconds(3)),
        (Safe, Act::Fail("no such file".to_owned())),
        (Safe, seconds(1)),
    ]);
    let mut run = begin(&tools, calls);
    let mut finished = Vec::new();
    while let Some(event) = run.next().await {
        if let ToolEvent::Finished { call_id, result } = event {
            finished.push((call_id, result.elapsed.as_secs()));
        }
    }
    let finished: Vec<(&str, u64)> = finished.iter().map(|(id, took)| (id.as_str(), *took)).collect();
    assert_eq!(finished, [("call_1", 0), ("call_2", 1), ("call_0", 3)]);
    let messages = run.messages();
    let ids: Vec<_> = messages.iter().filter_map(Message::tool_call_id).collect();
    assert_eq!(ids, ["call_0", "call_1", "call_2"]);
    let texts: Vec<String> = messages.iter().map(Message::text).collect();
    assert_eq!(texts, ["slept", "error: no such file", "slept"]);
}

#[tokio::test(start_paused = true)]
async fn safety_decides_what_runs_side_by_side() {
    let began = Instant::now();
    let tools: Vec<_> = [Safe, Safe, Cautious, Cautious, Cautious, Exclusive, Safe]
        .map(|safety| (safety, seconds(1)))
        .to_vec();
    let (tools, calls, watch) = scripted(&tools);
    told(&tools, calls).await;
    // Four and then the third cautious one, the exclusive one, the last.
    assert_eq!(began.elapsed().as_secs(), 4);
    let most = watch.moments().iter().map(Vec::len).max();
    assert_eq!(most, Some(4));
}

#[tokio::test(start_paused = true)]
async fn no_more_than_the_limit_run_side_by_side() {
    let (tools, calls, watch) = scripted(&vec![(Safe, seconds(1)); 5]);
    let limits = ToolLimits {
        side_by_side: 2,
        ..ToolLimits::default()
    };
    let mut run = run(calls, &tools, limits, CancellationToken::new());
    while run.next().await.is_some() {}
    assert_eq!(watch.moments().iter().map(Vec::len).max(), Some(2));
}

#[tokio::test]
async fn an_unknown_tool_is_told_with_the_nearest() {
    let (tools, _, _) = scripted(&[(Safe, Act::Hang)]);
    let tools = tools.with(Scripted::new("read_file")).expect("a tool");
    assert_eq!(
        told(&tools, vec![call("1", "read_fle", "{}")]).await,
        ["error: no tool is called `read_fle`; did you mean `read_file`?; known are 0, read_file"]
    );
}

#[tokio::test]
async fn arguments_that_do_not_fit_never_reach_the_tool() {
    let (tools, _, watch) = scripted(&[(Safe, Act::Answer("ran".to_owned()))]);
    let wrong = told(&tools, vec![call("1", "0", r#"{"n": "x"}"#)]).await;
    assert!(wrong[0].contains("at `/n`"), "{wrong:?}");
    assert!(watch.moments().is_empty());
}

#[tokio::test]
async fn long_arguments_and_too_many_calls_are_refused() {
    let (tools, calls, _) = scripted(&[(Safe, Act::Answer("ran".to_owned()))]);
    let limits = ToolLimits {
        argument_bytes: 5,
        calls: 2,
        ..ToolLimits::default()
    };
    let calls = [
        calls[0].clone(),
        call("1", "0", r#"{"n": 1}"#),
        call("2", "0", "{}"),
    ];
    let mut run = run(calls.to_vec(), &tools, limits, CancellationToken::new());
    while run.next().await.is_some() {}
    let texts: Vec<String> = run.messages().iter().map(Message::text).collect();
    assert_eq!(texts[0], "ran");
    assert!(texts[1].contains("at most 5 are accepted"), "{texts:?}");
    assert!(texts[2].contains("at most 2 are run"), "{texts:?}");
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_hangs_is_stopped() {
    let began = Instant::now();
    let told = one(Act::Hang).await;
    assert!(told.starts_with("error: it did not end within 10 s"), "{told}");
    assert_eq!(began.elapsed(), Duration::from_secs(10));
}

#[tokio::test]
async fn a_panic_is_told_and_the_others_go_on() {
    let (tools, calls, _) = scripted(&[
        (Safe, Act::Panic("out of range")),
        (Safe, Act::PanicAtOnce),
        (Safe, Act::Answer("fine".to_owned())),
    ]);
    assert_eq!(
        told(&tools, calls).await,
        [
            "error: the tool has a mistake and stopped: out of range",
            "error: the tool has a mistake and stopped: at once",
            "fine"
        ]
    );
}

#[tokio::test]
async fn a_long_result_is_cut() {
    let told = one(Act::Answer("x".repeat(40_000))).await;
    assert!(
        told.len() < 33_000 && told.contains("[7232 of 40000 bytes"),
        "{}",
        told.len()
    );
    let (tools, calls, _) = scripted(&[(Safe, Act::Fail("x".repeat(40_000)))]);
    let mut run = begin(&tools, calls);
    while run.next().await.is_some() {}
    let result = run.results()[0].clone().expect("it ended");
    assert!(result.failed && result.truncated);
}

#[tokio::test]
async fn progress_comes_before_the_result_and_is_bounded() {
    let (tools, calls, _) = scripted(&[(Safe, Act::Progress(100))]);
    let events: Vec<ToolEvent> = begin(&tools, calls).collect().await;
    let progress = |event: &&ToolEvent| matches!(event, ToolEvent::Progress { .. });
    assert_eq!(events.iter().filter(progress).count(), 16);
    assert!(matches!(events[0], ToolEvent::Started { .. }));
    assert!(matches!(events.last(), Some(ToolEvent::Finished { .. })));
}

#[tokio::test]
async fn no_calls_are_a_run_that_has_ended() {
    assert!(begin(&ToolSet::new(), Vec::new()).next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn dropping_a_run_ends_its_tools() {
    let (tools, calls, watch) = scripted(&[(Safe, Act::Hang), (Cautious, Act::Hang), (Exclusive, Act::Hang)]);
    let mut run = begin(&tools, calls);
    let _timeout = tokio::time::timeout(Duration::from_secs(1), async {
        while run.next().await.is_some() {}
    })
    .await;
    assert_eq!(watch.running(), 2);
    drop(run);
    assert_eq!((watch.running(), watch.dropped.load(Ordering::Relaxed)), (0, 2));
}

/// The token that a tool sees is cancelled when its call ends, however it ends.
#[tokio::test(start_paused = true)]
async fn what_a_tool_started_elsewhere_hears_of_its_end() {
    use crate::tool::{FunctionTool, ToolContext, ToolOutput};
    #[derive(serde::Deserialize, schemars::JsonSchema)]
    struct Nothing {}
    let (tell, mut token) = tokio::sync::mpsc::channel(1);
    let tool = FunctionTool::new("leave", "", move |_: Nothing, context: ToolContext| {
        let tell = tell.clone();
        async move {
            let _full = tell.try_send(context.cancelled);
            std::future::pending::<()>().await;
            Ok(ToolOutput::default())
        }
    });
    let tools = ToolSet::new().with(tool).expect("a tool");
    told(&tools, vec![call("1", "leave", "{}")]).await;
    assert!(token.try_recv().expect("it ran").is_cancelled());
}

fn any_tools() -> impl Strategy<Value = Vec<(Safety, Act)>> {
    let safety = prop_oneof![Just(Safe), Just(Cautious), Just(Exclusive)];
    let act = prop_oneof![
        Just(Act::Answer("done".to_owned())),
        (0_u64..20).prop_map(seconds),
        Just(Act::Fail("failed".to_owned())),
        Just(Act::PanicAtOnce),
        (0_usize..30).prop_map(Act::Progress),
        Just(Act::Hang),
    ];
    proptest::collection::vec((safety, act), 0..12)
}

fn paused(test: impl Future<Output = Result<(), TestCaseError>>) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.expect("a runtime").block_on(test)
}

/// Every call finishes exactly once, after it started.
fn check_events(events: &[ToolEvent], calls: usize) -> Result<(), TestCaseError> {
    let mut started = Vec::new();
    let mut finished = Vec::new();
    for event in events {
        match event {
            ToolEvent::Started { call } => {
                prop_assert!(!started.contains(&call.id) && !finished.contains(&call.id));
                started.push(call.id.clone());
            }
            ToolEvent::Progress { call_id, .. } => {
                prop_assert!(started.contains(call_id) && !finished.contains(call_id));
            }
            ToolEvent::Finished { call_id, .. } => {
                prop_assert!(!finished.contains(call_id));
                finished.push(call_id.clone());
            }
        }
    }
    prop_assert_eq!(finished.len(), calls);
    Ok(())
}

fn check_moments(watch: &Watch, side_by_side: usize) -> Result<(), TestCaseError> {
    for moment in watch.moments() {
        let count = |wanted| moment.iter().filter(|(_, safety)| *safety == wanted).count();
        prop_assert!(moment.len() <= side_by_side, "{moment:?}");
        prop_assert!(count(Cautious) <= 2, "{moment:?}");
        prop_assert!(count(Exclusive) == 0 || moment.len() == 1, "{moment:?}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn the_rules_hold_in_every_run(tools in any_tools(), side_by_side in 1_usize..5) {
        paused(async {
            let (set, calls, watch) = scripted(&tools);
            let count = calls.len();
            let limits = ToolLimits { side_by_side, ..ToolLimits::default() };
            let mut run = run(calls, &set, limits, CancellationToken::new());
            let mut events = Vec::new();
            while let Some(event) = run.next().await {
                events.push(event);
            }
            check_events(&events, count)?;
            check_moments(&watch, side_by_side)?;
            let started = events.iter().filter(|event| matches!(event, ToolEvent::Started { .. }));
            prop_assert_eq!(started.count(), count);
            prop_assert!(run.results().iter().all(Option::is_some));
            prop_assert_eq!(watch.running(), 0);
            Ok(())
        })?;
    }

    /// Cancelled after any number of events: the stream ends at once, with a result for every call and nothing running.
    #[test]
    fn a_run_can_be_cancelled_at_any_moment(tools in any_tools(), after in 0_usize..40) {
        paused(async {
            let (set, calls, watch) = scripted(&tools);
            let count = calls.len();
            let cancel = CancellationToken::new();
            let mut run = run(calls, &set, ToolLimits::default(), cancel.clone());
            let mut events = Vec::new();
            while events.len() < after {
                match run.next().await {
                    Some(event) => events.push(event),
                    None => break,
                }
            }
            cancel.cancel();
            let cancelled_at = Instant::now();
            while let Some(event) = run.next().await {
                events.push(event);
            }
            prop_assert_eq!(cancelled_at.elapsed(), Duration::ZERO);
            check_events(&events, count)?;
            prop_assert_eq!(watch.running(), 0);
            prop_assert_eq!(run.messages().len(), count);
            Ok(())
        })?;
    }
}
