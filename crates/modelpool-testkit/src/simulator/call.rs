//! A request as its endpoint understands it.

use bytes::Bytes;
use serde::Deserialize;

use super::api_error::ApiError;
use super::chat::ChatRequest;
use super::embeddings::EmbeddingsRequest;
use super::endpoint::Endpoint;
use super::images::ImagesRequest;
use super::models;
use super::native::{self, NativeEmbeddings};
use super::passed::Passed;
use super::reply::Reply;
use super::state::{SimulatedModel, State};

/// A request that could be read, borrowing from its body.
pub(super) enum Call<'a> {
    Chat(Box<ChatRequest<'a>>),
    Embeddings(EmbeddingsRequest),
    Images(ImagesRequest),
    Passed(Passed),
    NativeEmbeddings(NativeEmbeddings),
    NativeModels { gemini: bool },
    ListModels,
    Model(String),
}

impl<'a> Call<'a> {
    pub(super) fn parse(
        endpoint: Endpoint,
        path: &'a str,
        base_path: &str,
        body: &'a Bytes,
    ) -> Result<Call<'a>, ApiError> {
        Ok(match endpoint {
            Endpoint::ChatCompletions => Call::Chat(Box::new(ChatRequest::parse(body)?)),
            Endpoint::Embeddings => Call::Embeddings(read_json(body)?),
            Endpoint::Images => Call::Images(read_json(body)?),
            Endpoint::Models => {
                let below = path.strip_prefix(base_path).unwrap_or(path);
                match below.strip_prefix("/models/") {
                    Some(name) => Call::Model(percent_decoded(name)),
                    None => Call::ListModels,
                }
            }
            Endpoint::Completions
            | Endpoint::Moderations
            | Endpoint::Rerank
            | Endpoint::Transcriptions
            | Endpoint::Speech
            | Endpoint::ImageForms => Call::Passed(Passed::parse(endpoint, body)?),
            Endpoint::NativeEmbeddings => Call::NativeEmbeddings(NativeEmbeddings::parse(path, body)?),
            Endpoint::NativeModels => Call::NativeModels {
                gemini: path != "/api/tags",
            },
            Endpoint::Unknown => {
                return Err(ApiError::not_found(format!("Invalid URL ({path})")));
            }
        })
    }

    /// The model it names.
    pub(super) fn model(&self) -> Option<&str> {
        match self {
            Call::Chat(request) => Some(&request.model),
            Call::Embeddings(request) => Some(&request.model),
            Call::Images(request) => Some(request.model()),
            Call::Passed(request) => Some(request.model()),
            Call::NativeEmbeddings(request) => Some(&request.model),
            Call::Model(name) => Some(name),
            Call::ListModels | Call::NativeModels { .. } => None,
        }
    }

    /// The answer when nothing goes wrong; `id` is the number of the request.
    pub(super) fn answer(&self, state: &State, id: u64) -> Result<Reply, ApiError> {
        match self {
            Call::Chat(request) => request.answer(known(state, &request.model)?, id),
            Call::Embeddings(request) => request.answer(known(state, &request.model)?),
            Call::Images(request) => {
                known(state, request.model())?;
                request.answer()
            }
            Call::Passed(request) => request.answer(known(state, request.model())?),
            Call::NativeEmbeddings(request) => request.answer(known(state, &request.model)?),
            Call::NativeModels { gemini } => Ok(native::models(state, *gemini)),
            Call::ListModels => Ok(models::list(state)),
            Call::Model(name) => {
                known(state, name)?;
                Ok(models::one(name))
            }
        }
    }
}

fn known<'a>(state: &'a State, model: &str) -> Result<&'a SimulatedModel, ApiError> {
    state.model(model).ok_or_else(|| ApiError::model_not_found(model))
}

/// A segment of a path as it was meant: clients write the slash of
/// `vendor/model` as `%2F`. What is not a valid escape stays as it is.
pub(super) fn percent_decoded(segment: &str) -> String {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escaped = after.get(..2).filter(|_| first == b'%');
        let decoded = escaped
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(decoded.unwrap_or(first));
        rest = if decoded.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads a body as JSON of some shape, or says what is wrong with it: not JSON
/// at all, a missing field, or a field of the wrong type.
pub(super) fn read_json<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|error| {
        if !error.is_data() {
            return ApiError::unreadable_json();
        }
        let message = error.to_string();
        let missing = message
            .strip_prefix("missing field `")
            .and_then(|rest| rest.split('`').next());
        match missing {
            Some("model") => ApiError::invalid_request("you must provide a model parameter"),
            Some(name) => ApiError::missing_parameter(name),
            None => ApiError::invalid_request(format!("Invalid request: {message}")),
        }
    })
}
