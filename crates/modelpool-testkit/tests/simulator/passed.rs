//! What gateways pass through, and vectors and lists over other wires.

use serde_json::{Value, json};

use super::client::{call, simulator};

#[tokio::test]
async fn each_endpoint_answers_in_its_shape() {
    let simulator = simulator().await;
    for (path, body, pointer, expected) in [
        (
            "/v1/completions",
            json!({"model": "m", "prompt": "Once"}),
            "/choices/0/text",
            json!("Once, and so on."),
        ),
        (
            "/v1/moderations",
            json!({"model": "m", "input": ["a", "b"]}),
            "/results/1/flagged",
            json!(false),
        ),
        (
            "/v1/rerank",
            json!({"model": "m", "query": "red cat", "documents": ["a dog", "the red cat"]}),
            "/results/0/index",
            json!(1),
        ),
        (
            "/v2/rerank",
            json!({"model": "m", "query": "dog", "documents": ["a dog", "the red cat"]}),
            "/results/0/index",
            json!(0),
        ),
    ] {
        let answer = call(&simulator, "POST", path, &body.to_string()).await;
        assert_eq!(answer.status, 200, "{path} {}", answer.text());
        assert_eq!(answer.json().pointer(pointer), Some(&expected), "{path}");
        let wrong = call(&simulator, "POST", path, r#"{"model":"m"}"#).await;
        assert_eq!(wrong.status, 400, "{path}");
    }
    let speech = json!({"model": "m", "input": "four"}).to_string();
    let speech = call(&simulator, "POST", "/v1/audio/speech", &speech).await;
    assert_eq!(
        (&speech.headers["content-type"], speech.bytes().len()),
        (&"audio/mpeg".parse().unwrap(), 259)
    );
}

#[tokio::test]
async fn forms_are_read() {
    let simulator = simulator().await;
    let part =
        |head: &str, value: &str| format!("--x\r\nContent-Disposition: form-data; {head}\r\n\r\n{value}\r\n");
    let form = [
        part("name=\"file\"; filename=\"a.wav\"", "12345"),
        part("name=\"image\"; filename=\"a.png\"", "12345"),
        part("name=\"model\"", "whisper"),
        "--x--\r\n".to_owned(),
    ]
    .concat();
    let answer = call(&simulator, "POST", "/v1/audio/transcriptions", &form).await;
    assert_eq!(answer.json()["text"], "A simulated recording of 5 bytes.");
    assert_eq!(
        simulator.last_request().unwrap().model.as_deref(),
        Some("whisper")
    );
    let answer = call(&simulator, "POST", "/v1/images/variations", &form).await;
    assert!(answer.json()["data"][0]["b64_json"].is_string());
    assert_eq!(
        call(&simulator, "POST", "/v1/images/edits", "{}").await.status,
        400
    );
}

#[tokio::test]
async fn the_same_vectors_over_all_wires() {
    let simulator = simulator().await;
    let ask = async |path: &str, body: Value, pointer: &str| {
        let answer = call(&simulator, "POST", path, &body.to_string()).await;
        assert_eq!(answer.status, 200, "{path} {}", answer.text());
        let vector = answer.json().pointer(pointer).cloned().unwrap();
        serde_json::from_value::<Vec<f32>>(vector).unwrap()
    };
    let expected = ask(
        "/v1/embeddings",
        json!({"model": "m", "input": "a cat", "dimensions": 8}),
        "/data/0/embedding",
    )
    .await;
    for (path, body, pointer) in [
        (
            "/api/embed",
            json!({"model": "m", "input": ["a cat"], "dimensions": 8}),
            "/embeddings/0",
        ),
        (
            "/v2/embed",
            json!({"model": "m", "texts": ["a cat"], "output_dimension": 8, "input_type": "search_query"}),
            "/embeddings/float/0",
        ),
        (
            "/v1beta/models/m:batchEmbedContents",
            json!({"requests": [{"content": {"parts": [{"text": "a cat"}]}, "outputDimensionality": 8}]}),
            "/embeddings/0/values",
        ),
    ] {
        assert_eq!(ask(path, body, pointer).await, expected, "{path}");
    }
    let many = json!({"model": "m", "texts": vec!["a"; 97], "input_type": "search_query"}).to_string();
    assert_eq!(call(&simulator, "POST", "/v2/embed", &many).await.status, 400);
}
