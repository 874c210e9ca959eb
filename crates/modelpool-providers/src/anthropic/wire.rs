//! The wire: where requests go, and who reads and writes them.

use bytes::Bytes;
use http::{HeaderName, Uri};
use modelpool_core::Operation;

use super::decoder::MessagesDecoder;
use super::{answer, write};
use crate::framing::Framing;
use crate::model_list::ModelList;
use crate::neutral::{Answer, Conversation, Untranslatable, Written};
use crate::wire::{Broken, Decoder, Question, Target, Wire, without_ends};

/// The only version there is: <https://platform.claude.com/docs/en/api/versioning>.
const VERSION: &str = "2023-06-01";

/// Anthropic's Messages, as models speak it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AnthropicWire;

impl Wire for AnthropicWire {
    /// What comes before `/v1/messages`; a `/v1` at its end is what users of other vendors write.
    fn base_url(&self, given: &Uri) -> String {
        without_ends(given, &["/v1"])
    }

    fn url(&self, base: &str, target: &Target<'_>) -> Result<String, String> {
        match target.operation {
            Operation::Chat => Ok(format!("{base}/v1/messages")),
            other => Err(format!("Anthropic's wire has no {}", other.words())),
        }
    }

    fn headers(&self, key: Option<&str>) -> Vec<(HeaderName, String)> {
        let key = key.map(|key| (HeaderName::from_static("x-api-key"), key.to_owned()));
        let version = (HeaderName::from_static("anthropic-version"), VERSION.to_owned());
        key.into_iter().chain([version]).collect()
    }

    fn write(&self, conversation: &Conversation, target: &Target<'_>) -> Result<Written, Untranslatable> {
        write::write(conversation, target)
    }

    fn read(&self, body: &Bytes) -> Result<Answer, Broken> {
        answer::read(body)
    }

    fn describe(&self, base: &str, model: &str) -> Option<Question> {
        Some(Question::get(format!("{base}/v1/models/{model}")))
    }

    fn model_list(&self) -> Result<ModelList, &'static str> {
        Ok(ModelList {
            path: "/v1/models?limit=1000",
            ..ModelList::OPENAI
        })
    }

    fn framing(&self) -> Framing {
        Framing::Sse
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(MessagesDecoder::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (given, base) in [
            ("https://api.anthropic.com", "https://api.anthropic.com"),
            ("https://api.anthropic.com/", "https://api.anthropic.com"),
            ("https://api.anthropic.com/v1", "https://api.anthropic.com"),
            ("https://api.anthropic.com/v1/", "https://api.anthropic.com"),
            (
                "http://127.0.0.1:8080/anthropic",
                "http://127.0.0.1:8080/anthropic",
            ),
            ("http://host/anthropic/v1", "http://host/anthropic"),
        ] {
            assert_eq!(AnthropicWire.base_url(&given.parse().unwrap()), base, "{given}");
        }
        let target = |operation| Target {
            operation,
            model: "claude-sonnet-4-5",
            stream: true,
        };
        let url = |operation| AnthropicWire.url("https://h/a", &target(operation));
        assert_eq!(url(Operation::Chat).unwrap(), "https://h/a/v1/messages");
        assert!(url(Operation::Embeddings).unwrap_err().contains("embeddings"));
        assert!(url(Operation::Images).is_err());
    }

    #[test]
    fn the_key_has_its_own_header() {
        let headers = AnthropicWire.headers(Some("sk-1"));
        let shown: Vec<_> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(
            shown,
            [("x-api-key", "sk-1"), ("anthropic-version", "2023-06-01")]
        );
        assert_eq!(AnthropicWire.headers(None).len(), 1);
    }
}
