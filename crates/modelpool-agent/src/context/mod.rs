//! What a turn is told besides the user's message.
//!
//! ```text
//! 1 retrieve   SearchEngine        history as it is, passages of documents and notes by BM25, stores
//! 2 process    TrimmingProcessor   ranks, leaves repetitions out, trims to the demand
//!   assemble   PromptManager       instructions, passages, history, the user's message
//! ```
//!
//! The three are traits ([`ContextEngine`], [`ContextProcessor`], [`ContextManager`]); those named above are the
//! defaults.

mod block;
pub mod bm25;
mod cut;
pub mod demand;
mod engine;
mod likeness;
mod manager;
mod measure;
mod passages;
mod processor;
pub mod store;
pub mod tokens;
mod turns;
mod words;

use std::fmt;

use serde_json::{Map, Value};

use crate::{BoxFuture, Message};

pub use engine::{JoinedEngines, SearchEngine, SearchLimits};
pub use manager::PromptManager;
pub use processor::TrimmingProcessor;

/// What an agent knows of the session when a turn begins.
#[derive(Clone, Debug, Default)]
pub struct SessionContext {
    /// The user's name of the session; calls of one session prefer one model.
    pub session_id: Option<String>,
    /// Instructions that every turn begins with.
    pub instructions: Option<String>,
    /// What was said, oldest first.
    pub history: Vec<Message>,
    /// Texts that may be of use.
    pub documents: Vec<Document>,
    /// The user's own facts, for the user's own phases.
    pub metadata: Map<String, Value>,
}

/// A text that may be of use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// Its name: a path, a title, an id.
    pub name: String,
    /// Its text.
    pub text: String,
    /// A note the agent or the user made, not a document.
    pub note: bool,
}

/// Where a piece of context comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The message at that place of the history.
    History(usize),
    /// The document of that name.
    Document(String),
    /// The note of that name.
    Note(String),
    /// The user's own store, in its word.
    Store(String),
}

/// The part of a text that a passage is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// Its bytes.
    pub bytes: std::ops::Range<usize>,
    /// The line it begins in; the first line is 1.
    pub first_line: usize,
    /// The line it ends in.
    pub last_line: usize,
}

impl fmt::Display for Place {
    /// As a reader cites it: `12` or `12-15`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first_line)?;
        if self.last_line != self.first_line {
            write!(f, "-{}", self.last_line)?;
        }
        Ok(())
    }
}

/// A piece of context.
#[derive(Clone, Debug, PartialEq)]
pub struct ContextItem {
    /// Where it comes from.
    pub source: Source,
    /// Which part of its source it is, where it is a part of a text.
    pub place: Option<Place>,
    /// What it says.
    pub message: Message,
    /// How much it has to do with the question; larger is more. Comparable within one retrieval.
    pub score: f64,
    /// Its size in tokens.
    pub tokens: u64,
}

impl ContextItem {
    /// A piece that is the whole of its source.
    #[must_use]
    pub fn new(source: Source, message: Message, score: f64, tokens: u64) -> Self {
        Self {
            source,
            place: None,
            message,
            score,
            tokens,
        }
    }
}

/// A piece that was left out.
#[derive(Clone, Debug, PartialEq)]
pub struct LeftOut {
    /// Where it came from.
    pub source: Source,
    /// Which part of its source it was.
    pub place: Option<Place>,
    /// Its size in tokens; of a piece that was cut, what was cut off.
    pub tokens: u64,
    /// Why.
    pub why: Omission,
}

/// Why a piece was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Omission {
    /// Better pieces took the room.
    Room,
    /// A part of it, for its size; the rest is there.
    Cut,
    /// Another piece says the same.
    Repeated,
    /// A tool's result without its call, or a call without its result: no model takes it.
    Incomplete,
}

/// What was found for a turn.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Retrieved {
    /// The pieces: history in its order, then what was searched for, best first.
    pub items: Vec<ContextItem>,
    /// Tokens of all of them.
    pub tokens: u64,
    /// Characters of all of them.
    pub characters: u64,
    /// What was left out, by phase 2.
    pub left_out: Vec<LeftOut>,
    /// Parts that could not be searched, where the rest goes on without them.
    pub failed: Vec<PhaseError>,
}

/// How many tokens a turn may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenDemand {
    /// The window of the model that is expected to answer.
    pub window: u64,
    /// Kept free for the answer.
    pub output: u64,
    /// Taken by what cannot be left out: instructions, tools, the user's message.
    pub fixed: u64,
}

impl TokenDemand {
    /// What is left for the context.
    #[must_use]
    pub fn for_context(&self) -> u64 {
        self.window.saturating_sub(self.output).saturating_sub(self.fixed)
    }
}

/// What a turn asks of its context.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// What the user says.
    pub message: &'a Message,
    /// What is known of the session.
    pub session: &'a SessionContext,
    /// The vendor's name of the model that is expected to answer, whose tokens count; unknown where none is expected yet.
    pub model_name: Option<&'a str>,
}

impl<'a> Query<'a> {
    /// A question, with no model expected yet.
    #[must_use]
    pub fn new(message: &'a Message, session: &'a SessionContext) -> Self {
        Self {
            message,
            session,
            model_name: None,
        }
    }

    /// The same, to be answered by the model of that vendor's name.
    #[must_use]
    pub fn answered_by(mut self, model_name: &'a str) -> Self {
        self.model_name = Some(model_name);
        self
    }
}

/// The messages a turn begins with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ManagedContext {
    /// Instructions, context, history and the user's message, as they are sent.
    pub messages: Vec<Message>,
    /// Their tokens.
    pub tokens: u64,
    /// Their characters.
    pub characters: u64,
    /// Pieces that were left out for their size.
    pub left_out: usize,
}

/// Phase 1: finds what may be of use.
pub trait ContextEngine: Send + Sync + fmt::Debug {
    /// Finds it and measures it.
    ///
    /// # Errors
    /// A store that cannot be read says why; the turn goes on without its part if the controller is told so.
    fn retrieve<'a>(&'a self, query: Query<'a>) -> BoxFuture<'a, Result<Retrieved, PhaseError>>;
}

/// Phase 2: ranks, deduplicates and trims to the demand.
pub trait ContextProcessor: Send + Sync + fmt::Debug {
    /// Leaves what is worth its tokens, at most [`TokenDemand::for_context`].
    ///
    /// # Errors
    /// It cannot be made to fit.
    fn process<'a>(
        &'a self,
        query: Query<'a>,
        found: Retrieved,
        demand: TokenDemand,
    ) -> BoxFuture<'a, Result<Retrieved, PhaseError>>;
}

/// Ends phase 2: makes messages of what is left.
pub trait ContextManager: Send + Sync + fmt::Debug {
    /// Puts instructions, context, history and the user's message in the order models read them.
    ///
    /// # Errors
    /// The parts do not make a conversation.
    fn assemble<'a>(
        &'a self,
        query: Query<'a>,
        context: Retrieved,
    ) -> BoxFuture<'a, Result<ManagedContext, PhaseError>>;
}

/// A phase that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhaseError {
    /// The phase: `retrieve`, `process`, `assemble`.
    pub phase: &'static str,
    /// Why, in words.
    pub message: String,
}

impl fmt::Display for PhaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "phase `{}`: {}", self.phase, self.message)
    }
}

impl std::error::Error for PhaseError {}

#[cfg(test)]
mod tests;
