//! The command line, once: the parser, the help, the manual page and the completions are all made
//! of these types, so none of them can say something the others do not know.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;
use modelpool::parts::engine::detect::DEFAULT_BUDGET;

/// A pool of language models: every request goes to the model that fits it.
///
/// You give each model an alias, say where it lives and what it can do. modelpool picks, for each
/// request, the model that fits it, calls it, and goes on to the next one if it fails: as an HTTP
/// gateway that speaks OpenAI's API, or right here in the terminal.
#[derive(Debug, Parser)]
#[command(
    name = "modelpool",
    version,
    arg_required_else_help = true,
    propagate_version = true
)]
#[command(after_long_help = "\
Examples:
  modelpool demo                                see it work, without a key and without a network
  modelpool init                                write a modelpool.yaml from what is found here
  modelpool check                               find all mistakes of the configuration
  modelpool select '{\"supports_vision\": true}'  which model would be taken, and why
  modelpool chat \"What is a monad?\"             ask from the terminal
  modelpool agent --folder notes                talk to an agent that reads your files
  modelpool serve                               start the gateway

Exit codes:
  0 it worked   1 it failed   2 wrong usage   3 wrong or missing configuration   4 no model fits")]
pub(crate) struct Arguments {
    /// The configuration: YAML, TOML or JSON [default: modelpool.yaml]
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "MODELPOOL_CONFIG",
        hide_env_values = true
    )]
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,

    /// Print one JSON document instead of text, errors included
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the gateway
    ///
    /// Starts the gateway and serves until it is told to stop (ctrl-c, or SIGTERM).
    ///
    /// Clients of OpenAI's API reach it at http://ADDRESS/v1. Told to stop, it takes no new requests
    /// and lets those under way finish, at most for the `shutdown_ms` of the configuration; told a
    /// second time it stops at once. Log lines go to standard error.
    ///
    /// With $OTEL_EXPORTER_OTLP_ENDPOINT set, each request is sent to that collector as spans.
    Serve(ServeArguments),
    /// Find all mistakes of the configuration
    ///
    /// Reads the configuration and says all that is wrong with it: file, line, column, what was
    /// expected, and the nearest right word.
    ///
    /// Nothing is called and nothing starts. The exit code is 0 for a good configuration, and 3 for a
    /// wrong or missing one.
    Check(CheckArguments),
    /// List the models of the pool
    ///
    /// Lists the models of the pool: alias, provider, name, context window, price and abilities.
    ///
    /// With --catalog, lists what is known of models that any pool could hold: a snapshot of list
    /// prices, windows and abilities, which fills in what a configuration leaves out. It needs no
    /// configuration.
    Models(ModelsArguments),
    /// Say which model would be taken, and why not the others
    ///
    /// Says which model would be taken for a request with these requirements, the rank, score and
    /// reason of every model that fits, and what each of the others lacks. Nothing is called.
    ///
    /// The exit code is 4 if no model fits.
    Select(SelectArguments),
    /// Ask a model, and watch the answer come
    ///
    /// Sends a message to the model that fits it and writes the answer as it comes. Afterwards, on
    /// standard error: which model it was, the tokens, and the cost.
    ///
    /// Without a message, what is piped in is the message; with one, it comes after it.
    Chat(ChatArguments),
    /// Talk to an agent that works with the files of a folder
    ///
    /// An agent answers with the help of tools: it lists, reads and searches the files of a folder, and
    /// with --write writes them, too. Each round of a turn goes to the model that fits it.
    ///
    /// With a message, or something piped in, it does that one turn; otherwise it asks for the next one on
    /// the terminal. Tools, and what each turn took, are told on standard error. Files and folders whose
    /// names begin with a dot are out of its reach, and so is all that lies outside of the folder.
    ///
    /// ctrl-c ends the turn, and a second one the program. With --json every event is a line of JSON.
    Agent(AgentArguments),
    /// Find out what models can do, by asking them
    ///
    /// Makes small real calls of each model, one for each capability: streaming, a system message,
    /// embeddings, prefill, JSON of a schema, a round of tools, a number in a small picture, and the
    /// longest context, as far as the budget of tokens goes. Reads what the server's own list says, too.
    /// Afterwards there is a line to put into the configuration.
    ///
    /// With --dry-run nothing is called: it says what would be asked, and what that costs at most.
    Detect(DetectArguments),
    /// Make a model ready, and tell what that saves
    ///
    /// Measures the first call of a model without and with a warm-up before it: connection, TLS, and on
    /// servers that load models when they are asked for (Ollama) the load.
    ///
    /// Makes two calls with one short message. A model that the server has loaded already is warm in
    /// both.
    Warmup(WarmupArguments),
    /// Tell how the models of a running gateway perform
    ///
    /// Asks a running gateway how its models performed: calls, successes, latency, tokens, cost and
    /// failures. With an alias, the same of one model by period.
    ///
    /// The gateway's `admin_key` is read from $MODELPOOL_ADMIN_KEY.
    Stats(StatsArguments),
    /// Tell what became of a request to a running gateway
    ///
    /// Asks a running gateway what became of one of its last 10,000 requests: which models were tried,
    /// how each attempt went and how long it took, and the plan it followed. Nothing that was said is
    /// kept.
    ///
    /// The id stands in the header x-modelpool-request-id of every answer. The gateway's `admin_key` is
    /// read from $MODELPOOL_ADMIN_KEY.
    Trace(TraceArguments),
    /// Write a configuration, from what is found on this machine
    ///
    /// Writes a configuration that works here: from the keys in the environment, and the servers that
    /// answer on this machine (Ollama, vLLM, llama.cpp, LM Studio).
    ///
    /// On a terminal it asks what to take; with --yes, or without a terminal, it takes all it finds.
    /// A key is never written, only the name of its variable. If nothing is found, it writes a file to
    /// start from. The file is that of --config, else ./modelpool.yaml.
    Init(InitArguments),
    /// Turn another program's configuration into one of ours
    Import(ImportArguments),
    /// Show it at work on simulated models: no key, no network
    ///
    /// Shows the pool at work on simulated models, on this machine alone.
    ///
    /// Starts simulated upstreams and a gateway in front of them, with a plain model, one that sees,
    /// one with a large context and an expert for SQL. Sends requests that need different things
    /// through the gateway, says which model answered each and why, and then stays up, so that you can
    /// send your own. Needs no key and no network, and leaves no file behind.
    Demo(DemoArguments),
    /// Play an upstream that paces its tokens and fails on demand
    ///
    /// Plays an OpenAI-compatible upstream on a loopback address: chat completions, streams, tools,
    /// embeddings and a list of models, paced as you like and failing on demand.
    ///
    /// Every answer says that it is simulated. Faults are queued while it runs, at /simulator/faults;
    /// what it was asked stands at /simulator/requests.
    SimulateUpstream(SimulateUpstreamArguments),
    /// Print the completions of a shell
    ///
    /// Prints the completions of a shell, to be put where the shell looks for them.
    Completions(CompletionsArguments),
    /// Print the manual page
    ///
    /// Prints the manual page, or writes one page for each command into a folder.
    Man(ManArguments),
}

/// What `serve` is told.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  modelpool serve
  modelpool serve --listen 127.0.0.1:0 --json   any free port; the document says which
  modelpool serve --log debug --log-format json

Try it:
  curl http://127.0.0.1:8080/v1/chat/completions -H 'content-type: application/json' \\
    -d '{\"model\": \"auto\", \"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}]}'")]
pub(crate) struct ServeArguments {
    /// Listen here instead of where the configuration says; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: Option<SocketAddr>,

    #[command(flatten)]
    pub(crate) log: LogArguments,
}

/// How much is logged, and how.
#[derive(Debug, Args)]
pub(crate) struct LogArguments {
    /// What is logged: a level, or a filter such as `info,modelpool_engine=debug`
    #[arg(long, value_name = "FILTER", default_value = "info", env = "MODELPOOL_LOG")]
    pub(crate) log: String,

    /// How a log line looks
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) log_format: LogFormat,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    Text,
    /// One JSON object per line
    Json,
}

/// What `check` is told.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  modelpool check
  modelpool check staging.yaml
  modelpool check --json | jq '.error.problems[] | {line, message}'")]
pub(crate) struct CheckArguments {
    /// The configuration to check, instead of that of --config
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
}

/// What `models` is told.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  modelpool models
  modelpool models --json | jq -r '.models[].alias'
  modelpool models --catalog \"anthropic sonnet\"    what is known of models, in the pool or not
  modelpool models --catalog gpt-4o --json | jq '.models[] | {model_name, prices}'")]
pub(crate) struct ModelsArguments {
    /// List models of the catalog instead: those whose provider, name and mode contain every word
    #[arg(long, value_name = "SEARCH")]
    pub(crate) catalog: Option<String>,
}

/// What `detect` is told.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  modelpool detect --dry-run                   what would be asked of every model, and its price
  modelpool detect fast
  modelpool detect fast --probe tools --probe vision
  modelpool detect local --budget 200000       search the window as far as 100,000 tokens
  modelpool detect fast --json | jq '.models[].found[] | {key, value}'")]
pub(crate) struct DetectArguments {
    /// The models; all of the configuration if none is named
    #[arg(value_name = "ALIAS")]
    pub(crate) aliases: Vec<String>,

    /// Call nobody; say what would be asked, and what that may cost
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Most tokens of all calls of one model together, input and output
    #[arg(long, value_name = "TOKENS", default_value_t = DEFAULT_BUDGET)]
    pub(crate) budget: u64,

    /// Make this probe only; can be given again
    #[arg(long, value_name = "NAME")]
    pub(crate) probe: Vec<String>,
}

/// What `warmup` is told.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  modelpool warmup local
  modelpool warmup local --json | jq .first_call_ms")]
pub(crate) struct WarmupArguments {
    /// The model
    #[arg(value_name = "ALIAS")]
    pub(crate) alias: String,
}

/// What `select` is told.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  modelpool select                                            any request
  modelpool select '{\"supports_vision\": true}'
  modelpool select '{\"min_context_window\": 50000, \"supports_tools\": true}'
  modelpool select '{\"specialized_for\": \"sql_generation\", \"accuracy\": {\">=\": 0.9}}'
  modelpool select --pool support --prefer '{\"runs_locally\": true}'
  modelpool select --json '{\"supports_vision\": true}' | jq -r .selected

Requirements:
  \"supports_x\": true           the model is known to support it
  \"min_K\": n, \"max_K\": n       bounds on a number, built in or your own
  \"K\": value                   your own key: equal, or a member where the model has a list
  \"K\": {\">=\": 0.9}             ==, !=, >, >=, <, <=, in, not, contains")]
pub(crate) struct SelectArguments {
    /// What a model has to meet: a JSON object
    #[arg(value_name = "REQUIREMENTS", default_value = "{}", hide_default_value = true)]
    pub(crate) requirements: String,

    /// What is wished of a model: a JSON object; it changes the order and excludes nothing
    #[arg(long, value_name = "JSON")]
    pub(crate) prefer: Option<String>,

    /// Choose in this named pool
    #[arg(long, value_name = "NAME", conflicts_with = "model")]
    pub(crate) pool: Option<String>,

    /// Plan as if a client had named this model
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,
}

/// What `chat` is told.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  modelpool chat \"What is a monad?\"
  modelpool chat --model sql-expert \"All customers without an order\"
  modelpool chat --image cat.png \"What is this?\"            goes to a model that can see
  git diff | modelpool chat \"Review this change\"
  modelpool chat --require '{\"runs_locally\": true}' \"Keep this to yourself\"")]
pub(crate) struct ChatArguments {
    /// The message; several words are joined
    #[arg(value_name = "MESSAGE")]
    pub(crate) message: Vec<String>,

    /// An alias, a pool, or `auto`
    #[arg(long, value_name = "NAME", default_value = "auto")]
    pub(crate) model: String,

    /// What the model has to meet: a JSON object
    #[arg(long, value_name = "JSON")]
    pub(crate) require: Option<String>,

    /// The system message
    #[arg(long, value_name = "TEXT")]
    pub(crate) system: Option<String>,

    /// An image to send along (PNG, JPEG, GIF or WebP); may be given several times
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) image: Vec<PathBuf>,

    /// Wait for the whole answer instead of writing it as it comes
    #[arg(long)]
    pub(crate) no_stream: bool,
}

/// What `agent` is told.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  modelpool agent                                      talk about this folder
  modelpool agent --folder notes \"What did I plan for May?\"
  modelpool agent --write \"Write a summary of README.md to SUMMARY.md\"
  modelpool agent --budget 0.05 --rounds 8 \"Find the bug in src\"
  modelpool agent --mcp \"git=uvx mcp-server-git\" \"What changed last week?\"
  modelpool agent --simulated \"Please use the tool list_folder\"   no key, no network")]
pub(crate) struct AgentArguments {
    /// The message; several words are joined
    #[arg(value_name = "MESSAGE")]
    pub(crate) message: Vec<String>,

    /// The folder it works with
    #[arg(long, value_name = "FOLDER", default_value = ".", value_hint = ValueHint::DirPath)]
    pub(crate) folder: PathBuf,

    /// Let it write files, too
    #[arg(long)]
    pub(crate) write: bool,

    /// An alias, a pool, or `auto`
    #[arg(long, value_name = "NAME", default_value = "auto")]
    pub(crate) model: String,

    /// What the models have to meet: KEY=VALUE, or a JSON object; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) require: Vec<String>,

    /// Tools of an MCP server: a program with its arguments, or an address; may be given several times. Needs the
    /// feature `mcp`
    #[arg(long, value_name = "NAME=COMMAND|URL")]
    pub(crate) mcp: Vec<String>,

    /// The instructions, in place of the usual ones
    #[arg(long, value_name = "TEXT")]
    pub(crate) system: Option<String>,

    /// An image to send along with the message (PNG, JPEG, GIF or WebP); may be given several times
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) image: Vec<PathBuf>,

    /// US dollars that a turn may cost at most
    #[arg(long, value_name = "USD")]
    pub(crate) budget: Option<f64>,

    /// Answers of models that a turn may take at most
    #[arg(long, value_name = "NUMBER", default_value_t = 24)]
    pub(crate) rounds: u32,

    /// Seconds that a turn may take at most
    #[arg(long, value_name = "SECONDS")]
    pub(crate) seconds: Option<u64>,

    /// Talk to simulated models on this machine, without a configuration
    #[arg(long)]
    pub(crate) simulated: bool,
}

/// Which gateway is asked.
#[derive(Debug, Args)]
pub(crate) struct GatewayArguments {
    /// Where the gateway is
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080", value_hint = ValueHint::Url)]
    pub(crate) url: String,
}

/// What `stats` is told.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  modelpool stats
  modelpool stats fast                        one model, by period
  modelpool stats --period hour --url http://10.0.0.7:8080
  modelpool stats --json | jq '.models | map_values(.success_rate)'")]
pub(crate) struct StatsArguments {
    /// Tell of this model alone
    #[arg(value_name = "ALIAS")]
    pub(crate) alias: Option<String>,

    /// What of all models is told
    #[arg(long, value_name = "PERIOD", default_value = "ever", conflicts_with = "alias")]
    pub(crate) period: Period,

    #[command(flatten)]
    pub(crate) gateway: GatewayArguments,
}

/// A period of statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Period {
    /// The last minute
    Minute,
    /// The last hour
    Hour,
    /// Since the gateway was started
    Ever,
}

/// What `trace` is told.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  modelpool trace req_7f3c9a0e5b21d846000000000001
  modelpool trace req_7f3c9a0e5b21d846000000000001 --json | jq '.attempts[] | {alias, latency_ms, error}'")]
pub(crate) struct TraceArguments {
    /// The id of the request
    #[arg(value_name = "ID")]
    pub(crate) id: String,

    #[command(flatten)]
    pub(crate) gateway: GatewayArguments,
}

/// What `init` is told.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  modelpool init
  modelpool init --yes && modelpool check && modelpool serve
  modelpool init --server http://10.0.0.7:8000/v1       ask this server for its models, too")]
pub(crate) struct InitArguments {
    /// Ask nothing, take all that is found
    #[arg(long, short)]
    pub(crate) yes: bool,

    /// Replace the file if there is one
    #[arg(long)]
    pub(crate) force: bool,

    /// Ask this OpenAI-compatible server for its models, too; may be given several times
    #[arg(long, value_name = "URL")]
    pub(crate) server: Vec<String>,

    /// Do not look for servers on this machine
    #[arg(long)]
    pub(crate) no_search: bool,
}

/// What `import` is told.
#[derive(Debug, Args)]
pub(crate) struct ImportArguments {
    #[command(subcommand)]
    pub(crate) from: ImportFrom,
}

/// Whose configuration it is.
#[derive(Debug, Subcommand)]
pub(crate) enum ImportFrom {
    /// The configuration of a LiteLLM proxy
    ///
    /// Turns the configuration of a LiteLLM proxy into one of ours.
    ///
    /// Models, groups of deployments, fallbacks, routing, prices, abilities and the master key are
    /// carried over; references to the environment stay references. Whatever could not be carried
    /// over is listed with its line, and then the exit code is 1.
    Litellm(ImportLitellmArguments),
}

/// What `import litellm` is told.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  modelpool import litellm config.yaml > modelpool.yaml
  modelpool import litellm config.yaml --output modelpool.yaml
  modelpool import litellm config.yaml --json | jq '.not_carried_over'")]
pub(crate) struct ImportLitellmArguments {
    /// The proxy's config.yaml
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,

    /// Write to this file instead of to standard output
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,

    /// Replace the file if there is one
    #[arg(long, requires = "output")]
    pub(crate) force: bool,
}

/// What `demo` is told.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  modelpool demo
  modelpool demo --once                       end after the requests; 1 if one went elsewhere
  modelpool demo --listen 127.0.0.1:9000")]
pub(crate) struct DemoArguments {
    /// End after the example requests, with exit code 1 if one of them did not go as it should
    #[arg(long)]
    pub(crate) once: bool,

    /// Where the gateway listens; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
}

/// What `simulate-upstream` is told.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  modelpool simulate-upstream --listen 127.0.0.1:9999 --model fast --model strong
  modelpool simulate-upstream --first-token-ms 300 --tokens-per-second 40
  modelpool simulate-upstream --fault '{\"times\": 2, \"fault\": {\"kind\": \"status\", \"status\": 503}}'
  modelpool simulate-upstream --options upstream.json

  curl 127.0.0.1:9999/simulator/faults -d '{\"fault\": {\"kind\": \"cut_after_chunks\", \"chunks\": 3}}'")]
pub(crate) struct SimulateUpstreamArguments {
    /// Listen here, on loopback; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: Option<SocketAddr>,

    /// A file with all options, as JSON; the other flags change what stands there
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) options: Option<PathBuf>,

    /// Know this model and no other; may be given several times [default: any name]
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Vec<String>,

    /// What to answer [default: a sentence that says it is simulated]
    #[arg(long, value_name = "TEXT")]
    pub(crate) answer: Option<String>,

    /// Tokens of each answer [default: as many as the text has]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) tokens: Option<u32>,

    /// Wait before the first token, in milliseconds
    #[arg(long, value_name = "MS")]
    pub(crate) first_token_ms: Option<u64>,

    /// Tokens per second of a stream [default: as fast as they are read]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) tokens_per_second: Option<f64>,

    /// Ask for this key; may be given several times [default: no key]
    #[arg(long, value_name = "KEY")]
    pub(crate) api_key: Vec<String>,

    /// Queue a fault, as JSON; may be given several times
    #[arg(long, value_name = "JSON")]
    pub(crate) fault: Vec<String>,
}

/// What `completions` is told.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  bash        modelpool completions bash > ~/.local/share/bash-completion/completions/modelpool
  zsh         modelpool completions zsh > \"${fpath[1]}/_modelpool\"
  fish        modelpool completions fish > ~/.config/fish/completions/modelpool.fish
  PowerShell  modelpool completions powershell >> $PROFILE
  elvish      modelpool completions elvish >> ~/.config/elvish/rc.elv")]
pub(crate) struct CompletionsArguments {
    /// Whose completions
    #[arg(value_name = "SHELL")]
    pub(crate) shell: Shell,
}

/// What `man` is told.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  modelpool man | man -l -
  modelpool man --folder ~/.local/share/man/man1")]
pub(crate) struct ManArguments {
    /// Write one page per command here instead; the folder is made if it is missing
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub(crate) folder: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_command_and_option_says_what_it_is_for() {
        fn look(command: &clap::Command) {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for argument in command.get_arguments() {
                let id = argument.get_id();
                assert!(argument.get_help().is_some(), "{} {id}", command.get_name());
            }
            command.get_subcommands().for_each(look);
        }
        look(&Arguments::command());
    }
}
