//! Amazon Bedrock's Converse and ConverseStream, the one shape Bedrock gives to the models of all its vendors.
//!
//! `wire` says where a request goes and how it shows its key; `sign` signs it where the key is a pair of AWS
//! credentials. `write` makes the body, with `messages` for the conversation, `media` for pictures and documents
//! and `family` for what only some of the models behind Bedrock take. `answer` reads a whole answer, and `decoder`
//! a stream: its frames are binary messages, which `frames` checks and takes apart.
//!
//! What Converse cannot carry, and what becomes of it:
//!
//! - Refused, with the field's name: several answers, log-probabilities, JSON without a schema, media at an
//!   address or in a vendor's store, a turn of at most one tool call, a conversation that begins with the
//!   assistant, a document without a text beside it, tools of the past where none are declared now.
//! - Left out, by name: `seed`, the penalties, `top_k` and reasoning where the model has no place for them, sampling
//!   that Claude refuses while it thinks, the closeness a picture is looked at with, authors' names, a tool's
//!   failure where the model has no word for it, all hints.
//! - Reasoning without a signature of Claude's is not sent back.
//!
//! References:
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html>,
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html>,
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html> (read 2026-11-27).

mod answer;
mod decoder;
mod family;
mod frames;
mod media;
mod messages;
#[cfg(test)]
mod samples;
mod sign;
mod wire;
mod write;

pub(crate) use sign::Credentials;
pub(crate) use wire::BedrockWire;
