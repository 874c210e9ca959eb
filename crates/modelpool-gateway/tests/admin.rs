//! The admin paths: what they tell, and whom.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod common;

use modelpool::{ModelPool, RetryPolicy};
use modelpool_testkit::simulator::Fault;
use serde_json::{Value, json};

use common::{Answer, House, Plan, UPSTREAM_KEY, able, caller};

const ADMIN_KEY: &str = "admin-secret-0123456789";
const CALLER_KEY: &str = "caller-secret-0123456789";
const SAID: &str = "what-the-caller-said";

const PATHS: [&str; 5] = [
    "/admin/v1/models",
    "/admin/v1/stats",
    "/admin/v1/stats/a",
    "/admin/v1/breakers",
    "/admin/v1/requests/some-id",
];

async fn house() -> House {
    let retry = RetryPolicy {
        same_model: 0,
        ..RetryPolicy::default()
    };
    House::of(Plan {
        admin_key: Some(ADMIN_KEY),
        keys: vec![caller("team", CALLER_KEY, None)],
        builder: ModelPool::builder().retry(retry),
        ..Plan::default()
    })
    .await
}

async fn ask(house: &House, key: &str, path: &str) -> Answer {
    let bearer = format!("Bearer {key}");
    house.with("authorization", &bearer, "GET", path, "").await
}

async fn told(house: &House, path: &str) -> Value {
    let answer = ask(house, ADMIN_KEY, path).await;
    assert_eq!(answer.status, 200, "{path}");
    answer.json()
}

/// Chats as the caller, under an id of its own.
async fn chat(house: &House, id: &str, model: &str) -> Answer {
    let body = json!({"model": model, "messages": [{"role": "user", "content": SAID}]});
    let mut request = house.request("POST", "/v1/chat/completions", body.to_string());
    let headers = request.headers_mut();
    headers.insert("authorization", format!("Bearer {CALLER_KEY}").parse().unwrap());
    headers.insert("x-request-id", id.parse().unwrap());
    house.send(request).await
}

#[tokio::test]
async fn only_the_admin_key_opens_them() {
    let house = house().await;
    for path in PATHS {
        for key in [CALLER_KEY, UPSTREAM_KEY, "", "admin-secret"] {
            let refused = ask(&house, key, path).await.failure();
            assert_eq!(refused, (401, "invalid_api_key".to_owned()), "{path}");
        }
        assert_eq!(house.get(path).await.failure().0, 401);
        assert_ne!(ask(&house, ADMIN_KEY, path).await.status, 401);
    }
    let as_caller = ask(&house, ADMIN_KEY, "/v1/models").await;
    assert_eq!(as_caller.status, 401, "the admin key is no caller's");
}

#[tokio::test]
async fn without_an_admin_key_they_are_shut_and_say_how_to_open_them() {
    let house = House::new().await;
    for path in PATHS {
        let error = ask(&house, ADMIN_KEY, path).await;
        assert_eq!(error.failure(), (403, "admin_off".to_owned()));
        assert!(error.text().contains("`admin_key`"));
    }
}

#[tokio::test]
async fn statistics_of_all_models_and_of_one() {
    let house = house().await;
    house.add("org/model", able());
    let answer = chat(&house, "id-1", "b").await;
    let usage = answer.json()["usage"].clone();
    let all = told(&house, "/admin/v1/stats").await;
    let models = all["models"].as_object().unwrap();
    assert_eq!(models.keys().collect::<Vec<_>>(), ["a", "b", "org/model"]);
    let of_b = &models["b"];
    assert_eq!(of_b["success_rate"], 1.0);
    assert_eq!(of_b["total_tokens"], usage["total_tokens"]);
    assert!(of_b["avg_latency"].as_f64().unwrap() > 0.0);
    assert!(of_b["total_cost"].as_f64().unwrap() > 0.0);
    for period in ["last_minute", "last_hour", "ever"] {
        assert_eq!(of_b[period]["requests"], 1, "{period}");
    }
    assert_eq!(models["a"]["ever"]["requests"], 0);
    assert_eq!(models["a"]["success_rate"], Value::Null);

    let one = told(&house, "/admin/v1/stats/b").await;
    assert_eq!(one["ever"], of_b["ever"]);
    told(&house, "/admin/v1/stats/org/model").await;
    let unknown = ask(&house, ADMIN_KEY, "/admin/v1/stats/org/modl").await;
    assert_eq!(unknown.failure(), (404, "model_not_found".to_owned()));
    assert!(unknown.text().contains("org/model"), "{unknown:?}");
}

#[tokio::test]
async fn the_trace_of_a_failover_shows_both_attempts_and_no_word_of_what_was_said() {
    let house = house().await;
    house.fails("a", Fault::status(503));
    assert_eq!(chat(&house, "failed/over?", "auto").await.status, 200);
    let answer = ask(&house, ADMIN_KEY, "/admin/v1/requests/failed/over%3F").await;
    let trace = answer.json();
    assert_eq!(
        (&trace["ending"], &trace["caller"], &trace["requested_model"]),
        (&json!("completed"), &json!("team"), &json!("auto"))
    );
    let attempts = trace["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 2);
    assert_eq!(
        (&attempts[0]["alias"], &attempts[0]["error"]["status"]),
        (&json!("a"), &json!(503))
    );
    assert_eq!(
        (&attempts[1]["alias"], &attempts[1]["error"]),
        (&json!("b"), &Value::Null)
    );
    assert_eq!(
        (&trace["pool"], &trace["plan"]["selected"]),
        (&json!("auto"), &json!("a"))
    );
    for secret in [SAID, ADMIN_KEY, CALLER_KEY, UPSTREAM_KEY] {
        assert!(!answer.text().contains(secret));
    }
    let unknown = ask(&house, ADMIN_KEY, "/admin/v1/requests/nothing").await;
    assert_eq!(unknown.failure(), (404, "request_not_found".to_owned()));
}

#[tokio::test]
async fn models_and_breakers_are_listed_without_keys() {
    let house = house().await;
    let listed = ask(&house, ADMIN_KEY, "/admin/v1/models").await;
    assert!(!listed.text().contains(UPSTREAM_KEY));
    let models = listed.json();
    assert_eq!(models["default"], "a");
    assert_eq!(models["models"][1]["alias"], "b");
    let breakers = told(&house, "/admin/v1/breakers").await;
    let states: Vec<_> = breakers["breakers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|breaker| (&breaker["alias"], &breaker["state"]))
        .collect();
    assert_eq!(
        states,
        [(&json!("a"), &json!("closed")), (&json!("b"), &json!("closed"))]
    );
}

async fn post(house: &House, key: &str, path: &str, body: &str) -> Answer {
    let bearer = format!("Bearer {key}");
    house.with("authorization", &bearer, "POST", path, body).await
}

#[tokio::test]
async fn a_model_is_probed_and_what_was_found_is_listed() {
    let house = house().await;
    let path = "/admin/v1/detect/a";
    let refused = post(&house, CALLER_KEY, path, "").await.failure();
    assert_eq!(refused, (401, "invalid_api_key".to_owned()));
    let plan = post(
        &house,
        ADMIN_KEY,
        path,
        r#"{"dry_run": true, "token_budget": 3000}"#,
    )
    .await;
    assert_eq!(
        (plan.status.as_u16(), &plan.json()["tokens"]),
        (200, &json!(3000))
    );
    assert_eq!(house.upstream.counts().requests, 0);

    let found = post(&house, ADMIN_KEY, path, r#"{"probes": ["tools", "embeddings"]}"#).await;
    assert_eq!(found.status, 200, "{found:?}");
    assert_eq!(found.json()["probes"][0]["probe"], "embeddings");
    assert_eq!(found.json()["probes"][0]["verdict"], "yes");
    let listed = told(&house, "/admin/v1/models").await;
    let of_a = listed["models"][0]["found"].as_array().unwrap();
    assert!(
        of_a.iter().any(|found| found["key"] == "supports_embeddings"),
        "{listed}"
    );

    for (body, message) in [
        (r#"{"probes": ["tool"]}"#, "did you mean `tools`?"),
        (r#"{"budget": 1}"#, "unknown key"),
        ("[]", "not an object"),
        ("{", "not JSON"),
    ] {
        let wrong = post(&house, ADMIN_KEY, path, body).await;
        assert_eq!(wrong.failure().0, 400, "{body}");
        assert!(wrong.text().contains(message), "{wrong:?}");
    }
    let unknown = post(&house, ADMIN_KEY, "/admin/v1/detect/z", "").await;
    assert_eq!(unknown.failure(), (404, "model_not_found".to_owned()));
}

#[tokio::test]
async fn a_model_is_made_ready() {
    let house = house().await;
    let warmed = post(&house, ADMIN_KEY, "/admin/v1/warmup/a", "").await;
    assert_eq!(
        (warmed.status.as_u16(), &warmed.json()["ready"]),
        (200, &json!("connection"))
    );
    let refused = post(&house, CALLER_KEY, "/admin/v1/warmup/a", "").await;
    assert_eq!(refused.status, 401);
}
