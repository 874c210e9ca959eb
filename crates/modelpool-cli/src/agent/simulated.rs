//! Models for those without a key: the testkit's simulator, on this machine.

use modelpool::{Capabilities, Flag, ModelConfig, ModelPool};
use modelpool_testkit::Simulator;

use crate::exit::Failure;

/// A pool of simulated models, and what plays them.
pub(crate) struct Simulated {
    pub(crate) pool: ModelPool,
    _upstream: Simulator,
}

impl Simulated {
    /// A plain model, one that calls tools, one that sees, and one with a large window.
    pub(crate) async fn start() -> Result<Self, Failure> {
        let failed =
            |error: &dyn std::fmt::Display| Failure::failed(format!("cannot start the simulation: {error}"));
        let upstream = Simulator::builder()
            .start()
            .await
            .map_err(|error| failed(&error))?;
        let small = || Capabilities::new().lacks(Flag::Vision).context_window(16_000);
        let models = [
            ("plain", small().lacks(Flag::Tools), 0.0005),
            ("handy", small().supports(Flag::Tools), 0.002),
            (
                "vision",
                small().supports(Flag::Tools).supports(Flag::Vision),
                0.01,
            ),
            (
                "large",
                small().supports(Flag::Tools).context_window(200_000),
                0.015,
            ),
        ];
        let pool = ModelPool::new();
        for (alias, capabilities, cost) in models {
            let config = ModelConfig::new(alias, "custom", format!("simulated-{alias}"));
            let config = config
                .base_url(upstream.base_url())
                .capabilities(capabilities.cost_per_1k_tokens(cost));
            pool.add(config).map_err(|error| failed(&error))?;
        }
        Ok(Self {
            pool,
            _upstream: upstream,
        })
    }
}
