//! Vectors for texts: `/api/embed`, <https://docs.ollama.com/api/embed>.

use bytes::Bytes;
use serde_json::{Value, json};

use super::answer::refused;
use crate::neutral::embeddings::{Embeddings, Inputs, ToEmbed, vectors};
use crate::neutral::{Untranslatable, Written};
use crate::wire::Broken;

/// The body of a request. A text that is too long is to be an error: Ollama would cut it without a word.
pub(super) fn body(model: &str, asked: &ToEmbed) -> Result<Written, Untranslatable> {
    let Inputs::Texts(texts) = &asked.inputs else {
        return Err(Untranslatable::new(
            "input",
            "holds numbers of tokens, and Ollama's wire takes texts",
        ));
    };
    let mut body = json!({"model": model, "input": texts, "truncate": false});
    if let Some(dimensions) = asked.dimensions {
        body["dimensions"] = dimensions.into();
    }
    let mut dropped = asked.dropped.clone();
    dropped.extend(asked.purpose.as_ref().map(|_| "input_type".to_owned()));
    Ok(Written {
        body: Bytes::from(body.to_string()),
        dropped,
    })
}

/// The vectors, one for each of so many `inputs`.
pub(super) fn read(body: &[u8], inputs: usize) -> Result<Embeddings, Broken> {
    let answer: Value = serde_json::from_slice(body)
        .map_err(|error| Broken::Protocol(format!("the answer is not JSON: {error}")))?;
    refused(&answer)?;
    let Some(list) = answer.get("embeddings").and_then(Value::as_array) else {
        return Err(Broken::Protocol("the answer has no `embeddings`".to_owned()));
    };
    Ok(Embeddings {
        vectors: vectors(list, inputs, "embeddings", Some).map_err(Broken::Protocol)?,
        input_tokens: answer.get("prompt_eval_count").and_then(Value::as_u64),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_request_says_that_nothing_is_to_be_cut() {
        let asked = |inputs, dimensions, purpose: Option<&str>| ToEmbed {
            inputs,
            dimensions,
            purpose: purpose.map(str::to_owned),
            dropped: vec!["user".to_owned()],
        };
        let texts = Inputs::Texts(vec!["a".to_owned(), "图".to_owned()]);
        let written = body("nomic", &asked(texts.clone(), None, None)).unwrap();
        assert_eq!(
            written.body,
            r#"{"model":"nomic","input":["a","图"],"truncate":false}"#
        );
        assert_eq!(written.dropped, ["user"]);
        let written = body("nomic", &asked(texts, Some(256), Some("search_query"))).unwrap();
        assert_eq!(
            written.body,
            r#"{"model":"nomic","input":["a","图"],"truncate":false,"dimensions":256}"#
        );
        assert_eq!(written.dropped, ["user", "input_type"]);
        let tokens = Inputs::Tokens(vec![vec![1]]);
        assert_eq!(
            body("nomic", &asked(tokens, None, None)).unwrap_err().field,
            "input"
        );
    }

    #[test]
    fn vectors_are_read() {
        let answer = br#"{"model":"m","embeddings":[[0.5,-1],[0,2e-3]],"prompt_eval_count":8}"#;
        let of = |vectors, input_tokens| Embeddings {
            vectors,
            input_tokens,
        };
        let expected = of(vec![vec![0.5, -1.0], vec![0.0, 0.002]], Some(8));
        assert_eq!(read(answer, 2).unwrap(), expected);
        let read = read(br#"{"embeddings":[[1]]}"#, 1).unwrap();
        assert_eq!(read, of(vec![vec![1.0]], None));
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
