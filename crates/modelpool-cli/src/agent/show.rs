//! What happens in a turn, for a person.
//!
//! The answer goes to standard output; who answers, which tools run and what a turn took to standard error.

use std::time::Duration;

use modelpool_agent::event::{ResultFacts, StreamingFacts, TurnSummary};
use modelpool_agent::{AgentEvent, Stopped};

use crate::exit::Failure;
use crate::output::{BAD, FAINT, Output, WARNING, harmless};

/// Characters of a tool's arguments and result that are shown.
const SHOWN: usize = 100;

/// Shows the events of one turn.
#[derive(Debug)]
pub(crate) struct Show {
    output: Output,
    /// The answer stands at the beginning of a line.
    at_line_start: bool,
    /// What is streamed now was streamed in part before.
    streamed: bool,
    /// What is under way.
    doing: String,
}

impl Show {
    pub(crate) fn new(output: Output) -> Self {
        Self {
            output,
            at_line_start: true,
            streamed: false,
            doing: String::new(),
        }
    }

    /// Shows an event: in words, or with `--json` as a line.
    pub(crate) fn event(&mut self, event: &AgentEvent) -> Result<(), Failure> {
        if self.output.is_json() {
            let mut line = event.to_json().to_string();
            line.push('\n');
            return self.output.raw(line.as_bytes());
        }
        match event {
            AgentEvent::Thinking { content, metadata } if metadata.model_alias.is_none() => {
                self.doing.clone_from(content);
            }
            AgentEvent::ResponseDelta { content, .. } => {
                self.streamed = true;
                self.at_line_start = content.ends_with('\n');
                self.output.answer(content)?;
            }
            AgentEvent::LlmStreaming { metadata, .. } => self.streaming(metadata)?,
            AgentEvent::ToolCall { metadata, .. } => {
                self.doing = format!("{} is running", metadata.name);
                self.faint(&format!("→ {} {}", metadata.name, shortened(&metadata.arguments)))?;
            }
            AgentEvent::ToolProgress { content, metadata } => {
                self.faint(&format!("  {}: {}", metadata.name, shortened(content)))?;
            }
            AgentEvent::ToolResult { content, metadata } => self.result(content, metadata)?,
            AgentEvent::ContextUpdate { content, metadata } if metadata.reason == "trimmed" => {
                self.faint(&format!("  {content}"))?;
            }
            AgentEvent::Error { content, metadata } => {
                self.end_line()?;
                let (style, word) = match metadata.recovered {
                    true => (WARNING, "got over"),
                    false => (BAD, "error"),
                };
                self.output
                    .note(&format!("{style}{word}:{style:#} {}", harmless(content)));
            }
            AgentEvent::TurnComplete { metadata, .. } => self.complete(metadata)?,
            _ => {}
        }
        Ok(())
    }

    /// Says what is waited for, where nothing happened for a while.
    pub(crate) fn waiting(&mut self, time: Duration) -> Result<(), Failure> {
        if self.output.is_json() {
            return Ok(());
        }
        self.faint(&format!("… {} · {} s", self.doing, time.as_secs()))
    }

    /// Who answers, where it is not simply the one before.
    fn streaming(&mut self, facts: &StreamingFacts) -> Result<(), Failure> {
        self.doing = format!("{} is answering", facts.model_alias);
        if facts.continues {
            return Ok(());
        }
        if std::mem::take(&mut self.streamed) {
            self.end_line()?;
        }
        let why = facts
            .moved
            .as_ref()
            .map(|why| format!(" ({why})"))
            .unwrap_or_default();
        if facts.round > 1 && why.is_empty() {
            return Ok(());
        }
        self.faint(&format!("{}{why}", facts.model_alias))
    }

    fn result(&mut self, content: &str, facts: &ResultFacts) -> Result<(), Failure> {
        let first = content.lines().next().unwrap_or_default();
        let more = match content.lines().count() {
            0 | 1 => String::new(),
            lines => format!(" [{lines} lines]"),
        };
        let seconds = facts.elapsed_ms as f64 / 1000.0;
        let mark = if facts.failed { "✗" } else { "✓" };
        self.faint(&format!(
            "{mark} {}: {}{more} · {seconds:.1} s",
            facts.name,
            shortened(first)
        ))
    }

    fn complete(&mut self, summary: &TurnSummary) -> Result<(), Failure> {
        self.end_line()?;
        if summary.stopped == Stopped::Cancelled {
            self.output.note(&format!("{WARNING}cancelled{WARNING:#}"));
        }
        self.output
            .note(&format!("{FAINT}{}{FAINT:#}", harmless(&footer(summary))));
        Ok(())
    }

    fn faint(&mut self, line: &str) -> Result<(), Failure> {
        self.end_line()?;
        self.output.note(&format!("{FAINT}{}{FAINT:#}", harmless(line)));
        Ok(())
    }

    fn end_line(&mut self) -> Result<(), Failure> {
        if !std::mem::replace(&mut self.at_line_start, true) {
            self.output.answer("\n")?;
        }
        Ok(())
    }
}

/// Which models it was, what they used, what it cost, how long it took.
fn footer(summary: &TurnSummary) -> String {
    let mut models: Vec<&str> = Vec::new();
    for round in &summary.rounds {
        if models.last() != Some(&&*round.model_alias) {
            models.push(&round.model_alias);
        }
    }
    let models = if models.is_empty() {
        "no model".to_owned()
    } else {
        models.join(" → ")
    };
    let usage = &summary.usage;
    let about = if usage.estimated { "about " } else { "" };
    let cost = match summary.cost_usd {
        Some(dollars) if summary.cost_is_partial => format!("at least ${dollars:.6}"),
        Some(dollars) => format!("${dollars:.6}"),
        None => "cost unknown".to_owned(),
    };
    let many = |number: usize, thing: &str| match number {
        0 | 1 => String::new(),
        number => format!(" · {number} {thing}"),
    };
    format!(
        "{models} · {about}{} tokens in, {} out · {cost} · {:.1} s{}{}",
        usage.input_tokens,
        usage.output_tokens,
        summary.elapsed_ms as f64 / 1000.0,
        many(summary.rounds.len(), "rounds"),
        match summary.tool_calls {
            0 => String::new(),
            1 => " · 1 tool".to_owned(),
            calls => format!(" · {calls} tools"),
        },
    )
}

fn shortened(text: &str) -> String {
    let line = text.replace(['\n', '\r'], " ");
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
