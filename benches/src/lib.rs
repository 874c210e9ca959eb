//! Benches of modelpool: what one request through the gateway costs, against a bare proxy that does the least
//! a proxy can.
//!
//! The figure that matters to somebody who puts a gateway in front of their models is not how many requests
//! it serves on a bench, but what it adds: processor time per request, time before the first byte, and
//! memory. All of them depend on the machine, so each is measured beside [`bare_proxy`], on the same machine
//! in the same run, and judged as a ratio.
//!
//! - [`upstream`] answers like a model would, from bytes rendered once, and refuses what a proxy forgot to
//!   change;
//! - [`bare_proxy`] is the baseline: reads the body, splices `model`, sets the key, forwards the answer;
//! - [`load`] sends a fixed count of requests and compares every answer with what the upstream said;
//! - [`measure`] starts all of them as processes, alternates between the two proxies, and reads the kernel's
//!   accounting;
//! - [`soak`] looks for faults instead: loads whose upstreams fail, every answer of which is judged.
//!
//! Nothing here is part of the gateway, and nothing listens on or connects to anything but loopback.

mod accept;
pub mod bare_proxy;
pub mod load;
pub mod measure;
pub mod soak;
pub mod upstream;
