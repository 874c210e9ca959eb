//! The command line of modelpool.
//!
//! Thin on purpose: a command reads its arguments, calls the library everyone else calls, and
//! shows what came back. `arguments` is the one definition of the command line; `commands` has one
//! file per command; `output` and `exit` say how results and failures leave the program.

mod agent;
mod arguments;
mod ask;
mod commands;
mod configuration;
mod demo;
mod exit;
mod files;
mod http;
mod import;
mod init;
mod logging;
mod message;
mod output;
mod requirements;
mod runtime;
mod stop;
mod table;
mod telemetry;
mod yaml;

use std::ffi::OsStr;
use std::process::ExitCode;

use clap::Parser as _;
use clap::error::ErrorKind;

use arguments::Arguments;
use exit::{Exit, Failure};
use output::Output;

/// Bodies of every size come and go on several threads. This allocator keeps freed memory for some
/// seconds before it gives it back, so that a request does not begin with page faults.
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let exit = match Arguments::try_parse() {
        Ok(arguments) => {
            let output = Output::new(arguments.json);
            commands::run(arguments, output).unwrap_or_else(|failure| output.failure(&failure))
        }
        Err(refusal) => refuse(&refusal),
    };
    ExitCode::from(exit as u8)
}

/// Shows the help that was asked for, or says what is wrong with the command line.
fn refuse(refusal: &clap::Error) -> Exit {
    let asked_for = matches!(refusal.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    // The parser failed, so nobody has looked for the flag properly.
    let json = std::env::args_os()
        .skip(1)
        .any(|argument| argument == OsStr::new("--json"));
    if json && !asked_for {
        let text = refusal.render().to_string();
        let message = text.trim().strip_prefix("error: ").unwrap_or(&text).trim();
        return Output::new(true).failure(&Failure::usage(message));
    }
    // Help goes to standard output, mistakes to standard error. A reader that left is no failure.
    let _unread = refusal.print();
    if asked_for { Exit::Success } else { Exit::Usage }
}
