//! Which paths are calls, what they ask for, and in which dialect.

use http::{HeaderMap, HeaderValue, Uri};
use modelpool::{AddressedCall, Dialect, Operation};

use crate::access::GEMINI_KEY;

/// What a path asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// For logs: the path, or its form where it names a model.
    pub(crate) path: &'static str,
    pub(crate) operation: Operation,
    pub(crate) dialect: Dialect,
    /// What the path says of model and stream.
    pub(crate) address: AddressedCall,
    /// A stream is a JSON array and not server-sent events: Gemini's default.
    pub(crate) in_array: bool,
    /// Only the tokens of the request are counted.
    pub(crate) counts_tokens: bool,
}

/// Paths that name no model.
const FIXED: [(&str, Operation, Dialect); 14] = [
    ("/v1/chat/completions", Operation::Chat, Dialect::OpenAiChat),
    ("/v1/embeddings", Operation::Embeddings, Dialect::OpenAiChat),
    ("/v1/images/generations", Operation::Images, Dialect::OpenAiChat),
    ("/v1/images/edits", Operation::ImageEdits, Dialect::OpenAiChat),
    (
        "/v1/images/variations",
        Operation::ImageVariations,
        Dialect::OpenAiChat,
    ),
    (
        "/v1/audio/transcriptions",
        Operation::Transcriptions,
        Dialect::OpenAiChat,
    ),
    (
        "/v1/audio/translations",
        Operation::Translations,
        Dialect::OpenAiChat,
    ),
    ("/v1/audio/speech", Operation::Speech, Dialect::OpenAiChat),
    ("/v1/completions", Operation::Completions, Dialect::OpenAiChat),
    ("/v1/moderations", Operation::Moderations, Dialect::OpenAiChat),
    // Cohere's path too: whose wire the model speaks decides where it goes.
    ("/v1/rerank", Operation::Rerank, Dialect::OpenAiChat),
    ("/v2/rerank", Operation::Rerank, Dialect::OpenAiChat),
    ("/v1/responses", Operation::Chat, Dialect::OpenAiResponses),
    ("/v1/messages", Operation::Chat, Dialect::Anthropic),
];

const COUNT_TOKENS: &str = "/v1/messages/count_tokens";

/// Before the model in Gemini's paths: <https://ai.google.dev/api/generate-content>.
const GEMINI: &str = "/v1beta/models/";

impl Endpoint {
    fn new(path: &'static str, operation: Operation, dialect: Dialect) -> Self {
        Self {
            path,
            operation,
            dialect,
            address: AddressedCall::default(),
            in_array: false,
            counts_tokens: false,
        }
    }

    /// What a path asks for; `None` where it is no call. All of them are POST.
    pub(crate) fn of(path: &str, query: Option<&str>) -> Option<Self> {
        if let Some((path, operation, dialect)) = FIXED.iter().find(|(fixed, ..)| *fixed == path) {
            return Some(Self::new(path, *operation, *dialect));
        }
        if path == COUNT_TOKENS {
            return Some(Self {
                counts_tokens: true,
                ..Self::new(COUNT_TOKENS, Operation::Chat, Dialect::Anthropic)
            });
        }
        let (model, action) = path.strip_prefix(GEMINI)?.rsplit_once(':')?;
        let (path, operation) = match action {
            "generateContent" => ("/v1beta/models/{model}:generateContent", Operation::Chat),
            "streamGenerateContent" => ("/v1beta/models/{model}:streamGenerateContent", Operation::Chat),
            "countTokens" => ("/v1beta/models/{model}:countTokens", Operation::Chat),
            "embedContent" => ("/v1beta/models/{model}:embedContent", Operation::Embeddings),
            "batchEmbedContents" => ("/v1beta/models/{model}:batchEmbedContents", Operation::Embeddings),
            _ => return None,
        };
        let stream = action == "streamGenerateContent";
        let sse = query.is_some_and(|query| query.split('&').any(|pair| pair == "alt=sse"));
        Some(Self {
            address: AddressedCall {
                model: Some(model.to_owned()),
                stream: Some(stream),
            },
            in_array: stream && !sse,
            counts_tokens: action == "countTokens",
            ..Self::new(path, operation, Dialect::Gemini)
        })
    }

    /// A chat in OpenAI's dialect.
    pub(crate) fn chat() -> Self {
        Self::new("/v1/chat/completions", Operation::Chat, Dialect::OpenAiChat)
    }

    /// All fixed paths, for those who list them.
    pub(crate) fn fixed_paths() -> impl Iterator<Item = &'static str> {
        FIXED.iter().map(|(path, ..)| *path).chain([COUNT_TOKENS])
    }
}

/// Puts the key where keys are looked for, if it is in the query of a request, as Gemini's clients may send it.
pub(crate) fn key_to_header(uri: &Uri, headers: &mut HeaderMap) {
    if let Some(key) = key_in_query(uri.query())
        && let Ok(key) = HeaderValue::from_str(key)
    {
        headers.entry(GEMINI_KEY).or_insert(key);
    }
}

fn key_in_query(query: Option<&str>) -> Option<&str> {
    query?.split('&').find_map(|pair| pair.strip_prefix("key="))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_say_what_is_asked_for() {
        let dialect = |path: &str| Endpoint::of(path, None).map(|endpoint| endpoint.dialect);
        for (path, expected) in [
            ("/v1/chat/completions", Some(Dialect::OpenAiChat)),
            ("/v1/responses", Some(Dialect::OpenAiResponses)),
            ("/v1/messages", Some(Dialect::Anthropic)),
            ("/v1/messages/count_tokens", Some(Dialect::Anthropic)),
            ("/v1beta/models/auto:generateContent", Some(Dialect::Gemini)),
            ("/v1beta/models/auto:deleteEverything", None),
            ("/v1beta/models/auto:embedContent", Some(Dialect::Gemini)),
            ("/v1beta/models/auto", None),
            ("/v1/messages/", None),
            ("/v2/rerank", Some(Dialect::OpenAiChat)),
            ("/v2/chat", None),
        ] {
            assert_eq!(dialect(path), expected, "{path}");
        }
        // Each operation has a path.
        for operation in Operation::ALL {
            assert!(
                FIXED.iter().any(|(_, known, _)| *known == operation),
                "{operation:?}"
            );
        }
    }

    #[test]
    fn gemini_s_paths_name_model_and_stream() {
        let path = "/v1beta/models/groq/llama-3:streamGenerateContent";
        let endpoint = Endpoint::of(path, Some("key=k&alt=sse")).unwrap();
        assert_eq!(endpoint.address.model.as_deref(), Some("groq/llama-3"));
        assert_eq!((endpoint.address.stream, endpoint.in_array), (Some(true), false));
        assert!(Endpoint::of(path, None).unwrap().in_array);
        assert_eq!(key_in_query(Some("alt=sse&key=k")), Some("k"));
        assert_eq!(key_in_query(Some("alt=sse")), None);
    }
}
