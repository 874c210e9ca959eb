//! Every dialect of callers over every wire: the gateway is its own upstream over the wires that the simulator
//! does not speak, so a request goes through dialect, wire, the wire as a dialect, and chat completions.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod common;

use modelpool::ModelConfig;
use modelpool_testkit::simulator::{Fault, FaultRule};
use serde_json::{Value, json};

use common::{Answer, House, Plan, able};

/// Names of callers' dialects, and of the wires that are dialects too.
const DIALECTS: [&str; 4] = ["openai_chat", "openai_responses", "anthropic", "gemini"];

/// `a` at the simulator, and it once more over each wire, as `over-WIRE`.
async fn house() -> House {
    let house = House::empty(Plan::default()).await;
    house.add("a", able());
    for wire in DIALECTS {
        let root = format!("http://{}", house.address);
        let config = ModelConfig::new(format!("over-{wire}"), wire, "a").base_url(&root);
        house.pool.add(config.capabilities(able())).unwrap();
    }
    house
}

/// What a caller of this dialect sends: where, and what.
fn hello(dialect: &str, model: &str, stream: bool) -> (String, Value) {
    let messages = json!([{"role": "user", "content": "hi"}]);
    match dialect {
        "openai_chat" => (
            "/v1/chat/completions".to_owned(),
            json!({"model": model, "stream": stream, "messages": messages}),
        ),
        "openai_responses" => (
            "/v1/responses".to_owned(),
            json!({"model": model, "stream": stream, "input": "hi"}),
        ),
        "anthropic" => (
            "/v1/messages".to_owned(),
            json!({"model": model, "stream": stream, "max_tokens": 100, "messages": messages}),
        ),
        _ => {
            let action = if stream {
                "streamGenerateContent?alt=sse"
            } else {
                "generateContent"
            };
            (
                format!("/v1beta/models/{model}:{action}"),
                json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}),
            )
        }
    }
}

async fn ask(house: &House, dialect: &str, model: &str, stream: bool) -> Answer {
    let (path, body) = hello(dialect, model, stream);
    house.post(&path, body.to_string()).await
}

/// The data of all events.
fn events(answer: &Answer) -> Vec<Value> {
    let data = answer
        .text()
        .lines()
        .filter_map(|line| line.strip_prefix("data: "));
    data.filter(|data| *data != "[DONE]")
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

/// The text an event adds.
fn text_of(event: &Value) -> &str {
    let places = [
        "/choices/0/delta/content",
        "/delta/text",
        "/candidates/0/content/parts/0/text",
    ];
    let of_response = (event["type"] == "response.output_text.delta").then_some("/delta");
    let mut found = places.iter().copied().chain(of_response);
    found
        .find_map(|place| event.pointer(place).and_then(Value::as_str))
        .unwrap_or_default()
}

/// Whether an event says that the answer is complete.
fn completes(event: &Value) -> bool {
    let reasons = [
        "/choices/0/finish_reason",
        "/delta/stop_reason",
        "/candidates/0/finishReason",
    ];
    event["type"] == "response.completed"
        || reasons
            .iter()
            .any(|place| event.pointer(place).is_some_and(Value::is_string))
}

#[tokio::test]
async fn a_stream_is_whole_for_every_pair() {
    let house = house().await;
    for dialect in DIALECTS {
        for wire in DIALECTS {
            let answer = ask(&house, dialect, &format!("over-{wire}"), true).await;
            let events = events(&answer);
            let text: String = events.iter().map(text_of).collect();
            assert!(
                text.starts_with("This is a simulated answer") && text.contains("hi"),
                "{dialect} over {wire}: {answer:?}"
            );
            let ends = events.iter().filter(|event| completes(event)).count();
            assert_eq!(ends, 1, "{dialect} over {wire}: {answer:?}");
            assert_eq!(answer.header("x-modelpool-attempts"), Some("1"));
        }
    }
}

#[tokio::test]
async fn a_lost_stream_goes_on() {
    let house = house().await;
    for dialect in DIALECTS {
        let cut = Fault::CutAfterChunks {
            chunks: 4,
            reset: false,
        };
        house.upstream.add_fault(FaultRule::new(cut)).unwrap();
        let calls = house.upstream.counts().requests;
        let answer = ask(&house, dialect, "a", true).await;
        let events = events(&answer);
        let ends = events.iter().filter(|event| completes(event)).count();
        assert_eq!(ends, 1, "{dialect}: {answer:?}");
        let text: String = events.iter().map(text_of).collect();
        assert!(
            text.starts_with("This is a simulated answer"),
            "{dialect}: {answer:?}"
        );
        assert_eq!(house.upstream.counts().requests - calls, 2, "{dialect}");
    }
}

#[tokio::test]
async fn a_stream_that_is_lost_for_good_ends_with_an_error_over_every_wire() {
    for dialect in DIALECTS {
        for wire in DIALECTS {
            // Of its own, so that no breaker is open.
            let house = house().await;
            house.fails(
                "a",
                Fault::CutAfterChunks {
                    chunks: 4,
                    reset: false,
                },
            );
            let answer = ask(&house, dialect, &format!("over-{wire}"), true).await;
            let events = events(&answer);
            assert!(!events.iter().any(completes), "{dialect} over {wire}: {answer:?}");
            let last = events.last().unwrap();
            assert!(
                last["error"]["message"].is_string(),
                "{dialect} over {wire}: {last}"
            );
            if dialect == "openai_responses" {
                assert_eq!(last["sequence_number"], events.len() - 1, "{wire}: {last}");
            }
        }
    }
}

#[tokio::test]
async fn gemini_s_callers_get_no_comments() {
    let house = house().await;
    for model in ["a", "over-gemini", "over-anthropic"] {
        let answer = ask(&house, "gemini", model, true).await;
        let strange = answer
            .text()
            .lines()
            .find(|line| !line.is_empty() && !line.starts_with("data: "));
        assert_eq!(strange, None, "{model}");
    }
}

#[tokio::test]
async fn models_in_paths_are_found_in_both_versions_and_decoded() {
    let house = house().await;
    house.add("team/*", able());
    let (_, body) = hello("gemini", "", false);
    for path in [
        "/v1/models/team/x:generateContent",
        "/v1/models/team%2Fx:generateContent",
        "/v1beta/models/team%2Fx:generateContent",
    ] {
        let answer = house.post(path, body.to_string()).await;
        assert_eq!(answer.json()["modelVersion"], "x", "{path}");
    }
}

#[tokio::test]
async fn a_thread_is_refused_so_that_the_client_sends_the_whole_conversation() {
    let house = house().await;
    for model in ["a", "over-anthropic"] {
        let (path, mut body) = hello("anthropic", model, false);
        body["thread"] = json!({"type": "create"});
        let answer = house.post(&path, body.to_string()).await;
        assert_eq!(answer.status, 400);
        assert_eq!(
            answer.json()["error"]["details"],
            json!({"error_code": "thread_unsupported_request"})
        );
    }
}
