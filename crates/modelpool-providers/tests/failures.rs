//! What real refusals are taken for: one file of the corpus a text of a vendor.

#![allow(clippy::unwrap_used)] // a test fails by panicking

use std::fs;
use std::path::Path;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use modelpool_core::{Error, ErrorKind, Verdict};
use modelpool_providers::failure;
use proptest::prelude::*;
use serde_json::{Value, json};

/// A text of a vendor. A success status stands for an error object within an answer or a stream.
struct Fixture {
    name: String,
    content: Value,
}

fn corpus() -> Vec<Fixture> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/failures");
    let mut fixtures: Vec<Fixture> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| Fixture {
            name: path.file_stem().unwrap().to_string_lossy().into_owned(),
            content: serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap(),
        })
        .collect();
    fixtures.sort_by(|a, b| a.name.cmp(&b.name));
    fixtures
}

impl Fixture {
    fn error(&self) -> Error {
        let status = self.content["status"].as_u64().unwrap();
        let body = &self.content["body"];
        if status == 200 {
            return failure::from_object(&body["error"], &[]);
        }
        let headers: HeaderMap = self.content["headers"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| {
                let name: HeaderName = name.parse().unwrap();
                (name, HeaderValue::from_str(value.as_str().unwrap()).unwrap())
            })
            .collect();
        let bytes = match body {
            Value::String(text) => text.clone(),
            body => body.to_string(),
        };
        let status = StatusCode::from_u16(status.try_into().unwrap()).unwrap();
        failure::from_answer(status, &headers, bytes.as_bytes(), &[])
    }
}

/// An error in the form of a fixture's expectation; what is unknown is left out.
fn told(error: &Error) -> Value {
    let verdict = match error.verdict() {
        Verdict::RetrySame => "retry the same",
        Verdict::FailOver => "fail over",
        Verdict::Stop => "stop",
    };
    let mut told = json!({"kind": error.code(), "verdict": verdict});
    if let Some(wait) = error.retry_after() {
        told["retry_after_ms"] = json!(u64::try_from(wait.as_millis()).unwrap());
    }
    match error.kind() {
        ErrorKind::ContextLength { window: Some(window) } => told["window"] = json!(window),
        ErrorKind::Unsupported {
            capability: Some(flag),
        } => told["capability"] = json!(flag.key()),
        _ => {}
    }
    told
}

#[test]
fn real_refusals_are_taken_for_what_they_are() {
    let wrong: Vec<String> = corpus()
        .iter()
        .filter_map(|fixture| {
            let (told, expected) = (told(&fixture.error()), &fixture.content["expected"]);
            (told != *expected).then(|| format!("{}: {told}, expected {expected}", fixture.name))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_corpus_is_large_and_says_where_it_is_from() {
    let corpus = corpus();
    assert!(corpus.len() >= 80, "{}", corpus.len());
    for fixture in &corpus {
        let source = fixture.content["source"].as_str().unwrap();
        assert!(
            source == "from memory" || source.starts_with("https://"),
            "{}: {source}",
            fixture.name
        );
    }
}

#[test]
fn what_people_read_is_the_vendors_reason() {
    let message = |name: &str| {
        let corpus = corpus();
        let fixture = corpus.iter().find(|fixture| fixture.name == name).unwrap();
        fixture.error().message().to_owned()
    };
    assert_eq!(
        message("openrouter_upstream_rate_limit").split(". ").next(),
        Some("Provider returned error: z-ai/glm-5.3-flash is temporarily rate-limited upstream")
    );
    assert_eq!(
        message("gemini_error_within_a_string"),
        "The input token count (1091639) exceeds the maximum number of tokens allowed (1048576)."
    );
    assert_eq!(
        message("cloudflare_524"),
        "the upstream answered with HTML, not JSON: newcli.com | 524: A timeout occurred"
    );
    assert_eq!(message("empty_500"), "the upstream refused without saying why");
}

#[test]
fn limits_of_the_account_come_with_the_error() {
    for fixture in corpus() {
        let quota = *fixture.error().quota();
        match fixture.name.as_str() {
            "openai_headers_used_up" => {
                assert_eq!(quota.requests.limit, Some(60));
                assert_eq!(quota.tokens.resets_in, Some(Duration::from_secs(360)));
            }
            "groq_limits_that_are_left" => {
                assert_eq!(quota.requests.remaining, Some(14_399));
                assert_eq!(quota.tokens.resets_in, Some(Duration::from_millis(1570)));
            }
            "anthropic_reset_headers" => assert_eq!(quota.tokens.remaining, Some(0)),
            "openrouter_free_per_day" => assert_eq!(quota.requests.limit, Some(50)),
            _ => assert_eq!(
                quota,
                modelpool_core::quota::QuotaReport::default(),
                "{}",
                fixture.name
            ),
        }
    }
}

const SECRET: &str = "tok-secret-1";

/// Bodies that are anything, JSON that is anything, and texts of the corpus cut anywhere.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let texts: Vec<String> = corpus()
        .iter()
        .map(|fixture| fixture.content["body"].to_string())
        .collect();
    let json = prop_oneof![
        Just(Value::Null),
        any::<f64>().prop_map(|number| json!(number)),
        ".{0,40}".prop_map(Value::from),
        Just(json!(SECRET)),
    ]
    .prop_recursive(6, 40, 4, |inner| {
        let keys = prop::sample::select(vec![
            "error",
            "message",
            "code",
            "type",
            "param",
            "detail",
            "details",
            "metadata",
            "raw",
            "headers",
            "retryDelay",
            "estimated_time",
            "n_ctx",
            "status",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((keys, inner.clone()), 0..6).prop_map(|members| {
                Value::Object(
                    members
                        .into_iter()
                        .map(|(key, value)| (key.to_owned(), value))
                        .collect(),
                )
            }),
            inner.prop_map(|value| json!(value.to_string())),
        ]
    });
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..300),
        json.prop_map(|value| value.to_string().into_bytes()),
        (
            prop::sample::select(texts),
            any::<prop::sample::Index>(),
            0..30_usize
        )
            .prop_map(|(text, cut, secrets)| {
                let mut bytes = text.into_bytes();
                bytes.truncate(cut.index(bytes.len() + 1));
                bytes.extend_from_slice(format!(" {SECRET}").repeat(secrets).as_bytes());
                bytes
            }),
    ]
}

fn headers() -> impl Strategy<Value = HeaderMap> {
    let names = prop::sample::select(vec![
        "retry-after",
        "retry-after-ms",
        "date",
        "x-ratelimit-reset",
        "x-ratelimit-remaining",
        "x-ratelimit-reset-tokens",
        "x-ratelimit-limit-requests",
        "anthropic-ratelimit-tokens-reset",
    ]);
    let values = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..30),
        any::<f64>().prop_map(|number| number.to_string().into_bytes()),
        any::<i64>().prop_map(|number| number.to_string().into_bytes()),
        Just(b"Thu, 21 Aug 2025 12:41:00 GMT".to_vec()),
        Just(b"2025-08-21T12:42:30Z".to_vec()),
    ];
    prop::collection::vec((names, values), 0..8).prop_map(|headers| {
        headers
            .into_iter()
            .filter_map(|(name, value)| {
                Some((
                    HeaderName::from_static(name),
                    HeaderValue::from_bytes(&value).ok()?,
                ))
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn any_refusal_is_read_within_bounds_and_without_secrets(
        status in 100_u16..1000,
        headers in headers(),
        body in bodies(),
    ) {
        let status = StatusCode::from_u16(status).unwrap();
        let mut errors = vec![failure::from_answer(status, &headers, &body, &[SECRET])];
        if let Ok(object) = serde_json::from_slice(&body) {
            errors.push(failure::from_object(&object, &[SECRET]));
        }
        for error in errors {
            let shown = format!("{error} {error:?}");
            prop_assert!(!shown.contains(SECRET), "{shown}");
            prop_assert!(error.message().chars().count() <= 600, "{}", error.message());
            prop_assert!(error.retry_after().is_none_or(|wait| wait <= Duration::from_secs(86_400)));
        }
    }
}

#[test]
fn a_server_may_say_that_it_would_fail_again() {
    for (says, forbids) in [
        (Some("false"), true),
        (Some("true"), false),
        (Some(""), false),
        (None, false),
    ] {
        let says = says.map(|word| {
            (
                HeaderName::from_static("x-should-retry"),
                HeaderValue::from_static(word),
            )
        });
        let headers: HeaderMap = says.into_iter().collect();
        let error = failure::from_answer(StatusCode::INTERNAL_SERVER_ERROR, &headers, b"", &[]);
        let verdict = if forbids {
            Verdict::FailOver
        } else {
            Verdict::RetrySame
        };
        assert_eq!((error.forbids_retry(), error.verdict()), (forbids, verdict));
    }
}
