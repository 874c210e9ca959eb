//! Anthropic's Messages, as a wire that models speak and as a dialect of callers.
//!
//! `wire` says where requests go and puts the others together; `write`, `messages` and `thinking` make a request's
//! body, and `generation` knows what a Claude of a name takes, since later ones refuse what earlier ones required.
//! `answer` reads and writes whole answers, `decoder` reads streams and `encoder` writes them; `caller` is the
//! dialect, `conversation` and `blocks` read its requests, `edit` changes its events where a lost answer goes on.
//! `usage`, `stop_reason` and `base64` hold what several of them need.
//!
//! What is not carried between this wire and others:
//!
//! - Asked of a model here: several answers (`n`), log-probabilities, sound, JSON without a schema, files of a
//!   vendor's store, stop sequences of white space alone, tool arguments that are no JSON object. All are refused.
//! - Asked by a caller of this dialect: tools that Anthropic runs, their blocks in a conversation, containers, MCP
//!   servers, context management, documents that are to be cited. Other wires cannot say them.
//! - Hints: `cache_control` on the way out of this dialect; penalties, `seed` and image detail on the way in.
//! - Citations of other vendors' answers, whose shape says less than Anthropic's must.
//!
//! Reference: <https://platform.claude.com/docs/en/api/messages> and
//! <https://platform.claude.com/docs/en/build-with-claude/streaming>.

mod answer;
mod base64;
mod blocks;
mod caller;
mod conversation;
mod decoder;
mod encoder;
mod generation;
mod messages;
mod stop_reason;
mod thinking;
mod told;
mod usage;
mod wire;
mod write;

#[cfg(test)]
mod blocks_tests;
#[cfg(test)]
mod continued_tests;
#[cfg(test)]
mod conversation_tests;
#[cfg(test)]
mod decoder_tests;
#[cfg(test)]
mod encoder_tests;
#[cfg(test)]
mod settings_tests;
#[cfg(test)]
mod write_tests;

pub(crate) use caller::AnthropicCaller;
pub(crate) use decoder::deltas;
pub(crate) use told::ToldMessage;
pub(crate) use wire::AnthropicWire;

use serde_json::Value;

/// A member that is a string.
fn text_of<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

/// A member that is a string with something in it.
fn filled<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    text_of(value, key).filter(|text| !text.is_empty())
}

/// The `type` of a block, a delta, an event; empty where there is none.
fn type_of(value: &Value) -> &str {
    text_of(value, "type").unwrap_or_default()
}
