//! Vectors for texts: `/v2/embed`, <https://docs.cohere.com/reference/embed>.

use bytes::Bytes;
use serde_json::{Value, json};

use super::answer::{count, refused};
use crate::neutral::embeddings::{Embeddings, Inputs, ToEmbed, vectors};
use crate::neutral::{Untranslatable, Written};
use crate::wire::Broken;

/// Most texts of a request.
pub(super) const MAX_INPUTS: usize = 96;

/// The body of a request. Cohere wants to know what the vectors are for, and most callers of other dialects do not
/// say: theirs are taken for documents that are searched. A text that is too long is to be an error, not cut.
pub(super) fn body(model: &str, asked: &ToEmbed) -> Result<Written, Untranslatable> {
    let Inputs::Texts(texts) = &asked.inputs else {
        return Err(Untranslatable::new(
            "input",
            "holds numbers of tokens, and Cohere's wire takes texts",
        ));
    };
    let mut body = json!({
        "model": model,
        "texts": texts,
        "input_type": asked.purpose.as_deref().unwrap_or("search_document"),
        "embedding_types": ["float"],
        "truncate": "NONE",
    });
    if let Some(dimensions) = asked.dimensions {
        body["output_dimension"] = dimensions.into();
    }
    Ok(Written {
        body: Bytes::from(body.to_string()),
        dropped: asked.dropped.clone(),
    })
}

/// The vectors, one for each of so many `inputs`.
pub(super) fn read(body: &[u8], inputs: usize) -> Result<Embeddings, Broken> {
    let answer: Value = serde_json::from_slice(body)
        .map_err(|error| Broken::Protocol(format!("the answer is not JSON: {error}")))?;
    refused(&answer)?;
    let Some(list) = answer.pointer("/embeddings/float").and_then(Value::as_array) else {
        return Err(Broken::Protocol(
            "the answer has no `embeddings.float`".to_owned(),
        ));
    };
    Ok(Embeddings {
        vectors: vectors(list, inputs, "embeddings.float", Some).map_err(Broken::Protocol)?,
        input_tokens: input_tokens(&answer),
    })
}

/// As used where that is said, else as billed; see `answer`.
fn input_tokens(answer: &Value) -> Option<u64> {
    let of = |path: &str| count(answer.pointer(path));
    of("/meta/tokens/input_tokens").or_else(|| of("/meta/billed_units/input_tokens"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_request_says_what_the_vectors_are_for() {
        let asked = |inputs, purpose: Option<&str>| ToEmbed {
            inputs,
            dimensions: Some(256),
            purpose: purpose.map(str::to_owned),
            dropped: Vec::new(),
        };
        let texts = Inputs::Texts(vec!["a".to_owned(), "图".to_owned()]);
        for (purpose, expected) in [(None, "search_document"), (Some("search_query"), "search_query")] {
            let start = r#"{"model":"embed-v4.0","texts":["a","图"],"input_type":""#;
            let rest = r#"","embedding_types":["float"],"truncate":"NONE","output_dimension":256}"#;
            assert_eq!(
                body("embed-v4.0", &asked(texts.clone(), purpose)).unwrap().body,
                format!("{start}{expected}{rest}")
            );
        }
        let tokens = Inputs::Tokens(vec![vec![1]]);
        assert_eq!(body("m", &asked(tokens, None)).unwrap_err().field, "input");
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
            let expected = Embeddings {
                vectors: vectors.clone(),
                input_tokens: tokens,
            };
            assert_eq!(read(meta), expected, "{meta}");
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
