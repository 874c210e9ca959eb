//! Address, headers, and who reads and writes.

use bytes::Bytes;
use http::{HeaderName, Uri};
use modelpool_core::Operation;

use super::{answer, decoder, embed, write};
use crate::framing::Framing;
use crate::model_list::ModelList;
use crate::neutral::embeddings::{Embeddings, ToEmbed};
use crate::neutral::{Answer, Conversation, Untranslatable, Written};
use crate::wire::{Broken, Decoder, Question, Target, Wire, bearer, without_ends};

/// Ends of addresses that users copy, which are not part of the base.
const PATHS: [&str; 4] = ["/v2/chat", "/v2/embed", "/v2/rerank", "/v2"];

/// Cohere's wire.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CohereWire;

impl Wire for CohereWire {
    fn base_url(&self, given: &Uri) -> String {
        without_ends(given, &PATHS)
    }

    fn url(&self, base: &str, target: &Target<'_>) -> Result<String, String> {
        match target.operation {
            Operation::Chat => Ok(format!("{base}/v2/chat")),
            Operation::Embeddings => Ok(format!("{base}/v2/embed")),
            Operation::Rerank => Ok(format!("{base}/v2/rerank")),
            other => Err(format!("Cohere's wire has no {}", other.words())),
        }
    }

    fn headers(&self, key: Option<&str>) -> Vec<(HeaderName, String)> {
        bearer(key)
    }

    fn write(&self, conversation: &Conversation, target: &Target<'_>) -> Result<Written, Untranslatable> {
        write::body(conversation, target)
    }

    fn read(&self, body: &Bytes) -> Result<Answer, Broken> {
        answer::read(body)
    }

    fn describe(&self, base: &str, model: &str) -> Option<Question> {
        Some(Question::get(format!("{base}/v1/models/{model}")))
    }

    fn write_embeddings(&self, asked: &ToEmbed, target: &Target<'_>) -> Result<Written, Untranslatable> {
        embed::body(target.model, asked)
    }

    fn read_embeddings(&self, body: &Bytes, inputs: usize) -> Result<Embeddings, Broken> {
        embed::read(body, inputs)
    }

    fn most_inputs(&self) -> usize {
        embed::MAX_INPUTS
    }

    fn model_list(&self) -> Result<ModelList, &'static str> {
        Ok(ModelList {
            path: "/v1/models?page_size=1000",
            list: "models",
            name: "name",
            prefix: "",
        })
    }

    fn framing(&self) -> Framing {
        Framing::Sse
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::<decoder::StreamEvents>::default()
    }
}

#[cfg(test)]
mod tests {
    use http::header::AUTHORIZATION;

    use super::*;

    #[test]
    fn the_base_is_what_stands_before_the_wire_s_paths() {
        for (given, base) in [
            ("https://api.cohere.com", "https://api.cohere.com"),
            ("https://api.cohere.com/", "https://api.cohere.com"),
            ("https://api.cohere.com/v2/", "https://api.cohere.com"),
            ("https://api.cohere.com/v2/chat", "https://api.cohere.com"),
            ("https://proxy.example/cohere/v2", "https://proxy.example/cohere"),
        ] {
            let given: Uri = given.parse().unwrap();
            assert_eq!(CohereWire.base_url(&given), base, "{given}");
        }
    }

    #[test]
    fn operations_have_addresses_or_are_refused() {
        let url = |operation| {
            let target = Target {
                operation,
                model: "m",
                stream: true,
            };
            CohereWire.url("http://h", &target)
        };
        assert_eq!(url(Operation::Chat).unwrap(), "http://h/v2/chat");
        assert_eq!(url(Operation::Embeddings).unwrap(), "http://h/v2/embed");
        assert!(url(Operation::Images).unwrap_err().ends_with("images"));
        assert_eq!(
            CohereWire.headers(Some("k\n")),
            [(AUTHORIZATION, "Bearer k".to_owned())]
        );
    }
}
