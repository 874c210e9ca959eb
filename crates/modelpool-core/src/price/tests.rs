use proptest::prelude::*;
use serde_json::json;

use super::*;

fn close(told: f64, reckoned: f64) {
    assert!(
        (told - reckoned).abs() <= 1e-12 * reckoned.abs().max(1.0),
        "{told}, not {reckoned}"
    );
}

/// A price with a rate for everything, so that each kind of token shows in the bill by its own digit.
fn full() -> Price {
    Price {
        input: 1.0,
        output: 20.0,
        cached_input: Some(300.0),
        cache_write: Some(4_000.0),
        cache_write_1h: Some(50_000.0),
        reasoning: Some(600_000.0),
        ..Price::default()
    }
}

/// One million of each kind.
fn one_of_each() -> Usage {
    Usage {
        input_tokens: 4_000_000,
        cached_input_tokens: 1_000_000,
        cache_write_tokens: 2_000_000,
        cache_write_1h_tokens: 1_000_000,
        output_tokens: 2_000_000,
        reasoning_tokens: 1_000_000,
        ..Usage::default()
    }
}

#[test]
fn every_kind_of_token_is_billed_once_at_its_own_rate() {
    close(full().cost_usd(&one_of_each()), 654_321.0);
}

#[test]
fn what_has_no_rate_of_its_own_is_billed_as_what_it_is_a_part_of() {
    let bare = Price {
        input: 1.0,
        output: 20.0,
        ..Price::default()
    };
    close(bare.cost_usd(&one_of_each()), 4.0 + 40.0);
    let short = Price {
        cache_write_1h: None,
        ..full()
    };
    close(
        short.cost_usd(&one_of_each()),
        600_020.0 + 1.0 + 300.0 + 2.0 * 4_000.0,
    );
}

#[test]
fn counts_that_contradict_each_other_are_cut_to_what_there_was() {
    let absurd = Usage {
        input_tokens: 1_000_000,
        cached_input_tokens: 700_000,
        cache_write_tokens: u64::MAX,
        cache_write_1h_tokens: u64::MAX,
        output_tokens: 1_000_000,
        reasoning_tokens: u64::MAX,
        ..Usage::default()
    };
    close(full().cost_usd(&absurd), 0.7 * 300.0 + 0.3 * 50_000.0 + 600_000.0);
}

fn tier(above_input_tokens: u64, rate: f64) -> PriceTier {
    PriceTier {
        above_input_tokens,
        input: rate,
        output: rate,
        ..PriceTier::default()
    }
}

#[test]
fn the_whole_call_is_billed_at_the_highest_tier_it_reaches_in_any_order() {
    let price = Price {
        tiers: vec![tier(200, 9.0), tier(100, 5.0)],
        ..Price::per_1k(0.001)
    };
    let bill = |input_tokens| {
        let usage = Usage {
            input_tokens,
            output_tokens: 1_000_000,
            ..Usage::default()
        };
        price.cost_usd(&usage)
    };
    for (input, rate) in [
        (0, 1.0),
        (100, 1.0),
        (101, 5.0),
        (200, 5.0),
        (201, 9.0),
        (1_000_000, 9.0),
    ] {
        close(bill(input), rate * (1.0 + input as f64 / 1e6));
    }
    assert_eq!(
        (price.first_tier_above(), Price::default().first_tier_above()),
        (Some(100), None)
    );
}

#[test]
fn a_tier_stands_by_itself() {
    let price = Price {
        tiers: vec![tier(0, 2.0)],
        ..full()
    };
    close(price.cost_usd(&one_of_each()), 4.0 * 2.0 + 2.0 * 2.0);
}

#[test]
fn tokens_read_from_a_cache_count_towards_the_tier_and_output_does_not() {
    let price = Price {
        cached_input: Some(0.1),
        tiers: vec![PriceTier {
            cached_input: Some(0.2),
            ..tier(100, 2.0)
        }],
        ..Price::per_1k(0.001)
    };
    let cached = Usage {
        input_tokens: 1_000_000,
        cached_input_tokens: 1_000_000,
        ..Usage::default()
    };
    close(price.cost_usd(&cached), 0.2);
    let long_answer = Usage {
        input_tokens: 100,
        output_tokens: 1_000_000,
        ..Usage::default()
    };
    close(price.cost_usd(&long_answer), 1.0 + 1e-4);
}

#[test]
fn what_is_counted_and_not_billed_is_not_billed() {
    let usage = Usage {
        unbilled_input_tokens: 500_000,
        unbilled_output_tokens: 250_000,
        ..one_of_each()
    };
    close(full().cost_usd(&usage), 654_321.0 - 0.5 - 5.0);
    let all = Usage {
        unbilled_input_tokens: u64::MAX,
        unbilled_output_tokens: u64::MAX,
        ..one_of_each()
    };
    close(full().cost_usd(&all), 0.0);
    let some = Usage {
        unbilled_input_tokens: 1_500_000,
        ..one_of_each()
    };
    close(full().cost_usd(&some), 654_321.0 - 1.0 - 150.0);
}

#[test]
fn images_and_calls_have_prices_of_their_own() {
    let price = Price {
        image: Some(0.04),
        request: Some(0.005),
        ..full()
    };
    let images = Usage {
        images: 3,
        ..one_of_each()
    };
    // Its output tokens are the images'.
    close(price.cost_usd(&images), 54_301.0 + 0.12 + 0.005);
    close(price.cost_usd(&one_of_each()), 654_321.0 + 0.005);
    let unpriced = Price { image: None, ..price };
    close(unpriced.cost_usd(&images), 654_321.0 + 0.005);
}

#[test]
fn what_is_sold_by_the_piece_does_not_rank_as_free() {
    let price = Price {
        image: Some(0.04),
        request: Some(0.005),
        tiers: vec![tier(10, 4.0)],
        ..Price::per_1k(0.001)
    };
    close(price.blended_per_1k(), 0.001 + 0.045);
    close(price.blended_per_1k_at(11), 0.004 + 0.045);
}

#[test]
fn reasoning_may_make_the_whole_answer_dearer() {
    let price = Price {
        output_after_reasoning: Some(7.0),
        ..full()
    };
    let plain = Usage {
        output_tokens: 1_000_000,
        ..Usage::default()
    };
    close(price.cost_usd(&plain), 20.0);
    let reasoned = Usage {
        reasoning_tokens: 1,
        ..plain
    };
    close(price.cost_usd(&reasoned), 7.0);
}

#[test]
fn the_bill_of_two_calls_is_not_that_of_their_sum() {
    let price = Price {
        tiers: vec![tier(100, 10.0)],
        ..Price::per_1k(0.001)
    };
    let call = Usage {
        input_tokens: 60,
        ..Usage::default()
    };
    assert!(price.cost_usd(&call.plus(&call)) > 2.0 * price.cost_usd(&call));
}

#[test]
fn what_users_write_is_read_and_written_the_same() {
    let written = json!({
        "input": 3.0, "output": 15.0, "cached_input": 0.3, "cache_write": 3.75, "cache_write_1h": 6.0,
        "reasoning": 16.0, "output_after_reasoning": 17.0, "image": 0.04, "request": 0.01,
        "tiers": [{"above_input_tokens": 200_000, "input": 6.0, "output": 22.5, "cached_input": 0.6,
                   "cache_write": 7.5, "cache_write_1h": 12.0, "reasoning": 23.0, "output_after_reasoning": 24.0}],
    });
    let price = read(&written).unwrap();
    assert_eq!(serde_json::to_value(&price).unwrap(), written);
    assert_eq!(serde_json::from_value::<Price>(written).unwrap(), price);
    let old = read(&json!({"input": 1, "output": 2, "cached_input": null})).unwrap();
    assert_eq!(
        serde_json::to_value(&old).unwrap(),
        json!({"input": 1.0, "output": 2.0})
    );
}

#[test]
fn mistakes_name_their_key_and_what_would_be_accepted() {
    for (written, expected) in [
        (
            json!(3),
            vec![": expected {input, output, …} in US dollars per million tokens, got 3"],
        ),
        (
            json!({"input": 1}),
            vec!["output: missing: a price needs `input` and `output`, US dollars per million tokens"],
        ),
        (
            json!({"input": "1", "output": 1, "image": true}),
            vec![
                "input: expected US dollars per million tokens, got \"1\"",
                "image: expected US dollars per image made, got true",
            ],
        ),
        (
            json!({"input": 1, "output": 1, "cache_writes": 2}),
            vec![
                "cache_writes: no part of a price, did you mean `cache_write`? (known: input, output, cached_input, \
                 cache_write, cache_write_1h, reasoning, output_after_reasoning, image, request, tiers)",
            ],
        ),
        (
            json!({"input": 1, "output": 1, "request": -1, "tiers": [{"above_input_tokens": 5, "input": 1, "output": -2}]}),
            vec![
                "request: expected a number of at least 0, got -1",
                "tiers[0].output: expected a number of at least 0, got -2",
            ],
        ),
        (
            json!({"input": 1, "output": 1, "tiers": {"above_input_tokens": 5}}),
            vec![
                "tiers: expected a list of tiers, each {above_input_tokens, input, output, …}, got {\"above_input_tokens\":5}",
            ],
        ),
        (
            json!({"input": 1, "output": 1, "tiers": [7, {"above_input_tokens": -5, "input": 1, "output": 1, "image": 1}]}),
            vec![
                "tiers[0]: expected {input, output, …} in US dollars per million tokens, got 7",
                "tiers[1].image: no part of a price (known: above_input_tokens, input, output, cached_input, \
                 cache_write, cache_write_1h, reasoning, output_after_reasoning)",
                "tiers[1].above_input_tokens: expected a whole number of tokens, got -5",
            ],
        ),
        (
            json!({"input": 1, "output": 1, "tiers": [
                {"above_input_tokens": 5, "input": 1, "output": 1}, {"above_input_tokens": 5, "input": 1, "output": 1}]}),
            vec!["tiers[1].above_input_tokens: a second tier above 5 tokens"],
        ),
    ] {
        let mistakes = read(&written).unwrap_err();
        let told: Vec<String> = mistakes
            .into_iter()
            .map(|(path, told)| format!("{path}: {told}"))
            .collect();
        assert_eq!(told, expected, "{written}");
    }
}

fn rate() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), 0.0..100.0]
}

prop_compose! {
    fn tiers()(above in 0_u64..400_000, rates in prop::array::uniform2(rate()),
               some in prop::array::uniform5(prop::option::of(rate()))) -> PriceTier {
        let [cached_input, cache_write, cache_write_1h, reasoning, output_after_reasoning] = some;
        PriceTier { above_input_tokens: above, input: rates[0], output: rates[1], cached_input, cache_write,
                    cache_write_1h, reasoning, output_after_reasoning }
    }
}

prop_compose! {
    fn prices()(base in tiers(), image in prop::option::of(rate()), request in prop::option::of(rate()),
                tiers in prop::collection::vec(tiers(), 0..4)) -> Price {
        Price { input: base.input, output: base.output, cached_input: base.cached_input,
                cache_write: base.cache_write, cache_write_1h: base.cache_write_1h, reasoning: base.reasoning,
                output_after_reasoning: base.output_after_reasoning, image, request, tiers }
    }
}

/// Tokens by their kinds, none of them part of another: fresh, read, written, written for an hour, said, thought.
type Kinds = [u64; 6];

fn usage_of([fresh, read, written, hour, said, thought]: Kinds, images: u64) -> Usage {
    let sum = |counts: &[u64]| {
        counts
            .iter()
            .fold(0, |sum: u64, count| sum.saturating_add(*count))
    };
    Usage {
        input_tokens: sum(&[fresh, read, written, hour]),
        cached_input_tokens: read,
        cache_write_tokens: sum(&[written, hour]),
        cache_write_1h_tokens: hour,
        output_tokens: sum(&[said, thought]),
        reasoning_tokens: thought,
        images,
        ..Usage::default()
    }
}

fn count() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), 0_u64..300_000]
}

proptest! {
    #[test]
    fn a_bill_is_a_finite_number_of_at_least_0(price in prices(), counts in prop::array::uniform7(any::<u64>())) {
        let usage = Usage { input_tokens: counts[0], cached_input_tokens: counts[1], cache_write_tokens: counts[2],
                            cache_write_1h_tokens: counts[3], output_tokens: counts[4], reasoning_tokens: counts[5],
                            images: counts[6], ..Usage::default() };
        let cost = price.cost_usd(&usage);
        prop_assert!(cost.is_finite() && cost >= 0.0, "{cost}");
        let most = price.most_usd(Expected { input_tokens: counts[0], output_tokens: counts[4], images: counts[6],
                                             keeps_for_an_hour: true });
        prop_assert!(most.is_finite() && most >= 0.0, "{most}");
    }

    #[test]
    fn more_of_a_kind_never_costs_less_within_a_tier(price in prices(), kinds in prop::array::uniform6(count()),
                                                     which in 0_usize..6, more in count(), images in 0_u64..3) {
        let before = usage_of(kinds, images);
        let mut kinds = kinds;
        kinds[which] += more;
        let after = usage_of(kinds, images);
        prop_assume!(price.tier_at(before.input_tokens) == price.tier_at(after.input_tokens));
        // The first thought moves the whole answer to another rate, which may be a lower one.
        prop_assume!((before.reasoning_tokens == 0) == (after.reasoning_tokens == 0));
        prop_assert!(price.cost_usd(&after) >= price.cost_usd(&before) * (1.0 - 1e-12));
    }

    #[test]
    fn a_tier_that_is_not_reached_changes_nothing(price in prices(), kinds in prop::array::uniform6(count()),
                                                  tier in tiers(), beyond in 0_u64..1_000) {
        let usage = usage_of(kinds, 0);
        let mut more = price.clone();
        more.tiers.push(PriceTier { above_input_tokens: usage.input_tokens + beyond, ..tier });
        prop_assert_eq!(price.cost_usd(&usage).to_bits(), more.cost_usd(&usage).to_bits());
        prop_assert_eq!(price.blended_per_1k_at(usage.input_tokens), more.blended_per_1k_at(usage.input_tokens));
    }

    #[test]
    fn no_call_costs_more_than_was_reckoned_with(price in prices(), kinds in prop::array::uniform6(count()),
                                                 hour in any::<bool>(), images in 0_u64..3) {
        let mut kinds = kinds;
        if !hour {
            kinds[3] = 0;
        }
        // Reading the cache is dearer than not reading it nowhere.
        let price = Price { cached_input: price.cached_input.map(|rate| rate.min(price.input)),
                            tiers: price.tiers.iter().map(|tier| PriceTier {
                                cached_input: tier.cached_input.map(|rate| rate.min(tier.input)), ..*tier }).collect(),
                            ..price };
        let usage = usage_of(kinds, images);
        let most = price.most_usd(Expected { input_tokens: usage.input_tokens, output_tokens: usage.output_tokens,
                                             images, keeps_for_an_hour: hour });
        prop_assert!(price.cost_usd(&usage) <= most * (1.0 + 1e-12), "{} > {most}", price.cost_usd(&usage));
    }

    #[test]
    fn prices_survive_being_written(price in prices()) {
        let mut price = price;
        price.tiers.sort_by_key(|tier| tier.above_input_tokens);
        price.tiers.dedup_by_key(|tier| tier.above_input_tokens);
        let written = serde_json::to_value(&price).unwrap();
        prop_assert_eq!(read(&written), Ok(price));
    }
}

#[test]
fn huge_counts_saturate() {
    let dear = Price {
        input: f64::MAX,
        output: f64::MAX,
        request: Some(f64::MAX),
        ..Price::default()
    };
    let huge = Usage {
        input_tokens: u64::MAX,
        output_tokens: u64::MAX,
        ..Usage::default()
    };
    assert_eq!(dear.cost_usd(&huge), f64::MAX);
}
