use crate::run::Program;

const SMALL: &str =
    "model_list:\n  - model_name: fast\n    litellm_params: {model: groq/llama-3.1-8b-instant}\n";

#[test]
fn a_file_that_is_carried_over_whole_is_0_and_right() {
    let program = Program::new()
        .with_file("litellm.yaml", SMALL)
        .with_variable("GROQ_API_KEY", "gsk");
    let ended = program.run(&["import", "litellm", "litellm.yaml"]).exits(0);
    assert!(ended.stdout.contains("alias: fast"), "{ended:?}");
    program
        .run(&["import", "litellm", "litellm.yaml", "--output", "modelpool.yaml"])
        .exits(0);
    assert_eq!(program.file("modelpool.yaml"), ended.stdout);
    program.run(&["check"]).exits(0);
}

#[test]
fn a_file_that_is_there_is_replaced_only_by_force() {
    let program = Program::new()
        .with_file("litellm.yaml", SMALL)
        .with_file("out.yaml", "mine");
    let ended = program
        .run(&["import", "litellm", "litellm.yaml", "-o", "out.yaml"])
        .exits(1);
    assert!(ended.stderr.contains("out.yaml is there already"), "{ended:?}");
    assert_eq!(program.file("out.yaml"), "mine");
    program
        .run(&["import", "litellm", "litellm.yaml", "-o", "out.yaml", "--force"])
        .exits(0);
    assert!(program.file("out.yaml").contains("groq"));
}

#[test]
fn what_is_missing_is_1_and_listed_by_line() {
    let source = include_str!("../litellm/production.yaml");
    let program = Program::new().with_file("litellm.yaml", source);
    let program = [
        "OPENAI_API_KEY",
        "OPENROUTER_API_KEY",
        "GROQ_API_KEY",
        "LITELLM_MASTER_KEY",
    ]
    .into_iter()
    .fold(program, |program, variable| {
        program.with_variable(variable, format!("value-{variable}"))
    });
    let ended = program
        .run(&["import", "litellm", "litellm.yaml", "-o", "modelpool.yaml"])
        .exits(1);
    let line = "litellm.yaml:72:3: litellm_settings.drop_params: requests pass through unchanged here";
    assert!(ended.stderr.contains(line), "{}", ended.stderr);
    program.run(&["check"]).exits(0);
    let route = program
        .run(&["select", "--json", "--pool", "gpt-4o"])
        .exits(0)
        .document();
    assert_eq!(route["ranking"].as_array().unwrap().len(), 3);
    assert_eq!(route["selector"], "tiers");

    let document = program
        .run(&["import", "litellm", "litellm.yaml", "--json"])
        .exits(1)
        .document();
    assert_eq!(document["models"], 7);
    assert_eq!(document["not_carried_over"].as_array().unwrap().len(), 13);
    assert_eq!(
        document["not_carried_over"][5]["path"],
        "litellm_settings.drop_params"
    );
    assert_eq!(document["configuration"], program.file("modelpool.yaml"));
}

#[test]
fn a_result_that_would_be_refused_is_said_to_be() {
    let source = SMALL.replace("groq/llama-3.1-8b-instant", "openai/m, api_base: 'ftp://files'");
    let program = Program::new().with_file("litellm.yaml", source);
    let ended = program.run(&["import", "litellm", "litellm.yaml"]).exits(1);
    assert!(
        ended
            .stderr
            .contains("expected an address that begins with http://"),
        "{ended:?}"
    );
    let document = program
        .run(&["import", "litellm", "litellm.yaml", "--json"])
        .exits(1)
        .document();
    assert_eq!(document["problems"].as_array().unwrap().len(), 1);
}

#[test]
fn what_cannot_be_read_is_3() {
    let program = Program::new()
        .with_file("broken.yaml", "a: [1\nb: 2\n")
        .with_file("bytes.yaml", [0xFF, 0xFE]);
    let ended = program.run(&["import", "litellm", "broken.yaml"]).exits(3);
    assert!(ended.stderr.contains("broken.yaml:2:"), "{ended:?}");
    program.run(&["import", "litellm", "bytes.yaml"]).exits(3);
    program.run(&["import", "litellm", "nowhere.yaml"]).exits(3);
}
