//! A provider of the test's own that keeps to a script, for time that is paused.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use modelpool_core::{
    BoxFuture, Error, ErrorKind, FinishReason, Provider, ProviderRequest, Reply, ReplyBody, ReplyHead,
    StreamEvent, WholeReply,
};
use modelpool_providers::ProviderRegistry;
use modelpool_providers::openai_chat::text_event;
use tokio::time::{Sleep, sleep};

/// One step of a stream, after a pause.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    Text(Duration, &'static str),
    Comment(Duration),
    Finish(Duration),
}

/// What a model does: fail after a while, or answer.
#[derive(Clone, Debug)]
pub enum Paced {
    Fails(Duration),
    Streams(Vec<Step>),
}

impl Paced {
    pub fn fails_after(pause: Duration) -> Self {
        Paced::Fails(pause)
    }

    /// Does not answer within any time a test waits.
    pub fn never() -> Self {
        Paced::Fails(Duration::from_secs(1_000_000))
    }

    pub fn says(text: &'static str) -> Self {
        Paced::Streams(vec![
            Step::Text(Duration::ZERO, text),
            Step::Finish(Duration::ZERO),
        ])
    }

    pub fn streams(steps: Vec<Step>) -> Self {
        Paced::Streams(steps)
    }
}

/// A registry with a provider of each name.
pub fn registry(scripts: &[(&str, Paced)]) -> ProviderRegistry {
    let mut registry = ProviderRegistry::new();
    for (name, script) in scripts {
        let script = script.clone();
        registry.register(*name, move |_, _| {
            Ok(Arc::new(script.clone()) as Arc<dyn Provider>)
        });
    }
    registry
}

impl Provider for Paced {
    fn call(&self, request: ProviderRequest) -> BoxFuture<'_, Result<Reply, Error>> {
        Box::pin(async move {
            let steps = match self {
                Paced::Fails(pause) => {
                    sleep(*pause).await;
                    return Err(Error::new(ErrorKind::Server, "as the script says"));
                }
                Paced::Streams(steps) => steps.clone(),
            };
            let body = match request.facts.stream {
                true => ReplyBody::Stream(Box::pin(Steps {
                    left: steps.into_iter(),
                    under_way: None,
                })),
                false => ReplyBody::Whole(WholeReply {
                    bytes: Bytes::from_static(br#"{"choices":[{"message":{"content":"whole"}}]}"#),
                    usage: None,
                    finish: Some(FinishReason::Stop),
                    issued: Vec::new(),
                }),
            };
            Ok(Reply {
                head: ReplyHead::default(),
                body,
            })
        })
    }
}

struct Steps {
    left: std::vec::IntoIter<Step>,
    under_way: Option<(Pin<Box<Sleep>>, Step)>,
}

impl Stream for Steps {
    type Item = Result<StreamEvent, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.under_way.is_none() {
            let Some(step) = self.left.next() else {
                return Poll::Ready(None);
            };
            let (Step::Text(pause, _) | Step::Comment(pause) | Step::Finish(pause)) = step;
            self.under_way = Some((Box::pin(sleep(pause)), step));
        }
        let Some((pause, step)) = &mut self.under_way else {
            return Poll::Pending;
        };
        ready!(pause.as_mut().poll(context));
        let event = match step {
            Step::Text(_, text) => text_event("m", text, None),
            Step::Comment(_) => StreamEvent::opaque(Bytes::from_static(b": still here\n\n")),
            Step::Finish(_) => text_event("m", "", Some("stop")),
        };
        self.under_way = None;
        Poll::Ready(Some(Ok(event)))
    }
}
