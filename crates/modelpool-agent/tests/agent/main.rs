//! Whole turns of the agent, on models whose answers are written down.

mod cancelling;
mod conversation;
mod generator;
mod limits;
mod mishaps;
mod phases;
mod stage;
mod switching;
mod turns;
