//! From what a request is to what it needs.
//!
//! Every inferred requirement excludes only models that are known not to meet it; models of which
//! it is unknown stay, ranked last. Explicit requirements override inferred ones, key by key.
//!
//! | fact | requirement |
//! |---|---|
//! | tools | `supports_tools` (and `supports_parallel_tools` where the caller asks for it) |
//! | image, audio, file parts | `supports_vision`, `supports_audio`, `supports_pdf` |
//! | `response_format` | `supports_json_mode`, `supports_json_schema` |
//! | a system message | `supports_system_message` |
//! | a stream | `supports_streaming` |
//! | embeddings | `supports_embeddings` |
//! | estimated input and wanted output; of vectors, the longest text | `min_context_window` |
//! | wanted output | `max_tokens` |
//!
//! What is neither text of a language model nor vectors (audio, reranking, moderations, changed pictures) needs
//! nothing by itself: no capability says who does it.
//!
//! A pool can also infer from plain text (`infer_words`), as an agent's does: words for a picture
//! (图片, image, …) need vision, and long texts a large window (over 50,000 characters 32,000
//! tokens, over 20,000 characters 16,000, where that is more than the estimate).

use modelpool_core::requirement::Bound;
use modelpool_core::{Flag, Numeric, Operation, RequestFacts, Requirements};

/// Characters of text from which a window is asked for, and the window in tokens; largest first.
const WINDOW_BY_CHARACTERS: [(u64, u64); 2] = [(50_000, 32_000), (20_000, 16_000)];

/// What a request with these facts needs.
///
/// ```
/// use modelpool_core::RequestFacts;
/// use modelpool_engine::infer::infer;
/// let facts = RequestFacts { tools: 1, images: 1, ..RequestFacts::default() };
/// let needed = infer(&facts, false);
/// assert!(needed.get("supports_tools").is_some() && needed.get("supports_vision").is_some());
/// ```
#[must_use]
pub fn infer(facts: &RequestFacts, from_words: bool) -> Requirements {
    let mut needed = Requirements::new();
    let flags = [
        (facts.tools > 0, Flag::Tools),
        (facts.tools > 0 && facts.parallel_tools, Flag::ParallelTools),
        (
            facts.images > 0 || (from_words && facts.speaks_of_images),
            Flag::Vision,
        ),
        (facts.audio > 0, Flag::Audio),
        (facts.files > 0, Flag::Pdf),
        (facts.json_mode, Flag::JsonMode),
        (facts.json_schema, Flag::JsonSchema),
        (facts.system_message, Flag::SystemMessage),
        (facts.stream, Flag::Streaming),
        (facts.operation == Operation::Embeddings, Flag::Embeddings),
    ];
    for (_, flag) in flags.into_iter().filter(|(needs, _)| *needs) {
        needed = needed.supports(flag);
    }
    let window = window(facts, from_words);
    if window > 0 {
        needed = needed.bound(Numeric::ContextWindow, Bound::AtLeast(window as f64));
    }
    if let Some(output) = facts.output_tokens {
        needed = needed.number(Numeric::MaxTokens, output as f64);
    }
    needed.into_inferred()
}

/// Characters of text up to which the sizes of plain text alone ask for no larger window than that; `None` where
/// they never do.
///
/// ```
/// use modelpool_engine::infer::most_characters;
/// assert_eq!(most_characters(8_000), Some(20_000));
/// assert_eq!(most_characters(16_000), Some(50_000));
/// assert_eq!(most_characters(32_000), None);
/// ```
#[must_use]
pub fn most_characters(window: u64) -> Option<u64> {
    let beyond = WINDOW_BY_CHARACTERS.into_iter().rev();
    beyond
        .into_iter()
        .find(|(_, asked)| *asked > window)
        .map(|(characters, _)| characters)
}

fn window(facts: &RequestFacts, from_words: bool) -> u64 {
    let estimate = match facts.operation {
        Operation::Chat | Operation::Completions | Operation::Images => {
            facts.input_tokens + facts.output_tokens.unwrap_or(0)
        }
        // Each text stands alone: a thousand short ones need no large window.
        Operation::Embeddings => facts.longest_text_tokens,
        _ => return 0,
    };
    let by_size = WINDOW_BY_CHARACTERS
        .into_iter()
        .find(|(characters, _)| {
            from_words && facts.operation.writes_text() && facts.text_characters > *characters
        })
        .map_or(0, |(_, window)| window);
    estimate.max(by_size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn inferred(facts: RequestFacts, from_words: bool) -> serde_json::Value {
        infer(&facts, from_words).to_json()
    }

    #[test]
    fn each_fact_has_its_requirement() {
        let none = RequestFacts::default();
        assert_eq!(inferred(none.clone(), true), json!({}));
        let facts = RequestFacts {
            stream: true,
            tools: 2,
            parallel_tools: true,
            images: 1,
            audio: 1,
            files: 1,
            json_mode: true,
            json_schema: true,
            system_message: true,
            input_tokens: 900,
            output_tokens: Some(100),
            ..RequestFacts::default()
        };
        assert_eq!(
            inferred(facts, false),
            json!({
                "supports_tools": true, "supports_parallel_tools": true, "supports_vision": true,
                "supports_audio": true, "supports_pdf": true, "supports_json_mode": true,
                "supports_json_schema": true, "supports_system_message": true, "supports_streaming": true,
                "min_context_window": 1000, "max_tokens": 100,
            })
        );
        let embeddings = RequestFacts {
            operation: Operation::Embeddings,
            input_tokens: 100_000,
            longest_text_tokens: 300,
            ..none
        };
        assert_eq!(
            inferred(embeddings, false),
            json!({"supports_embeddings": true, "min_context_window": 300})
        );
    }

    #[test]
    fn what_no_capability_tells_of_needs_none() {
        for operation in Operation::ALL {
            let facts = RequestFacts {
                operation,
                text_characters: 100_000,
                input_tokens: 30_000,
                ..RequestFacts::default()
            };
            let expected = match operation {
                Operation::Chat | Operation::Completions | Operation::Images => {
                    json!({"min_context_window": 30_000})
                }
                Operation::Embeddings => json!({"supports_embeddings": true}),
                _ => json!({}),
            };
            assert_eq!(inferred(facts, false), expected, "{operation:?}");
        }
    }

    #[test]
    fn words_and_sizes_count_only_where_the_pool_says_so() {
        let facts = RequestFacts {
            speaks_of_images: true,
            ..RequestFacts::default()
        };
        assert_eq!(inferred(facts.clone(), true), json!({"supports_vision": true}));
        assert_eq!(inferred(facts, false), json!({}));
        for (characters, tokens, expected) in [
            (20_000, 5_000, 5_000),
            (20_001, 5_000, 16_000),
            (50_001, 12_000, 32_000),
            (200_000, 50_000, 50_000),
        ] {
            let facts = RequestFacts {
                text_characters: characters,
                input_tokens: tokens,
                ..RequestFacts::default()
            };
            assert_eq!(
                inferred(facts, true),
                json!({"min_context_window": expected}),
                "{characters}"
            );
        }
    }
}
