//! What models can do, and how warm they are, from the command line.

use serde_json::json;

use crate::run::{Program, Running};

/// A simulated upstream, and a program whose one model is there.
fn stage() -> (Running, Program) {
    let program = Program::new();
    let mut upstream = program.start(&["simulate-upstream", "--json"]);
    let base = upstream.document()["base_url"].as_str().unwrap().to_owned();
    let configuration = format!(
        "models:\n- {{alias: m, provider: custom, base_url: '{base}', model_name: m, warmup: true, \
         capabilities: {{supports_vision: true, cost_per_1k_tokens: 0.001}}}}\n"
    );
    (upstream, program.with_file("modelpool.yaml", configuration))
}

#[test]
fn a_dry_run_says_what_it_would_use() {
    let program = Program::configured(
        "models:\n- {alias: m, provider: custom, base_url: 'http://127.0.0.1:9', model_name: m, \
         capabilities: {cost_per_1k_tokens: 0.001}}\n",
    );
    let document = program
        .run(&["detect", "--dry-run", "--json"])
        .exits(0)
        .document();
    let plan = &document["models"][0];
    assert_eq!(
        (&plan["alias"], &plan["token_budget"]),
        (&json!("m"), &json!(20_000))
    );
    assert_eq!(plan["tokens"], 20_000);
    assert_eq!(plan["probes"].as_array().unwrap().len(), 8);
    assert!((plan["cost_usd"].as_f64().unwrap() - 0.02).abs() < 1e-9, "{plan}");
    let text = program.run(&["detect", "m", "--dry-run"]).exits(0).stdout;
    assert!(text.contains("at most 20000 tokens, $0.020000"), "{text}");
    assert!(text.ends_with("nothing was called\n"), "{text}");
    let wrong = program.run(&["detect", "m", "--probe", "tool"]).exits(1).stderr;
    assert!(wrong.contains("did you mean `tools`?"), "{wrong}");
    program.run(&["detect", "n"]).exits(1);
}

#[test]
fn what_was_found_is_told() {
    let (_upstream, program) = stage();
    let arguments = ["detect", "m", "--probe", "tools", "--probe", "vision"];
    let text = program.run(&arguments).exits(0).stdout;
    assert!(
        text.contains("supports_vision is false, and was declared as true"),
        "{text}"
    );
    assert!(text.contains(r#"capabilities: {"#), "{text}");
    let document = program
        .run(&[arguments.as_slice(), &["--json"]].concat())
        .exits(0)
        .document();
    let model = &document["models"][0];
    assert_eq!(model["probes"][1]["verdict"], "no");
    let vision = model["found"]
        .as_array()
        .unwrap()
        .iter()
        .find(|found| found["key"] == "supports_vision")
        .unwrap();
    assert_eq!(
        (&vision["value"], &vision["contradicts"]),
        (&json!(false), &json!(true))
    );
    assert!(model["tokens"].as_u64().unwrap() <= 20_000);
}

#[test]
fn a_warm_up_is_measured() {
    let (_upstream, program) = stage();
    let document = program.run(&["warmup", "m", "--json"]).exits(0).document();
    assert_eq!(
        (&document["alias"], &document["ready"]),
        (&json!("m"), &json!("connection"))
    );
    for path in ["/warmup_ms", "/first_call_ms/without", "/first_call_ms/with"] {
        assert!(
            document.pointer(path).unwrap().as_f64().unwrap() > 0.0,
            "{document}"
        );
    }
    let text = program.run(&["warmup", "m"]).exits(0).stdout;
    assert!(text.contains("first call with a warm-up:"), "{text}");
    program.run(&["warmup", "n"]).exits(1);
}
