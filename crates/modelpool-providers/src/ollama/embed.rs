//! Vectors for texts: `/api/embed`, <https://docs.ollama.com/api/embed>.

use bytes::Bytes;
use serde_json::{Value, json};

use super::answer::refused;
use crate::wire::Broken;

/// The body of a request. A text that is too long is to be an error: Ollama would cut it without a word.
pub(crate) fn body(model: &str, inputs: &[String], dimensions: Option<u32>) -> Bytes {
    let mut body = json!({"model": model, "input": inputs, "truncate": false});
    if let Some(dimensions) = dimensions {
        body["dimensions"] = dimensions.into();
    }
    Bytes::from(body.to_string())
}

/// The vectors, one for each of so many `inputs`, and the tokens these were, where the server says.
pub(crate) fn read(body: &[u8], inputs: usize) -> Result<(Vec<Vec<f32>>, Option<u64>), Broken> {
    let protocol = |message: String| Err(Broken::Protocol(message));
    let answer: Value = match serde_json::from_slice(body) {
        Ok(answer) => answer,
        Err(error) => return protocol(format!("the answer is not JSON: {error}")),
    };
    refused(&answer)?;
    let Some(list) = answer.get("embeddings").and_then(Value::as_array) else {
        return protocol("the answer has no `embeddings`".to_owned());
    };
    let vectors: Option<Vec<Vec<f32>>> = list.iter().map(vector).collect();
    match vectors {
        None => protocol("the answer's `embeddings` hold something that is not a vector".to_owned()),
        Some(vectors) if vectors.len() != inputs => protocol(format!(
            "the answer has {} `embeddings` for {inputs} inputs",
            vectors.len()
        )),
        Some(vectors) => Ok((vectors, answer.get("prompt_eval_count").and_then(Value::as_u64))),
    }
}

/// `None` where it is no list of numbers, or an empty one.
fn vector(value: &Value) -> Option<Vec<f32>> {
    let numbers = value.as_array().filter(|numbers| !numbers.is_empty())?;
    let numbers = numbers
        .iter()
        .map(|number| number.as_f64().map(|number| number as f32));
    numbers
        .map(|number| number.filter(|number| number.is_finite()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_request_says_that_nothing_is_to_be_cut() {
        let inputs = ["a".to_owned(), "图".to_owned()];
        assert_eq!(
            body("nomic", &inputs, None),
            r#"{"model":"nomic","input":["a","图"],"truncate":false}"#
        );
        assert_eq!(
            body("nomic", &inputs[..1], Some(256)),
            r#"{"model":"nomic","input":["a"],"truncate":false,"dimensions":256}"#
        );
    }

    #[test]
    fn vectors_are_read() {
        let answer = br#"{"model":"m","embeddings":[[0.5,-1],[0,2e-3]],"prompt_eval_count":8}"#;
        let expected = (vec![vec![0.5, -1.0], vec![0.0, 0.002]], Some(8));
        assert_eq!(read(answer, 2).unwrap(), expected);
        assert_eq!(
            read(br#"{"embeddings":[[1]]}"#, 1).unwrap(),
            (vec![vec![1.0]], None)
        );
    }

    #[test]
    fn what_is_not_whole_is_no_answer() {
        for (answer, message) in [
            ("", "the answer is not JSON"),
            ("{}", "the answer has no `embeddings`"),
            (
                r#"{"embeddings":[[1]]}"#,
                "the answer has 1 `embeddings` for 2 inputs",
            ),
            (r#"{"embeddings":[[1],[]]}"#, "the answer's `embeddings` hold"),
            (r#"{"embeddings":[[1],[null]]}"#, "the answer's `embeddings` hold"),
            (r#"{"embeddings":[[1],[1e99]]}"#, "the answer's `embeddings` hold"),
        ] {
            let Broken::Protocol(said) = read(answer.as_bytes(), 2).unwrap_err() else {
                panic!("{answer}")
            };
            assert!(said.starts_with(message), "{said}");
        }
        let object = json!({"error": "the input length exceeds the context length"});
        assert_eq!(
            read(object.to_string().as_bytes(), 1).unwrap_err(),
            Broken::Refusal(object)
        );
    }

    proptest! {
        #[test]
        fn no_bytes_do_harm(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = read(&bytes, 1);
        }
    }
}
