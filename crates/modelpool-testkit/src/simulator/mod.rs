//! A simulator of upstreams: an HTTP server on loopback that plays an
//! OpenAI-compatible vendor, paces its tokens, fails on demand and remembers
//! what it was asked.
//!
//! The demo, the tests and the benches talk to it, so it has to be as awkward
//! as the real ones and cheap enough to stand beside a gateway under
//! measurement. It never pretends to be a real one: every answer carries the
//! header `x-simulated: true` and the `system_fingerprint` `simulated`, and the
//! default answer says so in words.
//!
//! ```
//! use modelpool_testkit::simulator::{Fault, FaultRule, ModelBehaviour, Simulator};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let simulator = Simulator::builder()
//!     .model("fast", ModelBehaviour::answering("Hello there."))
//!     .fault(FaultRule::new(Fault::status(503)).for_model("fast").times(2))
//!     .start()
//!     .await?;
//! // Point a client at it: http://127.0.0.1:PORT/v1
//! assert!(simulator.base_url().ends_with("/v1"));
//! assert_eq!(simulator.counts().requests, 0);
//! # Ok(())
//! # }
//! ```
//!
//! # How a request goes
//!
//! The whole request is read and the model it names looked up. The endpoint
//! writes the answer it would have, as a head and a *script*: writes and waits,
//! made one at a time. The first fault rule that matches rewrites that script,
//! the framing lays its events into writes, and the body plays it, one write
//! and one flush for each. An exchange travels with the request through all
//! of this; when hyper drops it early, the client has left, and the journal
//! says at which stage and after how many bytes.
//!
//! # What it refuses
//!
//! To listen anywhere but on loopback, to grow (journal, faults and answers are
//! bounded), and to guess: unknown options and faults are errors.

mod api_error;
mod behaviour;
mod body;
mod call;
mod chat;
mod connection;
mod control;
mod embeddings;
mod endpoint;
mod exchange;
mod fault;
mod fault_mix;
mod form;
mod framing;
mod images;
mod journal;
mod listener;
mod models;
mod native;
mod options;
mod passed;
mod reply;
mod sabotage;
mod schema;
mod script;
mod serve;
mod state;
mod tokens;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::timeout;

pub use behaviour::{Framing, ModelBehaviour, Split, ToolCalling};
pub use connection::{ConnectionMode, ConnectionOrder};
pub use endpoint::Endpoint;
pub use fault::{Fault, FaultRule};
pub use fault_mix::FaultMix;
pub use journal::{Counts, Outcome, RequestRecord, Stage};
pub use options::{ApiKey, SimulatorError, SimulatorOptions, key_fingerprint};

use listener::Door;
use state::State;

/// The `created` of every answer: the first second of 2026. A real clock would
/// make answers differ from run to run.
const CREATED: u64 = 1_767_225_600;

/// The `system_fingerprint` of every answer.
const SYSTEM_FINGERPRINT: &str = "simulated";

/// A running simulator. Dropping it closes its port and all of its connections
/// at once.
pub struct Simulator {
    state: Arc<State>,
    address: SocketAddr,
    base_url: String,
    accepting: JoinHandle<std::io::Result<()>>,
}

impl Simulator {
    /// Collects the options of a simulator.
    pub fn builder() -> SimulatorBuilder {
        SimulatorBuilder::default()
    }

    /// Starts a simulator on the current tokio runtime.
    ///
    /// # Errors
    /// [`SimulatorError`] if an option makes no sense or the address cannot be
    /// listened on.
    ///
    /// # Panics
    /// Outside of a tokio runtime with IO and time enabled.
    pub async fn start(options: SimulatorOptions) -> Result<Simulator, SimulatorError> {
        let listen = options.listen;
        let state = Arc::new(State::new(options)?);
        let (door, address) = Door::open(listen).map_err(|source| SimulatorError::Listen {
            address: listen,
            source,
        })?;
        let base_url = format!("http://{address}{}", state.base_path);
        let accepting = tokio::spawn(listener::run(Arc::clone(&state), door, address));
        Ok(Simulator {
            state,
            address,
            base_url,
            accepting,
        })
    }

    /// What a client takes as its base URL: `http://127.0.0.1:PORT/v1`.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Where it listens; the control face is below `http://ADDRESS/simulator`.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Queues a fault.
    ///
    /// # Errors
    /// [`SimulatorError::InvalidOption`] if the rule makes no sense, or if 1024
    /// rules wait already.
    pub fn add_fault(&self, rule: FaultRule) -> Result<(), SimulatorError> {
        self.state.faults().add(vec![rule])
    }

    /// Hits a share of the requests that no queued fault hits, instead of an earlier mix.
    pub fn mix_faults(&self, mix: FaultMix) {
        self.state.faults().mix(mix);
    }

    /// The mix, with how often each of its rules was hit.
    pub fn fault_mix(&self) -> Option<FaultMix> {
        self.state.faults().mixed()
    }

    /// Drops the faults that still wait, and the mix. Requests under way keep theirs.
    pub fn clear_faults(&self) {
        self.state.faults().clear();
    }

    /// The faults that still wait, with what is left of their `skip` and
    /// `times`.
    pub fn faults(&self) -> Vec<FaultRule> {
        self.state.faults().rules()
    }

    /// Accepts, refuses or closes connections from now on.
    pub fn order_connections(&self, order: &ConnectionOrder) {
        self.state.order(order, None);
    }

    /// The records of the last requests, the oldest first.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.state.journal().records().cloned().collect()
    }

    /// The record of the last request.
    pub fn last_request(&self) -> Option<RequestRecord> {
        self.state.journal().records().next_back().cloned()
    }

    /// How many requests there were, and how they ended.
    pub fn counts(&self) -> Counts {
        self.state.journal().counts()
    }

    /// Waits until the counts are as wished, and answers them. Looks again at
    /// every arrival and every end of a request; has no time limit of its own.
    pub async fn wait_until(&self, mut wished: impl FnMut(&Counts) -> bool) -> Counts {
        loop {
            let change = self.state.next_change();
            tokio::pin!(change);
            // From here on a change cannot be missed.
            change.as_mut().enable();
            let counts = self.counts();
            if wished(&counts) {
                return counts;
            }
            change.await;
        }
    }

    /// Forgets faults, records and counts, and accepts connections again.
    pub fn reset(&self) {
        self.state.reset();
    }

    /// Serves until the process ends: for a program that does nothing but
    /// simulate. Comes back only with an error.
    ///
    /// # Errors
    /// [`SimulatorError::Listen`] if the port is lost.
    pub async fn serve_forever(mut self) -> Result<(), SimulatorError> {
        match (&mut self.accepting).await {
            Ok(Err(source)) => Err(SimulatorError::Listen {
                address: self.address,
                source,
            }),
            Ok(Ok(())) | Err(_) => Ok(()),
        }
    }

    /// Accepts nothing more, lets the requests in flight end, and closes what
    /// is left after `within`. Answers whether all ended by themselves.
    pub async fn stop_gracefully(mut self, within: Duration) -> bool {
        self.state.orders.send_modify(|orders| orders.winding_down = true);
        timeout(within, &mut self.accepting).await.is_ok()
    }

    /// Closes everything at once and answers when all is closed.
    pub async fn stop(mut self) {
        self.accepting.abort();
        // The only error is the abort itself.
        let _ = (&mut self.accepting).await;
    }
}

impl fmt::Debug for Simulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulator")
            .field("base_url", &self.base_url)
            .finish_non_exhaustive()
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Collects the options of a [`Simulator`].
#[derive(Debug, Clone, Default)]
pub struct SimulatorBuilder {
    options: SimulatorOptions,
}

impl SimulatorBuilder {
    /// Replaces all options.
    #[must_use]
    pub fn options(mut self, options: SimulatorOptions) -> Self {
        self.options = options;
        self
    }

    /// Adds a model with a behaviour of its own.
    #[must_use]
    pub fn model(mut self, name: impl Into<String>, behaviour: ModelBehaviour) -> Self {
        self.options.models.insert(name.into(), behaviour);
        self
    }

    /// How models that are not listed behave.
    #[must_use]
    pub fn behaviour(mut self, behaviour: ModelBehaviour) -> Self {
        self.options.behaviour = behaviour;
        self
    }

    /// Answers 404 for models that are not listed.
    #[must_use]
    pub fn only_listed_models(mut self) -> Self {
        self.options.only_listed_models = true;
        self
    }

    /// Adds a key that opens the upstream; without one, none is asked for.
    #[must_use]
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.options.api_keys.push(ApiKey::new(key));
        self
    }

    /// Queues a fault from the start.
    #[must_use]
    pub fn fault(mut self, rule: FaultRule) -> Self {
        self.options.faults.push(rule);
        self
    }

    /// Listens on this loopback address instead of any free port.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.options.listen = address;
        self
    }

    /// Starts it; see [`Simulator::start`].
    ///
    /// # Errors
    /// As [`Simulator::start`].
    pub async fn start(self) -> Result<Simulator, SimulatorError> {
        Simulator::start(self.options).await
    }
}
