//! The promises of the gateway on every pair: each dialect that callers speak, against each wire that models speak.
//!
//! A promise is one function that runs over all pairs and says which of them breaks it. What callers read is judged by
//! the rules of their dialect (`dialect`), what upstreams say comes from the testkit's small upstreams.

#![allow(clippy::unwrap_used)] // a test fails by panicking

#[path = "../common/mod.rs"]
mod common;

mod answers;
mod ask;
mod beta;
mod bills;
mod cuts;
mod dialect;
mod failover;
mod features;
mod golden;
mod house;
mod leaving;
mod limits;
mod losses;
mod order;
mod reading;
mod refusals;
mod streams;
mod table;
mod thoughts;
mod tools;
mod waiting;
