//! Which paths are calls, what they ask for, and in which dialect.

use std::borrow::Cow;

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

/// Before the model in Gemini's paths: <https://ai.google.dev/api/generate-content>. Its versions differ in what is
/// new; Google's client for Python asks for `v1` by itself, the one for Node for `v1beta`.
const GEMINI: [&str; 2] = ["/v1beta/models/", "/v1/models/"];

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
        let named = GEMINI.iter().find_map(|before| path.strip_prefix(before))?;
        let (model, action) = named.rsplit_once(':')?;
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
                model: Some(decoded(model).into_owned()),
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

/// A part of a path as it was before `%` stood for bytes that paths cannot hold, or that would part it: clients
/// write a slash within a name as `%2F`. What is no text then stays as it was written.
fn decoded(written: &str) -> Cow<'_, str> {
    if !written.contains('%') {
        return Cow::Borrowed(written);
    }
    let mut bytes = Vec::with_capacity(written.len());
    let mut rest = written.as_bytes();
    while let [first, after @ ..] = rest {
        let byte = if *first == b'%' { hexadecimal(after) } else { None };
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).map_or(Cow::Borrowed(written), Cow::Owned)
}

/// The byte that the first two digits stand for.
fn hexadecimal(digits: &[u8]) -> Option<u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let (high, low) = (digit(digits.first()?)?, digit(digits.get(1)?)?);
    u8::try_from(high * 16 + low).ok()
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
            ("/v1/models/auto:streamGenerateContent", Some(Dialect::Gemini)),
            ("/v1/models/auto", None),
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

    #[test]
    fn models_in_paths_are_decoded() {
        for (written, model) in [
            ("team%2Ffast", "team/fast"),
            ("%E5%BF%AB%20model", "快 model"),
            ("over/team%2ffast", "over/team/fast"),
            ("50%", "50%"),
            ("50%zz", "50%zz"),
            ("%ff", "%ff"),
        ] {
            let endpoint = Endpoint::of(&format!("/v1beta/models/{written}:generateContent"), None).unwrap();
            assert_eq!(endpoint.address.model.as_deref(), Some(model));
        }
    }
}
