//! The agent, with simulated models.

use std::process::Stdio;

use serde_json::Value;

use crate::run::Program;

fn folder() -> Program {
    let program = Program::new();
    std::fs::create_dir(program.path().join("notes")).unwrap();
    program
        .with_file("readme.md", "The lamp burns oil.\n")
        .with_file("notes/may.md", "Herring in May.\n")
}

fn events(stdout: &str) -> Vec<Value> {
    stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_turn_with_tools_tells_models_tools_and_cost() {
    let program = folder();
    let ended = program
        .run(&["agent", "--simulated", "Please use the tool list_folder"])
        .exits(0);
    assert!(
        ended.stdout.contains("simulated") && ended.stdout.ends_with('\n'),
        "{ended:?}"
    );
    for told in [
        "handy",
        "→ list_folder ",
        "✓ list_folder: ",
        " tokens in, ",
        " · $0.00",
        " · 2 rounds · 1 tool",
    ] {
        assert!(ended.stderr.contains(told), "{told}\n{}", ended.stderr);
    }
    // A question that needs no tool is answered all the same by one that has them: they are offered.
    let ended = program.run(&["agent", "--simulated", "--model", "plain", "Good morning"]);
    assert!(
        ended.stderr.contains("plain lacks") || ended.code == 4,
        "{ended:?}"
    );
}

#[test]
fn events_are_lines_of_json() {
    let program = folder();
    let ended = program
        .run(&[
            "agent",
            "--json",
            "--simulated",
            "Please use the tool list_folder",
        ])
        .exits(0);
    let events = events(&ended.stdout);
    let kinds: Vec<&str> = events
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    for kind in [
        "thinking",
        "context",
        "llm_streaming",
        "tool_call",
        "tool_result",
        "response_delta",
    ] {
        assert!(kinds.contains(&kind), "{kind}: {kinds:?}");
    }
    let last = events.last().unwrap();
    assert_eq!(
        (&last["type"], &last["metadata"]["stopped"]),
        (&"turn_complete".into(), &"done".into())
    );
    assert_eq!(last["metadata"]["model_alias"], "handy");
    let result = events
        .iter()
        .find(|event| event["type"] == "tool_result")
        .unwrap();
    assert!(
        result["content"].as_str().unwrap().contains("readme.md"),
        "{result}"
    );
    assert!(ended.stderr.is_empty(), "{}", ended.stderr);
}

#[test]
fn it_writes_only_where_it_is_allowed_to() {
    let program = folder();
    let offered = |arguments: &[&str]| {
        let ended = program.run(
            &[
                &["agent", "--json", "--simulated"],
                arguments,
                &["use the tool write_file"],
            ]
            .concat(),
        );
        let called = events(&ended.stdout)
            .into_iter()
            .filter(|event| event["type"] == "tool_call");
        called
            .map(|event| event["metadata"]["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    // The simulated model calls whatever tool the words may mean, of those that there are.
    assert!(!offered(&[]).contains(&"write_file".to_owned()));
    assert!(offered(&["--write"]).contains(&"write_file".to_owned()));
}

#[test]
fn a_picture_goes_to_a_model_that_sees() {
    const PIXEL: &[u8] = &[0x89, b'P', b'N', b'G', 13, 10, 26, 10];
    let program = folder().with_file("cat.png", PIXEL);
    let ended = program
        .run(&["agent", "--simulated", "--image", "cat.png", "What is this?"])
        .exits(0);
    assert!(ended.stderr.contains("vision · "), "{ended:?}");
    assert!(ended.stdout.contains("1 image"), "{ended:?}");
}

#[test]
fn requirements_and_limits_hold() {
    let program = folder();
    let ended = program
        .run(&[
            "agent",
            "--simulated",
            "--require",
            "supports_vision=true",
            "Hello",
        ])
        .exits(0);
    assert!(ended.stderr.contains("vision · "), "{ended:?}");
    let ended = program
        .run(&[
            "agent",
            "--simulated",
            "--require",
            r#"{"speaks": "latin"}"#,
            "Hello",
        ])
        .exits(4);
    assert!(ended.stderr.contains("no model knows `speaks`"), "{ended:?}");
    let ended = program
        .run(&[
            "agent",
            "--simulated",
            "--rounds",
            "1",
            "use the tool list_folder",
        ])
        .exits(1);
    assert!(
        ended.stderr.contains("its limit of 1 rounds is reached"),
        "{ended:?}"
    );
    let ended = program
        .run(&["agent", "--simulated", "--budget", "0.0000001", "Hello"])
        .exits(1);
    assert!(ended.stderr.contains("US dollars is reached"), "{ended:?}");
    for arguments in [
        &["--budget", "0"][..],
        &["--budget", "-1"],
        &["--rounds", "0"],
        &["--require", "vision"],
        &["--require", "supports_vision=maybe"],
    ] {
        program
            .run(&[&["agent", "--simulated"], arguments, &["Hello"]].concat())
            .exits(2);
    }
    let ended = program
        .run(&["agent", "--simulated", "--folder", "nowhere", "Hello"])
        .exits(1);
    assert!(
        ended.stderr.contains("cannot open the folder nowhere"),
        "{ended:?}"
    );
    program.run(&["agent", "Hello"]).exits(3);
    let ended = program.run(&["agent", "--simulated"]).exits(2);
    assert!(ended.stderr.contains("there is no message"), "{ended:?}");
}

#[test]
fn what_is_piped_in_is_the_message() {
    let ended = folder()
        .run_with_input(&["agent", "--simulated"], "use the tool list_folder\n")
        .exits(0);
    assert!(ended.stderr.contains("→ list_folder "), "{ended:?}");
}

#[cfg(not(feature = "mcp"))]
#[test]
fn mcp_servers_are_refused_where_the_feature_is_off() {
    let ended = folder()
        .run(&["agent", "--simulated", "--mcp", "git=git-server", "Hello"])
        .exits(2);
    assert!(ended.stderr.contains("--features mcp"), "{ended:?}");
}

#[cfg(all(unix, feature = "mcp"))]
#[test]
fn tools_of_an_mcp_server_are_offered() {
    let server = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../modelpool-agent/tests/mcp/server.sh"
    );
    let program = folder();
    let state = tempfile::tempdir().unwrap();
    let named = format!("shell=sh {server} {}", state.path().display());
    let ended = program
        .run(&[
            "agent",
            "--json",
            "--simulated",
            "--mcp",
            &named,
            "use the tool shell__variables",
        ])
        .exits(0);
    let events = events(&ended.stdout);
    let called = events.iter().filter(|event| event["type"] == "tool_result");
    let called: Vec<&str> = called
        .map(|event| event["metadata"]["name"].as_str().unwrap())
        .collect();
    assert!(called.contains(&"shell__variables"), "{called:?}");
    // The server and what it started are gone with the program.
    let pids = std::fs::read_to_string(state.path().join("pids")).unwrap();
    for pid in pids.lines() {
        let running = std::fs::read_to_string(format!("/proc/{pid}/stat"));
        assert!(
            running.is_err() || running.unwrap().contains(") Z "),
            "{pid} is left behind"
        );
    }
    let ended = program
        .run(&["agent", "--simulated", "--mcp", "gone=no-such-program", "Hello"])
        .exits(1);
    assert!(ended.stderr.contains("gone"), "{ended:?}");
    program
        .run(&["agent", "--simulated", "--mcp", "git", "Hello"])
        .exits(2);
}

#[cfg(unix)]
#[test]
fn told_to_stop_it_ends_the_turn_and_leaves() {
    let program = folder();
    let mut upstream = program.start(&["simulate-upstream", "--json", "--tokens-per-second", "2"]);
    let base_url = upstream.document()["base_url"].as_str().unwrap().to_owned();
    let configuration = format!(
        "models:\n- {{alias: slow, provider: openai_compatible, base_url: '{base_url}', model_name: small, capabilities: {{supports_tools: true}}}}\n"
    );
    let program = program.with_file("modelpool.yaml", configuration);
    let mut child = program
        .command(&["agent", "--json", "Tell me a long story about the sea"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stdout = child.stdout.take().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(stdout));
    let mut told = false;
    let mut last = Value::Null;
    while let Some(Ok(line)) = lines.next() {
        last = serde_json::from_str(&line).unwrap();
        if last["type"] == "response_delta" && !told {
            told = true;
            let id = child.id().to_string();
            assert!(
                std::process::Command::new("kill")
                    .args(["-INT", &id])
                    .status()
                    .unwrap()
                    .success()
            );
        }
    }
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert_eq!(last["metadata"]["stopped"], "cancelled");
    // What had been said is kept.
    assert_eq!(last["metadata"]["messages"].as_array().unwrap().len(), 2);
}
