//! Vectors and lists of models over wires other than OpenAI's: the same
//! vectors for the same texts, in each wire's shape.
//!
//! <https://docs.ollama.com/api/embed>, <https://docs.cohere.com/reference/embed>,
//! <https://ai.google.dev/api/embeddings>

use bytes::Bytes;
use serde_json::{Value, json};

use super::api_error::ApiError;
use super::call::{percent_decoded, read_json};
use super::embeddings::embed;
use super::reply::Reply;
use super::state::{SimulatedModel, State};
use super::tokens::estimate;

/// What stands before and after the model in Gemini's paths.
pub(super) const GEMINI: &str = "/v1beta/models/";
pub(super) const GEMINI_BATCH: &str = ":batchEmbedContents";

/// Most texts Cohere and Gemini take at once.
const MOST_OF_COHERE: usize = 96;
const MOST_OF_GEMINI: usize = 100;

#[derive(Clone, Copy, PartialEq)]
enum Wire {
    Ollama,
    Cohere,
    Gemini,
}

/// A request for vectors.
pub(super) struct NativeEmbeddings {
    wire: Wire,
    pub(super) model: String,
    texts: Vec<String>,
    dimensions: Option<u64>,
}

impl NativeEmbeddings {
    pub(super) fn parse(path: &str, body: &Bytes) -> Result<Self, ApiError> {
        let body: Value = read_json(body)?;
        let below = path.strip_prefix(GEMINI);
        let request = match (path, below) {
            (_, Some(below)) => {
                let name = below.strip_suffix(GEMINI_BATCH).unwrap_or(below);
                let requests = body["requests"].as_array().map(Vec::as_slice).unwrap_or_default();
                let text = |request: &Value| text_of(&request["content"]["parts"][0]["text"]);
                NativeEmbeddings {
                    wire: Wire::Gemini,
                    model: percent_decoded(name),
                    texts: requests.iter().filter_map(text).collect(),
                    dimensions: body["requests"][0]["outputDimensionality"].as_u64(),
                }
            }
            ("/api/embed", _) => NativeEmbeddings {
                wire: Wire::Ollama,
                model: text_of(&body["model"]).unwrap_or_default(),
                texts: texts_of(&body["input"]),
                dimensions: body["dimensions"].as_u64(),
            },
            _ => NativeEmbeddings {
                wire: Wire::Cohere,
                model: text_of(&body["model"]).unwrap_or_default(),
                texts: texts_of(&body["texts"]),
                dimensions: body["output_dimension"].as_u64(),
            },
        };
        let most = match request.wire {
            Wire::Ollama => usize::MAX,
            Wire::Cohere => MOST_OF_COHERE,
            Wire::Gemini => MOST_OF_GEMINI,
        };
        match request.texts.len() {
            0 => Err(ApiError::invalid_request("there are no texts to embed")),
            many if many > most => Err(ApiError::invalid_request(format!(
                "at most {most} texts can be in one batch"
            ))),
            _ if request.wire == Wire::Cohere && body["input_type"].is_null() => {
                Err(ApiError::missing_parameter("input_type"))
            }
            _ => Ok(request),
        }
    }

    pub(super) fn answer(&self, model: &SimulatedModel) -> Result<Reply, ApiError> {
        let most = u64::from(model.behaviour.embedding_dimensions);
        let dimensions = usize::try_from(self.dimensions.unwrap_or(most).min(most)).unwrap_or(1);
        let vectors: Vec<Vec<f32>> = self.texts.iter().map(|text| embed(text, dimensions)).collect();
        let tokens: u64 = self.texts.iter().map(|text| estimate(text)).sum();
        Ok(Reply::json(&match self.wire {
            Wire::Ollama => json!({
                "model": self.model, "embeddings": vectors, "prompt_eval_count": tokens,
            }),
            Wire::Cohere => json!({
                "id": "simulated", "texts": self.texts, "embeddings": {"float": vectors},
                "meta": {"billed_units": {"input_tokens": tokens}},
            }),
            Wire::Gemini => {
                let vectors: Vec<Value> = vectors.iter().map(|vector| json!({"values": vector})).collect();
                json!({"embeddings": vectors, "usageMetadata": {"promptTokenCount": tokens}})
            }
        }))
    }
}

fn text_of(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn texts_of(value: &Value) -> Vec<String> {
    match value {
        Value::Array(list) => list.iter().filter_map(text_of).collect(),
        one => text_of(one).into_iter().collect(),
    }
}

/// The list of models in Gemini's shape or Ollama's.
pub(super) fn models(state: &State, gemini: bool) -> Reply {
    let shown = |name: &str| match gemini {
        true => json!({"name": format!("models/{name}"), "displayName": name}),
        false => json!({"name": name, "model": name}),
    };
    let models: Vec<Value> = state.model_names().map(shown).collect();
    Reply::json(&json!({ "models": models }))
}
