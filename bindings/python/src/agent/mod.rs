//! The agent from Python: the crate `modelpool-agent`, whose phases, tools and provider may be objects of Python.
//!
//! ```text
//! stream_run ─▶ controller ─▶ events ──next(host)──▶ batches of JSON, which Python makes objects of
//!                   │                    │
//!                   ▼                    └─ while they are waited for, the run goes on; at no other time
//!     phases, tools, provider of Python
//!                   │ ask
//!                   ▼
//!             the host of the run: the caller's event loop, and the caller's context variables
//! ```
//!
//! A run is one stream that is polled for its reader, so letting go of it ends it; what of it runs in Python is then
//! cancelled there.

mod aggregating;
mod answer;
mod controller;
mod deciding;
mod events;
mod failures;
mod generating;
mod generator;
mod host;
mod mcp;
mod phases;
mod provider;
mod running;
mod shapes;
mod tools;

pub(crate) use controller::NativeAgent;
pub(crate) use events::NativeEvents;
pub(crate) use generator::NativeGenerator;
pub(crate) use mcp::NativeMcpServer;
pub(crate) use phases::NativeDefaults;
pub(crate) use running::NativeToolRunner;
pub(crate) use tools::NativeTool;
