//! Reading what a server is asked.

use bytes::Bytes;
use http::header::AUTHORIZATION;
use serde_json::Value;

use super::text::answer_to;

/// Voices of the servers, see [`answer_to`].
pub(super) const VOICES: u8 = 4;

/// What a request asks.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    pub(super) model: String,
    /// The text of the first turn of the user.
    pub(super) prompt: String,
    pub(super) key: Option<String>,
    pub(super) stream: bool,
    pub(super) usage: bool,
    pub(super) max_tokens: Option<u64>,
    pub(super) turn: Turn,
    /// What was delivered before, in the words it is sent with.
    pub(super) delivered: String,
}

/// Which turn of the conversation the server is to write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Turn {
    /// An answer from its beginning.
    #[default]
    Answer,
    /// The rest of an answer: the last message is the assistant's, unfinished.
    Prefill,
    /// The rest of an answer: the user asks to go on after the assistant's unfinished message.
    GoOn,
}

impl Asked {
    pub(super) fn read(request: &http::Request<Bytes>) -> Self {
        let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let none = Vec::new();
        let messages = body["messages"].as_array().unwrap_or(&none);
        let (turn, delivered) = match messages.as_slice() {
            [.., last] if is(last, "assistant") => (Turn::Prefill, text(last)),
            [.., before, last] if is(before, "assistant") && is(last, "user") => (Turn::GoOn, text(before)),
            _ => (Turn::Answer, String::new()),
        };
        let key = request.headers().get(AUTHORIZATION);
        let key = key.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        let limits = ["max_completion_tokens", "max_tokens"];
        Self {
            model: body["model"].as_str().unwrap_or_default().to_owned(),
            prompt: messages
                .iter()
                .find(|message| is(message, "user"))
                .map(text)
                .unwrap_or_default(),
            key: key.map(str::to_owned),
            stream: body["stream"] == true,
            usage: body["stream_options"]["include_usage"] == true,
            max_tokens: limits.into_iter().find_map(|limit| body[limit].as_u64()),
            turn,
            delivered,
        }
    }

    /// The whole answer that what was delivered is the beginning of, in any voice. `None` where
    /// it is the beginning of none: something was lost, doubled or garbled on the way.
    pub(super) fn begun(&self) -> Option<String> {
        let mut answers = (0..VOICES).map(|voice| answer_to(&self.prompt, voice));
        answers.find(|answer| answer.starts_with(&self.delivered))
    }
}

fn is(message: &Value, role: &str) -> bool {
    message["role"] == role
}

/// The text of a message: its content, or that of its first part of text.
fn text(message: &Value) -> String {
    let content = &message["content"];
    let part = || content.as_array()?.iter().find_map(|part| part["text"].as_str());
    content.as_str().or_else(part).unwrap_or_default().to_owned()
}
