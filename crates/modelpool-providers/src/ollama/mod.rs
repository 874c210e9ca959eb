//! Ollama's own wire: `/api/chat`, answered in lines of JSON.
//!
//! `write` says a conversation in it, `answer` and `decoder` read what comes back, `embed` does both for vectors.
//! Ollama speaks OpenAI's wire too (below `/v1`); its own one says more: how a model thinks, how long it stays
//! loaded, and how many tokens of the conversation it may see at all. That last is why it is worth having. A
//! prompt longer than `num_ctx` loses its beginning, and nothing in the answer tells; so [`OllamaWire`] carries
//! the window of the model, and every request asks for it.
//!
//! What differs from its neighbours: arguments of tools are objects, calls may come without ids, a turn that calls
//! tools ends with the reason `stop`, pictures are bare base64 beside the text, and an error may be a line of the
//! stream. The end is a line with `done: true`; a stream without it is not whole.
//!
//! Not carried, and refused: pictures by address, sounds, documents, media within instructions or results of
//! tools, several answers, a choice of tool other than `auto` and `none`, one tool at a time.
//!
//! Reference: <https://docs.ollama.com/api/chat>; its description in OpenAPI,
//! <https://github.com/ollama/ollama/blob/main/docs/openapi.yaml>, read 2026-11-27.

mod answer;
mod decoder;
mod embed;
mod wire;
mod write;

#[cfg(test)]
mod write_tests;

pub(crate) use wire::OllamaWire;
