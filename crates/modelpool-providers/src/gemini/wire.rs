//! Gemini as models speak it.

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderName, Uri};
use modelpool_core::Operation;

use super::decoder::GeminiDecoder;
use super::parts::To;
use super::{answer, embed, write};
use crate::framing::Framing;
use crate::model_list::ModelList;
use crate::neutral::embeddings::{Embeddings, ToEmbed};
use crate::neutral::{Answer, Conversation, Untranslatable, Written};
use crate::wire::{Broken, Decoder, Question, Target, Wire};

/// The Gemini API, and Vertex AI.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct GeminiWire {
    /// The address is Vertex AI's, which wants a bearer token, and calls without ids.
    vertex: bool,
}

impl GeminiWire {
    /// For the address a user gave.
    pub(crate) fn of_address(given: &Uri) -> Self {
        let vertex = given
            .host()
            .is_some_and(|host| host.ends_with("aiplatform.googleapis.com"));
        Self { vertex }
    }

    /// Vertex takes API keys too (its express mode), and the Gemini API tokens: so the key's form decides, where
    /// it tells. Keys begin with `AIza` or `AQ.`, access tokens with `ya29.`, tokens that sign themselves with
    /// `eyJ`.
    fn is_token(self, key: &str) -> bool {
        let begins = |beginnings: [&str; 2]| beginnings.iter().any(|beginning| key.starts_with(beginning));
        !begins(["AIza", "AQ."]) && (self.vertex || begins(["ya29.", "eyJ"]))
    }
}

impl Wire for GeminiWire {
    fn base_url(&self, given: &Uri) -> String {
        let scheme = given.scheme_str().unwrap_or("https");
        let authority = given.authority().map_or("", |authority| authority.as_str());
        let path = given.path().trim_end_matches('/');
        let path = path.strip_suffix("/models").unwrap_or(path);
        let path = if path.is_empty() { "/v1beta" } else { path };
        format!("{scheme}://{authority}{path}")
    }

    fn url(&self, base: &str, target: &Target<'_>) -> Result<String, String> {
        let method = match target.operation {
            Operation::Chat if target.stream => "streamGenerateContent?alt=sse",
            Operation::Chat => "generateContent",
            // Vertex AI's way is `:predict`, with another body.
            Operation::Embeddings if self.vertex => {
                return Err("Vertex AI's embeddings are of another wire than Gemini's".to_owned());
            }
            Operation::Embeddings => "batchEmbedContents",
            other => return Err(format!("Gemini's wire has no {}", other.words())),
        };
        let (folder, name) = folder_and_name(target.model);
        Ok(format!("{base}/{folder}/{}:{method}", in_path(name)))
    }

    fn headers(&self, key: Option<&str>) -> Vec<(HeaderName, String)> {
        let shown = key.map(|key| {
            if self.is_token(key) {
                (AUTHORIZATION, format!("Bearer {key}"))
            } else {
                (HeaderName::from_static("x-goog-api-key"), key.to_owned())
            }
        });
        shown.into_iter().collect()
    }

    fn write(&self, conversation: &Conversation, target: &Target<'_>) -> Result<Written, Untranslatable> {
        let to = if self.vertex { To::VertexModel } else { To::Model };
        write::write(conversation, target, to)
    }

    fn read(&self, body: &Bytes) -> Result<Answer, Broken> {
        answer::read(body)
    }

    fn describe(&self, base: &str, model: &str) -> Option<Question> {
        Some(Question::get(format!("{base}/models/{}", in_path(model))))
    }

    fn write_embeddings(&self, asked: &ToEmbed, target: &Target<'_>) -> Result<Written, Untranslatable> {
        let (folder, name) = folder_and_name(target.model);
        embed::body(&format!("{folder}/{name}"), asked)
    }

    fn read_embeddings(&self, body: &Bytes, inputs: usize) -> Result<Embeddings, Broken> {
        embed::read_answer(body, inputs)
    }

    fn most_inputs(&self) -> usize {
        embed::MAX_BATCH
    }

    fn model_list(&self) -> Result<ModelList, &'static str> {
        match self.vertex {
            true => Err("Vertex AI has no list of models at this address"),
            false => Ok(ModelList {
                path: "/models?pageSize=1000",
                list: "models",
                name: "name",
                prefix: "models/",
            }),
        }
    }

    fn framing(&self) -> Framing {
        Framing::Sse
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(GeminiDecoder::default())
    }
}

/// `models/` is how the reference names models; tuned ones stand in a folder of their own.
fn folder_and_name(model: &str) -> (&str, &str) {
    match model.split_once('/') {
        Some((folder @ ("models" | "tunedModels"), name)) => (folder, name),
        _ => ("models", model),
    }
}

/// A name as one step of a path: it must not lead elsewhere.
fn in_path(name: &str) -> String {
    let mut written = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~@".contains(&byte) {
            written.push(char::from(byte));
        } else {
            written.push_str(&format!("%{byte:02X}"));
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(given: &str, model: &str, stream: bool) -> String {
        let uri: Uri = given.parse().unwrap();
        let wire = GeminiWire::of_address(&uri);
        let target = Target {
            operation: Operation::Chat,
            model,
            stream,
        };
        wire.url(&wire.base_url(&uri), &target).unwrap()
    }

    #[test]
    fn addresses() {
        let google = "https://generativelanguage.googleapis.com";
        let vertex = "https://europe-west1-aiplatform.googleapis.com/v1/projects/p/locations/europe-west1/publishers/google";
        for (given, model, stream, expected) in [
            (
                google,
                "gemini-3-flash",
                false,
                format!("{google}/v1beta/models/gemini-3-flash:generateContent"),
            ),
            (
                "https://generativelanguage.googleapis.com/",
                "models/gemini-3-flash",
                true,
                format!("{google}/v1beta/models/gemini-3-flash:streamGenerateContent?alt=sse"),
            ),
            (
                "https://generativelanguage.googleapis.com/v1/models/",
                "tunedModels/mine",
                false,
                format!("{google}/v1/tunedModels/mine:generateContent"),
            ),
            (
                vertex,
                "gemini-2.5-pro",
                true,
                format!("{vertex}/models/gemini-2.5-pro:streamGenerateContent?alt=sse"),
            ),
            (
                "http://localhost:8080/g",
                "../a?b",
                false,
                "http://localhost:8080/g/models/..%2Fa%3Fb:generateContent".into(),
            ),
        ] {
            assert_eq!(url(given, model, stream), expected);
        }
    }

    #[test]
    fn other_operations_are_refused() {
        let target = |operation| Target {
            operation,
            model: "m",
            stream: false,
        };
        let url = |wire: GeminiWire, operation| wire.url("http://a", &target(operation));
        let gemini = GeminiWire::default();
        let expected = "http://a/models/m:batchEmbedContents";
        assert_eq!(url(gemini, Operation::Embeddings).unwrap(), expected);
        assert!(url(GeminiWire { vertex: true }, Operation::Embeddings).is_err());
        for operation in Operation::ALL {
            let has = matches!(operation, Operation::Chat | Operation::Embeddings);
            assert_eq!(url(gemini, operation).is_ok(), has, "{operation:?}");
        }
    }

    #[test]
    fn keys_and_tokens() {
        let wire = GeminiWire::default();
        let vertex = GeminiWire::of_address(&Uri::from_static(
            "https://aiplatform.googleapis.com/v1/publishers/google",
        ));
        for (wire, key, name) in [
            (wire, "AIzaSy", "x-goog-api-key"),
            (wire, "any", "x-goog-api-key"),
            (wire, "ya29.a0", "authorization"),
            (vertex, "any", "authorization"),
            (vertex, "AQ.Ab8", "x-goog-api-key"),
        ] {
            let headers = wire.headers(Some(key));
            let expected = if name == "authorization" {
                format!("Bearer {key}")
            } else {
                key.to_owned()
            };
            assert_eq!(headers, [(HeaderName::from_static(name), expected)]);
        }
        assert!(wire.headers(None).is_empty());
    }
}
