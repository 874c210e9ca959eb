//! A model that no pool knows: the old way, in which one provider answers every turn.

use std::fmt;
use std::pin::Pin;

use futures_core::Stream;
use modelpool::{Error, FinishReason, Usage};
use serde_json::{Map, Value};

use crate::{Message, ToolCall};

/// Pieces of one answer. An `Err` is the last item. Dropping it ends the call.
pub type ProviderStream = Pin<Box<dyn Stream<Item = Result<ProviderChunk, Error>> + Send>>;

/// A piece of an answer.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ProviderChunk {
    /// Text of the answer.
    Text(String),
    /// What the model thinks.
    Thinking(String),
    /// A tool it calls, whole. A call without an id is given one.
    ToolCall(ToolCall),
    /// A delta of OpenAI's shape (`{"content": …}`, `{"tool_calls": […]}`), for what the others cannot say.
    Delta(Value),
    /// What was used.
    Usage(Usage),
    /// Why it stops. Without one, it stops because it is done, or for its tool calls.
    Finish(FinishReason),
}

/// Whoever answers, without a pool to choose.
///
/// ```
/// use modelpool_agent::{LlmProvider, Message, ProviderChunk, ProviderStream};
/// use serde_json::{Map, Value};
///
/// #[derive(Debug)]
/// struct Echo;
///
/// impl LlmProvider for Echo {
///     fn name(&self) -> &str {
///         "echo"
///     }
///     fn generate_stream(&self, messages: Vec<Message>, _: Vec<Value>, _: Map<String, Value>) -> ProviderStream {
///         let said = messages.last().map(Message::text).unwrap_or_default();
///         Box::pin(futures_util::stream::iter([Ok(ProviderChunk::Text(said))]))
///     }
/// }
/// ```
pub trait LlmProvider: Send + Sync + fmt::Debug {
    /// Its name, as events carry it for `model_alias`.
    fn name(&self) -> &str;

    /// Answers, piece by piece.
    ///
    /// `messages` and `tools` have OpenAI's shape; `options` are the further members of a body of that shape that the
    /// generator was given (`temperature`, …).
    fn generate_stream(
        &self,
        messages: Vec<Message>,
        tools: Vec<Value>,
        options: Map<String, Value>,
    ) -> ProviderStream;

    /// Tokens that its context window holds, where that is known.
    fn context_window(&self) -> Option<u64> {
        None
    }
}
