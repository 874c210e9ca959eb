//! A server over standard input and output, from its start to what is left of it: nothing.
//!
//! The server is a script that does what a test needs; real servers are driven by the test command.

#![cfg(target_os = "linux")]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use modelpool_agent::ToolCall;
use modelpool_agent::tool::mcp::{McpError, McpServer, McpSettings};
use modelpool_agent::tool::{Safety, ToolEvent, ToolLimits, ToolRun, ToolSet, run};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/mcp/server.sh");
/// Longer than anything takes; a test that waits this long fails.
const LIMIT: Duration = Duration::from_secs(20);

/// The script, as one of its kinds (`well`, `silent`, `fail`), with a folder of its own.
struct Script {
    folder: TempDir,
    kind: &'static str,
}

impl Script {
    fn new(kind: &'static str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { folder, kind }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn settings(&self) -> McpSettings {
        let folder = self.path().to_string_lossy().into_owned();
        let arguments = [SCRIPT.to_owned(), folder, self.kind.to_owned()];
        McpSettings::stdio("test", "sh", arguments, [("TOKEN", "t0ken-value")])
    }

    async fn connect(&self) -> McpServer {
        self.settings().connect().await.expect("it starts")
    }

    /// The processes it ever had, with what they started.
    fn processes(&self) -> Vec<String> {
        let ids = fs::read_to_string(self.path().join("pids")).unwrap_or_default();
        ids.lines().map(str::to_owned).collect()
    }

    fn was_told(&self, words: &str) -> bool {
        let said = fs::read_to_string(self.path().join("said")).unwrap_or_default();
        said.contains(words)
    }

    /// How many of its processes still run.
    fn left(&self) -> usize {
        self.processes().iter().filter(|id| runs(id)).count()
    }

    async fn leaves_nothing(&self) {
        eventually(|| self.left() == 0).await;
        assert!(
            self.processes().len() >= 2,
            "it and what it started had been there"
        );
    }
}

/// Whether a process is there and more than an entry that nobody has read.
fn runs(id: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    state.is_some_and(|state| state != 'Z')
}

/// Looks again and again until it holds.
async fn eventually(mut holds: impl FnMut() -> bool) {
    let looks = async {
        let mut beat = tokio::time::interval(Duration::from_millis(5));
        while !holds() {
            beat.tick().await;
        }
    };
    tokio::time::timeout(LIMIT, looks)
        .await
        .expect("it holds in time");
}

async fn tools_of(server: McpServer) -> (ToolSet, Arc<McpServer>) {
    let server = Arc::new(server);
    let mut tools = ToolSet::new();
    tools.add_source(server.clone());
    (tools, server)
}

fn begin(tools: &ToolSet, name: &str) -> ToolRun {
    let call = ToolCall {
        id: "1".to_owned(),
        name: format!("test__{name}"),
        arguments: String::new(),
    };
    run(vec![call], tools, ToolLimits::default(), CancellationToken::new())
}

/// What the model is told of one call.
async fn told(tools: &ToolSet, name: &str) -> String {
    let mut run = begin(tools, name);
    while run.next().await.is_some() {}
    run.messages()[0].text()
}

#[tokio::test]
async fn its_tools_are_listed_page_by_page() {
    let script = Script::new("well");
    let (tools, _server) = tools_of(script.connect().await).await;
    let (current, problems) = tools.current().await;
    assert_eq!(
        current.names(),
        [
            "test__echo",
            "test__hang",
            "test__fail",
            "test__steps",
            "test__die",
            "test__grow",
            "test__variables"
        ]
    );
    let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert!(
        problems.len() == 1 && problems[0].contains("`test__far`"),
        "{problems:?}"
    );
    let cautious = |name| current.get(name).map(|tool| tool.definition().safety);
    assert_eq!(cautious("test__echo"), Some(Safety::Cautious));
}

#[tokio::test]
async fn safety_is_the_servers_word_only_where_it_is_trusted() {
    let script = Script::new("well");
    let settings = script
        .settings()
        .trust_annotations()
        .safety_of("fail", Safety::Safe);
    let (tools, _server) = tools_of(settings.prefix("").connect().await.expect("it starts")).await;
    let (current, _) = tools.current().await;
    let safety = |name| current.get(name).map(|tool| tool.definition().safety);
    assert_eq!(safety("echo"), Some(Safety::Safe));
    assert_eq!(safety("hang"), Some(Safety::Exclusive));
    assert_eq!(safety("fail"), Some(Safety::Safe));
    assert_eq!(safety("die"), Some(Safety::Cautious));
}

#[tokio::test]
async fn a_safety_level_for_a_tool_it_does_not_have_is_a_mistake() {
    let script = Script::new("well");
    let settings = script.settings().safety_of("steep", Safety::Safe);
    let mistake = settings
        .connect()
        .await
        .map(drop)
        .expect_err("no such tool")
        .to_string();
    assert!(
        mistake.contains("no tool `steep`; known are steps, "),
        "{mistake}"
    );
    script.leaves_nothing().await;
}

#[tokio::test]
async fn calls_answer_fail_and_tell_how_far_they_are() {
    let script = Script::new("well");
    let (tools, _server) = tools_of(script.connect().await).await;
    let (tools, _) = tools.current().await;
    assert_eq!(told(&tools, "echo").await, "it heard you");
    assert_eq!(told(&tools, "fail").await, "error: no such file");
    let events: Vec<ToolEvent> = begin(&tools, "steps").collect().await;
    let progress: Vec<&str> = events
        .iter()
        .filter_map(|event| match event {
            ToolEvent::Progress { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(progress, ["1 of 2", "2 of 2"]);
}

#[tokio::test]
async fn it_gets_what_it_was_given_of_the_environment_and_no_more() {
    let script = Script::new("well");
    let (tools, _server) = tools_of(script.connect().await).await;
    let (tools, _) = tools.current().await;
    let variables = told(&tools, "variables").await;
    let has = |name: &str| variables.split(' ').any(|variable| variable == name);
    assert!(has("TOKEN") && has("PATH"), "{variables}");
    assert!(!has("CARGO_MANIFEST_DIR") && !has("CARGO"), "{variables}");
}

#[tokio::test]
async fn dropping_a_call_tells_the_server_and_it_goes_on() {
    let script = Script::new("well");
    let (tools, _server) = tools_of(script.connect().await).await;
    let (tools, _) = tools.current().await;
    let mut run = begin(&tools, "hang");
    let begun = tokio::time::timeout(LIMIT, async {
        while !script.was_told("\"hang\"") {
            let _more = tokio::time::timeout(Duration::from_millis(5), run.next()).await;
        }
    });
    begun.await.expect("it is called");
    drop(run);
    eventually(|| script.was_told("notifications/cancelled")).await;
    assert_eq!(told(&tools, "echo").await, "it heard you");
}

#[tokio::test]
async fn a_server_that_dies_is_started_again_a_few_times() {
    let script = Script::new("well");
    let (tools, _server) = tools_of(script.settings().restarts(1).connect().await.expect("it starts")).await;
    let (tools, _) = tools.current().await;
    let lost = told(&tools, "die").await;
    assert!(
        lost.contains("was lost") && lost.contains("started again at the next call"),
        "{lost}"
    );
    assert_eq!(told(&tools, "echo").await, "it heard you");
    let lost = told(&tools, "die").await;
    assert!(lost.contains("will not be started again"), "{lost}");
    let ended = told(&tools, "echo").await;
    assert!(ended.contains("was started again 1 times before"), "{ended}");
    script.leaves_nothing().await;
}

#[tokio::test]
async fn changed_tools_are_there_when_the_next_turn_begins() {
    let script = Script::new("well");
    let (tools, _server) = tools_of(script.connect().await).await;
    let (turn, _) = tools.current().await;
    assert_eq!(told(&turn, "grow").await, "it grew");
    assert!(turn.get("test__grown").is_none(), "a turn keeps its tools");
    let (turn, _) = tools.current().await;
    assert!(turn.get("test__grown").is_some());
}

#[tokio::test]
async fn nothing_is_left_of_a_server_that_is_dropped() {
    let script = Script::new("well");
    let server = script.connect().await;
    assert_eq!(script.left(), 2);
    drop(server);
    script.leaves_nothing().await;
}

#[tokio::test]
async fn nothing_is_left_when_it_is_dropped_while_it_works_and_the_call_is_told() {
    let script = Script::new("well");
    let server = script.connect().await;
    let (tools, server) = tools_of(server).await;
    let (turn, _) = tools.current().await;
    let mut run = begin(&turn, "hang");
    assert!(matches!(run.next().await, Some(ToolEvent::Started { .. })));
    drop((tools, server));
    while run.next().await.is_some() {}
    let told = run.messages()[0].text();
    assert!(told.contains("was lost") || told.contains("was closed"), "{told}");
    script.leaves_nothing().await;
}

#[tokio::test]
async fn nothing_is_left_of_a_server_that_is_closed() {
    let script = Script::new("well");
    script.connect().await.close().await;
    script.leaves_nothing().await;
}

#[test]
fn nothing_is_left_when_the_runtime_ends() {
    let script = Script::new("well");
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().build().expect("a runtime")
    };
    let first = runtime();
    let server = first.block_on(script.connect());
    drop(first);
    drop(server);
    runtime().block_on(script.leaves_nothing());
}

#[tokio::test]
async fn nothing_is_left_of_a_server_that_does_not_answer() {
    let script = Script::new("silent");
    let settings = script.settings().start_timeout(Duration::from_millis(300));
    let mistake = settings.connect().await.map(drop);
    assert!(matches!(mistake, Err(McpError::TimedOut { .. })), "{mistake:?}");
    script.leaves_nothing().await;
}

#[tokio::test]
async fn nothing_is_left_when_connecting_is_given_up() {
    let script = Script::new("silent");
    let connecting = script.settings().connect();
    let begun = async {
        tokio::pin!(connecting);
        while !script.was_told("initialize") {
            let _more = tokio::time::timeout(Duration::from_millis(5), &mut connecting).await;
        }
    };
    tokio::time::timeout(LIMIT, begun).await.expect("it starts");
    script.leaves_nothing().await;
}

#[tokio::test]
async fn a_server_that_cannot_start_says_why_without_secrets() {
    let script = Script::new("fail");
    let mistake = script
        .settings()
        .connect()
        .await
        .map(drop)
        .expect_err("it ends")
        .to_string();
    assert!(
        mistake.contains("it printed: cannot start with token [redacted]"),
        "{mistake}"
    );
    script.leaves_nothing().await;
    let nothing: [(&str, &str); 0] = [];
    let settings = McpSettings::stdio("none", "/no/such/program", [""; 0], nothing);
    let mistake = settings
        .connect()
        .await
        .map(drop)
        .expect_err("no program")
        .to_string();
    assert!(
        mistake.starts_with("MCP server `none` could not be started: `/no/such/program`"),
        "{mistake}"
    );
}
