//! One caller: asks, reads at its own pace, and may leave.

use std::fmt;
use std::time::Duration;

use modelpool_core::Error;
use modelpool_engine::{AnswerBody, Call, ChatRequest, ModelPool};
use modelpool_testkit::network::SimulatedNetwork;
use serde_json::{Map, Value, json};
use tokio::time::{sleep, timeout};

use crate::schedule::{Leaves, Request};
use crate::world::Model;

/// What a caller can tell afterwards.
#[derive(Clone, Debug)]
pub struct Report {
    pub number: usize,
    pub request: Request,
    /// The models the request could go to when it began; `None` where it named what was not there.
    pub candidates: Option<Vec<Model>>,
    pub began: Duration,
    pub ended: Duration,
    pub seen: Seen,
    pub end: End,
}

/// What a caller saw.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub alias: Option<String>,
    pub attempts: u32,
    pub text: String,
    /// The event that names the role, which comes before all text.
    pub opening: bool,
    pub finish: bool,
    pub end_mark: bool,
    pub usage_events: usize,
    /// Until when it did not read.
    pub paused_until: Duration,
}

/// How it ended for a caller.
#[derive(Clone, Debug)]
pub enum End {
    /// With an answer that was said to be all of it.
    Complete,
    /// With an error in the middle of a stream.
    Lost(Error),
    /// With an error in place of an answer.
    Failed(Error),
    /// The caller left.
    Left,
}

impl End {
    pub fn error(&self) -> Option<&Error> {
        match self {
            End::Lost(error) | End::Failed(error) => Some(error),
            End::Complete | End::Left => None,
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Complete => f.write_str("complete"),
            End::Lost(error) => write!(f, "lost, {}: {error}", error.code()),
            End::Failed(error) => write!(f, "failed, {}: {error}", error.code()),
            End::Left => f.write_str("left"),
        }
    }
}

/// The prompt of a request; no two are the same.
pub fn prompt(number: usize) -> String {
    format!("question {number}")
}

pub fn call(number: usize, request: &Request) -> Call {
    let text = prompt(number);
    let content = if request.image {
        let image = json!({"type": "image_url", "image_url": {"url": "https://pictures.test/1.png"}});
        json!([{"type": "text", "text": text}, image])
    } else {
        Value::from(text)
    };
    let mut chat = ChatRequest::new()
        .model(request.model)
        .message(json!({"role": "user", "content": content}));
    if request.tools {
        let function = json!({"name": "look", "parameters": {"type": "object", "properties": {}}});
        chat = chat.with("tools", json!([{"type": "function", "function": function}]));
    }
    if request.stream && request.wants_usage {
        chat = chat.with("stream_options", json!({"include_usage": true}));
    }
    if let Some(tokens) = request.max_tokens {
        chat = chat.with("max_tokens", tokens);
    }
    if !request.needs.is_empty() {
        let needs: Map<String, Value> = request.needs.iter().map(|need| need.json()).collect();
        chat = chat.require(needs.into());
    }
    for (option, aliases) in [("models", &request.models), ("fallbacks", &request.fallbacks)] {
        if let Some(aliases) = aliases {
            chat = chat.option(option, json!(aliases));
        }
    }
    if let Some(deadline) = request.deadline {
        chat = chat.option("deadline_ms", deadline.as_millis() as u64);
    }
    let mut call = chat.into_call(request.stream).unwrap();
    call.request_id = prompt(number).into();
    call
}

/// Asks, and reads to the end or until the caller leaves.
pub async fn ask(pool: &ModelPool, network: &SimulatedNetwork, call: Call, request: &Request) -> (Seen, End) {
    let mut seen = Seen::default();
    let reading = read(pool, network, call, request, &mut seen);
    let end = match request.leaves {
        Some(Leaves::After(time)) => timeout(time, reading).await.unwrap_or(End::Left),
        _ => reading.await,
    };
    (seen, end)
}

async fn read(
    pool: &ModelPool,
    network: &SimulatedNetwork,
    call: Call,
    request: &Request,
    seen: &mut Seen,
) -> End {
    let answer = match pool.call(call).await {
        Ok(answer) => answer,
        Err(error) => return End::Failed(error),
    };
    seen.alias = Some(answer.alias.to_string());
    seen.attempts = answer.attempts;
    let mut stream = match answer.body {
        AnswerBody::Whole(whole) => {
            seen.text = whole.text();
            seen.finish = whole.finish.is_some();
            return End::Complete;
        }
        AnswerBody::Stream(stream) => stream,
    };
    let mut events = 0;
    loop {
        if let Some((_, time)) = request.pause.filter(|(after, _)| *after == events) {
            seen.paused_until = network.elapsed() + time;
            sleep(time).await;
        }
        if matches!(request.leaves, Some(Leaves::AfterEvents(most)) if events == most) {
            return End::Left;
        }
        match stream.next().await {
            Some(Ok(event)) => {
                seen.usage_events += usize::from(event.usage_only);
                seen.opening |= seen.text.is_empty() && event.raw.windows(6).any(|word| word == b"\"role\"");
                seen.finish |= event.finish.is_some();
                seen.end_mark |= event.end_mark;
                seen.text.push_str(&event.text());
            }
            Some(Err(error)) => return End::Lost(error),
            None => return End::Complete,
        }
        events += 1;
    }
}
