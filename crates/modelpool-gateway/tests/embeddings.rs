//! Vectors: the caller speaks OpenAI's dialect or Gemini's, the model any wire that has them.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod common;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use modelpool::{Capabilities, Flag, ModelConfig};
use modelpool_testkit::simulator::Fault;
use serde_json::{Value, json};

use common::{Answer, House, Plan, UPSTREAM_KEY, able};

const EMBEDDINGS: &str = "/v1/embeddings";
const WIRES: [&str; 4] = ["custom", "ollama", "cohere", "gemini"];

/// A model of each wire, named after it, the first the cheapest.
async fn house(wires: &[&str]) -> House {
    let house = House::empty(Plan::default()).await;
    for (place, wire) in wires.iter().enumerate() {
        add(
            &house,
            wire,
            able().cost_per_1k_tokens(0.001 * (place + 1) as f64),
        );
    }
    house
}

fn add(house: &House, wire: &str, capabilities: Capabilities) {
    let base = format!("http://{}", house.upstream.address());
    let config = ModelConfig::new(wire, wire, format!("{wire}-name")).base_url(base);
    let config = config.api_key(UPSTREAM_KEY).capabilities(capabilities);
    house.pool.add(config).unwrap();
}

async fn embed(house: &House, body: Value) -> Answer {
    house.post(EMBEDDINGS, body.to_string()).await
}

/// The vectors of an answer that came as lists of numbers, or as base64.
fn vectors(answer: &Answer) -> Vec<Vec<f32>> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let body = answer.json();
    assert_eq!(body["object"], "list");
    let data = body["data"].as_array().unwrap();
    let read = |(place, item): (usize, &Value)| {
        assert_eq!(
            (&item["index"], &item["object"]),
            (&json!(place), &json!("embedding"))
        );
        match item["embedding"].as_str() {
            None => serde_json::from_value(item["embedding"].clone()).unwrap(),
            Some(packed) => STANDARD
                .decode(packed)
                .unwrap()
                .chunks(4)
                .map(|four| f32::from_le_bytes(four.try_into().unwrap()))
                .collect(),
        }
    };
    data.iter().enumerate().map(read).collect()
}

#[tokio::test]
async fn the_same_vectors_over_every_wire_and_in_every_encoding() {
    let house = house(&WIRES).await;
    let mut all = Vec::new();
    for wire in WIRES {
        for encoding in [json!("float"), json!("base64"), Value::Null] {
            let answer = embed(
                &house,
                json!({"model": wire, "input": ["a red cat", "两只狗"], "dimensions": 16,
                       "encoding_format": encoding}),
            )
            .await;
            assert_eq!(answer.header("x-modelpool-model"), Some(wire));
            assert_eq!(answer.header("content-type"), Some("application/json"));
            let body = answer.json();
            assert_eq!(body["model"], format!("{wire}-name"));
            let tokens = body["usage"]["prompt_tokens"].as_u64().unwrap();
            assert!(tokens > 0 && body["usage"]["total_tokens"] == tokens, "{body}");
            assert_eq!(body["data"][0]["embedding"].is_string(), encoding == "base64");
            all.push(vectors(&answer));
        }
    }
    assert_eq!((all[0].len(), all[0][0].len()), (2, 16));
    assert!(all.iter().all(|vectors| *vectors == all[0]));
}

#[tokio::test]
async fn one_text_and_what_has_no_place() {
    let house = house(&WIRES).await;
    for wire in &WIRES[1..] {
        let body = json!({"model": wire, "input": "one", "user": "u", "input_type": "search_query"});
        let answer = embed(&house, body).await;
        assert_eq!(vectors(&answer).len(), 1);
        let dropped = if *wire == "ollama" {
            "user, input_type"
        } else {
            "user"
        };
        assert_eq!(answer.header("x-modelpool-dropped"), Some(dropped));
    }
    let sent = house.upstream.last_request().unwrap();
    let sent: Value = serde_json::from_slice(&sent.body).unwrap();
    assert_eq!(sent["requests"][0]["taskType"], "RETRIEVAL_QUERY");
}

#[tokio::test]
async fn more_texts_than_a_wire_takes_are_sent_in_parts() {
    let house = house(&WIRES).await;
    let texts: Vec<String> = (0..205).map(|number| format!("text {number}")).collect();
    let mut all = Vec::new();
    for (wire, requests) in [("custom", 1), ("ollama", 1), ("cohere", 3), ("gemini", 3)] {
        let before = house.upstream.counts().requests;
        let answer = embed(&house, json!({"model": wire, "input": texts, "dimensions": 4})).await;
        all.push(vectors(&answer));
        assert_eq!(house.upstream.counts().requests - before, requests, "{wire}");
        assert_eq!(answer.header("x-modelpool-attempts"), Some("1"));
    }
    assert_eq!(all[0].len(), 205);
    assert!(all.iter().all(|vectors| *vectors == all[0]));
    let answer = embed(&house, json!({"model": "ollama", "input": vec!["a"; 2049]})).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.error()["param"]),
        (400, &json!("input"))
    );
}

#[tokio::test]
async fn tokens_are_for_openai_s_wire_only() {
    let house = house(&WIRES).await;
    for input in [json!([1, 2, 3]), json!([[1, 2], [3]])] {
        assert_eq!(
            embed(&house, json!({"model": "custom", "input": input}))
                .await
                .status,
            200
        );
        let before = house.upstream.counts().requests;
        for wire in &WIRES[1..] {
            let answer = embed(&house, json!({"model": wire, "input": input})).await;
            let error = answer.error();
            assert_eq!(
                (answer.status.as_u16(), &error["param"]),
                (400, &json!("input")),
                "{error}"
            );
            assert!(error["message"].as_str().unwrap().contains("tokens"), "{error}");
        }
        assert_eq!(house.upstream.counts().requests, before, "nothing was sent");
    }
}

#[tokio::test]
async fn a_wire_without_vectors_is_passed_over_before_anything_is_sent() {
    let house = house(&["anthropic", "openai_responses", "ollama", "cohere"]).await;
    let alone = embed(&house, json!({"model": "anthropic", "input": "x"})).await;
    let error = alone.error();
    assert_eq!(alone.status, 400, "{error}");
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("Anthropic's wire has no embeddings")
    );
    // What was observed is remembered, and nobody has to find it out again.
    let again = embed(&house, json!({"model": "anthropic", "input": "x"})).await;
    assert_eq!(again.status, 422, "{}", again.text());
    assert_eq!(house.upstream.counts().requests, 0);
    let answer = embed(&house, json!({"model": "auto", "input": "x"})).await;
    assert_eq!(vectors(&answer).len(), 1);
    assert_eq!(answer.header("x-modelpool-model"), Some("ollama"));
    assert_eq!(house.upstream.counts().requests, 1);
    // Failures that pass are not gone round: another model's vectors live in another space.
    house.fails("ollama", Fault::status(429));
    let answer = embed(&house, json!({"model": "auto", "input": "x"})).await;
    assert_eq!(answer.status, 429, "{}", answer.text());
}

#[tokio::test]
async fn a_refusal_is_told_in_the_caller_s_dialect() {
    let house = house(&WIRES).await;
    for wire in &WIRES[1..] {
        house.fails(wire, Fault::status(404));
        let answer = embed(&house, json!({"model": wire, "input": "x"})).await;
        assert_eq!(answer.failure(), (404, "model_not_found".to_owned()), "{wire}");
    }
}

#[tokio::test]
async fn many_short_texts_need_no_large_window() {
    let house = house(&[]).await;
    add(
        &house,
        "ollama",
        Capabilities::new().supports(Flag::Embeddings).context_window(100),
    );
    let text = "word ".repeat(50);
    let answer = embed(&house, json!({"model": "auto", "input": vec![&text; 40]})).await;
    assert_eq!(vectors(&answer).len(), 40);
    let answer = embed(&house, json!({"model": "auto", "input": [text.repeat(10)]})).await;
    assert_eq!(answer.failure(), (400, "context_length_exceeded".to_owned()));
}

#[tokio::test]
async fn gemini_s_clients_ask_for_one_or_many() {
    let house = house(&WIRES).await;
    let content = |text: &str| json!({"parts": [{"text": text}]});
    let mut all = Vec::new();
    for wire in WIRES {
        let one = house
            .post(
                &format!("/v1beta/models/{wire}:embedContent"),
                json!({"content": content("a cat"), "outputDimensionality": 8}).to_string(),
            )
            .await;
        assert_eq!(one.status, 200, "{}", one.text());
        let one = one.json();
        let request = |text| json!({"model": format!("models/{wire}"), "content": content(text), "outputDimensionality": 8});
        let many = house
            .post(
                &format!("/v1beta/models/{wire}:batchEmbedContents"),
                json!({"requests": [request("a cat"), request("a dog")]}).to_string(),
            )
            .await;
        let many = many.json();
        assert_eq!(many["embeddings"][0], one["embedding"]);
        let read: Vec<f32> = serde_json::from_value(many["embeddings"][1]["values"].clone()).unwrap();
        all.push(read);
    }
    assert_eq!(all[0].len(), 8);
    assert!(all.iter().all(|vector| *vector == all[0]));
    let wrong = house
        .post(
            "/v1beta/models/auto:embedContent",
            r#"{"content":{"parts":[{"inlineData":{}}]}}"#,
        )
        .await;
    assert_eq!(
        (wrong.status.as_u16(), &wrong.json()["error"]["status"]),
        (400, &json!("INVALID_ARGUMENT"))
    );
}
