//! Behaviour suites for providers and selectors, and a simulator of upstreams
//!
//! [`simulator`] plays an OpenAI-compatible upstream on loopback: the demo,
//! the tests and the benches talk to it instead of to a vendor. [`selector_suite`] holds
//! what every selector has to do, [`provider_suite`] what every provider has to.
//! [`network`] stands in for the transport, so that thousands of faulty upstreams run in paused
//! time. [`wires`] are small upstreams of all other wires.

pub mod network;
pub mod provider_suite;
pub mod selector_suite;
pub mod simulator;
pub mod wires;

pub use simulator::{Simulator, SimulatorOptions};
