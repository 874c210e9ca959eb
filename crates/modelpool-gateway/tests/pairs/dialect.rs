//! The dialects of callers, and how each of them asks.

use serde_json::{Value, json};

/// A dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Chat,
    Responses,
    Anthropic,
    Gemini,
}

impl Dialect {
    pub(crate) const ALL: [Dialect; 4] = [
        Dialect::Chat,
        Dialect::Responses,
        Dialect::Anthropic,
        Dialect::Gemini,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Dialect::Chat => "OpenAI's chat completions",
            Dialect::Responses => "OpenAI's responses",
            Dialect::Anthropic => "Anthropic's messages",
            Dialect::Gemini => "Gemini's generateContent",
        }
    }

    /// The wire that is the same.
    pub(crate) fn own_provider(self) -> &'static str {
        match self {
            Dialect::Chat => "openai_chat",
            Dialect::Responses => "openai_responses",
            Dialect::Anthropic => "anthropic",
            Dialect::Gemini => "gemini",
        }
    }

    pub(crate) fn path(self, model: &str, stream: bool) -> String {
        match self {
            Dialect::Chat => "/v1/chat/completions".to_owned(),
            Dialect::Responses => "/v1/responses".to_owned(),
            Dialect::Anthropic => "/v1/messages".to_owned(),
            Dialect::Gemini if stream => format!("/v1beta/models/{model}:streamGenerateContent?alt=sse"),
            Dialect::Gemini => format!("/v1beta/models/{model}:generateContent"),
        }
    }

    /// A body, with the model it is for.
    pub(crate) fn addressed(self, body: &Value, model: &str, stream: bool) -> Value {
        let mut body = body.clone();
        if self == Dialect::Gemini {
            return body;
        }
        body["model"] = model.into();
        if stream {
            body["stream"] = true.into();
        }
        if stream && self == Dialect::Chat {
            body["stream_options"] = json!({"include_usage": true});
        }
        body
    }

    /// A question, and nothing else.
    pub(crate) fn question(self) -> Value {
        self.conversation(&[("user", "Which animal jumps?")])
    }

    /// A conversation of texts by `user` and `assistant`.
    pub(crate) fn conversation(self, turns: &[(&str, &str)]) -> Value {
        let plain = |(role, text): &(&str, &str)| json!({"role": role, "content": text});
        let turns_as = |turn: fn(&(&str, &str)) -> Value| turns.iter().map(turn).collect::<Value>();
        match self {
            Dialect::Chat => json!({"messages": turns_as(plain)}),
            Dialect::Responses => json!({"input": turns_as(plain)}),
            Dialect::Anthropic => json!({"max_tokens": 500, "messages": turns_as(plain)}),
            Dialect::Gemini => json!({"contents": turns_as(|(role, text)| {
                let role = if *role == "assistant" { "model" } else { "user" };
                json!({"role": role, "parts": [{"text": text}]})
            })}),
        }
    }
}
