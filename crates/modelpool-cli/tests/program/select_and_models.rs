//! The models of the design's second and fifth example, asked for from the command line.

use serde_json::json;

use crate::run::Program;

const EXAMPLES: &str = "\
models:
  - {alias: default, provider: openai_compatible, base_url: 'http://127.0.0.1:9', model_name: gpt-3.5-turbo, capabilities: {supports_tools: true, max_tokens: 4096, context_window: 4096, cost_per_1k_tokens: 0.002}}
  - {alias: vision, provider: openai_compatible, base_url: 'http://127.0.0.1:9', model_name: gpt-4-vision, capabilities: {supports_vision: true, context_window: 8192, cost_per_1k_tokens: 0.04}}
  - {alias: large-context, provider: openai_compatible, base_url: 'http://127.0.0.1:9', model_name: claude-3-opus, capabilities: {context_window: 200000, cost_per_1k_tokens: 0.015}}
  - {alias: sql-expert, provider: custom, base_url: 'http://127.0.0.1:9', model_name: my-sql-model, capabilities: {custom: {specialized_for: sql_generation, accuracy: 0.95, supports_dialects: [postgresql, mysql]}}}
pools:
  sighted: {models: [vision, large-context], requirements: {supports_vision: true}}
";

#[test]
fn the_examples_hold() {
    let program = Program::configured(EXAMPLES);
    for (requirements, expected) in [
        ("{}", "default"),
        (r#"{"supports_vision": true}"#, "vision"),
        (r#"{"min_context_window": 50000}"#, "large-context"),
        (r#"{"specialized_for": "sql_generation"}"#, "sql-expert"),
        (
            r#"{"accuracy": {">=": 0.9}, "supports_dialects": ["mysql"]}"#,
            "sql-expert",
        ),
    ] {
        let document = program
            .run(&["select", requirements, "--json"])
            .exits(0)
            .document();
        assert_eq!(document["selected"], expected, "{requirements}");
        assert_eq!(document["ranking"][0]["alias"], expected);
        assert_eq!(document["ranking"][0]["rank"], 1);
    }
    assert_eq!(
        program.run(&["select", "--json"]).exits(0).document()["selected"],
        "default"
    );
}

#[test]
fn the_catalog_is_searched_without_a_configuration() {
    let program = Program::new();
    let document = program
        .run(&["models", "--catalog", "openai gpt-4o-mini", "--json"])
        .exits(0)
        .document();
    let models = document["models"].as_array().unwrap();
    let mini = models
        .iter()
        .find(|model| model["model_name"] == "gpt-4o-mini")
        .unwrap();
    assert_eq!(mini["provider"], "openai");
    assert_eq!(mini["mode"], "chat");
    assert_eq!(mini["prices"]["input"], 0.15);
    assert_eq!(mini["flags"]["supports_tools"], true);
    assert!(document["source"].as_str().unwrap().contains("litellm"));
    let table = program
        .run(&["models", "--catalog", "openai gpt-4o-mini"])
        .exits(0)
        .stdout;
    assert!(table.contains("0.15 / 0.6"), "{table}");
    let nothing = program
        .run(&["models", "--catalog", "no such model"])
        .exits(0)
        .stdout;
    assert_eq!(nothing.trim(), "the catalog knows no such model");
}

#[test]
fn the_document_has_the_shape_of_a_route() {
    let program = Program::configured(EXAMPLES);
    let document = program
        .run(&["select", r#"{"supports_vision": true}"#, "--json"])
        .exits(0)
        .document();
    let keys: Vec<&String> = document.as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        [
            "selected",
            "pool",
            "selector",
            "requirements",
            "inferred",
            "ranking",
            "rejected"
        ]
    );
    assert_eq!(document["pool"], "auto");
    assert_eq!(document["selector"], "capability");
    assert_eq!(document["requirements"], json!({"supports_vision": true}));
    assert_eq!(
        document["inferred"],
        json!({}),
        "there is no message to infer anything from"
    );
    let missing = &document["rejected"][0]["missing"][0];
    assert_eq!(
        missing,
        &json!({"key": "supports_vision", "wanted": true, "has": null, "provenance": "default"})
    );
}

#[test]
fn the_table_says_who_wins_and_why_the_others_lost() {
    let program = Program::configured(EXAMPLES);
    let ended = program.run(&["select", r#"{"supports_vision": true}"#]).exits(0);
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert!(lines[0].starts_with("rank  alias"), "{}", ended.stdout);
    assert!(lines[1].starts_with("1     vision"), "{}", ended.stdout);
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("large-context  supports_vision: wanted true")),
        "{}",
        ended.stdout
    );
    assert!(ended.stderr.is_empty());
}

#[test]
fn nothing_fits_is_4_and_an_unknown_key_names_the_nearest() {
    let program = Program::configured(EXAMPLES);
    let ended = program.run(&["select", r#"{"supports_vison": true}"#]).exits(4);
    assert!(ended.stdout.contains("no model fits"), "{ended:?}");
    assert!(
        ended
            .stdout
            .contains("no model knows `supports_vison`, did you mean `supports_vision`?"),
        "{ended:?}"
    );
    let document = program
        .run(&["select", r#"{"supports_vison": true}"#, "--json"])
        .exits(4)
        .document();
    assert_eq!(document["selected"], json!(null));
    assert_eq!(
        document["unknown_keys"],
        json!([{"key": "supports_vison", "nearest": "supports_vision"}])
    );
    assert_eq!(document["rejected"].as_array().unwrap().len(), 4);
    Program::configured("models: []\n").run(&["select"]).exits(4);
}

#[test]
fn requirements_that_are_none_are_2() {
    let program = Program::configured(EXAMPLES);
    for (requirements, part) in [
        ("{", "REQUIREMENTS is not JSON"),
        ("[]", "REQUIREMENTS is not a JSON object"),
        (r#"{"model": "vision"}"#, "model"),
        (r#"{"supports_tools": 1, "alias": "x"}"#, "expected true or false"),
    ] {
        let ended = program.run(&["select", requirements]).exits(2);
        assert!(ended.stderr.contains(part), "{ended:?}");
        let ended = program.run(&["select", requirements, "--json"]).exits(2);
        assert_eq!(ended.document()["error"]["code"], "usage");
    }
}

#[test]
fn pools_preferences_and_named_models() {
    let program = Program::configured(EXAMPLES);
    let selected = |arguments: &[&str]| {
        let arguments = [&["select", "--json"], arguments].concat();
        program.run(&arguments).document()["selected"].clone()
    };
    assert_eq!(selected(&["--pool", "sighted"]), "vision");
    assert_eq!(
        selected(&["--prefer", r#"{"specialized_for": "sql_generation"}"#]),
        "sql-expert"
    );
    assert_eq!(selected(&["--model", "large-context"]), "large-context");
    assert_eq!(
        selected(&["--model", "large-context", r#"{"supports_vision": true}"#]),
        json!(null)
    );
    let ended = program.run(&["select", "--pool", "vision"]).exits(1);
    assert!(
        ended.stderr.contains("`vision` is a model, not a pool"),
        "{ended:?}"
    );
    let ended = program.run(&["select", "--model", "visoin"]).exits(1);
    assert!(ended.stderr.contains("did you mean `vision`?"), "{ended:?}");
}

#[test]
fn models_are_listed_with_what_is_known_of_them() {
    let program = Program::configured(EXAMPLES);
    let ended = program.run(&["models"]).exits(0);
    for part in [
        "default (default)",
        "gpt-4-vision",
        "200000",
        "2 / 2",
        "tools",
        "specialized_for=sql_generation",
        "sighted",
    ] {
        assert!(ended.stdout.contains(part), "{part}\n{}", ended.stdout);
    }
    let document = program.run(&["models", "--json"]).exits(0).document();
    assert_eq!(document["default"], "default");
    assert_eq!(document["models"][1]["capabilities"]["supports_vision"], true);
    assert_eq!(document["pools"][0]["models"], json!(["vision", "large-context"]));
}
