//! Drives other people's MCP servers, over standard input and output and over streamable HTTP.
//!
//! `cargo xtask test mcp` installs the servers and runs this; where they are stands in the environment:
//! `MCP_NODE_MODULES` (a folder with the reference servers for Node), `MCP_EVERYTHING_URL` (one of them, serving HTTP) and
//! `MCP_PYTHON` (an interpreter that has `mcp-server-time`).

#![allow(clippy::print_stdout, reason = "it is a program that reports what it checked")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use modelpool::{Capabilities, Flag, ModelConfig, ModelPool};
use modelpool_agent::context::SessionContext;
use modelpool_agent::tool::mcp::{McpServer, McpSettings};
use modelpool_agent::tool::{Safety, ToolEvent, ToolLimits, ToolSet, run};
use modelpool_agent::{AgentController, AgentEvent, StreamingGenerator, ToolCall};
use modelpool_testkit::Simulator;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

type Checked = Result<(), Box<dyn std::error::Error>>;

/// Marks what was started here, so that what is left of it can be found.
const MARK: (&str, &str) = ("MODELPOOL_MCP_CHECK", "1");
/// Longer than any of this takes.
const LIMIT: Duration = Duration::from_secs(60);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Checked {
    tokio::time::timeout(LIMIT, check())
        .await
        .map_err(|_| "it took too long")?
}

async fn check() -> Checked {
    let modules = variable("MCP_NODE_MODULES")?;
    let at = |package: &str| format!("{modules}/@modelcontextprotocol/{package}/dist/index.js");
    let stdio = McpSettings::stdio(
        "all",
        "node",
        [at("server-everything"), "stdio".to_owned()],
        [MARK],
    );
    everything("standard input and output", stdio).await?;
    let http = McpSettings::http("all", variable("MCP_EVERYTHING_URL")?, [("x-key", "t0ken-value")]);
    everything("streamable HTTP", http).await?;
    files(&at("server-filesystem")).await?;
    time(&variable("MCP_PYTHON")?).await
}

/// The reference server that does a little of everything.
async fn everything(way: &str, settings: McpSettings) -> Checked {
    let server = settings.connect().await?;
    let (tools, server) = with_source(server);
    let (turn, problems) = tools.current().await;
    holds(problems.is_empty(), &format!("no problems: {problems:?}"))?;
    println!("{way}: {} tools: {}", turn.len(), turn.names().join(", "));

    says(&turn, "all__echo", json!({"message": "文件"}), "Echo: 文件").await?;
    says(&turn, "all__get-sum", json!({"a": 2, "b": 3}), "5").await?;
    says(&turn, "all__get-sum", json!({"a": "two", "b": 3}), "at `/a`").await?;
    says(
        &turn,
        "all__get-tiny-image",
        json!({}),
        "[an image, image/png, about ",
    )
    .await?;
    says(
        &turn,
        "all__get-resource-links",
        json!({"count": 2}),
        "[a link to ",
    )
    .await?;
    says(
        &turn,
        "all__get-structured-content",
        json!({"location": "New York"}),
        "temperature",
    )
    .await?;
    println!("{way}: calls answer, wrong arguments are told");

    let steps = json!({"duration": 0.4, "steps": 2});
    let events = events_of(&turn, "all__trigger-long-running-operation", &steps).await;
    let progress = events
        .iter()
        .filter(|event| matches!(event, ToolEvent::Progress { .. }));
    holds(progress.count() >= 1, &format!("progress comes: {events:?}"))?;
    println!("{way}: progress comes");

    let cancel = CancellationToken::new();
    let long = call(
        "all__trigger-long-running-operation",
        &json!({"duration": 50, "steps": 500}),
    );
    let mut cancelled = run(vec![long], &turn, ToolLimits::default(), cancel.clone());
    while let Some(event) = cancelled.next().await {
        if matches!(event, ToolEvent::Progress { .. }) {
            cancel.cancel();
        }
    }
    let told = cancelled.messages()[0].text();
    holds(told.starts_with("error: it was cancelled"), &told)?;
    says(&turn, "all__echo", json!({"message": "again"}), "Echo: again").await?;
    println!("{way}: a call is cancelled, the server goes on");
    drop(cancelled);

    agent_turn(tools.clone()).await?;
    println!("{way}: an agent's model calls a tool, and reads what it gave");
    finish(way, tools, server).await
}

/// An agent with the server's tools: a model, a simulated one, calls one of them and answers from its result.
async fn agent_turn(tools: ToolSet) -> Checked {
    let upstream = Simulator::builder().start().await?;
    let able = Capabilities::new().supports(Flag::Tools).context_window(32_000);
    let model = ModelConfig::new("handy", "custom", "small");
    let pool = ModelPool::new();
    pool.add(model.base_url(upstream.base_url()).capabilities(able))?;
    let agent = AgentController::new(StreamingGenerator::of_pool(pool)).tools(tools);
    let mut results = Vec::new();
    let mut answer = String::new();
    let mut events = agent.stream_run("Please use the tool all__echo", SessionContext::default(), None);
    while let Some(event) = events.next().await {
        match event {
            AgentEvent::ToolResult { content, metadata } => results.push((metadata.name, content)),
            AgentEvent::TurnComplete { content, .. } => answer = content,
            _ => {}
        }
    }
    let [(name, result)] = results.as_slice() else {
        return Err(format!("one call: {results:?}").into());
    };
    holds(
        name == "all__echo" && result.starts_with("Echo: "),
        &format!("`{name}` gave {result}"),
    )?;
    holds(
        answer.contains("Echo: "),
        &format!("the answer is from the result: {answer}"),
    )
}

async fn files(program: &str) -> Checked {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("a.txt"), "hello\n")?;
    let root = folder.path().canonicalize()?.to_string_lossy().into_owned();
    let arguments = [program.to_owned(), root.clone()];
    let settings = McpSettings::stdio("files", "node", arguments, [MARK]);
    let server = settings.trust_annotations().prefix("").connect().await?;
    let (tools, server) = with_source(server);
    let (turn, problems) = tools.current().await;
    holds(problems.is_empty(), &format!("no problems: {problems:?}"))?;
    let safety = |name| turn.get(name).map(|tool| tool.definition().safety);
    holds(safety("read_text_file") == Some(Safety::Safe), "reading is safe")?;
    holds(
        safety("write_file") == Some(Safety::Exclusive),
        "writing runs alone",
    )?;
    let path = format!("{root}/a.txt");
    says(&turn, "read_text_file", json!({"path": path}), "hello").await?;
    says(&turn, "read_text_file", json!({"path": "/etc/passwd"}), "error: ").await?;
    println!(
        "files: {} tools; their annotations count where they are trusted",
        turn.len()
    );
    finish("files", tools, server).await
}

async fn time(python: &str) -> Checked {
    let arguments = ["-m", "mcp_server_time", "--local-timezone", "UTC"];
    let server = McpSettings::stdio("time", python, arguments, [MARK])
        .connect()
        .await?;
    let (tools, server) = with_source(server);
    let (turn, _) = tools.current().await;
    says(
        &turn,
        "time__get_current_time",
        json!({"timezone": "Asia/Shanghai"}),
        "+08:00",
    )
    .await?;
    println!("time: {} tools, of a server in Python", turn.len());
    finish("time", tools, server).await
}

fn with_source(server: McpServer) -> (ToolSet, Arc<McpServer>) {
    let server = Arc::new(server);
    let mut tools = ToolSet::new();
    tools.add_source(server.clone());
    (tools, server)
}

/// Closes it, and looks whether anything is left.
async fn finish(way: &str, tools: ToolSet, server: Arc<McpServer>) -> Checked {
    drop(tools);
    let server = Arc::into_inner(server).ok_or("somebody still holds the server")?;
    server.close().await;
    let left = left_over();
    holds(left.is_empty(), &format!("nothing is left: {left:?}"))?;
    println!("{way}: closed, no process is left");
    Ok(())
}

/// The processes that carry the mark; none where the system cannot be asked.
fn left_over() -> Vec<String> {
    let wanted = format!("{}={}", MARK.0, MARK.1);
    let marked = |folder: &Path| {
        let environment = std::fs::read(folder.join("environ")).unwrap_or_default();
        environment
            .split(|byte| *byte == 0)
            .any(|variable| variable == wanted.as_bytes())
    };
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let folders = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let left = folders.filter(|folder| marked(folder));
    left.map(|folder| folder.display().to_string()).collect()
}

fn call(name: &str, arguments: &Value) -> ToolCall {
    ToolCall {
        id: "call_1".to_owned(),
        name: name.to_owned(),
        arguments: arguments.to_string(),
    }
}

async fn events_of(tools: &ToolSet, name: &str, arguments: &Value) -> Vec<ToolEvent> {
    let calls = vec![call(name, arguments)];
    run(calls, tools, ToolLimits::default(), CancellationToken::new())
        .collect()
        .await
}

/// What the model is told of a call has these words in it.
async fn says(tools: &ToolSet, name: &str, arguments: Value, words: &str) -> Checked {
    let calls = vec![call(name, &arguments)];
    let mut run = run(calls, tools, ToolLimits::default(), CancellationToken::new());
    while run.next().await.is_some() {}
    let told = run.messages()[0].text();
    holds(told.contains(words), &format!("`{name}` says `{words}`: {told}"))
}

fn holds(condition: bool, what: &str) -> Checked {
    if condition {
        return Ok(());
    }
    Err(format!("it does not hold that {what}").into())
}

fn variable(name: &str) -> Result<String, String> {
    std::env::var(name).map_err(|_| format!("the variable {name} is missing; `cargo xtask test mcp` sets it"))
}
