//! Reading configurations, and the table that all is read from.

use super::test_pool::TestPool;
use super::*;
use modelpool_core::selector::Ticket;
use modelpool_core::snapshot::ModelSet;
use modelpool_core::{Capabilities, Flag, RequestFacts, Requirements, SelectContext, UnixMillis};
use serde_json::{Map, json};

const ALIASES: [&str; 3] = ["fast", "strong", "vision"];

fn mistakes(value: &Value) -> Vec<String> {
    let mistakes = from_json(value, Some(&ALIASES)).expect_err("a mistake");
    mistakes.iter().map(ToString::to_string).collect()
}

#[test]
fn the_table_in_the_docs_is_this_one() {
    let written = include_str!("table.md");
    assert_eq!(table(), written, "put what `table()` gives into table.md");
}

#[test]
fn every_example_is_read_and_keeps_its_name() {
    for kind in &KINDS {
        let example: Value = serde_json::from_str(kind.example).unwrap();
        let selector = from_json(&example, Some(&ALIASES)).unwrap();
        assert_eq!(selector.name(), kind.name);
        assert!(!LATER.contains(&kind.name));
    }
}

#[test]
fn a_name_without_options_is_enough_where_none_are_required() {
    for kind in &KINDS {
        let by_name = from_json(&json!(kind.name), None).map(|selector| selector.name().to_owned());
        let by_object =
            from_json(&json!({"kind": kind.name}), None).map(|selector| selector.name().to_owned());
        assert_eq!(by_name, by_object, "{}", kind.name);
    }
    assert!(from_json(&json!("priority"), None).is_ok());
    assert_eq!(
        mistakes(&json!("tiers")),
        ["tiers: missing, expected a list of lists of aliases such as [[\"fast\"], [\"strong\"]]"]
    );
}

#[test]
fn unknown_selectors_are_answered_with_the_known() {
    let known = "known are capability, cost, latency, throughput, weighted, round_robin, least_busy, \
                 priority, schedule, first_of, tiers, expression";
    assert_eq!(
        mistakes(&json!("round_robbin")),
        [format!(
            "no selector `round_robbin`, did you mean `round_robin`? {known}"
        )]
    );
    assert_eq!(
        mistakes(&json!({"kind": "magic"})),
        [format!("kind: no selector `magic`; {known}")]
    );
    assert_eq!(
        mistakes(&json!("learned")),
        [format!(
            "the selector `learned` is not available in this version; {known}"
        )]
    );
    assert_eq!(
        mistakes(&json!(["first_of", {"kind": "expected_cost"}])),
        [
            "expected the name of a selector, or an object with its `kind`, got [\"first_of\",{\"kind\":\"expected_cost\"}]"
        ]
    );
    assert_eq!(
        mistakes(&json!({"of": ["cost"]})),
        ["kind: missing, expected the name of a selector"]
    );
    assert_eq!(
        mistakes(&json!({"kind": 3})),
        ["kind: expected the name of a selector, got 3"]
    );
}

#[test]
fn unknown_options_are_answered_with_the_accepted() {
    assert_eq!(
        mistakes(&json!({"kind": "cost", "weights": {}})),
        ["weights: unknown option; `cost` has no options"]
    );
    assert_eq!(
        mistakes(&json!({"kind": "weighted", "weight": {"fast": 1}})),
        [
            "weight: unknown option, did you mean `weights`? `weighted` accepts weights",
            "weights: missing, expected an object of aliases and weights such as {\"fast\": 9, \"strong\": 1}"
        ]
    );
}

#[test]
fn mistakes_of_all_levels_are_named_at_once() {
    let value = json!({
        "kind": "first_of",
        "of": [
            {"kind": "weighted", "weights": {"fats": 9, "strong": "much"}},
            {"kind": "tiers", "tiers": [["fast"], ["fast", 7]], "within": {"kind": "priority", "order": ["visoin"]}},
            {"kind": "expression", "score": "model.vison ? 1 : 0"},
        ],
    });
    let shown = mistakes(&value);
    let expected = [
        "of[0].weights.fats: no model has the alias `fats`, did you mean `fast`?",
        "of[0].weights.strong: expected a number of at least 0, got \"much\"",
        "of[1].within.order[0]: no model has the alias `visoin`, did you mean `vision`?",
        "of[1].tiers[1][1]: expected an alias, got 7",
        "of[1].tiers[1][0]: `fast` stands in tiers[0] already",
        "of[2].score: line 1, column 7: `model` has no `vison`;",
    ];
    for (shown, expected) in shown.iter().zip(expected) {
        assert!(shown.starts_with(expected), "{shown}\n{expected}");
    }
    assert_eq!(shown.len(), expected.len(), "{shown:#?}");
}

#[test]
fn selectors_within_selectors_have_a_limit() {
    let nested = |levels: usize| {
        (0..levels).fold(
            json!("cost"),
            |inner, _| json!({"kind": "first_of", "of": [inner]}),
        )
    };
    assert!(from_json(&nested(MOST_NESTED), None).is_ok());
    let mistakes = mistakes(&nested(MOST_NESTED + 1));
    assert_eq!(mistakes.len(), 1);
    assert!(
        mistakes[0].ends_with("more than 16 selectors within one another"),
        "{mistakes:?}"
    );
}

#[test]
fn aliases_are_checked_only_where_they_are_known() {
    let value = json!({"kind": "priority", "order": ["elsewhere"]});
    assert!(from_json(&value, None).is_ok());
    assert_eq!(mistakes(&value), ["order[0]: no model has the alias `elsewhere`"]);
}

#[test]
fn options_reach_the_selector() {
    let order = |value: Value| {
        let plan = TestPool::new()
            .models(&["a", "b", "c"])
            .plan(from_json(&value, None).unwrap())
            .unwrap();
        let explanation = plan.explain().unwrap();
        explanation
            .ranking
            .into_iter()
            .map(|ranked| ranked.alias)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        order(json!({"kind": "weighted", "weights": {"c": 1, "a": 0}}))[0],
        "c"
    );
    assert_eq!(order(json!({"kind": "priority", "order": ["b"]}))[0], "b");
    assert_eq!(
        order(
            json!({"kind": "tiers", "tiers": [["c"], ["a", "b"]], "within": {"kind": "priority", "order": ["b"]}})
        ),
        ["c", "b", "a"]
    );
    assert_eq!(
        order(json!({"kind": "expression", "score": "model.alias == 'b' ? 1 : 0"}))[0],
        "b"
    );
    assert_eq!(
        order(json!({"kind": "first_of", "of": [
            "latency", {"kind": "priority", "order": ["nobody"]}, {"kind": "priority", "order": ["c"]}
        ]}))[0],
        "c"
    );
}

#[test]
fn a_selector_may_be_asked_about_some_models() {
    let can = |vision: bool, cost: f64| {
        let capabilities = Capabilities::new().cost_per_1k_tokens(cost);
        if vision {
            capabilities.supports(Flag::Vision)
        } else {
            capabilities
        }
    };
    let pool = TestPool::new()
        .model("cheapest", can(true, 0.1))
        .model("cheap", can(true, 0.2))
        .model("blind", can(false, 0.15))
        .model("dear", can(true, 0.3));
    let plan = pool.plan(from_json(&json!("priority"), None).unwrap()).unwrap();
    let snapshot = plan.snapshot();
    let some = ["cheap", "blind", "dear"].map(|alias| snapshot.index_of(alias).unwrap());
    let requirements = Requirements::from_json(&json!({"supports_vision": true})).unwrap();
    let context = SelectContext {
        default: snapshot.default_model(),
        order: &some,
        requirements: &requirements,
        preferences: &Requirements::new(),
        facts: &RequestFacts::default(),
        values: &Map::new(),
        now: UnixMillis(0),
        ticket: &Ticket::fixed(0, 0),
    };
    let best = snapshot.best_among(&some.into_iter().collect(), &Cost, &context);
    assert_eq!(
        best.unwrap().map(|index| snapshot.entry(index).alias()),
        Some("cheap")
    );
    let none = snapshot.best_among(&ModelSet::default(), &Cost, &context);
    assert_eq!(none.unwrap(), None);
}
