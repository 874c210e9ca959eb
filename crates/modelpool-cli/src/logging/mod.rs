//! Log lines on standard error.
//!
//! A busy gateway writes a line per request, and a system call per line is a cost that every
//! request would pay. Lines of everyday levels are therefore collected and written together, at the
//! latest after [`FLUSH_PAUSE`]; warnings and errors, and everything on a terminal, go out at once
//! with what was collected before them. A process that is killed loses the lines of that pause.

mod buffer;
mod line;

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use tracing_subscriber::EnvFilter;

use crate::arguments::{LogArguments, LogFormat};
use crate::exit::Failure;
use buffer::Lines;
use line::PlainLine;

/// Longest time a line waits for others.
const FLUSH_PAUSE: Duration = Duration::from_millis(100);

/// Log lines that are under way; dropping it writes what is left.
pub(crate) struct Logging {
    lines: Lines,
}

impl Logging {
    /// Writes collected lines a little after the first of them came, for as long as it is polled.
    /// While nothing is logged it sleeps.
    pub(crate) async fn flush_from_time_to_time(&self) -> std::convert::Infallible {
        loop {
            self.lines.first_line().await;
            tokio::time::sleep(FLUSH_PAUSE).await;
            self.lines.flush();
        }
    }
}

impl Drop for Logging {
    fn drop(&mut self) {
        self.lines.flush();
    }
}

/// Starts logging as the command line says.
pub(crate) fn start(arguments: &LogArguments) -> Result<Logging, Failure> {
    let filter = EnvFilter::try_new(&arguments.log).map_err(|error| {
        let message = format!("`{}` is no filter of log lines: {error}", arguments.log);
        Failure::usage(message)
            .hint("a level (error, warn, info, debug, trace), or `info,modelpool_engine=debug`")
    })?;
    let colours = AutoStream::choice(&io::stderr()) != ColorChoice::Never;
    let lines = Lines::new(io::stderr().is_terminal());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(lines.clone())
        .with_ansi(colours);
    let started = match arguments.log_format {
        LogFormat::Text if colours => builder.try_init(),
        LogFormat::Text => builder.event_format(PlainLine).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| Failure::failed(format!("cannot start logging: {error}")))?;
    Ok(Logging { lines })
}
