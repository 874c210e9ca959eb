//! The program as people and scripts meet it: the real binary, its exit codes and what it writes.

#![allow(
    clippy::unwrap_used,
    reason = "a helper that fails here fails the test that called it"
)]

mod agent;
mod chat;
mod check;
mod collector;
mod completions_and_man;
mod demo;
mod detect_and_warmup;
mod import;
mod init;
mod run;
mod select_and_models;
mod serve;
mod stats_and_trace;
mod telemetry;
mod usage;
