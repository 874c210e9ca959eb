//! Whole turns of the agent, on models whose answers are written down.

mod stage;
mod turns;
