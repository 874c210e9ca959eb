use serde_json::json;

use super::*;
use crate::ToolCall;

/// A token for each character.
#[derive(Debug)]
struct Characters;

impl Tokenizer for Characters {
    fn count(&self, text: &str) -> u64 {
        text.chars().count() as u64
    }
}

fn counter() -> Counter {
    Counter::new(Arc::new(Characters))
}

#[test]
fn messages_weigh_more_than_their_text() {
    let count = |message: &Message| counter().message(message);
    assert_eq!(count(&Message::user("abc")), 7);
    let call = ToolCall {
        id: "call_1".to_owned(),
        name: "read".to_owned(),
        arguments: "{}".to_owned(),
    };
    assert_eq!(count(&Message::calling("", &[call])), 4 + 8 + 4 + 2);
    assert_eq!(count(&Message::tool("call_1", "abc")), 7);
    assert_eq!(
        counter().messages([&Message::user("abc"), &Message::user("abc")]),
        17
    );
    assert_eq!(counter().tools(&[json!({"a": 1})]), 7);
    assert_eq!(
        counter().fixed(Some("ab"), &Message::user("abc"), &[json!({})]),
        6 + 7 + 3 + 2
    );
}

#[test]
fn pictures_and_unknown_members_weigh_something() {
    let of = |value| counter().message(&Message::from_json(value).expect("a message"));
    let image = |detail| json!({"type": "image_url", "image_url": {"url": "data:,", "detail": detail}});
    assert_eq!(
        of(json!({"role": "user", "content": [{"type": "text", "text": "ab"}, image("low")]})),
        4 + 2 + 85
    );
    assert_eq!(of(json!({"role": "user", "content": [image("high")]})), 1_004);
    assert_eq!(
        of(json!({"role": "assistant", "content": null, "reasoning_content": "abc", "name": "n"})),
        4 + 3 + 2
    );
}

#[test]
fn what_calls_used_corrects_estimates() {
    let tokenizers = Tokenizers::default();
    let (text, model) = ("four".repeat(1_000), "some-model");
    let first = tokenizers.of(Some(model));
    let mut errors = Vec::new();
    for _ in 0..20 {
        let counted = tokenizers.of(Some(model)).text(&text);
        errors.push(counted.abs_diff(1_600));
        tokenizers.learn(model, counted, 1_600);
    }
    assert!(errors.windows(2).all(|pair| pair[1] <= pair[0]), "{errors:?}");
    assert!(errors[0] == 600 && errors[19] < 16, "{errors:?}");
    assert!(tokenizers.of(Some(model)).margin() < first.margin());
    // Others are not touched.
    assert_eq!(tokenizers.of(Some("another")).text(&text), 1_000);
    assert_eq!(tokenizers.of(None).text(&text), 1_000);
}

#[test]
fn what_teaches_nothing_changes_nothing() {
    let tokenizers = Tokenizers::default().with("own", Arc::new(Characters));
    tokenizers.learn("small", 10, 1_000);
    tokenizers.learn("zero", 1_000, 0);
    tokenizers.learn("own", 1_000, 9_000);
    let text = "four".repeat(100);
    let counts = ["small", "zero", "own"].map(|name| tokenizers.of(Some(name)).text(&text));
    assert_eq!(counts, [100, 100, 400]);
}

#[test]
fn factors_and_memory_are_bounded() {
    let tokenizers = Tokenizers::default();
    for number in 0..2 * MOST_MODELS {
        tokenizers.learn(&format!("model-{number}"), 100, 1_000_000);
    }
    for _ in 0..100 {
        tokenizers.learn("model-511", 100, 1_000_000);
    }
    let memory = tokenizers.memory.lock().expect("not poisoned");
    assert_eq!(memory.models.len(), MOST_MODELS);
    assert!(memory.models.contains_key("model-511") && !memory.models.contains_key("model-0"));
    assert!((memory.models["model-511"].factor - FACTORS.end()).abs() < 1e-6);
}
