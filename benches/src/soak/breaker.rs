//! Many requests per second while the first of two models is down: first nobody listens, then every answer is
//! a 500, then it is back.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use modelpool_testkit::simulator::{ConnectionMode, ConnectionOrder, Fault, FaultRule};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::SoakError;
use super::caller::Caller;
use super::crew::Crew;
use super::gateway::Gateway;
use super::report::Report;
use super::requests::{Asked, Kind, ORDERED_POOL};
use super::tally::{milliseconds, percent};
use super::upstreams::{ALIASES, Upstreams};

/// One second between probes, so tries per second are easily judged.
const CONFIGURATION: &str = "\
timeouts: {connect_ms: 1000, first_token_ms: 1500, idle_ms: 1000, response_ms: 2000, total_ms: 10000}
retry: {max_models: 2, same_model: 1, backoff_ms: [20, 200], max_wait_ms: 2000}
breaker: {failures: 5, window_s: 10, open_s: 1}
";

/// `open_s` of the configuration.
const OPEN: Duration = Duration::from_secs(1);

/// How long a breaker may take to open: calls under way fail, each of their retries too.
const OPENING: Duration = Duration::from_secs(1);

/// How long the probe may take that finds the model working.
const PROBE: Duration = Duration::from_millis(500);

/// How many requests are under way at a time at most.
const CONNECTIONS: u32 = 400;

/// The phases, each a part of the time.
const REFUSING: usize = 0;
const FAILING: usize = 1;
const BACK: usize = 2;
const ENDS: [f64; 3] = [0.4, 0.8, 1.0];

/// A load on a model that is down.
#[derive(Debug, Clone)]
pub struct BreakerSettings {
    /// The gateway's program.
    pub gateway: PathBuf,
    /// How long requests are made.
    pub duration: Duration,
    /// Requests per second.
    pub rate: u32,
}

/// Runs it.
///
/// # Errors
/// If it could not be run. What it found is in the report.
pub async fn run_breaker(settings: &BreakerSettings) -> Result<Report, SoakError> {
    let upstreams = Upstreams::start(2).await?;
    let crew = Arc::new(Crew::new(&upstreams, ENDS.len()).await?);
    let primary = upstreams.simulator(0);
    let order = |mode| ConnectionOrder {
        mode,
        for_ms: None,
        close_open: true,
    };
    primary.order_connections(&order(ConnectionMode::Refuse));
    let yaml = upstreams.configuration(CONFIGURATION);
    let gateway = Gateway::start(&settings.gateway, &yaml, Arc::clone(&crew.ledger)).await?;

    let started = Instant::now();
    let ends = ENDS.map(|share| started + settings.duration.mul_f64(share));
    let mut workers = JoinSet::new();
    for number in 0..CONNECTIONS {
        let worker = Worker {
            crew: Arc::clone(&crew),
            caller: Caller::new(gateway.address()),
            first: started + Duration::from_secs(1) * number / settings.rate.max(1),
            every: Duration::from_secs(1) * CONNECTIONS / settings.rate.max(1),
            ends,
        };
        workers.spawn(worker.run());
    }
    sleep_until(ends[REFUSING]).await;
    primary.add_fault(FaultRule::new(Fault::status(500)).forever())?;
    primary.order_connections(&order(ConnectionMode::Accept));
    sleep_until(ends[FAILING]).await;
    primary.clear_faults();
    let mut first_back: Option<Instant> = None;
    while let Some(ended) = workers.join_next().await {
        let its_first = ended?;
        first_back = [first_back, its_first].into_iter().flatten().min();
    }
    gateway.stop(&crew.ledger).await?;

    let mut report = Report::new(format!(
        "a model that is down: {} s, {} requests per second",
        settings.duration.as_secs(),
        settings.rate
    ));
    let failures = crew.ledger.failures_of(ALIASES[0]);
    let latest = [started, ends[REFUSING], ends[FAILING]];
    for (phase, name) in [(REFUSING, "refuses"), (FAILING, "answers 500"), (BACK, "is back")] {
        let tally = crew.tally(phase);
        let success = tally.right as f64 / tally.requests().max(1) as f64;
        report.figure(format!("requests while it {name}"), tally.requests());
        report.check(
            "  answered right",
            percent(success),
            "all",
            tally.right == tally.requests(),
        );
        let p99 = tally.latencies().percentile(0.99);
        report.figure("  99th percentile", milliseconds(p99));
        if phase == BACK {
            continue;
        }
        let (from, to) = (latest[phase] + OPENING, ends[phase]);
        let opening = failures
            .iter()
            .filter(|at| (latest[phase]..from).contains(*at))
            .count();
        let tries = failures.iter().filter(|at| (from..to).contains(*at)).count();
        report.figure("  tries in its first second", opening);
        let per_second = tries as f64 / to.duration_since(from).as_secs_f64().max(1.0);
        // The last probe before `from` may lie next to it, so one more fits into the time.
        let most = (to.duration_since(from).as_secs_f64() / OPEN.as_secs_f64()).floor() as usize + 1;
        report.check(
            "  tries per second after it",
            format!("{per_second:.2}"),
            "at most 1",
            tries <= most,
        );
    }
    let recovery = first_back.map(|at| at.duration_since(ends[FAILING]));
    report.check(
        "first answer after it came back",
        recovery.map_or("never".to_owned(), milliseconds),
        format!("within {}", milliseconds(OPEN + PROBE)),
        recovery.is_some_and(|took| took <= OPEN + PROBE),
    );
    report.details(crew.ledger.totals().examples);
    Ok(report)
}

/// A caller that asks at fixed moments.
struct Worker {
    crew: Arc<Crew>,
    caller: Caller,
    first: Instant,
    every: Duration,
    ends: [Instant; 3],
}

impl Worker {
    /// Answers when the first model answered for the first time in the last phase.
    async fn run(mut self) -> Option<Instant> {
        let asked = Asked::chat(Kind::Plain, ORDERED_POOL);
        let mut due = self.first;
        let mut first_back = None;
        loop {
            sleep_until(due).await;
            let phase = self.ends.iter().position(|end| due < *end)?;
            let told = self.crew.ask(&mut self.caller, &asked, phase).await;
            // By the clock: a caller that lags behind its moments may still be in the phase before.
            if Instant::now() >= self.ends[FAILING] && told.model.as_deref() == Some(ALIASES[0]) {
                first_back.get_or_insert_with(Instant::now);
            }
            due += self.every;
            if due >= self.ends[BACK] {
                return first_back;
            }
        }
    }
}
