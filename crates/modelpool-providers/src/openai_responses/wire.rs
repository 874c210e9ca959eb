//! The wire.

use bytes::Bytes;
use http::{HeaderName, Uri};
use modelpool_core::Operation;

use super::decoder::ResponsesDecoder;
use super::{answer, write};
use crate::framing::Framing;
use crate::model_list::ModelList;
use crate::neutral::{Answer, Conversation, Untranslatable, Written};
use crate::wire::{Broken, Decoder, Question, Target, Wire, bearer, with_path};

/// OpenAI's Responses: <https://platform.openai.com/docs/api-reference/responses>.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ResponsesWire;

impl Wire for ResponsesWire {
    /// As for chat completions: `/v1` where the path is empty.
    fn base_url(&self, given: &Uri) -> String {
        with_path(given, "/v1")
    }

    fn url(&self, base: &str, target: &Target<'_>) -> Result<String, String> {
        match target.operation {
            Operation::Chat => Ok(format!("{base}/responses")),
            other => Err(format!("the Responses wire has no {}", other.words())),
        }
    }

    fn headers(&self, key: Option<&str>) -> Vec<(HeaderName, String)> {
        bearer(key)
    }

    fn write(&self, conversation: &Conversation, target: &Target<'_>) -> Result<Written, Untranslatable> {
        write::write(conversation, target)
    }

    fn read(&self, body: &Bytes) -> Result<Answer, Broken> {
        answer::read(body)
    }

    fn describe(&self, base: &str, _model: &str) -> Option<Question> {
        Some(Question::get(format!("{base}/models")))
    }

    fn model_list(&self) -> Result<ModelList, &'static str> {
        Ok(ModelList::OPENAI)
    }

    fn framing(&self) -> Framing {
        Framing::Sse
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(ResponsesDecoder::default())
    }
}

#[cfg(test)]
mod tests {
    use http::header::AUTHORIZATION;

    use super::*;

    #[test]
    fn addresses() {
        for (given, expected) in [
            ("https://api.openai.com", "https://api.openai.com/v1/responses"),
            ("https://api.openai.com/", "https://api.openai.com/v1/responses"),
            (
                "https://api.openai.com/v1/",
                "https://api.openai.com/v1/responses",
            ),
            (
                "http://localhost:8000/openai",
                "http://localhost:8000/openai/responses",
            ),
        ] {
            let base = ResponsesWire.base_url(&given.parse().unwrap());
            let target = |operation| Target {
                operation,
                model: "m",
                stream: false,
            };
            assert_eq!(
                ResponsesWire.url(&base, &target(Operation::Chat)).unwrap(),
                expected
            );
            assert!(ResponsesWire.url(&base, &target(Operation::Embeddings)).is_err());
            assert!(ResponsesWire.url(&base, &target(Operation::Images)).is_err());
        }
    }

    #[test]
    fn the_key_is_a_bearer() {
        let headers = ResponsesWire.headers(Some("sk-1"));
        assert!(headers.contains(&(AUTHORIZATION, "Bearer sk-1".to_owned())));
        assert!(
            ResponsesWire
                .headers(None)
                .iter()
                .all(|(name, _)| *name != AUTHORIZATION)
        );
    }
}
