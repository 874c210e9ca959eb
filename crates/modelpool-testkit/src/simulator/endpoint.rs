//! Which request is meant by a method and a path.

use http::Method;
use serde::{Deserialize, Serialize};

use super::api_error::ApiError;
use super::native;

/// The endpoints an OpenAI-compatible upstream has, as far as they are
/// simulated, and those other wires have for vectors and lists of models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// `POST /v1/chat/completions`
    ChatCompletions,
    /// `POST /v1/embeddings`
    Embeddings,
    /// `POST /v1/images/generations`
    Images,
    /// `POST /v1/completions`
    Completions,
    /// `POST /v1/moderations`
    Moderations,
    /// `POST /v1/rerank`, and Cohere's `POST /v2/rerank`
    Rerank,
    /// `POST /v1/audio/transcriptions` and `POST /v1/audio/translations`
    Transcriptions,
    /// `POST /v1/audio/speech`
    Speech,
    /// `POST /v1/images/edits` and `POST /v1/images/variations`
    ImageForms,
    /// Vectors over other wires: Ollama's `POST /api/embed`, Cohere's
    /// `POST /v2/embed`, Gemini's `POST /v1beta/models/{id}:batchEmbedContents`
    NativeEmbeddings,
    /// Lists of models of other wires: Ollama's `GET /api/tags`, Gemini's
    /// `GET /v1beta/models`
    NativeModels,
    /// `GET /v1/models` and `GET /v1/models/{id}`
    Models,
    /// Anything else; the answer is a 404 or a 405.
    Unknown,
}

impl Endpoint {
    /// The endpoint a request is for; the method is looked at later, so that a
    /// fault can hit a request with the wrong one too.
    pub(super) fn of(path: &str, base_path: &str) -> Endpoint {
        match path.strip_prefix(base_path) {
            Some("/chat/completions") => Endpoint::ChatCompletions,
            Some("/embeddings") => Endpoint::Embeddings,
            Some("/images/generations") => Endpoint::Images,
            Some("/models") => Endpoint::Models,
            Some(below) if below.starts_with("/models/") => Endpoint::Models,
            Some("/completions") => Endpoint::Completions,
            Some("/moderations") => Endpoint::Moderations,
            Some("/rerank") => Endpoint::Rerank,
            Some("/audio/transcriptions" | "/audio/translations") => Endpoint::Transcriptions,
            Some("/audio/speech") => Endpoint::Speech,
            Some("/images/edits" | "/images/variations") => Endpoint::ImageForms,
            _ => Endpoint::of_another_wire(path),
        }
    }

    fn of_another_wire(path: &str) -> Endpoint {
        match path {
            "/v2/rerank" => Endpoint::Rerank,
            "/api/embed" | "/v2/embed" => Endpoint::NativeEmbeddings,
            "/api/tags" | "/v1beta/models" => Endpoint::NativeModels,
            _ if path.starts_with(native::GEMINI) && path.ends_with(native::GEMINI_BATCH) => {
                Endpoint::NativeEmbeddings
            }
            _ => Endpoint::Unknown,
        }
    }

    /// Refuses what does not exist and what exists under another method, in
    /// OpenAI's words.
    pub(super) fn check_method(self, method: &Method, path: &str) -> Result<(), ApiError> {
        let wanted = match self {
            Endpoint::Models | Endpoint::NativeModels => Method::GET,
            Endpoint::Unknown => {
                return Err(ApiError::not_found(format!("Invalid URL ({method} {path})")));
            }
            _ => Method::POST,
        };
        if *method == wanted {
            return Ok(());
        }
        Err(ApiError::method_not_allowed(method, path))
    }
}
