//! Google's Gemini: `generateContent` and `streamGenerateContent`, as models speak it (Gemini API and Vertex AI)
//! and as callers do.
//!
//! `wire` and `caller` are the two doors. `write` says a conversation in the wire, with `contents` for its
//! messages, `config` for how the answer is drawn and `tools` for functions; `answer` and `decoder` read what
//! comes back, whole or frame by frame. For callers `conversation` reads a body, with `settings` for all but its
//! messages; `answer` and `encoder` write. Both sides share `parts`, `media`, `schema`, `signature`, `logprobs`,
//! `words` and `names`; `generation` knows what a model's name tells.
//!
//! What makes this wire unlike the others:
//!
//! - The model and whether to stream stand in the address, not in the body.
//! - A tool's result needs the tool's name. Ids of calls are optional, and made up where they are missing.
//! - Arguments and results of tools are objects, not text.
//! - A signature of the model's thoughts stands on any part, mostly on the first call of an answer, and newer
//!   models refuse a call that comes back without one.
//! - An answer that calls tools stops with `STOP`; a blocked prompt has no candidates at all.
//!
//! What is not carried: tools that Google runs (search, code execution, URL context), cached content, video,
//! answers that are not text, and arguments of calls that come in fragments.
//!
//! Reference: <https://ai.google.dev/api/generate-content>; thoughts:
//! <https://ai.google.dev/gemini-api/docs/thought-signatures>; Vertex:
//! <https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference>.

mod answer;
mod caller;
mod config;
mod contents;
mod conversation;
mod decoder;
mod embed;
mod encoder;
mod generation;
mod logprobs;
mod media;
mod names;
mod parts;
mod schema;
mod settings;
mod signature;
mod told;
mod tools;
mod wire;
mod words;
mod write;

#[cfg(test)]
mod tests;

pub(crate) use caller::GeminiCaller;
pub(crate) use embed::{Batch, read as read_embeddings, write_answer as write_embeddings};
pub(crate) use told::ToldChunks;
pub(crate) use wire::GeminiWire;
