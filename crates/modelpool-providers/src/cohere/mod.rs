//! Cohere's wire, in its second version: `/v2/chat`.
//!
//! `write` says a conversation in it, `answer` reads what comes back whole and `decoder` what comes in
//! server-sent events; `embed` does both for vectors.
//!
//! What differs from its neighbours: an assistant's turn that calls tools may hold no text, but a `tool_plan`, so
//! text beside calls goes there, and a plan that comes back is reasoning; the choice of tools is `REQUIRED`,
//! `NONE` or nothing; in the events of a stream `content` and `tool_calls` are single objects, though whole
//! answers have lists; and an answer counts tokens twice, as used and as billed (see `answer`).
//!
//! Not carried, and refused: sounds, documents, files by id, media within instructions or results of tools,
//! several answers, one tool out of several, one tool at a time, alternatives of log-probabilities, a form of the
//! answer together with tools, more than five stop sequences. Reasoning of earlier turns is left out where no tool
//! was called: Cohere takes it back only from models that reason, while they do, and no turn depends on it.
//!
//! Reference: <https://docs.cohere.com/reference/chat>, <https://docs.cohere.com/v2/docs/streaming>.

mod answer;
mod decoder;
mod embed;
mod wire;
mod write;

#[cfg(test)]
mod answer_tests;
#[cfg(test)]
mod decoder_tests;
#[cfg(test)]
mod write_tests;

pub(crate) use wire::CohereWire;
