//! The requests: chat bodies in the form and key order of the official Python SDK, which puts `model` behind
//! `messages`.

use bytes::Bytes;
use serde_json::json;

/// A paragraph of a conversation, with the quotes and line breaks that have to be escaped in JSON.
const PARAGRAPH: &str = "Our service opens a new database connection for every request. Under load it answers \
    \"too many clients already\".\nThe code is:\n\tlet connection = connect(&address).await?;\nWe would rather not change \
    the schema, nor the number of replicas. What would you look at first?\n";

/// The least size of a large body, in bytes.
const LARGE_BYTES: usize = 200_000;

/// The kinds of request that are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// A chat of about 1 KB, answered at once with about 1 KB.
    Plain,
    /// The same chat, answered as a stream. Usage is not asked for, as most callers do not.
    Stream,
    /// A chat of 200 KB, answered at once with about 1 KB.
    Large,
    /// The chat of 1 KB as Anthropic's Messages, answered at once: what speaks another wire has to be translated.
    Messages,
    /// The same, answered as a stream.
    MessagesStream,
}

impl Kind {
    /// The body of the request, naming `model`.
    #[must_use]
    pub fn request_body(self, model: &str) -> Bytes {
        let paragraphs = match self {
            Self::Large => LARGE_BYTES / PARAGRAPH.len(),
            _ => 1,
        };
        let system = "You are a careful engineer. Answer in one paragraph, without headings.";
        let mut messages = vec![
            json!({"role": "user", "content": PARAGRAPH}),
            json!({"role": "assistant", "content": "Before anything else: how many connections are open at that moment, how many of them are idle, and does the number fall again when the load ends?"}),
            json!({"role": "user", "content": PARAGRAPH.repeat(paragraphs)}),
        ];
        let mut body = json!({});
        match self {
            Self::Messages | Self::MessagesStream => body["system"] = system.into(),
            _ => messages.insert(0, json!({"role": "system", "content": system})),
        }
        body["messages"] = messages.into();
        body["model"] = model.into();
        body["max_tokens"] = 300.into();
        body["stream"] = matches!(self, Self::Stream | Self::MessagesStream).into();
        body["temperature"] = 0.7.into();
        Bytes::from(body.to_string())
    }

    /// Where it is sent.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::Messages | Self::MessagesStream => "/v1/messages",
            Self::Plain | Self::Stream | Self::Large => "/v1/chat/completions",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_that_are_promised() {
        for kind in [Kind::Plain, Kind::Stream, Kind::Messages, Kind::MessagesStream] {
            let size = kind.request_body("fast").len();
            assert!((900..=1100).contains(&size), "{kind:?} has {size} bytes");
        }
        let size = Kind::Large.request_body("fast").len();
        assert!((200_000..=210_000).contains(&size), "large has {size} bytes");
    }
}
