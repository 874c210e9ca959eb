//! The simulator as its clients see it, over real connections.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed; the lint knows only functions marked as tests"
)]

mod answers;
mod cancellation;
mod client;
mod connections;
mod control;
mod embeddings;
mod faults;
mod passed;
mod refusals;
mod streams;
mod tools;
