//! Lists of models, in the shape of whoever asks.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod common;

use modelpool::{Capabilities, Flag};
use serde_json::{Value, json};

use common::{House, Plan, caller};

async fn house() -> House {
    let house = House::of(Plan {
        keys: vec![caller("team", "team-key", Some(&["a", "vectors", "auto"]))],
        ..Plan::default()
    })
    .await;
    house.add("vectors", Capabilities::new().supports(Flag::Embeddings));
    house
}

fn ids(list: &Value, key: &str) -> Vec<String> {
    let list = list.as_array().unwrap();
    list.iter()
        .map(|model| model[key].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn anthropic_s_clients_get_anthropic_s_shape() {
    let house = house().await;
    let ask = async |path: &str, key: &'static str| {
        let mut request = house.request("GET", path, "");
        request
            .headers_mut()
            .insert("anthropic-version", "2023-06-01".parse().unwrap());
        request.headers_mut().insert("x-api-key", key.parse().unwrap());
        house.send(request).await
    };
    let list = ask("/v1/models?limit=1000", "team-key").await.json();
    assert_eq!(ids(&list["data"], "id"), ["auto", "a", "vectors"]);
    assert_eq!(
        (&list["first_id"], &list["last_id"], &list["has_more"]),
        (&json!("auto"), &json!("vectors"), &json!(false))
    );
    let one = ask("/v1/models/a", "team-key").await.json();
    assert_eq!(one, list["data"][1]);
    assert_eq!(
        (
            &one["type"],
            &one["display_name"],
            &one["modelpool"]["model_name"]
        ),
        (&json!("model"), &json!("a"), &json!("a-name"))
    );
    assert!(one["created_at"].is_string());
    for (path, key, status, kind) in [
        ("/v1/models/b", "team-key", 404, "not_found_error"),
        ("/v1/models", "other", 401, "authentication_error"),
    ] {
        let answer = ask(path, key).await;
        let body = answer.json();
        assert_eq!(
            (answer.status.as_u16(), &body["type"], &body["error"]["type"]),
            (status, &json!("error"), &json!(kind))
        );
    }
}

#[tokio::test]
async fn gemini_s_clients_get_gemini_s_shape() {
    let house = house().await;
    let list = house.get("/v1beta/models?key=team-key&pageSize=50").await.json();
    assert_eq!(
        ids(&list["models"], "name"),
        ["models/auto", "models/a", "models/vectors"]
    );
    let one = house
        .with("x-goog-api-key", "team-key", "GET", "/v1beta/models/a", "")
        .await;
    assert_eq!(one.json(), list["models"][1]);
    assert_eq!(list["models"][1]["inputTokenLimit"], 20_000_000);
    assert_eq!(list["models"][2].get("inputTokenLimit"), None, "it is not known");
    let methods = list["models"][2]["supportedGenerationMethods"]
        .as_array()
        .unwrap();
    assert!(methods.contains(&json!("generateContent")) && methods.contains(&json!("embedContent")));
    for (path, status, name) in [
        ("/v1beta/models/b?key=team-key", 404, "NOT_FOUND"),
        ("/v1beta/models", 401, "UNAUTHENTICATED"),
    ] {
        let answer = house.get(path).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["error"]["status"]),
            (status, &json!(name))
        );
    }
}

#[tokio::test]
async fn everybody_else_gets_openai_s() {
    let house = house().await;
    let list = house
        .with("authorization", "Bearer team-key", "GET", "/v1/models", "")
        .await
        .json();
    assert_eq!(list["object"], "list");
    assert_eq!(ids(&list["data"], "id"), ["auto", "a", "vectors"]);
}
