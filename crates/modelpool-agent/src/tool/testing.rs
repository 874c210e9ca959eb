//! Tools for tests: what they do is written down beforehand, and what happened can be read afterwards.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Safety, Tool, ToolContext, ToolDefinition, ToolError, ToolOutput};
use crate::BoxFuture;

/// What a scripted tool does when it is called.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// Answers at once.
    Answer(String),
    /// Answers after a while.
    After(Duration),
    /// Fails.
    Fail(String),
    /// Panics, and where: in the call itself, or in its future.
    Panic(&'static str),
    PanicAtOnce,
    /// Says that many words of progress, then answers.
    Progress(usize),
    /// Never ends.
    Hang,
}

/// Which calls run, at every moment.
#[derive(Debug, Default)]
pub(super) struct Watch {
    running: Mutex<Vec<(String, Safety)>>,
    /// What ran side by side whenever a call began.
    moments: Mutex<Vec<Vec<(String, Safety)>>>,
    /// How many calls were dropped before they ended.
    pub(super) dropped: AtomicUsize,
}

impl Watch {
    pub(super) fn moments(&self) -> Vec<Vec<(String, Safety)>> {
        self.moments.lock().expect("no panic holds it").clone()
    }

    pub(super) fn running(&self) -> usize {
        self.running.lock().expect("no panic holds it").len()
    }

    fn begin(self: &Arc<Self>, name: String, safety: Safety) -> Presence {
        let mut running = self.running.lock().expect("no panic holds it");
        running.push((name.clone(), safety));
        self.moments
            .lock()
            .expect("no panic holds it")
            .push(running.clone());
        Presence {
            watch: Arc::clone(self),
            name,
            ended: false,
        }
    }
}

struct Presence {
    watch: Arc<Watch>,
    name: String,
    ended: bool,
}

impl Drop for Presence {
    fn drop(&mut self) {
        if !self.ended {
            self.watch.dropped.fetch_add(1, Ordering::Relaxed);
        }
        let mut running = self.watch.running.lock().expect("no panic holds it");
        let place = running.iter().position(|(name, _)| *name == self.name);
        running.remove(place.expect("it runs"));
    }
}

#[derive(Debug)]
pub(super) struct Scripted {
    pub(super) definition: ToolDefinition,
    act: Act,
    watch: Arc<Watch>,
}

impl Scripted {
    pub(super) fn new(name: &str) -> Self {
        Self::that(
            name,
            Safety::Safe,
            Act::Answer(format!("{name} done")),
            &Arc::default(),
        )
    }

    pub(super) fn that(name: &str, safety: Safety, act: Act, watch: &Arc<Watch>) -> Self {
        Self {
            definition: ToolDefinition {
                name: name.to_owned(),
                description: format!("does `{name}`"),
                parameters: json!({"type": "object", "properties": {"n": {"type": "integer"}}}),
                safety,
                timeout: Duration::from_secs(10),
            },
            act,
            watch: Arc::clone(watch),
        }
    }
}

/// A safe tool of that name that answers at once.
pub(super) fn named(name: &str) -> Scripted {
    Scripted::new(name)
}

impl Tool for Scripted {
    fn definition(&self) -> &ToolDefinition {
        &self.definition
    }

    fn call(&self, _arguments: Value, context: ToolContext) -> BoxFuture<'_, Result<ToolOutput, ToolError>> {
        assert!(!matches!(self.act, Act::PanicAtOnce), "at once");
        Box::pin(async move {
            let mut presence = self
                .watch
                .begin(self.definition.name.clone(), self.definition.safety);
            let answer = match &self.act {
                Act::Answer(text) => Ok(ToolOutput::from(text.as_str())),
                Act::After(time) => {
                    tokio::time::sleep(*time).await;
                    Ok(ToolOutput::from("slept"))
                }
                Act::Fail(words) => Err(ToolError::from(words.as_str())),
                Act::Panic(words) => std::panic::panic_any(*words),
                Act::PanicAtOnce => Err(ToolError::from("was to panic before")),
                Act::Progress(count) => {
                    for number in 0..*count {
                        // A full channel lets it go, as it should.
                        let _full = context.progress.try_send(format!("{number}"));
                    }
                    Ok(ToolOutput::from("said"))
                }
                Act::Hang => std::future::pending().await,
            };
            presence.ended = true;
            answer
        })
    }
}

/// What a tool that is called alone has.
pub(super) fn context() -> (ToolContext, mpsc::Receiver<String>) {
    let (progress, said) = mpsc::channel(16);
    let context = ToolContext {
        cancelled: CancellationToken::new(),
        progress,
    };
    (context, said)
}
