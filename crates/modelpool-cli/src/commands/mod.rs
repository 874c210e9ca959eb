//! One file per command.

mod agent;
mod chat;
mod check;
mod completions;
mod demo;
mod detect;
mod import;
mod init;
mod man;
mod models;
mod select;
mod serve;
mod simulate_upstream;
mod stats;
mod trace;
mod warmup;

use crate::arguments::{Arguments, Command};
use crate::exit::{Exit, Failure};
use crate::output::Output;

/// Does what the command line asks.
pub(crate) fn run(arguments: Arguments, output: Output) -> Result<Exit, Failure> {
    let config = arguments.config;
    match arguments.command {
        Command::Serve(serve) => serve::run(&serve, config, output),
        Command::Check(check) => check::run(check, config, output),
        Command::Models(models) => models::run(&models, config, output),
        Command::Select(select) => select::run(&select, config, output),
        Command::Chat(chat) => chat::run(&chat, config, output),
        Command::Agent(agent) => agent::run(&agent, config, output),
        Command::Detect(detect) => detect::run(&detect, config, output),
        Command::Warmup(warmup) => warmup::run(&warmup, config, output),
        Command::Stats(stats) => stats::run(&stats, output),
        Command::Trace(trace) => trace::run(&trace, output),
        Command::Init(init) => init::run(&init, config, output),
        Command::Import(import) => import::run(&import, output),
        Command::Demo(demo) => demo::run(&demo, output),
        Command::SimulateUpstream(simulate) => simulate_upstream::run(simulate, output),
        Command::Completions(completions) => completions::run(&completions, output),
        Command::Man(man) => man::run(&man, output),
    }
}
