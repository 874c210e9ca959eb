//! What an upstream is told to say, and how to misbehave.

use serde_json::{Value, json};

/// What an upstream does with one call.
#[derive(Clone, Debug)]
pub struct Deed {
    /// What it says, or would have said.
    pub said: Said,
    /// How it misbehaves.
    pub fault: Option<Fault>,
}

impl Deed {
    /// It answers.
    #[must_use]
    pub fn says(said: Said) -> Self {
        Self { said, fault: None }
    }

    /// It misbehaves, where it would have said the usual text.
    #[must_use]
    pub fn fails(fault: Fault) -> Self {
        Self {
            said: Said::default(),
            fault: Some(fault),
        }
    }

    /// The same, misbehaving.
    #[must_use]
    pub fn but(self, fault: Fault) -> Self {
        Self {
            fault: Some(fault),
            ..self
        }
    }
}

/// A way to misbehave.
#[derive(Clone, Debug)]
pub enum Fault {
    /// A status, with the vendor's own body.
    Refuse {
        /// Such as 429.
        status: u16,
        /// The header, in seconds.
        retry_after: Option<u64>,
    },
    /// It reads the request, and that is all.
    StallBeforeHead,
    /// A stream in which nothing comes after so many pieces.
    StallAfter {
        /// 0: after what comes before the first.
        pieces: usize,
    },
    /// A stream in which the last frames never come, and its end neither.
    StallBeforeEnd {
        /// How many of them.
        frames: usize,
    },
    /// The body ends early.
    Cut {
        /// After so many bytes.
        bytes: usize,
        /// It ends as if it were whole; else the connection breaks.
        clean: bool,
    },
    /// A frame that cannot be read comes after so many pieces; the rest follows.
    Malformed {
        /// 0: before the first.
        pieces: usize,
    },
}

impl Fault {
    /// A refusal that says nothing of waiting.
    #[must_use]
    pub fn refusal(status: u16) -> Self {
        Fault::Refuse {
            status,
            retry_after: None,
        }
    }
}

/// Why an answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// It is said.
    Stop,
    /// The limit of its length was reached.
    Length,
    /// Tools are to be called.
    ToolCalls,
}

/// A call of a tool.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolCall {
    /// Wires without ids leave it out.
    pub id: String,
    /// The tool's.
    pub name: String,
    /// An object.
    pub arguments: Value,
}

/// Reasoning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thought {
    /// As far as it may be read.
    pub text: String,
    /// What proves to the vendor that it is the model's own; wires without one leave it out.
    pub signature: String,
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// What it thought before.
    pub thought: Option<Thought>,
    /// The text, as it is streamed.
    pub pieces: Vec<String>,
    /// A call of a tool after it.
    pub call: Option<ToolCall>,
    /// Why it ends; `None` leaves out whatever says so.
    pub finish: Option<Finish>,
    /// Tokens of the request, those of the cache among them.
    pub input_tokens: u64,
    /// What of the request has to do with the vendor's cache; wires say as much of it as they have words for.
    pub cache: Cache,
    /// Tokens of the answer.
    pub output_tokens: u64,
    /// What it cost, as xAI tells it, in parts of a ten thousand millionth of a dollar; only the chat wire has it.
    pub cost_in_usd_ticks: Option<u64>,
}

/// Tokens of a request that were read from the vendor's cache or written to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cache {
    /// Read from it.
    pub read: u64,
    /// Written to it.
    pub written: u64,
    /// Those of the written ones that are kept for an hour.
    pub written_for_an_hour: u64,
}

impl Default for Said {
    fn default() -> Self {
        Self::text(["The quick ", "brown fox ", "jumps."])
    }
}

impl Said {
    /// A text.
    #[must_use]
    pub fn text<const N: usize>(pieces: [&str; N]) -> Self {
        Self {
            thought: None,
            pieces: pieces.map(str::to_owned).to_vec(),
            call: None,
            finish: Some(Finish::Stop),
            input_tokens: 11,
            cache: Cache::default(),
            output_tokens: 7,
            cost_in_usd_ticks: None,
        }
    }

    /// A call of `weather` for Oslo.
    #[must_use]
    pub fn weather_call() -> Self {
        let call = ToolCall {
            id: "call_1".to_owned(),
            name: "weather".to_owned(),
            arguments: json!({"city": "Oslo"}),
        };
        Self {
            call: Some(call),
            finish: Some(Finish::ToolCalls),
            ..Self::text([])
        }
    }

    /// The same, after a thought.
    #[must_use]
    pub fn thinking(self, text: &str, signature: &str) -> Self {
        let thought = Thought {
            text: text.to_owned(),
            signature: signature.to_owned(),
        };
        Self {
            thought: Some(thought),
            ..self
        }
    }

    /// The same, ending for another reason.
    #[must_use]
    pub fn ending(self, finish: Option<Finish>) -> Self {
        Self { finish, ..self }
    }

    /// Tokens of the request that have nothing to do with the cache.
    pub(super) fn fresh_tokens(&self) -> u64 {
        self.input_tokens
            .saturating_sub(self.cache.read)
            .saturating_sub(self.cache.written)
    }

    /// All of the text.
    #[must_use]
    pub fn whole_text(&self) -> String {
        self.pieces.concat()
    }

    /// The vendor's word for why it ends.
    pub(super) fn word(&self, stop: &'static str, length: &'static str, calls: &'static str) -> Value {
        match self.finish {
            None => Value::Null,
            Some(Finish::Stop) => stop.into(),
            Some(Finish::Length) => length.into(),
            Some(Finish::ToolCalls) => calls.into(),
        }
    }
}
