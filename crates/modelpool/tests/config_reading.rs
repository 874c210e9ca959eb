//! A right file becomes the structs it says, whatever its format.

use std::num::{NonZeroU64, NonZeroUsize};
use std::time::Duration;

use modelpool::config::{
    self, BreakerSettings, FileConfig, Format, Hedging, Located, ModelLimits, NoChecks, OnLoss, RetryPolicy,
    Store, Timeouts,
};
use secrecy::ExposeSecret;
use serde_json::json;

fn environment(name: &str) -> Option<String> {
    match name {
        "OPENAI_API_KEY" => Some("sk-openai".to_owned()),
        "GROQ_API_KEY" => Some("gsk-groq".to_owned()),
        "TEAM_A_KEY" => Some("team a's key".replace([' ', '\''], "-")),
        _ => None,
    }
}

#[track_caller]
fn read(source: &str, format: Format) -> FileConfig {
    match config::read(source, format, "modelpool.yaml", &environment, &NoChecks) {
        Ok(config) => config,
        Err(problems) => panic!("{}", problems.render_with_source()),
    }
}

#[track_caller]
fn located(part: &Option<Located>) -> &Located {
    part.as_ref().expect("the file has this part")
}

const YAML: &str = r#"
listen: 0.0.0.0:9000
default: fast
selector: {kind: weighted, weights: {fast: 9, vision: 1}}
models:
  - alias: fast
    provider: openai
    model_name: gpt-4o-mini
    api_key: ${OPENAI_API_KEY}
    fallbacks: [vision]
  - alias: vision
    provider: openai_compatible
    model_name: no                  # a plain word, not a boolean
    base_url: ${BASE:-http://127.0.0.1:8000}/v1
    capabilities: {supports_vision: true, cost_per_1k_tokens: 0.015, custom: {big: 9007199254740993}}
    extra: {headers: {X-Team: "a: ${TEAM_A_KEY}"}, body: {stop: ["$${END}"], n: 1.0}}
    timeouts: {connect_ms: 1000}
    limits: {rpm: 500, tpm: 200000, max_concurrent: 40}
    quota_group: house
    catalog: false
  - {alias: "groq/*", provider: groq, api_key: ${GROQ_API_KEY}}   # as the documentation writes it
pools:
  support: {models: [fast, vision], selector: cost, requirements: {supports_tools: true}}
  ordered: {models: [vision, fast], prefer: {supports_vision: true}, infer_words: true, timeouts: {total_ms: 60000}}
timeouts: {connect_ms: 3000, first_token_ms: 60000, response_ms: 300000, idle_ms: 30000, total_ms: 600000}
retry: {max_models: 2, same_model: 0, backoff_ms: [100, 100], max_wait_ms: 0, content_filter: fail_over}
health: {check_every_s: 5}
breaker: {failures: 3, window_s: 0.5, open_s: [0.2, 1]}
hedging: {max_share: 0.05}
streaming: {on_loss: error, keepalive_ms: 10}
state: {store: memory}
keys:
  - {name: team-a, key: ${TEAM_A_KEY}, models: [fast, support, groq/llama], requirements: {supports_json_mode: true}, rpm: 100, tpm: 5000}
  - {name: team-b, key: literal}
admin_key: ${OPENAI_API_KEY}-admin
catalog: false
max_body_bytes: 0x100000
shutdown_ms: 0
"#;

const TOML: &str = r#"
listen = "0.0.0.0:9000"
default = "fast"
selector = {kind = "weighted", weights = {fast = 9, vision = 1}}
retry = {max_models = 2, same_model = 0, backoff_ms = [100, 100], max_wait_ms = 0, content_filter = "fail_over"}
health = {check_every_s = 5}
breaker = {failures = 3, window_s = 0.5, open_s = [0.2, 1]}
hedging.max_share = 0.05
streaming = {on_loss = "error", keepalive_ms = 10}
admin_key = "${OPENAI_API_KEY}-admin"
state.store = "memory"
catalog = false
max_body_bytes = 0x10_0000
shutdown_ms = 0

[timeouts]
connect_ms = 3_000
first_token_ms = 60000
response_ms = 300000
idle_ms = 30000
total_ms = 600000

[[models]]
alias = "fast"
provider = "openai"
model_name = "gpt-4o-mini"
api_key = "${OPENAI_API_KEY}"
fallbacks = ["vision"]

[[models]]
alias = "vision"
provider = "openai_compatible"
model_name = "no"
base_url = "${BASE:-http://127.0.0.1:8000}/v1"
extra.headers.X-Team = "a: ${TEAM_A_KEY}"
extra.body = {stop = ["$${END}"], n = 1.0}
timeouts.connect_ms = 1000
limits = {rpm = 500, tpm = 200_000, max_concurrent = 40}
quota_group = "house"
catalog = false

[models.capabilities]
supports_vision = true
cost_per_1k_tokens = 0.015
custom.big = 9007199254740993

[[models]]
alias = "groq/*"
provider = "groq"
api_key = "${GROQ_API_KEY}"

[pools.support]
models = ["fast", "vision"]
selector = "cost"
requirements.supports_tools = true

[pools.ordered]
models = ["vision", "fast"]
prefer = {supports_vision = true}
infer_words = true
timeouts.total_ms = 60000

[[keys]]
name = "team-a"
key = "${TEAM_A_KEY}"
models = ["fast", "support", "groq/llama"]
requirements.supports_json_mode = true
rpm = 100
tpm = 5000

[[keys]]
name = "team-b"
key = "literal"
"#;

fn json_source() -> String {
    json!({
        "listen": "0.0.0.0:9000",
        "default": "fast",
        "selector": {"kind": "weighted", "weights": {"fast": 9, "vision": 1}},
        "models": [
            {"alias": "fast", "provider": "openai", "model_name": "gpt-4o-mini",
             "api_key": "${OPENAI_API_KEY}", "fallbacks": ["vision"]},
            {"alias": "vision", "provider": "openai_compatible", "model_name": "no",
             "base_url": "${BASE:-http://127.0.0.1:8000}/v1",
             "capabilities": {"supports_vision": true, "cost_per_1k_tokens": 0.015,
                              "custom": {"big": 9_007_199_254_740_993_u64}},
             "extra": {"headers": {"X-Team": "a: ${TEAM_A_KEY}"},
                       "body": {"stop": ["$${END}"], "n": 1.0}},
             "timeouts": {"connect_ms": 1000}, "quota_group": "house",
             "limits": {"rpm": 500, "tpm": 200_000, "max_concurrent": 40}, "catalog": false},
            {"alias": "groq/*", "provider": "groq", "api_key": "${GROQ_API_KEY}"},
        ],
        "pools": {
            "support": {"models": ["fast", "vision"], "selector": "cost",
                        "requirements": {"supports_tools": true}},
            "ordered": {"models": ["vision", "fast"], "prefer": {"supports_vision": true},
                        "infer_words": true, "timeouts": {"total_ms": 60000}},
        },
        "timeouts": {"connect_ms": 3000, "first_token_ms": 60000, "response_ms": 300_000,
                     "idle_ms": 30000, "total_ms": 600_000},
        "retry": {"max_models": 2, "same_model": 0, "backoff_ms": [100, 100], "max_wait_ms": 0, "content_filter": "fail_over"},
        "health": {"check_every_s": 5},
        "breaker": {"failures": 3, "window_s": 0.5, "open_s": [0.2, 1]},
        "hedging": {"max_share": 0.05},
        "streaming": {"on_loss": "error", "keepalive_ms": 10},
        "admin_key": "${OPENAI_API_KEY}-admin",
        "state": {"store": "memory"},
        "keys": [
            {"name": "team-a", "key": "${TEAM_A_KEY}", "models": ["fast", "support", "groq/llama"],
             "requirements": {"supports_json_mode": true}, "rpm": 100, "tpm": 5000},
            {"name": "team-b", "key": "literal"},
        ],
        "catalog": false,
        "max_body_bytes": 0x0010_0000,
        "shutdown_ms": 0,
    })
    .to_string()
}

fn assert_is_the_example(config: &FileConfig) {
    assert_eq!(config.listen.to_string(), "0.0.0.0:9000");
    assert_eq!(config.default.as_deref(), Some("fast"));
    let selector = located(&config.selector);
    assert_eq!(selector.value["weights"], json!({"fast": 9, "vision": 1}));
    assert_eq!(selector.path.to_string(), "selector");
    assert!(!config.infer_words);
    assert_eq!(config.timeouts.total, Some(Duration::from_secs(600)));
    let pause = Duration::from_millis(100);
    let retry = RetryPolicy {
        max_models: 2,
        same_model: 0,
        backoff_first: pause,
        backoff_cap: pause,
        max_wait: Duration::ZERO,
        refusals_fail_over: true,
    };
    assert_eq!(config.retry, retry);
    assert_eq!(config.health_check, Some(Duration::from_secs(5)));
    let breaker = BreakerSettings {
        failures: 3,
        window: Duration::from_millis(500),
        open_first: Duration::from_millis(200),
        open_cap: Duration::from_secs(1),
    };
    assert_eq!(config.breaker, breaker);
    assert_eq!(config.hedging, Some(Hedging { max_share: 0.05 }));
    assert_eq!((config.on_loss, config.store), (OnLoss::Error, Store::Memory));
    assert_eq!(config.keepalive, Duration::from_millis(10));
    let admin_key = config.admin_key.as_ref().map(ExposeSecret::expose_secret);
    assert_eq!(admin_key, Some("sk-openai-admin"));
    assert_eq!(config.max_body_bytes, 1 << 20);
    assert_eq!(config.shutdown, Duration::ZERO);

    let [fast, vision, groq] = config.models.as_slice() else {
        panic!("three models");
    };
    let key = |key: &Option<secrecy::SecretString>| key.as_ref().map(|key| key.expose_secret().to_owned());
    assert_eq!((fast.alias.as_str(), fast.provider.as_str()), ("fast", "openai"));
    assert_eq!(fast.model_name.as_deref(), Some("gpt-4o-mini"));
    assert_eq!(key(&fast.api_key).as_deref(), Some("sk-openai"));
    assert_eq!(fast.fallbacks, ["vision"]);
    assert_eq!(fast.timeouts, Timeouts::default());

    assert_eq!(vision.model_name.as_deref(), Some("no"));
    assert_eq!(vision.base_url.as_deref(), Some("http://127.0.0.1:8000/v1"));
    assert_eq!(key(&vision.api_key), None);
    let capabilities = located(&vision.capabilities);
    assert_eq!(
        capabilities.value,
        json!({"supports_vision": true, "cost_per_1k_tokens": 0.015,
               "custom": {"big": 9_007_199_254_740_993_u64}})
    );
    assert_eq!(capabilities.path.to_string(), "models[1].capabilities");
    let [(name, value)] = vision.headers.as_slice() else {
        panic!("one header");
    };
    assert_eq!(
        (name.as_str(), value.expose_secret()),
        ("X-Team", "a: team-a-s-key")
    );
    let body = &located(&vision.body).value;
    assert_eq!(body, &json!({"stop": ["${END}"], "n": 1.0}));
    assert_eq!(vision.timeouts.connect, Some(Duration::from_secs(1)));
    let limits = ModelLimits {
        requests_per_minute: NonZeroU64::new(500),
        tokens_per_minute: NonZeroU64::new(200_000),
        max_concurrent: NonZeroUsize::new(40),
    };
    assert_eq!((vision.limits, fast.limits), (limits, ModelLimits::default()));
    assert_eq!(vision.quota_group.as_deref(), Some("house"));
    assert_eq!(fast.quota_group, None);
    assert_eq!(vision.path.to_string(), "models[1]");

    assert_eq!((groq.alias.as_str(), &groq.model_name), ("groq/*", &None));
    assert_eq!(key(&groq.api_key).as_deref(), Some("gsk-groq"));

    let [support, ordered] = config.pools.as_slice() else {
        panic!("two pools");
    };
    assert_eq!(support.name, "support");
    assert_eq!(support.models, ["fast", "vision"]);
    assert_eq!(located(&support.selector).value, json!("cost"));
    assert_eq!(
        located(&support.requirements).value,
        json!({"supports_tools": true})
    );
    assert_eq!(support.infer_words, None);
    assert_eq!(ordered.models, ["vision", "fast"]);
    assert_eq!(located(&ordered.prefer).value, json!({"supports_vision": true}));
    assert_eq!(ordered.infer_words, Some(true));
    assert_eq!(ordered.timeouts.total, Some(Duration::from_secs(60)));

    let [team_a, team_b] = config.keys.as_slice() else {
        panic!("two keys");
    };
    assert_eq!(
        (team_a.name.as_str(), team_a.key.expose_secret()),
        ("team-a", "team-a-s-key")
    );
    let models = team_a.models.as_deref().expect("the key names models");
    assert_eq!(models, ["fast", "support", "groq/llama"]);
    assert!(team_a.requirements.is_some());
    let limits = |key: &config::FileKey| (key.requests_per_minute, key.tokens_per_minute);
    assert_eq!(limits(team_a), (NonZeroU64::new(100), NonZeroU64::new(5000)));
    assert_eq!(limits(team_b), (None, None));
    assert_eq!(team_b.models, None);
}

#[test]
fn the_three_formats_say_the_same() {
    assert_is_the_example(&read(YAML, Format::Yaml));
    assert_is_the_example(&read(TOML, Format::Toml));
    assert_is_the_example(&read(&json_source(), Format::Json));
}

#[test]
fn places_are_kept() {
    let config = read(YAML, Format::Yaml);
    let place = |position: config::Position| (position.line, position.column);
    assert_eq!(place(config.models[1].position), (11, 5));
    assert_eq!(
        place(config.models[1].capabilities.as_ref().unwrap().position),
        (15, 19)
    );
    assert_eq!(place(config.pools[0].position), (23, 12));
    assert_eq!(place(config.keys[1].position), (34, 5));
}

#[test]
fn debug_shows_no_secret() {
    let shown = format!("{:#?}", read(YAML, Format::Yaml));
    for secret in ["sk-openai", "gsk-groq", "team-a-s-key", "literal", "END"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

#[test]
fn what_is_left_out_has_the_defaults() {
    let config = read("models: []", Format::Yaml);
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.retry, RetryPolicy::default(), "the engine's own");
    assert_eq!(config.breaker, BreakerSettings::default(), "the engine's own");
    assert_eq!(config.hedging, None);
    assert_eq!(config.keepalive, Duration::from_secs(15));
    assert!(config.admin_key.is_none());
    assert_eq!(config.max_body_bytes, 33_554_432);
    assert_eq!(config.shutdown, Duration::from_secs(30));
    assert_eq!((config.on_loss, config.store), (OnLoss::Continue, Store::Memory));
    assert_eq!(config.timeouts, Timeouts::default());
    assert!(!config.infer_words && config.selector.is_none() && config.default.is_none());
    assert!(config.models.is_empty() && config.pools.is_empty() && config.keys.is_empty());
}

#[test]
fn a_breaker_that_does_not_grow_is_written_as_one_number() {
    for (open_s, first_ms, cap_ms) in [
        ("2", 2000, 2000),
        ("0.25", 250, 250),
        ("[1, 1.5]", 1000, 1500),
        ("[0x1, 2e1]", 1000, 20_000),
    ] {
        let config = read(
            &format!("models: []\nbreaker: {{open_s: {open_s}}}"),
            Format::Yaml,
        );
        let found = [config.breaker.open_first, config.breaker.open_cap].map(|time| time.as_millis());
        assert_eq!(found, [first_ms, cap_ms], "{open_s}");
        assert_eq!(config.breaker.failures, 5, "the rest is left as it was");
    }
}

#[test]
fn words_for_a_stream_that_is_lost() {
    for (word, expected) in [
        ("continue", OnLoss::Continue),
        ("error", OnLoss::Error),
        ("buffer", OnLoss::Buffer),
    ] {
        let config = read(
            &format!("models: []\nstreaming: {{on_loss: {word}}}"),
            Format::Yaml,
        );
        assert_eq!(config.on_loss, expected);
    }
}

#[test]
fn without_keys_only_loopback_is_closed_to_strangers() {
    for listen in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
        let config = read(&format!("listen: \"{listen}\"\nmodels: []"), Format::Yaml);
        assert!(!config.is_open_to_strangers(config.listen), "{listen}");
        assert!(config.is_open_to_strangers(([0, 0, 0, 0], 80).into()));
    }
}

#[test]
fn aliases_of_yaml_repeat_a_value() {
    let config = read(
        "models:\n- {alias: a, &p provider: p, model_name: m, timeouts: &t {connect_ms: 5}}\n- {alias: b, provider: *p, model_name: m, timeouts: *t}\n",
        Format::Yaml,
    );
    assert_eq!(config.models[1].timeouts.connect, Some(Duration::from_millis(5)));
    assert_eq!(
        config.models[1].provider, "provider",
        "the anchor stands on the key"
    );
}

#[test]
fn tags_and_styles_of_yaml_make_strings() {
    let config = read(
        "models:\n- {alias: !!str 4, provider: ! 5, model_name: 'no'}\n- alias: |-\n    b\n  provider: >-\n    p\n  model_name: \"\\u56fe\"\n",
        Format::Yaml,
    );
    let names: Vec<_> = config
        .models
        .iter()
        .map(|m| (m.alias.as_str(), m.provider.as_str(), m.model_name.as_deref()))
        .collect();
    assert_eq!(names, [("4", "5", Some("no")), ("b", "p", Some("图"))]);
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_no_mistake() {
    for (source, format) in [
        ("\u{FEFF}models: []\r\nlisten: 127.0.0.1:1\r\n", Format::Yaml),
        (
            "\u{FEFF}models = []\r\nlisten = \"127.0.0.1:1\"\r\n",
            Format::Toml,
        ),
        (
            "\u{FEFF}{\"models\": [],\r\n\"listen\": \"127.0.0.1:1\"}\r\n",
            Format::Json,
        ),
    ] {
        assert_eq!(read(source, format).listen.port(), 1);
    }
}

#[test]
fn files_that_cannot_be_read_say_why() {
    let directory = tempfile::tempdir().unwrap();
    let read_file = |name: &str, bytes: Option<&[u8]>| {
        let path = directory.path().join(name);
        if let Some(bytes) = bytes {
            std::fs::write(&path, bytes).unwrap();
        }
        match config::read_file(&path, &environment, &NoChecks) {
            Ok(_) => "fine".to_owned(),
            Err(problems) => {
                let name = path.display().to_string();
                assert_eq!(problems.file_name(), name);
                problems.to_string().replace(&name, "FILE")
            }
        }
    };
    assert_eq!(read_file("a.yaml", Some(b"models: []")), "fine");
    assert_eq!(read_file("a.yml", Some(b"models: []")), "fine");
    assert_eq!(read_file("a.toml", Some(b"models = []")), "fine");
    assert_eq!(read_file("a.JSON", Some(b"{\"models\": []}")), "fine");
    assert_eq!(read_file("none.yaml", None), "FILE: there is no such file");
    assert_eq!(
        read_file("a.ini", None),
        "FILE: the ending of the file does not say its format, name it .yaml, .yml, .toml or .json"
    );
    assert_eq!(read_file("e.yaml", Some(b"")), "FILE:1:1: the file is empty");
    assert_eq!(
        read_file("u.yaml", Some(b"models: []\nlisten: \xE5\x9B\xBE\xFF")),
        "FILE:2:10: the file is not UTF-8, the byte 0xFF begins no character"
    );
    let long = vec![b'#'; (16 << 20) + 1];
    assert_eq!(
        read_file("l.yaml", Some(&long)),
        "FILE: the file is longer than 16 MiB"
    );
    std::fs::create_dir(directory.path().join("d.yaml")).unwrap();
    assert_eq!(read_file("d.yaml", None), "FILE: this is a directory, not a file");
}
