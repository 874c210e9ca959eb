//! `soak`: loads that look for faults of the gateway; see `docs/benchmarks.md`.

use std::error::Error;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use modelpool_benches::soak::{
    BreakerSettings, DarkSettings, LongSettings, Report, SoakError, run_breaker, run_dark, run_long,
};

/// Sends the gateway requests of every kind while simulated upstreams fail in every way, and judges every
/// answer
#[derive(Parser)]
struct Flags {
    /// The gateway's program; the one beside this program if it is left out
    #[arg(long)]
    gateway: Option<PathBuf>,
    /// Instead: many requests per second while the first of two models is down
    #[arg(long, conflicts_with = "dark")]
    breaker: bool,
    /// Instead: one of three models goes silent in the middle
    #[arg(long)]
    dark: bool,
    /// How long requests are made; 600, or 30 with --breaker or --dark
    #[arg(long)]
    seconds: Option<u64>,
    /// What requests and faults are drawn from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Callers at a time; 150, or 200 with --dark
    #[arg(long)]
    callers: Option<usize>,
    /// Share of the calls that fail, 0 to 1
    #[arg(long, default_value_t = 0.1)]
    fault_share: f64,
    /// Requests per second with --breaker
    #[arg(long, default_value_t = 1000)]
    rate: u32,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Flags::parse()).await {
        Ok(report) => {
            let _ = writeln!(std::io::stdout(), "{report}");
            if report.passes() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => {
            let mut causes = format!("error: {error}");
            let mut source = error.source();
            while let Some(cause) = source {
                causes.push_str(&format!(": {cause}"));
                source = cause.source();
            }
            let _ = writeln!(std::io::stderr(), "{causes}");
            ExitCode::FAILURE
        }
    }
}

async fn run(flags: Flags) -> Result<Report, SoakError> {
    let gateway = flags.gateway.unwrap_or_else(|| {
        let name = format!("modelpool{}", std::env::consts::EXE_SUFFIX);
        std::env::current_exe().unwrap_or_default().with_file_name(name)
    });
    let seconds = |usual| Duration::from_secs(flags.seconds.unwrap_or(usual).max(1));
    if flags.breaker {
        return run_breaker(&BreakerSettings {
            gateway,
            duration: seconds(30),
            rate: flags.rate,
        })
        .await;
    }
    if flags.dark {
        return run_dark(&DarkSettings {
            gateway,
            duration: seconds(30),
            seed: flags.seed,
            callers: flags.callers.unwrap_or(200),
        })
        .await;
    }
    run_long(&LongSettings {
        gateway,
        duration: seconds(600),
        seed: flags.seed,
        callers: flags.callers.unwrap_or(150),
        fault_share: flags.fault_share,
    })
    .await
}
