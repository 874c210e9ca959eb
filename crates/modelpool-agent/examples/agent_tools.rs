//! An agent with a tool: a plain model for plain words, one that calls tools for the rest, and a turn that is left
//! half-way.
//!
//! It asks a simulated upstream (`modelpool simulate-upstream --listen 127.0.0.1:8081`) unless
//! `MODELPOOL_EXAMPLE_URL` says otherwise. Run it with `cargo run -p modelpool-agent --example agent_tools`, with a
//! question after `--` if you like.

#![allow(clippy::print_stdout)] // an example talks

use std::error::Error;
use std::time::Duration;

use modelpool::{Capabilities, Flag, ModelConfig, ModelPool};
use modelpool_agent::context::SessionContext;
use modelpool_agent::tool::{FunctionTool, Safety, ToolOutput, ToolSet};
use modelpool_agent::{AgentController, AgentEvent, Limits, StreamingGenerator};
use schemars::JsonSchema;
use serde::Deserialize;

/// What the tool is asked for.
#[derive(Deserialize, JsonSchema)]
struct Place {
    /// Its name.
    #[serde(default = "bern")]
    city: String,
}

fn bern() -> String {
    "Bern".to_owned()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let question = match words.is_empty() {
        true => "Please use the tool weather.".to_owned(),
        false => words.join(" "),
    };
    let url =
        std::env::var("MODELPOOL_EXAMPLE_URL").unwrap_or_else(|_| "http://127.0.0.1:8081/v1".to_owned());

    let pool = ModelPool::new();
    let costs = |dollars| Capabilities::new().cost_per_1k_tokens(dollars);
    let of = |alias| ModelConfig::new(alias, "openai_compatible", format!("{alias}-1")).base_url(&url);
    pool.add(of("handy").capabilities(costs(0.002).supports(Flag::Tools)))?;
    pool.add(of("plain").capabilities(costs(0.001)))?;

    let weather = FunctionTool::new(
        "weather",
        "The weather of a city.",
        |place: Place, _| async move { Ok(ToolOutput::from(format!("It is 21 degrees in {}.", place.city))) },
    );
    let limits = Limits {
        rounds: 5,
        time: Some(Duration::from_secs(60)),
        ..Limits::default()
    };
    let generator = StreamingGenerator::of_pool(pool);
    let without = AgentController::new(generator.clone());
    let with_tools = AgentController::new(generator)
        .tools(ToolSet::new().with(weather.safety(Safety::Safe))?)
        .limits(limits);

    let mut session = SessionContext::default();
    turn(&with_tools, &question, &mut session).await?;
    turn(&without, "Thank you.", &mut session).await?;

    // Whoever drops the events ends the call of the model at that moment.
    let mut events = without.stream_run("Tell me a long story.", session, None);
    while let Some(event) = events.next().await {
        if event.kind() == "response_delta" {
            println!("left half-way");
            break;
        }
    }
    drop(events);
    Ok(())
}

/// Runs a turn, and keeps what was said for the next one.
async fn turn(
    agent: &AgentController,
    message: &str,
    session: &mut SessionContext,
) -> Result<(), Box<dyn Error>> {
    let mut events = agent.stream_run(message, session.clone(), None);
    while let Some(event) = events.next().await {
        match &event {
            AgentEvent::ToolCall { metadata, .. } => println!("  {} {}", metadata.name, metadata.arguments),
            AgentEvent::ToolResult { content, metadata } => println!("  {}: {content}", metadata.name),
            AgentEvent::Error { content, .. } => println!("  {content}"),
            _ => {}
        }
        if let Some(summary) = event.summary() {
            let model = summary.model_alias.as_deref().unwrap_or("nobody");
            println!("{model}: {} ({} rounds)", event.content(), summary.rounds.len());
            summary.add_to(session);
        }
    }
    Ok(())
}
