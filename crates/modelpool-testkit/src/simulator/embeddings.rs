//! `POST /v1/embeddings`: vectors that follow from the text alone.
//!
//! A text is the sum of its words, each of which points in a pseudo-random
//! direction of its own, plus a little of the text as a whole; the sum has
//! length 1. So equal texts are equal, and texts that share words are nearer
//! (by cosine) than those that do not. As with OpenAI's, a shorter vector is
//! the beginning of the longer one, brought back to length 1.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::api_error::ApiError;
use super::reply::Reply;
use super::state::SimulatedModel;
use super::tokens::{estimate, is_cjk};

/// Words that are looked at; the text as a whole still tells longer ones apart.
const MAX_WORDS: usize = 512;
/// OpenAI's limit on the inputs of one request.
const MAX_INPUTS: usize = 2048;
/// How much the text as a whole counts, where a word counts 1.
const WHOLE_TEXT_WEIGHT: f32 = 0.1;

#[derive(Debug, Deserialize)]
pub(super) struct EmbeddingsRequest {
    pub(super) model: String,
    input: Input,
    encoding_format: Option<String>,
    dimensions: Option<u32>,
}

/// Texts, or texts already made into token numbers.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Input {
    Text(String),
    Texts(Vec<String>),
    Tokens(Vec<u64>),
    TokenLists(Vec<Vec<u64>>),
}

impl EmbeddingsRequest {
    pub(super) fn answer(&self, model: &SimulatedModel) -> Result<Reply, ApiError> {
        let dimensions = self.dimensions(model.behaviour.embedding_dimensions)?;
        let base64 = match self.encoding_format.as_deref() {
            None | Some("float") => false,
            Some("base64") => true,
            Some(other) => {
                return Err(ApiError::invalid_value(
                    "encoding_format",
                    format!("Invalid value: '{other}'. Supported values are: 'float' and 'base64'."),
                ));
            }
        };
        let texts = self.texts()?;
        let prompt_tokens: u64 = texts.iter().map(|(_, tokens)| tokens).sum();
        if let Some(window) = model.behaviour.context_window
            && let Some((_, tokens)) = texts.iter().find(|(_, tokens)| *tokens > window)
        {
            return Err(ApiError::context_length(window, *tokens, None));
        }
        let data: Vec<Value> = texts
            .iter()
            .enumerate()
            .map(|(index, (text, _))| {
                let vector = embed(text, dimensions);
                let embedding = if base64 {
                    let bytes: Vec<u8> = vector.iter().flat_map(|part| part.to_le_bytes()).collect();
                    Value::String(STANDARD.encode(bytes))
                } else {
                    json!(vector)
                };
                json!({ "object": "embedding", "index": index, "embedding": embedding })
            })
            .collect();
        Ok(Reply::json(&json!({
            "object": "list",
            "data": data,
            "model": self.model,
            "usage": { "prompt_tokens": prompt_tokens, "total_tokens": prompt_tokens },
        })))
    }

    fn dimensions(&self, most: u32) -> Result<usize, ApiError> {
        let wanted = self.dimensions.unwrap_or(most);
        if !(1..=most).contains(&wanted) {
            return Err(ApiError::invalid_value(
                "dimensions",
                format!("Invalid value for 'dimensions': {wanted}. Must be between 1 and {most}."),
            ));
        }
        // Behaviours allow 16384 at most.
        Ok(usize::try_from(wanted).unwrap_or(usize::MAX))
    }

    /// The texts with their numbers of tokens.
    fn texts(&self) -> Result<Vec<(String, u64)>, ApiError> {
        let counted = |text: &String| (text.clone(), estimate(text));
        let joined = |tokens: &Vec<u64>| {
            let words: Vec<String> = tokens.iter().map(u64::to_string).collect();
            (words.join(" "), tokens.len() as u64)
        };
        let texts: Vec<(String, u64)> = match &self.input {
            Input::Text(text) => vec![counted(text)],
            Input::Texts(texts) => texts.iter().map(counted).collect(),
            Input::Tokens(tokens) => vec![joined(tokens)],
            Input::TokenLists(lists) => lists.iter().map(joined).collect(),
        };
        if texts.is_empty() || texts.iter().any(|(text, _)| text.is_empty()) {
            return Err(ApiError::invalid_request(
                "'$.input' is invalid. Please check the API reference: https://platform.openai.com/docs/api-reference.",
            ));
        }
        if texts.len() > MAX_INPUTS {
            return Err(ApiError::invalid_request(format!(
                "'input' has {} entries: at most {MAX_INPUTS} are allowed.",
                texts.len()
            )));
        }
        Ok(texts)
    }
}

pub(super) fn embed(text: &str, dimensions: usize) -> Vec<f32> {
    let mut vector = vec![0.0; dimensions];
    for word in words(text).take(MAX_WORDS) {
        add(&mut vector, &word.to_lowercase(), 1.0);
    }
    add(&mut vector, text, WHOLE_TEXT_WEIGHT);
    let length = vector.iter().map(|part| part * part).sum::<f32>().sqrt();
    if length > 0.0 {
        for part in &mut vector {
            *part /= length;
        }
    }
    vector
}

/// Words between marks and spaces; where a script has no spaces, characters.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !character.is_alphanumeric())
        .flat_map(|run| run.split_inclusive(is_cjk))
        .filter(|word| !word.is_empty())
}

/// Adds the direction of a word. Hash and generator are written out so that
/// vectors are the same on every machine and in every version:
/// FNV-1a (<http://www.isthe.com/chongo/tech/comp/fnv/>) and SplitMix64
/// (<https://prng.di.unimi.it/splitmix64.c>).
fn add(vector: &mut [f32], word: &str, weight: f32) {
    let mut state = word.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    for part in vector {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        // The upper 24 bits fit a float exactly: a share of -1 to 1.
        let share = (mixed >> 40) as f32 / (1_u32 << 23) as f32 - 1.0;
        *part += weight * share;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cosine(left: &str, right: &str) -> f32 {
        let (left, right) = (embed(left, 256), embed(right, 256));
        left.iter().zip(&right).map(|(l, r)| l * r).sum()
    }

    #[test]
    fn vectors_follow_from_the_text() {
        assert_eq!(embed("a cat", 64), embed("a cat", 64));
        assert_ne!(embed("a cat", 64), embed("a dog", 64));
        assert!(cosine("the red cat", "a red cat") > cosine("the red cat", "two blue dogs") + 0.3);
        assert!(cosine("今天天气好", "今天天气不好") > cosine("今天天气好", "我喜欢苹果") + 0.3);
    }

    #[test]
    fn they_have_length_one_and_shorter_ones_are_their_beginning() {
        let long = embed("one two", 512);
        let short = embed("one two", 128);
        let length: f32 = short.iter().map(|part| part * part).sum();
        assert!((length - 1.0).abs() < 1e-4);
        let ratio = long[0] / short[0];
        assert!(long.iter().zip(&short).all(|(l, s)| (l - s * ratio).abs() < 1e-5));
    }
}
