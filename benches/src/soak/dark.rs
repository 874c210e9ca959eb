//! One of three models goes silent in the middle: connections hold, nothing comes.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::SoakError;
use super::caller::Caller;
use super::crew::Crew;
use super::gateway::Gateway;
use super::report::Report;
use super::requests::{ANY_MODEL, Asked, Kind};
use super::tally::{milliseconds, percent};
use super::upstreams::{ALIASES, Upstreams};

/// A model that says nothing for a second is given up.
const CONFIGURATION: &str = "\
timeouts: {connect_ms: 1000, first_token_ms: 1000, idle_ms: 1000, response_ms: 1000, total_ms: 10000}
retry: {max_models: 3, same_model: 1, backoff_ms: [20, 200], max_wait_ms: 2000}
breaker: {failures: 5, window_s: 10, open_s: [1, 4]}
streaming: {on_loss: continue, keepalive_ms: 5000}
";

/// Which model it is.
const DARK: usize = 1;

/// The longest pause of a caller between two requests.
const PAUSE: Duration = Duration::from_millis(600);

/// The phases, a third of the time each.
const PHASES: [&str; 3] = ["before", "while one is silent", "after"];

/// A load during which a model goes silent.
#[derive(Debug, Clone)]
pub struct DarkSettings {
    /// The gateway's program.
    pub gateway: PathBuf,
    /// How long requests are made.
    pub duration: Duration,
    /// What the callers' pauses are drawn from.
    pub seed: u64,
    /// How many callers there are at a time.
    pub callers: usize,
}

/// Runs it.
///
/// # Errors
/// If it could not be run. What it found is in the report.
pub async fn run_dark(settings: &DarkSettings) -> Result<Report, SoakError> {
    let upstreams = Upstreams::start(ALIASES.len()).await?;
    let crew = Arc::new(Crew::new(&upstreams, PHASES.len()).await?);
    let yaml = upstreams.configuration(CONFIGURATION);
    let gateway = Gateway::start(&settings.gateway, &yaml, Arc::clone(&crew.ledger)).await?;

    let started = Instant::now();
    let ends = [1, 2, 3].map(|third| started + settings.duration * third / 3);
    let mut seeds = fastrand::Rng::with_seed(settings.seed);
    let mut callers = JoinSet::new();
    for number in 0..settings.callers {
        let kind = if number % 4 == 0 {
            Kind::Plain
        } else {
            Kind::Stream
        };
        let (crew, random) = (Arc::clone(&crew), seeds.fork());
        callers.spawn(call_until(
            ends,
            crew,
            Caller::new(gateway.address()),
            kind,
            random,
        ));
    }
    sleep_until(ends[0]).await;
    upstreams.silence(DARK)?;
    sleep_until(ends[1]).await;
    upstreams.simulator(DARK).clear_faults();
    while let Some(ended) = callers.join_next().await {
        ended?;
    }
    gateway.stop(&crew.ledger).await?;

    let mut report = Report::new(format!(
        "a model that goes silent: {} s, {} callers",
        settings.duration.as_secs(),
        settings.callers
    ));
    let mut p99s = [Duration::ZERO; PHASES.len()];
    for (phase, name) in PHASES.iter().enumerate() {
        let tally = crew.tally(phase);
        let success = tally.right as f64 / tally.requests().max(1) as f64;
        report.figure(format!("requests {name}"), tally.requests());
        report.check(
            "  answered right",
            percent(success),
            "all",
            tally.right == tally.requests(),
        );
        let latencies = tally.latencies();
        p99s[phase] = latencies.percentile(0.99);
        report.figure("  median", milliseconds(latencies.median()));
        report.figure("  99th percentile", milliseconds(p99s[phase]));
        report.figure("  longest", milliseconds(latencies.percentile(1.0)));
    }
    let added = p99s[1].saturating_sub(p99s[0]);
    report.figure("added to the 99th percentile", milliseconds(added));
    report.details(crew.ledger.totals().examples);
    Ok(report)
}

async fn call_until(
    ends: [Instant; PHASES.len()],
    crew: Arc<Crew>,
    mut caller: Caller,
    kind: Kind,
    mut random: fastrand::Rng,
) {
    let asked = Asked::chat(kind, ANY_MODEL);
    loop {
        sleep(PAUSE.mul_f64(random.f64())).await;
        let now = Instant::now();
        let Some(phase) = ends.iter().position(|end| now < *end) else {
            return;
        };
        crew.ask(&mut caller, &asked, phase).await;
    }
}
