//! The shipped JSON Schema and reference page say what the tables say.
//!
//! After a change of the tables, `MODELPOOL_BLESS=1 cargo test -p modelpool --test config_documents`
//! writes them anew.

use std::path::PathBuf;

use modelpool::config::{self, Format, NoChecks};
use serde_json::Value;

const BEGIN: &str = "<!-- begin: made from the tables of the reader, do not edit -->\n";
const END: &str = "<!-- end -->\n";

fn document(name: &str) -> (PathBuf, String) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs")
        .join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    (path, text)
}

#[track_caller]
fn assert_up_to_date(name: &str, expected: &str) {
    let (path, text) = document(name);
    if std::env::var_os("MODELPOOL_BLESS").is_some() {
        std::fs::write(path, expected).expect("docs/ can be written");
        return;
    }
    assert_eq!(
        text, expected,
        "docs/{name} is out of date, see the top of this test"
    );
}

#[test]
fn the_schema_is_shipped() {
    let schema = serde_json::to_string_pretty(&config::json_schema()).unwrap();
    assert_up_to_date("modelpool.schema.json", &format!("{schema}\n"));
}

#[test]
fn the_reference_is_shipped() {
    let (_, text) = document("configuration.md");
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let reference = config::reference_markdown();
    let expected = format!("{before}{BEGIN}\n{reference}{END}{after}");
    assert_up_to_date("configuration.md", &expected);
}

/// Every `yaml` block of the page is a configuration, or a part of one that `models` completes.
#[test]
fn the_examples_of_the_page_are_right() {
    let (_, text) = document("configuration.md");
    let environment = |name: &str| Some(format!("value-of-{name}"));
    let blocks: Vec<_> = text
        .split("```yaml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert!(!blocks.is_empty());
    for block in blocks {
        let models = if block.contains("models:") {
            ""
        } else {
            "models: []\n"
        };
        let source = format!("{block}{models}");
        if let Err(problems) = config::read(&source, Format::Yaml, "page", &environment, &NoChecks) {
            panic!("{}", problems.render_with_source());
        }
    }
}

/// The schema refers only to what it defines, and knows no key of a later version.
#[test]
fn the_schema_is_closed() {
    let schema = config::json_schema();
    let definitions = schema["$defs"].as_object().unwrap();
    let text = schema.to_string();
    let mut references = 0;
    for part in text.split("\"#/$defs/").skip(1) {
        let name = part.split('"').next().unwrap();
        assert!(definitions.contains_key(name), "{name}");
        references += 1;
    }
    assert!(references > 8);
    for later in ["\"experiments\"", "\"budget\"", "\"shared\"", "\"sqlite\""] {
        assert!(!text.contains(later), "{later}");
    }
    assert_eq!(schema["required"], serde_json::json!(["models"]));
    assert_eq!(schema["additionalProperties"], Value::Bool(false));
}
