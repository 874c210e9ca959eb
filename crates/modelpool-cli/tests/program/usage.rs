//! The command line itself: help, mistakes, colours, pipes.

use std::io::Read as _;

use crate::run::Program;

const COMMANDS: [&str; 16] = [
    "serve",
    "check",
    "models",
    "select",
    "chat",
    "agent",
    "detect",
    "warmup",
    "stats",
    "trace",
    "init",
    "import",
    "demo",
    "simulate-upstream",
    "completions",
    "man",
];

#[test]
fn help_lists_the_commands_and_each_has_its_own_with_examples() {
    let program = Program::new();
    let help = program.run(&["--help"]).exits(0).stdout;
    for command in COMMANDS {
        assert!(help.contains(&format!("\n  {command} ")), "{command}\n{help}");
        let arguments: &[&str] = if command == "import" {
            &["import", "litellm", "--help"]
        } else {
            &[command, "--help"]
        };
        let own = program.run(arguments).exits(0).stdout;
        assert!(
            own.contains("Examples:") && own.contains(&format!("modelpool {command}")),
            "{own}"
        );
    }
    let long = program.run(&["select", "--help"]).exits(0).stdout;
    let short = program.run(&["select", "-h"]).exits(0).stdout;
    assert!(long.contains("The exit code is 4") && !short.contains("The exit code is 4"));
    assert!(help.contains("Exit codes:"));
    let version = program.run(&["--version"]).exits(0).stdout;
    assert_eq!(version, format!("modelpool {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_wrong_command_line_is_2_and_says_what_is_near() {
    let program = Program::new();
    let ended = program.run(&["modles"]).exits(2);
    assert!(
        ended.stdout.is_empty() && ended.stderr.contains("models"),
        "{ended:?}"
    );
    program.run(&[]).exits(2);
    program.run(&["select", "--pool", "a", "--model", "b"]).exits(2);
    let ended = program.run(&["--json", "modles"]).exits(2);
    assert_eq!(ended.document()["error"]["code"], "usage");
    assert!(ended.stderr.is_empty());
}

#[test]
fn without_a_configuration_it_is_3_and_says_how_to_get_one() {
    for command in ["serve", "check", "models", "select"] {
        let ended = Program::new().run(&[command]).exits(3);
        assert!(ended.stderr.contains("modelpool init"), "{ended:?}");
        let ended = Program::new().run(&[command, "--json"]).exits(3);
        let error = &ended.document()["error"];
        assert_eq!(error["code"], "configuration");
        assert_eq!(error["message"], "there is no modelpool.yaml in this folder");
    }
    let ended = Program::new()
        .run(&["check", "--config", "nowhere.yaml"])
        .exits(3);
    assert!(
        ended.stderr.contains("nowhere.yaml: there is no such file"),
        "{ended:?}"
    );
}

#[test]
fn the_configuration_is_named_by_flag_then_variable_then_folder() {
    let model = |alias: &str| format!("models: [{{alias: {alias}, provider: vllm, model_name: m}}]\n");
    let program = Program::configured(&model("here"))
        .with_file("flag.yaml", model("by-flag"))
        .with_file("variable.yaml", model("by-variable"));
    let alias = |ended: crate::run::Ended| ended.exits(0).document()["models"][0]["alias"].clone();
    assert_eq!(alias(program.run(&["models", "--json"])), "here");
    let program = program.with_variable("MODELPOOL_CONFIG", "variable.yaml");
    assert_eq!(alias(program.run(&["models", "--json"])), "by-variable");
    assert_eq!(
        alias(program.run(&["models", "--json", "--config", "flag.yaml"])),
        "by-flag"
    );
    assert_eq!(
        alias(program.run(&["--config", "flag.yaml", "--json", "models"])),
        "by-flag"
    );
    program.run(&["check", "flag.yaml"]).exits(0);
}

#[test]
fn colours_stay_out_of_pipes_and_come_where_they_are_forced() {
    let program = Program::configured("models: [{alias: a, provider: vllm, model_name: m}]\n");
    let plain = program.run(&["models"]).exits(0).stdout;
    assert!(!plain.contains('\u{1b}'), "{plain:?}");
    let program = program.with_variable("CLICOLOR_FORCE", "1");
    assert!(program.run(&["models"]).exits(0).stdout.contains('\u{1b}'));
    let program = program
        .with_variable("NO_COLOR", "1")
        .with_variable("CLICOLOR_FORCE", "0");
    assert!(!program.run(&["models"]).exits(0).stdout.contains('\u{1b}'));
    assert!(
        !program
            .run(&["models", "--json"])
            .exits(0)
            .stdout
            .contains('\u{1b}')
    );
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    // A table several times as long as a pipe holds.
    let name = "m".repeat(200);
    let models: String = (0..1000)
        .map(|n| format!("- {{alias: m{n}, provider: vllm, model_name: {name}}}\n"))
        .collect();
    let program = Program::configured(&format!("models:\n{models}"));
    let mut child = program.command(&["models"]).spawn().unwrap();
    // One byte is read, and then nobody listens: most of the table finds the pipe closed.
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut [0]).unwrap();
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && stderr.is_empty(),
        "{:?} {stderr}",
        output.status
    );
}
