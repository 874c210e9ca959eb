//! A call that runs: its progress, then its result.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_util::FutureExt as _;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::text::clip;
use super::{CheckedTool, ToolContext, ToolLimits, ToolResult};
use crate::BoxFuture;

/// How many words of progress wait for the reader of a run; more are left out.
const WAITING_PROGRESS: usize = 16;
/// The longest word of progress, in bytes.
const PROGRESS_BYTES: usize = 4 * 1024;
/// How much of a panic's words is told, in bytes.
const PANIC_BYTES: usize = 200;

/// What a call that runs says.
#[derive(Debug)]
pub(super) enum Said {
    /// How far it is.
    Progress(String),
    /// It has ended; nothing follows.
    Ended(ToolResult),
}

/// A call that runs. Dropping it ends the tool.
pub(super) struct RunningCall {
    /// Its place among the calls of the run.
    place: usize,
    work: Option<BoxFuture<'static, ToolResult>>,
    ended: Option<ToolResult>,
    progress: mpsc::Receiver<String>,
}

impl RunningCall {
    /// Nothing happens before it is polled. The token that the tool sees is cancelled when the call ends, however it
    /// ends, so that what the tool started elsewhere can end with it.
    pub(super) fn new(
        place: usize,
        tool: CheckedTool,
        arguments: Value,
        cancel: &CancellationToken,
        limits: &ToolLimits,
    ) -> Self {
        let (sender, progress) = mpsc::channel(WAITING_PROGRESS);
        let cancelled = cancel.child_token();
        let ends_with_the_call = cancelled.clone().drop_guard();
        let context = ToolContext {
            cancelled,
            progress: sender,
        };
        let bytes = limits.result_bytes;
        let work = async move {
            let result = work(tool, arguments, context, bytes).await;
            drop(ends_with_the_call);
            result
        };
        Self {
            place,
            work: Some(Box::pin(work)),
            ended: None,
            progress,
        }
    }
}

impl Stream for RunningCall {
    type Item = (usize, Said);

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let place = this.place;
        // The work comes first, so that much progress does not keep it from going on.
        if let Some(work) = &mut this.work {
            if let Poll::Ready(result) = work.as_mut().poll(context) {
                this.work = None;
                this.ended = Some(result);
            } else {
                return match this.progress.poll_recv(context) {
                    Poll::Ready(Some(text)) => Poll::Ready(Some((place, Said::progress(&text)))),
                    Poll::Ready(None) | Poll::Pending => Poll::Pending,
                };
            }
        }
        // What was said before the end comes before it; what others might still say is not waited for.
        if this.ended.is_some()
            && let Ok(text) = this.progress.try_recv()
        {
            return Poll::Ready(Some((place, Said::progress(&text))));
        }
        Poll::Ready(this.ended.take().map(|result| (place, Said::Ended(result))))
    }
}

impl Said {
    fn progress(text: &str) -> Self {
        Self::Progress(clip(text, PROGRESS_BYTES))
    }
}

/// Runs the tool, and makes a result of whatever happens.
async fn work(tool: CheckedTool, arguments: Value, context: ToolContext, bytes: usize) -> ToolResult {
    let began = Instant::now();
    let timeout = tool.definition().timeout;
    let call = AssertUnwindSafe(tool.call(arguments, context)).catch_unwind();
    let (text, failed) = match tokio::time::timeout(timeout, call).await {
        Ok(Ok(Ok(output))) => (output.text, false),
        Ok(Ok(Err(mistake))) => (mistake.0, true),
        Ok(Err(panic)) => (panicked(panic.as_ref()), true),
        Err(_) => (
            format!(
                "it did not end within {} s and was stopped; what it did until then may have had effects",
                timeout.as_secs_f64()
            ),
            true,
        ),
    };
    ToolResult::bounded(text, failed, bytes, began.elapsed())
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> String {
    let words = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    match words {
        Some(words) => format!("the tool has a mistake and stopped: {}", clip(words, PANIC_BYTES)),
        None => "the tool has a mistake and stopped".to_owned(),
    }
}
