//! Every mistake of a file is reported in one run, in each format, with its line and column.

use modelpool::config::{
    self, FileModel, Finding, Format, NoChecks, Path, Problems, Question, SemanticChecks, Subject,
};

fn environment(name: &str) -> Option<String> {
    match name {
        "KEY" => Some("sk-from-variable".to_owned()),
        "WORD" => Some("word-from-variable".to_owned()),
        _ => None,
    }
}

fn problems(source: &str, format: Format) -> Problems {
    match config::read(source, format, "m", &environment, &NoChecks) {
        Ok(config) => panic!("expected mistakes, got {config:?}"),
        Err(problems) => problems,
    }
}

/// The mistakes of a YAML file, one line each, must be these.
#[track_caller]
fn assert_mistakes(source: &str, expected: &[&str]) {
    let problems = problems(source, Format::Yaml).to_string();
    assert_eq!(problems.lines().collect::<Vec<_>>(), expected, "{problems}");
}

/// A file with these keys beside a valid `models`, on the lines before it.
#[track_caller]
fn assert_mistake(keys: &str, expected: &str) {
    let model = "models: [{alias: a, provider: p, model_name: m}]\n";
    let problems = problems(&format!("{keys}\n{model}"), Format::Yaml).to_string();
    assert_eq!(problems, expected);
}

/// A file with one model that has these keys beside its alias and provider.
#[track_caller]
fn assert_model_mistake(keys: &str, expected: &str) {
    let source = format!("models:\n- alias: a\n  provider: p\n  {keys}\n");
    let problems = problems(&source, Format::Yaml).to_string();
    assert_eq!(problems, expected);
}

const YAML: &str = "\
listen: 0.0.0.0:8080
default: fsat
brekers: {}
experiments: {}
infer_words: no
models:
  - alias: fast
    provder: openai
    model_name: m
    api_key: ${MISSING}
  - {alias: fast, provider: p, model_name: 4, timeouts: {connect_ms: \"abc\"}}
  - alias: 图片
    provider: p
    model_name: m
    model_name: n
    fallbacks: [nobody]
pools:
  fast: {models: [vision]}
retry: {max_models: 33}
streaming: {on_loss: continued}
";

#[test]
fn all_mistakes_of_a_yaml_file_at_once() {
    assert_mistakes(
        YAML,
        &[
            "m:1:9: listen: without `keys` anyone who reaches this address could spend your money, list the callers under `keys`, or listen on 127.0.0.1:8080",
            "m:2:10: default: no model has the alias `fsat`, did you mean `fast`? aliases: fast, 图片",
            "m:3:1: brekers: unknown key, did you mean `breaker`? accepted: listen, default, selector, infer_words, models, pools, timeouts, retry, breaker, hedging, health, streaming, state, keys, admin_key, catalog, max_body_bytes, shutdown_ms",
            "m:4:1: experiments: not available in this version, remove the key",
            "m:5:14: infer_words: expected true or false, got the string \"no\", write false, `no` and `off` are plain words",
            "m:7:5: models[0]: missing the key `provider`",
            "m:8:5: models[0].provder: unknown key, did you mean `provider`? accepted: alias, provider, model_name, api_key, base_url, capabilities, extra, fallbacks, timeouts, catalog, limits, quota_group, warmup",
            "m:10:14: models[0].api_key: the variable MISSING is not set, set it in the environment, or give a default as ${MISSING:-…}",
            "m:11:13: models[1].alias: `fast` is already the name at models[0].alias",
            "m:11:44: models[1].model_name: expected a string, got the number 4, put it in quotes",
            "m:11:70: models[1].timeouts.connect_ms: expected a whole number of milliseconds, got the string \"abc\", write 3000 for three seconds",
            "m:15:5: models[2].model_name: duplicate key, first given at 14:5",
            "m:16:17: models[2].fallbacks[0]: no model has the alias `nobody`, aliases: fast, 图片",
            "m:18:3: pools.fast: `fast` is already the name at models[0].alias",
            "m:18:19: pools.fast.models[0]: no model has the alias `vision`, aliases: fast, 图片",
            "m:19:21: retry.max_models: expected a whole number from 1 to 32, got 33",
            "m:20:22: streaming.on_loss: expected `continue` or `error` or `buffer`, got the string \"continued\", did you mean `continue`?",
        ],
    );
}

#[test]
fn all_mistakes_of_a_toml_file_at_once() {
    let source = "\
listen = \"0.0.0.0:8080\"
default = \"fsat\"
experiments = {}
infer_words = \"no\"
retry.max_models = 33

[[models]]
alias = \"图\"
provder = \"openai\"
model_name = \"m\"

[[models]]
alias = \"fast\"
alias = \"fast\"
provider = \"p\"
model_name = 4
timeouts = {connect_ms = \"abc\"}

[pools.fast]
models = [\"vision\"]

[pools.fast]
";
    let problems = problems(source, Format::Toml);
    let shown: Vec<_> = problems
        .as_slice()
        .iter()
        .map(|problem| {
            let at = problem.position.unwrap();
            let message: String = problem.message.chars().take(28).collect();
            format!("{}:{} {} {message}", at.line, at.column, problem.path)
        })
        .collect();
    assert_eq!(
        shown,
        [
            "1:10 listen without `keys` anyone who re",
            "2:11 default no model has the alias `fsat",
            "3:1 experiments not available in this versio",
            "4:15 infer_words expected true or false, got ",
            "5:20 retry.max_models expected a whole number from",
            "7:1 models[0] missing the key `provider`",
            "9:1 models[0].provder unknown key",
            "14:1 models[1].alias duplicate key, first given a",
            "16:14 models[1].model_name expected a string, got the n",
            "17:26 models[1].timeouts.connect_ms expected a whole number of m",
            "20:11 pools.fast.models[0] no model has the alias `visi",
            "22:8 pools.fast duplicate key, first given a",
            "22:8 pools.fast `fast` is already the name a",
        ]
    );
    assert!(problems.to_string().contains("first given at 13:1"), "{problems}");
    assert!(problems.to_string().contains("first given at 19:8"), "{problems}");
}

#[test]
fn all_mistakes_of_a_json_file_at_once() {
    let source = "\
{
  \"listen\": \"0.0.0.0:8080\",
  \"default\": \"fsat\",
  \"experiments\": {},
  \"infer_words\": \"no\",
  \"models\": [
    {\"alias\": \"图\", \"provder\": \"openai\", \"model_name\": \"m\"},
    {\"alias\": \"fast\", \"alias\": \"fast\", \"provider\": \"p\", \"model_name\": 4e0,
     \"timeouts\": {\"connect_ms\": \"abc\"}}
  ],
\t\"pools\": {\"fast\": {\"models\": [\"vision\"]}},
  \"retry\": {\"max_models\": 33}
}";
    let problems = problems(source, Format::Json);
    let shown: Vec<_> = problems
        .as_slice()
        .iter()
        .map(|problem| {
            let at = problem.position.unwrap();
            let message: String = problem.message.chars().take(28).collect();
            format!("{}:{} {} {message}", at.line, at.column, problem.path)
        })
        .collect();
    assert_eq!(
        shown,
        [
            "2:13 listen without `keys` anyone who re",
            "3:14 default no model has the alias `fsat",
            "4:3 experiments not available in this versio",
            "5:18 infer_words expected true or false, got ",
            "7:5 models[0] missing the key `provider`",
            "7:20 models[0].provder unknown key",
            "8:23 models[1].alias duplicate key, first given a",
            "8:71 models[1].model_name expected a string, got the n",
            "9:33 models[1].timeouts.connect_ms expected a whole number of m",
            "11:12 pools.fast `fast` is already the name a",
            "11:32 pools.fast.models[0] no model has the alias `visi",
            "12:27 retry.max_models expected a whole number from",
        ]
    );
    assert!(problems.to_string().contains("first given at 8:6"), "{problems}");
}

#[test]
fn words_that_were_booleans_are_not() {
    for (word, expected) in [
        (
            "no",
            "got the string \"no\", write false, `no` and `off` are plain words",
        ),
        (
            "off",
            "got the string \"off\", write false, `no` and `off` are plain words",
        ),
        (
            "Yes",
            "got the string \"Yes\", write true, the only other word is false",
        ),
        ("\"true\"", "got the string \"true\", write true without quotes"),
        ("1", "got the number 1"),
        ("", "got nothing, give it a value or remove the key"),
        (
            "${WORD}",
            "got a string from a variable, a variable always gives a string, write the value itself",
        ),
    ] {
        assert_mistake(
            &format!("infer_words: {word}"),
            &format!(
                "m:1:{}: infer_words: expected true or false, {expected}",
                if word.is_empty() { 12 } else { 14 }
            ),
        );
    }
}

#[test]
fn numbers_have_ranges() {
    for (number, got) in [
        ("0", "0"),
        ("-1", "-1"),
        ("33", "33"),
        ("0x21", "0x21"),
        (
            "99999999999999999999999999999999999999999",
            "9999999999999999999999999999999999999999…",
        ),
    ] {
        assert_mistake(
            &format!("retry: {{max_models: {number}}}"),
            &format!("m:1:21: retry.max_models: expected a whole number from 1 to 32, got {got}"),
        );
    }
    assert_mistake(
        "shutdown_ms: 1.5",
        "m:1:14: shutdown_ms: expected a whole number of milliseconds, got the number 1.5",
    );
    assert_mistake(
        "shutdown_ms: \"3000\"",
        "m:1:14: shutdown_ms: expected a whole number of milliseconds, got the string \"3000\", write 3000 without quotes",
    );
    assert_mistake(
        "timeouts: {idle_ms: 0}",
        "m:1:21: timeouts.idle_ms: expected a whole number of milliseconds from 1 to 86400000, got 0",
    );
}

#[test]
fn seconds_may_be_fractions_and_have_a_range() {
    let range = "expected a number of seconds from 0.001 to 86400";
    for (number, got) in [
        ("0", "0"),
        ("-0.5", "-0.5"),
        ("0.0001", "0.0001"),
        ("86400.5", "86400.5"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("1e400", "1e400"),
    ] {
        assert_mistake(
            &format!("breaker: {{window_s: {number}}}"),
            &format!("m:1:21: breaker.window_s: {range}, got {got}"),
        );
    }
    assert_mistake(
        "breaker: {window_s: \"0.5\"}",
        "m:1:21: breaker.window_s: expected a number of seconds, got the string \"0.5\", write 0.5 without quotes",
    );
    assert_mistake(
        "breaker: {window_s: ${WORD}}",
        "m:1:21: breaker.window_s: expected a number of seconds, got a string from a variable, a variable always gives a string, write the value itself",
    );
}

#[test]
fn what_grows_begins_below_its_end() {
    let open = "expected a number of seconds, or a list of two, the first and the longest";
    let backoff = "expected a list of two, the first and the longest";
    for (keys, expected) in [
        (
            "breaker: {open_s: [15, 1]}",
            "m:1:20: breaker.open_s[0]: the first, 15, is above the longest, 1".to_owned(),
        ),
        (
            "retry: {backoff_ms: [4000, 250]}",
            "m:1:22: retry.backoff_ms[0]: the first, 4000, is above the longest, 250".to_owned(),
        ),
        (
            "breaker: {open_s: [1, 2, 3]}",
            format!("m:1:19: breaker.open_s: {open}, got a list of 3"),
        ),
        (
            "breaker: {open_s: []}",
            format!("m:1:19: breaker.open_s: {open}, got a list of 0"),
        ),
        (
            "breaker: {open_s: \"1\"}",
            format!("m:1:19: breaker.open_s: {open}, got the string \"1\", write 1 without quotes"),
        ),
        (
            "breaker: {open_s: {first: 1}}",
            format!("m:1:19: breaker.open_s: {open}, got a mapping"),
        ),
        (
            "retry: {backoff_ms: 250}",
            format!("m:1:21: retry.backoff_ms: {backoff}, got the number 250"),
        ),
        (
            "breaker: {open_s: 0}",
            "m:1:19: breaker.open_s: expected a number of seconds from 0.001 to 86400, got 0".to_owned(),
        ),
        (
            "breaker: {open_s: [0, -1]}",
            "m:1:20: breaker.open_s[0]: expected a number of seconds from 0.001 to 86400, got 0\n\
             m:1:23: breaker.open_s[1]: expected a number of seconds from 0.001 to 86400, got -1"
                .to_owned(),
        ),
        (
            "retry: {backoff_ms: [0.5, 9]}",
            "m:1:22: retry.backoff_ms[0]: expected a whole number of milliseconds, got the number 0.5"
                .to_owned(),
        ),
    ] {
        assert_mistake(keys, &expected);
    }
}

#[test]
fn a_share_is_above_0_and_up_to_1() {
    for share in ["0", "-0.1", "1.01", "5", ".nan"] {
        assert_mistake(
            &format!("hedging: {{max_share: {share}}}"),
            &format!(
                "m:1:22: hedging.max_share: expected a number above 0 and up to 1, got the number {share}"
            ),
        );
    }
    assert_mistake("hedging: {}", "m:1:10: hedging: missing the key `max_share`");
}

#[test]
fn limits_are_whole_and_above_0() {
    let count = "expected a whole number from 1 to 1000000000000";
    assert_model_mistake(
        "model_name: m\n  limits: {rpm: 0, max_concurrent: 0}",
        &format!(
            "m:5:17: models[0].limits.rpm: {count}, got 0\n\
             m:5:36: models[0].limits.max_concurrent: expected a whole number from 1 to 1000000, got 0"
        ),
    );
    assert_mistake(
        "keys: [{name: a, key: b, rpm: 0, tpm: 1.5}]",
        &format!(
            "m:1:31: keys[0].rpm: {count}, got 0\n\
             m:1:39: keys[0].tpm: expected a whole number, got the number 1.5"
        ),
    );
    assert_mistake(
        "streaming: {keepalive_ms: 0}",
        "m:1:27: streaming.keepalive_ms: expected a whole number of milliseconds from 10 to 86400000, got 0",
    );
}

#[test]
fn no_caller_has_the_key_of_the_administration() {
    assert_mistake(
        "admin_key: secret-literal\nkeys: [{name: a, key: secret-literal}]",
        "m:2:23: keys[0].key: the same key as admin_key, give each caller its own",
    );
    assert_mistake(
        "admin_key: \"secret literal\"",
        "m:1:12: admin_key: the key holds a space, a line break or another character no key has",
    );
}

#[test]
fn limits_on_time_fit_into_the_total() {
    assert_mistake(
        "timeouts: {first_token_ms: 5000, total_ms: 3000}",
        "m:1:28: timeouts.first_token_ms: 5000 ms is longer than the total_ms, 3000 ms",
    );
    assert_mistake(
        "timeouts: {idle_ms: 700000}",
        "m:1:21: timeouts.idle_ms: 700000 ms is longer than the total_ms, the default, 600000 ms",
    );
    assert_mistakes(
        "timeouts: {total_ms: 3000}\nmodels: [{alias: a, provider: p, model_name: m, timeouts: {idle_ms: 3001}}]\n",
        &["m:2:69: models[0].timeouts.idle_ms: 3001 ms is longer than the total_ms of the file, 3000 ms"],
    );
}

#[test]
fn keys_of_later_versions_are_refused_by_name() {
    for keys in [
        "experiments: []",
        "state: {path: x}",
        "state: {shared: x}",
        "keys: [{name: a, key: b, budget: {}}]",
        "state: {store: sqlite}",
    ] {
        let source = format!("{keys}\nmodels: []\n");
        let problems = problems(&source, Format::Yaml);
        assert_eq!(problems.as_slice().len(), 1, "{problems}");
        let message = &problems.as_slice()[0].message;
        assert!(message.ends_with("not available in this version"), "{problems}");
    }
}

#[test]
fn names_stand_for_one_thing() {
    assert_mistakes(
        "models:\n- {alias: auto, provider: p, model_name: m}\n- {alias: \"\", provider: p, model_name: m}\n- {alias: \" a\", provider: p, model_name: m}\npools: {auto: {models: [auto]}, x*: {models: [auto, auto]}, y: {models: []}}\n",
        &[
            "m:2:11: models[0].alias: `auto` is what a client writes to leave the choice to the pool, use another name",
            "m:3:11: models[1].alias: the string is empty",
            "m:4:11: models[2].alias: a name cannot begin or end with a space, or hold control characters",
            "m:5:9: pools.auto: `auto` is what a client writes to leave the choice to the pool, use another name",
            "m:5:9: pools.auto: `auto` is already the name at models[0].alias",
            "m:5:33: pools.x*: a pool's name cannot hold a `*`, only an alias can be a wildcard",
            "m:5:53: pools.x*.models[1]: `auto` stands in the list twice",
            "m:5:73: pools.y.models: the list is empty",
        ],
    );
}

#[test]
fn wildcards() {
    for alias in ["g*roq", "**", "*a", "gpt-*", "/*", "a/*/b", "groq/**"] {
        let source = format!("models: [{{alias: \"{alias}\", provider: p}}]");
        assert_mistakes(
            &source,
            &[&format!(
                "m:1:18: models[0].alias: `{alias}` is not a wildcard, write `*`, or a prefix with a slash such as `groq/*`"
            )],
        );
    }
    assert_mistakes(
        "default: \"*\"\nmodels:\n- {alias: \"*\", provider: p, model_name: m}\n- {alias: a, provider: p, fallbacks: [\"*\", a]}\npools: {p: {models: [\"*\"]}}\n",
        &[
            "m:1:10: default: `*` stands for many models, name one",
            "m:3:41: models[0].model_name: a wildcard takes the model's name from the request, remove the key",
            "m:4:3: models[1]: missing the key `model_name`, only a wildcard alias goes without",
            "m:4:39: models[1].fallbacks[0]: `*` stands for many models, name one",
            "m:4:44: models[1].fallbacks[1]: a model cannot fail over to itself",
            "m:5:22: pools.p.models[0]: `*` stands for many models, name one",
        ],
    );
}

#[test]
fn keys_are_told_apart_and_their_models_exist() {
    assert_mistakes(
        "models: [{alias: \"groq/*\", provider: p}, {alias: fast, provider: p, model_name: m}]\npools: {support: {models: [fast]}}\nkeys:\n- {name: a, key: one, models: [fast, support, \"groq/*\", groq/llama, fats, llama, groq/]}\n- {name: a, key: one}\n- {name: b, key: \"two words\", models: []}\n",
        &[
            "m:4:69: keys[0].models[4]: no model, pool or wildcard has the name `fats`, did you mean `fast`? names: groq/*, fast, support",
            "m:4:75: keys[0].models[5]: no model, pool or wildcard has the name `llama`, names: groq/*, fast, support",
            "m:4:82: keys[0].models[6]: no model, pool or wildcard has the name `groq/`, did you mean `groq/*`? names: groq/*, fast, support",
            "m:5:10: keys[1].name: `a` is already the name at keys[0].name",
            "m:5:18: keys[1].key: the same key as keys[0].key, give each caller its own",
            "m:6:18: keys[2].key: the key holds a space, a line break or another character no key has",
            "m:6:39: keys[2].models: the list is empty",
        ],
    );
}

#[test]
fn addresses() {
    let expected = "expected an IP address and a port, such as 127.0.0.1:8080 or [::1]:8080";
    assert_mistake(
        "listen: localhost:80",
        &format!("m:1:9: listen: {expected}, did you mean 127.0.0.1:80?"),
    );
    assert_mistake(
        "listen: \":8080\"",
        &format!("m:1:9: listen: {expected}, did you mean 127.0.0.1:8080?"),
    );
    assert_mistake("listen: 127.0.0.1", &format!("m:1:9: listen: {expected}"));
    assert_mistake("listen: ${WORD}", &format!("m:1:9: listen: {expected}"));
    for address in ["0.0.0.0:1", "[::]:1", "192.168.0.1:1"] {
        assert_mistake(
            &format!("listen: \"{address}\"\nkeys: []"),
            "m:1:9: listen: without `keys` anyone who reaches this address could spend your money, list the callers under `keys`, or listen on 127.0.0.1:1",
        );
    }
    assert_model_mistake(
        "{base_url: 1}".trim_matches(['{', '}']),
        "m:2:3: models[0]: missing the key `model_name`, only a wildcard alias goes without\nm:4:13: models[0].base_url: expected a string, got the number 1, put it in quotes",
    );
    assert_model_mistake(
        "model_name: m\n  base_url: https://me:hunter2@host/v1",
        "m:5:13: models[0].base_url: credentials cannot stand in the address, use `api_key` or `extra.headers`",
    );
}

#[test]
fn headers_have_to_be_headers() {
    assert_model_mistake(
        "model_name: m\n  extra: {headers: {a b: x, X-A: \"line\\nbreak\", x-a: y, x-n: 5}}",
        "m:5:21: models[0].extra.headers[\"a b\"]: this is not the name of an HTTP header\n\
         m:5:34: models[0].extra.headers.X-A: the value holds a line break or another character no HTTP header can\n\
         m:5:62: models[0].extra.headers.x-n: expected a string, got a number, put it in quotes",
    );
    assert_model_mistake(
        "model_name: m\n  extra: {headers: {x-a: y, X-A: z}}",
        "m:5:29: models[0].extra.headers.X-A: the header is given twice, names of headers ignore case",
    );
}

#[test]
fn free_parts_hold_json() {
    assert_model_mistake(
        "model_name: m\n  capabilities: {custom: {a: [.inf, 99999999999999999999, 1e400]}}",
        "m:5:31: models[0].capabilities.custom.a[0]: the number is not finite, and JSON has no such number\n\
         m:5:37: models[0].capabilities.custom.a[1]: the number does not fit in 64 bits\n\
         m:5:59: models[0].capabilities.custom.a[2]: the number is not finite, and JSON has no such number",
    );
    assert_model_mistake(
        "model_name: m\n  capabilities: [supports_vision]",
        "m:5:17: models[0].capabilities: expected a mapping, got a list",
    );
    assert_mistake(
        "selector: [cost]",
        "m:1:11: selector: expected a selector's name or a mapping, got a list",
    );
}

#[test]
fn what_yaml_allows_and_a_configuration_does_not() {
    for (source, expected) in [
        (
            "models: []\n---\nmodels: []\n",
            "m:2:1: a second document begins here, a configuration is one document",
        ),
        (
            "a: &a {b: 1}\nmodels:\n- {<<: *a}\n",
            "m:3:4: merge keys (`<<`) are not part of YAML 1.2, write the keys out",
        ),
        (
            "models: !env FOO\n",
            "m:1:14: this tag is not known here, remove it",
        ),
        (
            "models: !!int FOO\n",
            "m:1:15: this value is not of the type its tag says",
        ),
        (
            "? [a]\n: b\n",
            "m:1:3: a key has to be a word, not a list or a mapping",
        ),
        (
            "a: &a x\n*a : b\n",
            "m:2:1: a key has to be a word, not an alias, a list or a mapping",
        ),
        (
            "models: &a [*a]\n",
            "m:1:13: an alias cannot stand inside of what it repeats",
        ),
        (
            "models: *nobody\n",
            "m:1:9: while parsing node, found unknown anchor",
        ),
        ("models: \"open\n", "m:1:9: unclosed quote"),
        (
            "a: {k: ${}}\n",
            "m:1:9: while parsing a flow mapping, did not find expected ',' or '}'",
        ),
        ("- a\n", "m:1:1: expected a mapping, got a list"),
        (
            "just words\n",
            "m:1:1: expected a mapping, got the string \"just words\"",
        ),
        ("# a comment\n", "m:1:1: the file says nothing"),
        ("", "m:1:1: the file is empty"),
        (" \n\n", "m:1:1: the file is empty"),
        (
            "a\u{FDD0}: 1",
            "m:1:2: a Unicode noncharacter (U+FDD0 to U+FDD4) cannot stand in a configuration",
        ),
    ] {
        assert_mistakes(source, &[expected]);
    }
}

#[test]
fn nesting_and_aliases_are_bounded() {
    let deep = format!("selector: {}{}\n", "[".repeat(200), "]".repeat(200));
    let problems_of = |source: &str, format| problems(source, format).to_string();
    assert!(problems_of(&deep, Format::Yaml).contains("m:1:"));
    let deep = format!("{{\"selector\": {}{}}}", "[".repeat(200), "]".repeat(200));
    assert!(problems_of(&deep, Format::Json).contains("nest too deep"));
    let deep = format!("selector = {}{}", "[".repeat(200), "]".repeat(200));
    assert!(problems_of(&deep, Format::Toml).contains("m:1:"));

    let mut laughs = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for level in 1..12 {
        let below = format!("*a{}, ", level - 1).repeat(10);
        laughs.push_str(&format!("a{level}: &a{level} [{below}]\n"));
    }
    assert!(problems_of(&laughs, Format::Yaml).contains("aliases repeat more than 1 MiB"));
}

#[test]
fn syntax_mistakes_of_toml_are_reported_together() {
    let problems = problems("a = \nb = 1 1\n[c\n", Format::Toml);
    let lines: Vec<_> = problems
        .as_slice()
        .iter()
        .map(|p| p.position.unwrap().line)
        .collect();
    assert_eq!(lines, [1, 2, 3], "{problems}");
}

#[test]
fn syntax_mistakes_of_json_have_a_place() {
    for (source, expected) in [
        ("{\"图\": 1,\n \"b\" 2}", "m:2:6: expected `:`"),
        ("{\"a\": 1,}", "m:1:9: key must be a string"),
        ("{\"a\": 1", "m:1:7: EOF while parsing an object"),
        ("{\"a\": \"\\ud800\"}", "m:1:7: unexpected end of hex escape"),
        ("{} x", "m:1:4: trailing characters"),
        ("// no", "m:1:1: expected value"),
    ] {
        assert_eq!(problems(source, Format::Json).to_string(), expected);
    }
}

#[test]
fn variables_cannot_change_the_file() {
    let injecting = |_: &str| Some("x, admin: true}\nmodels: []".to_owned());
    let source = "models: [{alias: ${A}, provider: p, model_name: m}]";
    let config = config::read(source, Format::Yaml, "m", &injecting, &NoChecks);
    let problems = config.unwrap_err();
    assert_eq!(
        problems.to_string(),
        "m:1:18: models[0].alias: a name cannot begin or end with a space, or hold control characters"
    );
}

#[test]
fn variables_stand_in_values_and_are_named_when_missing() {
    assert_mistake(
        "pools: {\"${WORD}\": {models: [a]}}",
        "m:1:9: pools[\"${WORD}\"]: variables are read in values, not in keys",
    );
    assert_mistake(
        "selector: {kind: \"${NONE}\"}",
        "m:1:18: selector.kind: the variable NONE is not set, set it in the environment, or give a default as ${NONE:-…}",
    );
    assert_mistake(
        "default: \"${NO\"",
        "m:1:10: default: `${` without its `}`, write `$${` for the characters `${`",
    );
}

/// Says something about everything, quoting all of it.
struct Loud;

impl SemanticChecks for Loud {
    fn value(&self, question: &Question<'_>) -> Vec<Finding> {
        let quoted = format!("bad {:?} {}", question.subject, question.value);
        match question.subject {
            Subject::Capabilities => vec![
                Finding::in_key(Path::root().key("supports_x"), quoted.clone()).hint(quoted),
                Finding::in_value(Path::root().key("custom").key("list").index(1), "item"),
                Finding::in_value(Path::root().key("custom").key("none"), "missing"),
            ],
            Subject::Provider => vec![],
            _ => vec![Finding::in_value(
                Path::root(),
                format!("{quoted} {:?}", question.aliases),
            )],
        }
    }

    fn model(&self, model: &FileModel) -> Vec<Finding> {
        let message = format!("no provider {} at {:?}", model.provider, model.base_url);
        vec![Finding::in_value(Path::root().key("provider"), message)]
    }
}

#[test]
fn findings_of_others_get_their_places_and_lose_their_secrets() {
    let source = "\
models:
- alias: a
  provider: opnai
  model_name: m
  base_url: http://${WORD}/
  capabilities:
    supports_x: ${WORD}
    custom: {list: [1, 2]}
- {alias: b, provider: p, model_name: m}
pools:
  p: {models: [b], selector: cost, requirements: {a: 1}, prefer: {b: 2}}
";
    let problems = config::read(source, Format::Yaml, "m", &environment, &Loud).unwrap_err();
    assert_eq!(
        problems.to_string().lines().collect::<Vec<_>>(),
        [
            "m:3:13: models[0].provider: no provider opnai at Some(\"[redacted]\")",
            "m:7:5: models[0].capabilities.supports_x: bad Capabilities {\"supports_x\":\"[redacted]\",\"custom\":{\"list\":[1,2]}}, bad Capabilities {\"supports_x\":\"[redacted]\",\"custom\":{\"list\":[1,2]}}",
            "m:8:13: models[0].capabilities.custom.none: missing",
            "m:8:24: models[0].capabilities.custom.list[1]: item",
            "m:9:24: models[1].provider: no provider p at None",
            "m:11:30: pools.p.selector: bad Selector \"cost\" [\"b\"]",
            "m:11:50: pools.p.requirements: bad Requirements {\"a\":1} [\"b\"]",
            "m:11:66: pools.p.prefer: bad Preferences {\"b\":2} [\"b\"]",
        ]
    );
}

#[test]
fn no_message_or_excerpt_shows_a_secret() {
    let secrets = ["sk-literal", "sk-from-variable", "word-from-variable"];
    let yaml = "\
listen: ${WORD}
default: ${WORD}
admin_key: sk-literal-1
api_kye: sk-literal-2
streaming: {on_loss: ${WORD}}
infer_words: ${WORD}
models:
- {alias: a, api_key: sk-literal-3, provder: p, base_url: \"https://me:sk-literal-4@h/\", extra: {headers: {authorization: sk-literal-5, x: [sk-literal-6]}, body: {token: sk-literal-7, n: .inf}}}
- {alias: ${WORD}, provider: p, model_name: m, api_key: [sk-literal-8], fallbacks: [\"${WORD}\", \"${KEY}\"], base_url: \"ftp://${KEY}\"}
- {alias: ${WORD}, provider: p, model_name: m, unknown: {deep: sk-literal-9}, api_key: \"sk-literal 10\"}
keys:
- {name: ${WORD}, key: ${KEY}, models: [\"${WORD}x\"]}
- {name: ${WORD}, key: ${KEY}, bugdet: 1}
- {name: c, key: sk-literal-11, key: sk-literal-12}
";
    let toml = "\
[[models]]
alias = \"a\"
api_key = \"sk-literal-1\"
api_key = \"sk-literal-2\"
headers = {x = \"sk-literal-3\"}
admin_key = \"sk-literal-4\"
";
    let broken = [
        ("models:\n- {api_key: sk-literal-1, alias: \"a}\n", Format::Yaml),
        ("[[models]]\napi_key = sk-literal\n", Format::Toml),
        ("{\"models\": [{\"api_key\": \"sk-literal\", ]}", Format::Json),
    ];
    for (source, format) in [(yaml, Format::Yaml), (toml, Format::Toml)]
        .into_iter()
        .chain(broken)
    {
        let problems = problems(source, format);
        let json = serde_json::to_string(&problems).unwrap();
        for text in [
            problems.to_string(),
            problems.render_with_source(),
            json,
            format!("{problems:?}"),
        ] {
            for secret in secrets {
                assert!(!text.contains(secret), "{secret} in {text}");
            }
        }
    }
}

#[test]
fn the_source_is_shown_with_a_caret() {
    let source = "models:\n- {alias: 图, api_key: sk-123, provder: openai, model_name: m}\n";
    assert_eq!(
        problems(source, Format::Yaml).render_with_source(),
        "\
m:2:3: models[0]: missing the key `provider`
2 | - {alias: 图, api_key: [redacted], provder: openai, model_name: m}
  |   ^
m:2:31: models[0].provder: unknown key, did you mean `provider`? accepted: alias, provider, model_name, api_key, base_url, capabilities, extra, fallbacks, timeouts, catalog, limits, quota_group, warmup
2 | - {alias: 图, api_key: [redacted], provder: [redacted], model_name: m}
  |                                   ^
"
        .replace("provder: openai", "provder: [redacted]")
    );
}

#[test]
fn problems_are_json_too() {
    let problems = problems("models: []\nlisten: x\n", Format::Yaml);
    assert_eq!(
        serde_json::to_value(&problems).unwrap(),
        serde_json::json!([{
            "file": "m",
            "path": "listen",
            "line": 2,
            "column": 9,
            "message": "expected an IP address and a port, such as 127.0.0.1:8080 or [::1]:8080",
            "hint": null,
        }])
    );
}

#[test]
fn the_list_of_mistakes_is_bounded() {
    let mut source = "models: []\n".to_owned();
    for number in 0..1500 {
        source.push_str(&format!("unknown{number}: 1\n"));
    }
    let problems = problems(&source, Format::Yaml);
    assert_eq!(problems.as_slice().len(), 1000);
    assert!(problems.is_cut());
    let text = problems.to_string();
    assert!(text.ends_with("these are the first 1000 that were found"));
}
