//! The harness: starts the upstream, the bare proxy and the gateway as processes, and measures the last two
//! side by side.
//!
//! How a ratio is made trustworthy on a machine that does other things too:
//!
//! - both proxies are up for the whole measurement and warmed before it, and are given the same fixed count
//!   of requests in alternating rounds (the one that goes first alternates as well), so that drift hits both;
//! - every round yields a ratio of its own, and the median of these is judged; rounds are short and many, so
//!   that what else the machine does falls on both sides. The quartiles are shown: they tell what the figure
//!   is worth;
//! - processor time comes from the kernel's accounting of the proxy's threads, so what the load and the
//!   upstream need does not count;
//! - times are only ever compared with times of the same run.
//!
//! Everything ends with the harness: the processes are killed when it returns, and their files are temporary.

mod accounting;
mod first_byte;
mod memory;
mod process;
mod processor_time;
mod report;
mod stage;
mod start;

use std::path::PathBuf;

pub use report::{Figure, Machine, Report, Target};

use crate::load::LoadError;
use stage::Stage;

/// The parts of the measurement, which can be run one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// Processor time of plain chats of 1 KB.
    Plain,
    /// Processor time of streams whose chunks come one after the other.
    Stream,
    /// Processor time of streams with a pause between their chunks.
    PacedStream,
    /// Processor time of plain chats of 200 KB.
    Large,
    /// Processor time of chats of 1 KB that are translated, beside those that pass through.
    Translated,
    /// The same for streams.
    TranslatedStream,
    /// Time added to the first byte of a stream, one request at a time.
    FirstByte,
    /// Resident memory, idle and with 500 streams open.
    Memory,
    /// Time from the start of the process to its first answer.
    Start,
    /// Size of the gateway's binary.
    Size,
}

/// What to measure, and how often.
#[derive(Debug, Clone)]
pub struct MeasureSettings {
    /// The directory of the release binaries `upstream` and `bare-proxy`.
    pub binaries: PathBuf,
    /// The gateway's command, word by word. `{config}` stands for the path of a configuration file, `{port}`
    /// for the port to listen on, and `{upstream}` for the port of the upstream.
    pub gateway_command: Vec<String>,
    /// Rounds per figure; each has both sides once.
    pub rounds: usize,
    /// What to measure.
    pub parts: Vec<Part>,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum MeasureError {
    /// Nothing to run, or no round to run it in.
    #[error("{0}")]
    Settings(&'static str),
    /// A process could not be started.
    #[error("cannot start `{program}`")]
    Spawn {
        /// The program.
        program: String,
        /// Why not.
        source: std::io::Error,
    },
    /// A process ended by itself.
    #[error("`{program}` ended early; its last output was:\n{output}")]
    Ended {
        /// The program.
        program: String,
        /// The end of its output.
        output: String,
    },
    /// A process did not give a right answer in time.
    #[error("`{program}` gave no right answer within {seconds} s; its last output was:\n{output}")]
    NotReady {
        /// The program.
        program: String,
        /// How long it was given.
        seconds: u64,
        /// The end of its output.
        output: String,
        /// What its last answer lacked.
        source: LoadError,
    },
    /// A load was not answered rightly.
    #[error("{side}: the load failed")]
    Load {
        /// Which of the processes.
        side: &'static str,
        /// What was wrong.
        source: LoadError,
    },
    /// A file or a figure of the kernel could not be read or written.
    #[error("{what}")]
    Io {
        /// What was attempted.
        what: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// A figure of the kernel has another form than it is documented to have.
    #[error("`{path}` holds no {wanted}")]
    Accounting {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        wanted: &'static str,
    },
}

impl MeasureError {
    fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

/// Measures everything that was asked for, in the order of the parts, and tells `progress` which part is
/// under way.
///
/// # Errors
/// If a process cannot be run, or gives a wrong answer: there is no figure for a gateway that does
/// not work.
pub async fn measure(settings: &MeasureSettings, progress: impl Fn(Part)) -> Result<Report, MeasureError> {
    if settings.rounds == 0 || settings.parts.is_empty() {
        return Err(MeasureError::Settings(
            "nothing to measure: at least one round and one part are needed",
        ));
    }
    let stage = Stage::new(settings)?;
    let machine = Machine::read();
    let mut figures = Vec::new();
    for &part in &settings.parts {
        progress(part);
        match part {
            Part::Plain => figures.push(processor_time::measure(&stage, &processor_time::PLAIN).await?),
            Part::Stream => figures.push(processor_time::measure(&stage, &processor_time::STREAM).await?),
            Part::PacedStream => {
                figures.push(processor_time::measure(&stage, &processor_time::PACED_STREAM).await?);
            }
            Part::Large => figures.push(processor_time::measure(&stage, &processor_time::LARGE).await?),
            Part::Translated => {
                figures.push(processor_time::measure_translation(&stage, &processor_time::TRANSLATED).await?);
            }
            Part::TranslatedStream => {
                let workload = &processor_time::TRANSLATED_STREAM;
                figures.push(processor_time::measure_translation(&stage, workload).await?);
            }
            Part::FirstByte => figures.push(first_byte::measure(&stage).await?),
            Part::Memory => figures.extend(memory::measure(&stage).await?),
            Part::Start => figures.push(start::measure(&stage).await?),
            Part::Size => figures.push(stage.binary_size()?),
        }
    }
    Ok(Report {
        machine,
        gateway_command: settings.gateway_command.join(" "),
        rounds: settings.rounds,
        figures,
    })
}
