//! The header `anthropic-beta` of a caller reaches Anthropic's wire, and no other.

use modelpool::{ModelConfig, OnLoss};
use modelpool_testkit::wires::Wire;

use crate::dialect::Dialect;
use crate::house::{Pairs, each_pair};

const BETAS: &str = "context-1m-2025-08-07,interleaved-thinking-2025-05-14";

#[tokio::test]
async fn features_are_asked_for_where_they_are_known() {
    each_pair(asked).await;
}

async fn asked(dialect: Dialect, wire: Wire) {
    let pairs = Pairs::of(&[wire], OnLoss::Error).await;
    let alias = wire.provider();
    for stream in [false, true] {
        let body = dialect.addressed(&dialect.question(), alias, stream).to_string();
        let mut request = pairs.house.request("POST", &dialect.path(alias, stream), body);
        let headers = request.headers_mut();
        let [first, second] = BETAS
            .split_once(',')
            .map(|(first, second)| [first, second])
            .unwrap();
        headers.append("anthropic-beta", first.parse().unwrap());
        headers.append("anthropic-beta", second.parse().unwrap());
        headers.insert("x-own", "mine".parse().unwrap());
        let answer = pairs.house.open(request).await.read().await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let asked = pairs.upstream(alias).last_asked().unwrap();
        let both_are_anthropic = dialect == Dialect::Anthropic && wire == Wire::Anthropic;
        let went = asked
            .headers
            .get("anthropic-beta")
            .map(|value| value.to_str().unwrap());
        assert_eq!(went, both_are_anthropic.then_some(BETAS), "{asked:?}");
        assert_eq!(asked.headers.get("x-own"), None, "no other header goes along");
        // Who asked in Anthropic's words is told where they could not be passed on.
        let dropped = answer.header("x-modelpool-dropped");
        let is_told = dialect == Dialect::Anthropic && wire != Wire::Anthropic;
        assert_eq!(dropped, is_told.then_some("anthropic-beta"), "{answer:?}");
    }
}

#[tokio::test]
async fn what_the_configuration_asks_for_stays() {
    let pairs = Pairs::of(&[Wire::Anthropic], OnLoss::Error).await;
    let upstream = pairs.upstream("anthropic");
    let mut config =
        ModelConfig::new("configured", "anthropic", "claude-sonnet-4-5").base_url(upstream.base_url());
    let configured = (
        "anthropic-beta".parse().unwrap(),
        "files-api-2025-04-14".parse().unwrap(),
    );
    config.extra.headers.push(configured);
    pairs.house.pool.add(config.api_key("k")).unwrap();
    let dialect = Dialect::Anthropic;
    for (asked, went) in [
        (None, "files-api-2025-04-14"),
        (Some("one"), "files-api-2025-04-14,one"),
    ] {
        let body = dialect
            .addressed(&dialect.question(), "configured", false)
            .to_string();
        let mut request = pairs
            .house
            .request("POST", &dialect.path("configured", false), body);
        if let Some(asked) = asked {
            let asked = http::HeaderValue::from_static(asked);
            request.headers_mut().insert("anthropic-beta", asked);
        }
        let answer = pairs.house.open(request).await.read().await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let seen = upstream.last_asked().unwrap();
        assert_eq!(seen.headers.get_all("anthropic-beta").iter().count(), 1);
        assert_eq!(seen.headers["anthropic-beta"], went);
    }
}

#[tokio::test]
async fn what_cannot_stand_in_the_header_is_refused() {
    let pairs = Pairs::of(&[Wire::Anthropic], OnLoss::Error).await;
    let dialect = Dialect::Anthropic;
    let body = dialect
        .addressed(&dialect.question(), "anthropic", false)
        .to_string();
    let mut request = pairs
        .house
        .request("POST", &dialect.path("anthropic", false), body);
    let strange = http::HeaderValue::from_bytes("größer".as_bytes()).unwrap();
    request.headers_mut().insert("anthropic-beta", strange);
    let answer = pairs.house.open(request).await.read().await;
    assert_eq!(answer.status, 400, "{answer:?}");
    assert!(answer.text().contains("anthropic-beta"), "{answer:?}");
    assert!(pairs.upstream("anthropic").last_asked().is_none());
}
