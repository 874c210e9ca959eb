//! What is passed through whole: recordings, forms, scores, and the older form of chats.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod common;

use std::collections::BTreeMap;

use bytes::Bytes;
use http::HeaderValue;
use modelpool::{ModelConfig, Price};
use modelpool_testkit::simulator::Fault;
use serde_json::{Value, json};

use common::{Answer, House, Plan, UPSTREAM_KEY, able, caller};

const TRANSCRIPTIONS: &str = "/v1/audio/transcriptions";
const BOUNDARY: &str = "----form-7";

/// A form with a recording that holds all bytes, and a look-alike of the boundary.
fn form(model: &str, further: &[(&str, &str)]) -> Bytes {
    let mut body = Vec::new();
    let mut part = |head: &str, value: &[u8]| {
        body.extend(format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n").bytes());
        body.extend(value);
        body.extend(b"\r\n");
    };
    let mut recording: Vec<u8> = (0..=u8::MAX).cycle().take(5000).collect();
    recording.extend(b"\r\n------form\r\n\r\nmodel");
    part(
        "name=\"file\"; filename=\"model.wav\"\r\nContent-Type: audio/wav",
        &recording,
    );
    part(
        "name=\"image\"; filename=\"a.png\"\r\nContent-Type: image/png",
        &recording,
    );
    part("name=\"model\"", model.as_bytes());
    for (name, value) in further {
        part(&format!("name=\"{name}\""), value.as_bytes());
    }
    body.extend(format!("--{BOUNDARY}--\r\n").bytes());
    body.into()
}

fn form_type() -> String {
    format!("multipart/form-data; boundary=\"{BOUNDARY}\"")
}

async fn send_form(house: &House, path: &str, body: Bytes) -> Answer {
    let mut request = house.request("POST", path, body);
    let kind = HeaderValue::from_str(&form_type()).unwrap();
    request.headers_mut().insert("content-type", kind);
    house.send(request).await
}

/// Adds a model of another wire at the same upstream.
fn add(house: &House, provider: &str, dollars: f64) {
    let base = format!("http://{}", house.upstream.address());
    let config = ModelConfig::new(provider, provider, format!("{provider}-name")).base_url(base);
    let config = config.api_key(UPSTREAM_KEY);
    house
        .pool
        .add(config.capabilities(able().cost_per_1k_tokens(dollars)))
        .unwrap();
}

#[tokio::test]
async fn of_a_request_in_json_everything_but_the_model() {
    let house = House::new().await;
    for (path, members) in [
        (
            "/v1/completions",
            r#" "prompt" : "Once\u0020upon" ,"max_tokens":5,"suffix":null"#,
        ),
        ("/v1/moderations", r#""input":["a",  "b"]"#),
        ("/v1/rerank", r#""query":"q", "documents":["a","b"],"top_n":1.0"#),
        (
            "/v1/audio/speech",
            r#""input":"图","voice":"alloy","stream_format":"audio""#,
        ),
        ("/v1/images/generations", r#""prompt":"a cat","n":1"#),
    ] {
        let body = |model: &str| format!("{{\"z\":1.0, \"model\":\"{model}\",{members}}}");
        let answer = house.post(path, body("auto")).await;
        assert_eq!(answer.status, 200, "{path} {answer:?}");
        assert_eq!(answer.header("x-modelpool-model"), Some("a"));
        let sent = house.upstream.last_request().unwrap();
        assert_eq!(sent.path, path);
        assert_eq!(std::str::from_utf8(&sent.body).unwrap(), body("a-name"));
        assert_eq!(sent.headers["content-type"], "application/json");
    }
}

#[tokio::test]
async fn of_a_form_everything_but_the_model() {
    let house = House::new().await;
    for path in [
        TRANSCRIPTIONS,
        "/v1/audio/translations",
        "/v1/images/edits",
        "/v1/images/variations",
    ] {
        let fields = [("prompt", "words"), ("timestamp_granularities[]", "word")];
        let answer = send_form(&house, path, form("a", &fields)).await;
        assert_eq!(answer.status, 200, "{path} {}", answer.text());
        let sent = house.upstream.last_request().unwrap();
        assert_eq!((sent.path.as_str(), &sent.body), (path, &form("a-name", &fields)));
        assert_eq!(sent.headers["content-type"], form_type().as_str());
        assert!(sent.api_key_is(UPSTREAM_KEY));
    }
}

#[tokio::test]
async fn of_an_answer_everything() {
    let house = House::new().await;
    let speech = house
        .post("/v1/audio/speech", r#"{"model":"a","input":"four","voice":"x"}"#)
        .await;
    let all: Vec<u8> = (0..=u8::MAX).collect();
    assert_eq!(speech.body, [b"ID3".to_vec(), all].concat());
    assert_eq!(speech.header("content-type"), Some("audio/mpeg"));

    let text = send_form(&house, TRANSCRIPTIONS, form("a", &[("response_format", "text")])).await;
    assert_eq!(text.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(text.text(), "A simulated recording of 5021 bytes.\n");

    for (kind, body) in [
        (
            "application/json",
            "\n{\"results\":[ {\"x\":1e400} ],\"twice\":1,\"twice\":2} ",
        ),
        ("text/event-stream", "data: {\"results\":1}\n\n: odd"),
    ] {
        house.upstream.clear_faults();
        let fault = Fault::Status {
            status: 200,
            headers: BTreeMap::from([("content-type".to_owned(), kind.to_owned())]),
            code: None,
            body: Some(body.to_owned()),
        };
        house.fails("a", fault);
        let answer = house
            .post("/v1/moderations", r#"{"model":"a","input":"x"}"#)
            .await;
        assert_eq!((answer.text(), answer.header("content-type")), (body, Some(kind)));
    }
}

#[tokio::test]
async fn usage_is_settled() {
    let house = House::new().await;
    // 14 in and 8 out, at a thousandth of a dollar for a thousand tokens.
    let answer = send_form(&house, TRANSCRIPTIONS, form("a", &[])).await;
    assert_eq!(answer.header("x-modelpool-cost-usd"), Some("0.000022"));
}

#[tokio::test]
async fn another_model_answers_where_one_fails() {
    let house = House::new().await;
    house.fails("a", Fault::status(503));
    let answer = send_form(&house, TRANSCRIPTIONS, form("auto", &[])).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("x-modelpool-model")),
        (200, Some("b"))
    );
    assert_eq!(house.upstream.last_request().unwrap().body, form("b-name", &[]));
    house.upstream.clear_faults();
    // An answer that breaks off is none, whatever it is.
    house.fails(
        "a",
        Fault::Status {
            status: 200,
            headers: BTreeMap::from([("content-type".to_owned(), "text/html".to_owned())]),
            code: None,
            body: Some("<p>gone".to_owned()),
        },
    );
    let speech = house
        .post("/v1/audio/speech", r#"{"model":"auto","input":"x","voice":"x"}"#)
        .await;
    assert_eq!(
        (speech.status.as_u16(), speech.header("x-modelpool-model")),
        (200, Some("b"))
    );
}

/// More of them than models are tried.
const WITHOUT: [&str; 5] = ["anthropic", "gemini", "ollama", "cohere", "openai_responses"];

#[tokio::test]
async fn a_wire_that_lacks_it_is_passed_over_before_anything_is_sent() {
    let house = House::empty(Plan::default()).await;
    for (place, provider) in WITHOUT.into_iter().enumerate() {
        add(&house, provider, 0.0001 * (place + 1) as f64);
    }
    house.add("b", able().cost_per_1k_tokens(0.01));
    let answer = send_form(&house, TRANSCRIPTIONS, form("auto", &[])).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("x-modelpool-model")),
        (200, Some("b"))
    );
    assert_eq!(house.upstream.counts().requests, 1);
    for (path, words) in [
        ("/v1/moderations", "has no moderations"),
        ("/v1/audio/speech", "has no speech"),
        ("/v1/images/generations", "has no images"),
        ("/v1/completions", "has no completions"),
    ] {
        let body = json!({"model": "gemini", "input": "x", "prompt": "x", "voice": "x"});
        let answer = house.post(path, body.to_string()).await;
        let error = answer.error();
        assert_eq!(answer.status, 400, "{error}");
        assert!(error["message"].as_str().unwrap().contains(words), "{error}");
    }
    assert_eq!(house.upstream.counts().requests, 1);
}

#[tokio::test]
async fn reranking_goes_to_cohere_at_its_own_path() {
    let house = House::new().await;
    add(&house, "cohere", 0.01);
    let body =
        |model: &str| json!({"model": model, "query": "red cat", "documents": ["a dog", "the red cat"]});
    for (model, path, upstream) in [
        ("cohere", "/v1/rerank", "/v2/rerank"),
        ("cohere", "/v2/rerank", "/v2/rerank"),
        ("a", "/v2/rerank", "/v1/rerank"),
    ] {
        let answer = house.post(path, body(model).to_string()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.json()["results"][0]["index"], 1);
        let sent = house.upstream.last_request().unwrap();
        let expected = body(&format!("{model}-name")).to_string();
        assert_eq!((sent.path.as_str(), sent.body), (upstream, expected.into()));
    }
}

#[tokio::test]
async fn a_form_says_to_the_pool_what_a_body_says() {
    let house = House::of(Plan {
        keys: vec![caller("team", "team-key", Some(&["b"]))],
        ..Plan::default()
    })
    .await;
    let send = async |body: Bytes| {
        let mut request = house.request("POST", TRANSCRIPTIONS, body);
        let headers = request.headers_mut();
        headers.insert("content-type", HeaderValue::from_str(&form_type()).unwrap());
        headers.insert("authorization", HeaderValue::from_static("Bearer team-key"));
        house.send(request).await
    };
    assert_eq!(
        send(form("a", &[])).await.failure(),
        (403, "model_not_allowed".to_owned())
    );
    let answer = send(form(
        "b",
        &[("modelpool", r#"{"tags":["x"]}"#), ("language", "en")],
    ))
    .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let sent = house.upstream.last_request().unwrap();
    assert_eq!(sent.body, form("b-name", &[("language", "en")]));
    let impossible = [("modelpool", r#"{"requirements":{"min_context_window":1e12}}"#)];
    assert_eq!(
        send(form("b", &impossible)).await.failure(),
        (422, "no_model_fits".to_owned())
    );
    for (further, param) in [
        (("model", "a"), json!("model")),
        (("modelpool", "{"), json!("modelpool")),
    ] {
        let answer = send(form("b", &[further])).await;
        assert_eq!((answer.status.as_u16(), &answer.error()["param"]), (400, &param));
    }
}

#[tokio::test]
async fn what_is_no_form_is_refused() {
    let house = House::new().await;
    for (kind, body) in [
        ("multipart/form-data", form("a", &[])),
        ("text/plain", form("a", &[])),
        ("multipart/form-data; boundary=other", form("a", &[])),
        ("multipart/form-data; boundary=----form-7", Bytes::new()),
        ("application/json", form("a", &[])),
    ] {
        let mut request = house.request("POST", TRANSCRIPTIONS, body);
        request
            .headers_mut()
            .insert("content-type", HeaderValue::from_static(kind));
        let answer = house.send(request).await;
        answer.error();
        assert_eq!(answer.status, 400, "{kind}");
    }
    assert_eq!(house.upstream.counts().requests, 0);
    // Newer versions of these take JSON as well.
    let json = json!({"model": "a", "image": "data:", "file": "x"}).to_string();
    house.post("/v1/images/edits", json.clone()).await;
    assert_eq!(
        house.upstream.last_request().unwrap().body,
        json.replace("\"a\"", "\"a-name\"")
    );
}

const STORY: &str = r#"{"model":"auto","prompt":"Once upon a time","stream":true}"#;

#[tokio::test]
async fn an_older_completion_streams() {
    let house = House::new().await;
    let answer = house.post("/v1/completions", STORY).await;
    assert_eq!(
        answer.header("content-type").map(|kind| &kind[..17]),
        Some("text/event-stream")
    );
    let text: String = answer
        .text()
        .split("\n\n")
        .filter_map(|event| serde_json::from_str::<Value>(event.strip_prefix("data: ")?).ok())
        .filter_map(|chunk| chunk["choices"][0]["text"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(text, "Once upon a time, and so on.");
    assert!(answer.text().ends_with("data: [DONE]\n\n"));
    assert!(
        !answer.text().contains("\"usage\""),
        "the caller did not ask for it"
    );
    let sent: Value = serde_json::from_slice(&house.upstream.last_request().unwrap().body).unwrap();
    assert_eq!(sent["stream_options"]["include_usage"], true);
}

#[tokio::test]
async fn an_older_completion_that_is_cut_does_not_look_whole() {
    let house = House::new().await;
    house.fails("a", Fault::status(500));
    let answer = house.post("/v1/completions", STORY).await;
    assert_eq!(answer.header("x-modelpool-model"), Some("b"));
    house.fails(
        "b",
        Fault::CutAfterChunks {
            chunks: 3,
            reset: false,
        },
    );
    let answer = house.post("/v1/completions", STORY).await;
    assert!(answer.text().contains("Once "), "{}", answer.text());
    assert!(answer.text().contains("\"error\""), "{}", answer.text());
    assert!(!answer.text().contains("[DONE]"), "{}", answer.text());
}

#[tokio::test]
async fn what_is_sold_by_the_piece_is_billed_by_the_piece() {
    let house = House::empty(Plan::default()).await;
    let price = Price {
        image: Some(0.25),
        request: Some(0.5),
        ..Price::default()
    };
    house.add("a", able().price(price));
    for (path, body, dollars) in [
        (
            "/v1/images/generations",
            r#"{"model":"a","prompt":"a cat"}"#,
            0.75,
        ),
        (
            "/v1/images/generations",
            r#"{"model":"a","prompt":"a cat","n":3}"#,
            1.25,
        ),
        (
            "/v1/rerank",
            r#"{"model":"a","query":"q","documents":["a","b"]}"#,
            0.5,
        ),
    ] {
        let answer = house.post(path, body).await;
        let told: f64 = answer.header("x-modelpool-cost-usd").unwrap().parse().unwrap();
        assert_eq!(told, dollars, "{body} {}", answer.text());
    }
    let edited = send_form(&house, "/v1/images/edits", form("a", &[("n", "1")])).await;
    assert_eq!(edited.header("x-modelpool-cost-usd"), Some("0.75"));
    let entry = house.pool.get("a").unwrap();
    let report = entry
        .live()
        .known_statistics()
        .unwrap()
        .report(tokio::time::Instant::now().into_std())
        .ever;
    assert_eq!((report.images, report.total_cost_usd), (5, Some(3.25)));
}

#[tokio::test]
async fn images_that_would_be_too_dear_are_not_made() {
    let house = House::empty(Plan::default()).await;
    let price = Price {
        image: Some(0.25),
        ..Price::default()
    };
    house.add("a", able().price(price));
    for (n, dollars, status) in [(3, 0.75, 200), (3, 0.74, 402), (4, 0.75, 402)] {
        let body = json!({"model": "a", "prompt": "a cat", "n": n, "modelpool": {"max_cost_usd": dollars}});
        let answer = house.post("/v1/images/generations", body.to_string()).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        let form = form(
            "a",
            &[
                ("n", &n.to_string()),
                ("modelpool", &body["modelpool"].to_string()),
            ],
        );
        let answer = send_form(&house, "/v1/images/edits", form).await;
        assert_eq!(answer.status, status, "{}", answer.text());
    }
}
