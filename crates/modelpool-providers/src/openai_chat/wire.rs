//! Chat completions as models speak them, for requests of another dialect.

use bytes::Bytes;
use http::{HeaderName, Uri};
use modelpool_core::Operation;

use super::decoder::ChatDecoder;
use super::{answer, embed, write};
use crate::framing::Framing;
use crate::model_list::ModelList;
use crate::neutral::embeddings::{Embeddings, ToEmbed};
use crate::neutral::{Answer, Conversation, Untranslatable, Written};
use crate::wire::{Broken, Decoder, Target, Wire, bearer, with_path};

/// The wire, and how the server at hand differs from the others that speak it.
///
/// The default is what nearly all of them take. A server that refuses members it does not know would
/// answer 400 to anything more, so the rest is given by who knows the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChatWire {
    /// Usage at the end of a stream has to be asked for, with `stream_options.include_usage`.
    pub(crate) ask_for_usage: bool,
    /// The member that limits the output is `max_completion_tokens`; OpenAI's own reasoning models
    /// take no other. Else it is `max_tokens`.
    pub(crate) max_completion_tokens: bool,
    /// It takes `top_k`, which OpenAI does not have.
    pub(crate) top_k: bool,
    /// It takes `reasoning_effort`.
    pub(crate) reasoning_effort: bool,
    /// The member of an assistant's message in which it wants earlier reasoning back
    /// (`reasoning_content`, `reasoning`); `None` where it wants none.
    pub(crate) reasoning_member: Option<&'static str>,
    /// It takes Gemini's signatures back in `extra_content` of a call, as Gemini's own endpoint of this wire does;
    /// to others the member is unknown.
    pub(crate) extra_content: bool,
    /// Hints it takes, by their names in this wire.
    pub(crate) hints: &'static [&'static str],
}

impl Default for ChatWire {
    fn default() -> Self {
        Self::COMMON
    }
}

impl ChatWire {
    /// What nearly all servers take.
    pub(crate) const COMMON: ChatWire = ChatWire {
        ask_for_usage: true,
        max_completion_tokens: false,
        top_k: false,
        reasoning_effort: true,
        reasoning_member: None,
        extra_content: false,
        hints: &[],
    };

    /// OpenAI's own: <https://platform.openai.com/docs/api-reference/chat/create>.
    pub(crate) const OPENAI: ChatWire = ChatWire {
        ask_for_usage: true,
        max_completion_tokens: true,
        top_k: false,
        reasoning_effort: true,
        reasoning_member: None,
        extra_content: false,
        hints: &[
            "user",
            "store",
            "metadata",
            "service_tier",
            "logit_bias",
            "prompt_cache_key",
            "safety_identifier",
            "verbosity",
            "prediction",
        ],
    };
}

/// Where an operation stands below the base: <https://platform.openai.com/docs/api-reference>. Reranking is not
/// OpenAI's own; servers of this wire that have it have it there.
pub(super) const fn path_of(operation: Operation) -> &'static str {
    match operation {
        Operation::Chat => "/chat/completions",
        Operation::Embeddings => "/embeddings",
        Operation::Images => "/images/generations",
        Operation::Completions => "/completions",
        Operation::Moderations => "/moderations",
        Operation::Rerank => "/rerank",
        Operation::Transcriptions => "/audio/transcriptions",
        Operation::Translations => "/audio/translations",
        Operation::Speech => "/audio/speech",
        Operation::ImageEdits => "/images/edits",
        Operation::ImageVariations => "/images/variations",
    }
}

impl Wire for ChatWire {
    fn base_url(&self, given: &Uri) -> String {
        with_path(given, "/v1")
    }

    fn url(&self, base: &str, target: &Target<'_>) -> Result<String, String> {
        Ok(format!("{base}{}", path_of(target.operation)))
    }

    fn headers(&self, key: Option<&str>) -> Vec<(HeaderName, String)> {
        bearer(key)
    }

    fn write(&self, conversation: &Conversation, target: &Target<'_>) -> Result<Written, Untranslatable> {
        write::write(self, conversation, target)
    }

    fn read(&self, body: &Bytes) -> Result<Answer, Broken> {
        answer::read(body)
    }

    fn write_embeddings(&self, asked: &ToEmbed, target: &Target<'_>) -> Result<Written, Untranslatable> {
        embed::body(target.model, asked)
    }

    fn read_embeddings(&self, body: &Bytes, inputs: usize) -> Result<Embeddings, Broken> {
        embed::read_answer(body, inputs)
    }

    fn model_list(&self) -> Result<ModelList, &'static str> {
        Ok(ModelList::OPENAI)
    }

    fn framing(&self) -> Framing {
        Framing::Sse
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(ChatDecoder::default())
    }
}

#[cfg(test)]
mod tests {
    use http::header::AUTHORIZATION;

    use super::*;

    #[test]
    fn addresses() {
        let target = |operation| Target {
            operation,
            model: "m",
            stream: false,
        };
        for (given, operation, expected) in [
            (
                "https://a.example",
                Operation::Chat,
                "https://a.example/v1/chat/completions",
            ),
            (
                "http://a:8000/",
                Operation::Embeddings,
                "http://a:8000/v1/embeddings",
            ),
            (
                "https://a/openai/v2/",
                Operation::Images,
                "https://a/openai/v2/images/generations",
            ),
        ] {
            let wire = ChatWire::default();
            let base = wire.base_url(&given.parse().unwrap());
            assert_eq!(wire.url(&base, &target(operation)).unwrap(), expected);
        }
    }

    #[test]
    fn a_key_is_shown_as_a_bearer() {
        let headers = ChatWire::default().headers(Some("sk-1\n"));
        assert_eq!(headers, [(AUTHORIZATION, "Bearer sk-1".to_owned())]);
        assert!(ChatWire::default().headers(None).is_empty());
    }
}
