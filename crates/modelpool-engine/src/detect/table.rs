//! The probes, in the order in which they are made: the cheap ones first, and last the one that uses what is left.
//!
//! Input tokens are what a probe sends at most, over all of its calls; its output comes on top, once a call.

use modelpool_core::{BoxFuture, Flag};

use super::asking::Asker;
use super::judge::Judged;
use super::probes::{context, embeddings, prefill, schema, streaming, system, tools, vision};

/// A probe.
pub struct ProbeRow {
    /// Its name.
    pub name: &'static str,
    /// What it asks for, in words.
    pub asks: &'static str,
    /// What it answers.
    pub answers: Answers,
    /// Calls at most.
    pub calls: u32,
    /// Input tokens at most; `None` uses what is left of the budget.
    pub input_tokens: Option<u64>,
    pub(super) ask: for<'a> fn(&'a mut Asker) -> BoxFuture<'a, Judged>,
}

/// What a probe answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answers {
    /// Whether the model has a capability.
    Flag(Flag),
    /// How long its input may be.
    Window,
}

/// All probes.
pub static PROBES: [ProbeRow; 8] = [
    ProbeRow {
        name: "streaming",
        asks: "an answer in pieces, with a proper end",
        answers: Answers::Flag(Flag::Streaming),
        calls: 1,
        input_tokens: Some(40),
        ask: streaming::ask,
    },
    ProbeRow {
        name: "system_message",
        asks: "a word that only the system message asks for",
        answers: Answers::Flag(Flag::SystemMessage),
        calls: 1,
        input_tokens: Some(60),
        ask: system::ask,
    },
    ProbeRow {
        name: "embeddings",
        asks: "the vector of two words",
        answers: Answers::Flag(Flag::Embeddings),
        calls: 1,
        input_tokens: Some(20),
        ask: embeddings::ask,
    },
    ProbeRow {
        name: "prefill",
        asks: "to go on counting from where the answer stands",
        answers: Answers::Flag(Flag::Prefill),
        calls: 1,
        input_tokens: Some(60),
        ask: prefill::ask,
    },
    ProbeRow {
        name: "json_schema",
        asks: "an object that only its schema describes",
        answers: Answers::Flag(Flag::JsonSchema),
        calls: 1,
        input_tokens: Some(150),
        ask: schema::ask,
    },
    ProbeRow {
        name: "tools",
        asks: "to call a tool, and to say what it gave back",
        answers: Answers::Flag(Flag::Tools),
        calls: 3,
        input_tokens: Some(900),
        ask: tools::ask,
    },
    ProbeRow {
        name: "vision",
        asks: "which number stands in a small picture",
        answers: Answers::Flag(Flag::Vision),
        calls: 1,
        input_tokens: Some(1_500),
        ask: vision::ask,
    },
    ProbeRow {
        name: "context",
        asks: "to remember the beginning of a long text, up to the longest that is accepted",
        answers: Answers::Window,
        calls: 13,
        input_tokens: None,
        ask: context::ask,
    },
];
