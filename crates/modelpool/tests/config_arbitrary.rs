//! Whatever the bytes are, reading them ends in a configuration or in mistakes that have a place in
//! the file: no panic, no endless loop, no position outside.

use std::time::Duration;

use modelpool::config::{self, Format, NoChecks};
use proptest::prelude::*;

const YAML: &str = r#"
listen: 127.0.0.1:8080
default: fast
models:
  - alias: fast
    provider: openai
    model_name: gpt-4o-mini
    api_key: ${KEY}
    capabilities: &c {supports_vision: true, custom: {图: [a, 1.5, ~]}}
  - {alias: "groq/*", provider: groq, api_key: ${KEY:-x}, capabilities: *c}
pools:
  support: {models: [fast], selector: cost}
timeouts: {connect_ms: 3000, total_ms: 600000}
retry: {same_model: 1, backoff_ms: [250, 4000]}
breaker: {window_s: 0.5, open_s: [0.2, 15]}
hedging: {max_share: 0.05}
keys:
  - {name: team-a, key: "k\u00e9y", models: [fast, support]}
"#;

const TOML: &str = r#"
default = "fast"
timeouts.connect_ms = 3_000
breaker = {open_s = 1_0.5, failures = 5}
retry.backoff_ms = [1, 2]
[[models]]
alias = "fast"
provider = "图"
model_name = 'm'
api_key = "${KEY}"
[models.capabilities]
custom.a = [1, 2.5, {b = 2024-01-01}]
[pools.support]
models = ["fast"]
"#;

const JSON: &str = r#"{"default": "fast", "models": [{"alias": "fast", "provider": "图",
"model_name": "m", "capabilities": {"custom": {"a": [1e5, null, "\ud83d\ude00"]}}}],
"breaker": {"open_s": [1, 1.5e1]}, "hedging": {"max_share": 1}, "pools": {"support": {"models": ["fast"], "selector": {"kind": "cost"}}}}"#;

fn seed(format: Format) -> &'static str {
    match format {
        Format::Yaml => YAML,
        Format::Toml => TOML,
        Format::Json => JSON,
    }
}

fn check(bytes: &[u8], format: Format) {
    let environment = |name: &str| (name == "KEY").then(|| "se\"c: [ret".to_owned());
    let Err(problems) = config::read_bytes(bytes, format, "m", &environment, &NoChecks) else {
        return;
    };
    let text = String::from_utf8_lossy(bytes);
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(&text);
    let normal = text.replace("\r\n", "\n").replace('\r', "\n");
    let lines: Vec<&str> = normal.split('\n').collect();
    assert!(!problems.as_slice().is_empty());
    for problem in problems.as_slice() {
        let at = problem.position.expect("a place in the file");
        let line = lines.get(at.line.wrapping_sub(1)).expect("a line of the file");
        let columns = 1..=line.chars().count() + 1;
        assert!(columns.contains(&at.column), "{at:?} in {problem:?}");
    }
    let shown = problems.render_with_source() + &problems.to_string();
    assert!(!shown.contains("se\"c"), "{shown}");
    assert!(serde_json::to_string(&problems).is_ok());
}

fn format() -> impl Strategy<Value = Format> {
    prop_oneof![Just(Format::Yaml), Just(Format::Toml), Just(Format::Json)]
}

/// Numbers in reach, at the edges, and of any size.
fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (0.0001_f64..2.0).prop_map(|number| number.to_string()),
        2 => prop::sample::select(vec!["0", "1", "0.001", "86400", "86400.001", ".inf", ".nan", "-0.0", "1e-400"])
            .prop_map(str::to_owned),
        1 => any::<f64>().prop_map(|number| format!("{number:e}")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200), format in format()) {
        check(&bytes, format);
    }

    #[test]
    fn arbitrary_syntax(text in "[a-c0-9:,{}\\[\\]\"'&*!|>%@`#~=.?$\\-\\\\ \t\r\n图\u{FEFF}]{0,60}", format in format()) {
        check(text.as_bytes(), format);
    }

    #[test]
    fn mutated_files(
        format in format(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..12_usize, "[ -~\n\t\r图]{0,3}"), 1..5),
    ) {
        let mut text: Vec<char> = seed(format).chars().collect();
        for (at, removed, inserted) in edits {
            let at = at.index(text.len() + 1);
            let end = (at + removed).min(text.len());
            text.splice(at..end, inserted.chars());
        }
        check(text.into_iter().collect::<String>().as_bytes(), format);
    }

    /// Whatever stands there, what is taken is within its range, and what grows does not shrink.
    #[test]
    fn times_and_shares_are_within_their_range(numbers in prop::collection::vec(number(), 4), one in any::<bool>()) {
        let [window, first, cap, share] = numbers.as_slice() else { unreachable!() };
        let open = if one { first.clone() } else { format!("[{first}, {cap}]") };
        let source = format!(
            "models: []\nbreaker: {{window_s: {window}, open_s: {open}}}\nhedging: {{max_share: {share}}}\n"
        );
        check(source.as_bytes(), Format::Yaml);
        if let Ok(config) = config::read(&source, Format::Yaml, "m", &|_: &str| None, &NoChecks) {
            let times = Duration::from_millis(1)..=Duration::from_secs(86_400);
            let breaker = config.breaker;
            prop_assert!([breaker.window, breaker.open_first, breaker.open_cap].iter().all(|t| times.contains(t)));
            prop_assert!(breaker.open_first <= breaker.open_cap);
            let share = config.hedging.expect("it is written").max_share;
            prop_assert!(share > 0.0 && share <= 1.0);
        }
    }

    /// The place of a misspelt key is where that key stands, whatever stands before it.
    #[test]
    fn a_wrong_key_is_where_it_stands(before in "[a-z图 #]{0,20}", breaks in 0..4_usize, windows in any::<bool>()) {
        let line_end = if windows { "\r\n" } else { "\n" };
        let gap = format!("# {before}{line_end}").repeat(breaks);
        let source = format!("{gap}models: [] {line_end}{gap}\"wröng\" : 1{line_end}");
        let problems = config::read(&source, Format::Yaml, "m", &|_: &str| None, &NoChecks).unwrap_err();
        let at = problems.as_slice()[0].position.unwrap();
        prop_assert_eq!((at.line, at.column), (2 * breaks + 2, 1));
        let source = format!("models = []{line_end}{gap}\"wröng\" = 1{line_end}");
        let problems = config::read(&source, Format::Toml, "m", &|_: &str| None, &NoChecks).unwrap_err();
        let at = problems.as_slice()[0].position.unwrap();
        prop_assert_eq!((at.line, at.column), (breaks + 2, 1));
    }
}

#[test]
fn seeds_are_right() {
    for format in [Format::Yaml, Format::Toml, Format::Json] {
        let environment = |_: &str| Some("x".to_owned());
        let source = seed(format).replace("k\\u00e9y", "key");
        let result = config::read(&source, format, "m", &environment, &NoChecks);
        assert!(result.is_ok(), "{}", result.unwrap_err());
    }
}

/// Files that would make a careless reader take minutes or gigabytes.
#[test]
fn large_hostile_files_end() {
    let megabyte = 1 << 20;
    for (format, source) in [
        (Format::Yaml, "[".repeat(megabyte)),
        (Format::Yaml, "${".repeat(megabyte)),
        (Format::Yaml, format!("a: [{}", "${A:-".repeat(megabyte / 5))),
        (Format::Yaml, "a: b\n".repeat(megabyte / 5)),
        (Format::Yaml, "- ".repeat(megabyte / 2)),
        (Format::Yaml, "? ".repeat(megabyte / 2)),
        (Format::Yaml, format!("a: \"{}\"", "图".repeat(megabyte / 3))),
        (Format::Toml, "a.".repeat(megabyte / 2)),
        (Format::Toml, "[[a]]\n".repeat(megabyte / 6)),
        (Format::Toml, "a = 1\n".repeat(megabyte / 6)),
        (
            Format::Yaml,
            format!(
                "models:\n{}",
                "- {alias: x, fallbacks: [y]}\n".repeat(megabyte / 30)
            ),
        ),
        (Format::Json, "[".repeat(megabyte)),
        (
            Format::Json,
            format!("{{{}\"a\":1}}", "\"图\":1,".repeat(megabyte / 8)),
        ),
        (
            Format::Json,
            format!("{{\"models\":[{}1]}}", "1,".repeat(megabyte / 2)),
        ),
    ] {
        check(source.as_bytes(), format);
    }
}
