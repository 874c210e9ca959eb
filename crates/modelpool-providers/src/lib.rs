//! Wire protocols, vendors, the provider factory and the HTTP transport of modelpool.
//!
//! A provider is named after the **wire protocol** it speaks; a vendor is a row of data
//! ([`vendors`]) that says which wire, which address, which key variable and which small quirks.
//! The [`ProviderRegistry`] makes a provider for an entry of the pool, from a vendor's name, a
//! wire's name, or a name the user registered.
//!
//! Building a request and reading a response are pure; the network is a
//! [`Transport`](modelpool_core::Transport) that is passed in.

mod anthropic;
mod bedrock;
mod callers_names;
pub mod catalog;
mod cohere;
mod continued;
mod counts;
mod dialect;
mod embeddings;
mod exchange;
pub mod failure;
mod framing;
mod gemini;
pub mod http_transport;
mod json;
mod likeness;
mod listing;
mod model_list;
mod multipart;
#[cfg(test)]
mod mutations;
mod neutral;
mod ollama;
pub mod openai_chat;
mod openai_responses;
mod passing;
mod patience;
mod provider;
mod registry;
mod sequel;
mod splice;
mod sse;
mod translate;
mod vendor;
mod wire;

pub use dialect::{AddressedCall, kept_answer, read_chat, speaks_of_images};
pub use embeddings::read_embeddings;
pub use http_transport::HttpTransport;
pub use multipart::read_form;
pub use registry::{Constructor, Environment, FurtherProviders, ProviderContext, ProviderRegistry};
pub use sequel::{Sequel, Sequels, sequel};
pub use vendor::{PrefillForm, StreamUsage, Vendor, WireProtocol, find_vendor, vendors};
