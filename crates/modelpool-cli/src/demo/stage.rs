//! Simulated upstreams, and a gateway in front of them. All of it lives in this process and on
//! loopback; nothing is left when it ends.

use std::net::SocketAddr;
use std::sync::Arc;

use modelpool::config::{self, Format};
use modelpool::{Environment, ModelPool, PoolChecks, ProviderRegistry};
use modelpool_gateway::{Gateway, GatewayOptions, Server};
use modelpool_testkit::simulator::{Fault, FaultRule, ModelBehaviour, Simulator};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::configuration::{cannot_build, mistakes};
use crate::exit::Failure;

/// The pool of the demonstration. `ADDRESS-OF-…` stands for where each simulated upstream listens.
pub(crate) const CONFIGURATION: &str = "\
infer_words: true
models:
  - alias: default
    provider: openai_compatible
    model_name: gpt-3.5-turbo
    base_url: ADDRESS-OF-default
    capabilities: {supports_tools: true, max_tokens: 4096, context_window: 4096, cost_per_1k_tokens: 0.002}
  - alias: vision
    provider: openai_compatible
    model_name: gpt-4-vision
    base_url: ADDRESS-OF-vision
    capabilities: {supports_vision: true, max_tokens: 4096, context_window: 8192, cost_per_1k_tokens: 0.04}
  - alias: large-context
    provider: openai_compatible
    model_name: claude-3-opus
    base_url: ADDRESS-OF-large-context
    capabilities: {context_window: 200000, cost_per_1k_tokens: 0.015}
  - alias: sql-expert
    provider: openai_compatible
    model_name: my-sql-model
    base_url: ADDRESS-OF-sql-expert
    capabilities:
      custom: {specialized_for: sql_generation, accuracy: 0.95, supports_dialects: [postgresql, mysql]}
";

/// The upstreams, the pool and the gateway.
pub(crate) struct Stage {
    upstreams: Vec<(&'static str, Simulator)>,
    base_url: String,
    stop: Arc<Notify>,
    serving: JoinHandle<bool>,
}

impl Stage {
    /// Starts everything; the gateway listens at `listen`.
    pub(crate) async fn set(listen: SocketAddr) -> Result<Self, Failure> {
        let mut upstreams = Vec::new();
        let mut configuration = CONFIGURATION.to_owned();
        for (alias, behaviour) in behaviours() {
            let simulator = Simulator::builder().behaviour(behaviour).start().await;
            let simulator = simulator.map_err(|error| Failure::failed(error.to_string()))?;
            configuration = configuration.replace(
                &format!("ADDRESS-OF-{alias}\n"),
                &format!("{}\n", simulator.base_url()),
            );
            upstreams.push((alias, simulator));
        }
        let gateway = Gateway::new(pool(&configuration)?, GatewayOptions::default());
        let server = Server::bind(gateway, listen).await;
        let server = server.map_err(|error| Failure::failed(error.to_string()))?;
        let base_url = format!("http://{}/v1", server.address());
        let stop = Arc::new(Notify::new());
        let told = Arc::clone(&stop);
        let serving = tokio::spawn(async move { server.serve(told.notified()).await });
        Ok(Self {
            upstreams,
            base_url,
            stop,
            serving,
        })
    }

    /// The gateway's address, as a client takes it.
    pub(crate) fn base_url(&self) -> &str {
        &self.base_url
    }

    /// From now on the upstream of this model answers every call with a 503.
    pub(crate) fn break_upstream(&self, alias: &str) -> Result<(), Failure> {
        for (_, simulator) in self.upstreams.iter().filter(|(name, _)| *name == alias) {
            let broken = simulator.add_fault(FaultRule::new(Fault::status(503)).forever());
            broken.map_err(|error| Failure::failed(error.to_string()))?;
        }
        Ok(())
    }

    /// All upstreams work again.
    pub(crate) fn mend(&self) {
        for (_, simulator) in &self.upstreams {
            simulator.clear_faults();
        }
    }

    /// Lets requests under way finish, then ends everything.
    pub(crate) async fn strike(self) {
        self.stop.notify_one();
        // The only error is a panic of the server, which has told its story already.
        let _ended = self.serving.await;
        for (_, simulator) in self.upstreams {
            simulator.stop().await;
        }
    }
}

/// How each model behaves. They refuse what their capabilities do not promise, so that a request
/// that went to the wrong one would fail for all to see.
fn behaviours() -> [(&'static str, ModelBehaviour); 4] {
    let blind = |context_window| ModelBehaviour {
        reject_images: true,
        context_window: Some(context_window),
        ..ModelBehaviour::default()
    };
    let seeing = ModelBehaviour {
        reject_images: false,
        ..blind(8192)
    };
    let sql = "SELECT c.name FROM customers c LEFT JOIN orders o ON o.customer_id = c.id \
               WHERE o.id IS NULL; -- simulated";
    let expert = ModelBehaviour {
        answer: Some(sql.to_owned()),
        ..blind(4096)
    };
    [
        ("default", blind(4096)),
        ("vision", seeing),
        ("large-context", blind(200_000)),
        ("sql-expert", expert),
    ]
}

fn pool(configuration: &str) -> Result<ModelPool, Failure> {
    // Nothing of the demonstration comes from the environment.
    let environment: Environment = Arc::new(|_| None);
    let checks = PoolChecks::new(ProviderRegistry::new(), Arc::clone(&environment));
    let lookup = |_: &str| None;
    let config = config::read(configuration, Format::Yaml, "demo.yaml", &lookup, &checks);
    let config = config.map_err(|problems| mistakes(&problems))?;
    let builder = ModelPool::builder().environment(environment);
    modelpool::pool_from_config(&config, builder).map_err(|error| cannot_build(&error))
}
