//! The module `modelpool._native`: the pool as Python sees it.
//!
//! Everything is done by the crate `modelpool`; here arguments become its types, and what it answers becomes objects
//! of Python. What is better said in Python (exceptions, answers that read as attributes, models of pydantic, the
//! client of `openai`) is in the package beside this, `python/modelpool`, whose words users know. No interpreter lock
//! is held while anything is waited for.
//!
//! | file | subject |
//! |---|---|
//! | `pool` | holding models and picking among them |
//! | `capabilities`, `config`, `settings` | what a model can do; an entry, and what goes with it |
//! | `selectors`, `entries` | selectors written in Python, and the objects they are handed |
//! | `calls`, `stream`, `detect` | calls, streams, warm-up and detection |
//! | `providers`, `bridge` | providers written in Python |
//! | `agent` | the streaming generator and the agent, whose phases and tools may be written in Python |
//! | `gateway` | the gateway without a socket, for clients written for HTTP |
//! | `interpreter` | being in Python on other threads, and its end |
//! | `runtime` | where calls run, and how asyncio waits for them |
//! | `errors`, `json` | failures and plain objects, from one language to the other |
//! | `testing` | a transport for tests and measurements |

mod agent;
mod bridge;
mod calls;
mod capabilities;
mod config;
mod detect;
mod entries;
mod errors;
mod gateway;
mod interpreter;
mod json;
mod pool;
mod providers;
mod runtime;
mod selectors;
mod settings;
mod stream;
mod testing;

/// What the package is made of.
#[pyo3::pymodule]
mod _native {
    #[pymodule_export]
    use crate::agent::{
        NativeAgent, NativeDefaults, NativeEvents, NativeGenerator, NativeMcpServer, NativeTool,
        NativeToolRunner,
    };
    #[pymodule_export]
    use crate::calls::{call, call_blocking};
    #[pymodule_export]
    use crate::capabilities::ModelCapabilities;
    #[pymodule_export]
    use crate::config::ModelConfig;
    #[pymodule_export]
    use crate::detect::{
        detect, detect_blocking, warmup, warmup_blocking, warmup_marked, warmup_marked_blocking,
    };
    #[pymodule_export]
    use crate::gateway::{NativeBody, NativeGateway};
    #[pymodule_export]
    use crate::interpreter::{forked, shut_door};
    #[pymodule_export]
    use crate::pool::{NativePool, pool_of};
    #[pymodule_export]
    use crate::providers::{check_provider, provider_names};
    #[pymodule_export]
    use crate::selectors::shipped_choice;
    #[pymodule_export]
    use crate::stream::{NativeStream, open_stream};

    /// The version of the package.
    #[pymodule_export]
    #[allow(non_upper_case_globals)]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
