//! Whole turns of the agent, on models whose answers are written down.

#![allow(
    clippy::unwrap_used,
    reason = "a helper that fails here fails the test that called it"
)]

mod cancelling;
mod conversation;
mod generator;
mod limits;
mod mishaps;
mod phases;
mod stage;
mod switching;
mod turns;
mod wires;
