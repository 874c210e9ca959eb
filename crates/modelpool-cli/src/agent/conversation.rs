//! Turn after turn.

use std::io::IsTerminal as _;

use modelpool::Requirements;
use modelpool_agent::context::SessionContext;
use modelpool_agent::{AgentController, AgentEvent, Message, Stopped};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines, Stdin};
use tokio::time::{Duration, Instant, sleep_until};

use super::show::Show;
use crate::exit::{Exit, Failure};
use crate::output::{HEADING, Output};
use crate::stop::Stop;

/// How long nothing happens before the person is told what is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// A conversation with an agent.
pub(crate) struct Conversation {
    pub(crate) agent: AgentController,
    pub(crate) session: SessionContext,
    pub(crate) requirements: Requirements,
    pub(crate) output: Output,
}

/// How a turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// For the next one.
    With(Exit),
    /// The program is to end, too.
    Leaving,
}

impl Conversation {
    /// Asks for messages on the terminal until there are no more.
    pub(crate) async fn converse(&mut self, stop: &mut Stop) -> Result<Exit, Failure> {
        let mut lines = BufReader::new(tokio::io::stdin()).lines();
        loop {
            let message = tokio::select! {
                message = self.next_message(&mut lines) => message?,
                () = stop.told() => None,
            };
            let Some(message) = message else {
                return Ok(Exit::Success);
            };
            if self.turn(Message::user(message), stop).await? == Ended::Leaving {
                return Ok(Exit::Success);
            }
        }
    }

    /// The next line that says something.
    async fn next_message(&self, lines: &mut Lines<BufReader<Stdin>>) -> Result<Option<String>, Failure> {
        loop {
            if std::io::stderr().is_terminal() {
                eprint_prompt();
            }
            let line = lines.next_line().await;
            let line =
                line.map_err(|error| Failure::failed(format!("cannot read standard input: {error}")))?;
            match line {
                Some(line) if line.trim().is_empty() => {}
                line => return Ok(line),
            }
        }
    }

    /// Runs a turn. Told to stop once, it is cancelled, and what there was of it is kept; told twice, it is left.
    pub(crate) async fn turn(&mut self, message: Message, stop: &mut Stop) -> Result<Ended, Failure> {
        let requirements = Some(self.requirements.clone());
        let mut events = self.agent.stream_run(message, self.session.clone(), requirements);
        let mut show = Show::new(self.output);
        let mut exit = Exit::Failure;
        let mut cancelled = false;
        let mut silent_since = Instant::now();
        let mut told_after = PATIENCE;
        loop {
            let event = tokio::select! {
                event = events.next() => event,
                () = sleep_until(silent_since + told_after) => {
                    show.waiting(silent_since.elapsed())?;
                    told_after += PATIENCE;
                    continue;
                }
                () = stop.told() => {
                    if cancelled {
                        return Ok(Ended::Leaving);
                    }
                    cancelled = true;
                    events.cancel();
                    continue;
                }
            };
            let Some(event) = event else {
                return Ok(Ended::With(exit));
            };
            show.event(&event)?;
            (silent_since, told_after) = (Instant::now(), PATIENCE);
            match &event {
                AgentEvent::Error { metadata, .. } if metadata.code == "no_model_fits" => {
                    exit = Exit::NothingFits;
                }
                AgentEvent::TurnComplete { metadata, .. } => {
                    if metadata.stopped == Stopped::Done {
                        exit = Exit::Success;
                    }
                    metadata.add_to(&mut self.session);
                }
                _ => {}
            }
        }
    }
}

/// Says that it is the person's turn.
fn eprint_prompt() {
    use std::io::Write as _;
    // If nobody reads it, that is no reason to stop.
    let _unread = write!(anstream::stderr(), "{HEADING}>{HEADING:#} ");
}
