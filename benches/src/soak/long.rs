//! The long load: every kind of request, every kind of fault, for minutes.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::SoakError;
use super::caller::Caller;
use super::crew::Crew;
use super::gateway::Gateway;
use super::memory::Memory;
use super::report::Report;
use super::requests::Mixture;
use super::tally::{milliseconds, percent};
use super::upstreams::{ALIASES, Upstreams};

/// Short times, so that every limit is met often.
const CONFIGURATION: &str = "\
timeouts: {connect_ms: 1000, first_token_ms: 1500, idle_ms: 1000, response_ms: 2000, total_ms: 10000}
retry: {max_models: 3, same_model: 1, backoff_ms: [20, 200], max_wait_ms: 2000}
breaker: {failures: 5, window_s: 10, open_s: [0.2, 1]}
streaming: {on_loss: continue, keepalive_ms: 500}
";

/// The longest pause of a caller between two requests.
const PAUSE: Duration = Duration::from_millis(600);

/// How often memory is read.
const SAMPLE_EVERY: Duration = Duration::from_secs(1);

/// What part of the faults may reach a caller as an error. A request has up to six attempts.
const REACHING_SHARE: f64 = 0.1;

/// A long load.
#[derive(Debug, Clone)]
pub struct LongSettings {
    /// The gateway's program.
    pub gateway: PathBuf,
    /// How long new requests are made.
    pub duration: Duration,
    /// What requests and faults are drawn from.
    pub seed: u64,
    /// How many callers there are at a time.
    pub callers: usize,
    /// The share of calls that fail, 0..=1.
    pub fault_share: f64,
}

/// Runs it.
///
/// # Errors
/// If it could not be run. What it found is in the report.
pub async fn run_long(settings: &LongSettings) -> Result<Report, SoakError> {
    let mut upstreams = Upstreams::start(ALIASES.len()).await?;
    let crew = Arc::new(Crew::new(&upstreams, 1).await?);
    upstreams.fail_a_share(settings.fault_share, settings.seed)?;
    let yaml = upstreams.configuration(CONFIGURATION);
    let gateway = Gateway::start(&settings.gateway, &yaml, Arc::clone(&crew.ledger)).await?;

    let started = Instant::now();
    let end = started + settings.duration;
    let mixture = Arc::new(Mixture::new(ALIASES[0], ALIASES[2]));
    let mut seeds = fastrand::Rng::with_seed(settings.seed);
    let mut callers = JoinSet::new();
    for _ in 0..settings.callers {
        let (crew, mixture) = (Arc::clone(&crew), Arc::clone(&mixture));
        let (caller, random) = (Caller::new(gateway.address()), seeds.fork());
        callers.spawn(call_until(end, crew, mixture, caller, random));
    }
    let mut memory = Memory::default();
    let mut ticks = interval(SAMPLE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    while started.elapsed() < settings.duration {
        ticks.tick().await;
        memory.note(started.elapsed(), gateway.resident_bytes()?);
    }
    while let Some(ended) = callers.join_next().await {
        ended?;
    }
    gateway.stop(&crew.ledger).await?;
    Ok(report(settings, &upstreams, &crew, &memory))
}

async fn call_until(
    end: Instant,
    crew: Arc<Crew>,
    mixture: Arc<Mixture>,
    mut caller: Caller,
    mut random: fastrand::Rng,
) {
    loop {
        sleep(PAUSE.mul_f64(random.f64())).await;
        if Instant::now() >= end {
            return;
        }
        let asked = mixture.draw(&mut random);
        crew.ask(&mut caller, &asked, 0).await;
    }
}

fn report(settings: &LongSettings, upstreams: &Upstreams, crew: &Crew, memory: &Memory) -> Report {
    let tally = crew.tally(0);
    let mut report = Report::new(format!(
        "long load: {} s, {} callers, {} of the calls fail, seed {}",
        settings.duration.as_secs(),
        settings.callers,
        percent(settings.fault_share),
        settings.seed
    ));
    tally.report(&mut report);
    let most = settings.fault_share * REACHING_SHARE;
    report.check(
        "honest errors, share",
        percent(tally.honest_share()),
        format!("at most {}", percent(most)),
        tally.honest_share() <= most,
    );
    let latencies = tally.latencies();
    for (name, share) in [("median", 0.5), ("99th percentile", 0.99), ("longest", 1.0)] {
        report.figure(
            format!("to the end, {name}"),
            milliseconds(latencies.percentile(share)),
        );
    }

    let met = upstreams.faults_met();
    let kinds = met.iter().filter(|(_, times)| *times > 0).count();
    report.figure("faults met", met.iter().map(|(_, times)| times).sum::<u64>());
    report.figure("  kinds of faults met", format!("{kinds} of {}", met.len()));
    attempts(&mut report, upstreams, crew, tally.left);

    let mebibytes = |bytes: f64| format!("{:.1} MiB", bytes / f64::from(1 << 20));
    if let Some(thirds) = memory.thirds() {
        report.figure("memory, first third", mebibytes(thirds.first));
        report.check(
            "memory, last third",
            mebibytes(thirds.last),
            "at most 15 % and 8 MiB more",
            thirds.is_flat(),
        );
    }
    report
}

/// Every call has to be accounted for: by the upstreams, by the log, and to the caller.
fn attempts(report: &mut Report, upstreams: &Upstreams, crew: &Crew, left: u64) {
    let totals = crew.ledger.totals();
    let calls = upstreams.calls();
    report.figure("calls the upstreams saw", calls);
    // One who left may have taken a call along that had not arrived yet.
    let holds = (calls..=calls + left).contains(&totals.attempts);
    let wanted = format!("as many, and at most {left} that were on their way");
    report.check("attempts in the log", totals.attempts, wanted, holds);
    let none = "none";
    report.check(
        "told another number",
        totals.differing,
        none,
        totals.differing == 0,
    );
    report.check("not in the log", totals.unmatched, none, totals.unmatched == 0);
    report.check(
        "refused without a call",
        totals.refused,
        none,
        totals.refused == 0,
    );
    report.details(totals.examples);
}
