//! Processor time per request, user and system: of the proxy's and of the gateway's process, and of one gateway that
//! translates and passes through.

use std::time::Duration;

use super::MeasureError;
use super::process::Server;
use super::report::{Figure, LatencyPair, Sides, Target};
use super::stage::{Cast, Stage};
use crate::load::{Kind, Load};

/// How long after the last answer the clock is read, so that work put off until then (log lines, closed
/// connections) counts for the round it belongs to.
const SETTLE: Duration = Duration::from_millis(50);

/// Rounds that do not count, before the ones that do.
const WARM_UP_ROUNDS: usize = 2;

/// Chunks per stream.
const CHUNKS: usize = 50;

/// One of the loads under which processor time is measured.
pub(super) struct Workload {
    name: &'static str,
    title: &'static str,
    kind: Kind,
    /// Per round and side.
    requests: u64,
    connections: usize,
    gap: Duration,
    /// The most that the gateway may use, as a multiple of what the proxy uses.
    target: f64,
}

pub(super) const PLAIN: Workload = Workload {
    name: "cpu_plain",
    title: "CPU, plain chat of 1 KB",
    kind: Kind::Plain,
    requests: 5_000,
    connections: 32,
    gap: Duration::ZERO,
    target: 1.5,
};

pub(super) const STREAM: Workload = Workload {
    name: "cpu_stream",
    title: "CPU, stream of 50 chunks",
    kind: Kind::Stream,
    requests: 500,
    connections: 32,
    gap: Duration::ZERO,
    target: 1.3,
};

/// With a pause before each chunk, both proxies forward every chunk by itself. Without one, a proxy that
/// falls behind finds several chunks in one read, and is helped by being slow.
pub(super) const PACED_STREAM: Workload = Workload {
    name: "cpu_paced_stream",
    title: "CPU, the same with 1 ms between",
    kind: Kind::Stream,
    requests: 256,
    connections: 64,
    gap: Duration::from_millis(1),
    target: 1.3,
};

pub(super) const LARGE: Workload = Workload {
    name: "cpu_large",
    title: "CPU, plain chat of 200 KB",
    kind: Kind::Large,
    requests: 500,
    connections: 32,
    gap: Duration::ZERO,
    target: 1.3,
};

/// The gateway passes the chat through; it translates the same as Anthropic's Messages.
pub(super) const TRANSLATED: Workload = Workload {
    name: "cpu_translated",
    title: "CPU, 1 KB translated / passed",
    kind: Kind::Plain,
    requests: 2_000,
    connections: 32,
    gap: Duration::ZERO,
    target: 3.0,
};

pub(super) const TRANSLATED_STREAM: Workload = Workload {
    name: "cpu_translated_stream",
    title: "CPU, stream translated / passed",
    kind: Kind::Stream,
    requests: 256,
    connections: 32,
    gap: Duration::ZERO,
    target: 3.0,
};

/// The same chat in the dialect that has to be translated.
fn translated(kind: Kind) -> Kind {
    match kind {
        Kind::Stream | Kind::MessagesStream => Kind::MessagesStream,
        Kind::Plain | Kind::Large | Kind::Messages => Kind::Messages,
    }
}

/// One side, with its connections open for all rounds: what opening them costs is no part of a request.
struct Contender<'cast> {
    server: &'cast Server,
    load: Load,
    requests: u64,
    latency: LatencyPair,
}

impl<'cast> Contender<'cast> {
    async fn new(server: &'cast Server, kind: Kind, workload: &Workload) -> Result<Self, MeasureError> {
        let load = server
            .open_load(kind, workload.requests, workload.connections)
            .await?;
        let requests = workload.requests;
        let mut contender = Self {
            server,
            load,
            requests,
            latency: LatencyPair::default(),
        };
        for _ in 0..WARM_UP_ROUNDS {
            contender.round().await?;
        }
        Ok(contender)
    }

    /// The load once; microseconds of processor time per request.
    async fn round(&mut self) -> Result<f64, MeasureError> {
        let before = self.server.processor_time()?;
        let outcome = self.server.run(&mut self.load).await?;
        tokio::time::sleep(SETTLE).await;
        let used = self.server.processor_time()?.since(&before);
        self.latency = LatencyPair::of(&outcome.whole);
        Ok(used.as_secs_f64() * 1e6 / self.requests as f64)
    }
}

pub(super) async fn measure(stage: &Stage, workload: &Workload) -> Result<Figure, MeasureError> {
    let Cast {
        upstream: _upstream,
        proxy,
        gateway,
    } = stage.cast(CHUNKS, workload.gap).await?;
    let proxy = Contender::new(&proxy, workload.kind, workload).await?;
    let gateway = Contender::new(&gateway, workload.kind, workload).await?;
    beside(workload, stage.rounds, proxy, gateway).await
}

/// One gateway, which translates in the place of the gateway and passes through in the place of the proxy.
pub(super) async fn measure_translation(stage: &Stage, workload: &Workload) -> Result<Figure, MeasureError> {
    let (_upstream, gateway) = stage.gateway_alone(CHUNKS, workload.gap).await?;
    let passes = Contender::new(&gateway, workload.kind, workload).await?;
    let translates = Contender::new(&gateway, translated(workload.kind), workload).await?;
    beside(workload, stage.rounds, passes, translates).await
}

/// The rounds, one side after the other and then the other way round.
async fn beside(
    workload: &Workload,
    count: usize,
    mut proxy: Contender<'_>,
    mut gateway: Contender<'_>,
) -> Result<Figure, MeasureError> {
    let mut rounds = Vec::with_capacity(count);
    for number in 0..count {
        let (first, second) = if number % 2 == 0 {
            (&mut proxy, &mut gateway)
        } else {
            (&mut gateway, &mut proxy)
        };
        let (first, second) = (first.round().await?, second.round().await?);
        let (proxy, gateway) = if number % 2 == 0 {
            (first, second)
        } else {
            (second, first)
        };
        rounds.push(Sides { proxy, gateway });
    }
    let target = Target {
        most: workload.target,
        unit: "x",
    };
    let mut figure = Figure::of_ratio(workload.name, workload.title, target, "µs", &rounds);
    figure.latency = Some(Sides {
        proxy: proxy.latency,
        gateway: gateway.latency,
    });
    Ok(figure)
}
