//! OpenAI's chat completions, the wire most models speak.
//!
//! `read` looks at a caller's body once, without building it; the request is the caller's bytes with the
//! model's name spliced in (see `splice`); `continuation` adds what was delivered of an answer whose stream
//! was lost; `response` and `stream` read what the engine must know of an answer and hand its bytes on, and
//! `edit` changes them where the answer goes on. Embeddings, images and the list of models share address and
//! shape.
//!
//! Where caller and model speak different wires, this one is one side of the translation by
//! the words of `neutral`. `wire` and `caller` are the two sides. A caller's body becomes a conversation in
//! `conversation` (with `messages`, `parts` and `members`), a conversation becomes a body in `write` and
//! `write_messages`; `answer` reads and writes whole answers, `decoder` and `encoder` streams.
//!
//! Translated to another wire, these are refused and named, not left out: tools that are not functions,
//! `allowed_tools`, formats other than text and JSON, `web_search_options`, audio as output, parts of messages
//! of an unknown type. Translated to this wire, these are: pictures and sounds under a vendor's id, sounds and
//! documents by address, sounds that are neither WAV nor MP3, and anything but text in instructions, in results
//! of tools and in what the assistant said. Not carried, since it has no place here: the text at which an
//! answer stopped, that a tool failed (named as dropped), and citations of a caller's own documents.
//!
//! Reference: <https://platform.openai.com/docs/api-reference/chat>.

mod answer;
pub(crate) mod caller;
mod citations;
mod continuation;
mod conversation;
mod decoder;
mod edit;
pub(crate) mod embed;
mod encoder;
mod members;
mod messages;
mod parts;
mod provider;
pub mod read;
mod response;
mod size;
mod strangers;
mod stream;
mod talk;
pub(crate) mod wire;
mod write;
mod write_messages;

pub(crate) use caller::ChatCaller;
pub(crate) use edit::ChatSequel;
pub use provider::OpenAiChat;
pub(crate) use stream::deltas;
pub use stream::text_event;
pub(crate) use wire::ChatWire;
