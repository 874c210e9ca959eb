//! What a proxy adds to the time before the first byte of a stream, when it has nothing else to do.
//!
//! One request at a time, and pauses between the chunks, so that nothing is hidden behind other work: a write
//! that waits for an acknowledgement or a chunk that is passed between tasks shows here and nowhere else.
//! What is added is the median through the proxy less the median straight to the upstream, in the same round.

use std::time::Duration;

use super::MeasureError;
use super::report::{Figure, Sides, Target};
use super::stage::Stage;
use crate::load::Kind;

/// Chunks per stream; few, because only the first byte is looked at.
const CHUNKS: usize = 5;

/// Pause before each chunk after the first token.
const GAP: Duration = Duration::from_millis(2);

/// Requests per round and side.
const REQUESTS: u64 = 80;

pub(super) async fn measure(stage: &Stage) -> Result<Figure, MeasureError> {
    let cast = stage.cast(CHUNKS, GAP).await?;
    let servers = [&cast.upstream, &cast.proxy, &cast.gateway];
    let mut loads = Vec::with_capacity(servers.len());
    for server in servers {
        let mut load = server.open_load(Kind::Stream, REQUESTS, 1).await?;
        server.run(&mut load).await?;
        loads.push((server, load));
    }
    let mut added = Vec::with_capacity(stage.rounds);
    for number in 0..stage.rounds {
        let mut medians = [0.0; 3];
        // Each of the three goes first in turn.
        for turn in 0..medians.len() {
            let index = (number + turn) % medians.len();
            let (server, load) = &mut loads[index];
            let outcome = server.run(load).await?;
            medians[index] = outcome.first_byte.median().as_secs_f64() * 1e6;
        }
        let [direct, proxy, gateway] = medians;
        added.push(Sides {
            proxy: proxy - direct,
            gateway: gateway - direct,
        });
    }
    let target = Target { most: 1.2, unit: "x" };
    let title = "added before the first byte";
    Ok(Figure::of_ratio("first_byte_added", title, target, "µs", &added))
}
