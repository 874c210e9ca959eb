//! How much a model is to reason.

use serde_json::json;

use crate::gemini::config::thinking;
use crate::gemini::generation::Generation;
use crate::neutral::{Effort, Reasoning};

#[test]
fn reasoning_in_the_words_of_each_generation() {
    let before = Generation::BeforeThinking;
    let (flash, pro) = (
        Generation::Budget { pro: false },
        Generation::Budget { pro: true },
    );
    let (third, third_pro) = (
        Generation::Levels { pro: false },
        Generation::Levels { pro: true },
    );
    for (generation, effort, budget, visible, expected) in [
        (before, Some(Effort::High), None, None, Err("reasoning_effort")),
        (before, Some(Effort::None), None, None, Ok(None)),
        (
            flash,
            Some(Effort::None),
            None,
            None,
            Ok(Some(json!({"thinkingBudget": 0}))),
        ),
        (
            flash,
            Some(Effort::Medium),
            None,
            None,
            Ok(Some(json!({"thinkingBudget": 8192}))),
        ),
        (
            flash,
            None,
            Some(5),
            Some(true),
            Ok(Some(json!({"thinkingBudget": 5, "includeThoughts": true}))),
        ),
        (pro, None, Some(0), None, Ok(Some(json!({"thinkingBudget": 128})))),
        (
            pro,
            Some(Effort::None),
            None,
            None,
            Ok(Some(json!({"thinkingBudget": 128}))),
        ),
        (
            third,
            Some(Effort::Minimal),
            None,
            None,
            Ok(Some(json!({"thinkingLevel": "minimal"}))),
        ),
        (
            third,
            None,
            Some(0),
            None,
            Ok(Some(json!({"thinkingLevel": "minimal"}))),
        ),
        (
            flash,
            None,
            Some(40_000),
            None,
            Ok(Some(json!({"thinkingBudget": 24_576}))),
        ),
        (
            third,
            None,
            Some(5_000),
            None,
            Ok(Some(json!({"thinkingLevel": "medium"}))),
        ),
        (
            third,
            Some(Effort::Low),
            Some(40_000),
            None,
            Ok(Some(json!({"thinkingLevel": "low"}))),
        ),
        (
            third_pro,
            Some(Effort::None),
            None,
            None,
            Ok(Some(json!({"thinkingLevel": "low"}))),
        ),
        (
            third_pro,
            Some(Effort::ExtraHigh),
            None,
            None,
            Ok(Some(json!({"thinkingLevel": "high"}))),
        ),
        (
            third,
            None,
            None,
            Some(false),
            Ok(Some(json!({"includeThoughts": false}))),
        ),
        (third, None, None, None, Ok(None)),
    ] {
        let reasoning = Reasoning {
            effort,
            budget_tokens: budget,
            visible,
        };
        assert_eq!(
            thinking(&reasoning, generation),
            expected,
            "{generation:?} {reasoning:?}"
        );
    }
}
