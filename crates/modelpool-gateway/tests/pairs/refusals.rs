//! A refusal of the upstream is told with the right status, in the shape of the dialect.

use modelpool::OnLoss;
use modelpool_testkit::wires::{Deed, Fault, Wire};
use serde_json::Value;

use crate::common::Answer;
use crate::dialect::Dialect;
use crate::house::{Pairs, each_pair};

/// A refusal, and what callers are told.
struct Row {
    upstream: u16,
    status: u16,
    /// OpenAI's `code`; empty where the vendor's own stands there.
    code: &'static str,
    anthropic: &'static str,
    gemini: &'static str,
}

const fn row(
    upstream: u16,
    status: u16,
    code: &'static str,
    anthropic: &'static str,
    gemini: &'static str,
) -> Row {
    Row {
        upstream,
        status,
        code,
        anthropic,
        gemini,
    }
}

const ROWS: [Row; 6] = [
    row(400, 400, "", "invalid_request_error", "INVALID_ARGUMENT"),
    row(401, 502, "upstream_auth", "api_error", "INTERNAL"),
    row(404, 404, "model_not_found", "not_found_error", "NOT_FOUND"),
    row(
        429,
        429,
        "rate_limit_exceeded",
        "rate_limit_error",
        "RESOURCE_EXHAUSTED",
    ),
    row(500, 502, "upstream_error", "api_error", "INTERNAL"),
    row(529, 503, "overloaded", "overloaded_error", "UNAVAILABLE"),
];

#[tokio::test]
async fn a_refusal_is_told_in_the_shape_of_the_dialect() {
    each_pair(refused).await;
}

async fn refused(dialect: Dialect, wire: Wire) {
    for row in &ROWS {
        for stream in [false, true] {
            // A house of its own: what one refusal teaches must not decide the next.
            let pairs = Pairs::of(&[wire], OnLoss::Error).await;
            pairs.upstream(wire.provider()).always(Deed::fails(Fault::Refuse {
                status: row.upstream,
                retry_after: (row.upstream == 429).then_some(7),
            }));
            let answer = pairs
                .ask(dialect, wire.provider(), stream, &dialect.question())
                .await;
            check(&answer, row, dialect);
        }
    }
}

fn check(answer: &Answer, row: &Row, dialect: Dialect) {
    let body = answer.json();
    let status = match (dialect, row.status) {
        (Dialect::Anthropic, 503) => 529,
        (_, status) => status,
    };
    assert_eq!(answer.status.as_u16(), status, "{}: {body}", row.upstream);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let error = &body["error"];
    let words = error["message"].as_str().unwrap_or_default();
    assert!(!words.is_empty(), "{body}");
    match dialect {
        Dialect::Chat | Dialect::Responses => {
            assert!(
                error["type"].is_string() && error.get("param").is_some(),
                "{body}"
            );
            assert!(
                row.code.is_empty() || error["code"] == row.code,
                "{}: {body}",
                row.upstream
            );
        }
        Dialect::Anthropic => {
            assert_eq!(body["type"], "error", "{body}");
            assert_eq!(error["type"], row.anthropic, "{}: {body}", row.upstream);
        }
        Dialect::Gemini => {
            assert_eq!(error["code"], Value::from(status), "{body}");
            assert_eq!(error["status"], row.gemini, "{}: {body}", row.upstream);
        }
    }
    if row.upstream == 429 {
        assert_eq!(answer.header("retry-after"), Some("7"), "{answer:?}");
    }
}
