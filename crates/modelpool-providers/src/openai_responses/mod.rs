//! OpenAI's Responses, as models speak it and as callers do.
//!
//! A conversation is a list of **items**: messages, calls of functions, their outputs, and reasoning. A
//! response is such a list again, so that what came back can be sent on as it is. Neutral messages are
//! whole turns, so the reader of requests gathers the items of one turn in one message, and the writer
//! takes it apart again. A stream opens, grows and closes the same items, each event with its name, its
//! number, and where in the output it belongs, and ends in the whole response; there is no `[DONE]`.
//!
//! What ties an output to its call is the item's `call_id`; the `id` of the item itself is another, and is
//! not carried.
//!
//! Reasoning comes as a summary that may be read and as `encrypted_content` that only OpenAI can read. The
//! latter is asked for wherever a request asks for reasoning, since nobody else keeps the conversation. For
//! callers of this dialect other vendors' signatures travel in the same member, see `reasoning`.
//!
//! What is not carried, and makes a request untranslatable: what OpenAI keeps for the caller
//! (`previous_response_id`, `conversation`, `prompt`, item references), answers that are fetched later
//! (`background`), tools that the vendor runs and the items they leave. To this wire cannot be said: several
//! answers, stop sequences, sounds, pictures in the model's own turns. Log-probabilities of a refusal, and items
//! of an answer that were not asked for, are passed over.
//!
//! Reference: <https://platform.openai.com/docs/api-reference/responses>, and for the stream
//! <https://platform.openai.com/docs/api-reference/responses-streaming>.

#[cfg(test)]
mod adding_up;
mod answer;
mod caller;
mod conversation;
mod decoder;
mod encoder;
mod events;
mod growing;
mod hints;
mod input;
mod items;
mod object;
mod reasoning;
mod told;
mod value;
mod wire;
mod write;

pub(crate) use caller::ResponsesCaller;
pub(crate) use told::ToldResponse;
pub(crate) use wire::ResponsesWire;
