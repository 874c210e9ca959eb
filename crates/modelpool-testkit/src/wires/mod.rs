//! Small upstreams, one for each wire: what they say and how they misbehave is told them call by call.
//!
//! [`Simulator`](crate::Simulator) plays one vendor of OpenAI's wire in all its depth. These play all wires, each just
//! deeply enough to be answered by and to be let down by: a text in pieces, a call of a tool, what was used; a refusal
//! in the vendor's own words, silence, a cut at any byte, an event that is none, an end without a reason. What they
//! send is written down here by hand, from the vendors' references, and shares nothing with the code that reads it.
//!
//! ```
//! use modelpool_testkit::wires::{Deed, Fault, Said, Upstream, Wire};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let upstream = Upstream::start(Wire::Anthropic).await.unwrap();
//! upstream.next(Deed::fails(Fault::refusal(529)));
//! upstream.next(Deed::says(Said::text(["Hel", "lo"])));
//! assert!(upstream.base_url().starts_with("http://127.0.0.1:"));
//! # });
//! ```

mod anthropic;
mod bedrock;
mod body;
mod chat;
mod cohere;
mod gemini;
mod ollama;
mod responses;
mod said;
mod server;

pub use said::{Cache, Deed, Fault, Finish, Said, Thought, ToolCall};
use serde_json::Value;
pub use server::{Asked, Upstream};

/// A wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wire {
    /// OpenAI's chat completions.
    OpenAiChat,
    /// OpenAI's responses.
    OpenAiResponses,
    /// Anthropic's messages.
    Anthropic,
    /// Gemini's `generateContent`.
    Gemini,
    /// Amazon Bedrock's Converse.
    Bedrock,
    /// Cohere's v2.
    Cohere,
    /// Ollama's own.
    Ollama,
}

impl Wire {
    /// All of them.
    pub const ALL: [Wire; 7] = [
        Wire::OpenAiChat,
        Wire::OpenAiResponses,
        Wire::Anthropic,
        Wire::Gemini,
        Wire::Bedrock,
        Wire::Cohere,
        Wire::Ollama,
    ];

    /// The provider that speaks it, by its name in a configuration.
    #[must_use]
    pub fn provider(self) -> &'static str {
        match self {
            Wire::OpenAiChat => "openai_chat",
            Wire::OpenAiResponses => "openai_responses",
            Wire::Anthropic => "anthropic",
            Wire::Gemini => "gemini",
            Wire::Bedrock => "bedrock",
            Wire::Cohere => "cohere",
            Wire::Ollama => "ollama",
        }
    }

    /// A model of the vendor's, by its name there.
    #[must_use]
    pub fn model_name(self) -> &'static str {
        match self {
            Wire::OpenAiChat | Wire::OpenAiResponses => "gpt-5-mini",
            Wire::Anthropic => "claude-sonnet-4-5",
            Wire::Gemini => "gemini-2.5-flash",
            Wire::Bedrock => "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            Wire::Cohere => "command-a-03-2025",
            Wire::Ollama => "qwen3",
        }
    }

    fn speech(self) -> &'static dyn Speech {
        match self {
            Wire::OpenAiChat => &chat::Chat,
            Wire::OpenAiResponses => &responses::Responses,
            Wire::Anthropic => &anthropic::Anthropic,
            Wire::Gemini => &gemini::Gemini,
            Wire::Bedrock => &bedrock::Bedrock,
            Wire::Cohere => &cohere::Cohere,
            Wire::Ollama => &ollama::Ollama,
        }
    }

    /// The frames of a streamed answer, for those who count its bytes.
    #[must_use]
    pub fn frames(self, said: &Said) -> Frames {
        self.speech().stream(said)
    }
}

/// A streamed answer. Joined, its frames are the body.
#[derive(Clone, Debug, Default)]
pub struct Frames {
    /// What comes before the first piece, a thought included.
    pub head: Vec<Vec<u8>>,
    /// A frame for each piece of the text, or the frames of a call.
    pub pieces: Vec<Vec<u8>>,
    /// Why it ends, what was used, the wire's mark of the end.
    pub tail: Vec<Vec<u8>>,
}

impl Frames {
    /// All frames, in order.
    #[must_use]
    pub fn all(self) -> Vec<Vec<u8>> {
        [self.head, self.pieces, self.tail].concat()
    }
}

/// How the upstream of a wire speaks.
trait Speech: Sync {
    /// Whether a request asks for a stream.
    fn wants_stream(&self, _path: &str, body: &Value) -> bool {
        body["stream"] == true
    }

    /// Of a stream.
    fn stream_type(&self) -> &'static str {
        "text/event-stream"
    }

    /// A whole answer.
    fn whole(&self, said: &Said) -> Value;

    /// A streamed one.
    fn stream(&self, said: &Said) -> Frames;

    /// The vendor's body of an error.
    fn refusal(&self, status: u16) -> Value;

    /// A frame that cannot be read.
    fn malformed(&self) -> Vec<u8> {
        b"data: {\"choices\": [{\"del\n\n".to_vec()
    }
}

/// A server-sent event without a name.
fn data(value: &Value) -> Vec<u8> {
    format!("data: {value}\n\n").into_bytes()
}

/// A server-sent event that is named by its `type`.
fn event(value: &Value) -> Vec<u8> {
    let name = value["type"].as_str().unwrap_or_default();
    format!("event: {name}\ndata: {value}\n\n").into_bytes()
}
