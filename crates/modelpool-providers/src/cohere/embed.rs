//! Vectors for texts: `/v2/embed`, <https://docs.cohere.com/reference/embed>.

use bytes::Bytes;
use serde_json::{Value, json};

use super::answer::{count, refused};
use crate::neutral::Untranslatable;
use crate::wire::Broken;

/// Most texts of a request.
const MAX_INPUTS: usize = 96;

/// The body of a request. Cohere wants to know what the vectors are for, and callers of other dialects do not say:
/// they are taken for documents that are searched. A text that is too long is to be an error, not cut.
pub(crate) fn body(model: &str, inputs: &[String], dimensions: Option<u32>) -> Result<Bytes, Untranslatable> {
    if inputs.len() > MAX_INPUTS {
        return Err(Untranslatable::new(
            "input",
            format!(
                "holds {} texts, and Cohere's wire takes {MAX_INPUTS}",
                inputs.len()
            ),
        ));
    }
    let mut body = json!({
        "model": model,
        "texts": inputs,
        "input_type": "search_document",
        "embedding_types": ["float"],
        "truncate": "NONE",
    });
    if let Some(dimensions) = dimensions {
        body["output_dimension"] = dimensions.into();
    }
    Ok(Bytes::from(body.to_string()))
}

/// The vectors, one for each of so many `inputs`, and the tokens these were, where Cohere says.
pub(crate) fn read(body: &[u8], inputs: usize) -> Result<(Vec<Vec<f32>>, Option<u64>), Broken> {
    let protocol = |message: String| Err(Broken::Protocol(message));
    let answer: Value = match serde_json::from_slice(body) {
        Ok(answer) => answer,
        Err(error) => return protocol(format!("the answer is not JSON: {error}")),
    };
    refused(&answer)?;
    let Some(list) = answer.pointer("/embeddings/float").and_then(Value::as_array) else {
        return protocol("the answer has no `embeddings.float`".to_owned());
    };
    let vectors: Option<Vec<Vec<f32>>> = list.iter().map(vector).collect();
    match vectors {
        None => protocol("the answer's `embeddings.float` hold something that is not a vector".to_owned()),
        Some(vectors) if vectors.len() != inputs => protocol(format!(
            "the answer has {} `embeddings.float` for {inputs} inputs",
            vectors.len()
        )),
        Some(vectors) => Ok((vectors, input_tokens(&answer))),
    }
}

/// As used where that is said, else as billed; see `answer`.
fn input_tokens(answer: &Value) -> Option<u64> {
    let of = |path: &str| count(answer.pointer(path));
    of("/meta/tokens/input_tokens").or_else(|| of("/meta/billed_units/input_tokens"))
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
    fn a_request_says_what_the_vectors_are_for() {
        let inputs = ["a".to_owned(), "图".to_owned()];
        assert_eq!(
            body("embed-v4.0", &inputs, Some(256)).unwrap(),
            concat!(
                r#"{"model":"embed-v4.0","texts":["a","图"],"input_type":"search_document","#,
                r#""embedding_types":["float"],"truncate":"NONE","output_dimension":256}"#
            )
        );
        let many = vec!["a".to_owned(); MAX_INPUTS + 1];
        assert_eq!(body("m", &many, None).unwrap_err().field, "input");
        assert!(body("m", &many[1..], None).is_ok());
    }

    #[test]
    fn vectors_are_read() {
        let read = |meta: &str| {
            let answer = format!(
                r#"{{"id":"x","embeddings":{{"float":[[0.5,-1],[0,1e-3]]}},"texts":["a","b"],"meta":{meta}}}"#
            );
            super::read(answer.as_bytes(), 2).unwrap()
        };
        let vectors = vec![vec![0.5, -1.0], vec![0.0, 0.001]];
        for (meta, tokens) in [
            (r#"{"billed_units":{"input_tokens":8}}"#, Some(8)),
            (
                r#"{"billed_units":{"input_tokens":8},"tokens":{"input_tokens":10.0}}"#,
                Some(10),
            ),
            ("null", None),
        ] {
            assert_eq!(read(meta), (vectors.clone(), tokens), "{meta}");
        }
    }

    #[test]
    fn what_is_not_whole_is_no_answer() {
        for (answer, message) in [
            ("", "the answer is not JSON"),
            (
                r#"{"embeddings":[[1],[2]]}"#,
                "the answer has no `embeddings.float`",
            ),
            (
                r#"{"embeddings":{"float":[[1]]}}"#,
                "the answer has 1 `embeddings.float` for 2 inputs",
            ),
            (
                r#"{"embeddings":{"float":[[1],[]]}}"#,
                "the answer's `embeddings.float`",
            ),
            (
                r#"{"embeddings":{"float":[[1],["x"]]}}"#,
                "the answer's `embeddings.float`",
            ),
            (
                r#"{"embeddings":{"float":[[1],[1e99]]}}"#,
                "the answer's `embeddings.float`",
            ),
        ] {
            let Broken::Protocol(said) = read(answer.as_bytes(), 2).unwrap_err() else {
                panic!("{answer}")
            };
            assert!(said.starts_with(message), "{said}");
        }
        let object = json!({"message": "invalid api token"});
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
