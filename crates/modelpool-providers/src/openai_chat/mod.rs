//! OpenAI's chat completions, the wire most models speak.
//!
//! `read` looks at a caller's body once, without building it; the request is the caller's bytes with the model's name
//! spliced in ([`crate::splice`]); `continuation` adds what was
//! delivered of an answer whose stream was lost; `response` and `stream` read what the engine must
//! know of an answer and hand its bytes on, and `edit` changes them where the answer goes on;
//! `error` turns a refusal into a kind of failure. Embeddings, images and the list of models share
//! address and shape.
//!
//! Reference: <https://platform.openai.com/docs/api-reference/chat>.

mod continuation;
mod edit;
mod error;
mod provider;
pub mod read;
mod response;
mod stream;

pub(crate) use edit::EDITS;
pub use provider::OpenAiChat;
pub use stream::text_event;
