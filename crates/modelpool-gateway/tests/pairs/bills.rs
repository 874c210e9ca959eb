//! A call is billed at what it costs, in whatever dialect it was asked for, and the caller is told of the vendor's
//! cache as far as the dialect has words for it.

use modelpool::parts::core::capability::Fact;
use modelpool::{Capabilities, OnLoss, Price, PriceTier};
use modelpool_testkit::wires::{Cache, Deed, Fault, Said, Wire};
use serde_json::Value;

use crate::common::Answer;
use crate::dialect::Dialect;
use crate::house::{Pairs, each_pair};

/// A million tokens of the tier cost a digit each, at another place for each kind.
fn price() -> Price {
    Price {
        // Below the tier nothing is right.
        input: 7e9,
        output: 7e9,
        tiers: vec![PriceTier {
            above_input_tokens: 999,
            input: 1.0,
            output: 10.0,
            cached_input: Some(100.0),
            cache_write: Some(1_000.0),
            cache_write_1h: Some(10_000.0),
            ..PriceTier::default()
        }],
        ..Price::default()
    }
}

/// 2,000 fresh, 3,000 read, 4,000 written for a short time and 5,000 for an hour, 6,000 said.
fn said() -> Said {
    Said {
        input_tokens: 14_000,
        cache: Cache {
            read: 3_000,
            written: 9_000,
            written_for_an_hour: 5_000,
        },
        output_tokens: 6_000,
        ..Said::default()
    }
}

/// What the counts that the wire has words for cost.
fn expected(wire: Wire) -> f64 {
    let thousandths = match wire {
        Wire::Anthropic | Wire::Bedrock => 2.0 + 60.0 + 300.0 + 4_000.0 + 50_000.0,
        // How long it is kept is not said.
        Wire::OpenAiChat | Wire::OpenAiResponses => 2.0 + 60.0 + 300.0 + 9_000.0,
        Wire::Gemini => 11.0 + 60.0 + 300.0,
        // Three tokens are billed, says Cohere, and all that was not cached is not.
        Wire::Cohere => 0.3 + 60.0,
        Wire::Ollama => 14.0 + 60.0,
    };
    thousandths / 1_000.0
}

#[track_caller]
fn close(told: f64, expected: f64, what: &str) {
    assert!((told - expected).abs() < 1e-9, "{told}, not {expected}: {what}");
}

/// What is known of all calls to a model.
fn report(pairs: &Pairs, alias: &str) -> modelpool::parts::core::statistics::PeriodReport {
    let entry = pairs.house.pool.get(alias).unwrap();
    let statistics = entry.live().known_statistics().unwrap();
    statistics.report(tokio::time::Instant::now().into_std()).ever
}

/// What our comment in a stream says.
fn comment(answer: &Answer) -> Value {
    let mut lines = answer.text().lines();
    let json = lines.find_map(|line| line.strip_prefix(": modelpool {"));
    let json = json.unwrap_or_else(|| panic!("no comment: {}", answer.text()));
    serde_json::from_str(&format!("{{{json}")).unwrap()
}

async fn of(wire: Wire) -> Pairs {
    let mut pairs = Pairs::of(&[], OnLoss::Error).await;
    pairs.add_priced(wire.provider(), wire, price()).await;
    pairs
}

#[tokio::test]
async fn a_call_is_billed_by_its_tier_and_by_what_was_cached() {
    each_pair(billed).await;
}

async fn billed(dialect: Dialect, wire: Wire) {
    let alias = wire.provider();
    let pairs = of(wire).await;
    pairs.upstream(alias).always(Deed::says(said()));
    let whole = pairs.ask(dialect, alias, false, &dialect.question()).await;
    let cost = whole.header("x-modelpool-cost-usd").unwrap().parse().unwrap();
    close(cost, expected(wire), whole.text());
    let stream = pairs.ask(dialect, alias, true, &dialect.question()).await;
    // Gemini's clients read no comments.
    if dialect != Dialect::Gemini {
        let cost = comment(&stream)["cost_usd"].as_f64().unwrap();
        close(cost, expected(wire), stream.text());
    }
    let report = report(&pairs, alias);
    close(
        report.total_cost_usd.unwrap(),
        2.0 * expected(wire),
        "both together",
    );
    let written = match wire {
        Wire::Anthropic | Wire::Bedrock | Wire::OpenAiChat | Wire::OpenAiResponses => 18_000,
        _ => 0,
    };
    assert_eq!(
        (report.cache_write_tokens, report.unpriced_requests),
        (written, 0)
    );
}

#[tokio::test]
async fn what_was_written_to_the_cache_is_told_where_the_dialect_has_a_word_for_it() {
    each_pair(told).await;
}

async fn told(dialect: Dialect, wire: Wire) {
    if !matches!(wire, Wire::Anthropic | Wire::Bedrock) {
        return;
    }
    let pairs = of(wire).await;
    pairs.upstream(wire.provider()).always(Deed::says(said()));
    let answer = pairs
        .ask(dialect, wire.provider(), false, &dialect.question())
        .await
        .json();
    let places: &[(&str, u64)] = match dialect {
        Dialect::Chat => &[
            ("/usage/prompt_tokens", 14_000),
            ("/usage/prompt_tokens_details/cached_tokens", 3_000),
            ("/usage/prompt_tokens_details/cache_write_tokens", 9_000),
        ],
        Dialect::Responses => &[
            ("/usage/input_tokens", 14_000),
            ("/usage/input_tokens_details/cached_tokens", 3_000),
            ("/usage/input_tokens_details/cache_write_tokens", 9_000),
        ],
        Dialect::Anthropic => &[
            ("/usage/input_tokens", 2_000),
            ("/usage/cache_read_input_tokens", 3_000),
            ("/usage/cache_creation_input_tokens", 9_000),
            ("/usage/cache_creation/ephemeral_5m_input_tokens", 4_000),
            ("/usage/cache_creation/ephemeral_1h_input_tokens", 5_000),
        ],
        Dialect::Gemini => &[
            ("/usageMetadata/promptTokenCount", 14_000),
            ("/usageMetadata/cachedContentTokenCount", 3_000),
        ],
    };
    for (place, count) in places {
        assert_eq!(
            answer.pointer(place).and_then(Value::as_u64),
            Some(*count),
            "{place} {answer}"
        );
    }
}

/// The user's own price holds, then the vendor's word, then the list.
#[tokio::test]
async fn what_the_vendor_says_it_cost_is_what_it_cost() {
    let wire = Wire::OpenAiChat;
    let mut pairs = Pairs::of(&[wire], OnLoss::Error).await;
    pairs.add_priced("declared", wire, price()).await;
    let listed = Capabilities::new().with_price(Fact::catalog(price()));
    pairs.add_with("listed", wire, listed).await;
    for (alias, cost) in [
        (wire.provider(), 0.023_285_6),
        ("listed", 0.023_285_6),
        ("declared", expected(wire)),
    ] {
        let said = Said {
            cost_in_usd_ticks: Some(232_856_000),
            ..said()
        };
        pairs.upstream(alias).always(Deed::says(said));
        for stream in [false, true] {
            let dialect = Dialect::Chat;
            let answer = pairs.ask(dialect, alias, stream, &dialect.question()).await;
            let told = match stream {
                false => answer.header("x-modelpool-cost-usd").unwrap().parse().unwrap(),
                true => comment(&answer)["cost_usd"].as_f64().unwrap(),
            };
            close(told, cost, alias);
        }
        let report = report(&pairs, alias);
        assert_eq!(report.unpriced_requests, 0);
        close(report.total_cost_usd.unwrap(), 2.0 * cost, alias);
    }
}

/// Anthropic says at the beginning that one token was said, and how many at the end: without its end, what was seen is
/// billed all the same.
#[tokio::test]
async fn a_stream_without_its_end_is_billed_for_what_was_seen() {
    let wire = Wire::Anthropic;
    let pieces = ["a "; 40];
    let lost = Said {
        pieces: pieces.map(str::to_owned).to_vec(),
        ..said()
    };
    let mut pairs = Pairs::impatient(wire).await;
    pairs.add_priced("priced", wire, price()).await;
    let stalls = Fault::StallAfter { pieces: pieces.len() };
    pairs.upstream("priced").always(Deed::says(lost).but(stalls));
    pairs
        .ask(Dialect::Anthropic, "priced", true, &Dialect::Anthropic.question())
        .await;
    let report = report(&pairs, "priced");
    assert_eq!((report.requests, report.successes), (1, 0));
    assert_eq!((report.input_tokens, report.output_tokens), (14_000, 1 + 40));
    let output = 0.06 - 0.000_41;
    close(
        report.total_cost_usd.unwrap(),
        expected(wire) - output,
        "a lost stream",
    );
}
